//! Says which version the sources are compiled as: `before_0_30` and so on are set in the versions before that.

fn main() {
    let minor = std::env::var("CARGO_PKG_VERSION_MINOR").ok().and_then(|minor| minor.parse().ok());
    for version in [27, 28, 30] {
        println!("cargo::rustc-check-cfg=cfg(before_0_{version})");
        if minor.is_some_and(|minor: u32| minor < version) {
            println!("cargo::rustc-cfg=before_0_{version}");
        }
    }
}
