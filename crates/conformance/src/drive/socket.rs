//! Access to the socket below a stream.

use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::server;

/// A stream over a socket.
pub(super) trait Socket: AsyncRead + AsyncWrite + Unpin {
    fn socket(&self) -> &TcpStream;
}

impl Socket for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Socket for server::TlsStream<TcpStream> {
    fn socket(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// Resets the connection, and discards what was not sent yet.
pub(super) fn reset(stream: impl Socket) {
    // "If l_linger is zero, close() discards unsent data" (socket(7)), and TCP sends RST to the peer. If setting the option
    // fails, the socket is broken, which is as good.
    let _ = SockRef::from(stream.socket()).set_linger(Some(Duration::ZERO));
}
