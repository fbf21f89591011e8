//! The client's side.

use std::fmt;
use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::time::Instant;

use fullduplex::handshake::Key;
use fullduplex::{Connected, Connecting, Ended, Progress, Refused};
use fullduplex_std::OsEntropy;
use http::header::{
    CONNECTION, HOST, HeaderName, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{StatusCode, Version};
use httparse::{EMPTY_HEADER, Status};

use super::headers::{MAX_HEADERS, to_map};
use super::machine::{HandshakeMachine, TryParse};
use super::{HandshakeError, HandshakeRole, MidHandshake, convert, would_block};
use crate::error::{Error, ProtocolError, Result, UrlError};
use crate::protocol::{WebSocket, WebSocketConfig, WebSocketContext};

/// A client's request.
pub type Request = http::Request<()>;

/// The server's response. If it does not open a WebSocket, it has the part of its body that had
/// arrived.
pub type Response = http::Response<Option<Vec<u8>>>;

/// The client's side of a handshake.
pub struct ClientHandshake<S> {
    connecting: Connecting<OsEntropy>,
    offers_subprotocols: bool,
    is_flushed: bool,
    config: WebSocketConfig,
    began: Instant,
    stream: PhantomData<S>,
}

impl<S> fmt::Debug for ClientHandshake<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientHandshake").finish_non_exhaustive()
    }
}

impl<S: Read + Write> ClientHandshake<S> {
    /// A handshake whose request is ready to be written, with a new `Sec-WebSocket-Key`.
    ///
    /// # Errors
    /// [`Error::Url`], and [`Error::Protocol`] for a request that must not be sent.
    pub fn start(
        stream: S,
        request: Request,
        config: Option<WebSocketConfig>,
    ) -> Result<MidHandshake<Self>> {
        let config = config.unwrap_or_default();
        let (_, request) = convert::to_core(&request)?;
        let offers_subprotocols = !request.as_request().subprotocols.is_empty();
        let core = config.to_core_from_handshake();
        let role = Self {
            connecting: Connecting::new(request, core, OsEntropy)
                .map_err(convert::handshake_error)?,
            offers_subprotocols,
            is_flushed: false,
            config,
            began: Instant::now(),
            stream: PhantomData,
        };
        Ok(MidHandshake { role, machine: HandshakeMachine::start_read(stream) })
    }

    /// Writes the rest of the request, then reads once.
    fn round(&mut self, stream: &mut S) -> Result<()> {
        let connecting = &mut self.connecting;
        while !connecting.output().is_empty() {
            match stream.write(connecting.output())? {
                0 => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                len => connecting.advance_output(len),
            }
        }
        if !self.is_flushed {
            stream.flush()?;
            self.is_flushed = true;
        }
        connecting.handle_timeout(self.began.elapsed())?;
        match stream.read(connecting.room())? {
            0 => Err(fullduplex::Error::from(Ended::InsideHandshake).into()),
            len => {
                connecting.advance(len);
                Ok(())
            }
        }
    }
}

impl<S: Read + Write> HandshakeRole for ClientHandshake<S> {
    type InternalStream = S;
    type FinalResult = (WebSocket<S>, Response);

    fn handshake(
        mut self,
        mut machine: HandshakeMachine<S>,
    ) -> Result<Self::FinalResult, HandshakeError<Self>> {
        loop {
            match self.round(machine.get_mut()) {
                Err(error) if would_block(&error) => {
                    return Err(HandshakeError::Interrupted(MidHandshake { role: self, machine }));
                }
                other => other?,
            }
            let progress = self.connecting.poll().map_err(|error| {
                let error = convert::handshake_error(error);
                if self.offers_subprotocols { error } else { convert::unasked(error) }
            })?;
            match progress {
                Progress::Waiting(connecting) => self = Self { connecting, ..self },
                Progress::Done(Connected::Open { endpoint, response }) => {
                    let context = WebSocketContext::open(endpoint, self.config);
                    let socket = WebSocket::from_context(machine.into_stream(), context);
                    return Ok((socket, convert::to_response(&response, None)?));
                }
                Progress::Done(Connected::Refused(Refused { response, body })) => {
                    let response = convert::to_response(&response, Some(body))?;
                    return Err(Error::Http(response.into()).into());
                }
            }
        }
    }
}

/// A random `Sec-WebSocket-Key`.
///
/// # Panics
/// When the operating system returns no random bytes.
#[must_use]
pub fn generate_key() -> String {
    let key = Key::random(&mut OsEntropy).expect("the operating system returns random bytes");
    key.as_bytes().map(char::from).iter().collect()
}

/// The bytes of a request, and its `Sec-WebSocket-Key`, for a client that does the handshake itself.
///
/// # Errors
/// [`ProtocolError::InvalidHeader`] when one of the handshake's own headers is missing or duplicated;
/// [`UrlError::NoPathOrQuery`]; [`ProtocolError::WrongHttpVersion`]; [`Error::Utf8`] when the value of such a header is not
/// text.
pub fn generate_request(mut request: Request) -> Result<(Vec<u8>, String)> {
    /// The handshake's own headers, in the order and the case in which they are sent.
    const OWN: [(HeaderName, &str); 5] = [
        (HOST, "Host"),
        (CONNECTION, "Connection"),
        (UPGRADE, "Upgrade"),
        (SEC_WEBSOCKET_VERSION, "Sec-WebSocket-Version"),
        (SEC_WEBSOCKET_KEY, "Sec-WebSocket-Key"),
    ];
    let invalid = |name: &HeaderName| ProtocolError::InvalidHeader(name.clone().into());
    let path = request.uri().path_and_query().ok_or(UrlError::NoPathOrQuery)?;
    let mut head = Vec::new();
    write!(head, "GET {path} {}\r\n", version_text(request.version())?)?;
    let mut field = |name: &str, value: &[u8]| {
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            head.extend_from_slice(part);
        }
    };
    let headers = request.headers_mut();
    let key = headers.get(SEC_WEBSOCKET_KEY).ok_or_else(|| invalid(&SEC_WEBSOCKET_KEY))?;
    let key = key.to_str()?.to_owned();
    for (name, sent) in OWN {
        let mut values = headers.get_all(&name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => field(sent, value.to_str()?.as_bytes()),
            _ => return Err(invalid(&name).into()),
        }
        headers.remove(name);
    }
    for (name, value) in headers.iter() {
        // Some servers compare these two names case-sensitively.
        let name = match name {
            &SEC_WEBSOCKET_PROTOCOL => "Sec-WebSocket-Protocol",
            &ORIGIN => "Origin",
            name => name.as_str(),
        };
        field(name, value.as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    Ok((head, key))
}

/// # Errors
/// [`ProtocolError::WrongHttpVersion`] for a version that has no textual head.
pub(super) fn version_text(version: Version) -> Result<&'static str> {
    match version {
        Version::HTTP_09 => Ok("HTTP/0.9"),
        Version::HTTP_10 => Ok("HTTP/1.0"),
        Version::HTTP_11 => Ok("HTTP/1.1"),
        _ => Err(ProtocolError::WrongHttpVersion.into()),
    }
}

impl TryParse for Response {
    fn try_parse(data: &[u8]) -> Result<Option<(usize, Self)>> {
        let mut fields = [EMPTY_HEADER; MAX_HEADERS];
        let mut head = httparse::Response::new(&mut fields);
        let Status::Complete(len) = head.parse(data)? else { return Ok(None) };
        if head.version != Some(1) {
            return Err(ProtocolError::WrongHttpVersion.into());
        }
        let mut response = Self::new(None);
        *response.status_mut() = StatusCode::from_u16(head.code.unwrap_or_default())?;
        *response.headers_mut() = to_map(head.headers)?;
        *response.version_mut() = Version::HTTP_11;
        Ok(Some((len, response)))
    }
}
