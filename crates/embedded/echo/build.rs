//! How the image is linked.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // The board's memory, and the layout of a program for a Cortex-M.
    println!("cargo::rustc-link-arg=-Tlink.x");
}
