//! One direction of a connection: what the sender's application has sent, what its endpoint has written, and what the
//! receiver's application was given. The oracle of messages, control frames and Closes.

mod given;

use std::collections::{BTreeSet, VecDeque};

use fullduplex::{CloseCode, Ended, Error, FrameError, MessageError};

pub(crate) use self::given::Given;
use crate::content::{Content, MOST};
use crate::plan::{Kept, Kind, Settings, Setup, Side, keep};
use crate::watch::{Item, Watch};

/// The size of the identifier at the beginning of a Ping that an application sends.
const PING_ID: usize = 5;

/// Something that the application has sent.
#[derive(Debug, PartialEq, Eq)]
enum Sent {
    Message { kind: Kind, number: u64, len: usize },
    Control { opcode: u8, payload: Box<[u8]> },
}

/// A message or control frame that was written, and where it ends in the stream.
#[derive(Debug)]
struct Written {
    sent: Sent,
    end: u64,
}

/// A Close that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WrittenClose {
    pub(crate) payload: Box<[u8]>,
    /// When it was written.
    pub(crate) at: u64,
    /// Whether the application has sent it, and not the endpoint by itself.
    by_application: bool,
}

/// The message that is being sent in fragments.
#[derive(Debug)]
struct Unfinished {
    kind: Kind,
    len: usize,
}

/// One direction of a connection.
#[derive(Debug)]
pub(crate) struct Flow {
    seed: u64,
    /// The receiver's limits.
    limits: Settings,
    watch: Watch,
    items: Vec<Item>,
    sent: VecDeque<Sent>,
    written: VecDeque<Written>,
    /// The number of the next message that is sent.
    next: u64,
    unfinished: Option<Unfinished>,
    /// How many messages were written, and how many of them were given.
    messages_written: u64,
    messages_given: u64,
    /// How much of the next message was given in pieces, whether its first piece was, and whether
    /// the rest was given up.
    given: usize,
    begun: bool,
    given_up: bool,
    /// Whether the network has damaged this direction.
    pub(crate) is_damaged: bool,
    /// The number of the first message that exceeds a limit of the receiver, and which limits it exceeds.
    over: Option<(u64, BTreeSet<&'static str>)>,
    next_ping: u32,
    /// The numbers of the last Ping that was written, and of the last Pong that answers one.
    last_ping: u32,
    last_pong: u32,
    /// The same, with 0 for an empty payload.
    pinged: Option<u32>,
    answered: Option<u32>,
    /// How many empty Pings and Pongs were written.
    pub(crate) keepalives: u32,
    empty_pongs: u32,
    pub(crate) close: Option<WrittenClose>,
    /// Closes that may have been sent: their calls were dropped.
    intended: Vec<Box<[u8]>>,
    /// Whether the receiver's application was given the Close.
    pub(crate) close_given: bool,
    /// Whether the receiver has read damaged bytes, or may give up messages.
    pub(crate) is_tainted: bool,
    /// The largest payload that was sent.
    pub(crate) largest: usize,
    /// When the endpoint has written its last Ping of its own.
    pub(crate) pinged_at: Option<u64>,
}

impl Flow {
    pub(crate) fn new(setup: &Setup, connection: usize, from: Side, with_head: bool) -> Self {
        let is_tokio = with_head;
        Self {
            seed: setup.seed
                ^ ((connection as u64) << 8 | from as u64).wrapping_mul(0x1234_5678_9abc_def1),
            limits: *setup.settings(from.peer()),
            watch: Watch::new(from, setup.deflate.is_some(), with_head, is_tokio),
            items: Vec::new(),
            sent: VecDeque::new(),
            written: VecDeque::new(),
            next: 0,
            unfinished: None,
            messages_written: 0,
            messages_given: 0,
            given: 0,
            begun: false,
            given_up: false,
            is_damaged: false,
            over: None,
            next_ping: 1,
            last_ping: 0,
            last_pong: 0,
            pinged: None,
            answered: None,
            keepalives: 0,
            empty_pongs: 0,
            close: None,
            intended: Vec::new(),
            close_given: false,
            is_tainted: false,
            largest: 0,
            pinged_at: None,
        }
    }

    /// The payload of the next message, for a message of about `len` bytes.
    pub(crate) fn next_message(&self, kind: Kind, len: u32) -> &'static [u8] {
        let content = Content::of(kind, self.seed, self.next);
        content.bytes(0..content.end((len as usize).min(MOST)))
    }

    /// The payload of the next fragment, for a fragment of about `len` bytes, and the kind of its message.
    pub(crate) fn next_fragment(&self, kind: Kind, len: u32, last: bool) -> (Kind, &'static [u8]) {
        let (kind, before) = match &self.unfinished {
            Some(message) => (message.kind, message.len),
            None => (kind, 0),
        };
        let content = Content::of(kind, self.seed, self.next);
        let end = (before + len as usize).min(MOST.max(before));
        (kind, content.bytes(before..if last { content.end(end) } else { end }))
    }

    /// The payload of the next Ping or Pong.
    pub(crate) fn next_control(&self, ping: bool, len: u8) -> Vec<u8> {
        let mut payload = vec![if ping { b'P' } else { b'U' }];
        payload.extend(self.next_ping.to_be_bytes());
        payload.resize(usize::from(len.min(125)).max(PING_ID), b'.');
        payload
    }

    /// Whether a message is being sent in fragments.
    pub(crate) fn is_within_message(&self) -> bool {
        self.unfinished.is_some()
    }

    /// The application has sent a message.
    pub(crate) fn sent_message(&mut self, kind: Kind, len: usize) {
        self.counts_to(len);
        self.sent.push_back(Sent::Message { kind, number: self.next, len });
        self.next += 1;
    }

    /// Whether messages may be compressed.
    pub(crate) fn may_compress(&self) -> bool {
        self.watch.may_compress()
    }

    /// The message that was recorded last was not taken after all.
    pub(crate) fn unsend(&mut self) {
        if let Some(Sent::Message { .. }) = self.sent.pop_back() {
            self.next -= 1;
            // The next message must get another number.
            let next = self.next;
            self.over.take_if(|(number, _)| *number == next);
        }
    }

    /// The receiver's application may give up messages from now on.
    pub(crate) fn taint(&mut self) {
        self.is_tainted = true;
    }

    /// The application has sent a fragment.
    pub(crate) fn sent_fragment(&mut self, kind: Kind, len: usize, last: bool) {
        let message = self.unfinished.get_or_insert(Unfinished { kind, len: 0 });
        message.len += len;
        let len = message.len;
        if last {
            self.unfinished = None;
            self.sent_message(kind, len);
        } else {
            self.counts_to(len);
        }
    }

    /// Records the length of the message that is being sent, and whether it exceeds the receiver's
    /// limit.
    fn counts_to(&mut self, len: usize) {
        self.largest = self.largest.max(len);
        if len > self.limits.max_message as usize {
            self.is_over(self.next, "message");
        }
    }

    fn is_over(&mut self, number: u64, what: &'static str) {
        match &mut self.over {
            Some((first, kinds)) if *first == number => {
                kinds.insert(what);
            }
            Some((first, _)) if *first < number => {}
            over => *over = Some((number, BTreeSet::from([what]))),
        }
    }

    /// The application has sent a control frame.
    pub(crate) fn sent_control(&mut self, opcode: u8, payload: &[u8]) {
        if opcode != 8 {
            self.next_ping += 1;
        }
        self.sent.push_back(Sent::Control { opcode, payload: payload.into() });
    }

    /// The application has sent a Close.
    pub(crate) fn sent_close(&mut self, payload: &[u8]) {
        self.sent_control(8, payload);
    }

    /// The application begins to send a Close. If its call is dropped, it may not have been sent.
    pub(crate) fn intend_close(&mut self, payload: &[u8]) {
        self.intended.push(payload.into());
    }

    /// Whether the next byte that is written begins a frame.
    pub(crate) fn is_between_frames(&self) -> bool {
        self.watch.is_between_frames()
    }

    /// Parses what the endpoint writes.
    ///
    /// # Errors
    /// When it is not valid, or not what was sent.
    pub(crate) fn write(&mut self, bytes: &mut [u8], back: &Self, now: u64) -> Kept {
        let mut items = std::mem::take(&mut self.items);
        self.watch.push(bytes, &mut items)?;
        for item in items.drain(..) {
            self.wrote(item, back, now)?;
        }
        self.items = items;
        Ok(())
    }

    fn wrote(&mut self, item: Item, back: &Self, now: u64) -> Kept {
        match item {
            Item::Frame { len, nth } => {
                if len > u64::from(self.limits.max_frame) {
                    self.is_over(self.messages_written, "frame");
                }
                if nth > self.limits.max_fragments.max(1) {
                    self.is_over(self.messages_written, "fragments");
                }
            }
            Item::Message { text, compressed, len, end } => {
                let sent = self.sent.pop_front();
                let Some(Sent::Message { kind, number, len: expected }) = sent else {
                    keep!(false, Wire, "a message is written, but sent was {sent:?}");
                    return Ok(());
                };
                keep!((kind == Kind::Text) == text, Wire, "a message of the wrong kind");
                keep!(
                    compressed || len == expected as u64,
                    Wire,
                    "a message of {expected} bytes is written with {len}"
                );
                self.messages_written += 1;
                let sent = Sent::Message { kind, number, len: expected };
                self.written.push_back(Written { sent, end });
            }
            Item::Control { opcode, payload, end } => {
                self.wrote_control(opcode, &payload, back, now)?;
                self.written.push_back(Written { sent: Sent::Control { opcode, payload }, end });
            }
        }
        Ok(())
    }

    fn wrote_control(&mut self, opcode: u8, payload: &[u8], back: &Self, now: u64) -> Kept {
        let is_sent = matches!(self.sent.front(), Some(Sent::Control { opcode: sent, payload: expected })
            if *sent == opcode && **expected == *payload);
        if is_sent {
            self.sent.pop_front();
        }
        let is_sent = is_sent || opcode == 8 && self.intended.iter().any(|it| **it == *payload);
        let sent = self.sent.front();
        let number = || match payload {
            [_, a, b, c, d, ..] => u32::from_be_bytes([*a, *b, *c, *d]),
            _ => 0,
        };
        match (opcode, payload.first()) {
            (8, _) => {
                keep!(self.close.is_none(), Close, "a second Close is written");
                keep!(
                    is_sent || !matches!(sent, Some(Sent::Control { opcode: 8, .. })),
                    Close,
                    "a Close is written with {payload:02x?}, but sent was {sent:?}"
                );
                keep!(
                    is_sent || self.sent.is_empty(),
                    Order,
                    "a Close is written before {} others that were sent",
                    self.sent.len()
                );
                let by_application = is_sent;
                self.close =
                    Some(WrittenClose { payload: payload.into(), at: now, by_application });
            }
            (9, None) => {
                keep!(self.limits_of_sender_ping(back), Wire, "a Ping without a keepalive");
                self.keepalives += 1;
                self.pinged_at = Some(now);
                self.pinged = Some(0);
            }
            (9, _) => {
                keep!(is_sent, Order, "a Ping is written, but sent was {:?}", self.sent.front());
                self.last_ping = number();
                self.pinged = Some(self.last_ping);
            }
            // What the endpoint has received is not known, so its replies are not either.
            (10, _) if back.is_damaged => {}
            (10, None) => {
                self.empty_pongs += 1;
                self.answered = Some(0);
                keep!(self.empty_pongs <= back.keepalives, Order, "an empty Pong for no Ping");
            }
            (10, Some(b'P')) => {
                let number = number();
                keep!(
                    number > self.last_pong && number <= back.last_ping,
                    Order,
                    "a Pong for Ping {number} after {}, of {}",
                    self.last_pong,
                    back.last_ping
                );
                self.last_pong = number;
                self.answered = Some(number);
            }
            (10, _) => {
                keep!(is_sent, Order, "a Pong is written, but sent was {:?}", self.sent.front());
            }
            _ => keep!(false, Wire, "the opcode {opcode}"),
        }
        Ok(())
    }

    /// Whether the sender may send Pings of its own. `back` knows its settings.
    fn limits_of_sender_ping(&self, back: &Self) -> bool {
        back.limits.ping_interval.is_some()
    }

    /// The receiver's application is given something. `damaged_at` is the position of the first damaged byte.
    ///
    /// # Errors
    /// When it is not what comes next.
    pub(crate) fn give(&mut self, given: Given<'_>, damaged_at: Option<u64>) -> Kept {
        keep!(!self.close_given, Order, "something is received after the Close");
        if let Given::Close(_) = given {
            self.close_given = true;
        }
        if self.is_tainted {
            return self.give_anything(given);
        }
        self.skip(damaged_at);
        if self.is_tainted {
            return Ok(());
        }
        if let Given::Piece(kind, payload, first, last) = given {
            if damaged_at.is_some() && !self.is_next_intact(damaged_at) {
                self.is_tainted = true;
                return Ok(());
            }
            keep!(first != self.begun, Order, "a piece that is the first one: {first}");
            self.check_part(kind, payload)?;
            self.given += payload.len();
            self.begun = !last;
            return if last { self.take_message(kind) } else { Ok(()) };
        }
        let is_intact = |next: &Written| damaged_at.is_none_or(|damaged_at| next.end <= damaged_at);
        if damaged_at.is_some() && !self.written.front().is_some_and(is_intact) {
            self.is_tainted = true;
            return Ok(());
        }
        match given {
            Given::Message(kind, payload) => {
                self.check_part(kind, payload)?;
                self.given = payload.len();
                return self.take_message(kind);
            }
            Given::Ping(payload) => self.take_control(9, payload)?,
            Given::Pong(payload) => self.take_control(10, payload)?,
            Given::Close(reason) => {
                let mut payload = Vec::new();
                if let Some((code, reason)) = reason {
                    payload.extend(code.to_be_bytes());
                    payload.extend(reason.as_bytes());
                }
                self.take_control(8, &payload)?;
                keep!(
                    self.written.is_empty() && self.sent.is_empty(),
                    Order,
                    "a Close is received before what was sent"
                );
            }
            Given::Piece(..) => {}
        }
        Ok(())
    }

    /// If the application was given something else after giving up a message, the rest of that
    /// message was skipped.
    fn skip(&mut self, damaged_at: Option<u64>) {
        let next = self.written.front();
        if self.given_up
            && let Some(Written { sent: Sent::Message { .. }, end }) = next
        {
            self.is_tainted |= damaged_at.is_some_and(|damaged_at| *end > damaged_at);
            self.written.pop_front();
            self.messages_given += 1;
            self.given = 0;
            (self.begun, self.given_up) = (false, false);
        }
    }

    /// Checks what is received after damage: it must only be something that an endpoint may return.
    fn give_anything(&mut self, given: Given<'_>) -> Kept {
        match given {
            Given::Message(Kind::Text, payload) => {
                keep!(std::str::from_utf8(payload).is_ok(), Failure, "text that is not UTF-8");
            }
            Given::Ping(payload) | Given::Pong(payload) => {
                keep!(payload.len() <= 125, Failure, "a control frame of {}", payload.len());
            }
            Given::Close(Some((code, _))) => {
                keep!(matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999), Failure, "{code}");
            }
            Given::Message(..) | Given::Piece(..) | Given::Close(None) => {}
        }
        Ok(())
    }

    /// Whether the next message ends before the first damaged byte.
    fn is_next_intact(&self, damaged_at: Option<u64>) -> bool {
        let next = self.written.iter().find(|it| matches!(it.sent, Sent::Message { .. }));
        next.is_some_and(|next| damaged_at.is_none_or(|damaged| next.end <= damaged))
    }

    /// Checks a piece of the message that is given next.
    fn check_part(&self, kind: Kind, payload: &[u8]) -> Kept {
        let number = self.messages_given;
        if let Some((over, kinds)) = &self.over {
            let counts = kinds.contains("message") && kinds.len() == 1;
            let len = (self.given + payload.len()) as u64;
            // The first part of a message that is too large may be given.
            keep!(
                number < *over || !counts || len <= u64::from(self.limits.max_message),
                Failure,
                "message {number} is over a limit, {kinds:?}"
            );
        }
        let content = Content::of(kind, self.seed, number);
        keep!(
            self.given + payload.len() <= MOST + 4
                && content.bytes(self.given..self.given + payload.len()) == payload,
            Order,
            "message {number} is not what was sent, in {} bytes from {}",
            payload.len(),
            self.given
        );
        Ok(())
    }

    /// The last byte of a message was given.
    fn take_message(&mut self, kind: Kind) -> Kept {
        let next = self.written.pop_front().map(|next| next.sent);
        let given = Sent::Message {
            kind,
            number: self.messages_given,
            len: std::mem::take(&mut self.given),
        };
        keep!(next.as_ref() == Some(&given), Order, "{given:?} is received, sent was {next:?}");
        if let Some((over, kinds)) = &self.over {
            keep!(self.messages_given < *over, Failure, "a message over a limit: {kinds:?}");
        }
        self.messages_given += 1;
        Ok(())
    }

    fn take_control(&mut self, opcode: u8, payload: &[u8]) -> Kept {
        let next = self.written.pop_front().map(|next| next.sent);
        let given = Sent::Control { opcode, payload: payload.into() };
        keep!(next.as_ref() == Some(&given), Order, "{given:?} is received, sent was {next:?}");
        Ok(())
    }

    /// The receiver's application gives up the rest of a message that was given in part.
    pub(crate) fn give_up(&mut self) {
        self.given_up |= self.begun;
    }

    /// The receiver has failed.
    ///
    /// # Errors
    /// When nothing explains the failure.
    pub(crate) fn fail(&mut self, error: Error, damaged_at: Option<u64>) -> Kept {
        let is_damaged = damaged_at.is_some();
        if is_damaged {
            self.is_tainted = true;
        }
        let over = |what| self.over.as_ref().is_some_and(|(_, kinds)| kinds.contains(what));
        let is_explained = match error {
            Error::Frame(FrameError::TooLarge) => is_damaged || over("frame"),
            Error::Message(MessageError::TooLarge) => is_damaged || over("message"),
            Error::Message(MessageError::TooManyFragments) => is_damaged || over("fragments"),
            Error::Frame(_) | Error::Message(_) | Error::CloseFrame(_) | Error::Inflate(_) => {
                is_damaged
            }
            // The caller checks these.
            Error::Timeout(_) | Error::Ended(_) => true,
            _ => false,
        };
        keep!(is_explained, Failure, "{error:?} for no reason");
        if !is_damaged && matches!(error, Error::Frame(_) | Error::Message(_)) {
            let before = self.messages_given;
            self.skip(None);
            let given = before..=self.messages_given;
            keep!(
                self.over.as_ref().is_some_and(|(number, _)| given.contains(number)),
                Failure,
                "{error:?} after {given:?} messages, but what is over a limit is {:?}",
                self.over
            );
        }
        Ok(())
    }

    /// Whether something that was written exceeds the limit that this error reports.
    pub(crate) fn has_over(&self, error: Error) -> bool {
        let over = |what| self.over.as_ref().is_some_and(|(_, kinds)| kinds.contains(what));
        error == Error::Frame(FrameError::TooLarge) && over("frame")
    }

    /// What the receiver must report about the end of the transport, once everything that was
    /// written has arrived.
    pub(crate) fn ends_with(&self) -> Ended {
        if self.watch.is_between_messages() { Ended::WithoutClose } else { Ended::InsideMessage }
    }

    /// How many bytes were written.
    pub(crate) fn offset(&self) -> u64 {
        self.watch.offset()
    }

    /// Whether the opening handshake has been written.
    pub(crate) fn is_past_head(&self) -> bool {
        self.watch.is_past_head()
    }

    /// Checks that this end's Close has a reason: the application, the peer's Close, a failure, or that the end was dropped.
    ///
    /// # Errors
    /// When it has none.
    pub(crate) fn check_close(
        &self,
        received: Option<Option<CloseCode>>,
        failure: Option<Error>,
        dropped: bool,
        back: &Self,
    ) -> Kept {
        let Some(WrittenClose { payload, by_application: false, .. }) = &self.close else {
            return Ok(());
        };
        let code = match **payload {
            [] => None,
            [a, b] => Some(u16::from_be_bytes([a, b])),
            _ => {
                return Err(crate::plan::Broken::new(
                    crate::plan::Invariant::Close,
                    format!("a Close of the endpoint's own with a reason: {payload:02x?}"),
                ));
            }
        };
        // An end that was dropped may have read a Close that its application never received.
        let unseen = back.close.as_ref().filter(|_| dropped).map(|close| match *close.payload {
            [a, b, ..] => Some(u16::from_be_bytes([a, b])),
            _ => None,
        });
        let is_explained = received.is_some_and(|peer| peer.map(CloseCode::to_u16) == code)
            || failure.is_some_and(|error| error.close_code().map(CloseCode::to_u16) == code)
            || unseen == Some(code)
            || dropped && code == Some(1001);
        keep!(
            is_explained,
            Close,
            "a Close with {code:?}, after {received:?} and {failure:?}, dropped: {dropped}"
        );
        Ok(())
    }

    /// Checks that everything that was written and read has been given.
    ///
    /// # Errors
    /// When something is missing.
    pub(crate) fn check_given(&mut self) -> Kept {
        self.skip(None);
        keep!(
            self.written.is_empty(),
            Progress,
            "{} messages and control frames were written and are not received, the first of them {:?}",
            self.written.len(),
            self.written.front().map(|next| &next.sent)
        );
        Ok(())
    }

    /// Checks that everything that was sent has been written.
    ///
    /// # Errors
    /// When something is missing.
    pub(crate) fn check_written(&self) -> Kept {
        keep!(
            self.sent.is_empty(),
            Progress,
            "{} messages and control frames were sent but not written",
            self.sent.len()
        );
        Ok(())
    }

    /// Checks that this direction has answered the last Ping of `back`.
    ///
    /// # Errors
    /// When it has not.
    pub(crate) fn check_answered(&self, back: &Self) -> Kept {
        keep!(
            self.answered == back.pinged,
            Progress,
            "the last Pong is for Ping {:?}, and the last Ping is {:?}",
            self.answered,
            back.pinged
        );
        Ok(())
    }
}
