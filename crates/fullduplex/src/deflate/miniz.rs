//! DEFLATE by miniz_oxide, the backend without `std`.

use alloc::boxed::Box;
use alloc::vec;

use miniz_oxide::DataFormat;
use miniz_oxide::deflate::core::{
    CompressionStrategy, CompressorOxide, TDEFLFlush, TDEFLStatus, compress,
};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress_with_limit, inflate_flags};

use super::backend::{Compression, Deflated, Deflater, Inflated, Inflater, Next, Refused};

/// A compressor. It takes the same memory whatever its settings are, and knows three windows: one
/// byte (for 8 to 11 bits), 4 KiB (12 to 14) and 32 KiB.
pub(crate) struct Deflate {
    inner: Box<CompressorOxide>,
    /// The last call ended because `out` was full: there may be more.
    full: bool,
}

impl Deflater for Deflate {
    fn new(settings: Compression) -> Self {
        let inner = Box::new(CompressorOxide::with_params(
            DataFormat::Raw,
            settings.level.min(9),
            CompressionStrategy::Default,
            settings.window_bits.clamp(8, 15),
        ));
        Self { inner, full: false }
    }

    fn deflate(&mut self, input: &[u8], out: &mut [u8], flush: bool) -> Result<Deflated, Refused> {
        let flush = if flush { TDEFLFlush::Sync } else { TDEFLFlush::None };
        let (mut consumed, mut produced) = (0, 0);
        loop {
            let rest = input.get(consumed..).unwrap_or_default();
            let room = out.get_mut(produced..).unwrap_or_default();
            let room_len = room.len();
            // A call that finds output waiting does no more than write it.
            let waited = core::mem::take(&mut self.full);
            let (status, taken, written) = compress(&mut self.inner, rest, room, flush);
            if status != TDEFLStatus::Okay {
                return Err(Refused);
            }
            consumed = consumed.saturating_add(taken);
            produced = produced.saturating_add(written);
            self.full = written >= room_len;
            if self.full {
                return Ok(Deflated { consumed, produced, done: false });
            }
            if !waited && consumed >= input.len() {
                return Ok(Deflated { consumed, produced, done: true });
            }
            if !waited && taken == 0 && written == 0 {
                return Err(Refused);
            }
        }
    }

    fn reset(&mut self) {
        self.inner.reset();
        self.full = false;
    }
}

/// A decompressor with a window of exactly the size that was agreed.
pub(crate) struct Inflate {
    inner: Box<DecompressorOxide>,
    /// What was decompressed last, in a ring; its length is a power of two.
    window: Box<[u8]>,
    /// Where the next byte goes.
    position: usize,
    /// The ring has been filled once: all of it may be referred to.
    filled: bool,
}

impl Inflate {
    /// Decompresses at most `limit` bytes into the window, up to its end.
    fn step(&mut self, input: &[u8], limit: usize, flags: u32) -> (TINFLStatus, usize, usize) {
        if self.position >= self.window.len() {
            self.position = 0;
            self.filled = true;
        }
        let mut flags = flags
            | inflate_flags::TINFL_FLAG_HAS_MORE_INPUT
            | inflate_flags::TINFL_FLAG_IGNORE_ADLER32;
        if !self.filled {
            // In a buffer that does not wrap a distance is checked against the position.
            flags |= inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        }
        decompress_with_limit(&mut self.inner, input, &mut self.window, self.position, limit, flags)
    }
}

impl Inflater for Inflate {
    fn new(window_bits: u8) -> Self {
        Self {
            inner: Box::default(),
            window: vec![0; 1 << window_bits.clamp(8, 15)].into_boxed_slice(),
            position: 0,
            filled: false,
        }
    }

    fn inflate(&mut self, input: &[u8], out: &mut [u8]) -> Inflated {
        let (mut consumed, mut produced) = (0_usize, 0_usize);
        loop {
            let rest = input.get(consumed..).unwrap_or_default();
            let room = out.get_mut(produced..).unwrap_or_default();
            let (status, taken, written) = self.step(rest, room.len(), 0);
            let end = self.position.saturating_add(written);
            let fresh = self.window.get(self.position..end).unwrap_or_default();
            room.get_mut(..fresh.len()).unwrap_or_default().copy_from_slice(fresh);
            self.position = end;
            consumed = consumed.saturating_add(taken);
            produced = produced.saturating_add(written);
            let next = match status {
                // The window ended before the output did: it goes on at the window's start.
                TINFLStatus::HasMoreOutput if produced < out.len() => continue,
                TINFLStatus::HasMoreOutput | TINFLStatus::NeedsMoreInput => Next::Continue,
                TINFLStatus::Done => Next::Reset,
                _ => Next::Refuse,
            };
            return Inflated { consumed, produced, next };
        }
    }

    fn inflate_block_end(&mut self, input: &[u8]) -> Result<(), Refused> {
        let step = self.step(input, 0, inflate_flags::TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY);
        let ends = step == (TINFLStatus::BlockBoundary, input.len(), 0);
        if ends { Ok(()) } else { Err(Refused) }
    }

    fn reset(&mut self) {
        self.inner.init();
        self.position = 0;
        self.filled = false;
    }
}
