//! How a command ends.

#[cfg(unix)]
use tokio::signal::unix::{SignalKind, signal};

/// The result of a command.
pub(super) enum End {
    /// Every verdict is as expected.
    AsExpected,
    /// A verdict is not as expected.
    Different,
}

/// Why a command could not be completed, as a text for the user.
pub(super) struct Failure(pub(super) String);

impl Failure {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Waits for Ctrl-C, or for the signal with which `docker stop` and CI systems end a program.
pub(super) async fn interrupted() {
    #[cfg(unix)]
    if let Ok(mut terminated) = signal(SignalKind::terminate()) {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated.recv() => {}
        }
        return;
    }
    let _ = tokio::signal::ctrl_c().await;
}
