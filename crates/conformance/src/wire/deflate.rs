//! permessage-deflate (RFC 7692) over zlib, with the exact window of each direction.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::reach::furthest_match;

/// The parameters of one direction (RFC 7692 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// The LZ77 window's size, as a power of two: 8 to 15.
    pub window_bits: u8,
    /// Whether each message is compressed on its own.
    pub no_context_takeover: bool,
}

impl Params {
    /// The parameters of a direction about which the handshake says nothing.
    #[must_use]
    pub const fn unlimited() -> Self {
        Self { window_bits: 15, no_context_takeover: false }
    }
}

/// What was negotiated for both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deflate {
    /// How the client compresses.
    pub client: Params,
    /// How the server compresses.
    pub server: Params,
}

/// zlib has no raw stream with a window of 256 bytes, and a larger window would break the agreement. Such a stream therefore
/// stays uncompressed, without any references.
const SMALLEST_WINDOW: u8 = 9;

/// The window of 32 KiB: no match can reach back further (RFC 1951 §3.2.5).
const LARGEST_WINDOW: u8 = 15;

/// Compresses the messages of one direction.
#[derive(Debug)]
pub(crate) struct Deflater {
    params: Params,
    stream: Compress,
}

impl Deflater {
    pub(crate) fn new(params: Params) -> Self {
        let level = if params.window_bits < SMALLEST_WINDOW {
            Compression::none()
        } else {
            Compression::fast()
        };
        let bits = params.window_bits.max(SMALLEST_WINDOW);
        Self { params, stream: Compress::new_with_window_bits(level, false, bits) }
    }

    /// Compresses the payload of a message (RFC 7692 §7.2.1).
    pub(crate) fn message(&mut self, payload: &[u8]) -> Vec<u8> {
        if self.params.no_context_takeover {
            self.stream.reset();
        }
        let mut out = Vec::with_capacity(payload.len() / 2 + 64);
        let begin = self.stream.total_in();
        loop {
            let taken = (self.stream.total_in() - begin) as usize;
            out.reserve(256 + payload.len() / 4);
            // The only error that is possible here is a call without progress, when everything is
            // done.
            let status = self.stream.compress_vec(&payload[taken..], &mut out, FlushCompress::Sync);
            let all = (self.stream.total_in() - begin) as usize == payload.len();
            if status.is_err() || (all && out.len() < out.capacity()) {
                break;
            }
        }
        // "Remove 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end."
        out.truncate(out.len().saturating_sub(4));
        if out.is_empty() {
            // An empty message is one empty block (RFC 7692 §7.2.3.6).
            out.push(0);
        }
        out
    }
}

/// A stream with the largest window. In it, a match can only reach too far if it reaches before the beginning.
fn decompress() -> Decompress {
    Decompress::new(false)
}

/// Decompresses the messages of one direction, and refuses references beyond the window.
#[derive(Debug)]
pub(crate) struct Inflater {
    params: Params,
    stream: Decompress,
    /// How many blocks with BFINAL there were in the message.
    final_blocks: usize,
}

/// The most bytes of a message that are held. No case sends as many.
pub(crate) const MAX_MESSAGE: usize = 64 << 20;

/// The most blocks with BFINAL in a message, because each needs a new stream.
const MAX_FINAL_BLOCKS: usize = 1 << 10;

impl Inflater {
    pub(crate) fn new(params: Params) -> Self {
        Self { params, stream: decompress(), final_blocks: 0 }
    }

    /// Decompresses the payload of a message (RFC 7692 §7.2.2). The error is a sentence.
    pub(crate) fn message(&mut self, payload: &[u8]) -> Result<Vec<u8>, String> {
        if self.params.no_context_takeover {
            self.stream = decompress();
        }
        self.final_blocks = 0;
        let mut out = Vec::new();
        let whole = [payload, &[0x00, 0x00, 0xff, 0xff]].concat();
        self.feed(&whole, &mut out)?;
        // If a block has ended here, another empty one changes nothing. Otherwise it causes an
        // error or output.
        let len = out.len();
        let empty_block = self.feed(&[0x00, 0x00, 0x00, 0xff, 0xff], &mut out);
        if empty_block.is_err() || out.len() != len {
            return Err(
                "its compressed message does not end where a block does (RFC 7692 §7.2.1)".into()
            );
        }
        if self.params.window_bits < LARGEST_WINDOW {
            let (window, reach) = (1 << self.params.window_bits, furthest_match(&whole));
            if reach > window {
                return Err(format!(
                    "its compressed message refers back {reach} bytes, and its window has {window} (RFC 7692 §7.1.2)"
                ));
            }
        }
        Ok(out)
    }

    fn feed(&mut self, mut input: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        let mut chunk = vec![0; 1 << 16];
        loop {
            let (read, made) = (self.stream.total_in(), self.stream.total_out());
            let status = self.stream.decompress(input, &mut chunk, FlushDecompress::Sync).map_err(
                |error| {
                    let why = error.message().unwrap_or("it is not DEFLATE");
                    format!(
                        "its compressed message cannot be decompressed: {why} (RFC 7692 §7.2.2)"
                    )
                },
            )?;
            input = &input[(self.stream.total_in() - read) as usize..];
            let len = (self.stream.total_out() - made) as usize;
            out.extend_from_slice(&chunk[..len]);
            if out.len() > MAX_MESSAGE {
                return Err(format!(
                    "its compressed message has more than {MAX_MESSAGE} bytes, which it was never sent"
                ));
            }
            match status {
                // A block with BFINAL ends the stream, and what follows begins a new one (RFC 7692 §7.2.3.4).
                Status::StreamEnd => {
                    self.final_blocks += 1;
                    if self.final_blocks > MAX_FINAL_BLOCKS {
                        return Err(
                            "its compressed message is a flood of blocks with BFINAL".into()
                        );
                    }
                    self.stream = decompress();
                    if input.is_empty() {
                        return Ok(());
                    }
                }
                _ if input.is_empty() && len < chunk.len() => return Ok(()),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_window_that_can_be_agreed_on_can_be_used() {
        for window_bits in 8..=15 {
            for no_context_takeover in [false, true] {
                let params = Params { window_bits, no_context_takeover };
                let (mut deflater, mut inflater) = (Deflater::new(params), Inflater::new(params));
                for message in [&b"Hello Hello Hello"[..], b"", b"Hello Hello Hello"] {
                    assert_eq!(
                        inflater.message(&deflater.message(message)).as_deref(),
                        Ok(message)
                    );
                }
            }
        }
    }

    #[test]
    fn what_refers_back_further_than_the_window_is_refused() {
        let part: Vec<u8> = (0..700).map(|number: u32| ((number * number) >> 3) as u8).collect();
        let message = [&part[..], &part].concat();
        let compressed = Deflater::new(Params::unlimited()).message(&message);
        let window = |window_bits| Params { window_bits, no_context_takeover: false };
        assert!(Inflater::new(window(10)).message(&compressed).is_ok());
        let refused = Inflater::new(window(9)).message(&compressed).unwrap_err();
        assert!(refused.contains("refers back 700 bytes, and its window has 512"), "{refused}");
        // zlib does not support the smallest window.
        let again =
            Deflater::new(Params::unlimited()).message(&[&part[..256], &part[..256]].concat());
        assert!(Inflater::new(window(8)).message(&again).is_ok());
        let further =
            Deflater::new(Params::unlimited()).message(&[&part[..257], &part[..257]].concat());
        assert!(Inflater::new(window(8)).message(&further).is_err());
    }

    #[test]
    fn a_message_without_end_is_not_held() {
        let params = Params { window_bits: 15, no_context_takeover: false };
        let bomb = Deflater::new(params).message(&vec![0; MAX_MESSAGE + 1]);
        assert!(Inflater::new(params).message(&bomb).unwrap_err().contains("never sent"));
        // Empty blocks with BFINAL, each of which ends a stream.
        let flood = [0x03, 0x00].repeat(100_000);
        assert!(Inflater::new(params).message(&flood).unwrap_err().contains("BFINAL"));
    }
}
