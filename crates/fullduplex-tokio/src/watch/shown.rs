//! Text that a peer has chosen, as it may stand in a log.

use std::fmt::{self, Write};

/// How many characters of a text are shown. The reason of a Close always fits.
const MOST: usize = 160;

/// The beginning of a text in which nothing can begin a line, move a cursor or turn the direction of writing: what is
/// not printable is escaped as in a string of Rust, and so is the backslash.
pub(super) fn shown(text: impl fmt::Display) -> String {
    let mut shown = Shown { text: String::new(), left: MOST };
    // It fails when there is no more room.
    if write!(shown, "{text}").is_err() {
        shown.text.push('…');
    }
    shown.text
}

struct Shown {
    text: String,
    /// How many more characters are shown.
    left: usize,
}

impl Write for Shown {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for char in text.chars() {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            match char {
                '"' | '\'' => self.text.push(char),
                _ => self.text.extend(char.escape_debug()),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printable_is_shown_as_it_is() {
        for text in ["", "/chat/é", "it's \"over\"", "日本"] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn nothing_else_comes_through() {
        for (text, expected) in [
            ("a\nb\r\n", "a\\nb\\r\\n"),
            ("\u{1b}[2J\u{7}", "\\u{1b}[2J\\u{7}"),
            ("\u{9b}1m\u{85}", "\\u{9b}1m\\u{85}"),
            ("\u{202e}gpj.exe\u{2066}", "\\u{202e}gpj.exe\\u{2066}"),
            ("\u{2028}\u{2029}\u{feff}\u{200b}", "\\u{2028}\\u{2029}\\u{feff}\\u{200b}"),
            ("\\n", "\\\\n"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        let whole = "é".repeat(MOST);
        assert_eq!(shown(&whole), whole);
        assert_eq!(shown("é".repeat(MOST + 1)), whole + "…");
        // Each character is shown as ten bytes at most.
        assert!(shown("\u{10ffff}".repeat(100_000)).len() <= 10 * MOST + "…".len());
        assert!(shown("a".repeat(123)).len() == 123, "the longest reason of a Close");
    }
}
