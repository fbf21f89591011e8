//! Runs a plan on its own thread, so that the core's pools are empty at the beginning, a panic ends only this run, and a
//! call that does not return is noticed.

use std::panic;
use std::sync::Once;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::core_world;
use crate::coverage::Coverage;
use crate::plan::{Broken, Invariant, Kept, Plan, World, words_of};
use crate::std_world;
use crate::tokio_world;

/// How long a run may take. Most take a millisecond.
const PATIENCE: Duration = Duration::from_secs(60);

const THREAD: &str = "simulated";

/// Runs a plan.
///
/// # Errors
/// The invariant that was broken first.
pub fn run(plan: &Plan) -> Kept<Coverage> {
    silence();
    let (tell, hear) = channel();
    let copy = plan.clone();
    let thread = thread::Builder::new().name(THREAD.into()).spawn(move || {
        let mut coverage = Coverage::default();
        let kept = match copy.setup.world {
            World::Core => core_world::run(&copy, &mut coverage),
            World::Tokio => tokio_world::run(&copy, &mut coverage),
            World::Std => std_world::run(&copy, &mut coverage),
        };
        // The caller is waiting for it, unless it has given up.
        let _ = tell.send(kept.map(|()| coverage));
    });
    let thread = match thread {
        Ok(thread) => thread,
        Err(error) => return Err(Broken::new(Invariant::Hang, format!("no thread: {error}"))),
    };
    match hear.recv_timeout(PATIENCE) {
        Ok(kept) => {
            // The thread's pools are freed before the next run.
            let _ = thread.join();
            kept
        }
        Err(RecvTimeoutError::Timeout) => {
            Err(Broken::new(Invariant::Hang, "a call has not returned"))
        }
        Err(RecvTimeoutError::Disconnected) => {
            let what = match thread.join() {
                Ok(()) => "the thread has ended".into(),
                Err(panic) => words_of(&*panic),
            };
            Err(Broken::new(Invariant::Panic, what))
        }
    }
}

/// Prints no message for a panic of a run, because its result reports it.
fn silence() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if thread::current().name() != Some(THREAD) {
                before(info);
            }
        }));
    });
}
