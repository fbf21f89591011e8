//! How the program ends: with the terminal as it was before.

pub(crate) use terminal::{keep, restore};

/// Ends the program at once: the thread that reads the terminal may wait for a line for ever.
pub(crate) fn exit(code: i32) -> ! {
    restore();
    std::process::exit(code)
}

#[cfg(unix)]
mod terminal {
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

    static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

    /// Remembers the terminal's settings for [`restore`].
    pub(crate) fn keep() {
        *before() = tcgetattr(std::io::stdin()).ok();
    }

    /// Gives the terminal back as it was, on a new line: the thread that edits lines may be in the middle of one. Later
    /// calls do nothing.
    pub(crate) fn restore() {
        if let Some(settings) = before().take() {
            // There is nobody left to tell.
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Drain, &settings);
            eprintln!();
        }
    }

    fn before() -> MutexGuard<'static, Option<Termios>> {
        BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(not(unix))]
mod terminal {
    pub(crate) fn keep() {}

    pub(crate) fn restore() {}
}
