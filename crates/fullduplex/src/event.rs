//! What the application sees of a connection.

/// The two kinds of data message (RFC 6455 §5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// Text, valid UTF-8.
    Text,
    /// Arbitrary bytes.
    Binary,
}

/// Where a chunk lies within its message.
///
/// Every message has exactly one chunk that [is first](Self::is_first) and one that
/// [is last](Self::is_last); they are the same for [`Whole`](Self::Whole).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Part {
    /// Neither the first nor the last chunk.
    Middle = 0,
    /// The first chunk; more will follow.
    First = 1,
    /// The last chunk of a message that began earlier.
    Last = 2,
    /// The whole message.
    Whole = 3,
}

impl Part {
    pub(crate) const fn new(first: bool, last: bool) -> Self {
        match (first, last) {
            (false, false) => Self::Middle,
            (true, false) => Self::First,
            (false, true) => Self::Last,
            (true, true) => Self::Whole,
        }
    }

    /// Whether a message begins with this chunk.
    #[must_use]
    pub const fn is_first(self) -> bool {
        matches!(self, Self::First | Self::Whole)
    }

    /// Whether the message is complete after this chunk.
    #[must_use]
    pub const fn is_last(self) -> bool {
        matches!(self, Self::Last | Self::Whole)
    }
}

/// What [`Connection::poll_event`](crate::Connection::poll_event) found next.
///
/// Chunks borrow the buffer that was given to [`Input`](crate::Input), not the connection, so the
/// connection can be used while one is at hand. They are unmasked, and follow the wire: a message
/// arrives in as many chunks as reads and fragments make of it, and is
/// [`Part::Whole`] when all of it lay in the buffer as one frame. Of a message that the peer compressed
/// (RFC 7692 §6.2) they are inflated, and borrow the scratch that was given with the input; a full scratch ends a chunk, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'b> {
    /// A chunk of a text message. All chunks of the message joined are UTF-8, and so far no byte has
    /// come that could not be; a chunk by itself may begin or end within a character.
    Text(&'b [u8], Part),
    /// A chunk of a binary message.
    Binary(&'b [u8], Part),
    /// The peer sent a Ping; the Pong is queued already. Its payload is
    /// [`Connection::control_payload`](crate::Connection::control_payload) until the next poll.
    Ping,
    /// The peer sent a Pong. Its payload is
    /// [`Connection::control_payload`](crate::Connection::control_payload) until the next poll.
    Pong,
    /// The peer sent a Close; the answer is queued already. Code and reason are
    /// [`Connection::peer_close`](crate::Connection::peer_close). Nothing follows.
    Close,
}
