//! When the process is asked to end.

use std::io;

/// Waits until the process is asked to end: by Ctrl-C, or by SIGTERM, which systemd, docker and Kubernetes send. Then call
/// [`Gate::close`](crate::Gate::close).
///
/// From its first poll on, these signals no longer end the process by themselves. One that comes while nothing waits is lost.
///
/// # Errors
/// The system refuses to tell of signals.
pub async fn asked_to_end() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminated.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
