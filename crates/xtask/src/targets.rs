//! `cargo xtask targets`: the core's tests on machines of other kinds: one with 32 bits, and one with big-endian byte order.
//!
//! They are compiled with Debian's cross compilers and run by QEMU, which only emulates the processor. This takes minutes,
//! so `cargo xtask ci` leaves it out.

use clap::Args;

use crate::firmware::add_target;
use crate::shell::{Outcome, cargo, command, fail, run as run_command, succeeds};

/// How many inputs each property is tried with: an emulated processor is about ten times slower.
const PROPERTY_CASES: &str = "16";

/// Options of `cargo xtask targets`.
#[derive(Args)]
pub(crate) struct Options {
    /// Only targets whose names begin with this
    #[arg(long, default_value = "")]
    target: String,
}

/// A machine of another kind.
struct Machine {
    target: &'static str,
    /// The name in Debian's packages and programs.
    triple: &'static str,
    about: &'static str,
    emulator: &'static str,
    packages: &'static str,
}

const MACHINES: [Machine; 2] = [
    Machine {
        target: "i686-unknown-linux-gnu",
        triple: "i686-linux-gnu",
        about: "32 bits",
        emulator: "qemu-i386",
        packages: "gcc-i686-linux-gnu libc6-dev-i386-cross qemu-user",
    },
    Machine {
        target: "s390x-unknown-linux-gnu",
        triple: "s390x-linux-gnu",
        about: "the most significant byte first",
        emulator: "qemu-s390x",
        packages: "gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user",
    },
];

/// Runs the core's tests on each machine.
pub(crate) fn run(options: &Options) -> Outcome {
    let chosen: Vec<&Machine> =
        MACHINES.iter().filter(|machine| machine.target.starts_with(&options.target)).collect();
    if chosen.is_empty() {
        return fail(format!("there is no target whose name begins with `{}`", options.target));
    }
    for machine in chosen {
        println!("targets: {}: {}", machine.target, machine.about);
        test_on(machine)?;
    }
    Ok(())
}

fn test_on(machine: &Machine) -> Outcome {
    let Machine { target, triple, emulator, packages, .. } = machine;
    let linker = format!("{triple}-gcc");
    for program in [&linker, *emulator] {
        if !succeeds(command(program).arg("--version")) {
            return fail(format!("{program} cannot be run; on Debian: apt-get install {packages}"));
        }
    }
    add_target(target)?;
    let variable = format!("CARGO_TARGET_{}", target.to_uppercase().replace('-', "_"));
    // With optimisation, because emulation is slow.
    let line = "test -p fullduplex --features deflate --lib --tests --release --target";
    run_command(
        cargo(line)
            .arg(target)
            .env(format!("{variable}_LINKER"), &linker)
            .env(format!("{variable}_RUNNER"), format!("{emulator} -L /usr/{triple}"))
            .env("PROPTEST_CASES", PROPERTY_CASES),
    )
}
