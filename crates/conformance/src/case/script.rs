//! What the runner does in a case, and what it expects of the subject, as values.

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
    /// What it does once the connection is open, in this order.
    pub steps: Vec<Step>,
    /// What the subject has to do.
    pub expect: Expect,
}

impl Script {
    /// A script with an opening handshake that is right in every way.
    #[must_use]
    pub fn new(steps: impl Into<Vec<Step>>, expect: Conversation) -> Self {
        let expect = Expect::Conversation(expect);
        Self { opening: Opening::default(), steps: steps.into(), expect }
    }

    /// A script in which the subject shall refuse the opening handshake. A client gets a text message behind it, so that
    /// one that has opened the connection sends an echo.
    #[must_use]
    pub fn refused(side: Side, opening: Opening, refusal: Refusal) -> Self {
        let steps = match side {
            Side::Client if !opening.ends => vec![Step::send([Frame::text("Is this open?")])],
            _ => Vec::new(),
        };
        Self { opening, steps, expect: Expect::Refusal(refusal) }
    }

    /// The script, and a refusal of the opening handshake is a possibility too.
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
    /// The offers of permessage-deflate to a server in the order of preference, or the answers to a client's offer, of
    /// which the first that its offer allows is given (RFC 7692 §7.1). The case needs the extension if there is one.
    pub deflate: Vec<Offer>,
    /// The subprotocols that are offered to a server (RFC 6455 §11.3.4).
    pub subprotocols: Vec<&'static str>,
    /// Further field lines of the runner's half, which stand behind the others. The names that
    /// [`instead`](Self::instead) knows stand for the same here.
    pub fields: Vec<String>,
    /// What is sent in place of the runner's own half: bytes in which a name in braces stands for what the right half
    /// would have there. Towards a server, the names are `{path}`, `{host}` and `{key}`. Towards a client they are
    /// `{accept}`, `{swapped}` (the same with its letters in the other case), `{key}` (the client's), `{protocol}` (the
    /// first subprotocol that it asks for, or `chat`), `{context}` and `{window}` (the parameters of permessage-deflate
    /// that answer what its first offer asks of the server; nothing, if it does not).
    pub instead: Option<Vec<u8>>,
    /// The `Sec-WebSocket-Key` towards a server, in place of a random one.
    pub key: Option<&'static str>,
    /// Frames right behind the head.
    pub behind: Vec<Frame>,
    /// How the half is split into writes, with the frames behind it.
    pub split: Split,
    /// The time before each of these writes but the first.
    pub gap: Duration,
    /// Whether the runner ends its direction of the connection behind that.
    pub ends: bool,
    /// What the subject's half must be like. The error is a sentence.
    pub check: Option<Check>,
    /// What the runner says of its own compression (RFC 7692 §7.1): towards a server as a hint, which the server may
    /// pass over; towards a client as a promise.
    pub own: Offer,
    /// What the subject's half must hold for the case to make sense: if it does not, the subject does not have what the
    /// case needs. The error is a sentence.
    pub needs: Option<Check>,
}

impl Opening {
    /// An opening handshake with offers of permessage-deflate.
    #[must_use]
    pub fn deflate(offers: impl Into<Vec<Offer>>) -> Self {
        Self { deflate: offers.into(), ..Self::default() }
    }

    /// An opening handshake of which the runner's half is these bytes, in one write.
    #[must_use]
    pub fn text(text: impl Into<Vec<u8>>) -> Self {
        Self { instead: Some(text.into()), ..Self::default() }
    }

    /// An opening handshake with these further field lines, in one write.
    #[must_use]
    pub fn fields(lines: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { fields: lines.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// An opening handshake in which the subject's half is checked.
    #[must_use]
    pub fn check(check: Check) -> Self {
        Self { check: Some(check), ..Self::default() }
    }
}

/// A look at the head of the subject's half of an opening handshake. The error is a sentence on what is wrong with it.
pub type Check = fn(&Head) -> Result<(), String>;

/// How the runner's half of an opening handshake is split into writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Split {
    /// All in one write.
    #[default]
    Whole,
    /// So many bytes in each write.
    Every(usize),
    /// Two writes, the second of which has so many bytes.
    Tail(usize),
}

/// An offer of permessage-deflate to a server, or an answer to a client's (RFC 7692 §7.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// The subject shall compress each message on its own.
    pub no_context_takeover: bool,
    /// The subject shall use no larger window than this, as a power of two.
    pub max_window_bits: Option<u8>,
}

/// What the runner does at one point of a case.
#[derive(Clone, Debug)]
pub enum Step {
    /// It sends this.
    Send(Vec<Piece>, Cut),
    /// It waits until the subject has sent so many messages, Pings and Pongs in all, or its patience is at its end.
    Await(usize),
    /// It lets this time pass. If the connection is still open then, that is an [`Event::Quiet`] of this name.
    Pause(&'static str, Duration),
    /// It sends messages, and waits for the echo of each. That all came back is an [`Event::Echoed`].
    Echo(Echoes),
    /// It ends its direction of the TCP connection, and goes on to read.
    EndOutput,
    /// It resets the TCP connection. That the subject lets go of it is an [`Event::LetGo`].
    Reset,
    /// It lets this time pass, and takes no note of it.
    Wait(Duration),
    /// It waits for the Pong to the last of these Pings, or for the subject's end. All Pongs to these Pings become one
    /// [`Event::Pongs`], in the place of the last one.
    Pongs(Vec<Vec<u8>>),
    /// It compares the masking keys of the subject's frames. That no two are the same is an [`Event::FreshKeys`].
    CompareKeys,
    /// It answers no Close from now on, and goes on with the steps.
    IgnoreClose,
}

impl Step {
    /// Sends these frames in one write.
    #[must_use]
    pub fn send(frames: impl IntoIterator<Item = Frame>) -> Self {
        Self::Send(frames.into_iter().map(Piece::Frame).collect(), Cut::Whole)
    }

    /// Sends these frames, so many bytes with each write.
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
    /// A message as the negotiated extension makes it, in frames of at most so many bytes if that is not 0.
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
    /// Each piece in a write of its own.
    Pieces,
    /// So many bytes in each write.
    Every(usize),
    /// So many bytes in each write, and this wait behind each.
    Slowly {
        /// How many bytes.
        bytes: usize,
        /// How long the wait is.
        wait: Duration,
    },
}

/// Messages of which each is sent when the echo of the one before has come.
#[derive(Clone)]
pub struct Echoes {
    /// How many.
    pub count: usize,
    /// Whether they are binary.
    pub binary: bool,
    /// The size of their frames; 0 is a whole message.
    pub fragment: usize,
    /// The payload of the message of this number, counted from 0.
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
    /// Not each, and the last one.
    Last,
    /// Some, and then it ended the connection.
    Some,
}

/// What a subject does that a case takes note of; its Close is noted apart from these.
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
    /// The connection was still open at the end of the pause of this name.
    Quiet(&'static str),
    /// So many messages were sent back as they were sent.
    Echoed(usize),
    /// It answered the Pings of [`Step::Pongs`] in order, and so many of them.
    Pongs(Answered),
    /// It masked each of its frames with another key.
    FreshKeys,
    /// The runner reset the connection, and the subject let go of it: a server takes another connection, and a subject in
    /// memory says that it has closed this one.
    LetGo,
    /// It broke the protocol by itself; this says how.
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

/// A payload for people: its length if it is long, and its beginning.
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

/// What the subject has to do.
#[derive(Clone, Debug)]
pub enum Expect {
    /// To open the connection, and then this.
    Conversation(Conversation),
    /// To refuse the opening handshake.
    Refusal(Refusal),
    /// To open the connection, and then this; or to refuse the opening handshake. A verdict that says only what was seen
    /// holds for both.
    Either(Conversation, Refusal),
}

/// How a subject may behave on an open connection.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// What it may send, and how that is called. The first that matches counts; if none does, the case has failed.
    pub accepted: Vec<(Behavior, Vec<Event>)>,
    /// How the connection has to end.
    pub close: Close,
    /// Whether the verdict is [`Behavior::Informational`] whatever the subject does.
    pub informational: bool,
    /// Whether it is so if the subject closes with 1009 because what it gets is too big for it (RFC 6455 §7.4.1).
    pub may_be_too_big: bool,
    /// Other ways in which it may go, behind the ones above.
    pub others: Vec<Way>,
}

/// A way in which a conversation may go.
#[derive(Clone, Debug)]
pub struct Way {
    /// How it is called.
    pub behavior: Behavior,
    /// What the subject sends.
    pub events: Vec<Event>,
    /// How the connection has to end.
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

    /// The subject may also send this, which is less than the best.
    #[must_use]
    pub fn non_strict(mut self, events: impl Into<Vec<Event>>) -> Self {
        self.accepted.push((Behavior::NonStrict, events.into()));
        self
    }

    /// The subject may also send this, and the connection end like that.
    #[must_use]
    pub fn or(mut self, behavior: Behavior, events: impl Into<Vec<Event>>, close: Close) -> Self {
        self.others.push(Way { behavior, events: events.into(), close });
        self
    }

    /// All ways in which it may go, the best first.
    pub(crate) fn ways(&self) -> impl Iterator<Item = (Behavior, &[Event], &Close)> {
        let first =
            self.accepted.iter().map(|(behavior, events)| (*behavior, &**events, &self.close));
        let others = self.others.iter().map(|way| (way.behavior, &*way.events, &way.close));
        first.chain(others)
    }

    /// The same, with this end.
    #[must_use]
    pub fn close(mut self, close: Close) -> Self {
        self.close = close;
        self
    }

    /// The same, and the subject may say with code 1009 that this is too big for it.
    #[must_use]
    pub fn may_be_too_big(mut self) -> Self {
        self.may_be_too_big = true;
        self
    }

    /// The same, and the verdict says only what was seen.
    #[must_use]
    pub fn informational(mut self) -> Self {
        self.informational = true;
        self
    }
}

/// Who begins the closing handshake or fails the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closer {
    /// The runner.
    Runner,
    /// The subject.
    Subject,
}

/// How a connection has to end (RFC 6455 §7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// Who begins.
    pub by: Closer,
    /// The codes that the subject may send. The runner closes with the first one. No code at all is always right.
    pub codes: Vec<u16>,
    /// Whether both must have sent a Close.
    pub clean: bool,
    /// Whether the case has failed when the wrong one begins: it shows that a fault was not found at all.
    pub wrong_closer_fails: bool,
    /// Whether the case has failed with another code.
    pub wrong_code_fails: bool,
}

impl Close {
    /// The runner begins, with the first of these codes, and the subject answers with one of them.
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

    /// The same, and whether there is a Close from both does not matter.
    #[must_use]
    pub fn unclean(mut self) -> Self {
        self.clean = false;
        self
    }

    /// The same, and the case has failed when the wrong one begins.
    #[must_use]
    pub fn wrong_closer_fails(mut self) -> Self {
        self.wrong_closer_fails = true;
        self
    }

    /// The same, and the case has failed with another code.
    #[must_use]
    pub fn wrong_code_fails(mut self) -> Self {
        self.wrong_code_fails = true;
        self
    }
}

/// How a subject refuses an opening handshake: a server by a status, or by the end of the connection; a client by the end
/// of the connection, at the latest when the runner has ended its direction (RFC 6455 §4.1, §4.2, §7.1.7).
///
/// Each verdict that is not given has the value that its text names.
#[derive(Clone, Debug, Default)]
pub struct Refusal {
    /// The statuses of a server that are right; without any, each from 400 to 499 is.
    pub statuses: Vec<u16>,
    /// How a refusal that is right is called; OK. For a client, it is the end of the connection.
    pub right: Option<Behavior>,
    /// How another status from 400 to 599 is called; NON-STRICT. A status below 400 is no refusal, unless it is right.
    pub other: Option<Behavior>,
    /// How it is called when a server ends the connection without a response; NON-STRICT.
    pub silence: Option<Behavior>,
    /// How it is called when the subject does nothing at all, and leaves the connection as it is; FAILED.
    pub idle: Option<Behavior>,
    /// How it is called when the subject opens the connection all the same; FAILED.
    pub opened: Option<Behavior>,
    /// What the head of a server's refusal must be like. The error is a sentence, and the case has failed with it.
    pub check: Option<Check>,
}

impl Refusal {
    /// A refusal, by one of these statuses if a server gives it; without any, by any from 400 to 499.
    #[must_use]
    pub fn with(statuses: impl Into<Vec<u16>>) -> Self {
        Self { statuses: statuses.into(), ..Self::default() }
    }

    /// The same, and it is called so.
    #[must_use]
    pub const fn called(mut self, behavior: Behavior) -> Self {
        self.right = Some(behavior);
        self
    }

    /// The same, and the end of the connection without a response is called so.
    #[must_use]
    pub const fn silence(mut self, behavior: Behavior) -> Self {
        self.silence = Some(behavior);
        self
    }

    /// The same, and an open connection is called so.
    #[must_use]
    pub const fn opened(mut self, behavior: Behavior) -> Self {
        self.opened = Some(behavior);
        self
    }

    /// The same, and a subject that does nothing at all is called so.
    #[must_use]
    pub const fn idle(mut self, behavior: Behavior) -> Self {
        self.idle = Some(behavior);
        self
    }

    /// The same, and the head of a server's refusal is checked.
    #[must_use]
    pub const fn check(mut self, check: Check) -> Self {
        self.check = Some(check);
        self
    }
}
