//! The events for a subscriber of `tracing`; none without the feature.
//!
//! There is an event for each connection that is denied and for each change of a client that stays connected, but none for
//! messages. No event has text that a peer chose.

#[cfg(feature = "tracing")]
pub(crate) use on::{connecting, connection, denied, gave_up, lost, open};

#[cfg(not(feature = "tracing"))]
pub(crate) use off::{connecting, connection, denied, gave_up, lost, open};

#[cfg(feature = "tracing")]
mod on {
    use std::net::{IpAddr, SocketAddr};
    use std::time::Duration;

    use tracing::{Instrument, debug, debug_span};

    /// The target of all events and spans.
    const TARGET: &str = "fullduplex_app";

    /// Runs the handler of a connection in a span that has the address of the peer.
    pub(crate) fn connection<F: Future>(
        peer: SocketAddr,
        handler: F,
    ) -> impl Future<Output = F::Output> {
        handler.instrument(debug_span!(target: TARGET, "connection", %peer))
    }

    pub(crate) fn denied(peer: IpAddr, reason: &str) {
        debug!(target: TARGET, %peer, reason, "denied");
    }

    pub(crate) fn connecting(failures: u32) {
        debug!(target: TARGET, failures, "connecting");
    }

    pub(crate) fn open() {
        debug!(target: TARGET, "open");
    }

    pub(crate) fn lost(is_clean: bool, retry_in: Duration) {
        let retry_in_ms = u64::try_from(retry_in.as_millis()).unwrap_or(u64::MAX);
        debug!(target: TARGET, is_clean, retry_in_ms, "lost");
    }

    pub(crate) fn gave_up(is_clean: bool) {
        debug!(target: TARGET, is_clean, "gave up");
    }
}

#[cfg(not(feature = "tracing"))]
mod off {
    use std::net::{IpAddr, SocketAddr};
    use std::time::Duration;

    pub(crate) fn connection<F: Future>(_: SocketAddr, handler: F) -> F {
        handler
    }

    pub(crate) fn denied(_: IpAddr, _: &str) {}

    pub(crate) fn connecting(_: u32) {}

    pub(crate) fn open() {}

    pub(crate) fn lost(_: bool, _: Duration) {}

    pub(crate) fn gave_up(_: bool) {}
}
