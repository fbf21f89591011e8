//! Has errors compiled as tungstenite had them before 0.28: without boxes around the large ones.

fn main() {
    println!("cargo::rustc-cfg=unboxed_errors");
}
