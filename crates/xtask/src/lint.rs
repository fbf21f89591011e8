//! `cargo xtask lint`: formatting, lints, documentation, layers, rules.

use std::collections::BTreeSet;

use crate::compat_versions;
use crate::firmware;
use crate::layers;
use crate::published::{self, COMPILES_OPENSSL};
use crate::rules;
use crate::shell::{Outcome, cargo, run as run_command};

/// The packages whose features bring code, TLS above all.
const ADAPTERS: [&str; 2] = ["fullduplex-std", "fullduplex-tokio"];

/// The same with the packages for compatibility. By their folders, for the registry has packages with the same names,
/// which are in our tests.
const FOLDERS: [&str; 4] =
    ["fullduplex-std", "fullduplex-tokio", "compat/tungstenite", "compat/tokio-tungstenite"];

/// Checks the source without running it.
pub(crate) fn run() -> Outcome {
    run_command(&mut cargo("fmt --all --check"))?;
    // The libraries that we are compared with would take longer than all the rest: `benches/peers`, `benches/echo` and
    // `conformance/peers/rust` are formatted with the others, and linted by hand.
    let rest = "--workspace --exclude fullduplex-bench-peers --exclude fullduplex-bench-echo \
                --exclude fullduplex-conformance-peers";
    run_command(&mut cargo(&format!("clippy {rest} --all-targets -- -D warnings")))?;
    run_command(
        cargo("doc -p fullduplex-conformance --no-deps").env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    // Of the same packages, for then nearly all that these stand on is compiled already; with the features that the
    // core and the benches have of these names. The conformance suite has none of them.
    let all = format!("{rest} --exclude fullduplex-conformance --features {}", adapter_features()?);
    run_command(&mut cargo(&format!("clippy {all} --all-targets -- -D warnings")))?;
    run_command(cargo(&format!("doc {all} --no-deps")).env("RUSTDOCFLAGS", "-D warnings"))?;
    run_command(&mut cargo("clippy -p fullduplex --no-default-features -- -D warnings"))?;
    for features in ["alloc", "deflate", "url"] {
        let clippy = format!("clippy -p fullduplex --no-default-features --features {features}");
        run_command(&mut cargo(&format!("{clippy} -- -D warnings")))?;
    }
    for folder in FOLDERS {
        let clippy = format!("clippy --manifest-path crates/{folder}/Cargo.toml");
        run_command(&mut cargo(&format!("{clippy} --no-default-features -- -D warnings")))?;
        if folder.starts_with("compat") {
            // What they compile with rustls alone is not the same as with both.
            let features = "--features rustls-tls-webpki-roots --all-targets";
            run_command(&mut cargo(&format!("{clippy} {features} -- -D warnings")))?;
        }
    }
    lint_images()?;
    compat_versions::check()?;
    layers::run()?;
    rules::run(&rules::Options::default())
}

/// The images for a microcontroller, which are a workspace of their own.
fn lint_images() -> Outcome {
    firmware::add_target(firmware::TARGET)?;
    let manifest = "--manifest-path crates/embedded/Cargo.toml";
    run_command(&mut cargo(&format!("fmt {manifest} --all --check")))?;
    let clippy = format!("clippy {manifest} --target {}", firmware::TARGET);
    run_command(&mut cargo(&format!("{clippy} --workspace -- -D warnings")))?;
    let all = "--features debug,deflate,seeded-panic";
    run_command(&mut cargo(&format!("{clippy} -p image-operations {all} -- -D warnings")))
}

/// Every feature of the adapters but [`COMPILES_OPENSSL`], so that a new one is linted from its first day. With commas
/// between them, and without the package before each: both adapters are dependencies of their own tests, and those would be
/// meant.
fn adapter_features() -> Outcome<String> {
    let mut all = BTreeSet::new();
    for adapter in ADAPTERS {
        all.extend(published::package(adapter)?.features);
    }
    all.remove(COMPILES_OPENSSL);
    Ok(Vec::from_iter(all).join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_features_are_linted_but_one() {
        let features = adapter_features().unwrap();
        let features: Vec<&str> = features.split(',').collect();
        for feature in ["deflate", "hyper", "native-tls", "platform-verifier", "tls-aws-lc-rs"] {
            assert!(features.contains(&feature), "{features:?}");
        }
        assert!(!features.contains(&COMPILES_OPENSSL));
    }
}
