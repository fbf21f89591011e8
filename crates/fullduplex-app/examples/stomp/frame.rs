//! Frames of STOMP 1.2: <https://stomp.github.io/stomp-specification-1.2.html>, whose sections are named here.

use std::str;

/// How many header lines a frame may have ("Size Limits").
pub(crate) const MOST_HEADERS: usize = 64;

/// The longest line of a frame, in bytes ("Size Limits").
pub(crate) const MOST_LINE: usize = 2 << 10;

/// A frame of a client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) command: &'a str,
    /// Names and values, unescaped. If a name is repeated, only its first entry is here ("Repeated Header Entries").
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: &'a [u8],
}

impl Frame<'_> {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(its, _)| its == name).map(|(_, value)| value.as_str())
    }
}

/// Parses a WebSocket message: one frame, or `None` for a heart-beat. The error is the text for an ERROR frame.
pub(crate) fn parse(message: &[u8]) -> Result<Option<Frame<'_>>, &'static str> {
    let mut rest = without_eols(message);
    if rest.is_empty() {
        return Ok(None);
    }
    let command = line(&mut rest)?;
    // "Value Encoding": these two frames have no escapes, as in STOMP 1.0.
    let is_escaped = !matches!(command, "CONNECT" | "CONNECTED");
    let (mut headers, mut count) = (Vec::<(String, String)>::new(), 0);
    loop {
        let line = line(&mut rest)?;
        if line.is_empty() {
            break;
        }
        count += 1;
        if count > MOST_HEADERS {
            return Err("too many headers");
        }
        // A colon in a value should be escaped, and clients are lenient about that.
        let (name, value) = line.split_once(':').ok_or("a header without a colon")?;
        if name.is_empty() {
            return Err("a header without a name");
        }
        let (name, value) = if is_escaped {
            (unescape(name)?, unescape(value)?)
        } else {
            (name.to_owned(), value.to_owned())
        };
        if !headers.iter().any(|(before, _)| *before == name) {
            headers.push((name, value));
        }
    }
    let mut frame = Frame { command, headers, body: &[] };
    // "Header content-length": without it, the first NUL ends the body.
    let length = match frame.header("content-length") {
        Some(length) => number(length).ok_or("content-length is no number")?,
        None => rest.iter().position(|byte| *byte == 0).ok_or("no NUL ends the frame")?,
    };
    let (body, rest) = rest.split_at_checked(length).ok_or("the body is too short")?;
    let [0, rest @ ..] = rest else { return Err("no NUL ends the frame") };
    if !without_eols(rest).is_empty() {
        return Err("more than a frame in a message");
    }
    // "Body".
    if !body.is_empty() && !matches!(command, "SEND" | "MESSAGE" | "ERROR") {
        return Err("a body where none may be");
    }
    frame.body = body;
    Ok(Some(frame))
}

/// A number without sign or space.
pub(crate) fn number<T: str::FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// EOLs may follow a frame, and alone they are heart-beats ("Augmented BNF", "Heart-beating").
fn without_eols(mut bytes: &[u8]) -> &[u8] {
    while let [b'\n', rest @ ..] | [b'\r', b'\n', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// Takes a line, which ends with LF or CR LF.
fn line<'a>(rest: &mut &'a [u8]) -> Result<&'a str, &'static str> {
    let end = rest.iter().take(MOST_LINE + 2).position(|byte| *byte == b'\n');
    let Some(end) = end else {
        return Err(if rest.len() > MOST_LINE {
            "a line is too long"
        } else {
            "a line has no end"
        });
    };
    let (line, behind) = (&rest[..end], &rest[end + 1..]);
    *rest = behind;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() > MOST_LINE {
        return Err("a line is too long");
    }
    // A NUL is allowed here, but clients take the first one for the end of a frame, and would see another frame behind it.
    if line.iter().any(|byte| matches!(byte, b'\r' | 0)) {
        return Err("a CR or a NUL in a line");
    }
    str::from_utf8(line).map_err(|_| "a line is not UTF-8")
}

/// "Value Encoding": "Undefined escape sequences such as \t […] MUST be treated as a fatal protocol error."
fn unescape(text: &str) -> Result<String, &'static str> {
    let (mut plain, mut chars) = (String::with_capacity(text.len()), text.chars());
    while let Some(char) = chars.next() {
        plain.push(match char {
            '\\' => match chars.next() {
                Some('r') => '\r',
                Some('n') => '\n',
                Some('c') => ':',
                Some('\\') => '\\',
                _ => return Err("an undefined escape in a header"),
            },
            char => char,
        });
    }
    Ok(plain)
}

/// Encodes a whole frame of the server.
pub(crate) fn encode(command: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    [command.as_bytes(), b"\n", &rest(headers, body)].concat()
}

/// Encodes the rest of a server's frame, after its command or after its first headers.
pub(crate) fn rest(headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in headers {
        put_header(&mut out, name, value);
    }
    [&out, &b"\n"[..], body, b"\0"].concat()
}

/// Appends a header line, escaped. Headers of CONNECTED must not be escaped, but ours have nothing to escape.
pub(crate) fn put_header(out: &mut Vec<u8>, name: &str, value: &str) {
    escape(out, name);
    out.push(b':');
    escape(out, value);
    out.push(b'\n');
}

fn escape(out: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'\r' => out.extend(b"\\r"),
            b'\n' => out.extend(b"\\n"),
            b':' => out.extend(b"\\c"),
            b'\\' => out.extend(b"\\\\"),
            byte => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(message: &[u8]) -> Frame<'_> {
        parse(message).unwrap().unwrap()
    }

    fn refused(message: impl AsRef<[u8]>) -> &'static str {
        parse(message.as_ref()).unwrap_err()
    }

    /// "STOMP Frames".
    #[test]
    fn a_frame_has_a_command_headers_and_a_body() {
        for message in [
            &b"SEND\ndestination:/a\nempty:\n\nhello\0"[..],
            b"SEND\r\ndestination:/a\r\nempty:\r\n\r\nhello\0\r\n\n",
            b"\n\r\nSEND\ndestination:/a\nempty:\n\nhello\0",
        ] {
            let frame = parsed(message);
            assert_eq!((frame.command, frame.body), ("SEND", &b"hello"[..]));
            assert_eq!(frame.header("destination"), Some("/a"));
            assert_eq!(frame.header("empty"), Some(""));
            assert_eq!(frame.header("Destination"), None);
        }
    }

    /// "Heart-beating".
    #[test]
    fn eols_are_heart_beats() {
        for message in [&b"\n"[..], b"\r\n", b"\n\r\n\n", b""] {
            assert_eq!(parse(message), Ok(None));
        }
        assert_eq!(refused("\r"), "a line has no end");
    }

    /// "Header content-length".
    #[test]
    fn nul_is_in_a_body_by_content_length_and_otherwise_ends_it() {
        assert_eq!(parsed(b"SEND\ncontent-length:3\n\na\0b\0").body, b"a\0b");
        assert_eq!(parsed(b"SEND\ncontent-length:0\n\n\0").body, b"");
        assert_eq!(refused("SEND\n\na\0b\0"), "more than a frame in a message");
        assert_eq!(refused("SEND\n\na"), "no NUL ends the frame");
        assert_eq!(refused("SEND\ncontent-length:1\n\nab\0"), "no NUL ends the frame");
        assert_eq!(refused("SEND\ncontent-length:2\n\nab"), "no NUL ends the frame");
        for length in ["3", "18446744073709551615"] {
            let message = format!("SEND\ncontent-length:{length}\n\na\0");
            assert_eq!(refused(message), "the body is too short");
        }
        for length in ["", "+1", "-1", "1 ", "0x1", "18446744073709551616"] {
            let message = format!("SEND\ncontent-length:{length}\n\na\0");
            assert_eq!(refused(message), "content-length is no number");
        }
    }

    /// "Body".
    #[test]
    fn only_send_message_and_error_have_a_body() {
        assert_eq!(refused("SUBSCRIBE\nid:0\n\nbody\0"), "a body where none may be");
        assert_eq!(parsed(b"SUBSCRIBE\nid:0\n\n\0").body, b"");
    }

    /// "Value Encoding".
    #[test]
    fn headers_are_escaped() {
        let frame = parsed(b"SEND\na\\cb:\\r\\n\\c\\\\\n\n\0");
        assert_eq!(frame.header("a:b"), Some("\r\n:\\"));
        assert_eq!(rest(&[("a:b", "\r\n:\\")], b""), b"a\\cb:\\r\\n\\c\\\\\n\n\0");
        for header in ["a:\\t", "a:\\", "\\x:a"] {
            let message = format!("SEND\n{header}\n\n\0");
            assert_eq!(refused(message), "an undefined escape in a header");
        }
    }

    /// "Value Encoding": "All frames except the `CONNECT` and `CONNECTED` frames will also escape […]".
    #[test]
    fn headers_of_connect_are_not_escaped() {
        let frame = parsed(b"CONNECT\npasscode:a\\tb\\n:\n\n\0");
        assert_eq!(frame.header("passcode"), Some("a\\tb\\n:"));
        assert_eq!(parsed(b"STOMP\npasscode:a\\cb\n\n\0").header("passcode"), Some("a:b"));
    }

    /// "Repeated Header Entries".
    #[test]
    fn the_first_of_a_repeated_header_counts() {
        let frame = parsed(b"SEND\nfoo:World\nfoo:Hello\n\n\0");
        assert_eq!(frame.headers, [("foo".into(), "World".into())]);
    }

    /// "Value Encoding": "clients and servers MUST never trim or pad headers with spaces."
    #[test]
    fn space_belongs_to_headers() {
        assert_eq!(parsed(b"SEND\n a : b \n\n\0").header(" a "), Some(" b "));
    }

    /// "Augmented BNF".
    #[test]
    fn what_is_no_frame_is_refused() {
        assert_eq!(refused("SEND"), "a line has no end");
        assert_eq!(refused("SEND\na:b\n"), "a line has no end");
        assert_eq!(refused("SEND\nno colon\n\n\0"), "a header without a colon");
        assert_eq!(refused("SEND\n:value\n\n\0"), "a header without a name");
        assert_eq!(refused("SEND\na:b\rc\n\n\0"), "a CR or a NUL in a line");
        assert_eq!(refused("SEND\na:b\0c\n\n\0"), "a CR or a NUL in a line");
        assert_eq!(refused(b"SEND\na:\xff\n\n\0"), "a line is not UTF-8");
        assert_eq!(refused("SEND\n\n\0SEND\n\n\0"), "more than a frame in a message");
        assert_eq!(parsed(b"SEND\na:b:c\n\n\0").header("a"), Some("b:c"));
        assert_eq!(parsed("SEND\nä:ö\n\n\0".as_bytes()).header("ä"), Some("ö"));
    }

    #[test]
    fn what_is_encoded_is_parsed_and_noise_does_no_harm() {
        let mut random = fastrand::Rng::with_seed(1);
        let text = |random: &mut fastrand::Rng, most| {
            let chars = ['\r', '\n', ':', '\\', 'c', 'r', ' ', 'ä'];
            (0..random.usize(..most)).map(|_| random.choice(chars).unwrap()).collect::<String>()
        };
        for _ in 0..20_000 {
            let [name, value, body] = [(); 3].map(|()| text(&mut random, 8));
            let name = format!("n{name}");
            let length = body.len().to_string();
            let headers = [(name.as_str(), value.as_str()), ("content-length", &length)];
            let mut message = encode("SEND", &headers, body.as_bytes());
            let frame = parsed(&message);
            assert_eq!((frame.header(&name), frame.body), (Some(&*value), body.as_bytes()));
            let at = random.usize(..message.len());
            message[at] = random.u8(..);
            let _ = parse(&message);
            let _ = parse(&message[..at]);
        }
    }

    /// "Size Limits".
    #[test]
    fn headers_have_limits() {
        let most = (0..MOST_HEADERS).map(|number| format!("{number}:\n")).collect::<String>();
        assert_eq!(parsed(format!("SEND\n{most}\n\0").as_bytes()).headers.len(), MOST_HEADERS);
        assert_eq!(refused(format!("SEND\n{most}0:\n\n\0")), "too many headers");
        let value = "v".repeat(MOST_LINE - 2);
        parsed(format!("SEND\na:{value}\r\n\n\0").as_bytes());
        assert_eq!(refused(format!("SEND\na:{value}v\n\n\0")), "a line is too long");
        assert_eq!(refused(format!("SEND\na:{value}v")), "a line is too long");
    }
}
