//! How a target checks: every check names its oracle, and every oracle has a fault that it must find.

use std::cell::Cell;
use std::env;
use std::fmt::{Debug, Display};
use std::panic;
use std::sync::{Once, OnceLock};

use crate::Oracle;

/// The environment variable that names the oracle whose fault is put in.
const VARIABLE: &str = "FULLDUPLEX_FUZZ_FAULT";

thread_local! {
    /// The oracle that is judging, while it calls code that panics by itself.
    static JUDGING: Cell<Option<Oracle>> = const { Cell::new(None) };
}

impl Oracle {
    /// Whether this oracle's fault is put in. It is put between the code under test and the oracle.
    ///
    /// # Panics
    /// When the environment names an oracle that does not exist.
    #[must_use]
    pub fn faulty(self) -> bool {
        static ACTIVE: OnceLock<Option<Oracle>> = OnceLock::new();
        let active = ACTIVE.get_or_init(|| {
            let name = env::var(VARIABLE).ok()?;
            let found = Self::ALL.iter().find(|oracle| oracle.name() == name);
            Some(*found.unwrap_or_else(|| panic!("{VARIABLE}: there is no oracle `{name}`")))
        });
        *active == Some(self)
    }

    /// Crashes unless `holds`, with what was `found` in the message.
    #[track_caller]
    pub fn holds(self, holds: bool, found: impl Display) {
        if !holds {
            self.fails(found);
        }
    }

    /// Crashes unless both are the same.
    #[track_caller]
    pub fn same<L: PartialEq<R> + Debug, R: Debug>(self, left: L, right: R) {
        if left != right {
            self.fails(format_args!("{left:?} is not {right:?}"));
        }
    }

    /// The value, or a crash.
    #[track_caller]
    pub fn ok<T, E: Debug>(self, result: Result<T, E>) -> T {
        result.unwrap_or_else(|error| self.fails(format_args!("{error:?}")))
    }

    /// The value, or a crash.
    #[track_caller]
    pub fn some<T>(self, option: Option<T>) -> T {
        option.unwrap_or_else(|| self.fails("there is none"))
    }

    /// Calls a judge that panics by itself. The message of the crash then names this oracle as well.
    pub fn judges<T>(self, judge: impl FnOnce() -> T) -> T {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let then = panic::take_hook();
            panic::set_hook(Box::new(move |panicked| {
                if let Some(oracle) = JUDGING.get() {
                    eprintln!("{}", oracle.verdict());
                }
                then(panicked);
            }));
        });
        JUDGING.set(Some(self));
        let judged = judge();
        JUDGING.set(None);
        judged
    }

    #[track_caller]
    fn fails(self, found: impl Display) -> ! {
        panic!("{}: {found}", self.verdict())
    }
}
