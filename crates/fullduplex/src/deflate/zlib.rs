//! DEFLATE by zlib-rs, the backend under `std`.

use alloc::vec::Vec;
use core::sync::atomic::AtomicUsize;

use zlib_rs::{DeflateConfig, DeflateFlush, InflateFlush, Status};

use super::backend::{Compression, Deflater, Inflated, Inflater, Next, Refused};
use crate::pool::{self, Pool};

/// How much room for output to begin with; half of the input is enough for most text, and when it is
/// not there is another round. It is filled with zeros first, which takes a hundredth of the time
/// that filling it with anything else does.
const MAX_ROOM: usize = 16 * 1024;

/// The least room: with six bytes or less, zlib repeats its flush marker.
const MIN_ROOM: usize = 64;

/// How many compressors and decompressors the pools of all threads hold.
static POOLED: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];

std::thread_local! {
    static DEFLATERS: Pool<Compression, Deflate> = const { Pool::new(&POOLED[0]) };
    static INFLATERS: Pool<(), Inflate> = const { Pool::new(&POOLED[1]) };
}

/// A compressor; it takes memory when it is made.
pub(crate) struct Deflate(zlib_rs::Deflate);

impl Deflater for Deflate {
    fn new(settings: Compression) -> Self {
        // zlib refuses a raw stream with a window of 256 bytes, but it never refers back further
        // than the window less MIN_LOOKAHEAD (262): with a window of 512 bytes that is 250. So
        // eight bits are kept to with nine.
        let window_bits = settings.window_bits.clamp(9, 15);
        Self(zlib_rs::Deflate::new_with_config(DeflateConfig {
            level: i32::from(settings.level.min(9)),
            // Below zero: without the header and checksum of RFC 1950.
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

    fn deflate(&mut self, mut input: &[u8], out: &mut Vec<u8>, flush: bool) -> Result<(), Refused> {
        let flush = if flush { DeflateFlush::SyncFlush } else { DeflateFlush::NoFlush };
        loop {
            let start = out.len();
            let room = (input.len() / 2).clamp(MIN_ROOM, MAX_ROOM);
            out.resize(start.saturating_add(room), 0);
            let space = out.get_mut(start..).unwrap_or_default();
            let (read, written) = (self.0.total_in(), self.0.total_out());
            let status = self.0.compress(input, space, flush);
            let consumed = difference(read, self.0.total_in());
            let produced = difference(written, self.0.total_out());
            out.truncate(start.saturating_add(produced));
            status.map_err(|_| Refused)?;
            input = input.get(consumed..).unwrap_or_default();
            // "If deflate returns with avail_out == 0, this function must be called again with the
            // same value of the flush parameter and more output space".
            if produced < room {
                return if input.is_empty() { Ok(()) } else { Err(Refused) };
            }
        }
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}

/// A decompressor; it takes memory when it is made, and always has a window of 32 KiB.
///
/// A distance that is larger than the window that was agreed, but not than what is there, is
/// followed: it costs nothing, and reads nothing that is not the peer's own.
pub(crate) struct Inflate(zlib_rs::Inflate);

impl Inflate {
    fn step(&mut self, input: &[u8], out: &mut [u8], flush: InflateFlush) -> Inflated {
        let (read, written) = (self.0.total_in(), self.0.total_out());
        let next = match self.0.decompress(input, out, flush) {
            // A buffer error is a lack of input or room.
            Ok(Status::Ok | Status::BufError) => Next::Continue,
            Ok(Status::StreamEnd) => Next::Reset,
            Err(_) => Next::Refuse,
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
        // The window is of one size, and zlib looks at nothing else of it in a raw stream.
        pool::take(&INFLATERS, &())
    }

    fn into_pool(self, _window_bits: u8) -> Option<Self> {
        pool::put(&INFLATERS, (), self);
        None
    }

    fn inflate(&mut self, input: &[u8], out: &mut [u8]) -> Inflated {
        self.step(input, out, InflateFlush::NoFlush)
    }

    fn inflate_block_end(&mut self, input: &[u8]) -> Result<(), Refused> {
        // `Block` stops at the end of a block, and there alone: elsewhere, what follows the input
        // is read as well.
        let mut probe = [0; 8];
        let (Some(head), length) = (probe.get_mut(..input.len()), input.len()) else {
            return Err(Refused);
        };
        head.copy_from_slice(input);
        let probe = probe.get(..=length).ok_or(Refused)?;
        let step = self.step(probe, &mut [0], InflateFlush::Block);
        let ends = step == Inflated { consumed: length, produced: 0, next: Next::Continue };
        if ends { Ok(()) } else { Err(Refused) }
    }

    fn reset(&mut self) {
        self.0.reset(false);
    }
}

/// How far a counter went up; both values come from one call on a slice.
fn difference(before: u64, after: u64) -> usize {
    usize::try_from(after.wrapping_sub(before)).unwrap_or_default()
}
