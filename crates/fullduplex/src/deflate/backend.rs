//! What the codec asks of a DEFLATE implementation (RFC 1951): nothing about messages or tails.

use alloc::vec::Vec;

/// How one direction is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Compression {
    /// 0 (stored) to 9 (smallest).
    pub(crate) level: u8,
    /// 1 (least memory) to 9, where the backend has a choice.
    pub(crate) mem_level: u8,
    /// No distance is larger than two to this power; 8 to 15.
    pub(crate) window_bits: u8,
    /// Whether a message may refer back into the ones before it.
    pub(crate) takeover: bool,
}

/// How one direction is decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inflation {
    /// The peer has promised that no distance is larger than two to this power; 8 to 15.
    pub(crate) window_bits: u8,
    /// Whether a message may refer back into the ones before it.
    pub(crate) takeover: bool,
}

/// What one call of [`Inflater::inflate`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inflated {
    /// Bytes taken from the input.
    pub(crate) consumed: usize,
    /// Bytes written to the output: all that came before the end or the fault, if there was one.
    pub(crate) produced: usize,
    pub(crate) next: Next,
}

/// How an [`Inflater`] goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// With more input, or more room.
    Continue,
    /// A block with BFINAL has ended: nothing more can be read before [`Inflater::reset`].
    Reset,
    /// Not at all: the data are not DEFLATE.
    Refuse,
}

/// The implementation refused what it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// A compressor of one raw DEFLATE stream.
pub(crate) trait Deflater: Sized {
    /// A fresh stream. Values out of range are brought into it.
    fn new(settings: Compression) -> Self;

    /// One that some connection is done with, if there is one; [`reset`](Self::reset) it first.
    fn from_pool(_settings: Compression) -> Option<Self> {
        None
    }

    /// Puts it where [`from_pool`](Self::from_pool) finds it, or returns it if there is no such place.
    fn into_pool(self, _settings: Compression) -> Option<Self> {
        Some(self)
    }

    /// Compresses all of `input` and appends what comes out to `out`. With `flush` that is
    /// everything so far, and behind it an empty stored block, whose last four bytes are 00 00 FF
    /// FF; it may come twice.
    fn deflate(&mut self, input: &[u8], out: &mut Vec<u8>, flush: bool) -> Result<(), Refused>;

    /// Begins a fresh stream, which refers to nothing before it.
    fn reset(&mut self);
}

/// A decompressor of one raw DEFLATE stream.
pub(crate) trait Inflater: Sized {
    /// A fresh stream.
    fn new(window_bits: u8) -> Self;

    /// One that some connection is done with, if there is one; [`reset`](Self::reset) it first.
    fn from_pool(_window_bits: u8) -> Option<Self> {
        None
    }

    /// Puts it where [`from_pool`](Self::from_pool) finds it, or returns it if there is no such place.
    fn into_pool(self, _window_bits: u8) -> Option<Self> {
        Some(self)
    }

    /// Decompresses `input` into `out`. Without room in `out` it may do nothing.
    fn inflate(&mut self, input: &[u8], out: &mut [u8]) -> Inflated;

    /// Reads all of `input`, which must bring no output and at whose last byte a block must end.
    fn inflate_block_end(&mut self, input: &[u8]) -> Result<(), Refused>;

    /// Begins a fresh stream, in which nothing before it can be referred to.
    fn reset(&mut self);
}
