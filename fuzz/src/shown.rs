//! Text for people and for logs: whatever a peer has sent, it is one line.

use std::fmt::{Debug, Display, Write};

use crate::Oracle;

/// Checks the text of an error: at most `most` characters.
pub fn in_words(error: &impl Display, most: usize) {
    let mut text = error.to_string();
    if Oracle::ShownInWords.faulty() {
        text.push('\n');
    }
    Oracle::ShownInWords.holds(is_line(&text, most), text.escape_debug());
}

/// Checks the `Debug` output of a value with `len` bytes. Each byte may take a few characters.
pub fn in_debug(value: &impl Debug, len: usize) {
    let mut text = String::new();
    write!(text, "{value:?}").expect("memory");
    if Oracle::ShownInDebug.faulty() {
        text.push('\u{202e}');
    }
    Oracle::ShownInDebug.holds(is_line(&text, 500 + 12 * len), text.escape_debug());
}

/// Whether a text has at most `most` characters, and none that begins a line, moves the cursor or changes the writing
/// direction.
fn is_line(text: &str, most: usize) -> bool {
    let is_harmful = |c: char| {
        let is_mark = matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}');
        let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        c.is_control() || is_mark || turns || matches!(c, '\u{2028}' | '\u{2029}')
    };
    text.chars().count() <= most && !text.contains(is_harmful)
}
