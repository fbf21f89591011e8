//! DEFLATE by miniz_oxide, the backend without `std`.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use miniz_oxide::MZ_DEFAULT_WINDOW_BITS;
use miniz_oxide::deflate::core::{
    CompressionStrategy, CompressorOxide, TDEFLFlush, TDEFLStatus, compress_to_output,
    create_comp_flags_from_zip_params,
};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress_with_limit, inflate_flags};

use super::backend::{Compression, Deflater, Inflated, Inflater, Next, Refused};

/// A compressor. It takes the same memory whatever its settings are.
///
/// miniz_oxide takes window bits, but refers back up to 32 KiB all the same. A smaller window is
/// therefore kept by forgetting everything each time that many bytes have gone in.
pub(crate) struct Deflate {
    inner: Box<CompressorOxide>,
    /// After how many bytes everything is forgotten.
    segment: usize,
    /// Bytes since then.
    used: usize,
}

impl Deflater for Deflate {
    fn new(settings: Compression) -> Self {
        // Below zero: without the header and checksum of RFC 1950.
        let flags = create_comp_flags_from_zip_params(
            i32::from(settings.level.min(9)),
            -MZ_DEFAULT_WINDOW_BITS,
            CompressionStrategy::Default as i32,
        );
        let segment = match settings.window_bits {
            bits @ ..=14 => 1 << bits.max(8),
            _ => usize::MAX,
        };
        Self { inner: Box::new(CompressorOxide::new(flags)), segment, used: 0 }
    }

    fn deflate(&mut self, mut input: &[u8], out: &mut Vec<u8>, flush: bool) -> Result<(), Refused> {
        loop {
            let left = self.segment.saturating_sub(self.used);
            let (piece, rest) = input.split_at_checked(left).unwrap_or((input, &[]));
            self.used = self.used.saturating_add(piece.len());
            input = rest;
            let how = if piece.len() == left {
                self.used = 0;
                TDEFLFlush::Full
            } else if flush {
                TDEFLFlush::Sync
            } else {
                TDEFLFlush::None
            };
            let append = |bytes: &[u8]| {
                out.extend_from_slice(bytes);
                true
            };
            let done = compress_to_output(&mut self.inner, piece, how, append);
            if done != (TDEFLStatus::Okay, piece.len()) {
                return Err(Refused);
            }
            // What ended a segment was flushed.
            if input.is_empty() {
                return Ok(());
            }
        }
    }

    fn reset(&mut self) {
        self.inner.reset();
        self.used = 0;
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
