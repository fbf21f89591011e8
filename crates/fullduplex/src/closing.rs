//! The closing handshake (RFC 6455 §7) as a state machine. It knows no frames, no clock and no role.
//!
//! [`TABLE`] has all transitions. Each event has a method of [`Closing`]. Beyond the table, the methods keep the code
//! of our Close, and whether our Close was sent and the peer's was received.

mod body;

use core::fmt;

use crate::close_code::CloseCode;

pub(crate) use body::{CloseBody, CloseBodyError, MAX_CLOSE_BODY};
pub use body::{CloseFrameError, CloseFrameRef};

/// How the transport ended before the closing handshake was complete (RFC 6455 §7.1.5: code 1006).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
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

/// The state of the closing handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// No Close was sent or received, and the connection has not failed.
    Open,
    /// Our Close was written. The peer's Close was not received.
    Closing,
    /// The peer's Close was received. Our Close, the response to it, is queued.
    Responding,
    /// The connection failed. A Close with the reason is queued.
    Failing,
    /// Both Closes were sent and received.
    Closed,
    /// The connection failed or was lost, and nothing more will be written.
    Failed,
}

/// An event of the closing handshake, or of a failure (§7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CloseEvent {
    /// We have written a Close that starts the closing handshake.
    SendClose,
    /// The peer's Close was received.
    RecvClose,
    /// The queued Close was written.
    WriteQueued,
    /// The connection fails, and a Close will tell the peer why.
    Fail,
    /// The connection fails, and the peer is not told.
    FailSilently,
    /// The close timeout has expired before the queued Close was written.
    GiveUp,
    /// The transport ended.
    End,
    /// The connection's other direction has reported its state. Each direction sees only some events: one sends, the
    /// other one receives and fails.
    Report(State),
}

/// State, event, next state. Without a row, the event changes nothing.
///
/// The tests below check two properties. The next state always comes later in the list of states, so every connection
/// comes to an end. And two directions that report their states to each other reach the same state, whichever reports
/// first.
const TABLE: [(State, CloseEvent, State); 35] = {
    use CloseEvent::{End, Fail, FailSilently, GiveUp, RecvClose, Report, SendClose, WriteQueued};
    use State::{Closed, Closing, Failed, Failing, Open, Responding};
    [
        // "Upon either sending or receiving a Close control frame, it is said that _The WebSocket Closing Handshake is
        // Started_ and that the WebSocket connection is in the CLOSING state." (§7.1.3)
        (Open, SendClose, Closing),
        // "If an endpoint receives a Close frame and did not previously send a Close frame, the endpoint MUST send a
        // Close frame in response." (§5.5.1)
        (Open, RecvClose, Responding),
        // "After both sending and receiving a Close message, an endpoint considers the WebSocket connection closed".
        // (§5.5.1)
        (Closing, RecvClose, Closed),
        (Responding, WriteQueued, Closed),
        // "An endpoint MUST NOT continue to attempt to process data (including a responding Close frame) from the
        // remote endpoint after being instructed to _Fail the WebSocket Connection_." (§7.1.7)
        (Failing, WriteQueued, Failed),
        // "If _The WebSocket Connection is Established_ prior to the point where the endpoint is required to _Fail the
        // WebSocket Connection_, the endpoint SHOULD send a Close frame with an appropriate status code" (§7.1.7);
        // after another Close, or instead of the response to one, it would be too late.
        (Open, Fail, Failing),
        (Closing, Fail, Failed),
        (Responding, Fail, Failed),
        // "An endpoint MAY omit sending a Close frame if it believes the other side is unlikely to be able to receive
        // and process the Close frame" (§7.1.7).
        (Open, FailSilently, Failed),
        (Closing, FailSilently, Failed),
        (Responding, FailSilently, Failed),
        // A Close that was not written in time is not written at all.
        (Open, GiveUp, Failed),
        (Closing, GiveUp, Failed),
        (Responding, GiveUp, Failed),
        (Failing, GiveUp, Failed),
        // "If _The WebSocket Connection is Closed_ and no Close control frame was received by the endpoint ..., _The
        // WebSocket Connection Close Code_ is considered to be 1006." (§7.1.5) After the peer's Close, the end is no
        // failure.
        (Open, End, Failed),
        (Closing, End, Failed),
        // The direction that has seen more is right.
        (Open, Report(Closing), Closing),
        (Open, Report(Responding), Responding),
        (Open, Report(Failing), Failing),
        (Open, Report(Closed), Closed),
        (Open, Report(Failed), Failed),
        // Our Close was sent, and the peer's was received.
        (Closing, Report(Responding), Closed),
        (Responding, Report(Closing), Closed),
        // Another Close was sent, or queued, before the Close that tells of the failure.
        (Closing, Report(Failing), Failed),
        (Failing, Report(Closing), Failed),
        (Responding, Report(Failing), Failed),
        (Failing, Report(Responding), Failed),
        (Closing, Report(Closed), Closed),
        (Responding, Report(Closed), Closed),
        (Failing, Report(Closed), Closed),
        (Closing, Report(Failed), Failed),
        (Responding, Report(Failed), Failed),
        (Failing, Report(Failed), Failed),
        (Closed, Report(Failed), Failed),
    ]
};

/// The closing handshake of one direction: its state, and the code of our Close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closing {
    state: State,
    /// The code of our Close, which is queued or was sent; `None` if it has no code.
    code: Option<CloseCode>,
    sent: bool,
    received: bool,
    /// Whether the state has changed since it was last reported to the connection's other direction.
    unreported: bool,
}

impl Closing {
    pub(crate) const fn new() -> Self {
        Self { state: State::Open, code: None, sent: false, received: false, unreported: false }
    }

    #[cfg(test)]
    pub(crate) const fn state(&self) -> State {
        self.state
    }

    /// Whether data, a Ping or a Close that starts the closing handshake may still be sent.
    ///
    /// "The application MUST NOT send any more data frames after sending a Close frame." (§5.5.1)
    #[inline]
    pub(crate) const fn may_send(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Whether the state has changed since it was last reported to the connection's other direction.
    #[inline]
    pub(crate) const fn has_report(&self) -> bool {
        self.unreported
    }

    /// Returns the state for the other direction to [handle](Self::handle_report). It counts as reported.
    pub(crate) const fn take_report(&mut self) -> Self {
        self.unreported = false;
        *self
    }

    /// Whether frames from the peer are still processed.
    ///
    /// "After both sending and receiving a Close message, an endpoint considers the WebSocket connection closed"; and a
    /// failed connection "MUST NOT continue to attempt to process data" (§7.1.7). If only our Close was sent, frames
    /// that the peer sent before it has received our Close are still delivered.
    #[inline]
    pub(crate) const fn may_receive(&self) -> bool {
        matches!(self.state, State::Open | State::Closing)
    }

    /// Whether the peer's Close was received.
    pub(crate) const fn has_received(&self) -> bool {
        self.received
    }

    /// Whether both Closes were sent and received: the connection was closed cleanly (§7.1.4).
    pub(crate) const fn is_clean(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Whether the connection has failed or was lost.
    pub(crate) const fn has_failed(&self) -> bool {
        matches!(self.state, State::Failing | State::Failed)
    }

    /// Whether nothing more will be received, and no Close is left to write.
    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.state, State::Closed | State::Failed)
    }

    /// The code of our Close: `None` until the Close is written, and `Some(None)` if it has no code.
    pub(crate) const fn sent(&self) -> Option<Option<CloseCode>> {
        if self.sent { Some(self.code) } else { None }
    }

    /// Makes the transition for `event`. Returns whether the table has one.
    fn step(&mut self, event: CloseEvent) -> bool {
        let row = TABLE.iter().find(|(state, on, _)| *state == self.state && *on == event);
        if let Some((_, _, next)) = row {
            self.state = *next;
            // What the other direction has reported need not be reported back: it reaches the same state.
            self.unreported |= !matches!(event, CloseEvent::Report(_));
        }
        row.is_some()
    }

    /// [`step`](Self::step) for an event that decides the code of our Close, unless an earlier event has decided it.
    fn step_with(&mut self, event: CloseEvent, code: Option<CloseCode>) -> bool {
        if self.may_send() {
            self.code = code;
        }
        self.step(event)
    }

    /// We have written a Close that starts the closing handshake.
    pub(crate) fn send_close(&mut self, code: Option<CloseCode>) {
        self.sent |= self.step_with(CloseEvent::SendClose, code);
    }

    /// The peer's Close was received, with this code.
    ///
    /// "When sending a Close frame in response, the endpoint typically echos the status code it received." (§5.5.1)
    pub(crate) fn recv_close(&mut self, code: Option<CloseCode>) {
        self.received |= self.step_with(CloseEvent::RecvClose, code);
    }

    /// The connection fails. `code` is the code of our Close; with `None`, no Close is sent.
    pub(crate) fn fail(&mut self, code: Option<CloseCode>) {
        let event = if code.is_some() { CloseEvent::Fail } else { CloseEvent::FailSilently };
        self.step_with(event, code);
    }

    /// The code of the queued Close: `None` if no Close is queued, and `Some(None)` if it has no code.
    #[inline]
    pub(crate) const fn queued(&self) -> Option<Option<CloseCode>> {
        if matches!(self.state, State::Responding | State::Failing) {
            Some(self.code)
        } else {
            None
        }
    }

    /// The queued Close was written.
    pub(crate) fn queued_sent(&mut self) {
        self.sent |= self.step(CloseEvent::WriteQueued);
    }

    /// The close timeout has expired before the queued Close was written.
    pub(crate) fn give_up(&mut self) {
        self.step(CloseEvent::GiveUp);
    }

    /// Takes over what the connection's other direction has seen. Both directions reach the same state, whichever
    /// reports first.
    pub(crate) fn handle_report(&mut self, other: Self) {
        // The code that was sent takes precedence over a code that was only planned.
        if other.sent || (self.code.is_none() && !self.sent) {
            self.code = other.code;
        }
        self.sent |= other.sent;
        self.received |= other.received;
        if self.state != other.state {
            self.step(CloseEvent::Report(other.state));
        }
    }

    /// The transport has ended, and the connection is over.
    ///
    /// # Errors
    /// `how`, if the end is not clean because the peer's Close is missing.
    pub(crate) fn end(&mut self, how: Ended) -> Result<(), Ended> {
        if self.step(CloseEvent::End) { Err(how) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: Option<CloseCode> = Some(CloseCode::Normal);

    /// In an order in which every transition leads to a later state.
    const STATES: [State; 6] = {
        use State::{Closed, Closing, Failed, Failing, Open, Responding};
        [Open, Closing, Responding, Failing, Closed, Failed]
    };

    const EVENTS: [CloseEvent; 13] = {
        use CloseEvent::{
            End, Fail, FailSilently, GiveUp, RecvClose, Report, SendClose, WriteQueued,
        };
        use State::{Closed, Closing, Failed, Failing, Open, Responding};
        [
            SendClose,
            RecvClose,
            WriteQueued,
            Fail,
            FailSilently,
            GiveUp,
            End,
            Report(Open),
            Report(Closing),
            Report(Responding),
            Report(Failing),
            Report(Closed),
            Report(Failed),
        ]
    };

    fn at(state: State) -> Closing {
        Closing { state, code: None, sent: false, received: false, unreported: false }
    }

    /// How far along the list of states this one is.
    fn rank(state: State) -> usize {
        STATES.iter().position(|one| *one == state).expect("STATES has every state")
    }

    /// The state after the method that stands for `event`.
    fn after(state: State, event: CloseEvent) -> State {
        let mut closing = at(state);
        match event {
            CloseEvent::SendClose => closing.send_close(CODE),
            CloseEvent::RecvClose => closing.recv_close(CODE),
            CloseEvent::WriteQueued => closing.queued_sent(),
            CloseEvent::Fail => closing.fail(CODE),
            CloseEvent::FailSilently => closing.fail(None),
            CloseEvent::GiveUp => closing.give_up(),
            CloseEvent::End => drop(closing.end(Ended::Reset)),
            CloseEvent::Report(other) => closing.handle_report(at(other)),
        }
        closing.state()
    }

    #[test]
    fn the_table_has_one_row_at_most_for_a_state_and_an_event() {
        for state in STATES {
            for event in EVENTS {
                let rows = TABLE.iter().filter(|(from, on, _)| (*from, *on) == (state, event));
                assert!(rows.count() <= 1, "{state:?} on {event:?}");
            }
        }
    }

    #[test]
    fn every_row_of_the_table_is_taken_and_without_a_row_nothing_changes() {
        let mut taken = 0;
        for state in STATES {
            for event in EVENTS {
                let row = TABLE.iter().find(|(from, on, _)| (*from, *on) == (state, event));
                taken += usize::from(row.is_some());
                let expected = row.map_or(state, |(_, _, next)| *next);
                assert_eq!(after(state, event), expected, "{state:?} on {event:?}");
            }
        }
        assert_eq!(taken, TABLE.len(), "a row for an event that the test does not know");
    }

    #[test]
    fn every_row_leads_further_so_that_every_connection_ends() {
        for (state, event, next) in TABLE {
            assert!(rank(next) > rank(state), "{state:?} on {event:?}");
        }
        for state in STATES {
            let ended = after(after(state, CloseEvent::End), CloseEvent::GiveUp);
            assert!(at(ended).is_over(), "{state:?} can be ended from outside");
        }
    }

    #[test]
    fn halves_that_hear_of_each_other_agree_whichever_hears_first() {
        for one in STATES {
            for other in STATES {
                let heard = after(one, CloseEvent::Report(other));
                assert_eq!(heard, after(other, CloseEvent::Report(one)), "{one:?} and {other:?}");
                assert_eq!(heard, after(heard, CloseEvent::Report(other)), "{other:?} once more");
                assert_eq!(heard, after(other, CloseEvent::Report(heard)), "{heard:?} told back");
            }
        }
    }

    /// The table once more, as a grid, so that a change of a row is a change of two places.
    #[test]
    fn every_state_and_event_leads_where_the_grid_says() {
        use State::{Closed, Closing, Failed, Failing, Open, Responding};
        for (state, from_outside, heard) in [
            (
                Open,
                [Closing, Responding, Open, Failing, Failed, Failed, Failed],
                [Open, Closing, Responding, Failing, Closed, Failed],
            ),
            (
                Closing,
                [Closing, Closed, Closing, Failed, Failed, Failed, Failed],
                [Closing, Closing, Closed, Failed, Closed, Failed],
            ),
            (
                Responding,
                [Responding, Responding, Closed, Failed, Failed, Failed, Responding],
                [Responding, Closed, Responding, Failed, Closed, Failed],
            ),
            (
                Failing,
                [Failing, Failing, Failed, Failing, Failing, Failed, Failing],
                [Failing, Failed, Failed, Failing, Closed, Failed],
            ),
            (Closed, [Closed; 7], [Closed, Closed, Closed, Closed, Closed, Failed]),
            (Failed, [Failed; 7], [Failed; 6]),
        ] {
            let expected = from_outside.into_iter().chain(heard);
            for (event, expected) in EVENTS.into_iter().zip(expected) {
                assert_eq!(after(state, event), expected, "{state:?} on {event:?}");
            }
        }
    }

    #[test]
    fn what_each_state_permits() {
        use State::{Closed, Closing, Failed, Failing, Open, Responding};
        for (state, send, receive, queued, clean, over, end) in [
            (Open, true, true, false, false, false, Err(Ended::Reset)),
            (Closing, false, true, false, false, false, Err(Ended::Reset)),
            (Responding, false, false, true, false, false, Ok(())),
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
        for code in [None, CODE, Some(CloseCode::Private(4999))] {
            let mut closing = Closing::new();
            closing.recv_close(code);
            assert_eq!(closing.queued(), Some(code));
        }
    }

    /// "After receiving a control frame indicating the connection should be closed, a peer sends a Close frame in
    /// response" (§5.5.1), with the code that was received.
    #[test]
    fn a_report_without_a_sent_close_leaves_the_code_of_the_queued_one() {
        let mut closing = Closing::new();
        closing.recv_close(CODE);
        closing.handle_report(Closing::new());
        assert_eq!(closing.queued(), Some(CODE));
        // The other direction has sent a Close before: that is ours, and its code.
        let mut other = Closing::new();
        other.send_close(Some(CloseCode::Away));
        closing.handle_report(other);
        assert_eq!(closing.sent(), Some(Some(CloseCode::Away)));
    }
}
