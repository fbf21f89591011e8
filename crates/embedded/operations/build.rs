//! How the image is linked.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Nothing runs this image, so it needs no vector table and no addresses of a chip.
    println!("cargo::rustc-link-arg=--entry=start");
    // The places where functions are named stay in the file, so that a caller can be found without reading instructions.
    println!("cargo::rustc-link-arg=--emit-relocs");
}
