//! Encodes frames into the caller's buffer (RFC 6455 §5.2): header and payload, which is masked if we are a client, or
//! only the header.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;

use crate::entropy::{Entropy, EntropyError};
use crate::frame::header::{FIN, FrameHeader, LEN_16, MASK, MAX_FRAME_HEADER_LEN, OpCode, SMALL};
use crate::mask;
use crate::output::BufferTooSmall;
use crate::role::Role;

/// The length of the header of a frame with a payload of at most [`SMALL`] bytes: two bytes, and the masking key of a
/// client.
pub(crate) const fn small_header_len(role: Role) -> usize {
    match role {
        Role::Server => 2,
        Role::Client => 6,
    }
}

/// Why a frame was not encoded. Nothing was written.
pub(crate) enum EncodeError {
    BufferTooSmall(BufferTooSmall),
    Entropy(EntropyError),
}

/// The header fields of a frame that do not depend on its payload.
#[derive(Clone, Copy)]
pub(crate) struct FrameKind {
    pub(crate) opcode: OpCode,
    pub(crate) fin: bool,
    /// The reserved bits, at their places in the first byte.
    pub(crate) rsv: u8,
}

impl FrameKind {
    pub(crate) const fn last(opcode: OpCode) -> Self {
        Self { opcode, fin: true, rsv: 0 }
    }

    #[inline(always)]
    fn first_byte(self) -> u8 {
        self.opcode as u8 | self.rsv | if self.fin { FIN } else { 0 }
    }
}

/// Writes a whole frame to the start of `out`, and returns its length.
///
/// If `out` is too small, no key is drawn; if no key can be drawn, nothing is written. Each form of the length has a
/// header array of its own, so that the header is written with a single store.
#[inline]
pub(crate) fn frame(
    role: Role,
    kind: FrameKind,
    payload: &[u8],
    out: &mut [u8],
    entropy: &mut impl Entropy,
) -> Result<usize, EncodeError> {
    match (role, payload.len()) {
        (Role::Server, len @ 0..=SMALL) => put(out, [kind.first_byte(), len as u8], payload, None),
        (Role::Server, len @ 126..=0xffff) => {
            let [a, b] = (len as u16).to_be_bytes();
            put(out, [kind.first_byte(), LEN_16, a, b], payload, None)
        }
        (Role::Client, len @ 0..=SMALL) => {
            check_space(out, small_header_len(role), payload)?;
            let key = entropy.next_u32().map_err(EncodeError::Entropy)?;
            let [k0, k1, k2, k3] = key.to_le_bytes();
            let header = [kind.first_byte(), MASK | len as u8, k0, k1, k2, k3];
            put(out, header, payload, Some(key))
        }
        (Role::Client, len @ 126..=0xffff) => {
            check_space(out, 8, payload)?;
            let key = entropy.next_u32().map_err(EncodeError::Entropy)?;
            let [k0, k1, k2, k3] = key.to_le_bytes();
            let [a, b] = (len as u16).to_be_bytes();
            put(out, [kind.first_byte(), MASK | LEN_16, a, b, k0, k1, k2, k3], payload, Some(key))
        }
        (_, _) => large_frame(role, kind, payload, out, entropy),
    }
}

/// [`frame`] for most frames of a server: the payload is at most [`SMALL`], and `out` is large enough. For any other
/// frame, it returns `None` and writes nothing.
#[cfg(feature = "alloc")]
#[inline(always)]
pub(crate) fn small_frame(kind: FrameKind, payload: &[u8], out: &mut [u8]) -> Option<usize> {
    let len @ 0..=SMALL = payload.len() else { return None };
    let frame_len = small_header_len(Role::Server) + len;
    let (header, body) = out.get_mut(..frame_len)?.split_first_chunk_mut()?;
    *header = [kind.first_byte(), len as u8];
    copy_small(payload, body);
    Some(frame_len)
}

/// [`small_frame`] for a client. If it returns `None`, it has not drawn a key.
#[cfg(feature = "alloc")]
#[inline(always)]
pub(crate) fn small_masked_frame(
    kind: FrameKind,
    payload: &[u8],
    out: &mut [u8],
    entropy: &mut impl Entropy,
) -> Option<Result<usize, EntropyError>> {
    let len @ 0..=SMALL = payload.len() else { return None };
    let frame_len = small_header_len(Role::Client) + len;
    let (header, body) = out.get_mut(..frame_len)?.split_first_chunk_mut()?;
    let key = match entropy.next_u32() {
        Ok(key) => key,
        Err(error) => return Some(Err(error)),
    };
    let [k0, k1, k2, k3] = key.to_le_bytes();
    *header = [kind.first_byte(), MASK | len as u8, k0, k1, k2, k3];
    mask::copy_small(payload, body, key);
    Some(Ok(frame_len))
}

/// Copies a payload of at most [`SMALL`] bytes without a call and without a loop.
#[cfg(feature = "alloc")]
#[inline(always)]
fn copy_small(payload: &[u8], out: &mut [u8]) {
    match payload.len() {
        64.. => copy_ends::<64>(payload, out),
        32.. => copy_ends::<32>(payload, out),
        16.. => copy_ends::<16>(payload, out),
        8.. => copy_ends::<8>(payload, out),
        4.. => copy_ends::<4>(payload, out),
        2.. => copy_ends::<2>(payload, out),
        _ => copy_ends::<1>(payload, out),
    }
}

/// Copies the first `N` bytes and the last `N` bytes. Together they are all bytes of a payload of `N` to `2 * N` bytes.
#[cfg(feature = "alloc")]
#[inline(always)]
fn copy_ends<const N: usize>(payload: &[u8], out: &mut [u8]) {
    if let (Some(first), Some(out)) = (payload.first_chunk::<N>(), out.first_chunk_mut::<N>()) {
        *out = *first;
    }
    if let (Some(last), Some(out)) = (payload.last_chunk::<N>(), out.last_chunk_mut::<N>()) {
        *out = *last;
    }
}

/// [`frame`] for payloads of 64 KiB and more.
#[inline(never)]
fn large_frame(
    role: Role,
    kind: FrameKind,
    payload: &[u8],
    out: &mut [u8],
    entropy: &mut impl Entropy,
) -> Result<usize, EncodeError> {
    let header_len = match role {
        Role::Server => 10,
        Role::Client => MAX_FRAME_HEADER_LEN,
    };
    check_space(out, header_len, payload)?;
    let (header, _, key) =
        header(role, kind, payload.len(), entropy).map_err(EncodeError::Entropy)?;
    match (role, header.first_chunk::<10>()) {
        (Role::Server, Some(header)) => put(out, *header, payload, None),
        _ => put(out, header, payload, Some(key)),
    }
}

/// Appends a whole frame to `out`, which grows as needed.
///
/// The usual frames of a server are inlined. So only those few places should call this that encode most messages;
/// others should call [`append_slow`].
#[cfg(feature = "alloc")]
#[inline(always)]
pub(crate) fn append(
    role: Role,
    kind: FrameKind,
    payload: &[u8],
    out: &mut Vec<u8>,
    entropy: &mut impl Entropy,
) -> Result<(), EntropyError> {
    match (role, payload.len()) {
        (Role::Server, len @ 0..=SMALL) => push(out, [kind.first_byte(), len as u8], payload),
        (Role::Server, len @ 126..=0xffff) => {
            let [a, b] = (len as u16).to_be_bytes();
            push(out, [kind.first_byte(), LEN_16, a, b], payload);
        }
        _ => return append_slow(role, kind, payload, out, entropy),
    }
    Ok(())
}

#[cfg(feature = "alloc")]
#[inline(always)]
fn push<const N: usize>(out: &mut Vec<u8>, header: [u8; N], payload: &[u8]) {
    out.reserve(N + payload.len());
    out.extend_from_slice(&header);
    out.extend_from_slice(payload);
}

/// [`append`] for all other frames, and for places that encode few messages.
#[cfg(feature = "alloc")]
#[inline(never)]
pub(crate) fn append_slow(
    role: Role,
    kind: FrameKind,
    payload: &[u8],
    out: &mut Vec<u8>,
    entropy: &mut impl Entropy,
) -> Result<(), EntropyError> {
    if let (Role::Client, len @ 0..=SMALL) = (role, payload.len()) {
        let key = entropy.next_u32()?;
        let [k0, k1, k2, k3] = key.to_le_bytes();
        out.reserve(small_header_len(role) + len);
        out.extend_from_slice(&[kind.first_byte(), MASK | len as u8, k0, k1, k2, k3]);
        mask::append(payload, out, key);
        return Ok(());
    }
    let (header, header_len, key) = header(role, kind, payload.len(), entropy)?;
    // `encode` returns how many bytes of its array it has written.
    debug_assert!(header_len <= header.len());
    out.reserve(header_len + payload.len());
    out.extend_from_slice(header.get(..header_len).unwrap_or_default());
    match role {
        Role::Server => out.extend_from_slice(payload),
        Role::Client => mask::append(payload, out, key),
    }
    Ok(())
}

/// Encodes only the header of a frame, and draws a key if we are a client. Returns the bytes, the header's length in
/// them, and the key to mask the payload with.
pub(crate) fn header(
    role: Role,
    kind: FrameKind,
    payload_len: usize,
    entropy: &mut impl Entropy,
) -> Result<([u8; MAX_FRAME_HEADER_LEN], usize, u32), EntropyError> {
    let key = match role {
        Role::Client => entropy.next_u32()?,
        Role::Server => 0,
    };
    let mut bytes = [0; MAX_FRAME_HEADER_LEN];
    let len = FrameHeader {
        fin: kind.fin,
        rsv: kind.rsv,
        opcode: kind.opcode,
        mask: (role == Role::Client).then(|| key.to_le_bytes()),
        payload_len: payload_len as u64,
    }
    .encode(&mut bytes);
    Ok((bytes, len, key))
}

#[inline(always)]
fn check_space(out: &[u8], header_len: usize, payload: &[u8]) -> Result<(), EncodeError> {
    // A slice is at most isize::MAX bytes long, so the sum does not wrap.
    let needed = header_len + payload.len();
    if out.len() < needed {
        Err(EncodeError::BufferTooSmall(BufferTooSmall { needed }))
    } else {
        Ok(())
    }
}

#[inline(always)]
fn put<const N: usize>(
    out: &mut [u8],
    header: [u8; N],
    payload: &[u8],
    key: Option<u32>,
) -> Result<usize, EncodeError> {
    check_space(out, N, payload)?;
    let end = N + payload.len();
    if let Some((head, rest)) = out.split_first_chunk_mut::<N>()
        && let Some(body) = rest.get_mut(..payload.len())
    {
        *head = header;
        match key {
            Some(key) => mask::copy(payload, body, key),
            None => body.copy_from_slice(payload),
        }
    }
    Ok(end)
}

#[cfg(test)]
mod tests;
