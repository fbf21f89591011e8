//! A simulation of fullduplex: two ends of each connection, a network that fails, a virtual clock, and applications that do
//! anything, all from one seed. After every step, oracles that share no code with the crates under test check invariants.
//!
//! * [`plan`](generate::plan) makes a [`Plan`] from a seed, [`run`] runs it, [`shrink`] makes a plan that breaks an
//!   invariant as short as possible, and [`replay`] runs one that was written down.
//! * The invariants are the variants of [`Invariant`]. Each [`Mutant`] breaks one, which shows that the check can fail.

mod between;
mod content;
mod core_world;
mod coverage;
mod flow;
pub mod generate;
mod memory;
mod pipe;
mod plan;
mod run;
mod shrink;
mod std_world;
mod timers;
mod tokio_world;
mod watch;

pub use coverage::Coverage;
pub use plan::{
    Act, Broken, Deflate, How, Invariant, Kept, Kind, Mutant, Net, Plan, Settings, Setup, Side,
    Step, Take, World,
};
pub use run::run;
pub use shrink::{Found, shrink};

/// Runs steps that were written down.
///
/// # Errors
/// The invariant that was broken first.
pub fn replay(setup: &Setup, steps: &[Step]) -> Kept<Coverage> {
    run(&Plan { setup: *setup, steps: steps.to_vec() })
}
