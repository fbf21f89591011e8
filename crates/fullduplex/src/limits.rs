//! Limits for what a peer may send.

/// The default of [`Limits::max_message_size`]: 64 MiB, as in tungstenite. It is large enough for any upload that is
/// not streamed.
pub const DEFAULT_MAX_MESSAGE_SIZE: u64 = 64 << 20;

/// The default of [`Limits::max_frame_size`]: 16 MiB, as in tungstenite. Autobahn's largest cases need it.
pub const DEFAULT_MAX_FRAME_SIZE: u64 = 16 << 20;

/// The default of [`Limits::max_fragments`]: twice the 65,536 frames of Autobahn's finest fragmentation (4 MiB in
/// frames of 64 bytes). Without a limit, a peer could send empty fragments for ever.
pub const DEFAULT_MAX_FRAGMENTS: u32 = 1 << 17;

/// Limits for the frames and messages of a peer (RFC 6455 §10.4).
///
/// If the header of a frame announces more, the connection fails before any of its payload is read. For a compressed message
/// (RFC 7692), a header does not announce the size of the message, so its bytes count as they are decompressed. An
/// announced length alone reserves no more than 64 KiB, or as much as the largest message so far has taken. The largest
/// value of a type is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Limits {
    /// The largest payload of a frame as it is sent, in bytes. A larger one fails the connection with Close 1009.
    pub max_frame_size: u64,
    /// The largest message, all its fragments together, in bytes; for a compressed message, the bytes after decompression.
    /// A larger one fails the connection with Close 1009.
    pub max_message_size: u64,
    /// The largest number of frames of a message; 0 counts as 1. More of them fail the connection with Close 1008.
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

    /// Sets [`max_frame_size`](Self::max_frame_size).
    #[must_use]
    pub const fn max_frame_size(mut self, bytes: u64) -> Self {
        self.max_frame_size = bytes;
        self
    }

    /// Sets [`max_message_size`](Self::max_message_size).
    #[must_use]
    pub const fn max_message_size(mut self, bytes: u64) -> Self {
        self.max_message_size = bytes;
        self
    }

    /// Sets [`max_fragments`](Self::max_fragments).
    #[must_use]
    pub const fn max_fragments(mut self, frames: u32) -> Self {
        self.max_fragments = frames;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}
