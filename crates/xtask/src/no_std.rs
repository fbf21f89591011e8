//! `cargo xtask no-std`: builds the core for a machine without an operating system. A use of `std`,
//! by us or by a dependency, does not compile there.

use crate::firmware::{TARGET, add_target};
use crate::shell::{Outcome, cargo, run as run_command};

/// The sets of features that work without `std`.
const FEATURES: [&str; 4] = ["", "--features alloc", "--features deflate", "--features url"];

/// Builds the core without `std`: for bare metal, or if that is not possible for this machine.
pub(crate) fn run() -> Outcome {
    if let Err(reason) = add_target(TARGET) {
        println!("no-std: {reason}");
        println!(
            "no-std: the target {TARGET} cannot be installed, so NOTHING WAS BUILT FOR BARE METAL;"
        );
        println!("no-std: builds for this machine do not notice a dependency that uses std");
        return FEATURES.iter().try_for_each(|features| build(features));
    }
    for features in FEATURES {
        build(&format!("{features} --target {TARGET}"))?;
    }
    Ok(())
}

fn build(options: &str) -> Outcome {
    run_command(&mut cargo(&format!("build -p fullduplex --no-default-features {options}")))
}
