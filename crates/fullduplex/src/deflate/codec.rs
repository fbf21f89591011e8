//! Messages to compressed payloads and back (RFC 7692 §7.2): the tail, context takeover, and output
//! that the caller bounds.
//!
//! ```text
//! Compressor:    piece ──▶ DEFLATE ──▶ sync flush ──▶ payload without the last 00 00 FF FF
//! Decompressor:  payload ──▶ DEFLATE ──▶ as much as the caller has room for
//!                end of the message ──▶ 00 00 FF FF, at which a block must end
//! ```
//!
//! Without context takeover nothing of a message is needed once it has ended. With `std` compressor and
//! decompressor then go into the thread's pool, where the next message of any connection finds them. Without,
//! they stay, to be used again, until `release`: an allocation of that size for each message is what a small
//! heap bears least, and only the caller knows when one connection will wait and another one work.
//!
//! A message that is sent uncompressed passes by both: "the LZ77 sliding window" holds compressed
//! messages only (§7.2), so both ends stay in step without being told.

use alloc::vec::Vec;
use core::fmt;

use super::backend::{Compression, Deflater, Inflater, Inflation, Next};
#[cfg(not(feature = "std"))]
use super::miniz as native;
#[cfg(feature = "std")]
use super::zlib as native;

#[cfg(test)]
mod tests;

/// "00 00 FF FF": what ends an empty stored block, and is left out at the end of a message.
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// An empty stored block that begins at a byte boundary.
const EMPTY_BLOCK: [u8; 5] = [0x00, 0x00, 0x00, 0xFF, 0xFF];

/// The compressor for outgoing messages.
pub(crate) type Compressor = CompressorOver<native::Deflate>;

/// The decompressor for incoming messages.
pub(crate) type Decompressor = DecompressorOver<native::Inflate>;

/// What is to happen behind a piece of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flush {
    /// More of the message follows: output may wait for it.
    No,
    /// More follows, but everything so far is to be readable by the peer.
    Fragment,
    /// The message ends.
    Message,
}

/// The compressor failed, which none of its inputs can cause; it is of no use any more.
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
pub enum InflateError {
    /// The data are not DEFLATE, or refer to more than the peer may refer to (RFC 1951).
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
    /// Something was compressed since the last flush.
    dirty: bool,
    /// A message is in progress.
    open: bool,
    /// The deflater, if there is one, holds a message that the next one must not refer to.
    stale: bool,
    /// The deflater refused once.
    failed: bool,
}

impl<D: Deflater> CompressorOver<D> {
    pub(crate) const fn new(settings: Compression) -> Self {
        let deflater = None;
        Self { settings, deflater, dirty: false, open: false, stale: false, failed: false }
    }

    pub(crate) const fn settings(&self) -> Compression {
        self.settings
    }

    /// Compresses the next piece of a message and appends what comes out to `out`. The pieces of a
    /// message may be appended to different vectors; all of them must reach the peer, in order.
    ///
    /// # Errors
    /// [`CompressError`] never happens, short of a fault in the backend; then always.
    pub(crate) fn compress(
        &mut self,
        piece: &[u8],
        flush: Flush,
        out: &mut Vec<u8>,
    ) -> Result<(), CompressError> {
        if self.failed {
            return Err(CompressError);
        }
        self.open = true;
        self.dirty |= !piece.is_empty();
        if self.dirty {
            // Absorbing: left set unless the end is reached.
            self.failed = true;
            self.deflate(piece, flush != Flush::No, out)?;
            self.failed = false;
        }
        match flush {
            Flush::No => return Ok(()),
            Flush::Fragment => {}
            Flush::Message => {
                if self.dirty {
                    // "Remove 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end."
                    self.failed = !out.ends_with(&TAIL);
                    if self.failed {
                        return Err(CompressError);
                    }
                    out.truncate(out.len().saturating_sub(TAIL.len()));
                } else {
                    // Nothing since the last flush, at a byte boundary: an empty stored block
                    // (§7.2.3.6), of which the first byte remains.
                    out.push(0x00);
                }
                if !self.settings.takeover {
                    let deflater = self.deflater.take();
                    self.deflater = deflater.and_then(|done| done.into_pool(self.settings));
                    self.stale = true;
                }
                self.open = false;
            }
        }
        self.dirty = false;
        Ok(())
    }

    /// Gives memory back where no later message could need it: between messages, without context
    /// takeover, unless it went into the pool already. The next message then allocates again.
    pub(crate) fn release(&mut self) {
        if !self.open && !self.settings.takeover {
            self.deflater = None;
        }
    }

    /// Forgets all history: what was compressed last did not reach the peer. A stream that begins anew at a
    /// byte boundary refers to nothing, so the peer need not know.
    pub(crate) fn forget(&mut self) {
        *self = Self::new(self.settings);
    }

    fn deflate(
        &mut self,
        piece: &[u8],
        flush: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), CompressError> {
        let deflater = self.deflater.get_or_insert_with(|| {
            let pooled = if self.settings.takeover { None } else { D::from_pool(self.settings) };
            self.stale = pooled.is_some();
            pooled.unwrap_or_else(|| D::new(self.settings))
        });
        if core::mem::take(&mut self.stale) {
            deflater.reset();
        }
        deflater.deflate(piece, out, flush).map_err(|_| CompressError)
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
    /// Bytes of the input that are done with.
    pub(crate) consumed: usize,
    /// Bytes written to the output.
    pub(crate) produced: usize,
}

/// What one call of [`Decompressor::finish`](DecompressorOver::finish) did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Finished {
    /// Bytes written to the output.
    pub(crate) produced: usize,
    /// The message is whole. If not, `finish` is to be called again with more room.
    pub(crate) done: bool,
}

/// Decompresses the messages of one direction. Takes no memory before the first byte.
pub(crate) struct DecompressorOver<I> {
    settings: Inflation,
    inflater: Option<I>,
    /// No byte was read since the message began or since a block with BFINAL ended.
    at_start: bool,
    /// The last byte of the message so far.
    last: u8,
    /// The last call filled its output, so more may be waiting.
    full: bool,
    /// The inflater, if there is one, holds a message that the next one must not refer to.
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
    /// Stops when `input` is consumed or `out` is full. When `out` is full there may be more, even
    /// with all input consumed: call again, or go on to [`finish`](Self::finish). Nothing is held
    /// back otherwise.
    ///
    /// # Errors
    /// [`InflateError`], and from then on the same with every call. What came before the fault is
    /// handed out first, however the message is split: see [`pending_error`](Self::pending_error).
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
        if core::mem::take(&mut self.stale) {
            inflater.reset();
        }
        loop {
            let rest = input.get(progress.consumed..).unwrap_or_default();
            let room = out.get_mut(progress.produced..).unwrap_or_default();
            let room_len = room.len();
            let step = inflater.inflate(rest, room);
            progress.consumed = progress.consumed.saturating_add(step.consumed);
            progress.produced = progress.produced.saturating_add(step.produced);
            self.full = step.produced >= room_len;
            match step.next {
                Next::Continue if step.consumed == 0 && step.produced == 0 => break,
                Next::Continue => self.at_start &= step.consumed == 0,
                // What follows a block with BFINAL is a stream of its own: its sender has begun
                // afresh as well (§7.2.3.4), so there is no history to refer to.
                Next::Reset => {
                    inflater.reset();
                    self.at_start = true;
                    self.full = false;
                }
                Next::Refuse => {
                    let error = *self.error.insert(InflateError::Invalid);
                    return if progress.produced == 0 { Err(error) } else { Ok(progress) };
                }
            }
            if self.full || progress.consumed >= input.len() {
                break;
            }
        }
        if let Some(&last) = progress.consumed.checked_sub(1).and_then(|index| input.get(index)) {
            self.last = last;
        }
        Ok(progress)
    }

    /// Whether output may be waiting that did not fit into the room of the last call.
    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    /// The failure that the last call left behind: its output ended right before a fault.
    pub(crate) fn pending_error(&self) -> Result<(), InflateError> {
        self.error.map_or(Ok(()), Err)
    }

    /// The message has ended: "append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the
    /// payload" (§7.2.2), and see whether it was whole.
    ///
    /// Everything up to the end must have been consumed. Needs room in `out` only when the last
    /// call filled its own.
    ///
    /// # Errors
    /// [`InflateError`], and from then on the same with every call.
    pub(crate) fn finish(&mut self, out: &mut [u8]) -> Result<Finished, InflateError> {
        let Progress { produced, .. } = self.decompress(&[], out)?;
        if self.full {
            return Ok(Finished { produced, done: false });
        }
        // At a start there is nothing to end: either the message is empty, or its last block had
        // BFINAL and the sender spared the empty block behind it.
        if !self.at_start {
            // No header of a stored block can end in the byte FF. So the tail was left on the
            // wire, as some do; in its place goes a block that leaves everything as it is.
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

    /// Gives memory back where no later message could need it: between messages, without context
    /// takeover, unless it went into the pool already. The next compressed message then allocates again.
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
