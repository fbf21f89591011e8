//! Frames as values, for programs that read or write frames themselves.

use std::fmt;
use std::io::{Cursor, Write};
use std::str::Utf8Error;

use bytes::Bytes;
use fullduplex::{FrameError, apply_mask};

use super::coding::{CloseCode, Control, Data, OpCode};
use super::utf8::Utf8Bytes;
use crate::error::{Error, ProtocolError, Result};

/// The content of a Close frame: why the connection is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseFrame {
    /// The code.
    pub code: CloseCode,
    /// A text for developers of at most 123 bytes.
    pub reason: Utf8Bytes,
}

impl fmt::Display for CloseFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason, self.code)
    }
}

impl From<fullduplex::CloseFrame> for CloseFrame {
    fn from(frame: fullduplex::CloseFrame) -> Self {
        Self { code: frame.code.into(), reason: Utf8Bytes(frame.reason) }
    }
}

impl From<CloseFrame> for fullduplex::CloseFrame {
    fn from(frame: CloseFrame) -> Self {
        Self { code: frame.code.into(), reason: frame.reason.0 }
    }
}

/// A frame header (RFC 6455 §5.2), without the length of the payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Whether this is the last frame of its message.
    pub is_final: bool,
    /// The first reserved bit.
    pub rsv1: bool,
    /// The second reserved bit.
    pub rsv2: bool,
    /// The third reserved bit.
    pub rsv3: bool,
    /// The opcode.
    pub opcode: OpCode,
    /// The masking key; only a client's frame has one.
    pub mask: Option<[u8; 4]>,
}

impl Default for FrameHeader {
    /// The header of a Close frame without a mask.
    fn default() -> Self {
        let opcode = OpCode::Control(Control::Close);
        Self { is_final: true, rsv1: false, rsv2: false, rsv3: false, opcode, mask: None }
    }
}

/// The reserved bits, at their places in the first byte.
const RSV: [u8; 3] = [0x40, 0x20, 0x10];

impl FrameHeader {
    /// Reads a header and the length of its payload. Returns `None` when more bytes are needed; the cursor does not move
    /// then.
    ///
    /// # Errors
    /// [`ProtocolError::InvalidOpcode`] for a reserved opcode, [`Error::Io`] of the kind `InvalidData` for a length
    /// that is not in its shortest form (RFC 6455 §5.2).
    pub fn parse(cursor: &mut Cursor<impl AsRef<[u8]>>) -> Result<Option<(Self, u64)>> {
        let start = cursor.position();
        let bytes = usize::try_from(start)
            .ok()
            .and_then(|start| cursor.get_ref().as_ref().get(start..))
            .unwrap_or_default();
        let Some((header, len)) = fullduplex::FrameHeader::decode(bytes)? else { return Ok(None) };
        cursor.set_position(start + len as u64);
        let [rsv1, rsv2, rsv3] = RSV.map(|bit| header.rsv & bit != 0);
        let opcode = OpCode::from(header.opcode as u8);
        let this = Self { is_final: header.fin, rsv1, rsv2, rsv3, opcode, mask: header.mask };
        Ok(Some((this, header.payload_len)))
    }

    /// The length of the header in bytes, for a payload of `length` bytes.
    #[must_use]
    pub fn len(&self, length: u64) -> usize {
        self.to_core(length, fullduplex::OpCode::Binary).encoded_len()
    }

    /// Writes the header for a payload of `length` bytes.
    ///
    /// # Errors
    /// [`Error::Io`] when the output is too small; [`ProtocolError::InvalidOpcode`] for a reserved opcode.
    pub fn format(&self, length: u64, output: &mut impl Write) -> Result<()> {
        let bits = u8::from(self.opcode);
        let opcode =
            fullduplex::OpCode::from_bits(bits).ok_or(ProtocolError::InvalidOpcode(bits))?;
        let mut bytes = [0; fullduplex::MAX_FRAME_HEADER_LEN];
        let len = self.to_core(length, opcode).encode(&mut bytes);
        output.write_all(bytes.get(..len).unwrap_or(&bytes))?;
        Ok(())
    }

    fn to_core(&self, payload_len: u64, opcode: fullduplex::OpCode) -> fullduplex::FrameHeader {
        let rsv = [self.rsv1, self.rsv2, self.rsv3].into_iter().zip(RSV);
        let rsv = rsv.fold(0, |bits, (is_set, bit)| if is_set { bits | bit } else { bits });
        fullduplex::FrameHeader { fin: self.is_final, rsv, opcode, mask: self.mask, payload_len }
    }
}

impl From<FrameError> for Error {
    fn from(error: FrameError) -> Self {
        fullduplex::Error::from(error).into()
    }
}

/// A frame: a header, and a payload that is not masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    header: FrameHeader,
    payload: Bytes,
}

impl Frame {
    /// The length of header and payload in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.header.len(self.payload.len() as u64) + self.payload.len()
    }

    /// Always false: a frame has a header.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &FrameHeader {
        &self.header
    }

    /// The header, mutably.
    pub fn header_mut(&mut self) -> &mut FrameHeader {
        &mut self.header
    }

    /// The payload.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The payload as text.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub fn into_text(self) -> Result<Utf8Bytes, Utf8Error> {
        self.payload.try_into()
    }

    /// The payload.
    #[must_use]
    pub fn into_payload(self) -> Bytes {
        self.payload
    }

    /// The payload as text.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub fn to_text(&self) -> Result<&str, Utf8Error> {
        std::str::from_utf8(&self.payload)
    }

    /// A frame of a message: the whole message or a fragment.
    #[must_use]
    pub fn message(data: impl Into<Bytes>, opcode: OpCode, is_final: bool) -> Self {
        debug_assert!(matches!(opcode, OpCode::Data(_)), "{opcode} is not the opcode of a message");
        Self::from_payload(FrameHeader { is_final, opcode, ..FrameHeader::default() }, data.into())
    }

    /// A Pong.
    #[must_use]
    pub fn pong(data: impl Into<Bytes>) -> Self {
        Self::control(Control::Pong, data.into())
    }

    /// A Ping.
    #[must_use]
    pub fn ping(data: impl Into<Bytes>) -> Self {
        Self::control(Control::Ping, data.into())
    }

    /// A Close frame.
    #[must_use]
    pub fn close(frame: Option<CloseFrame>) -> Self {
        let payload = frame.map(|CloseFrame { code, reason }| {
            [&u16::from(code).to_be_bytes(), reason.as_bytes()].concat()
        });
        Self::control(Control::Close, payload.unwrap_or_default().into())
    }

    fn control(control: Control, payload: Bytes) -> Self {
        let opcode = OpCode::Control(control);
        Self::from_payload(FrameHeader { opcode, ..FrameHeader::default() }, payload)
    }

    /// A frame from its two parts.
    #[must_use]
    pub fn from_payload(header: FrameHeader, payload: Bytes) -> Self {
        Self { header, payload }
    }

    /// Writes the frame, masked if its header has a key.
    ///
    /// # Errors
    /// As [`FrameHeader::format`].
    pub fn format(self, output: &mut impl Write) -> Result<()> {
        self.header.format(self.payload.len() as u64, output)?;
        match self.header.mask {
            None => output.write_all(&self.payload)?,
            Some(key) => {
                let mut payload = Vec::from(self.payload);
                apply_mask(&mut payload, key, 0);
                output.write_all(&payload)?;
            }
        }
        Ok(())
    }

    /// The content of a Close frame; `None` when its payload is empty.
    pub(crate) fn close_frame(&self) -> Result<Option<CloseFrame>> {
        match self.payload.split_first_chunk() {
            Some((code, _)) => {
                let code = u16::from_be_bytes(*code).into();
                let reason = self.payload.slice(2..).try_into()?;
                Ok(Some(CloseFrame { code, reason }))
            }
            None if self.payload.is_empty() => Ok(None),
            None => Err(ProtocolError::InvalidCloseSequence.into()),
        }
    }

    /// # Errors
    /// [`ProtocolError::NonZeroReservedBits`], because no extension that tungstenite negotiates defines them;
    /// [`ProtocolError::InvalidOpcode`] for a reserved opcode.
    pub(crate) fn check_reserved(&self) -> Result<()> {
        let FrameHeader { rsv1, rsv2, rsv3, opcode, .. } = self.header;
        if rsv1 || rsv2 || rsv3 {
            return Err(ProtocolError::NonZeroReservedBits.into());
        }
        match opcode {
            OpCode::Data(Data::Reserved(bits)) | OpCode::Control(Control::Reserved(bits)) => {
                Err(ProtocolError::InvalidOpcode(bits).into())
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FrameHeader { is_final, rsv1, rsv2, rsv3, opcode, .. } = self.header;
        writeln!(f, "final: {is_final}, reserved: {rsv1} {rsv2} {rsv3}, opcode: {opcode}")?;
        writeln!(f, "length: {}, payload: {}", self.len(), self.payload.len())?;
        write!(f, "0x")?;
        self.payload.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
