//! What to say of an error, and what to do about it.

use std::fmt;
use std::io::ErrorKind;

use fullduplex_tokio::fullduplex::Error as ProtocolError;
use fullduplex_tokio::{Attempt, AttemptError, DialError, Error};

/// Why the program ends with exit code 1: some lines for the person at the terminal.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The server could not be reached.
    pub(crate) fn unreachable(host: &str, port: u16, error: &DialError) -> Self {
        let advice = match error {
            DialError::Lookup(_) | DialError::LookupTimedOut | DialError::NoAddress => {
                "Is the name right, and is there a network?"
            }
            DialError::Addresses(attempts) if attempts.iter().any(is_refused) => {
                "Nothing listens there: is the server running, and is the port right?"
            }
            _ if error.is_timeout() => "Nothing answers: is a firewall in between?",
            _ => "",
        };
        Self(format!("no connection to {host}:{port}: {error}\n{advice}").trim_end().to_owned())
    }

    /// No WebSocket was opened over the connection to a server.
    pub(crate) fn not_opened(error: Error) -> Self {
        let advice = match &error {
            Error::Http(refused) => return Self(http(refused)),
            Error::Protocol(ProtocolError::Ended(_)) => {
                "Perhaps the server expects the other one of ws:// and wss:// (TLS), or another path."
            }
            Error::Io(io) => match io.get_ref().and_then(|inner| inner.downcast_ref()) {
                Some(rustls::Error::InvalidCertificate(_)) => {
                    "A certificate of your own is trusted with --ca FILE."
                }
                _ => "",
            },
            _ => "",
        };
        Self(format!("{error}\n{advice}").trim_end().to_owned())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}

fn is_refused(attempt: &Attempt) -> bool {
    matches!(&attempt.error, AttemptError::Failed(error) if error.kind() == ErrorKind::ConnectionRefused)
}

/// The response of a server that did not open a WebSocket, with what it says.
fn http(refused: &fullduplex_tokio::Refused) -> String {
    let response = refused.response.as_response();
    let (status, reason) = (response.status(), response.reason());
    let mut text = format!("the server did not open a WebSocket: {status} {reason}");
    for header in response.headers() {
        text += &format!("\n  {}: {}", header.name, String::from_utf8_lossy(header.value));
    }
    let body = String::from_utf8_lossy(&refused.body);
    for line in body.lines().take(10) {
        text += &format!("\n  | {line}");
    }
    text += match status {
        200..=299 => "\nThis is a web server that speaks HTTP at this URL: is the path right?",
        301..=308 => {
            "\nThe server is elsewhere: try the URL in Location, with ws:// for http:// and wss:// for https://."
        }
        401 => {
            "\nIt wants to know who you are: --auth USER:PASSWORD, or --header 'Authorization: ...'."
        }
        403 => {
            "\nIt does not let you in: it may look at --origin, or at a cookie (--header 'Cookie: ...')."
        }
        404 => "\nThere is no WebSocket at this path.",
        426 => "\nIt wants another version of the protocol, or of HTTP.",
        502 | 504 => "\nA proxy answers, and the server behind it does not.",
        505 => {
            "\nA proxy in between speaks an old HTTP to the server: nginx needs `proxy_http_version 1.1`."
        }
        429 | 503 => "\nIt is busy: try again later.",
        _ => "",
    };
    text
}
