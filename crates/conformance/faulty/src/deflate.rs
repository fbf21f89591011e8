//! permessage-deflate (RFC 7692 §7.2).

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::fault::{Fault, Switch};

/// The parameters that were negotiated, for the messages that an endpoint sends and receives (RFC
/// 7692 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Agreed {
    /// The window for sending, as a power of two.
    pub(crate) window_bits: u8,
    /// Whether it compresses each message on its own.
    pub(crate) no_context_takeover: bool,
    /// Whether the peer does.
    pub(crate) peer_no_context_takeover: bool,
}

/// Compresses messages.
#[derive(Debug)]
pub(crate) struct Deflater {
    no_context_takeover: bool,
    stream: Compress,
}

impl Deflater {
    pub(crate) fn new(agreed: Agreed, switch: &Switch) -> Self {
        let mut bits = agreed.window_bits;
        if bits < 15 && switch.is(Fault::WindowTooLarge) {
            bits = 15;
        }
        // zlib has no raw stream with a window of 256 bytes; without compression, nothing refers back at all.
        let level = if bits < 9 { Compression::none() } else { Compression::fast() };
        let stream = Compress::new_with_window_bits(level, false, bits.max(9));
        Self { no_context_takeover: agreed.no_context_takeover, stream }
    }

    /// Compresses the payload of a message (RFC 7692 §7.2.1).
    pub(crate) fn message(&mut self, payload: &[u8], switch: &Switch) -> Vec<u8> {
        if payload.is_empty() {
            // RFC 7692 §7.2.3.6: "an endpoint can use a single 0x00 octet" for an empty message.
            return if switch.is(Fault::EmptyCompressedWrong) { Vec::new() } else { vec![0] };
        }
        if self.no_context_takeover
            && self.stream.total_in() > 0
            && !switch.is(Fault::DeflateContextKept)
        {
            self.stream.reset();
        }
        let finish = switch.is(Fault::BfinalSent);
        let flush = if finish { FlushCompress::Finish } else { FlushCompress::Sync };
        let mut out = Vec::with_capacity(payload.len() / 2 + 64);
        let begin = self.stream.total_in();
        loop {
            let taken = (self.stream.total_in() - begin) as usize;
            out.reserve(256 + payload.len() / 4);
            let status = self.stream.compress_vec(&payload[taken..], &mut out, flush);
            let all = (self.stream.total_in() - begin) as usize == payload.len();
            if status.is_err() || (all && out.len() < out.capacity()) {
                break;
            }
        }
        if finish {
            self.stream.reset();
        } else if !switch.is(Fault::TailSent) {
            // "Remove 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end."
            out.truncate(out.len() - 4);
        }
        out
    }
}

/// A message that cannot be decompressed, or is too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    Stream,
    TooLarge,
}

/// Decompresses messages.
#[derive(Debug)]
pub(crate) struct Inflater {
    no_context_takeover: bool,
    stream: Decompress,
    /// Whether the rest of this message is ignored.
    done: bool,
}

impl Inflater {
    pub(crate) fn new(agreed: Agreed) -> Self {
        // The largest window is enough for every negotiated one.
        let stream = Decompress::new(false);
        Self { no_context_takeover: agreed.peer_no_context_takeover, stream, done: false }
    }

    /// A message begins.
    pub(crate) fn begin(&mut self, switch: &Switch) {
        self.done = false;
        if self.stream.total_in() > 0
            && (self.no_context_takeover || switch.is(Fault::InflateContextDropped))
        {
            self.stream.reset(false);
        }
    }

    /// Decompresses these bytes of a message, and appends the result (RFC 7692 §7.2.2).
    pub(crate) fn feed(
        &mut self,
        mut input: &[u8],
        out: &mut Vec<u8>,
        most: usize,
        switch: &Switch,
    ) -> Result<(), Broken> {
        let mut chunk = [0; 1 << 14];
        while !self.done {
            let (taken, made) = (self.stream.total_in(), self.stream.total_out());
            let status = self.stream.decompress(input, &mut chunk, FlushDecompress::Sync);
            input = &input[(self.stream.total_in() - taken) as usize..];
            let len = (self.stream.total_out() - made) as usize;
            out.extend_from_slice(&chunk[..len]);
            if out.len() > most {
                return Err(Broken::TooLarge);
            }
            match status {
                Err(_) if switch.is(Fault::BrokenStreamAccepted) => self.done = true,
                Err(_) => return Err(Broken::Stream),
                Ok(Status::StreamEnd) if switch.is(Fault::BfinalEndsMessage) => self.done = true,
                // RFC 7692 §7.2.3.4: blocks may follow one with BFINAL set.
                Ok(Status::StreamEnd) => self.stream.reset(false),
                Ok(_) if input.is_empty() && len < chunk.len() => break,
                Ok(_) => {}
            }
        }
        if self.done {
            self.stream.reset(false);
        }
        Ok(())
    }

    /// The message ends.
    pub(crate) fn end(
        &mut self,
        out: &mut Vec<u8>,
        most: usize,
        switch: &Switch,
    ) -> Result<(), Broken> {
        // "Append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the payload of the message."
        self.feed(&[0, 0, 0xff, 0xff], out, most, switch)?;
        // If a block has ended here, another empty one changes nothing. Otherwise it causes an
        // error or output.
        let len = out.len();
        let empty_block = self.feed(&[0, 0, 0, 0xff, 0xff], out, most, switch);
        if empty_block.is_ok() && out.len() == len {
            return Ok(());
        }
        Err(Broken::Stream)
    }
}
