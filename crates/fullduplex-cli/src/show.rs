//! What is printed: messages to standard output, and everything else to standard error.

use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use fullduplex_tokio::{CloseFrame, Message};

use crate::end;
use crate::explain::Failure;

const DIM: Style = Style::new().dimmed();
const RED: Style = AnsiColor::Red.on_default().bold();
const GREEN: Style = AnsiColor::Green.on_default();

/// How many bytes of a binary message a terminal gets to see.
const SHOWN: usize = 256;

/// Says something about the connection, which the peer may have a part in.
pub(crate) fn note(text: impl Display) {
    anstream::eprintln!("{DIM}{}{DIM:#}", shown(&text.to_string()));
}

/// Says why the program ends. A part of it may be what the server has answered.
pub(crate) fn error(failure: &Failure) {
    anstream::eprintln!("{RED}error:{RED:#} {}", shown(&failure.to_string()));
}

/// A message for standard output, as a terminal shows it or as a program reads it.
pub(crate) fn message(message: &Message) -> Option<Vec<u8>> {
    let stdout = std::io::stdout();
    let shown = if stdout.is_terminal() {
        let shown = for_a_person(message)?;
        match anstream::AutoStream::choice(&stdout) {
            anstream::ColorChoice::Never => anstream::adapter::strip_str(&shown).to_string(),
            _ => shown,
        }
        .into_bytes()
    } else {
        match message {
            Message::Text(text) => format!("{}\n", text.as_str()).into_bytes(),
            Message::Binary(data) => data.to_vec(),
            _ => return None,
        }
    };
    Some(shown)
}

/// A message with colours.
fn for_a_person(message: &Message) -> Option<String> {
    Some(match message {
        Message::Text(text) => {
            // A later line of a message must not pass for one of the program's.
            let text = shown(text.as_str()).replace('\n', "\n  ");
            format!("{GREEN}<{GREEN:#} {text}\n")
        }
        Message::Binary(data) => {
            let hex: String = data.iter().take(SHOWN).map(|byte| format!(" {byte:02x}")).collect();
            let more = if data.len() > SHOWN { " ..." } else { "" };
            format!("{GREEN}<{GREEN:#} {DIM}{} bytes:{DIM:#}{hex}{more}\n", data.len())
        }
        _ => return None,
    })
}

/// The text without what a terminal would obey: a server must not move the cursor, or write to the clipboard.
fn shown(text: &str) -> String {
    let shown = |sign: char| match sign {
        '\t' | '\n' => sign.to_string(),
        sign if sign.is_control() || is_hidden(sign) => sign.escape_unicode().to_string(),
        sign => sign.to_string(),
    };
    text.chars().map(shown).collect()
}

/// Whether a character separates lines, has no width, or changes the direction of text.
fn is_hidden(sign: char) -> bool {
    matches!(sign, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Writes to standard output. If nobody reads it any more, the program ends, as every filter does.
pub(crate) fn write(bytes: &[u8]) -> Result<(), Failure> {
    // Bytes are not to be changed on their way.
    let mut out = std::io::stdout();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => end::exit(0),
        Err(error) => Err(Failure::new(format!("cannot write to the standard output: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// A Close as a person reads it.
pub(crate) fn close(frame: Option<&CloseFrame>) -> String {
    match frame {
        None => "without a code".into(),
        Some(frame) if frame.reason.is_empty() => format!("{}", frame.code),
        Some(frame) => format!("{}, {:?}", frame.code, frame.reason.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_cannot_write_to_the_terminal_but_text() {
        assert_eq!(shown("a\tb\nc"), "a\tb\nc");
        assert_eq!(shown("\u{1b}[2J\u{7}ü"), "\\u{1b}[2J\\u{7}ü");
        assert_eq!(shown("\u{9b}31m\r"), "\\u{9b}31m\\u{d}");
        assert_eq!(shown("\u{202e}gpj\u{2066}"), "\\u{202e}gpj\\u{2066}");
        assert_eq!(shown("a\u{200b}b\u{2060}\u{feff}"), "a\\u{200b}b\\u{2060}\\u{feff}");
        assert_eq!(shown("हिन्दी"), "हिन्दी");
    }

    #[test]
    fn a_message_of_a_server_cannot_pass_for_a_line_of_the_program() {
        let message = for_a_person(&Message::text("hi\nerror: no\n\nclosed")).unwrap();
        let text = anstream::adapter::strip_str(&message).to_string();
        assert_eq!(text, "< hi\n  error: no\n  \n  closed\n");
    }
}
