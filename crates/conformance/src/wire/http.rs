//! Heads of HTTP/1.1 messages, as an opening handshake has them (RFC 6455 §4).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The head of a request or of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The method and the target of a request, or the status of a response as text and its reason.
    pub start: (String, String),
    /// The fields, names and values, in order.
    pub fields: Vec<(String, String)>,
}

/// The most fields that a head may have here.
const MAX_FIELDS: usize = 128;

impl Head {
    /// Reads the head of a request. The error is a sentence.
    pub(crate) fn of_request(bytes: &[u8]) -> Result<Self, String> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        request.parse(bytes).map_err(|error| format!("its request is not HTTP: {error}"))?;
        if request.version != Some(1) {
            return Err("its request is not HTTP/1.1 (RFC 6455 §4.1)".into());
        }
        let start = (request.method.unwrap_or(""), request.path.unwrap_or(""));
        Ok(Self { start: (start.0.into(), start.1.into()), fields: owned(request.headers) })
    }

    /// Reads the head of a response. The error is a sentence.
    pub(crate) fn of_response(bytes: &[u8]) -> Result<Self, String> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        response.parse(bytes).map_err(|error| format!("its response is not HTTP: {error}"))?;
        let status = response.code.unwrap_or(0).to_string();
        let start = (status, response.reason.unwrap_or("").into());
        Ok(Self { start, fields: owned(response.headers) })
    }

    /// The values of a field, one for each line that has this name.
    pub fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h str> {
        self.fields
            .iter()
            .filter(move |(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The value of a field that may come once only.
    ///
    /// # Errors
    /// A sentence for people, when it comes more than once.
    pub fn one<'h>(&'h self, name: &'h str) -> Result<Option<&'h str>, String> {
        let mut values = self.values(name);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            _ => Err(format!("it sent the field {name} more than once")),
        }
    }

    /// Whether the field is a list with this element, whatever its case.
    #[must_use]
    pub fn lists(&self, name: &str, element: &str) -> bool {
        self.values(name).flat_map(elements).any(|found| found.eq_ignore_ascii_case(element))
    }
}

/// The elements of a list that are not empty (RFC 9110 §5.6.1).
pub(crate) fn elements(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|element| !element.is_empty())
}

fn owned(fields: &[httparse::Header<'_>]) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    fields.iter().map(|field| (field.name.into(), text(field.value))).collect()
}

/// Where the head ends in these bytes, if they hold all of it.
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
