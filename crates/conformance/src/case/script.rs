//! What the runner does in a case, and what it expects from the subject, as values.

use std::fmt;
use std::time::Duration;

use crate::side::Side;
use crate::verdict::Behavior;
use crate::wire::{Frame, Head};

/// What the runner does in a case, and what it expects.
#[derive(Clone, Debug)]
pub struct Script {
    /// The runner's half of the opening handshake.
    pub opening: Opening,
    /// What it does once the connection is open, in order.
    pub steps: Vec<Step>,
    /// What the subject must do.
    pub expect: Expect,
}

impl Script {
    /// A script with a valid opening handshake.
    #[must_use]
    pub fn new(steps: impl Into<Vec<Step>>, expect: Conversation) -> Self {
        let expect = Expect::Conversation(expect);
        Self { opening: Opening::default(), steps: steps.into(), expect }
    }

    /// A script in which the subject must refuse the opening handshake. A client is sent a text message after it, so that a
    /// client that has opened the connection sends an echo.
    #[must_use]
    pub fn refused(side: Side, opening: Opening, refusal: Refusal) -> Self {
        let steps = match side {
            Side::Client if !opening.ends => vec![Step::send([Frame::text("Is this open?")])],
            _ => Vec::new(),
        };
        Self { opening, steps, expect: Expect::Refusal(refusal) }
    }

    /// The script, in which the subject may also refuse the opening handshake.
    #[must_use]
    pub fn or_refused(mut self, refusal: Refusal) -> Self {
        if let Expect::Conversation(conversation) = self.expect {
            self.expect = Expect::Either(conversation, refusal);
        }
        self
    }

    /// The script with another opening handshake.
    #[must_use]
    pub fn opening(mut self, opening: Opening) -> Self {
        self.opening = opening;
        self
    }
}

/// The runner's half of the opening handshake (RFC 6455 §4).
#[derive(Clone, Debug, Default)]
pub struct Opening {
    /// The offers of permessage-deflate to a server in the order of preference, or the responses to a client's offer: the
    /// first one that the offer allows is sent (RFC 7692 §7.1). If there is one, the case needs the extension.
    pub deflate: Vec<Offer>,
    /// The subprotocols that are offered to a server (RFC 6455 §11.3.4).
    pub subprotocols: Vec<&'static str>,
    /// Further field lines of the runner's half, after the others. They can use the names of
    /// [`instead`](Self::instead).
    pub fields: Vec<String>,
    /// Bytes that are sent in place of the runner's own half. A name in braces is replaced with what the valid half would
    /// have there. Towards a server, the names are `{path}`, `{host}` and `{key}`. Towards a client they are `{accept}`,
    /// `{swapped}` (the same with lower and upper case swapped), `{key}` (the client's), `{protocol}` (the first subprotocol
    /// that it offers, or `chat`), `{context}` and `{window}` (the parameters of permessage-deflate that its first offer
    /// asks the server for; nothing if it does not).
    pub instead: Option<Vec<u8>>,
    /// The `Sec-WebSocket-Key` towards a server, in place of a random one.
    pub key: Option<&'static str>,
    /// Frames that are sent right after the head.
    pub behind: Vec<Frame>,
    /// How the half, with the frames after it, is split into writes.
    pub split: Split,
    /// The time before each of these writes except the first.
    pub gap: Duration,
    /// Whether the runner then ends its direction of the connection.
    pub ends: bool,
    /// A check of the subject's half. The error is a sentence.
    pub check: Option<Check>,
    /// What the runner declares about its own compression (RFC 7692 §7.1): towards a server a hint, which the server may
    /// ignore; towards a client a promise.
    pub own: Offer,
    /// What the subject's half must contain for the case to make sense. Without it, the subject does not have what the case
    /// needs. The error is a sentence.
    pub needs: Option<Check>,
}

impl Opening {
    /// An opening handshake with offers of permessage-deflate.
    #[must_use]
    pub fn deflate(offers: impl Into<Vec<Offer>>) -> Self {
        Self { deflate: offers.into(), ..Self::default() }
    }

    /// An opening handshake with these bytes as the runner's half, in one write.
    #[must_use]
    pub fn text(text: impl Into<Vec<u8>>) -> Self {
        Self { instead: Some(text.into()), ..Self::default() }
    }

    /// An opening handshake with these further field lines, in one write.
    #[must_use]
    pub fn fields(lines: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { fields: lines.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// An opening handshake with a check of the subject's half.
    #[must_use]
    pub fn check(check: Check) -> Self {
        Self { check: Some(check), ..Self::default() }
    }
}

/// A check of the head of the subject's half of an opening handshake. The error is a sentence that describes the fault.
pub type Check = fn(&Head) -> Result<(), String>;

/// How the runner's half of an opening handshake is split into writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Split {
    /// All in one write.
    #[default]
    Whole,
    /// This number of bytes in each write.
    Every(usize),
    /// Two writes; the second one has this number of bytes.
    Tail(usize),
}

/// An offer of permessage-deflate to a server, or a response to a client's offer (RFC 7692 §7.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// The subject must compress each message on its own.
    pub no_context_takeover: bool,
    /// The subject must not use a larger window, as a power of two.
    pub max_window_bits: Option<u8>,
}

/// One step of the runner in a case.
#[derive(Clone, Debug)]
pub enum Step {
    /// It sends this.
    Send(Vec<Piece>, Cut),
    /// It waits until the subject has sent this number of messages, Pings and Pongs in all, or its patience has ended.
    Await(usize),
    /// It waits for this time. If the connection is still open then, this is an [`Event::Quiet`] with this name.
    Pause(&'static str, Duration),
    /// It sends messages, and waits for the echo of each. If all come back, this is an [`Event::Echoed`].
    Echo(Echoes),
    /// It ends its direction of the TCP connection, and continues to read.
    EndOutput,
    /// It resets the TCP connection. If the subject releases the connection, this is an
    /// [`Event::LetGo`].
    Reset,
    /// It waits for this time, without an event.
    Wait(Duration),
    /// It waits for the Pong to the last of these Pings, or for the end of the subject's direction. All Pongs to these Pings
    /// become one [`Event::Pongs`], in the place of the last one.
    Pongs(Vec<Vec<u8>>),
    /// It compares the masking keys of the subject's frames. If no two are equal, this is an [`Event::FreshKeys`].
    CompareKeys,
    /// From now on, it does not answer a Close, and continues with the steps.
    IgnoreClose,
}

impl Step {
    /// Sends these frames in one write.
    #[must_use]
    pub fn send(frames: impl IntoIterator<Item = Frame>) -> Self {
        Self::Send(frames.into_iter().map(Piece::Frame).collect(), Cut::Whole)
    }

    /// Sends these frames, with this number of bytes in each write.
    #[must_use]
    pub fn send_cut(frames: impl IntoIterator<Item = Frame>, bytes: usize) -> Self {
        Self::Send(frames.into_iter().map(Piece::Frame).collect(), Cut::Every(bytes))
    }
}

/// A part of what is sent.
#[derive(Clone, Debug)]
pub enum Piece {
    /// A frame.
    Frame(Frame),
    /// These bytes.
    Raw(Vec<u8>),
    /// A message, encoded with the negotiated extension. Its frames have at most `fragment` bytes, unless that is 0.
    Message {
        /// Whether it is binary.
        binary: bool,
        /// Its payload.
        payload: Vec<u8>,
        /// The size of its frames.
        fragment: usize,
    },
}

/// How what is sent is split into writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// All in one write.
    Whole,
    /// Each piece in its own write.
    Pieces,
    /// This number of bytes in each write.
    Every(usize),
    /// This number of bytes in each write, and a wait after each.
    Slowly {
        /// The number of bytes.
        bytes: usize,
        /// The length of the wait.
        wait: Duration,
    },
}

/// Messages that are each sent when the echo of the one before has come.
#[derive(Clone)]
pub struct Echoes {
    /// How many.
    pub count: usize,
    /// Whether they are binary.
    pub binary: bool,
    /// The size of their frames; 0 for whole messages.
    pub fragment: usize,
    /// The payload of the message with this number, counted from 0.
    pub payload: std::sync::Arc<dyn Fn(usize) -> Vec<u8> + Send + Sync>,
}

impl fmt::Debug for Echoes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Echoes")
            .field("count", &self.count)
            .field("binary", &self.binary)
            .field("fragment", &self.fragment)
            .finish_non_exhaustive()
    }
}

/// Which Pings a subject has answered (RFC 6455 §5.5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// Each of them.
    All,
    /// Not all of them, but the last one.
    Last,
    /// Some of them, before it ended the connection.
    Some,
}

/// Something that a subject does and that a case observes. Its Close is recorded separately.
#[derive(Clone, PartialEq, Eq)]
pub enum Event {
    /// It sent a text message.
    Text(Vec<u8>),
    /// It sent a binary message.
    Binary(Vec<u8>),
    /// It sent a Ping.
    Ping(Vec<u8>),
    /// It sent a Pong.
    Pong(Vec<u8>),
    /// The connection was still open at the end of the pause with this name.
    Quiet(&'static str),
    /// This number of messages was sent back unchanged.
    Echoed(usize),
    /// It answered the Pings of [`Step::Pongs`] in order; this says which of them.
    Pongs(Answered),
    /// It masked each of its frames with a different key.
    FreshKeys,
    /// The runner reset the connection, and the subject released it: a server accepts another connection, and a subject in
    /// memory reports that it has closed this one.
    LetGo,
    /// It broke the protocol; this says how.
    Violation(String),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(payload) => write!(f, "text {}", Shown(payload)),
            Self::Binary(payload) => write!(f, "binary {}", Shown(payload)),
            Self::Ping(payload) => write!(f, "Ping {}", Shown(payload)),
            Self::Pong(payload) => write!(f, "Pong {}", Shown(payload)),
            Self::Quiet(name) => write!(f, "nothing during pause {name}"),
            Self::Echoed(count) => write!(f, "{count} echoes"),
            Self::Pongs(Answered::All) => f.write_str("a Pong to each Ping"),
            Self::Pongs(Answered::Last) => f.write_str("Pongs to some Pings, the last one of all"),
            Self::Pongs(Answered::Some) => f.write_str("Pongs to some Pings, not to the last one"),
            Self::FreshKeys => f.write_str("each frame masked with another key"),
            Self::LetGo => {
                f.write_str("the TCP connection was reset, and the subject let go of it")
            }
            Self::Violation(how) => f.write_str(how),
        }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A payload for output: its length if it is long, and its beginning.
struct Shown<'p>(&'p [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 40;
        let begin = &self.0[..self.0.len().min(MOST)];
        write!(f, "\"{}\"", begin.escape_ascii())?;
        if self.0.len() > MOST {
            write!(f, "... ({} bytes)", self.0.len())?;
        }
        Ok(())
    }
}

/// What the subject must do.
#[derive(Clone, Debug)]
pub enum Expect {
    /// Open the connection, and then do this.
    Conversation(Conversation),
    /// Refuse the opening handshake.
    Refusal(Refusal),
    /// Open the connection, and then do this; or refuse the opening handshake. If the verdict only reports what was seen, it
    /// does so for both.
    Either(Conversation, Refusal),
}

/// How a subject may behave on an open connection.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// What it may send, each with its verdict. The first match counts. If none matches, the case has failed.
    pub accepted: Vec<(Behavior, Vec<Event>)>,
    /// How the connection must end.
    pub close: Close,
    /// Whether the verdict is [`Behavior::Informational`] whatever the subject does.
    pub informational: bool,
    /// Whether it is informational if the subject closes with 1009 because the input is too big for it (RFC 6455 §7.4.1).
    pub may_be_too_big: bool,
    /// Other ways that are possible, after the ones above.
    pub others: Vec<Way>,
}

/// A way that a conversation may go.
#[derive(Clone, Debug)]
pub struct Way {
    /// Its verdict.
    pub behavior: Behavior,
    /// What the subject sends.
    pub events: Vec<Event>,
    /// How the connection must end.
    pub close: Close,
}

impl Conversation {
    /// The subject sends this, and then the runner closes the connection with code 1000.
    #[must_use]
    pub fn ok(events: impl Into<Vec<Event>>) -> Self {
        Self {
            accepted: vec![(Behavior::Ok, events.into())],
            close: Close::by_runner([1000]),
            informational: false,
            may_be_too_big: false,
            others: Vec::new(),
        }
    }

    /// The subject sends this, and then fails the connection with one of these codes (RFC 6455 §7.1.7).
    #[must_use]
    pub fn fails(events: impl Into<Vec<Event>>, codes: impl Into<Vec<u16>>) -> Self {
        Self { close: Close::by_subject(codes), ..Self::ok(events) }
    }

    /// The subject may also send this, with the verdict NON-STRICT.
    #[must_use]
    pub fn non_strict(mut self, events: impl Into<Vec<Event>>) -> Self {
        self.accepted.push((Behavior::NonStrict, events.into()));
        self
    }

    /// The subject may also send this, with this verdict and this end of the connection.
    #[must_use]
    pub fn or(mut self, behavior: Behavior, events: impl Into<Vec<Event>>, close: Close) -> Self {
        self.others.push(Way { behavior, events: events.into(), close });
        self
    }

    /// All ways that are possible, the best first.
    pub(crate) fn ways(&self) -> impl Iterator<Item = (Behavior, &[Event], &Close)> {
        let first =
            self.accepted.iter().map(|(behavior, events)| (*behavior, &**events, &self.close));
        let others = self.others.iter().map(|way| (way.behavior, &*way.events, &way.close));
        first.chain(others)
    }

    /// The same conversation with this end.
    #[must_use]
    pub fn close(mut self, close: Close) -> Self {
        self.close = close;
        self
    }

    /// The same conversation, in which the subject may report with code 1009 that the input is too
    /// big for it.
    #[must_use]
    pub fn may_be_too_big(mut self) -> Self {
        self.may_be_too_big = true;
        self
    }

    /// The same conversation, with a verdict that only reports what was seen.
    #[must_use]
    pub fn informational(mut self) -> Self {
        self.informational = true;
        self
    }
}

/// Who starts the closing handshake or fails the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closer {
    /// The runner.
    Runner,
    /// The subject.
    Subject,
}

/// How a connection must end (RFC 6455 §7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// Who starts.
    pub by: Closer,
    /// The codes that the subject may send. The runner closes with the first one. A Close without a code is always allowed.
    pub codes: Vec<u16>,
    /// Whether both must have sent a Close.
    pub clean: bool,
    /// Whether the case has failed if the wrong side starts, which shows that a fault was not found at all.
    pub wrong_closer_fails: bool,
    /// Whether the case has failed if the code is a different one.
    pub wrong_code_fails: bool,
}

impl Close {
    /// The runner starts, with the first of these codes, and the subject answers with one of them.
    #[must_use]
    pub fn by_runner(codes: impl Into<Vec<u16>>) -> Self {
        Self {
            by: Closer::Runner,
            codes: codes.into(),
            clean: true,
            wrong_closer_fails: false,
            wrong_code_fails: false,
        }
    }

    /// The subject fails the connection with one of these codes, or without a Close.
    #[must_use]
    pub fn by_subject(codes: impl Into<Vec<u16>>) -> Self {
        Self { by: Closer::Subject, clean: false, ..Self::by_runner(codes) }
    }

    /// The same end, but both need not have sent a Close.
    #[must_use]
    pub fn unclean(mut self) -> Self {
        self.clean = false;
        self
    }

    /// The same end, and the case has failed if the wrong side starts.
    #[must_use]
    pub fn wrong_closer_fails(mut self) -> Self {
        self.wrong_closer_fails = true;
        self
    }

    /// The same end, and the case has failed if the code is a different one.
    #[must_use]
    pub fn wrong_code_fails(mut self) -> Self {
        self.wrong_code_fails = true;
        self
    }
}

/// How a subject refuses an opening handshake. A server does it with a status, or by ending the connection; a client by
/// ending the connection, at the latest when the runner has ended its direction (RFC 6455 §4.1, §4.2, §7.1.7).
///
/// Each verdict that is `None` has the default that its text names.
#[derive(Clone, Debug, Default)]
pub struct Refusal {
    /// The right statuses of a server; if this is empty, 400 to 499.
    pub statuses: Vec<u16>,
    /// The verdict on a right refusal; by default OK. For a client, that is the end of the
    /// connection.
    pub right: Option<Behavior>,
    /// The verdict on another status from 400 to 599; by default NON-STRICT. A status below 400 is no refusal, unless it is
    /// right.
    pub other: Option<Behavior>,
    /// The verdict when a server ends the connection without a response; by default NON-STRICT.
    pub silence: Option<Behavior>,
    /// The verdict when the subject does nothing and leaves the connection open; by default FAILED.
    pub idle: Option<Behavior>,
    /// The verdict when the subject opens the connection nevertheless; by default FAILED.
    pub opened: Option<Behavior>,
    /// A check of the head of a server's refusal. If it returns an error, which is a sentence, the case has failed.
    pub check: Option<Check>,
}

impl Refusal {
    /// A refusal with one of these statuses from a server; if there are none, with any from 400 to 499.
    #[must_use]
    pub fn with(statuses: impl Into<Vec<u16>>) -> Self {
        Self { statuses: statuses.into(), ..Self::default() }
    }

    /// The same refusal, with this verdict if it is right.
    #[must_use]
    pub const fn called(mut self, behavior: Behavior) -> Self {
        self.right = Some(behavior);
        self
    }

    /// The same refusal, with this verdict on the end of the connection without a response.
    #[must_use]
    pub const fn silence(mut self, behavior: Behavior) -> Self {
        self.silence = Some(behavior);
        self
    }

    /// The same refusal, with this verdict on an open connection.
    #[must_use]
    pub const fn opened(mut self, behavior: Behavior) -> Self {
        self.opened = Some(behavior);
        self
    }

    /// The same refusal, with this verdict on a subject that does nothing.
    #[must_use]
    pub const fn idle(mut self, behavior: Behavior) -> Self {
        self.idle = Some(behavior);
        self
    }

    /// The same refusal, with a check of the head of a server's refusal.
    #[must_use]
    pub const fn check(mut self, check: Check) -> Self {
        self.check = Some(check);
        self
    }
}
