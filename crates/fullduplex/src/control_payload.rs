//! A copy of a control frame's payload: at most 125 bytes (RFC 6455 §5.5).

#[cfg(feature = "alloc")]
use alloc::vec::Vec;

use crate::frame::header::MAX_CONTROL_PAYLOAD;

/// The payload of a control frame. Most connections have none most of the time, so with `alloc` it takes memory only
/// when there is one.
#[derive(Debug)]
pub(crate) struct ControlPayload {
    #[cfg(feature = "alloc")]
    bytes: Vec<u8>,
    #[cfg(not(feature = "alloc"))]
    bytes: [u8; MAX_CONTROL_PAYLOAD],
    #[cfg(not(feature = "alloc"))]
    len: u8,
}

#[cfg(feature = "alloc")]
impl ControlPayload {
    pub(crate) const EMPTY: Self = Self { bytes: Vec::new() };

    pub(crate) fn has_memory(&self) -> bool {
        self.bytes.capacity() > 0
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    pub(crate) fn push(&mut self, piece: &[u8]) {
        if self.bytes.capacity() == 0 && !piece.is_empty() {
            self.bytes.reserve_exact(MAX_CONTROL_PAYLOAD);
        }
        self.bytes.extend_from_slice(piece);
    }
}

#[cfg(not(feature = "alloc"))]
impl ControlPayload {
    pub(crate) const EMPTY: Self = Self { bytes: [0; MAX_CONTROL_PAYLOAD], len: 0 };

    pub(crate) fn as_bytes(&self) -> &[u8] {
        let payload = self.bytes.get(..usize::from(self.len));
        // `push` counts only the bytes that it has written.
        debug_assert!(payload.is_some());
        payload.unwrap_or_default()
    }

    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    pub(crate) fn push(&mut self, piece: &[u8]) {
        let start = usize::from(self.len);
        // The decoder refuses longer control frames, so nothing is cut off here.
        debug_assert!(start + piece.len() <= MAX_CONTROL_PAYLOAD);
        for (slot, byte) in self.bytes.iter_mut().skip(start).zip(piece) {
            *slot = *byte;
            self.len += 1;
        }
    }
}

impl ControlPayload {
    pub(crate) fn set(&mut self, payload: &[u8]) {
        self.clear();
        self.push(payload);
    }

    /// A copy of a payload of at most 125 bytes.
    pub(crate) fn of(payload: &[u8]) -> Self {
        let mut copy = Self::EMPTY;
        copy.push(payload);
        copy
    }
}
