//! The configuration of a WebSocket: this adapter's settings, and the core's.

use std::time::Duration;

#[cfg(feature = "deflate")]
use fullduplex::DeflateConfig;
use fullduplex::handshake::HeadLimits;
use fullduplex::{
    DEFAULT_HANDSHAKE_TIMEOUT, DEFAULT_MAX_FRAGMENTS, DEFAULT_MAX_FRAME_SIZE,
    DEFAULT_MAX_MESSAGE_SIZE, DEFAULT_MAX_WRITE_BUFFER_SIZE, EndpointConfig, Timeouts,
};

#[cfg(feature = "counters")]
use crate::counters::Counters;

/// The default of [`WebSocketConfig::write_buffer_size`](WebSocketConfig#structfield.write_buffer_size): 128 KiB.
pub const DEFAULT_WRITE_BUFFER_SIZE: usize = 128 << 10;

/// The default of [`WebSocketConfig::read_ahead_size`](WebSocketConfig#structfield.read_ahead_size): 64 KiB, the most
/// that one read returns.
pub const DEFAULT_READ_AHEAD_SIZE: usize = 64 << 10;

/// The configuration of a WebSocket.
///
/// ```
/// use fullduplex_tokio::WebSocketConfig;
/// use std::time::Duration;
///
/// let config = WebSocketConfig::default()
///     .max_message_size(Some(1 << 20))
///     .keepalive(Duration::from_secs(20), Duration::from_secs(10));
/// assert_eq!(config.max_message_size, Some(1 << 20));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WebSocketConfig {
    /// The largest message to receive, in bytes; `None` means no limit. A larger one fails the connection with Close
    /// 1009. The default is 64 MiB.
    pub max_message_size: Option<usize>,
    /// The largest frame to receive, in bytes of payload; `None` means no limit. A larger one fails the connection with
    /// Close 1009. The default is 16 MiB.
    pub max_frame_size: Option<usize>,
    /// The largest number of frames of a message. More of them fail the connection with Close 1008. The default is
    /// 131,072; 0 counts as 1.
    pub max_fragments: u32,
    /// From this number of pending bytes on, `feed` writes before it accepts another message. The default is 128 KiB.
    pub write_buffer_size: usize,
    /// While this many bytes or more are pending, sending waits. While fewer are, a message is accepted, however long it
    /// is. With 0, a message is accepted once nothing is pending. The default is 1 MiB. Over HTTP/2, hyper holds up to
    /// 256 KiB more, which count as written.
    pub max_write_buffer_size: usize,
    /// How large the receive buffer may become while a call waits for a blocked write and reads meanwhile. The default
    /// is 64 KiB, because for small messages the buffer gets as large anyway. Two peers that both write before they
    /// read wait for each other if each writes more than this size plus what the transport holds. With 0, nothing is
    /// read during a blocked write. This size also limits how much [`close`](crate::WebSocketStream::close) leaves to
    /// be received.
    ///
    /// While a write is blocked and no more may be read, we cannot know whether the peer is silent. So neither
    /// keepalive nor [`idle_timeout`](Self::idle_timeout) fails the connection then.
    pub read_ahead_size: usize,
    /// The limits for the head of the peer's opening handshake.
    pub head_limits: HeadLimits,
    /// How long the opening handshake may take, including the TLS handshake if this crate does it. `None` means no
    /// limit. The default is 10 s.
    pub handshake_timeout: Option<Duration>,
    /// The timeouts of an open connection: close, keepalive, idle.
    pub timeouts: Timeouts,
    /// permessage-deflate (RFC 7692): a client offers it, and a server accepts it if the client offers it. With `None`,
    /// the default, it is not used. A request or an acceptance that says otherwise takes precedence.
    #[cfg(feature = "deflate")]
    pub deflate: Option<DeflateConfig>,
    /// Where the connection is counted, with its opening handshake. With `None`, the default, it is not.
    #[cfg(feature = "counters")]
    pub counters: Option<&'static Counters>,
}

impl WebSocketConfig {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            max_message_size: Some(DEFAULT_MAX_MESSAGE_SIZE as usize),
            max_frame_size: Some(DEFAULT_MAX_FRAME_SIZE as usize),
            max_fragments: DEFAULT_MAX_FRAGMENTS,
            write_buffer_size: DEFAULT_WRITE_BUFFER_SIZE,
            max_write_buffer_size: DEFAULT_MAX_WRITE_BUFFER_SIZE,
            read_ahead_size: DEFAULT_READ_AHEAD_SIZE,
            head_limits: HeadLimits::new(),
            handshake_timeout: Some(DEFAULT_HANDSHAKE_TIMEOUT),
            timeouts: Timeouts::new(),
            #[cfg(feature = "deflate")]
            deflate: None,
            #[cfg(feature = "counters")]
            counters: None,
        }
    }

    /// Sets [`max_message_size`](Self#structfield.max_message_size).
    #[must_use]
    pub const fn max_message_size(mut self, bytes: Option<usize>) -> Self {
        self.max_message_size = bytes;
        self
    }

    /// Sets [`max_frame_size`](Self#structfield.max_frame_size).
    #[must_use]
    pub const fn max_frame_size(mut self, bytes: Option<usize>) -> Self {
        self.max_frame_size = bytes;
        self
    }

    /// Sets [`max_fragments`](Self#structfield.max_fragments).
    #[must_use]
    pub const fn max_fragments(mut self, fragments: u32) -> Self {
        self.max_fragments = fragments;
        self
    }

    /// Sets [`write_buffer_size`](Self#structfield.write_buffer_size).
    #[must_use]
    pub const fn write_buffer_size(mut self, bytes: usize) -> Self {
        self.write_buffer_size = bytes;
        self
    }

    /// Sets [`max_write_buffer_size`](Self#structfield.max_write_buffer_size).
    #[must_use]
    pub const fn max_write_buffer_size(mut self, bytes: usize) -> Self {
        self.max_write_buffer_size = bytes;
        self
    }

    /// Sets [`read_ahead_size`](Self#structfield.read_ahead_size).
    #[must_use]
    pub const fn read_ahead_size(mut self, bytes: usize) -> Self {
        self.read_ahead_size = bytes;
        self
    }

    /// Sets [`head_limits`](Self#structfield.head_limits).
    #[must_use]
    pub const fn head_limits(mut self, limits: HeadLimits) -> Self {
        self.head_limits = limits;
        self
    }

    /// Sets [`handshake_timeout`](Self#structfield.handshake_timeout).
    #[must_use]
    pub const fn handshake_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Sets how long to wait for the peer's Close, and for the transport to end after it. The default is 5 s.
    #[must_use]
    pub const fn close_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.close_timeout = timeout;
        self
    }

    /// Sends a Ping if nothing was received for `interval`, and fails the connection if nothing is received for `wait`
    /// after that. Any byte from the peer counts. This works only while a task waits for the connection, in `recv`,
    /// `send` or `close`.
    ///
    /// A peer that reads slowly receives the Ping late, so while a blocked write makes progress, `wait` begins again.
    /// We cannot see when the peer receives what the kernel has accepted. So `wait` should be as long as a slow peer
    /// needs for a few megabytes.
    #[must_use]
    pub const fn keepalive(mut self, interval: Duration, wait: Duration) -> Self {
        self.timeouts = self.timeouts.keepalive(interval, wait);
        self
    }

    /// Fails the connection if nothing was received for this long. With `None`, the default, it never does.
    #[must_use]
    pub const fn idle_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeouts.idle_timeout = timeout;
        self
    }

    /// Turns permessage-deflate on.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub const fn deflate(mut self, deflate: DeflateConfig) -> Self {
        self.deflate = Some(deflate);
        self
    }

    /// Counts the connection in these counters.
    #[cfg(feature = "counters")]
    #[must_use]
    pub const fn counters(mut self, counters: &'static Counters) -> Self {
        self.counters = Some(counters);
        self
    }

    /// What a connection keeps of it: nothing of the defaults, nor the counters, which are kept elsewhere.
    pub(crate) fn boxed(self) -> Option<Box<Self>> {
        #[cfg(feature = "counters")]
        let this = Self { counters: None, ..self };
        #[cfg(not(feature = "counters"))]
        let this = self;
        (this != Self::new()).then(|| Box::new(this))
    }

    /// The core's configuration.
    pub(crate) fn endpoint(&self) -> EndpointConfig {
        let limit = |bytes: Option<usize>| bytes.map_or(u64::MAX, |bytes| bytes as u64);
        let mut config = EndpointConfig::new();
        config.connection.limits.max_message_size = limit(self.max_message_size);
        config.connection.limits.max_frame_size = limit(self.max_frame_size);
        config.connection.limits.max_fragments = self.max_fragments;
        config.connection.timeouts = self.timeouts;
        config.head_limits = self.head_limits;
        config.handshake_timeout = self.handshake_timeout;
        config.max_write_buffer_size = self.max_write_buffer_size;
        #[cfg(feature = "deflate")]
        {
            config.deflate = self.deflate;
        }
        config
    }
}

impl Default for WebSocketConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl From<EndpointConfig> for WebSocketConfig {
    /// Takes over limits and timeouts. [`write_buffer_size`](Self#structfield.write_buffer_size) and
    /// [`read_ahead_size`](Self#structfield.read_ahead_size) have their defaults.
    fn from(config: EndpointConfig) -> Self {
        let limit = |bytes| if bytes == u64::MAX { None } else { usize::try_from(bytes).ok() };
        Self {
            max_message_size: limit(config.connection.limits.max_message_size),
            max_frame_size: limit(config.connection.limits.max_frame_size),
            max_fragments: config.connection.limits.max_fragments,
            max_write_buffer_size: config.max_write_buffer_size,
            head_limits: config.head_limits,
            handshake_timeout: config.handshake_timeout,
            timeouts: config.connection.timeouts,
            #[cfg(feature = "deflate")]
            deflate: config.deflate,
            ..Self::new()
        }
    }
}
