//! The trait for types that open streams to servers, and the target that they get.

use std::future::Future;

use fullduplex::Uri;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use crate::error::DialError;

/// Opens a stream to a server. The default is TCP, [`TcpDial`](crate::TcpDial). Implement it to connect over a
/// transport or a pool of your own, and pass it to [`ConnectOptions::dial`](crate::ConnectOptions::dial).
///
/// ```
/// use fullduplex_tokio::{Dial, DialError, Target};
/// use tokio::io::DuplexStream;
///
/// /// Connects to a server in this process, whatever the host.
/// struct InProcess(tokio::sync::mpsc::Sender<DuplexStream>);
///
/// impl Dial for InProcess {
///     type Stream = DuplexStream;
///
///     async fn dial(&self, _target: Target<'_>) -> Result<DuplexStream, DialError> {
///         let (near, far) = tokio::io::duplex(64 << 10);
///         self.0.send(far).await.map_err(std::io::Error::other)?;
///         Ok(near)
///     }
/// }
/// ```
pub trait Dial {
    /// The stream. For `wss`, TLS is added over it. If the stream buffers what is written to it, it must write its buffer
    /// before it waits for input, because a SOCKS5 proxy is asked without a flush.
    type Stream: AsyncRead + AsyncWrite + Unpin;

    /// Opens a stream to `target`, until its deadline.
    ///
    /// [`connect_with`](crate::connect_with) gives up a dial that goes on after the deadline. Its error then cannot say
    /// what the dial was waiting for, so a dial should end by itself.
    ///
    /// # Errors
    /// When the server cannot be reached in time. An [`io::Error`](std::io::Error) becomes [`DialError::Io`].
    fn dial(
        &self,
        target: Target<'_>,
    ) -> impl Future<Output = Result<Self::Stream, DialError>> + Send;
}

/// What is dialled: a host and a port, and until when.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Target<'a> {
    /// A name, or an IP address without brackets.
    pub host: &'a str,
    /// The port.
    pub port: u16,
    /// Whether the URL begins with `wss:`. The dial does not add TLS, but a proxy may depend on it.
    pub secure: bool,
    /// When the dial must be over; `None` means no limit.
    pub deadline: Option<Instant>,
}

impl<'a> Target<'a> {
    /// A port of a host, without TLS and without a deadline.
    #[must_use]
    pub const fn new(host: &'a str, port: u16) -> Self {
        Self { host, port, secure: false, deadline: None }
    }

    pub(crate) fn of(uri: Uri<'a>, deadline: Option<Instant>) -> Self {
        Self { host: uri.host(), port: uri.port(), secure: uri.is_secure(), deadline }
    }
}

/// Runs `action` until the deadline. `None` when it has not ended by then.
pub(crate) async fn until<T>(
    deadline: Option<Instant>,
    action: impl Future<Output = T>,
) -> Option<T> {
    match deadline {
        None => Some(action.await),
        Some(deadline) => timeout_at(deadline, action).await.ok(),
    }
}
