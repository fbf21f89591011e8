//! DEFLATE by miniz_oxide, the backend without `std`.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::mem;

use miniz_oxide::MZ_DEFAULT_WINDOW_BITS;
use miniz_oxide::deflate::core::{
    CompressionStrategy, CompressorOxide, TDEFLFlush, TDEFLStatus, compress_to_output,
    create_comp_flags_from_zip_params,
};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress_with_limit, inflate_flags};

use super::backend::{BackendError, Compression, Deflater, Inflated, Inflater, Next};

/// A compressor. It takes the same memory with all settings.
///
/// miniz_oxide has a parameter for window bits, but refers back up to 32 KiB all the same. To keep to a smaller window,
/// this compressor divides its input into segments as long as the window, and a full flush after each segment makes
/// miniz_oxide forget its history.
pub(crate) struct Deflate {
    inner: Box<CompressorOxide>,
    /// The length of a segment.
    segment: usize,
    /// How many bytes of the present segment have gone in.
    used: usize,
}

impl Deflater for Deflate {
    fn new(settings: Compression) -> Self {
        // A negative number means: without the header and the checksum of RFC 1950.
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

    fn deflate(&mut self, mut input: &[u8], out: &mut Vec<u8>) -> Result<(), BackendError> {
        loop {
            let left = self.segment.saturating_sub(self.used);
            // Input that is shorter than what is left of the segment is taken whole.
            let (piece, rest) = input.split_at_checked(left).unwrap_or((input, &[]));
            self.used = self.used.saturating_add(piece.len());
            input = rest;
            let how = if piece.len() == left {
                self.used = 0;
                TDEFLFlush::Full
            } else {
                TDEFLFlush::Sync
            };
            let append = |bytes: &[u8]| {
                out.extend_from_slice(bytes);
                true
            };
            let done = compress_to_output(&mut self.inner, piece, how, append);
            if done != (TDEFLStatus::Okay, piece.len()) {
                return Err(BackendError);
            }
            // If the input ended at the end of a segment, the full flush has already flushed it.
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

/// A decompressor with a window of exactly the size that was agreed on.
pub(crate) struct Inflate {
    inner: Box<DecompressorOxide>,
    /// The window: a ring buffer with the last bytes of the output. Its length is a power of two.
    window: Box<[u8]>,
    /// Where in the ring buffer the next byte is written.
    position: usize,
    /// Whether the ring buffer has been full once. From then on, data may refer to all of it.
    filled: bool,
}

impl Inflate {
    /// Decompresses at most `limit` bytes into the window, and stops at the end of the ring buffer.
    fn step(&mut self, input: &[u8], limit: usize, flags: u32) -> (TINFLStatus, usize, usize) {
        if self.position >= self.window.len() {
            self.position = 0;
            self.filled = true;
        }
        let mut flags = flags
            | inflate_flags::TINFL_FLAG_HAS_MORE_INPUT
            | inflate_flags::TINFL_FLAG_IGNORE_ADLER32;
        if !self.filled {
            // With this flag miniz_oxide refuses a distance that reaches back beyond the first byte of the output.
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
        let (mut rest, mut space) = (input, out);
        let (mut consumed, mut produced) = (0, 0);
        let next = loop {
            let (status, taken, written) = self.step(rest, space.len(), 0);
            let end = self.position.saturating_add(written);
            // miniz_oxide takes no more than it was given, and writes no more than it was allowed to.
            let (Some((_, input)), Some(fresh), Some((target, free))) = (
                rest.split_at_checked(taken),
                self.window.get(self.position..).and_then(|window| window.get(..written)),
                mem::take(&mut space).split_at_mut_checked(written),
            ) else {
                debug_assert!(false, "miniz_oxide reports {taken} and {written} bytes");
                break Next::Invalid;
            };
            target.copy_from_slice(fresh);
            self.position = end;
            consumed += taken;
            produced += written;
            (rest, space) = (input, free);
            match status {
                // The ring buffer has ended before the output: go on at its beginning.
                TINFLStatus::HasMoreOutput if !space.is_empty() => {}
                TINFLStatus::HasMoreOutput | TINFLStatus::NeedsMoreInput => break Next::Continue,
                TINFLStatus::Done => break Next::Reset,
                _ => break Next::Invalid,
            }
        };
        Inflated { consumed, produced, next }
    }

    fn inflate_block_end(&mut self, input: &[u8]) -> Result<(), BackendError> {
        let step = self.step(input, 0, inflate_flags::TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY);
        let ends = step == (TINFLStatus::BlockBoundary, input.len(), 0);
        if ends { Ok(()) } else { Err(BackendError) }
    }

    fn reset(&mut self) {
        self.inner.init();
        self.position = 0;
        self.filled = false;
    }
}
