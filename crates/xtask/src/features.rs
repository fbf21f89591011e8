//! `cargo xtask features`: compiles the libraries with each feature alone and with each pair of them, warnings denied.
//!
//! A simple loop is enough: if a pair of features is equivalent to one of them, cargo has nothing to compile. The same holds
//! for sets that `lint` has already checked in the same target folder.

use std::collections::BTreeSet;

use crate::published::{self, COMPILES_OPENSSL};
use crate::shell::{Outcome, cargo, run as run_command};

/// For each library, the features that affect each other, and are therefore tried in pairs; for the core, all of them. The
/// other features of the adapters only add roots or a provider to rustls, and are tried alone.
const PAIRS: [(&str, &[&str]); 3] = [
    ("fullduplex", &["alloc", "deflate", "simd", "std", "url"]),
    ("fullduplex-std", &["deflate", "simd", "tls", "url"]),
    (
        "fullduplex-tokio",
        &[
            "connect",
            "counters",
            "deflate",
            "http2",
            "hyper",
            "native-tls",
            "simd",
            "tls",
            "tracing",
            "url",
        ],
    ),
];

/// Compiles the sets.
pub(crate) fn run() -> Outcome {
    for (library, pairs) in PAIRS {
        let sets = sets(&published::package(library)?.features, pairs);
        for set in &sets {
            let line = format!("clippy -p {library} --no-default-features --features={set}");
            run_command(&mut cargo(&format!("{line} -- -D warnings")))?;
        }
        println!("features: {library} in {} sets of features", sets.len());
    }
    Ok(())
}

/// No feature, each feature alone, and each pair of `pairs`, separated by commas.
fn sets(features: &BTreeSet<String>, pairs: &[&str]) -> BTreeSet<String> {
    let alone = features.iter().filter(|feature| *feature != COMPILES_OPENSSL);
    let mut sets: BTreeSet<String> = alone.cloned().chain([String::new()]).collect();
    for (at, one) in pairs.iter().enumerate() {
        sets.extend(pairs.iter().skip(at + 1).map(|other| format!("{one},{other}")));
    }
    sets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_nothing_each_feature_and_each_pair_but_that_which_compiles_openssl() {
        let features = ["a", "b", "c", COMPILES_OPENSSL].map(String::from).into();
        let sets = Vec::from_iter(sets(&features, &["a", "b"]));
        assert_eq!(sets, ["", "a", "a,b", "b", "c"]);
    }

    #[test]
    fn what_is_tried_in_pairs_are_features() {
        for (library, pairs) in PAIRS {
            let features = published::package(library).unwrap().features;
            for feature in pairs {
                assert!(features.contains(*feature), "{library}: {feature}");
            }
        }
    }

    #[test]
    fn every_feature_of_the_core_is_tried_with_every_other_one() {
        let mut features = published::package("fullduplex").unwrap().features;
        features.remove("default");
        assert!(PAIRS[0].1.iter().eq(&features), "{features:?}");
    }
}
