//! Sets `before_0_30`, and the same for other versions, if this package has an older version.

fn main() {
    let minor = std::env::var("CARGO_PKG_VERSION_MINOR").ok().and_then(|minor| minor.parse().ok());
    for version in [27, 28, 30] {
        println!("cargo::rustc-check-cfg=cfg(before_0_{version})");
        if minor.is_some_and(|minor: u32| minor < version) {
            println!("cargo::rustc-cfg=before_0_{version}");
        }
    }
}
