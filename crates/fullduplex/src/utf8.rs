//! Validates UTF-8 text that arrives in pieces (RFC 6455 §8.1, RFC 3629).
//!
//! It knows nothing of frames. It reports the first byte after which no continuation could make the text valid.

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

/// Validates a text piece by piece. If a piece ends inside a character, it remembers that character's first byte and
/// how many of its bytes were seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Validator {
    lead: u8,
    /// How many bytes of the character were seen; 0 between characters.
    seen: u8,
}

impl Validator {
    /// Checks the next piece.
    ///
    /// # Errors
    /// The number of bytes of this piece before the first one that makes the text invalid, whatever may follow ("fail
    /// fast"). That is the same byte of the text, however the text was split.
    #[inline]
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<(), usize> {
        if self.seen == 0 {
            return self.push_fresh(piece, 0);
        }
        let taken = self.finish_character(piece)?;
        match piece.get(taken..) {
            Some([]) | None => Ok(()),
            Some(rest) => self.push_fresh(rest, taken),
        }
    }

    /// Whether the text may end here: not in the middle of a character.
    #[inline]
    pub(crate) fn is_complete(&self) -> bool {
        self.seen == 0
    }

    /// Takes the next bytes of an unfinished character, up to its end or the end of the piece. Returns how many it has
    /// taken.
    fn finish_character(&mut self, piece: &[u8]) -> Result<usize, usize> {
        for (taken, &byte) in piece.iter().enumerate() {
            if !may_follow(self.lead, self.seen, byte) {
                return Err(taken);
            }
            self.seen += 1;
            if self.seen == character_len(self.lead) {
                self.seen = 0;
                return Ok(taken + 1);
            }
        }
        Ok(piece.len())
    }

    /// Checks a piece that begins with a new character. `offset` is its position in the caller's piece.
    #[inline]
    fn push_fresh(&mut self, piece: &[u8], offset: usize) -> Result<(), usize> {
        // The vectorised check takes an unfinished character for an invalid one, so we split it off first.
        let cut = cut_character(piece);
        debug_assert!(cut <= piece.len());
        // No piece is shorter than the character at its end.
        let (body, end) = piece.split_at_checked(piece.len() - cut).unwrap_or((piece, &[]));
        if !is_valid(body) {
            return Err(offset + first_bad_byte(body));
        }
        if let [lead, rest @ ..] = end {
            (self.lead, self.seen) = (*lead, 1);
            self.finish_character(rest).map_err(|bad| offset + body.len() + 1 + bad)?;
        }
        Ok(())
    }
}

/// The length of a character that begins with `lead`, or 0 if no character does (RFC 3629 §4).
#[inline]
fn character_len(lead: u8) -> u8 {
    match lead {
        0x00..=0x7f => 1,
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 0,
    }
}

/// Whether `byte` may follow `seen` bytes of a character that begins with `lead` (RFC 3629 §4).
#[inline]
fn may_follow(lead: u8, seen: u8, byte: u8) -> bool {
    match (seen, lead) {
        // This excludes characters with more bytes than they need, surrogates, and characters above U+10FFFF.
        (1, 0xe0) => matches!(byte, 0xa0..=0xbf),
        (1, 0xed) => matches!(byte, 0x80..=0x9f),
        (1, 0xf0) => matches!(byte, 0x90..=0xbf),
        (1, 0xf4) => matches!(byte, 0x80..=0x8f),
        _ => matches!(byte, 0x80..=0xbf),
    }
}

/// The length of the unfinished character at the end of `piece`: 0 to 3 bytes.
#[inline]
fn cut_character(piece: &[u8]) -> usize {
    for (before, &byte) in piece.iter().rev().take(3).enumerate() {
        if !matches!(byte, 0x80..=0xbf) {
            let seen = before + 1;
            return if usize::from(character_len(byte)) > seen { seen } else { 0 };
        }
    }
    0
}

/// The position of the first byte of `text` that makes it invalid, whatever may follow.
///
/// The standard library reports where the invalid character starts, and how many of its bytes could begin a character.
/// If its first byte could begin a character, the invalid byte is the first one after them.
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
    fn sequences_of_three_bytes_agree_with_the_standard_library() {
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
