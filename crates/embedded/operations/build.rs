//! Tells the linker how to link the image.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // This image is never run, so it needs no vector table and no addresses of a chip.
    println!("cargo::rustc-link-arg=--entry=start");
    // The relocations stay in the file, so that the callers of a function can be found without decoding instructions.
    println!("cargo::rustc-link-arg=--emit-relocs");
}
