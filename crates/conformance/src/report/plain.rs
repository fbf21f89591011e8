//! Makes a subject's text harmless: characters that move a cursor, hide text or change its direction are escaped.

/// The text on one line.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_active(letter) { plain.extend(letter.escape_unicode()) } else { plain.push(letter) }
    }
    plain
}

/// The text of these bytes, with its line breaks.
pub(super) fn plain_lines(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    let lines: Vec<String> = text.split('\n').map(plain).collect();
    lines.join("\n")
}

/// Whether a character is more than visible text: control characters, line separators, and characters that change the
/// direction of text (the attack of CVE-2021-42574). Also whether XML forbids it, as it does U+FFFE and U+FFFF.
fn is_active(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_acts_on_a_terminal_or_turns_text_round_is_left() {
        assert_eq!(plain("\u{1b}[31mred"), "\\u{1b}[31mred");
        assert_eq!(plain("\u{9b}2J"), "\\u{9b}2J");
        assert_eq!(plain("a\u{202e}b\r\n"), "a\\u{202e}b\\u{d}\\u{a}");
        assert_eq!(plain("\u{fffe}\u{ffff}"), "\\u{fffe}\\u{ffff}");
        assert_eq!(plain("κόσμε"), "κόσμε");
        assert_eq!(plain_lines(b"GET /\r\nA: \xff\rb\r\n"), "GET /\nA: \u{fffd}\\u{d}b\n");
    }
}
