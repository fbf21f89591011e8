//! How a stream behaves, call by call.

/// How many bytes a read or a write moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pieces {
    /// As many as possible: what the peer has sent in several frames arrives in one read.
    Whole,
    /// One.
    Byte,
    /// From one to all of them, at random from this seed.
    Random(u64),
}

/// What happens between two calls that move bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// Nothing.
    None,
    /// A call fails with [`Interrupted`](std::io::ErrorKind::Interrupted), as by a signal.
    Interrupted,
    /// A call fails with [`WouldBlock`](std::io::ErrorKind::WouldBlock); an asynchronous call is pending, and is woken at
    /// once.
    WouldBlock,
}

/// How a stream breaks for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// Reads fail with [`ConnectionReset`](std::io::ErrorKind::ConnectionReset), writes with
    /// [`BrokenPipe`](std::io::ErrorKind::BrokenPipe).
    Reset,
    /// Reads return the end of the input, and writes still work.
    EndOfInput,
}

/// How a stream behaves. The [`Kit`](crate::Kit) makes its own scripts. When a run has failed, the panic's message has its
/// script, and [`Kit::only`](crate::Kit::only) can run it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Script {
    /// How many bytes a read returns.
    pub reads: Pieces,
    /// How many bytes a write takes.
    pub writes: Pieces,
    /// What happens between two calls that move bytes.
    pub pause: Pause,
    /// Whether the stream breaks, and at which call: reads, writes, flushes and shutdowns are counted together, from 0.
    pub breaks: Option<(u64, Break)>,
}

impl Script {
    /// Everything at once, and nothing in between.
    pub const WHOLE: Self =
        Self { reads: Pieces::Whole, writes: Pieces::Whole, pause: Pause::None, breaks: None };

    /// All combinations in which bytes are delivered, each without pauses and with `pause`.
    pub(crate) fn deliveries(pause: Pause) -> impl Iterator<Item = Self> {
        let pieces = [
            (Pieces::Whole, Pieces::Whole),
            (Pieces::Byte, Pieces::Whole),
            (Pieces::Whole, Pieces::Byte),
            (Pieces::Byte, Pieces::Byte),
            (Pieces::Random(1), Pieces::Random(2)),
        ];
        pieces.into_iter().flat_map(move |(reads, writes)| {
            let plain = Self { reads, writes, ..Self::WHOLE };
            let paused = (pause != Pause::None).then_some(Self { pause, ..plain });
            [Some(plain), paused].into_iter().flatten()
        })
    }

    /// The same script with a break at a call.
    pub(crate) fn breaking(self, call: u64, how: Break) -> Self {
        Self { breaks: Some((call, how)), ..self }
    }
}
