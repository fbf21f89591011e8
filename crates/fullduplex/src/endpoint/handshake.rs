//! The opening handshake of an [`Endpoint`].

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::convert::Infallible;

use crate::buffers;
use crate::connection::Connection;
use crate::endpoint::{AnswerPlain, Endpoint, EndpointConfig, HandshakeEvent, Phase};
use crate::entropy::Entropy;
use crate::handshake::{
    AcceptError, Answer, ClientHandshake, EncodeRequestError, HandshakeError, Outcome,
    OwnedClientRequest, OwnedRejection, OwnedRequest, PlainRequest, RejectError, Rejection,
    Request, ServerHandshake,
};
use crate::keepalive::Deadline;
use crate::negotiated::Negotiated;
use crate::role::Role;

/// The opening handshake.
impl<E: Entropy> Endpoint<E> {
    /// A server that waits for a request (RFC 6455 §4.2).
    #[must_use]
    pub fn server(config: EndpointConfig, entropy: E) -> Self {
        let handshake = ServerHandshake::new(config.head_limits);
        let deadline = config.handshake_timeout.map_or(Deadline::Never, Deadline::After);
        Self::new(Phase::ServerHandshake(Box::new(handshake), deadline), config, entropy)
    }

    /// A client whose request is ready to be written (RFC 6455 §4.1).
    ///
    /// # Errors
    /// [`HandshakeError::Encode`] when the request must not be sent, [`HandshakeError::Entropy`].
    pub fn client(
        request: OwnedClientRequest,
        config: EndpointConfig,
        mut entropy: E,
    ) -> Result<Self, HandshakeError> {
        #[cfg(feature = "deflate")]
        let request = request.deflate(config.deflate);
        let handshake = ClientHandshake::new(&mut entropy)?.with_limits(config.head_limits);
        let output = encode(|out| match handshake.encode_request(&request.as_request(), out) {
            Err(EncodeRequestError::BufferTooSmall(error)) => Err(Ok(error.needed)),
            other => other.map_err(Err),
        })?;
        let deadline = config.handshake_timeout.map_or(Deadline::Never, Deadline::After);
        let phase = Phase::ClientHandshake(Box::new((handshake, request)), deadline);
        let mut endpoint = Self::new(phase, config, entropy);
        endpoint.writer.put(output);
        Ok(endpoint)
    }

    /// What the handshake has come to; `None` while more input is needed, or once it is over.
    ///
    /// # Errors
    /// [`HandshakeError::Request`] and [`HandshakeError::Response`] when the peer's head is not what it
    /// must be. A server's answer is in the [output](Self::output) then.
    pub fn poll_handshake(&mut self) -> Result<Option<HandshakeEvent>, HandshakeError> {
        self.poll_handshake_by(None)
    }

    /// As [`poll_handshake`](Self::poll_handshake), and lets `answer` answer a request that asks for no WebSocket, such
    /// as a load balancer's `GET /healthz`. The answer goes to the output, and the event is
    /// [`HandshakeEvent::Answered`]. If `answer` returns `None`, the request is refused like any other request that is
    /// not a valid one for a WebSocket.
    ///
    /// # Errors
    /// As [`poll_handshake`](Self::poll_handshake). Also [`HandshakeError::Answer`] when the answer must not be sent;
    /// the output then holds a response with status 500.
    pub fn poll_handshake_or(
        &mut self,
        answer: AnswerPlain<'_>,
    ) -> Result<Option<HandshakeEvent>, HandshakeError> {
        self.poll_handshake_by(Some(answer))
    }

    fn poll_handshake_by(
        &mut self,
        answer: Option<AnswerPlain<'_>>,
    ) -> Result<Option<HandshakeEvent>, HandshakeError> {
        match &mut self.phase {
            Phase::ServerHandshake(handshake, deadline) => {
                match handshake.poll(self.reader.unread()) {
                    Ok(None) => Ok(None),
                    Ok(Some(request)) => {
                        let request = Box::new(request.into_owned());
                        self.reader.consume(request.as_request().head_len());
                        self.phase = Phase::Deciding(request, *deadline);
                        Ok(Some(HandshakeEvent::Request))
                    }
                    Err(error) => {
                        let answered = answer.and_then(|answer| {
                            answer_plain(&handshake.plain_request(self.reader.unread())?, answer)
                        });
                        let (response, outcome) = answered.unwrap_or_else(|| {
                            let response = encode::<Infallible>(|out| {
                                error.encode_response(out).map_err(|error| Ok(error.needed))
                            });
                            (response.unwrap_or_default(), Err(error.into()))
                        });
                        self.refuse();
                        self.writer.put(response);
                        outcome.map(Some)
                    }
                }
            }
            Phase::ClientHandshake(state, _) => {
                let (handshake, request) = &mut **state;
                match handshake.poll_unfolding(self.reader.unread_mut(), &request.as_request()) {
                    Ok(None) => Ok(None),
                    Ok(Some(Outcome::Open { response, negotiated })) => {
                        let response = response.into_owned();
                        self.reader.consume(response.as_response().head_len());
                        self.opened(Role::Client, negotiated);
                        Ok(Some(HandshakeEvent::Open(response)))
                    }
                    Ok(Some(Outcome::Refused(response))) => {
                        let response = response.into_owned();
                        let heads = response.as_response().head_len();
                        let body = self.reader.unread().get(heads..).unwrap_or_default().to_vec();
                        self.refuse();
                        Ok(Some(HandshakeEvent::Refused(response, body)))
                    }
                    Err(error) => {
                        self.refuse();
                        Err(error.into())
                    }
                }
            }
            Phase::Deciding(..) => Ok(Some(HandshakeEvent::Request)),
            Phase::Open(_) | Phase::Refused(..) => Ok(None),
        }
    }

    /// Whether the handshake is over: the connection is open, or was refused.
    #[must_use]
    pub fn is_handshake_over(&self) -> bool {
        matches!(self.phase, Phase::Open(_) | Phase::Refused(..))
    }

    /// The request that waits for a decision.
    #[must_use]
    pub fn request(&self) -> Option<Request<'_>> {
        match &self.phase {
            Phase::Deciding(request, _) => Some(request.as_request()),
            _ => None,
        }
    }

    /// Accepts the [request](Self::request): the answer goes to the output, the connection is open.
    /// Returns the request, or `None` when none was waiting.
    ///
    /// # Errors
    /// [`AcceptError`] when the answer must not be sent; the request goes on waiting.
    pub fn accept<S: AsRef<str>>(
        &mut self,
        answer: &Answer<'_, S>,
    ) -> Result<Option<OwnedRequest>, AcceptError> {
        let Phase::Deciding(request, _) = &self.phase else { return Ok(None) };
        let answer = Answer {
            subprotocol: answer.subprotocol,
            headers: answer.headers,
            #[cfg(feature = "deflate")]
            deflate: self.config().deflate,
        };
        let mut negotiated = Negotiated::without_extensions();
        let response = encode(|out| match request.as_request().accept(&answer, out) {
            Ok((len, settled)) => {
                negotiated = settled;
                Ok(len)
            }
            Err(AcceptError::BufferTooSmall(error)) => Err(Ok(error.needed)),
            Err(error) => Err(Err(error)),
        })?;
        self.writer.put(response);
        Ok(match self.opened(Role::Server, negotiated) {
            Phase::Deciding(request, _) => Some(*request),
            _ => None,
        })
    }

    /// Rejects the [request](Self::request): the answer goes to the output, then the transport is to
    /// be ended. Does nothing when no request waits.
    ///
    /// # Errors
    /// [`RejectError`] when the answer must not be sent; the request goes on waiting.
    pub fn reject<S: AsRef<str>>(
        &mut self,
        rejection: &Rejection<'_, S>,
    ) -> Result<(), RejectError> {
        if let Phase::Deciding(..) = &self.phase {
            let response = encode(|out| match rejection.encode(out) {
                Err(RejectError::BufferTooSmall(error)) => Err(Ok(error.needed)),
                other => other.map_err(Err),
            })?;
            self.writer.put(response);
            self.refuse();
        }
        Ok(())
    }

    fn opened(&mut self, role: Role, negotiated: Negotiated) -> Phase {
        let conn = Connection::new(role, negotiated, self.config().connection);
        core::mem::replace(&mut self.phase, Phase::Open(conn))
    }

    fn refuse(&mut self) {
        let wait = self.config().connection.timeouts.close_timeout;
        self.phase = Phase::Refused(self.role(), Deadline::After(wait));
    }
}

/// The application's response and the outcome of writing it; `None` if the application does not answer.
#[cold]
fn answer_plain(
    request: &PlainRequest<'_>,
    answer: AnswerPlain<'_>,
) -> Option<(Vec<u8>, Result<HandshakeEvent, HandshakeError>)> {
    let response = answer(request)?;
    let write = |response: &OwnedRejection| {
        encode(|out| match request.encode_response(&response.as_rejection(), out) {
            Err(RejectError::BufferTooSmall(error)) => Err(Ok(error.needed)),
            other => other.map_err(Err),
        })
    };
    Some(match write(&response) {
        Ok(written) => (written, Ok(HandshakeEvent::Answered(response.status()))),
        // The fault is on our side, and the client must not wait for an answer in vain.
        Err(error) => (
            write(&OwnedRejection::new(500)).unwrap_or_default(),
            Err(HandshakeError::Answer(error)),
        ),
    })
}

/// Runs `write` on a buffer that grows until it is large enough; `Err(Ok(needed))` asks for more.
fn encode<T>(
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Result<usize, T>>,
) -> Result<Vec<u8>, T> {
    let mut out = buffers::take_output();
    out.resize(512, 0);
    loop {
        match write(&mut out) {
            Ok(len) => {
                out.truncate(len);
                return Ok(out);
            }
            Err(Ok(needed)) => out.resize(needed.max(out.len() + 1), 0),
            Err(Err(error)) => return Err(error),
        }
    }
}
