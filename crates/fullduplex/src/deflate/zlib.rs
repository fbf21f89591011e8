//! DEFLATE by zlib-rs, the backend under `std`.

use alloc::vec::Vec;
use core::sync::atomic::AtomicUsize;

use zlib_rs::{DeflateConfig, DeflateFlush, InflateFlush, Status};

use super::backend::{BackendError, Compression, Deflater, Inflated, Inflater, Next};
use crate::pool::{self, Pool};

/// The most space for output that one call to zlib gets. It is filled with zeros first, which takes a hundredth of the
/// time that zlib takes to fill it.
const MAX_SPACE: usize = 16 * 1024;

/// The least space for output: with six bytes or less, zlib repeats its flush marker.
const MIN_SPACE: usize = 64;

/// How many places the pools have claimed on all threads, for compressors and for decompressors: see [`Pool`].
static POOLED: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];

std::thread_local! {
    static DEFLATERS: Pool<Compression, Deflate> = const { Pool::new(|| &POOLED[0]) };
    static INFLATERS: Pool<(), Inflate> = const { Pool::new(|| &POOLED[1]) };
}

/// A compressor. It takes its memory when it is created.
pub(crate) struct Deflate(zlib_rs::Deflate);

impl Deflater for Deflate {
    fn new(settings: Compression) -> Self {
        // zlib refuses a raw stream with a window of 256 bytes (8 bits). But it never refers back further than the
        // window less MIN_LOOKAHEAD (262): with a window of 512 bytes (9 bits), that is 250 bytes. So a compressor with
        // 9 bits keeps to 8.
        let window_bits = settings.window_bits.clamp(9, 15);
        Self(zlib_rs::Deflate::new_with_config(DeflateConfig {
            level: i32::from(settings.level.min(9)),
            // A negative number means: without the header and the checksum of RFC 1950.
            window_bits: -i32::from(window_bits),
            mem_level: i32::from(settings.mem_level.clamp(1, 9)),
            ..DeflateConfig::default()
        }))
    }

    fn from_pool(settings: Compression) -> Option<Self> {
        pool::take(&DEFLATERS, &settings)
    }

    fn into_pool(self, settings: Compression) -> Option<Self> {
        pool::put(&DEFLATERS, settings, self);
        None
    }

    fn deflate(&mut self, mut input: &[u8], out: &mut Vec<u8>) -> Result<(), BackendError> {
        loop {
            let start = out.len();
            // Half of the input is enough for most text; if it is not, the loop goes round again.
            let space_len = (input.len() / 2).clamp(MIN_SPACE, MAX_SPACE);
            out.resize(start + space_len, 0);
            let (_, space) = out.split_at_mut(start);
            let (read, written) = (self.0.total_in(), self.0.total_out());
            let status = self.0.compress(input, space, DeflateFlush::SyncFlush);
            let consumed = difference(read, self.0.total_in());
            let produced = difference(written, self.0.total_out());
            out.truncate(start.saturating_add(produced));
            status.map_err(|_| BackendError)?;
            input = input.get(consumed..).ok_or(BackendError)?;
            // "If deflate returns with avail_out == 0, this function must be called again with the
            // same value of the flush parameter and more output space".
            if produced < space_len {
                return if input.is_empty() { Ok(()) } else { Err(BackendError) };
            }
        }
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}

/// A decompressor. It takes its memory when it is created, and always has a window of 32 KiB.
///
/// So it follows a distance that is larger than the window that was agreed on, if that distance leads to output of this
/// stream. This costs nothing, and reveals nothing but the peer's own data.
pub(crate) struct Inflate(zlib_rs::Inflate);

impl Inflate {
    fn step(&mut self, input: &[u8], out: &mut [u8], flush: InflateFlush) -> Inflated {
        let (read, written) = (self.0.total_in(), self.0.total_out());
        let next = match self.0.decompress(input, out, flush) {
            // A buffer error means that input or space is missing.
            Ok(Status::Ok | Status::BufError) => Next::Continue,
            Ok(Status::StreamEnd) => Next::Reset,
            Err(_) => Next::Invalid,
        };
        let consumed = difference(read, self.0.total_in());
        let produced = difference(written, self.0.total_out());
        Inflated { consumed, produced, next }
    }
}

impl Inflater for Inflate {
    fn new(window_bits: u8) -> Self {
        Self(zlib_rs::Inflate::new(false, window_bits.clamp(8, 15)))
    }

    fn from_pool(_window_bits: u8) -> Option<Self> {
        // All of them have the same window, and zlib does not use the number for anything else in a raw stream.
        pool::take(&INFLATERS, &())
    }

    fn into_pool(self, _window_bits: u8) -> Option<Self> {
        pool::put(&INFLATERS, (), self);
        None
    }

    fn inflate(&mut self, input: &[u8], out: &mut [u8]) -> Inflated {
        self.step(input, out, InflateFlush::NoFlush)
    }

    fn inflate_block_end(&mut self, input: &[u8]) -> Result<(), BackendError> {
        // With `Block`, zlib stops at the end of a block. To see whether the block ends exactly where the input does,
        // we append one byte: if the block does not end there, zlib reads that byte as well.
        let mut probe = [0; 8];
        let length = input.len();
        probe.get_mut(..length).ok_or(BackendError)?.copy_from_slice(input);
        let probe = probe.get(..=length).ok_or(BackendError)?;
        let step = self.step(probe, &mut [0], InflateFlush::Block);
        let ends = step == Inflated { consumed: length, produced: 0, next: Next::Continue };
        if ends { Ok(()) } else { Err(BackendError) }
    }

    fn reset(&mut self) {
        self.0.reset(false);
    }
}

/// How far one of zlib's counters has advanced in one call. That is at most the length of a slice, so it fits a
/// `usize`.
fn difference(before: u64, after: u64) -> usize {
    after.wrapping_sub(before) as usize
}
