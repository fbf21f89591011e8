//! Makes the adapters' sources use loom's types.

fn main() {
    println!("cargo::rustc-cfg=fullduplex_loom");
}
