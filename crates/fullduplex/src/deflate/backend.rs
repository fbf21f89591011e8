//! What the codec needs of a DEFLATE implementation (RFC 1951). A backend knows nothing of messages or of their tails.

use alloc::vec::Vec;

/// How the messages of one direction are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Compression {
    /// 0 (stored) to 9 (smallest).
    pub(crate) level: u8,
    /// 1 (least memory) to 9; a backend that has no choice ignores it.
    pub(crate) mem_level: u8,
    /// No distance is larger than two to the power of this number; 8 to 15.
    pub(crate) window_bits: u8,
    /// Whether a message may refer back to earlier messages.
    pub(crate) takeover: bool,
}

/// How the messages of one direction are decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inflation {
    /// The peer has promised that no distance is larger than two to the power of this number; 8 to 15.
    pub(crate) window_bits: u8,
    /// Whether a message may refer back to earlier messages.
    pub(crate) takeover: bool,
}

/// What one call of [`Inflater::inflate`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inflated {
    /// Bytes taken from the input.
    pub(crate) consumed: usize,
    /// Bytes written to the output. Before an end or a fault, that is everything that comes before it.
    pub(crate) produced: usize,
    pub(crate) next: Next,
}

/// How an [`Inflater`] goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// It needs more input, or more space for output.
    Continue,
    /// A block with BFINAL has ended. Nothing more can be read before [`Inflater::reset`].
    Reset,
    /// It cannot go on, because the data are not DEFLATE.
    Invalid,
}

/// The implementation reported an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BackendError;

/// A compressor of one raw DEFLATE stream.
pub(crate) trait Deflater: Sized {
    /// Begins a stream. A value that is out of range is replaced by the nearest value in it.
    fn new(settings: Compression) -> Self;

    /// Takes a used compressor from the pool, if there is one. The caller must [`reset`](Self::reset) it.
    fn from_pool(_settings: Compression) -> Option<Self> {
        None
    }

    /// Puts this compressor into the pool. Returns it if the backend has no pool.
    fn into_pool(self, _settings: Compression) -> Option<Self> {
        Some(self)
    }

    /// Compresses all of `input` and appends the result to `out`, followed by an empty stored block, whose last four bytes
    /// are 00 00 FF FF. That block may come twice.
    fn deflate(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), BackendError>;

    /// Begins a new stream, which does not refer to earlier input.
    fn reset(&mut self);
}

/// A decompressor of one raw DEFLATE stream.
pub(crate) trait Inflater: Sized {
    /// Begins a stream.
    fn new(window_bits: u8) -> Self;

    /// Takes a used decompressor from the pool, if there is one. The caller must [`reset`](Self::reset) it.
    fn from_pool(_window_bits: u8) -> Option<Self> {
        None
    }

    /// Puts this decompressor into the pool. Returns it if the backend has no pool.
    fn into_pool(self, _window_bits: u8) -> Option<Self> {
        Some(self)
    }

    /// Decompresses `input` into `out`. If `out` is empty, it may do nothing.
    fn inflate(&mut self, input: &[u8], out: &mut [u8]) -> Inflated;

    /// Reads all of `input`. It is an error if `input` produces output, or if no block ends at its last byte.
    fn inflate_block_end(&mut self, input: &[u8]) -> Result<(), BackendError>;

    /// Begins a new stream, which cannot refer to earlier output.
    fn reset(&mut self);
}
