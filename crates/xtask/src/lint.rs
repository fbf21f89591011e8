//! `cargo xtask lint`: formatting, lints, documentation, layers, rules.

use std::collections::BTreeSet;

use crate::compat_versions;
use crate::firmware;
use crate::layers;
use crate::published::{self, COMPILES_OPENSSL};
use crate::rules;
use crate::shell::{Outcome, cargo, run as run_command};

/// The packages whose features add code, TLS above all.
const ADAPTERS: [&str; 2] = ["fullduplex-std", "fullduplex-tokio"];

/// The same and the compatibility packages. They are given as folders, because the registry has packages with the same
/// names, which our tests use.
const FOLDERS: [&str; 4] =
    ["fullduplex-std", "fullduplex-tokio", "compat/tungstenite", "compat/tokio-tungstenite"];

/// Checks the source without running it.
pub(crate) fn run() -> Outcome {
    run_command(&mut cargo("fmt --all --check"))?;
    // The libraries for comparison would take longer than everything else: `benches/peers`, `benches/echo` and
    // `conformance/peers/rust` are formatted with the others, but linted by hand.
    let rest = "--workspace --exclude fullduplex-bench-peers --exclude fullduplex-bench-echo \
                --exclude fullduplex-conformance-peers";
    run_command(&mut cargo(&format!("clippy {rest} --all-targets -- -D warnings")))?;
    run_command(
        cargo("doc -p fullduplex-conformance --no-deps").env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    // The same packages with all features: nearly all of their dependencies are compiled already. The core and the benches
    // have features with some of these names. The conformance suite has none of them.
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
            // With rustls alone, other code is compiled than with both TLS libraries.
            let features = "--features rustls-tls-webpki-roots --all-targets";
            run_command(&mut cargo(&format!("{clippy} {features} -- -D warnings")))?;
        }
    }
    lint_images()?;
    compat_versions::check()?;
    layers::run()?;
    rules::run(&rules::Options::default())
}

/// The images for a microcontroller, which are in a separate workspace.
fn lint_images() -> Outcome {
    firmware::add_target(firmware::TARGET)?;
    let manifest = "--manifest-path crates/embedded/Cargo.toml";
    run_command(&mut cargo(&format!("fmt {manifest} --all --check")))?;
    let clippy = format!("clippy {manifest} --target {}", firmware::TARGET);
    run_command(&mut cargo(&format!("{clippy} --workspace -- -D warnings")))?;
    let all = "--features debug,deflate,seeded-panic";
    run_command(&mut cargo(&format!("{clippy} -p image-operations {all} -- -D warnings")))
}

/// Every feature of the adapters except [`COMPILES_OPENSSL`], so that a new one is linted automatically. They are separated
/// by commas, without the package before each, because a name with a package would mean the adapter as a dependency of its
/// own tests.
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
