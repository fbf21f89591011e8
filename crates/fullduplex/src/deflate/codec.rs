//! Compresses messages and decompresses payloads (RFC 7692 §7.2): the tail of a message, context takeover, and output
//! that the caller limits.
//!
//! ```text
//! Compressor:    piece ──▶ DEFLATE ──▶ sync flush ──▶ payload without the last 00 00 FF FF
//! Decompressor:  payload ──▶ DEFLATE ──▶ as much as the caller has space for
//!                end of the message ──▶ 00 00 FF FF, at which a block must end
//! ```
//!
//! Without context takeover, no message needs the history of an earlier one. With `std`, compressor and decompressor
//! therefore go into a pool of the thread when a message ends, and the next message of any connection takes them from
//! there. Without `std` there is no pool, and the connection keeps them until the caller calls `release`: a small heap
//! copes badly with an allocation of this size for each message, and only the caller knows which connection will be
//! idle.
//!
//! An uncompressed message goes through neither. "The LZ77 sliding window" holds compressed messages only (§7.2), so
//! the windows of both ends stay the same.

use alloc::vec::Vec;
use core::{fmt, mem};

use super::backend::{Compression, Deflater, Inflater, Inflation, Next};
#[cfg(not(feature = "std"))]
use super::miniz as native;
#[cfg(feature = "std")]
use super::zlib as native;

#[cfg(test)]
mod tests;

/// The end of an empty stored block, which is left out at the end of a message (§7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// An empty stored block that begins at a byte boundary.
const EMPTY_BLOCK: [u8; 5] = [0x00, 0x00, 0x00, 0xFF, 0xFF];

/// The compressor for outgoing messages.
pub(crate) type Compressor = CompressorOver<native::Deflate>;

/// The decompressor for incoming messages.
pub(crate) type Decompressor = DecompressorOver<native::Inflate>;

/// The compressor failed. No input can cause this, only a fault in the backend. Every later call fails as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CompressError;

impl fmt::Display for CompressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the compressor failed")
    }
}

impl core::error::Error for CompressError {}

/// A compressed message that cannot be decompressed (RFC 7692 §7.2.2). Answered with Close 1007.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InflateError {
    /// The data are not DEFLATE (RFC 1951), or they refer back too far.
    Invalid,
    /// The message ends inside a block.
    Truncated,
}

impl fmt::Display for InflateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "a compressed message is not valid DEFLATE data",
            Self::Truncated => "a compressed message ends inside a DEFLATE block",
        })
    }
}

impl core::error::Error for InflateError {}

/// Compresses the messages of one direction. Takes no memory before the first byte.
pub(crate) struct CompressorOver<D> {
    settings: Compression,
    deflater: Option<D>,
    /// Whether the deflater must be reset before it is used: it holds the history of another message.
    stale: bool,
    /// Whether the deflater has failed.
    failed: bool,
}

impl<D: Deflater> CompressorOver<D> {
    pub(crate) const fn new(settings: Compression) -> Self {
        Self { settings, deflater: None, stale: false, failed: false }
    }

    pub(crate) const fn settings(&self) -> Compression {
        self.settings
    }

    /// Compresses the next piece of a message and appends all of its output to `out`, so that the peer can decompress
    /// everything up to here. `last` ends the message. Each piece may have another `out`; the peer must get all output, in
    /// order.
    ///
    /// # Errors
    /// [`CompressError`] if the backend has a fault, and then from every later call.
    pub(crate) fn compress(
        &mut self,
        piece: &[u8],
        last: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), CompressError> {
        if self.failed {
            return Err(CompressError);
        }
        if !piece.is_empty() {
            // If `deflate` fails, this stays set.
            self.failed = true;
            self.deflate(piece, out)?;
            self.failed = false;
        }
        if !last {
            return Ok(());
        }
        if piece.is_empty() {
            // The output so far ends at a byte boundary. So the message ends with an empty stored block (§7.2.3.6), of
            // which only the first byte is sent.
            out.push(0x00);
        } else {
            // "Remove 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end."
            self.failed = !out.ends_with(&TAIL);
            if self.failed {
                return Err(CompressError);
            }
            out.truncate(out.len().saturating_sub(TAIL.len()));
        }
        if !self.settings.takeover {
            let deflater = self.deflater.take();
            self.deflater = deflater.and_then(|done| done.into_pool(self.settings));
            self.stale = true;
        }
        Ok(())
    }

    /// Frees the compressor if no later message may refer to an earlier one. The next compressed message then creates one.
    /// Do not call it while a message is in progress.
    pub(crate) fn release(&mut self) {
        if !self.settings.takeover {
            self.deflater = None;
        }
    }

    /// Forgets all history. The caller must call this when compressed output will not reach the peer: later messages
    /// would refer to data that the peer does not have. The peer notices nothing, because a new stream refers to
    /// nothing.
    pub(crate) fn forget(&mut self) {
        *self = Self::new(self.settings);
    }

    fn deflate(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), CompressError> {
        let deflater = self.deflater.get_or_insert_with(|| {
            let pooled = if self.settings.takeover { None } else { D::from_pool(self.settings) };
            self.stale = pooled.is_some();
            pooled.unwrap_or_else(|| D::new(self.settings))
        });
        if mem::take(&mut self.stale) {
            deflater.reset();
        }
        deflater.deflate(piece, out).map_err(|_| CompressError)
    }
}

impl<D> fmt::Debug for CompressorOver<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor")
            .field("settings", &self.settings)
            .field("allocated", &self.deflater.is_some())
            .finish_non_exhaustive()
    }
}

/// What one call of [`Decompressor::decompress`](DecompressorOver::decompress) did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Bytes of the input that were consumed.
    pub(crate) consumed: usize,
    /// Bytes written to the output.
    pub(crate) produced: usize,
}

/// What one call of [`Decompressor::finish`](DecompressorOver::finish) did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Finished {
    /// Bytes written to the output.
    pub(crate) produced: usize,
    /// Whether the message is complete. If not, the caller must call `finish` again with more space.
    pub(crate) done: bool,
}

/// Decompresses the messages of one direction. Takes no memory before the first byte.
pub(crate) struct DecompressorOver<I> {
    settings: Inflation,
    inflater: Option<I>,
    /// Whether no byte was read since the message began, or since a block with BFINAL ended.
    at_start: bool,
    /// The last byte of the message so far.
    last: u8,
    /// Whether the last call filled its output. If so, the inflater may hold more of it.
    full: bool,
    /// Whether the inflater must be reset before it is used: it holds the history of another message.
    stale: bool,
    error: Option<InflateError>,
}

impl<I: Inflater> DecompressorOver<I> {
    pub(crate) const fn new(settings: Inflation) -> Self {
        Self {
            settings,
            inflater: None,
            at_start: true,
            last: 0,
            full: false,
            stale: false,
            error: None,
        }
    }

    pub(crate) const fn settings(&self) -> Inflation {
        self.settings
    }

    /// Decompresses the next bytes of a message into `out`.
    ///
    /// Stops when `input` is consumed or `out` is full. If `out` is full, there may be more output, even if all input
    /// is consumed: call again, or call [`finish`](Self::finish). If `out` is not full, there is no more output.
    ///
    /// # Errors
    /// [`InflateError`], and then the same from every later call. The output before a fault is handed out first,
    /// however the message is split: see [`pending_error`](Self::pending_error).
    pub(crate) fn decompress(
        &mut self,
        input: &[u8],
        out: &mut [u8],
    ) -> Result<Progress, InflateError> {
        self.pending_error()?;
        let mut progress = Progress::default();
        if input.is_empty() && !self.full || out.is_empty() {
            return Ok(progress);
        }
        let Inflation { window_bits, takeover } = self.settings;
        let inflater = self.inflater.get_or_insert_with(|| {
            let pooled = if takeover { None } else { I::from_pool(window_bits) };
            self.stale = pooled.is_some();
            pooled.unwrap_or_else(|| I::new(window_bits))
        });
        if mem::take(&mut self.stale) {
            inflater.reset();
        }
        let (mut rest, mut space) = (input, out);
        loop {
            let step = inflater.inflate(rest, space);
            let (Some((_, behind)), Some((_, free))) = (
                rest.split_at_checked(step.consumed),
                mem::take(&mut space).split_at_mut_checked(step.produced),
            ) else {
                return Err(*self.error.insert(InflateError::Invalid));
            };
            (rest, space) = (behind, free);
            progress.consumed += step.consumed;
            progress.produced += step.produced;
            self.full = space.is_empty();
            match step.next {
                Next::Continue if step.consumed == 0 && step.produced == 0 => break,
                Next::Continue => self.at_start &= step.consumed == 0,
                // A block with BFINAL ends a stream, and another stream follows (§7.2.3.4). Its sender has forgotten
                // its history, so it cannot refer to it.
                Next::Reset => {
                    inflater.reset();
                    self.at_start = true;
                    self.full = false;
                }
                Next::Invalid => {
                    let error = *self.error.insert(InflateError::Invalid);
                    return if progress.produced == 0 { Err(error) } else { Ok(progress) };
                }
            }
            if self.full || rest.is_empty() {
                break;
            }
        }
        if let Some(&last) = input.get(..progress.consumed).and_then(<[u8]>::last) {
            self.last = last;
        }
        Ok(progress)
    }

    /// Whether the last call has filled its output, so that the inflater may hold more of it.
    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    /// The error of the last call, if its output ended before a fault.
    pub(crate) fn pending_error(&self) -> Result<(), InflateError> {
        self.error.map_or(Ok(()), Err)
    }

    /// Ends the message: "append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the payload" (§7.2.2), and check
    /// that it is complete.
    ///
    /// The caller must have passed all of the payload to [`decompress`](Self::decompress). `out` may be empty, unless
    /// the last call has filled its own.
    ///
    /// # Errors
    /// [`InflateError`], and then the same from every later call.
    pub(crate) fn finish(&mut self, out: &mut [u8]) -> Result<Finished, InflateError> {
        let Progress { produced, .. } = self.decompress(&[], out)?;
        if self.full {
            return Ok(Finished { produced, done: false });
        }
        // At the start of a stream there is nothing to end: either the message is empty, or its last block had BFINAL
        // and the sender has left out the empty block after it.
        if !self.at_start {
            // Usually the payload ends with the header of the empty block whose end was left out. Such a header cannot
            // end in the byte FF. So this sender has left the tail in place, as some do, and the block is complete:
            // append another empty block, which changes nothing.
            let tail: &[u8] = if self.last == 0xFF { &EMPTY_BLOCK } else { &TAIL };
            let ended = self.inflater.as_mut().map(|inflater| inflater.inflate_block_end(tail));
            if ended != Some(Ok(())) {
                return Err(*self.error.insert(InflateError::Truncated));
            }
        }
        if !self.settings.takeover {
            let inflater = self.inflater.take();
            self.inflater = inflater.and_then(|done| done.into_pool(self.settings.window_bits));
            self.stale = true;
        }
        self.at_start = true;
        self.last = 0;
        Ok(Finished { produced, done: true })
    }

    /// Frees the decompressor if no message is in progress and no later message may refer to an earlier one. The next
    /// compressed message then creates one.
    pub(crate) fn release(&mut self) {
        if self.stale {
            self.inflater = None;
        }
    }
}

impl<I> fmt::Debug for DecompressorOver<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressor")
            .field("settings", &self.settings)
            .field("allocated", &self.inflater.is_some())
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}
