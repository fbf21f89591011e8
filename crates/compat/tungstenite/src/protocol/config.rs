//! The configuration of a WebSocket: tungstenite's fields, and those that only fullduplex has.

use std::sync::OnceLock;
use std::time::Duration;

use fullduplex::{DEFAULT_HANDSHAKE_TIMEOUT, DeflateConfig, EndpointConfig, Timeouts};

/// The configuration that was passed to [`WebSocketConfig::set_default`].
static DEFAULT: OnceLock<WebSocketConfig> = OnceLock::new();

/// The default before that.
static PLAIN: WebSocketConfig = WebSocketConfig::plain();

/// The configuration of a WebSocket.
///
/// tungstenite does not have the last three fields. By default, they only set timeouts for the two handshakes. A program
/// turns the rest on for itself, or once for everything in the process, its web framework included:
///
/// ```
/// use std::time::Duration;
/// use tungstenite::protocol::WebSocketConfig;
///
/// let config = WebSocketConfig::default()
///     .max_message_size(Some(1 << 20))
///     .deflate(Some(fullduplex::DeflateConfig::new()))
///     .keepalive(Duration::from_secs(30), Duration::from_secs(10));
/// config.set_default().expect("nobody has set it before");
/// assert!(WebSocketConfig::default().deflate.is_some());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WebSocketConfig {
    /// Has no effect: the read buffer grows with what arrives. The default is 128 KiB.
    pub read_buffer_size: usize,
    /// Once this many bytes are pending, a write passes them to the stream at once; over tokio, the pending bytes are
    /// written before the next message is taken. The default is 128 KiB.
    pub write_buffer_size: usize,
    /// How many bytes may wait to be written. Over a blocking or non-blocking stream, a message that would exceed it is
    /// returned by [`Error::WriteBufferFull`](crate::Error::WriteBufferFull). Over tokio, `feed` waits while this many bytes
    /// wait to be written; without a limit it waits at 1 MiB. The default is no limit.
    pub max_write_buffer_size: usize,
    /// The largest message to receive, in bytes; `None` means no limit. The default is 64 MiB.
    pub max_message_size: Option<usize>,
    /// The largest frame to receive, in bytes of payload; `None` means no limit. The default is 16 MiB.
    pub max_frame_size: Option<usize>,
    /// Has no effect: "The server MUST close the connection upon receiving a frame that is not masked" (RFC 6455 §5.1).
    pub accept_unmasked_frames: bool,
    /// permessage-deflate (RFC 7692): a client offers it, and a server accepts it if the client offers it. The opening
    /// handshake must be done by tungstenite: a web framework that does it itself does not answer offers. The default is
    /// `None`.
    pub deflate: Option<DeflateConfig>,
    /// How long the closing handshake may take; when to send Pings, and when to give up a silent peer. By default the
    /// closing handshake may take 5 s, and no Ping is sent. Over a stream that is not tokio's, the timeouts are only checked
    /// when a call of the stream returns.
    pub timeouts: Timeouts,
    /// How long the opening handshake may take; `None` means no limit. The default is 10 s. Over a stream that is not
    /// tokio's, it is only checked when a call of the stream returns.
    pub handshake_timeout: Option<Duration>,
}

impl WebSocketConfig {
    /// tungstenite's defaults. [`set_default`](Self::set_default) does not change them.
    const fn plain() -> Self {
        Self {
            read_buffer_size: 128 << 10,
            write_buffer_size: 128 << 10,
            max_write_buffer_size: usize::MAX,
            max_message_size: Some(64 << 20),
            max_frame_size: Some(16 << 20),
            accept_unmasked_frames: false,
            deflate: None,
            timeouts: Timeouts::new(),
            handshake_timeout: Some(DEFAULT_HANDSHAKE_TIMEOUT),
        }
    }

    /// Sets what [`Default::default`] returns in this process from now on, which is also used where no configuration is
    /// given. Call it once, at the start of the program.
    ///
    /// # Errors
    /// Returns this configuration when a default was set before.
    pub fn set_default(self) -> Result<(), Self> {
        DEFAULT.set(self)
    }

    /// Sets [`read_buffer_size`](Self#structfield.read_buffer_size).
    #[must_use]
    pub fn read_buffer_size(mut self, bytes: usize) -> Self {
        self.read_buffer_size = bytes;
        self
    }

    /// Sets [`write_buffer_size`](Self#structfield.write_buffer_size).
    #[must_use]
    pub fn write_buffer_size(mut self, bytes: usize) -> Self {
        self.write_buffer_size = bytes;
        self
    }

    /// Sets [`max_write_buffer_size`](Self#structfield.max_write_buffer_size).
    #[must_use]
    pub fn max_write_buffer_size(mut self, bytes: usize) -> Self {
        self.max_write_buffer_size = bytes;
        self
    }

    /// Sets [`max_message_size`](Self#structfield.max_message_size).
    #[must_use]
    pub fn max_message_size(mut self, bytes: Option<usize>) -> Self {
        self.max_message_size = bytes;
        self
    }

    /// Sets [`max_frame_size`](Self#structfield.max_frame_size).
    #[must_use]
    pub fn max_frame_size(mut self, bytes: Option<usize>) -> Self {
        self.max_frame_size = bytes;
        self
    }

    /// Sets [`accept_unmasked_frames`](Self#structfield.accept_unmasked_frames).
    #[must_use]
    pub fn accept_unmasked_frames(mut self, accept: bool) -> Self {
        self.accept_unmasked_frames = accept;
        self
    }

    /// Sets [`deflate`](Self#structfield.deflate).
    #[must_use]
    pub fn deflate(mut self, deflate: Option<DeflateConfig>) -> Self {
        self.deflate = deflate;
        self
    }

    /// Sends a Ping if nothing was received for `interval`, and fails the connection if nothing is received for `wait`
    /// after that.
    #[must_use]
    pub fn keepalive(mut self, interval: Duration, wait: Duration) -> Self {
        self.timeouts = self.timeouts.keepalive(interval, wait);
        self
    }

    /// Sets [`handshake_timeout`](Self#structfield.handshake_timeout).
    #[must_use]
    pub fn handshake_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// # Panics
    /// As in tungstenite, when the write buffer's limit is not larger than the size at which it is written.
    pub(crate) fn assert_valid(&self) {
        assert!(
            self.max_write_buffer_size > self.write_buffer_size,
            "max_write_buffer_size must be larger than write_buffer_size"
        );
    }

    /// What [`Default::default`] returns.
    #[doc(hidden)]
    #[must_use]
    pub fn default_ref() -> &'static Self {
        DEFAULT.get().unwrap_or(&PLAIN)
    }

    /// The configuration for the core, for a connection that begins with its opening handshake.
    #[cfg(feature = "handshake")]
    pub(crate) fn to_core_from_handshake(self) -> EndpointConfig {
        let mut config = self.to_core();
        config.head_limits = crate::handshake::HEAD_LIMITS;
        config
    }

    /// The configuration for the core.
    #[doc(hidden)]
    #[must_use]
    pub fn to_core(&self) -> EndpointConfig {
        let limit = |bytes: Option<usize>| bytes.map_or(u64::MAX, |bytes| bytes as u64);
        let mut config = EndpointConfig::new();
        config.connection.limits.max_message_size = limit(self.max_message_size);
        config.connection.limits.max_frame_size = limit(self.max_frame_size);
        config.connection.timeouts = self.timeouts;
        config.handshake_timeout = self.handshake_timeout;
        config.deflate = self.deflate;
        config
    }
}

impl Default for WebSocketConfig {
    /// tungstenite's defaults, or what [`set_default`](Self::set_default) has set.
    fn default() -> Self {
        *Self::default_ref()
    }
}
