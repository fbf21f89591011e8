//! Heads of HTTP/1.1 messages in an opening handshake (RFC 6455 §4).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The head of a request or of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The method and the target of a request, or the status of a response as text and its reason
    /// phrase.
    pub start: (String, String),
    /// The minor version of HTTP/1: 1 for HTTP/1.1.
    pub version: u8,
    /// The fields, names and values, in order.
    pub fields: Vec<(String, String)>,
}

/// The most fields that a head may have.
const MAX_FIELDS: usize = 128;

impl Head {
    /// Reads the head of a request. The error is a sentence.
    pub(crate) fn of_request(bytes: &[u8]) -> Result<Self, String> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        request.parse(bytes).map_err(|error| format!("its request is not HTTP: {error}"))?;
        let Some(1) = request.version else {
            return Err("its request is not HTTP/1.1 (RFC 6455 §4.1)".into());
        };
        whole_lines(bytes).map_err(|what| format!("its request has {what}"))?;
        let start = (request.method.unwrap_or(""), request.path.unwrap_or(""));
        let start = (start.0.into(), start.1.into());
        Ok(Self { start, version: 1, fields: owned(request.headers) })
    }

    /// Reads the head of a response. The error is a sentence.
    pub(crate) fn of_response(bytes: &[u8]) -> Result<Self, String> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        response.parse(bytes).map_err(|error| format!("its response is not HTTP: {error}"))?;
        whole_lines(bytes).map_err(|what| format!("its response has {what}"))?;
        let status = response.code.unwrap_or(0).to_string();
        let start = (status, response.reason.unwrap_or("").into());
        let version = response.version.unwrap_or(0);
        Ok(Self { start, version, fields: owned(response.headers) })
    }

    /// The status of a response.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.start.0.parse().unwrap_or(0)
    }

    /// The values of all field lines with this name.
    pub fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h str> {
        self.fields
            .iter()
            .filter(move |(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The value of a field that must not be repeated.
    ///
    /// # Errors
    /// A sentence when it is repeated.
    pub fn one<'h>(&'h self, name: &'h str) -> Result<Option<&'h str>, String> {
        let mut values = self.values(name);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            _ => Err(format!("it sent the field {name} more than once")),
        }
    }

    /// Whether the field is a list with this element, compared case-insensitively.
    #[must_use]
    pub fn lists(&self, name: &str, element: &str) -> bool {
        self.values(name).flat_map(elements).any(|found| found.eq_ignore_ascii_case(element))
    }
}

/// The field that HTTP demands with the status of the response, if it is missing, as a sentence.
pub(crate) fn missing_field(head: &Head) -> Option<String> {
    let (field, section) = match head.status() {
        // "The server MUST generate an Allow header field in a 405 response."
        405 => ("Allow", "RFC 9110 §15.5.6"),
        // "The server MUST send an Upgrade header field in a 426 response."
        426 => ("Upgrade", "RFC 9110 §15.5.22"),
        // "The server generating a 401 response MUST send a WWW-Authenticate header field."
        401 => ("WWW-Authenticate", "RFC 9110 §15.5.2"),
        _ => return None,
    };
    match head.values(field).next() {
        Some(_) => None,
        None => Some(format!("that response has no {field} ({section})")),
    }
}

/// The non-empty elements of a list (RFC 9110 §5.6.1).
pub(crate) fn elements(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|element| !element.is_empty())
}

/// Whether `text` is a token (RFC 9110 §5.6.2).
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

pub(crate) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// Checks that each line ends with CR LF, and that CR and LF occur nowhere else. The error says what is wrong.
fn whole_lines(head: &[u8]) -> Result<(), &'static str> {
    let mut lines = head.split(|byte| *byte == b'\n');
    // There is nothing after the last LF.
    let rest = lines.next_back();
    for line in lines {
        match line.split_last() {
            Some((b'\r', line)) if line.contains(&b'\r') => {
                return Err("a CR without LF behind it (RFC 9112 §2.2)");
            }
            Some((b'\r', _)) => {}
            _ => return Err("a line that ends without CR (RFC 9112 §2.1)"),
        }
    }
    match rest {
        Some([]) | None => Ok(()),
        Some(_) => Err("a line without an end (RFC 9112 §2.1)"),
    }
}

fn owned(fields: &[httparse::Header<'_>]) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    fields.iter().map(|field| (field.name.into(), text(field.value))).collect()
}

/// The end of the head in these bytes, if it is complete.
pub(crate) fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

/// `Sec-WebSocket-Accept` for a key (RFC 6455 §4.2.2).
pub(crate) fn accept_value(key: &str) -> String {
    let mut hash = sha1_smol::Sha1::new();
    hash.update(key.as_bytes());
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(hash.digest().bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_stands_in_one_line_or_in_several() {
        let head = b"HTTP/1.1 101 OK\r\nConnection: ,keep-alive\r\nCONNECTION:\tupGrade ,\r\n\r\n";
        let head = Head::of_response(head).unwrap();
        assert!(head.lists("connection", "Upgrade") && head.lists("Connection", "keep-alive"));
        assert!(!head.lists("Connection", "keep"));
        assert_eq!(head.values("connection").count(), 2);
        assert!(head.one("connection").is_err());
        assert_eq!(head.one("upgrade"), Ok(None));
        assert_eq!((head.status(), head.version), (101, 1));
    }

    #[test]
    fn a_line_of_a_subject_ends_with_cr_and_lf() {
        let end = b"HTTP/1.1 101 OK\r\nA: b\n\r\n";
        let error = Head::of_response(end).unwrap_err();
        assert_eq!(error, "its response has a line that ends without CR (RFC 9112 §2.1)");
        let request = b"GET / HTTP/1.1\nHost: a\r\n\r\n";
        assert!(Head::of_request(request).is_err());
    }

    #[test]
    fn a_request_is_http_1_1_at_least() {
        let error = Head::of_request(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n").unwrap_err();
        assert_eq!(error, "its request is not HTTP/1.1 (RFC 6455 §4.1)");
    }

    #[test]
    fn the_head_ends_behind_its_empty_line() {
        assert_eq!(head_end(b"GET / HTTP/1.1\r\n\r\nabc"), Some(18));
        assert_eq!(head_end(b"GET / HTTP/1.1\r\n\r"), None);
    }

    #[test]
    fn the_sample_key_has_the_accept_value_of_the_rfc() {
        assert_eq!(accept_value("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn some_statuses_need_a_field() {
        let head = |text: &str| Head::of_response(text.as_bytes()).unwrap();
        assert!(missing_field(&head("HTTP/1.1 405 x\r\nAllow: GET\r\n\r\n")).is_none());
        for status in [401, 405, 426] {
            assert!(missing_field(&head(&format!("HTTP/1.1 {status} x\r\n\r\n"))).is_some());
        }
        assert!(missing_field(&head("HTTP/1.1 400 x\r\n\r\n")).is_none());
    }
}
