//! One end of a connection: a WebSocket, whole or in halves, and its application, whose calls never wait.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use fullduplex::SendError;
use fullduplex_std::{
    CloseCode, CloseFrame, Error, Message, PreparedMessage, Result, WebSocket, WebSocketReceiver,
    WebSocketSender,
};

use super::wire::Wire;
use crate::between::{self, Between, State, both};
use crate::flow::{Flow, Given};
use crate::memory::{Held, uncounted};
use crate::plan::{Act, Broken, How, Invariant, Kind, Side, Take};

/// A WebSocket, if it still exists.
pub(super) enum Socket {
    Whole(Box<WebSocket<Wire>>),
    Halves(Box<(WebSocketSender<Wire>, WebSocketReceiver<Wire>)>),
    Gone,
}

/// One end of a connection.
pub(super) struct End {
    side: Side,
    between: Rc<RefCell<Between>>,
    socket: Socket,
    pub(super) state: State,
    /// Whether the application receives when it has nothing else to do.
    pub(super) reading: bool,
    take: Take,
}

/// Runs a sending method of the WebSocket or of its sending half, and counts what it allocates.
macro_rules! sending {
    ($end:expr, $held:expr, $it:ident => $call:expr) => {
        match &mut $end.socket {
            Socket::Whole($it) => Some($held.count(|| $call)),
            Socket::Halves(halves) => {
                let $it = &mut halves.0;
                Some($held.count(|| $call))
            }
            Socket::Gone => None,
        }
    };
}

/// Runs a receiving method of the WebSocket or of its receiving half, and counts what it allocates.
macro_rules! receiving {
    ($end:expr, $held:expr, $it:ident => $call:expr) => {
        match &mut $end.socket {
            Socket::Whole($it) => Some($held.count(|| $call)),
            Socket::Halves(halves) => {
                let $it = &mut halves.1;
                Some($held.count(|| $call))
            }
            Socket::Gone => None,
        }
    };
}

impl End {
    pub(super) fn new(side: Side, between: Rc<RefCell<Between>>, socket: WebSocket<Wire>) -> Self {
        // The box belongs to the simulation, so it is not counted.
        let socket = uncounted(|| Socket::Whole(Box::new(socket)));
        let state = State::default();
        Self { side, between, socket, state, reading: true, take: Take::Owned }
    }

    fn is_gone(&self) -> bool {
        matches!(self.socket, Socket::Gone)
    }

    fn note(&self, what: &'static str) {
        self.between.borrow_mut().coverage.note(what);
    }

    fn breaks(&self, invariant: Invariant, what: String) {
        self.between.borrow_mut().keep(Err(Broken::new(invariant, what)));
    }

    fn with_flow<T>(&self, f: impl FnOnce(&mut Flow) -> T) -> T {
        f(both(&mut self.between.borrow_mut().flows, self.side).0)
    }

    fn can_send(&mut self, held: &mut Held) -> bool {
        sending!(self, held, it => it.can_send()).unwrap_or(false)
    }

    /// What the application does.
    pub(super) fn act(&mut self, act: Act, held: &mut Held) {
        if self.is_gone() {
            return;
        }
        match act {
            Act::Send(kind, len, how) => self.send(kind, len, how, held),
            Act::Feed(kind, len) => self.feed(kind, len, held),
            Act::Fragment(kind, len, last) => self.fragment(kind, len, last, held),
            Act::Ping(len) => self.control(true, len, held),
            Act::Pong(len) => self.control(false, len, held),
            Act::Close(code, reason) => self.close(code, reason, held),
            Act::CloseAndWait(code) => self.close(code, 0, held),
            Act::Flush => {
                let could_send = self.can_send(held);
                let flushed = sending!(self, held, it => it.flush());
                self.sent(flushed, could_send, "flush", held);
            }
            Act::Poll(take, most) => {
                let preferred = std::mem::replace(&mut self.take, take);
                for _ in 0..most {
                    if !self.receive(held) {
                        break;
                    }
                }
                self.take = preferred;
            }
            Act::Prefer(take) => self.take = take,
            Act::Compression(on) => {
                sending!(self, held, it => it.set_compression(on));
                self.note("compression on or off");
            }
            Act::Release => {
                sending!(self, held, it => it.release());
                receiving!(self, held, it => it.release());
                self.note("release");
            }
            Act::Pause => {
                self.reading = false;
                self.note("pause");
            }
            Act::Resume(_) => self.reading = true,
            Act::Split => self.split(held),
            Act::Join => self.join(held),
            Act::Drop => {
                self.state.dropped = true;
                self.note("drop");
                self.drop_socket(held);
            }
            _ => {}
        }
    }

    pub(super) fn drop_socket(&mut self, held: &mut Held) {
        match std::mem::replace(&mut self.socket, Socket::Gone) {
            Socket::Whole(whole) => {
                let whole = uncounted(|| *whole);
                held.count(|| drop(whole));
            }
            Socket::Halves(halves) => {
                let halves = uncounted(|| *halves);
                held.count(|| drop(halves));
            }
            Socket::Gone => {}
        }
    }

    pub(super) fn split(&mut self, held: &mut Held) {
        self.socket = match std::mem::replace(&mut self.socket, Socket::Gone) {
            Socket::Whole(whole) => {
                let whole = uncounted(|| *whole);
                match held.count(|| whole.into_split()) {
                    Ok(halves) => {
                        self.note("split");
                        uncounted(|| Socket::Halves(Box::new(halves)))
                    }
                    Err(error) => {
                        self.breaks(Invariant::Failure, format!("{error:?} for `into_split`"));
                        Socket::Gone
                    }
                }
            }
            other => other,
        };
    }

    fn join(&mut self, held: &mut Held) {
        self.socket = match std::mem::replace(&mut self.socket, Socket::Gone) {
            Socket::Halves(halves) => {
                let (sender, receiver) = uncounted(|| *halves);
                match held.count(|| receiver.reunite(sender)) {
                    Ok(whole) => {
                        self.note("join");
                        uncounted(|| Socket::Whole(Box::new(whole)))
                    }
                    Err(_) => {
                        self.breaks(Invariant::Failure, "the halves do not fit".into());
                        Socket::Gone
                    }
                }
            }
            other => other,
        };
    }

    /// Receives once. Returns whether something was received.
    pub(super) fn receive(&mut self, held: &mut Held) -> bool {
        let (side, between) = (self.side, self.between.clone());
        let give = |given: Given<'_>| between.borrow_mut().give(side, given);
        let received = if self.take == Take::Chunks {
            receiving!(self, held, it => it.read_chunk().map(|chunk| give((&chunk).into())))
        } else {
            both(&mut between.borrow_mut().flows, side).1.give_up();
            receiving!(self, held, it => it.read().map(|message| give((&message).into())))
        };
        match received {
            None => false,
            Some(Ok(())) => true,
            Some(Err(error)) if error.would_block() => false,
            Some(Err(error)) => {
                self.fail(error, held);
                true
            }
        }
    }

    /// A call that receives has returned an error.
    fn fail(&mut self, error: Error, held: &mut Held) {
        match (&error, self.state.error) {
            (Error::ConnectionClosed | Error::AlreadyClosed, _) => {
                let end = receiving!(self, held, it => between::End::of(it.receiver()));
                self.state.end = end;
                self.note("end");
                self.drop_socket(held);
            }
            (_, Some(before)) => {
                self.breaks(Invariant::Failure, format!("{error:?} after {before}"));
            }
            (Error::Protocol(error), None) => {
                self.state.error = Some(self.between.borrow_mut().fail(self.side, *error));
                self.state.failure = Some(*error);
            }
            (Error::Io(error), None) => {
                self.state.error = Some(self.between.borrow_mut().fail_transport(self.side, error));
            }
            (error, None) => {
                self.breaks(Invariant::Failure, format!("{error:?} while receiving"));
            }
        }
    }

    /// Writes pending output.
    pub(super) fn flush(&mut self, held: &mut Held) {
        let could_send = self.can_send(held);
        let flushed = sending!(self, held, it => it.flush());
        self.sent(flushed, could_send, "flush", held);
    }

    /// Handles the result of a call that sends. Returns whether the message was taken.
    fn sent(
        &mut self,
        result: Option<Result<()>>,
        could_send: bool,
        name: &'static str,
        held: &mut Held,
    ) -> bool {
        match result {
            None => false,
            Some(Ok(())) => {
                self.note(name);
                true
            }
            Some(Err(error)) => {
                let can_send = self.can_send(held);
                self.explain(&error, could_send, can_send);
                // The error may contain the message that was not taken.
                held.count(|| drop(error));
                false
            }
        }
    }

    /// Checks that an error of a call that sends has a reason.
    fn explain(&self, error: &Error, could_send: bool, can_send: bool) {
        let within = self.with_flow(|flow| flow.is_within_message());
        let is_broken = both(&mut self.between.borrow_mut().pipes, self.side).0.is_broken();
        let (is_explained, name) = match error {
            _ if error.would_block() => (true, "would block"),
            Error::Send(SendError::WriteBufferFull) => (true, "would block"),
            Error::Send(SendError::MessageUnfinished) => (within, "refused: unfinished"),
            Error::Send(SendError::CloseCode(_) | SendError::ReasonTooLong) => {
                (true, "refused: close")
            }
            Error::Send(SendError::Closed) | Error::AlreadyClosed | Error::ConnectionClosed => {
                (!could_send || !can_send, "refused: closed")
            }
            Error::Io(_) => (is_broken, "refused: transport"),
            _ => (false, "refused"),
        };
        if !is_explained {
            self.breaks(
                Invariant::Failure,
                format!(
                    "{error:?} for a call that sends, could send: {could_send}, can: {can_send}"
                ),
            );
        }
        self.note(name);
    }

    fn feed(&mut self, kind: Kind, len: u32, held: &mut Held) {
        let payload = self.with_flow(|flow| flow.next_message(kind, len));
        let message = held.count(|| message_of(kind, payload));
        let could_send = self.can_send(held);
        let fed = sending!(self, held, it => it.feed(message));
        if self.sent(fed, could_send, "feed", held) {
            self.with_flow(|flow| flow.sent_message(kind, payload.len()));
        }
    }

    /// Sends a message, in one call or in two.
    fn send(&mut self, kind: Kind, len: u32, how: How, held: &mut Held) {
        if how == How::Prepared {
            return self.send_prepared(kind, len, held);
        }
        let is_refused = self.with_flow(|flow| flow.is_within_message()) || !self.can_send(held);
        if how == How::Lent || is_refused {
            self.feed(kind, len, held);
            return self.flush(held);
        }
        let payload = self.with_flow(|flow| flow.next_message(kind, len));
        let message = held.count(|| message_of(kind, payload));
        let shared = held.count(|| (how == How::Shared).then(|| message.clone()));
        let could_send = self.can_send(held);
        // It is recorded first, because it is written within the call.
        self.with_flow(|flow| flow.sent_message(kind, payload.len()));
        let sent = sending!(self, held, it => it.send(message));
        held.count(|| drop(shared));
        let was_taken = match &sent {
            Some(Ok(())) => true,
            Some(Err(Error::Io(_))) => self.can_send(held),
            Some(Err(_)) | None => false,
        };
        if !was_taken {
            self.with_flow(Flow::unsend);
        }
        let name = if how == How::Shared { "send shared" } else { "send owned" };
        self.sent(sent, could_send, name, held);
    }

    fn send_prepared(&mut self, kind: Kind, len: u32, held: &mut Held) {
        let payload = self.with_flow(|flow| flow.next_message(kind, len));
        let message = held.count(|| PreparedMessage::new(kind.into(), payload));
        let Ok(message) = message else { return };
        let could_send = self.can_send(held);
        let fed = sending!(self, held, it => it.feed_prepared(&message));
        held.count(|| drop(message));
        if self.sent(fed, could_send, "send prepared", held) {
            self.with_flow(|flow| flow.sent_message(kind, payload.len()));
        }
        self.flush(held);
    }

    fn fragment(&mut self, kind: Kind, len: u32, last: bool, held: &mut Held) {
        let (kind, payload) = self.with_flow(|flow| flow.next_fragment(kind, len, last));
        let could_send = self.can_send(held);
        let fed = sending!(self, held, it => it.feed_fragment(kind.into(), payload, last));
        if self.sent(fed, could_send, "send fragment", held) {
            self.with_flow(|flow| flow.sent_fragment(kind, payload.len(), last));
        }
    }

    fn control(&mut self, ping: bool, len: u8, held: &mut Held) {
        let payload = self.with_flow(|flow| flow.next_control(ping, len));
        let message = held.count(|| {
            let data = Bytes::copy_from_slice(&payload);
            if ping { Message::Ping(data) } else { Message::Pong(data) }
        });
        let could_send = self.can_send(held);
        let fed = sending!(self, held, it => it.feed(message));
        if self.sent(fed, could_send, if ping { "send ping" } else { "send pong" }, held) {
            self.with_flow(|flow| flow.sent_control(if ping { 9 } else { 10 }, &payload));
        }
    }

    fn close(&mut self, code: u16, reason: u8, held: &mut Held) {
        let text = "r".repeat(usize::from(reason));
        let payload =
            if code == 1005 { Vec::new() } else { [&code.to_be_bytes(), text.as_bytes()].concat() };
        let could_send = self.can_send(held);
        if could_send && (code == 1005 || CloseCode::from_u16(code).is_allowed() && reason <= 123) {
            self.with_flow(|flow| flow.intend_close(&payload));
        }
        let (closed, name) = if code == 1005 {
            let fed = sending!(self, held, it => {
                it.feed(Message::Close(None)).and_then(|()| it.flush())
            });
            (fed, "close without a code")
        } else {
            let code = CloseCode::from_u16(code);
            let frame = held.count(|| CloseFrame { code, reason: text.as_str().into() });
            (sending!(self, held, it => it.close(Some(frame))), "close")
        };
        self.sent(closed, could_send, name, held);
    }
}

fn message_of(kind: Kind, payload: &'static [u8]) -> Message {
    match std::str::from_utf8(payload) {
        Ok(text) if kind == Kind::Text => Message::text(text),
        _ => Message::Binary(Bytes::copy_from_slice(payload)),
    }
}
