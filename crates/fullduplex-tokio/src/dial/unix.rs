//! Unix sockets.

use std::path::PathBuf;

use tokio::net::UnixStream;

use super::target::{Dial, Target, until};
use crate::error::DialError;

/// Connects to a Unix socket, whatever the URL's host. The URL still says what is asked for: its host is in the `Host`
/// header and, for `wss`, the name that the certificate has to be for.
///
/// ```no_run
/// use fullduplex_tokio::{ConnectOptions, UnixDial, connect_with};
///
/// # async fn client() -> Result<(), fullduplex_tokio::Error> {
/// let options = ConnectOptions::new().dial(UnixDial::new("/run/chat.sock"));
/// let (socket, _response) = connect_with("ws://localhost/chat", &options).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UnixDial {
    /// The socket's path.
    pub path: PathBuf,
}

impl UnixDial {
    /// A dial for the socket at `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

impl Dial for UnixDial {
    type Stream = UnixStream;

    async fn dial(&self, target: Target<'_>) -> Result<UnixStream, DialError> {
        match until(target.deadline, UnixStream::connect(&self.path)).await {
            Some(Ok(stream)) => Ok(stream),
            Some(Err(error)) => Err(DialError::Path { path: self.path.clone(), error }),
            None => Err(DialError::TimedOut),
        }
    }
}
