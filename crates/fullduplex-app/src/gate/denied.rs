//! Why a connection is denied, and how many were.

use std::fmt;

use fullduplex_tokio::OwnedRejection;

/// Why a [`Gate`](super::Gate) denies a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Denied {
    /// There are [`GateLimits::connections`](super::GateLimits#structfield.connections) already.
    Connections,
    /// This address has [`GateLimits::per_address`](super::GateLimits#structfield.per_address) connections already.
    Address,
    /// More come in a second than [`GateLimits::rate`](super::GateLimits#structfield.rate) allows.
    Rate,
    /// The gate is closed: the server is shutting down.
    Closing,
    /// The header field of a trusted proxy names no address.
    Unreadable,
}

impl Denied {
    /// The reason's name, for the label of a metric: `connections`, `address`, `rate`, `closing`, `unreadable`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Address => "address",
            Self::Rate => "rate",
            Self::Closing => "closing",
            Self::Unreadable => "unreadable",
        }
    }

    /// The response for a client whose request was read already: 503 or 429 (RFC 6585 §4) with `Retry-After`, or 400.
    #[must_use]
    pub fn rejection(self) -> OwnedRejection {
        let (status, after) = match self {
            Self::Connections | Self::Closing => (503, Some("10")),
            Self::Rate => (503, Some("1")),
            Self::Address => (429, Some("10")),
            Self::Unreadable => (400, None),
        };
        let rejection = OwnedRejection::new(status).body(format!("{self}\n"));
        match after {
            Some(after) => rejection.header("Retry-After", after),
            None => rejection,
        }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connections => "there are too many connections",
            Self::Address => "there are too many connections from this address",
            Self::Rate => "too many connections arrive at once",
            Self::Closing => "the server is shutting down",
            Self::Unreadable => "the proxy has not named the client",
        })
    }
}

impl std::error::Error for Denied {}

/// How many connections a gate has denied since it was made, by reason: for a log or a metric.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct DeniedCounts {
    /// For [`Denied::Connections`].
    pub connections: u64,
    /// For [`Denied::Address`].
    pub address: u64,
    /// For [`Denied::Rate`].
    pub rate: u64,
    /// For [`Denied::Closing`].
    pub closing: u64,
    /// For [`Denied::Unreadable`].
    pub unreadable: u64,
}

impl DeniedCounts {
    /// Each reason with its count. To export as `websocket_denied_total`, a counter with the label `reason`, whose value is
    /// [`Denied::name`].
    pub fn by_reason(&self) -> impl Iterator<Item = (Denied, u64)> {
        [
            (Denied::Connections, self.connections),
            (Denied::Address, self.address),
            (Denied::Rate, self.rate),
            (Denied::Closing, self.closing),
            (Denied::Unreadable, self.unreadable),
        ]
        .into_iter()
    }

    pub(super) fn add(&mut self, reason: Denied) {
        *match reason {
            Denied::Connections => &mut self.connections,
            Denied::Address => &mut self.address,
            Denied::Rate => &mut self.rate,
            Denied::Closing => &mut self.closing,
            Denied::Unreadable => &mut self.unreadable,
        } += 1;
    }
}
