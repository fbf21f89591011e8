//! Has the sources of the adapters use loom's types.

fn main() {
    println!("cargo::rustc-cfg=fullduplex_loom");
}
