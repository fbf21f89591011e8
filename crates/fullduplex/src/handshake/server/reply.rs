//! The parts of a server's HTTP response: status line, length and body.

use core::fmt;

use crate::output::Cursor;

/// Writes "HTTP/1.1 SP status-code SP [ reason-phrase ] CRLF".
pub(in crate::handshake) fn put_status_line(out: &mut Cursor<'_>, status: u16) {
    // Writing to a cursor cannot fail: when its buffer is full, it counts.
    let _ = fmt::Write::write_fmt(out, format_args!("HTTP/1.1 {status} {}\r\n", reason(status)));
}

/// Writes the length of `body`, the empty line and, if `has_content` is set, `body`.
pub(in crate::handshake) fn put_final_lines(
    out: &mut Cursor<'_>,
    body: fmt::Arguments<'_>,
    has_content: bool,
) {
    let mut counter = Cursor::new(&mut []);
    let _ = fmt::Write::write_fmt(&mut counter, body);
    put_content_length(out, counter.count());
    if has_content {
        let _ = fmt::Write::write_fmt(out, body);
    }
}

/// Writes the last header and the empty line.
pub(in crate::handshake) fn put_content_length(out: &mut Cursor<'_>, length: usize) {
    let _ = fmt::Write::write_fmt(out, format_args!("Content-Length: {length}\r\n\r\n"));
}

/// The reason phrase of a status code in RFC 9110 §15 and RFC 6585. It is empty for any other code, which is allowed.
const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        202 => "Accepted",
        204 => "No Content",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        414 => "URI Too Long",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        511 => "Network Authentication Required",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of status codes in RFC 9110 §15 and, for 428, 429, 431 and 511, in RFC 6585.
    const NAMES: &str = "\
        200 OK\n202 Accepted\n204 No Content\n300 Multiple Choices\n301 Moved Permanently\n302 Found\n\
        303 See Other\n304 Not Modified\n307 Temporary Redirect\n308 Permanent Redirect\n400 Bad Request\n\
        401 Unauthorized\n402 Payment Required\n403 Forbidden\n404 Not Found\n405 Method Not Allowed\n\
        406 Not Acceptable\n408 Request Timeout\n409 Conflict\n410 Gone\n414 URI Too Long\n\
        421 Misdirected Request\n422 Unprocessable Content\n426 Upgrade Required\n428 Precondition Required\n\
        429 Too Many Requests\n431 Request Header Fields Too Large\n500 Internal Server Error\n\
        501 Not Implemented\n502 Bad Gateway\n503 Service Unavailable\n504 Gateway Timeout\n\
        505 HTTP Version Not Supported\n511 Network Authentication Required";

    #[test]
    fn a_status_line_has_the_name_of_the_status_or_none() {
        for status in 200..600_u16 {
            let mut line = [0; 60];
            let mut out = Cursor::new(&mut line);
            put_status_line(&mut out, status);
            let line = core::str::from_utf8(out.into_bytes().unwrap()).unwrap();
            let line = line.strip_prefix("HTTP/1.1 ").and_then(|line| line.strip_suffix("\r\n"));
            let (number, name) = line.and_then(|line| line.split_once(' ')).unwrap();
            assert_eq!(number.parse(), Ok(status));
            let expected = NAMES.lines().find_map(|line| line.strip_prefix(number));
            assert_eq!(name, expected.map_or("", str::trim_start), "{status}");
        }
    }
}
