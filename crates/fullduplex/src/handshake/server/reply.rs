//! The parts of a server's HTTP response: status line, length and body.

use core::fmt;

use crate::output::Cursor;

/// Writes "HTTP/1.1 SP status-code SP [ reason-phrase ] CRLF".
pub(in crate::handshake) fn put_status_line(out: &mut Cursor<'_>, status: u16) {
    // Writing to a cursor cannot fail: when its buffer is full, it counts.
    let _ = fmt::Write::write_fmt(out, format_args!("HTTP/1.1 {status} {}\r\n", reason(status)));
}

/// Writes the length of `body`, the empty line and `body`.
pub(in crate::handshake) fn put_final_lines(out: &mut Cursor<'_>, body: fmt::Arguments<'_>) {
    let mut counter = Cursor::new(&mut []);
    let _ = fmt::Write::write_fmt(&mut counter, body);
    put_content_length(out, counter.count());
    let _ = fmt::Write::write_fmt(out, body);
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
