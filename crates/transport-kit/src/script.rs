//! How a stream behaves, call by call.

/// How many bytes a read or a write moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pieces {
    /// As many as there are: what the peer has sent in several frames arrives in one read.
    Whole,
    /// One.
    Byte,
    /// From one to all of them, by numbers from this seed.
    Random(u64),
}

/// What happens between two calls that move bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// Nothing.
    None,
    /// A call fails with [`Interrupted`](std::io::ErrorKind::Interrupted), as by a signal.
    Interrupted,
    /// A call fails with [`WouldBlock`](std::io::ErrorKind::WouldBlock); an asynchronous one is pending, and woken.
    WouldBlock,
}

/// How a stream breaks for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// Reads fail with [`ConnectionReset`](std::io::ErrorKind::ConnectionReset), writes with
    /// [`BrokenPipe`](std::io::ErrorKind::BrokenPipe).
    Reset,
    /// Reads find the end of the input, and writes go on.
    EndOfInput,
}

/// How a stream behaves. The [`Kit`](crate::Kit) makes its own; one that failed is in the message of the panic, and can be
/// run again by [`Kit::only`](crate::Kit::only).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Script {
    /// How many bytes a read brings.
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

    /// The ways in which bytes go through, with `pause` in between in every second one.
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

    /// The same, but it breaks at a call.
    pub(crate) fn breaking(self, call: u64, how: Break) -> Self {
        Self { breaks: Some((call, how)), ..self }
    }
}
