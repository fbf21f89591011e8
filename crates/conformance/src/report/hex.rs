//! Bytes as hexadecimal text.

use std::fmt::Write;

use super::frames::{Part, decode};
use super::plain::plain;
use super::value::{Tested, verdicts};
use crate::wirelog::{Party, What};

/// The wire log of a case as text: each write with its time, its direction, its meaning, and its bytes.
#[must_use]
pub fn hex(tested: &Tested) -> String {
    let outcome = &tested.outcome;
    let mut text = format!(
        "# {} {}\n# {}\n# {} {}\n# > is sent by the runner, < by the {}; times are in seconds\n",
        outcome.id,
        plain(&tested.title),
        verdicts(outcome),
        plain(&outcome.observed),
        plain(&outcome.observed_close),
        outcome.side
    );
    let mut found = decode(&outcome.wire, outcome.side).into_iter().peekable();
    for (number, entry) in outcome.wire.entries().iter().enumerate() {
        let way = arrow(entry.from);
        let at = entry.at.as_secs_f64();
        let _ = match &entry.what {
            What::Bytes { len, .. } => writeln!(text, "\n{way} {at:.6} {len} bytes"),
            What::End => writeln!(text, "\n{way} {at:.6} end of the TCP connection"),
            What::Reset => writeln!(text, "\n{way} {at:.6} the TCP connection was reset"),
        };
        while let Some(found) = found.next_if(|found| found.entry == number) {
            match found.what {
                Part::Head(head) => head.lines().for_each(|line| {
                    let _ = writeln!(text, "#   {line}");
                }),
                Part::Frame(frame) => {
                    let _ = writeln!(text, "#   {frame}");
                }
            }
        }
        if let What::Bytes { len, kept } = &entry.what {
            for (line, bytes) in kept.chunks(16).enumerate() {
                let _ =
                    writeln!(text, "{:06x}  {:<48} {}", line * 16, spaced(bytes), letters(bytes));
            }
            if kept.len() < *len {
                let _ = writeln!(text, "# {} bytes more, not kept", len - kept.len());
            }
        }
    }
    text
}

/// The direction of bytes.
pub(super) const fn arrow(from: Party) -> char {
    match from {
        Party::Runner => '>',
        Party::Subject => '<',
    }
}

/// Two digits for each byte, separated by spaces.
pub(super) fn spaced(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 3);
    for (number, byte) in bytes.iter().enumerate() {
        if number > 0 {
            text.push(' ');
        }
        push(&mut text, *byte);
    }
    text
}

/// Two digits for each byte.
pub(super) fn digits(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    bytes.iter().for_each(|byte| push(&mut text, *byte));
    text
}

/// Decodes such text.
pub(super) fn parse(text: &str) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

fn push(text: &mut String, byte: u8) {
    for digit in [byte >> 4, byte & 15] {
        text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
    }
}

fn letters(bytes: &[u8]) -> String {
    let letter = |byte: &u8| {
        if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' }
    };
    bytes.iter().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_back() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(parse(&digits(&bytes)), Some(bytes));
        assert_eq!(parse("0"), None);
        assert_eq!(parse("0g"), None);
        assert_eq!(spaced(&[0, 255]), "00 ff");
    }
}
