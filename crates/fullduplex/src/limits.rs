//! The bounds within which a connection works.

/// Largest message by default: 64 MiB, as tungstenite has it; large enough for any upload that is not
/// streamed on purpose.
pub const DEFAULT_MAX_MESSAGE_SIZE: u64 = 64 << 20;

/// Largest frame by default: 16 MiB, as tungstenite has it, and what Autobahn's largest cases need.
pub const DEFAULT_MAX_FRAME_SIZE: u64 = 16 << 20;

/// Most frames of one message by default: twice the 65,536 that Autobahn's finest fragmentation
/// (4 MiB in frames of 64 bytes) needs. Without a bound, a peer could send empty fragments for ever.
pub const DEFAULT_MAX_FRAGMENTS: u32 = 1 << 17;

/// The sizes that a peer may not exceed (RFC 6455 §10.4).
///
/// A header that announces more is answered at once, before any payload of it is read, and nothing is
/// ever allocated because a length was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Largest payload of one frame, in bytes. Exceeded: Close 1009.
    pub max_frame_size: u64,
    /// Largest message, all its fragments together, in bytes. Exceeded: Close 1009.
    pub max_message_size: u64,
    /// Most frames that one message may come in; 0 counts as 1. Exceeded: Close 1008.
    pub max_fragments: u32,
}

impl Limits {
    /// The defaults: [`DEFAULT_MAX_FRAME_SIZE`], [`DEFAULT_MAX_MESSAGE_SIZE`] and
    /// [`DEFAULT_MAX_FRAGMENTS`].
    #[must_use]
    pub const fn new() -> Self {
        Self {
            max_frame_size: DEFAULT_MAX_FRAME_SIZE,
            max_message_size: DEFAULT_MAX_MESSAGE_SIZE,
            max_fragments: DEFAULT_MAX_FRAGMENTS,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}
