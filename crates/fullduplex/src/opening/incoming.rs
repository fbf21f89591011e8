//! The opening handshake of a server.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::convert::Infallible;
use core::fmt;
use core::time::Duration;

use bytes::BufMut;

use crate::endpoint::{Endpoint, EndpointConfig};
use crate::entropy::Entropy;
use crate::error::Error;
use crate::handshake::{
    AcceptError, Acceptance, HandshakeError, OwnedRejection, OwnedRequest, PlainRequest,
    RejectError, Rejection, Request, ServerHandshake,
};
use crate::keepalive::Timeout;
use crate::negotiated::Negotiated;
use crate::opening::shared::{Deadline, Opening, Progress, encode};
use crate::outgoing::Outgoing;
use crate::role::Role;

/// Responds to a request that asks for no WebSocket, with any status from 200 to 599. If it returns `None`, the request
/// is refused.
pub type RespondToPlain<'a> = &'a mut dyn FnMut(&PlainRequest<'_>) -> Option<OwnedRejection>;

/// A server's opening handshake (RFC 6455 §4.2) before the request: becomes an [`IncomingRequest`], which becomes an
/// [`Endpoint`].
///
/// Read into the [`room`](Self::room), and [`poll`](Self::poll) after each read. If the transport ends before that, so does
/// the handshake: [`Ended::InsideHandshake`](crate::Ended::InsideHandshake).
///
/// ```
/// use fullduplex::handshake::OwnedAcceptance;
/// use fullduplex::{Endpoint, EndpointConfig, Incoming, NoEntropy, Progress};
/// use std::io::{Read, Write};
///
/// fn accept(
///     stream: &mut (impl Read + Write),
/// ) -> Result<Option<Endpoint<NoEntropy>>, Box<dyn std::error::Error>> {
///     let mut incoming = Incoming::new(EndpointConfig::new(), NoEntropy);
///     let request = loop {
///         let len = stream.read(incoming.room())?;
///         if len == 0 {
///             return Ok(None);
///         }
///         incoming.advance(len);
///         match incoming.poll() {
///             Ok(Progress::Waiting(same)) => incoming = same,
///             Ok(Progress::Done(request)) => break request,
///             Err(failed) => {
///                 stream.write_all(failed.refusal.output())?;
///                 return Err(failed.error.into());
///             }
///         }
///     };
///     println!("{}", request.request().path());
///     match request.accept(&OwnedAcceptance::new().as_acceptance()) {
///         // The response is the first output of the endpoint.
///         Ok((endpoint, _)) => Ok(Some(endpoint)),
///         Err(failed) => Err(failed.error.into()),
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Incoming<E> {
    opening: Opening<E>,
    handshake: Box<ServerHandshake>,
}

/// A valid request for a WebSocket, which the application accepts or rejects.
#[derive(Debug)]
pub struct IncomingRequest<E> {
    opening: Opening<E>,
    request: Box<OwnedRequest>,
}

/// A response that refuses a request and is still to be written. Then the caller ends the sending direction of the
/// transport and reads on until the client has ended its own or the [deadline](Self::poll_timeout) has come: a transport
/// that is dropped with input unread may throw away what was sent last.
#[derive(Debug)]
#[must_use = "the client waits for the response"]
pub struct Refusal {
    out: Outgoing,
    deadline: Deadline,
}

/// Why a server did not accept a handshake, and the response that says so to the client. No WebSocket is open.
#[derive(Debug)]
pub struct NotAccepted<T> {
    /// Why it failed.
    pub error: T,
    /// The response that is still to be written.
    pub refusal: Refusal,
}

impl<T: fmt::Display> fmt::Display for NotAccepted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<T: core::error::Error + 'static> core::error::Error for NotAccepted<T> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl<E: Entropy> Incoming<E> {
    /// A handshake that waits for a request.
    #[must_use]
    pub fn new(config: EndpointConfig, entropy: E) -> Self {
        let handshake = Box::new(ServerHandshake::new(config.head_limits));
        Self { opening: Opening::new(config, entropy), handshake }
    }

    /// The request, once its head is complete. Call it after each read.
    ///
    /// # Errors
    /// [`HandshakeError::Request`] when it is no valid request for a WebSocket. The response says so by the status that it
    /// calls for ([`RequestError::status`](crate::handshake::RequestError::status)).
    pub fn poll(
        self,
    ) -> Result<Progress<Self, IncomingRequest<E>>, Box<NotAccepted<HandshakeError>>> {
        self.poll_by(None)
    }

    /// As [`poll`](Self::poll), and lets `respond` respond to a request that asks for no WebSocket, such as a load
    /// balancer's `GET /healthz`. If `respond` returns `None`, the request is refused like any other request that is not a
    /// valid one for a WebSocket.
    ///
    /// # Errors
    /// As [`poll`](Self::poll). [`HandshakeError::Responded`] when `respond` has responded to the request.
    /// [`HandshakeError::Reject`] when its response must not be sent; a response with status 500 takes its place.
    pub fn poll_or(
        self,
        respond: RespondToPlain<'_>,
    ) -> Result<Progress<Self, IncomingRequest<E>>, Box<NotAccepted<HandshakeError>>> {
        self.poll_by(Some(respond))
    }

    fn poll_by(
        mut self,
        respond: Option<RespondToPlain<'_>>,
    ) -> Result<Progress<Self, IncomingRequest<E>>, Box<NotAccepted<HandshakeError>>> {
        let Self { opening, handshake } = &mut self;
        let request = match handshake.poll(opening.buffer.unread()) {
            Ok(None) => return Ok(Progress::Waiting(self)),
            Ok(Some(request)) => Box::new(request.into_owned()),
            Err(error) => {
                let responded = respond.and_then(|respond| {
                    respond_to_plain(&handshake.plain_request(opening.buffer.unread())?, respond)
                });
                let (response, error) = responded.unwrap_or_else(|| {
                    let response = encode::<Infallible>(|out| {
                        error.encode_response(out).map_err(|error| Ok(error.needed))
                    });
                    let Ok(response) = response;
                    (response, error.into())
                });
                return Err(not_accepted(error, response, &opening.config));
            }
        };
        self.opening.buffer.consume(request.as_request().head_len());
        Ok(Progress::Done(IncomingRequest { opening: self.opening, request }))
    }

    /// Where the transport reads into; never empty. Follow with [`advance`](Self::advance).
    pub fn room(&mut self) -> &mut [u8] {
        self.opening.room()
    }

    /// [`room`](Self::room) that need not be filled with zeros first.
    pub fn room_buf(&mut self) -> impl BufMut {
        self.opening.room_buf()
    }

    /// The transport has read `len` bytes into the [`room`](Self::room). A `len` beyond it is cut.
    pub fn advance(&mut self, len: usize) {
        self.opening.buffer.advance(len);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout): the end of
    /// [`handshake_timeout`](EndpointConfig#structfield.handshake_timeout), which begins with the first call.
    pub fn poll_timeout(&mut self, now: Duration) -> Option<Duration> {
        self.opening.deadline.instant(now)
    }

    /// Looks at the deadline. Early calls do nothing.
    ///
    /// # Errors
    /// [`Error::Timeout`] when the handshake has taken too long. The caller drops the transport.
    pub fn handle_timeout(&mut self, now: Duration) -> Result<(), Error> {
        self.opening.deadline.check(now, Timeout::Handshake)
    }
}

impl<E: Entropy> IncomingRequest<E> {
    /// The request.
    #[must_use]
    pub fn request(&self) -> Request<'_> {
        self.request.as_request()
    }

    /// Accepts the request. The response is the first output of the endpoint, which is returned with the request.
    ///
    /// # Errors
    /// [`AcceptError`] when `acceptance` must not be sent. A response with status 500 takes its place, because the fault is
    /// ours and the client must not wait in vain.
    pub fn accept<S: AsRef<str>>(
        self,
        acceptance: &Acceptance<'_, S>,
    ) -> Result<(Endpoint<E>, OwnedRequest), Box<NotAccepted<AcceptError>>> {
        let Self { opening, request } = self;
        let acceptance = Acceptance {
            subprotocol: acceptance.subprotocol,
            headers: acceptance.headers,
            #[cfg(feature = "deflate")]
            deflate: acceptance.deflate.for_endpoint(opening.config.deflate).into(),
        };
        let mut negotiated = Negotiated::without_extensions();
        let response = encode(|out| match request.as_request().accept(&acceptance, out) {
            Ok((len, settled)) => {
                negotiated = settled;
                Ok(len)
            }
            Err(AcceptError::BufferTooSmall(error)) => Err(Ok(error.needed)),
            Err(error) => Err(Err(error)),
        });
        let Opening { buffer, config, entropy, .. } = opening;
        match response {
            Ok(response) => Ok((
                Endpoint::opened(Role::Server, negotiated, buffer, response, &config, entropy),
                *request,
            )),
            Err(error) => Err(not_accepted(error, server_error(), &config)),
        }
    }

    /// Rejects the request with a response that the application has chosen.
    ///
    /// # Errors
    /// [`RejectError`] when the response must not be sent; a response with status 500 takes its place.
    pub fn reject<S: AsRef<str>>(
        self,
        rejection: &Rejection<'_, S>,
    ) -> Result<Refusal, Box<NotAccepted<RejectError>>> {
        match encode_rejection(|out| rejection.encode(out)) {
            Ok(response) => Ok(Refusal::new(response, &self.opening.config)),
            Err(error) => Err(not_accepted(error, server_error(), &self.opening.config)),
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout): see [`Incoming::poll_timeout`].
    pub fn poll_timeout(&mut self, now: Duration) -> Option<Duration> {
        self.opening.deadline.instant(now)
    }

    /// Looks at the deadline: see [`Incoming::handle_timeout`].
    ///
    /// # Errors
    /// [`Error::Timeout`] when the handshake has taken too long.
    pub fn handle_timeout(&mut self, now: Duration) -> Result<(), Error> {
        self.opening.deadline.check(now, Timeout::Handshake)
    }
}

impl Refusal {
    fn new(response: Vec<u8>, config: &EndpointConfig) -> Self {
        let deadline = Deadline::After(config.connection.timeouts.close_timeout);
        Self { out: response.into(), deadline }
    }

    /// What is still to be written of the response. Follow with [`advance_output`](Self::advance_output).
    #[must_use]
    pub fn output(&self) -> &[u8] {
        self.out.first()
    }

    /// The transport has taken `len` bytes of the [`output`](Self::output). A `len` beyond it is cut.
    pub fn advance_output(&mut self, len: usize) {
        self.out.advance(len);
    }

    /// When to drop the transport: the end of the [close timeout](crate::Timeouts::close_timeout), which begins with the
    /// first call.
    pub fn poll_timeout(&mut self, now: Duration) -> Option<Duration> {
        self.deadline.instant(now)
    }

    /// Looks at the deadline. Early calls do nothing.
    ///
    /// # Errors
    /// [`Error::Timeout`] when the client has not ended its direction in time. The caller drops the transport.
    pub fn handle_timeout(&mut self, now: Duration) -> Result<(), Error> {
        self.deadline.check(now, Timeout::Close)
    }
}

#[cold]
fn not_accepted<T>(error: T, response: Vec<u8>, config: &EndpointConfig) -> Box<NotAccepted<T>> {
    Box::new(NotAccepted { error, refusal: Refusal::new(response, config) })
}

/// The application's response, and the error that reports it to the caller; `None` if the application does not respond.
#[cold]
fn respond_to_plain(
    request: &PlainRequest<'_>,
    respond: RespondToPlain<'_>,
) -> Option<(Vec<u8>, HandshakeError)> {
    let rejection = respond(request)?;
    let response = encode_rejection(|out| request.encode_response(&rejection.as_rejection(), out));
    Some(match response {
        Ok(response) => (response, HandshakeError::Responded(rejection.status())),
        Err(error) => (server_error(), HandshakeError::Reject(error)),
    })
}

fn encode_rejection(
    mut write: impl FnMut(&mut [u8]) -> Result<usize, RejectError>,
) -> Result<Vec<u8>, RejectError> {
    encode(|out| match write(out) {
        Err(RejectError::BufferTooSmall(error)) => Err(Ok(error.needed)),
        other => other.map_err(Err),
    })
}

/// The response for a fault of ours: [`Rejection::encode`] with status 500, without headers and body. It is a constant,
/// so it cannot be at fault itself.
const SERVER_ERROR: &[u8] =
    b"HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

fn server_error() -> Vec<u8> {
    SERVER_ERROR.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_response_for_a_fault_of_ours_is_an_ordinary_rejection() {
        let response = encode_rejection(|out| Rejection::new(500).encode(out));
        assert_eq!(response, Ok(SERVER_ERROR.to_vec()));
    }
}
