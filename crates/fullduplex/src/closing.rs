//! The closing handshake (RFC 6455 §7): values in, values out. Knows no frames, no clock, no role.
//!
//! | state | we send Close | peer's Close | answer written | failure |
//! |---|---|---|---|---|
//! | `Open` | `Closing` | `Answering` | | `Failing` |
//! | `Closing` (ours sent) | refused | `Closed` | | `Failed` |
//! | `Answering` (peer's came, ours queued) | refused | | `Closed` | `Failed` |
//! | `Failing` (failure's Close queued) | refused | | `Failed` | |
//! | `Closed` (both Closes are through) | refused | | | |
//! | `Failed` (nothing more to say) | refused | | | |
//!
//! An empty cell cannot happen from outside and changes nothing.

use core::fmt;

use crate::close_code::CloseCode;
use crate::utf8;

/// A Close frame that breaks RFC 6455 §5.5.1 or §7.4; answered with Close 1002 or 1007.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseFrameError {
    /// A payload of one byte: a code has two.
    HalfACode,
    /// A code that must not be sent; the field is the number.
    Code(u16),
    /// A reason that is not UTF-8.
    Reason,
}

impl fmt::Display for CloseFrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HalfACode => f.write_str("a Close frame has a payload of one byte"),
            Self::Code(code) => write!(f, "close code {code} must not be sent"),
            Self::Reason => f.write_str("the reason in a Close frame is not UTF-8"),
        }
    }
}

impl core::error::Error for CloseFrameError {}

/// How the transport ended before the closing handshake was complete (RFC 6455 §7.1.5: code 1006).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ended {
    /// End of input between frames, without a Close frame from the peer.
    WithoutClose,
    /// End of input inside a frame, or inside a message whose last fragment never came.
    InsideMessage,
    /// End of input before the opening handshake was complete.
    InsideHandshake,
    /// The transport reported a reset.
    Reset,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WithoutClose => "the peer ended the connection without a Close frame",
            Self::InsideMessage => "the peer ended the connection in the middle of a message",
            Self::InsideHandshake => "the peer ended the connection during the opening handshake",
            Self::Reset => "the connection was reset without a Close frame",
        })
    }
}

impl core::error::Error for Ended {}

/// A Close frame's content: code and reason (RFC 6455 §5.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseReason<'a> {
    /// Why the connection is closed.
    pub code: CloseCode,
    /// Words for a developer, at most 123 bytes; may be empty.
    pub reason: &'a str,
}

impl<'a> CloseReason<'a> {
    /// Reads the payload of a Close frame; an empty one is `None`.
    ///
    /// # Errors
    /// [`CloseFrameError`] when it breaks RFC 6455 §5.5.1 or §7.4.
    pub(crate) fn parse(payload: &'a [u8]) -> Result<Option<Self>, CloseFrameError> {
        let Some((code, reason)) = payload.split_first_chunk() else {
            // "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned integer"
            return if payload.is_empty() { Ok(None) } else { Err(CloseFrameError::HalfACode) };
        };
        let number = u16::from_be_bytes(*code);
        let code = CloseCode::from_u16(number);
        if !code.is_allowed() {
            return Err(CloseFrameError::Code(number));
        }
        // "the body MAY contain UTF-8-encoded data with value /reason/"
        let reason = utf8::as_str(reason).ok_or(CloseFrameError::Reason)?;
        Ok(Some(Self { code, reason }))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Open,
    Closing,
    Answering,
    Failing,
    Closed,
    Failed,
}

/// The state of closing, and what our Close says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closing {
    state: State,
    /// What our Close frame says, queued or sent; `None` is an empty one.
    code: Option<CloseCode>,
    sent: bool,
    received: bool,
}

impl Closing {
    pub(crate) const fn new() -> Self {
        Self { state: State::Open, code: None, sent: false, received: false }
    }

    #[cfg(test)]
    pub(crate) const fn state(&self) -> State {
        self.state
    }

    /// Whether data, pings and a Close of our own may still be sent.
    ///
    /// "The application MUST NOT send any more data frames after sending a Close frame." (§5.5.1)
    #[inline]
    pub(crate) const fn may_send(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Whether the two are the same. Of most connections both are open, which needs no closer look.
    #[inline]
    pub(crate) fn is(&self, other: &Self) -> bool {
        (self.may_send() && other.may_send()) || self == other
    }

    /// Whether what the peer sends still counts.
    ///
    /// "After both sending and receiving a Close message, an endpoint considers the WebSocket
    /// connection closed"; and a failed connection "MUST NOT continue to attempt to process data"
    /// (§7.1.7). After our Close alone, what the peer had under way is still delivered.
    #[inline]
    pub(crate) const fn may_receive(&self) -> bool {
        matches!(self.state, State::Open | State::Closing)
    }

    /// Whether the peer's Close has come.
    pub(crate) const fn has_received(&self) -> bool {
        self.received
    }

    /// Whether both Closes are through: the connection was closed cleanly (§7.1.4).
    pub(crate) const fn is_clean(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Whether nothing will be received and nothing is left to be written.
    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.state, State::Closed | State::Failed)
    }

    /// Our Close: `Some` once it was written; the code in it is `None` for an empty one.
    pub(crate) const fn sent(&self) -> Option<Option<CloseCode>> {
        if self.sent { Some(self.code) } else { None }
    }

    /// Our Close was written.
    pub(crate) fn send_close(&mut self, code: Option<CloseCode>) {
        if self.state == State::Open {
            self.code = code;
            self.sent = true;
            self.state = State::Closing;
        }
    }

    /// The peer's Close arrived with this code.
    ///
    /// "If an endpoint receives a Close frame and did not previously send a Close frame, the endpoint
    /// MUST send a Close frame in response", which "typically echos the status code". (§5.5.1)
    pub(crate) fn recv_close(&mut self, code: Option<CloseCode>) {
        self.received = true;
        self.state = match self.state {
            State::Open => {
                self.code = code;
                State::Answering
            }
            State::Closing => State::Closed,
            other => other,
        };
    }

    /// The connection fails; `code` is what our Close will say, `None` sends no Close at all.
    pub(crate) fn fail(&mut self, code: Option<CloseCode>) {
        self.state = match (self.state, code) {
            (State::Open, Some(_)) => {
                self.code = code;
                State::Failing
            }
            (State::Open | State::Closing | State::Answering, _) => State::Failed,
            (other, _) => other,
        };
    }

    /// The Close that waits to be written: its code, or `None` for an empty one.
    #[inline]
    pub(crate) const fn queued(&self) -> Option<Option<CloseCode>> {
        if matches!(self.state, State::Answering | State::Failing) { Some(self.code) } else { None }
    }

    /// The queued Close was written.
    pub(crate) fn queued_sent(&mut self) {
        self.sent = true;
        self.state = match self.state {
            State::Answering => State::Closed,
            State::Failing => State::Failed,
            other => other,
        };
    }

    /// The wait for the queued Close to be written is over.
    pub(crate) fn give_up(&mut self) {
        if !self.is_clean() {
            self.state = State::Failed;
        }
    }

    /// Takes in what the connection's other half knows. Each half alone sees a part of what happens: one sends,
    /// the other receives and fails. Whoever hears of it first, both come to the same state.
    pub(crate) fn learn(&mut self, other: Self) {
        use State::{Answering, Closed, Closing, Failed, Failing, Open};
        // What was written is what our Close says, whatever else was meant to be.
        if other.sent || (self.code.is_none() && !self.sent) {
            self.code = other.code;
        }
        self.sent |= other.sent;
        self.received |= other.received;
        self.state = match (self.state, other.state) {
            (one, other) if one == other => one,
            (Open, state) | (state, Open) => state,
            (Failed, _) | (_, Failed) => Failed,
            (Closed, _) | (_, Closed) => Closed,
            // Ours was sent, the peer's came.
            (Closing, Answering) | (Answering, Closing) => Closed,
            // Ours was sent before the failure could be.
            (Closing | Answering | Failing, _) => Failed,
        };
    }

    /// The transport ended. Tells a clean end from the others; the connection is over either way.
    ///
    /// # Errors
    /// [`Ended`] when a Close frame is missing that would have made the end clean.
    pub(crate) fn end(&mut self, how: Ended) -> Result<(), Ended> {
        match self.state {
            State::Open | State::Closing => {
                self.state = State::Failed;
                Err(how)
            }
            // The peer's Close is here; a peer that then goes away has said all it had to say.
            State::Answering | State::Failing | State::Closed | State::Failed => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: Option<CloseCode> = Some(CloseCode::Normal);

    #[derive(Clone, Copy, Debug)]
    enum On {
        SendClose,
        RecvClose,
        QueuedSent,
        Fail,
        FailSilently,
        End,
    }

    fn at(state: State) -> Closing {
        Closing { state, code: None, sent: false, received: false }
    }

    fn after(state: State, on: On) -> State {
        let mut closing = at(state);
        match on {
            On::SendClose => closing.send_close(Some(CloseCode::Normal)),
            On::RecvClose => closing.recv_close(CODE),
            On::QueuedSent => closing.queued_sent(),
            On::Fail => closing.fail(Some(CloseCode::Protocol)),
            On::FailSilently => closing.fail(None),
            On::End => drop(closing.end(Ended::Reset)),
        }
        closing.state()
    }

    #[test]
    fn every_state_and_event_leads_where_the_table_says() {
        use State::{Answering, Closed, Closing, Failed, Failing, Open};
        let events =
            [On::SendClose, On::RecvClose, On::QueuedSent, On::Fail, On::FailSilently, On::End];
        for (state, expected) in [
            (Open, [Closing, Answering, Open, Failing, Failed, Failed]),
            (Closing, [Closing, Closed, Closing, Failed, Failed, Failed]),
            (Answering, [Answering, Answering, Closed, Failed, Failed, Answering]),
            (Failing, [Failing, Failing, Failed, Failing, Failing, Failing]),
            (Closed, [Closed; 6]),
            (Failed, [Failed; 6]),
        ] {
            for (event, expected) in events.into_iter().zip(expected) {
                assert_eq!(after(state, event), expected, "{state:?} on {event:?}");
            }
        }
    }

    #[test]
    fn what_each_state_permits() {
        use State::{Answering, Closed, Closing, Failed, Failing, Open};
        for (state, send, receive, queued, clean, over, end) in [
            (Open, true, true, false, false, false, Err(Ended::Reset)),
            (Closing, false, true, false, false, false, Err(Ended::Reset)),
            (Answering, false, false, true, false, false, Ok(())),
            (Failing, false, false, true, false, false, Ok(())),
            (Closed, false, false, false, true, true, Ok(())),
            (Failed, false, false, false, false, true, Ok(())),
        ] {
            assert_eq!(at(state).may_send(), send, "{state:?}");
            assert_eq!(at(state).may_receive(), receive, "{state:?}");
            assert_eq!(at(state).queued().is_some(), queued, "{state:?}");
            assert_eq!(at(state).is_clean(), clean, "{state:?}");
            assert_eq!(at(state).is_over(), over, "{state:?}");
            assert_eq!(at(state).end(Ended::Reset), end, "{state:?}");
        }
    }

    #[test]
    fn the_answer_echoes_the_code_and_an_empty_close_gets_an_empty_one() {
        for code in [None, CODE, Some(CloseCode::Library(4999))] {
            let mut closing = Closing::new();
            closing.recv_close(code);
            assert_eq!(closing.queued(), Some(code));
        }
    }

    #[test]
    fn close_payloads_are_checked() {
        assert_eq!(CloseReason::parse(b""), Ok(None));
        assert_eq!(CloseReason::parse(b"\x03"), Err(CloseFrameError::HalfACode));
        assert_eq!(CloseReason::parse(b"\x03\xed"), Err(CloseFrameError::Code(1005)));
        assert_eq!(CloseReason::parse(b"\x03\xe8\xff"), Err(CloseFrameError::Reason));
        assert_eq!(
            CloseReason::parse(b"\x03\xe8bye"),
            Ok(Some(CloseReason { code: CloseCode::Normal, reason: "bye" }))
        );
    }
}
