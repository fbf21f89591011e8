//! Compressed messages of a [`Sender`] (RFC 7692 §6.1): which messages are compressed, and how their frames are appended
//! to a buffer.

use alloc::vec::Vec;

use crate::connection::sender::Sender;
use crate::entropy::Entropy;
use crate::frame::encoder::FrameKind;
use crate::frame::header::{MAX_FRAME_HEADER_LEN, OpCode, RSV1};
use crate::message::outbound::SendError;

impl Sender {
    /// Turns compression of the next messages on or off, if permessage-deflate was negotiated. It is on at first. A message
    /// that is being sent in fragments goes on as it began.
    ///
    /// ```
    /// use fullduplex::handshake::{Acceptance, HeadLimits, ServerHandshake};
    /// use fullduplex::{Config, Connection, DeflateConfig, MessageKind, NoEntropy, Role};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let asked = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    ///     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    ///     Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    /// let mut handshake = ServerHandshake::new(HeadLimits::new());
    /// let request = handshake.poll(asked)?.ok_or("not all of it")?;
    /// let acceptance = Acceptance::new().deflate(DeflateConfig::new());
    /// let (_, negotiated) = request.accept(&acceptance, &mut [0; 512])?;
    /// let mut conn = Connection::new(Role::Server, negotiated, Config::new());
    ///
    /// let mut out = Vec::new();
    /// conn.append_text(&"many words ".repeat(50), &mut out, NoEntropy)?;
    /// assert!(out.len() < 100 && out[0] == 0xc1, "RSV1 says that it is compressed");
    /// out.clear();
    ///
    /// // A photograph is compressed already.
    /// conn.set_compression(false);
    /// conn.append_binary(&[7; 500], &mut out, NoEntropy)?;
    /// assert_eq!((out.len(), out[0]), (504, 0x82));
    /// out.clear();
    ///
    /// conn.set_compression(true);
    /// conn.append_fragment(MessageKind::Text, b"in two ", false, &mut out, NoEntropy)?;
    /// conn.append_fragment(MessageKind::Text, b"pieces", true, &mut out, NoEntropy)?;
    /// assert_eq!(out[0], 0x41);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_compression(&mut self, on: bool) {
        if let Some(compressing) = &mut self.compressing {
            compressing.enabled = on;
        }
    }

    /// Whether to compress a whole message of this size.
    #[inline]
    pub(crate) fn compresses(&self, len: usize) -> bool {
        self.compressing
            .as_ref()
            .is_some_and(|compressing| compressing.enabled && len >= compressing.threshold)
    }

    /// Whether to compress this fragment: the first fragment decides for the whole message ("Per-Message Compressed", §6.1).
    pub(crate) fn compresses_fragment(&self, frame: FrameKind) -> bool {
        self.compressing.as_ref().is_some_and(|compressing| match frame.opcode {
            OpCode::Continuation => compressing.fragmented,
            // How large the message will be is not known.
            _ => compressing.enabled && compressing.threshold < usize::MAX,
        })
    }

    /// Whether a compressed message has begun and has not ended.
    pub(crate) fn is_compressing(&self) -> bool {
        self.compressing.as_ref().is_some_and(|compressing| compressing.fragmented)
    }

    /// Appends a frame with compressed payload, the first of its message with RSV1.
    pub(crate) fn append_compressed(
        &mut self,
        frame: FrameKind,
        payload: &[u8],
        out: &mut Vec<u8>,
        entropy: &mut impl Entropy,
    ) -> Result<(), SendError> {
        let start = out.len();
        let appended = self.compress(frame, payload, out, entropy);
        if appended.is_err() {
            out.truncate(start);
        }
        appended
    }

    fn compress(
        &mut self,
        frame: FrameKind,
        payload: &[u8],
        out: &mut Vec<u8>,
        entropy: &mut impl Entropy,
    ) -> Result<(), SendError> {
        let Some(compressing) = self.compressing.as_deref_mut() else {
            return Err(SendError::Compress);
        };
        // Only what comes out tells how long the header is, so room is left for the longest.
        let start = out.len();
        let room = start.saturating_add(MAX_FRAME_HEADER_LEN);
        out.resize(room, 0);
        compressing.compressor.compress(payload, frame.fin, out)?;

        let first = frame.opcode != OpCode::Continuation;
        let frame = FrameKind { rsv: if first { RSV1 } else { 0 }, ..frame };
        let Some((before, compressed)) = out.split_at_mut_checked(room) else {
            return Err(SendError::Compress);
        };
        let header = self.outbound.header_in_place(frame, compressed, entropy);
        let header = header.inspect_err(|_| compressing.compressor.forget())?;
        let header: &[u8] = &header;
        let begin = before.len().saturating_sub(header.len());
        let place = before.get_mut(begin..);
        if let Some((place, _)) = place.and_then(|place| place.split_at_mut_checked(header.len())) {
            place.copy_from_slice(header);
        }
        // No header is longer than the room for it.
        debug_assert!(start <= begin && begin <= out.len());
        if start <= begin && begin <= out.len() {
            out.drain(start..begin);
        }
        compressing.fragmented = !frame.fin;
        Ok(())
    }
}
