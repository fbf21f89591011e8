//! Checks text as it comes (RFC 3629 §4).

use crate::fault::{Fault, Switch};

/// The state of a text, as far as it has come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Utf8 {
    /// The bits of the current character so far.
    code: u32,
    /// How many bytes the current character has; 0 between characters.
    len: u8,
    /// How many of its bytes have come.
    come: u8,
    invalid: bool,
}

impl Utf8 {
    /// Checks more bytes. Returns whether the text so far can be the beginning of a valid text.
    pub(crate) fn push(&mut self, bytes: &[u8], switch: &Switch) -> bool {
        let is_valid = |this: &mut Self| bytes.iter().all(|byte| this.byte(*byte, switch));
        let is_plain = self.len == 0 && bytes.is_ascii();
        self.invalid = self.invalid || !(is_plain || is_valid(self));
        !self.invalid
    }

    /// Whether the text is invalid, whatever follows.
    pub(crate) const fn is_invalid(&self) -> bool {
        self.invalid
    }

    /// Whether a character is incomplete.
    pub(crate) const fn is_inside(&self) -> bool {
        self.len != 0
    }

    fn byte(&mut self, byte: u8, switch: &Switch) -> bool {
        if self.len == 0 {
            (self.len, self.code) = match byte {
                0..=0x7f => return true,
                0xc0..=0xdf => (2, u32::from(byte & 0x1f)),
                0xe0..=0xef => (3, u32::from(byte & 0x0f)),
                0xf0..=0xf7 => (4, u32::from(byte & 0x07)),
                0xf8..=0xfb if switch.is(Fault::LongSequencesAccepted) => (5, u32::from(byte & 3)),
                0xfc..=0xfd if switch.is(Fault::LongSequencesAccepted) => (6, u32::from(byte & 1)),
                _ => return false,
            };
            self.come = 1;
        } else if byte & 0xc0 == 0x80 {
            self.code = self.code << 6 | u32::from(byte & 0x3f);
            self.come += 1;
        } else {
            return false;
        }
        if !self.can_be_a_letter(switch) {
            return false;
        }
        if self.come == self.len {
            self.len = 0;
        }
        true
    }

    /// Whether the bytes so far can begin a character. The second byte decides.
    fn can_be_a_letter(&self, switch: &Switch) -> bool {
        let missing = 6 * u32::from(self.len - self.come);
        let (least, most) = (self.code << missing, ((self.code + 1) << missing) - 1);
        let fewest = match self.len {
            2 => 0x80,
            3 => 0x800,
            4 => 0x1_0000,
            5 => 0x20_0000,
            _ => 0x400_0000,
        };
        if most < fewest && !switch.is(Fault::OverlongAccepted) {
            return false;
        }
        if least >= 0xd800 && most <= 0xdfff && !switch.is(Fault::SurrogatesAccepted) {
            return false;
        }
        if self.len == 4 && least > 0x10_ffff && !switch.is(Fault::BeyondUnicodeAccepted) {
            return false;
        }
        let is_none =
            missing == 0 && (least & 0xfffe == 0xfffe || matches!(least, 0xfdd0..=0xfdef));
        !(is_none && switch.is(Fault::NoncharactersRefused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_valid(bytes: &[u8], fault: Option<Fault>) -> bool {
        let (mut text, switch) = (Utf8::default(), Switch::new(fault));
        text.push(bytes, &switch) && !text.is_inside()
    }

    #[test]
    fn every_text_of_up_to_three_bytes_is_judged_as_the_standard_library_judges_it() {
        for number in 0..1u32 << 24 {
            let [_, bytes @ ..] = number.to_be_bytes();
            let std = std::str::from_utf8(&bytes).is_ok();
            assert_eq!(is_valid(&bytes, None), std, "{bytes:x?}");
        }
    }

    #[test]
    fn every_code_point_of_four_bytes_is_judged_as_the_standard_library_judges_it() {
        for number in 0..1u32 << 21 {
            let part = |shift: u32| 0x80 | (number >> shift & 0x3f) as u8;
            let bytes = [0xf0 | (number >> 18) as u8, part(12), part(6), part(0)];
            let std = std::str::from_utf8(&bytes).is_ok();
            assert_eq!(is_valid(&bytes, None), std, "{bytes:x?}");
        }
    }

    #[test]
    fn each_mistake_takes_what_it_says_and_no_more() {
        for (fault, taken, refused) in [
            (Fault::OverlongAccepted, &b"\xe0\x80\xaf"[..], &b"\xed\xa0\x80"[..]),
            (Fault::SurrogatesAccepted, b"\xed\xa0\x80", b"\xc0\xaf"),
            (Fault::BeyondUnicodeAccepted, b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80"),
            (Fault::LongSequencesAccepted, b"\xf8\x88\x80\x80\x80", b"\xf8\x80\x80\x80\xaf"),
        ] {
            assert!(is_valid(taken, Some(fault)), "{fault:?}");
            assert!(!is_valid(taken, None) && !is_valid(refused, Some(fault)), "{fault:?}");
        }
        assert!(!is_valid("\u{1fffe}".as_bytes(), Some(Fault::NoncharactersRefused)));
    }
}
