//! What a subscriber of `tracing` gets: a span for each connection, and an event for its opening and for its end.
//!
//! There is no event for a message, so what one connection can make a subscriber hold is bounded. The span is entered
//! for these events only: entering it for each poll would cost as much as all the rest.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use fullduplex::{CloseCode, CloseFrameRef, HandshakeError, Role};
use tokio::time::Instant;
use tracing::{Span, debug, field, warn, warn_span};

use crate::counters::{Cause, Flow};
use crate::error::Error;
use crate::watch::shown::shown;

/// The target of all events and spans, so that a filter does not depend on where they are in the sources.
const TARGET: &str = "fullduplex_tokio";

#[derive(Debug)]
pub(super) struct Trace {
    /// `Span` may not be `UnwindSafe`, depending on the subscriber. A connection should be, whatever the subscriber is.
    span: AssertUnwindSafe<Span>,
    /// When the opening handshake began, or after it, when the connection was opened.
    since: Instant,
    received: Flow,
    sent: Flow,
    /// Which end began the closing handshake (`us` or `peer`), the code, and the reason.
    close: Option<(&'static str, Option<CloseCode>, String)>,
    /// Why the connection fails, and the code of the Close that is sent to the peer.
    error: Option<(String, Option<CloseCode>)>,
}

/// The opening handshake.
impl Trace {
    pub(super) fn begin(role: Role) -> Self {
        let role = match role {
            Role::Client => "client",
            Role::Server => "server",
        };
        // The span has the level of its highest event: if the span were disabled, that event would be lost, or would have
        // none of the connection's fields.
        let span = warn_span!(
            target: TARGET,
            "websocket",
            role,
            peer = field::Empty,
            path = field::Empty,
            subprotocol = field::Empty,
            compression = field::Empty,
        );
        Self {
            span: AssertUnwindSafe(span),
            since: Instant::now(),
            received: Flow::default(),
            sent: Flow::default(),
            close: None,
            error: None,
        }
    }

    /// Whether a subscriber has enabled the span.
    pub(super) fn is_on(&self) -> bool {
        !self.span.is_disabled()
    }

    pub(super) fn peer(&self, host: &str, port: u16) {
        if self.is_on() {
            self.span.record("peer", shown(format_args!("{host}:{port}")));
        }
    }

    /// The path without its query, which may hold a token.
    pub(super) fn requested(&self, path: &str) {
        if self.is_on() {
            self.span.record("path", shown(path));
        }
    }

    pub(super) fn accepted(&self, subprotocol: &str) {
        if self.is_on() {
            self.span.record("subprotocol", shown(subprotocol));
        }
    }

    pub(super) fn negotiated(&self, is_compressed: bool) {
        self.span.record("compression", is_compressed);
    }

    pub(super) fn not_opened(&self, cause: Cause, error: Option<&Error>) {
        let (name, duration_ms) = (cause.name(), millis(self.since.elapsed()));
        let (status, error) = (error.and_then(status), error.map(shown));
        self.span.in_scope(|| {
            if cause == Cause::HandshakeLocal {
                warn!(target: TARGET, cause = name, error, status, duration_ms, "not opened");
            } else {
                debug!(target: TARGET, cause = name, error, status, duration_ms, "not opened");
            }
        });
    }

    pub(super) fn responded(&self, status: u16) {
        self.span.in_scope(|| debug!(target: TARGET, status, "responded"));
    }

    pub(super) fn opened(&mut self) {
        let duration_ms = millis(self.since.elapsed());
        self.since = Instant::now();
        self.span.in_scope(|| debug!(target: TARGET, duration_ms, "opened"));
    }
}

/// The open connection.
impl Trace {
    pub(super) fn add_received(&mut self, flow: &Flow) {
        self.received.add(flow);
    }

    pub(super) fn add_sent(&mut self, flow: &Flow) {
        self.sent.add(flow);
    }

    /// The closing handshake has begun.
    pub(super) fn closes(&mut self, begun_by: &'static str, close: Option<CloseFrameRef<'_>>) {
        if self.is_on() && self.close.is_none() {
            let reason = close.map_or_else(String::new, |close| shown(close.reason));
            self.close = Some((begun_by, close.map(|close| close.code), reason));
        }
    }

    /// The connection fails, and a Close with this code is sent to the peer.
    pub(super) fn fails(&mut self, error: &dyn fmt::Display, code: Option<CloseCode>) {
        self.error = Some((shown(error), code));
    }

    pub(super) fn closed(&self) {
        self.ended("closed", None);
    }

    pub(super) fn dropped(&self) {
        self.ended("dropped", None);
    }

    pub(super) fn failed(&self, cause: Cause) {
        self.ended("failed", Some(cause));
    }

    fn ended(&self, how: &'static str, failure: Option<Cause>) {
        let begun_by = self.close.as_ref().map(|(begun_by, ..)| *begun_by);
        let reason = self.close.as_ref().map(|(.., reason)| reason.as_str());
        let closed_with = self.close.as_ref().and_then(|(_, code, _)| *code);
        let failed_with = self.error.as_ref().and_then(|(_, code)| *code);
        // A failure takes precedence over an earlier Close.
        let code = failed_with.or(closed_with).map(CloseCode::to_u16);
        let error = failure.and(self.error.as_ref()).map(|(error, _)| error.as_str());
        let cause = failure.map(Cause::name);
        let duration_ms = millis(self.since.elapsed());
        let (received, sent) = (&self.received, &self.sent);
        /// The same fields at every level. A macro, because the level must be a constant.
        macro_rules! event {
            ($level:ident) => {
                $level!(
                    target: TARGET,
                    cause,
                    error,
                    code,
                    reason,
                    begun_by,
                    duration_ms,
                    received_messages = received.messages,
                    received_payload_bytes = received.payload_bytes,
                    received_wire_bytes = received.wire_bytes,
                    sent_messages = sent.messages,
                    sent_payload_bytes = sent.payload_bytes,
                    sent_wire_bytes = sent.wire_bytes,
                    "{how}"
                )
            };
        }
        self.span.in_scope(|| match failure {
            Some(Cause::Local) => event!(warn),
            _ => event!(debug),
        });
    }
}

/// The status of the response to the request.
fn status(error: &Error) -> Option<u16> {
    match error {
        Error::Handshake(HandshakeError::Request(error)) => Some(error.status()),
        Error::Responded(status) => Some(*status),
        Error::Http(refused) => Some(refused.response.as_response().status()),
        _ => None,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
