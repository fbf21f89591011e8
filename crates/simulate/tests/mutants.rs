//! Each oracle can fail: each mutant breaks the invariant that it is meant to break, and shrinks to a few steps that break
//! nothing without the mutant.

use fullduplex_simulate::{Invariant, Mutant, Plan, Setup, World, generate, run, shrink};

/// Each mutant must be noticed within this many runs.
const RUNS: u64 = 300;

/// What a mutant breaks.
fn breaks(mutant: Mutant) -> &'static [Invariant] {
    use Invariant::{Close, Deadline, Failure, Memory, Order, Panic, Progress, Wire};
    match mutant {
        // What the receiver notices depends on where the byte was.
        Mutant::DropByte | Mutant::FlipByte => &[Order, Failure, Progress],
        Mutant::HoldByte => &[Progress],
        Mutant::SwapMessages | Mutant::LoseMessage => &[Order],
        Mutant::DuplicateClose | Mutant::WrongCloseCode => &[Close],
        // If something else is written instead, the application's own Pong is missing.
        Mutant::ForgetPong => &[Progress, Wire],
        Mutant::LateTimer => &[Deadline],
        Mutant::Leak | Mutant::Hoard => &[Memory],
        Mutant::Panic => &[Panic],
        Mutant::SpuriousError => &[Failure],
    }
}

fn each_is_seen(world: World) {
    // Nothing can be late without a virtual clock.
    let has_clock = world != World::Std;
    for mutant in Mutant::ALL.into_iter().filter(|mutant| has_clock || *mutant != Mutant::LateTimer)
    {
        let found = (0..RUNS).find_map(|seed| {
            let mut plan = generate::plan(world, seed);
            plan.setup.mutant = Some(mutant);
            run(&plan).err().map(|broken| (plan, broken))
        });
        let Some((plan, broken)) = found else { panic!("{mutant:?} breaks nothing in {world:?}") };
        let long = plan.steps.len();
        let found = shrink(plan, broken);
        println!(
            "{world:?} {mutant:?}: {long} steps shrunk to {} in {} runs\n{}\n{}",
            found.plan.steps.len(),
            found.runs,
            found.broken,
            found.as_test()
        );
        let invariant = found.broken.invariant;
        assert!(breaks(mutant).contains(&invariant), "{mutant:?}: {}", found.broken);
        assert!(found.plan.steps.len() <= 8, "{mutant:?}: {}", found.as_test());
        let setup = Setup { mutant: None, ..found.plan.setup };
        let without = run(&Plan { setup, ..found.plan.clone() });
        assert!(without.is_ok(), "{mutant:?} is not to blame: {without:?}");
    }
}

#[test]
fn each_mutant_is_seen_in_the_core() {
    each_is_seen(World::Core);
}

#[test]
fn each_mutant_is_seen_over_tokio() {
    each_is_seen(World::Tokio);
}

#[test]
fn each_mutant_is_seen_over_blocking_streams() {
    each_is_seen(World::Std);
}
