//! Tells the linker where the board's memory layout is.

fn main() {
    println!("cargo::rerun-if-changed=memory.x");
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo::rustc-link-search={folder}");
}
