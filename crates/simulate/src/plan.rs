//! What a run does, as values: its setup and its steps. A run depends on nothing else, so a plan that breaks an invariant
//! can be run again, made shorter, and kept as a test.

use fullduplex::MessageKind;

/// What is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// Endpoints of the core, whole or in halves, with an adapter that is written out as steps.
    Core,
    /// WebSockets of the tokio adapter, whole or in halves, over a stream in memory and a paused clock.
    Tokio,
    /// WebSockets of the blocking adapter, whole or in halves, over a stream in memory that does not block.
    Std,
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The client.
    Client,
    /// The server.
    Server,
}

impl Side {
    /// Both ends.
    pub const BOTH: [Self; 2] = [Self::Client, Self::Server];

    /// The other end.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// Its place in an array of both.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// A mistake that the network, the application or the adapter makes on purpose, to show that the check of an invariant can
/// fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// The network loses a byte.
    DropByte,
    /// The network changes a byte.
    FlipByte,
    /// The network keeps the last byte for ever.
    HoldByte,
    /// An application is given two messages in the wrong order.
    SwapMessages,
    /// An application is not given a message.
    LoseMessage,
    /// A Close is written twice.
    DuplicateClose,
    /// The code of a Close is written as another one.
    WrongCloseCode,
    /// A Pong is not written.
    ForgetPong,
    /// Deadlines are handled late.
    LateTimer,
    /// A few bytes of each received message are never freed.
    Leak,
    /// A received message makes the endpoint keep much memory until its end.
    Hoard,
    /// The endpoint panics.
    Panic,
    /// A failure without a cause is reported.
    SpuriousError,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::DropByte,
        Self::FlipByte,
        Self::HoldByte,
        Self::SwapMessages,
        Self::LoseMessage,
        Self::DuplicateClose,
        Self::WrongCloseCode,
        Self::ForgetPong,
        Self::LateTimer,
        Self::Leak,
        Self::Hoard,
        Self::Panic,
        Self::SpuriousError,
    ];
}

/// What does not change during a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// What is simulated.
    pub world: World,
    /// Decides the payloads and the masking keys.
    pub seed: u64,
    /// How many connections there are, one to three. They share a thread, and with it the core's pools.
    pub connections: u8,
    /// How many bytes the network holds in each direction.
    pub capacity: u32,
    /// The negotiated parameters of permessage-deflate; `None` without compression.
    pub deflate: Option<Deflate>,
    /// The client's settings.
    pub client: Settings,
    /// The server's settings.
    pub server: Settings,
    /// The mistake that is made on purpose.
    pub mutant: Option<Mutant>,
}

/// Parameters of permessage-deflate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deflate {
    /// How hard to compress.
    pub level: u8,
    /// How much memory a compressor takes.
    pub mem_level: u8,
    /// The window of both ends, as a power of two.
    pub window_bits: u8,
    /// Whether the client's messages refer back to earlier ones.
    pub client_takeover: bool,
    /// Whether the server's messages refer back to earlier ones.
    pub server_takeover: bool,
    /// Smaller messages are not compressed.
    pub threshold: u32,
}

/// The settings of one end. Times are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The largest message to receive.
    pub max_message: u32,
    /// The largest frame to receive, at least as large as a control frame.
    pub max_frame: u32,
    /// The largest number of frames in a received message.
    pub max_fragments: u32,
    /// After how much silence a Ping is sent.
    pub ping_interval: Option<u32>,
    /// How long to wait after such a Ping.
    pub pong_timeout: Option<u32>,
    /// After how much silence the connection fails.
    pub idle_timeout: Option<u32>,
    /// How long to wait for the end of the closing handshake.
    pub close_timeout: u32,
    /// How many bytes may wait to be written.
    pub max_write_buffer: u32,
    /// The tokio adapter writes before it takes more once so many bytes wait.
    pub write_buffer: u32,
    /// How many bytes are read while nothing is delivered.
    pub read_ahead: u32,
    /// Whether the end is split at the beginning.
    pub halves: bool,
}

impl Settings {
    /// Settings that never limit a run.
    pub const PLAIN: Self = Self {
        max_message: 1 << 20,
        max_frame: 1 << 20,
        max_fragments: 1000,
        ping_interval: None,
        pong_timeout: None,
        idle_timeout: None,
        close_timeout: 5000,
        max_write_buffer: 1 << 20,
        write_buffer: 1 << 17,
        read_ahead: 1 << 16,
        halves: false,
    };

    /// The same settings without deadlines, except for a close timeout that no run reaches.
    #[must_use]
    pub const fn without_deadlines(self) -> Self {
        Self {
            ping_interval: None,
            pong_timeout: None,
            idle_timeout: None,
            close_timeout: 3_600_000,
            ..self
        }
    }
}

impl Setup {
    /// One connection, without compression, with settings that never limit it.
    #[must_use]
    pub const fn plain(world: World) -> Self {
        Self {
            world,
            seed: 0,
            connections: 1,
            capacity: 1 << 16,
            deflate: None,
            client: Settings::PLAIN,
            server: Settings::PLAIN,
            mutant: None,
        }
    }

    /// The settings of one end.
    #[must_use]
    pub const fn settings(&self, side: Side) -> &Settings {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }
}

/// The kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text, with characters of one to four bytes.
    Text,
    /// Binary: every other message can be compressed.
    Binary,
}

impl From<Kind> for MessageKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text,
            Kind::Binary => Self::Binary,
        }
    }
}

/// How a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Lent, so that it is copied.
    Lent,
    /// Given away.
    Owned,
    /// Given away, while the application keeps another handle to it.
    Shared,
    /// As a prepared message.
    Prepared,
}

/// How messages are received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// Whole, lent.
    Lent,
    /// Whole, owned.
    Owned,
    /// Whole: awaited first, and then lent.
    Found,
    /// In pieces.
    Chunks,
}

/// What an application or the adapter below it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Sends a message of about this length.
    Send(Kind, u32, How),
    /// Takes a message into the write buffer. Over tokio, this writes nothing.
    Feed(Kind, u32),
    /// Writes what was fed.
    Flush,
    /// Sends the next fragment of a message; the last one if the flag is set.
    Fragment(Kind, u32, bool),
    /// Sends a Ping with a payload of this length, or longer where its identifier needs it.
    Ping(u8),
    /// Sends an unsolicited Pong.
    Pong(u8),
    /// Sends a Close with this code and a reason of this length.
    Close(u16, u8),
    /// Turns compression on or off.
    Compression(bool),
    /// Receives so many messages or pieces at most.
    Poll(Take, u8),
    /// Receives in this way from now on.
    Prefer(Take),
    /// Reads so many bytes at most from the network.
    Read(u32),
    /// Reads so many bytes at most while nothing is delivered.
    ReadAhead(u32),
    /// Reads what has arrived, and searches what is not delivered yet for the peer's Close.
    FindClose,
    /// Writes so many bytes at most to the network.
    Write(u32),
    /// Copies the payloads that the writer borrows, as when a write is blocked.
    CopyPayloads,
    /// Exchanges the signals of the halves.
    Signal,
    /// Calls `handle_timeout` before it is due.
    Early,
    /// Frees memory that is not needed.
    Release,
    /// Takes the end apart into halves.
    Split,
    /// Puts the halves together.
    Join,
    /// Stops receiving and looking at the clock.
    Pause,
    /// Goes on; if the flag is set, tells the endpoint that input may have waited in the meantime.
    Resume(bool),
    /// Drops the future of the next call after it was polled this many times.
    Impatient(u8),
    /// Closes and waits for the closing handshake, as the tokio adapter's `close` does.
    CloseAndWait(u16),
    /// Drops the end.
    Drop,
}

/// What the network does to the bytes of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Net {
    /// A read or a write moves so many bytes at most.
    Split(u32),
    /// So many bytes can be under way.
    Capacity(u32),
    /// Bytes that are written from now on arrive after so many milliseconds.
    Delay(u32),
    /// Nothing arrives any more.
    Stall,
    /// What has stalled arrives.
    Go,
    /// The direction ends after the bytes under way.
    HalfClose,
    /// Both directions are cut, and what is under way is lost.
    Reset,
    /// Changes a byte under way, or one that is written next: how far ahead, and by which pattern.
    Corrupt(u32, u8),
}

/// A step of a run. The first field of `App` and `Net` is the number of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// An end does something.
    App(u8, Side, Act),
    /// The network does something to the bytes that an end has written.
    Net(u8, Side, Net),
    /// So many milliseconds pass.
    Pass(u32),
    /// The network opens, both applications receive, and everything under way must arrive while the clock stands still.
    Settle,
}

/// A setup and steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What does not change.
    pub setup: Setup,
    /// What is done.
    pub steps: Vec<Step>,
}

/// The invariants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// Messages and control frames arrive once, whole and in order.
    Order,
    /// Only valid frames are written (RFC 6455), and only what was sent.
    Wire,
    /// One Close each way, with the right code, and nothing after it.
    Close,
    /// Deadlines are reported and kept.
    Deadline,
    /// Memory stays within its bound, and all of it is freed.
    Memory,
    /// What can go on does, until it is done.
    Progress,
    /// Nothing fails without a cause, and each cause leads to the right error.
    Failure,
    /// Nothing panics.
    Panic,
    /// Every call returns.
    Hang,
}

/// An invariant that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which invariant.
    pub invariant: Invariant,
    /// The number of the step, or the number of steps for the end of the run.
    pub at: usize,
    /// What was seen.
    pub what: String,
}

impl Broken {
    /// An invariant that was broken. The caller adds the step.
    #[must_use]
    pub fn new(invariant: Invariant, what: impl Into<String>) -> Self {
        Self { invariant, at: 0, what: what.into() }
    }
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} broken by step {}: {}", self.invariant, self.at, self.what)
    }
}

impl std::error::Error for Broken {}

/// The message of a panic.
pub(crate) fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(words), _) => (*words).to_owned(),
        (_, Some(words)) => words.clone(),
        _ => "a panic".into(),
    }
}

/// The result of something that may break an invariant.
pub type Kept<T = ()> = Result<T, Broken>;

/// Returns a [`Broken`] from the function around it, unless the condition holds.
macro_rules! keep {
    ($condition:expr, $invariant:ident, $($what:tt)+) => {
        if !$condition {
            return Err($crate::plan::Broken::new(
                $crate::plan::Invariant::$invariant,
                format!($($what)+),
            ));
        }
    };
}
pub(crate) use keep;
