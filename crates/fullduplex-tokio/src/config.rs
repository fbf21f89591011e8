//! How a WebSocket behaves: tungstenite's settings under their names, and what the core has beyond them.

use std::time::Duration;

#[cfg(feature = "deflate")]
use fullduplex::DeflateConfig;
use fullduplex::handshake::HeadLimits;
use fullduplex::{
    DEFAULT_HANDSHAKE_TIMEOUT, DEFAULT_MAX_FRAGMENTS, DEFAULT_MAX_FRAME_SIZE,
    DEFAULT_MAX_MESSAGE_SIZE, DEFAULT_MAX_WRITE_BUFFER, EndpointConfig, Timeouts,
};

/// How much is gathered by `feed` before it is written without a `flush`: 128 KiB, as tungstenite has it.
pub const DEFAULT_WRITE_BUFFER_SIZE: usize = 128 << 10;

/// How large the receive buffer may become when we read during a blocked write: 64 KiB, as much as one read may bring.
pub const DEFAULT_READ_AHEAD_SIZE: usize = 64 << 10;

/// How a WebSocket behaves.
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
    /// Largest message to receive, in bytes; `None` for no limit. Exceeded: Close 1009. 64 MiB by default.
    pub max_message_size: Option<usize>,
    /// Largest frame to receive, in bytes of payload; `None` for no limit. Exceeded: Close 1009. 16 MiB by
    /// default.
    pub max_frame_size: Option<usize>,
    /// Most frames that one message may come in. Exceeded: Close 1008. 131,072 by default.
    pub max_fragments: u32,
    /// From how many pending bytes on `feed` writes before it takes one more message. 128 KiB by default.
    pub write_buffer_size: usize,
    /// How many bytes may wait to be written before sending waits; the message that exceeds it is the last.
    /// 1 MiB by default.
    pub max_write_buffer_size: usize,
    /// How many bytes of memory the receive buffer may take when a call that writes waits for the peer and reads
    /// meanwhile. 64 KiB by default: it becomes as large for small messages anyway. Two peers that both write before
    /// they read wait for each other when each writes more than this size plus what the transport holds. With 0,
    /// nothing is read during a blocked write. This size also limits what [`close`](crate::WebSocketStream::close)
    /// leaves to be received.
    ///
    /// While a write is blocked and no more may be read, nobody listens to the peer, so neither keepalive nor
    /// [`idle_timeout`](Self::idle_timeout) finds it silent.
    pub read_ahead_size: usize,
    /// How large the peer's handshake may be.
    pub head_limits: HeadLimits,
    /// How long the opening handshake may take, including the TLS handshake if this crate does it. `None` means without
    /// limit. 10 s by default.
    pub handshake_timeout: Option<Duration>,
    /// How long to wait for what in an open connection: close, keepalive, idle.
    pub timeouts: Timeouts,
    /// permessage-deflate (RFC 7692): a client offers it, a server accepts it where it is offered; `None`,
    /// the default, does neither.
    #[cfg(feature = "deflate")]
    pub deflate: Option<DeflateConfig>,
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
            max_write_buffer_size: DEFAULT_MAX_WRITE_BUFFER,
            read_ahead_size: DEFAULT_READ_AHEAD_SIZE,
            head_limits: HeadLimits::DEFAULT,
            handshake_timeout: Some(DEFAULT_HANDSHAKE_TIMEOUT),
            timeouts: Timeouts::new(),
            #[cfg(feature = "deflate")]
            deflate: None,
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

    /// Does nothing: there is no read buffer of a fixed size. It grows with what arrives, from 4 KiB to
    /// 64 KiB or as a large message needs, and is given up while there is nothing in it.
    #[must_use]
    pub const fn read_buffer_size(self, _bytes: usize) -> Self {
        self
    }

    /// Sets [`read_ahead_size`](Self#structfield.read_ahead_size).
    #[must_use]
    pub const fn read_ahead_size(mut self, bytes: usize) -> Self {
        self.read_ahead_size = bytes;
        self
    }

    /// Sets [`handshake_timeout`](Self#structfield.handshake_timeout).
    #[must_use]
    pub const fn handshake_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Sets how long to wait for the peer's Close, and for the transport to end after it. 5 s by default.
    #[must_use]
    pub const fn close_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.close_timeout = timeout;
        self
    }

    /// Sends a Ping after `interval` of silence, and fails when nothing arrives for `wait` after that; any byte counts.
    /// It works while something waits on the connection: a `recv`, `send` or `close`.
    ///
    /// A peer that is slow to read gets the Ping late: a blocked write that goes on restarts `wait`. We cannot see when
    /// the peer receives what the kernel has taken, so `wait` should be as long as a slow peer needs for a few
    /// megabytes.
    #[must_use]
    pub const fn keepalive(mut self, interval: Duration, wait: Duration) -> Self {
        self.timeouts = self.timeouts.keepalive(interval, wait);
        self
    }

    /// Fails when nothing was received for this long; `None`, the default, never.
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

    /// What the core needs of it.
    pub(crate) fn endpoint(&self) -> EndpointConfig {
        let limit = |bytes: Option<usize>| bytes.map_or(u64::MAX, |bytes| bytes as u64);
        let mut config = EndpointConfig::new();
        config.connection.limits.max_message_size = limit(self.max_message_size);
        config.connection.limits.max_frame_size = limit(self.max_frame_size);
        config.connection.limits.max_fragments = self.max_fragments;
        config.connection.timeouts = self.timeouts;
        config.head_limits = self.head_limits;
        config.handshake_timeout = self.handshake_timeout;
        config.max_write_buffer = self.max_write_buffer_size;
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
    /// The same limits and waiting times; [`write_buffer_size`](Self#structfield.write_buffer_size) and
    /// [`read_ahead_size`](Self#structfield.read_ahead_size) as by default.
    fn from(config: EndpointConfig) -> Self {
        let limit = |bytes| if bytes == u64::MAX { None } else { usize::try_from(bytes).ok() };
        Self {
            max_message_size: limit(config.connection.limits.max_message_size),
            max_frame_size: limit(config.connection.limits.max_frame_size),
            max_fragments: config.connection.limits.max_fragments,
            max_write_buffer_size: config.max_write_buffer,
            head_limits: config.head_limits,
            handshake_timeout: config.handshake_timeout,
            timeouts: config.connection.timeouts,
            #[cfg(feature = "deflate")]
            deflate: config.deflate,
            ..Self::new()
        }
    }
}
