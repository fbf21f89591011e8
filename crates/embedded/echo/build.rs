//! Tells the linker how to link the image.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // The board's memory, and the layout of a Cortex-M program.
    println!("cargo::rustc-link-arg=-Tlink.x");
}
