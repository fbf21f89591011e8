//! How an endpoint behaves, from its opening handshake on.

use core::time::Duration;

use crate::connection::Config;
#[cfg(feature = "deflate")]
use crate::deflate::DeflateConfig;
use crate::handshake::HeadLimits;
use crate::keepalive::{DEFAULT_HANDSHAKE_TIMEOUT, Timeouts};
use crate::limits::Limits;
use crate::writer::DEFAULT_MAX_WRITE_BUFFER_SIZE;

/// How an endpoint behaves.
///
/// ```
/// use std::time::Duration;
///
/// use fullduplex::{EndpointConfig, Limits, Timeouts};
///
/// let config = EndpointConfig::new()
///     .limits(Limits::new().max_message_size(64 << 10))
///     .timeouts(Timeouts::new().keepalive(Duration::from_secs(30), Duration::from_secs(10)));
/// assert_eq!(config.connection.limits.max_message_size, 64 << 10);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct EndpointConfig {
    /// The open connection: limits and timeouts.
    pub connection: Config,
    /// How large the peer's handshake may be.
    pub head_limits: HeadLimits,
    /// How long the opening handshake may take; `None` for ever.
    pub handshake_timeout: Option<Duration>,
    /// How many bytes may wait to be written before sending is refused: a message is taken as long as fewer wait.
    pub max_write_buffer_size: usize,
    /// permessage-deflate (RFC 7692): a client offers it, a server accepts it where it is offered; `None`, the default, does
    /// neither. A request or an acceptance with a [`DeflateChoice`](crate::DeflateChoice) of its own takes precedence.
    #[cfg(feature = "deflate")]
    pub deflate: Option<DeflateConfig>,
}

impl EndpointConfig {
    /// The defaults: [`Config::new`], [`HeadLimits::new()`], [`DEFAULT_HANDSHAKE_TIMEOUT`],
    /// [`DEFAULT_MAX_WRITE_BUFFER_SIZE`].
    #[must_use]
    pub const fn new() -> Self {
        Self {
            connection: Config::new(),
            head_limits: HeadLimits::new(),
            handshake_timeout: Some(DEFAULT_HANDSHAKE_TIMEOUT),
            max_write_buffer_size: DEFAULT_MAX_WRITE_BUFFER_SIZE,
            #[cfg(feature = "deflate")]
            deflate: None,
        }
    }

    /// Sets what the peer may not exceed.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.connection.limits = limits;
        self
    }

    /// Sets the timeouts of the open connection.
    #[must_use]
    pub const fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.connection.timeouts = timeouts;
        self
    }

    /// Sets [`head_limits`](Self::head_limits).
    #[must_use]
    pub const fn head_limits(mut self, limits: HeadLimits) -> Self {
        self.head_limits = limits;
        self
    }

    /// Sets [`handshake_timeout`](Self::handshake_timeout); `None` turns it off.
    #[must_use]
    pub const fn handshake_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Sets [`max_write_buffer_size`](Self::max_write_buffer_size).
    #[must_use]
    pub const fn max_write_buffer_size(mut self, bytes: usize) -> Self {
        self.max_write_buffer_size = bytes;
        self
    }

    /// Turns permessage-deflate on.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub const fn deflate(mut self, deflate: DeflateConfig) -> Self {
        self.deflate = Some(deflate);
        self
    }
}

impl Default for EndpointConfig {
    fn default() -> Self {
        Self::new()
    }
}
