//! UTF-8 validation of text that arrives in pieces (RFC 6455 §8.1, RFC 3629).
//!
//! Knows nothing of frames: bytes go in, and the position of the first byte that no continuation
//! could make valid comes out.

/// Below this size the standard library's check is as fast as the vectorised one.
const VECTORISE_FROM: usize = 64;

/// Whether all of `text` is UTF-8.
#[inline]
pub(crate) fn is_valid(text: &[u8]) -> bool {
    as_str(text).is_some()
}

/// `text` as a string, if it is UTF-8.
#[inline]
pub(crate) fn as_str(text: &[u8]) -> Option<&str> {
    if text.len() < VECTORISE_FROM {
        core::str::from_utf8(text).ok()
    } else {
        simdutf8::basic::from_utf8(text).ok()
    }
}

/// Validates a text piece by piece. Carries the one character that a piece may have cut.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Validator {
    carried: [u8; 3],
    carried_len: u8,
}

impl Validator {
    /// Checks the next piece.
    ///
    /// # Errors
    /// The number of bytes of this piece before the first one that makes the text invalid, whatever
    /// may follow ("fail fast"). It is the same byte of the text, however the text was cut.
    #[inline]
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<(), usize> {
        if self.carried_len == 0 {
            return self.push_fresh(piece, 0);
        }
        let taken = self.complete_carried(piece)?;
        match piece.get(taken..) {
            Some(rest) if self.carried_len == 0 => self.push_fresh(rest, taken),
            _ => Ok(()),
        }
    }

    /// Whether the text may end here: not in the middle of a character.
    #[inline]
    pub(crate) fn is_complete(&self) -> bool {
        self.carried_len == 0
    }

    /// Feeds single bytes to the cut character until it is whole; returns how many it took.
    fn complete_carried(&mut self, piece: &[u8]) -> Result<usize, usize> {
        for (taken, &byte) in piece.iter().enumerate() {
            let [a, b, c] = self.carried;
            let len = usize::from(self.carried_len);
            let mut character = [a, b, c, 0];
            let Some(slot) = character.get_mut(len) else { return Err(taken) };
            *slot = byte;
            match core::str::from_utf8(character.get(..=len).unwrap_or_default()) {
                Ok(_) => {
                    self.carried_len = 0;
                    return Ok(taken + 1);
                }
                Err(error) if error.error_len().is_none() => self.carry(&character, len + 1),
                Err(_) => return Err(taken),
            }
        }
        Ok(piece.len())
    }

    /// Checks a piece that begins at a character; `offset` is where it lies in the caller's piece.
    #[inline]
    fn push_fresh(&mut self, piece: &[u8], offset: usize) -> Result<(), usize> {
        // The vectorised check cannot tell "cut" from "wrong", so the cut end is set apart first.
        let cut = cut_character(piece);
        let (body, end) = piece.split_at_checked(piece.len() - cut).unwrap_or((piece, &[]));
        if !is_valid(body) {
            return Err(offset + first_bad_byte(body));
        }
        if !end.is_empty() {
            match core::str::from_utf8(end) {
                Err(error) if error.error_len().is_none() => self.carry(end, end.len()),
                _ => return Err(offset + body.len() + first_bad_byte(end)),
            }
        }
        Ok(())
    }

    fn carry(&mut self, bytes: &[u8], len: usize) {
        for (slot, byte) in self.carried.iter_mut().zip(bytes) {
            *slot = *byte;
        }
        self.carried_len = len.min(3) as u8;
    }
}

/// The length of the unfinished character at the end of `piece`: 0 to 3 bytes.
#[inline]
fn cut_character(piece: &[u8]) -> usize {
    for (before, &byte) in piece.iter().rev().take(3).enumerate() {
        let needed = match byte {
            0x80..=0xbf => continue,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf7 => 4,
            _ => 1,
        };
        return if needed > before + 1 { before + 1 } else { 0 };
    }
    0
}

/// The position of the first byte of `text` that no continuation could make valid.
///
/// std reports where the broken character starts and how many of its bytes are wrong; a lead byte
/// that could have begun a character is not itself at fault, the byte after its valid prefix is.
#[cold]
#[inline(never)]
pub(crate) fn first_bad_byte(text: &[u8]) -> usize {
    let Err(error) = core::str::from_utf8(text) else { return text.len() };
    let start = error.valid_up_to();
    match (error.error_len(), text.get(start)) {
        (None, _) => text.len(),
        (Some(prefix), Some(0xc2..=0xf4)) => start + prefix,
        (Some(_), _) => start,
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;

    /// Where validation fails when `text` arrives in pieces of `size`; `Ok(complete)` if it does not.
    fn in_pieces(text: &[u8], size: usize) -> Result<bool, usize> {
        let mut validator = Validator::default();
        for (i, piece) in text.chunks(size).enumerate() {
            validator.push(piece).map_err(|bad| i * size + bad)?;
        }
        Ok(validator.is_complete())
    }

    #[test]
    fn the_first_bad_byte_does_not_depend_on_the_cut() {
        let long = "κόσμε ".repeat(40);
        let mut bad_at_end = long.clone().into_bytes();
        bad_at_end.extend(b"\xf4\x90");
        let texts: Vec<(&[u8], Result<bool, usize>)> = std::vec![
            (b"", Ok(true)),
            (b"hello", Ok(true)),
            (long.as_bytes(), Ok(true)),
            (&bad_at_end, Err(long.len() + 1)),
            ("\u{10ffff}\0\u{fffe}\u{feff}".as_bytes(), Ok(true)),
            (b"ok\xe2\x82", Ok(false)),
            (b"ok\xe2\x82\xff", Err(4)),
            (b"ok\xff", Err(2)),
            (b"\xc0\xaf", Err(0)),
            (b"\xc1\xbf", Err(0)),
            (b"\xe0\x80\x80", Err(1)),
            (b"\xed\xa0\x80", Err(1)),
            (b"\xf4\x90\x80\x80", Err(1)),
            (b"\xf5\x80", Err(0)),
            (b"a\x80", Err(1)),
            (b"\xce\xce", Err(1)),
            (b"\xf0\x9f\x92", Ok(false)),
            (b"\xf0\x9f\x92\xc3", Err(3)),
        ];
        for (text, expected) in texts {
            for size in (1..=text.len().max(1)).take(100) {
                assert_eq!(in_pieces(text, size), expected, "{text:02x?} by {size}");
            }
        }
    }

    #[test]
    fn every_two_and_three_byte_sequence_agrees_with_the_standard_library() {
        for first in 0..=255u8 {
            for second in 0..=255u8 {
                for third in [0x00, 0x7f, 0x80, 0xbf, 0xc2, 0xff] {
                    let text = [first, second, third];
                    let whole = in_pieces(&text, 3);
                    assert_eq!(in_pieces(&text, 1), whole, "{text:02x?}");
                    assert_eq!(whole == Ok(true), core::str::from_utf8(&text).is_ok());
                }
            }
        }
    }
}
