//! The opening handshake of a client.

use alloc::boxed::Box;
use core::time::Duration;

use bytes::BufMut;

use crate::endpoint::{Endpoint, EndpointConfig};
use crate::entropy::Entropy;
use crate::error::Error;
use crate::handshake::{
    ClientHandshake, EncodeRequestError, HandshakeError, Outcome, OwnedClientRequest, OwnedResponse,
};
use crate::keepalive::Timeout;
use crate::opening::refused::Refused;
use crate::opening::shared::{Opening, Progress, encode};
use crate::outgoing::Outgoing;
use crate::role::Role;

/// A client's opening handshake (RFC 6455 §4.1): becomes an [`Endpoint`] when the server has accepted.
///
/// Write the [`output`](Self::output), read into the [`room`](Self::room), and [`poll`](Self::poll) after each read. If the
/// transport ends before that, so does the handshake: [`Ended::InsideHandshake`](crate::Ended::InsideHandshake).
///
/// ```
/// use fullduplex::handshake::OwnedClientRequest;
/// use fullduplex::{Connected, Connecting, EndpointConfig, Endpoint, Entropy, Progress};
/// use std::io::{Read, Write};
///
/// fn connect<E: Entropy>(
///     stream: &mut (impl Read + Write),
///     url: &str,
///     entropy: E,
/// ) -> Result<Option<Endpoint<E>>, Box<dyn std::error::Error>> {
///     let request = OwnedClientRequest::new(url)?;
///     let mut connecting = Connecting::new(request, EndpointConfig::new(), entropy)?;
///     stream.write_all(connecting.output())?;
///     loop {
///         let len = stream.read(connecting.room())?;
///         if len == 0 {
///             return Ok(None);
///         }
///         connecting.advance(len);
///         match connecting.poll()? {
///             Progress::Waiting(same) => connecting = same,
///             Progress::Done(Connected::Open { endpoint, .. }) => return Ok(Some(endpoint)),
///             Progress::Done(Connected::Refused(refused)) => {
///                 println!("the server does not open a WebSocket: {refused}");
///                 return Ok(None);
///             }
///         }
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Connecting<E> {
    opening: Opening<E>,
    handshake: ClientHandshake,
    request: Box<OwnedClientRequest>,
    out: Outgoing,
}

/// How the server has responded.
// It comes once, and is taken apart at once.
#[expect(clippy::large_enum_variant)]
#[derive(Debug)]
pub enum Connected<E> {
    /// With 101: the connection is open.
    Open {
        /// The connection.
        endpoint: Endpoint<E>,
        /// The head of the response.
        response: OwnedResponse,
    },
    /// With another status. The caller drops the transport: the request is all that a client has to say.
    Refused(Refused),
}

impl<E: Entropy> Connecting<E> {
    /// A handshake whose request is ready to be written.
    ///
    /// # Errors
    /// [`HandshakeError::Encode`] when the request must not be sent, [`HandshakeError::Entropy`].
    pub fn new(
        request: OwnedClientRequest,
        config: EndpointConfig,
        mut entropy: E,
    ) -> Result<Self, HandshakeError> {
        #[cfg(feature = "deflate")]
        let request = {
            let deflate = request.as_request().deflate.for_endpoint(config.deflate);
            request.deflate(deflate)
        };
        let handshake = ClientHandshake::new(&mut entropy)?.with_limits(config.head_limits);
        let output = encode(|out| match handshake.encode_request(&request.as_request(), out) {
            Err(EncodeRequestError::BufferTooSmall(error)) => Err(Ok(error.needed)),
            other => other.map_err(Err),
        })?;
        let opening = Opening::new(config, entropy);
        Ok(Self { opening, handshake, request: Box::new(request), out: output.into() })
    }

    /// What the server has responded, once its head is complete. Call it after each read.
    ///
    /// # Errors
    /// [`HandshakeError::Response`] when the response is not what it must be. The caller drops the transport.
    pub fn poll(mut self) -> Result<Progress<Self, Connected<E>>, HandshakeError> {
        let unread = self.opening.buffer.unread_mut();
        let (response, negotiated) =
            match self.handshake.poll_unfolding(unread, &self.request.as_request())? {
                None => return Ok(Progress::Waiting(self)),
                Some(Outcome::Open { response, negotiated }) => (response.into_owned(), negotiated),
                Some(Outcome::Refused(response)) => {
                    let response = response.into_owned();
                    self.opening.buffer.consume(response.as_response().head_len());
                    let body = self.opening.buffer.unread().to_vec();
                    return Ok(Progress::Done(Connected::Refused(Refused { response, body })));
                }
            };
        let Opening { mut buffer, config, entropy, .. } = self.opening;
        buffer.consume(response.as_response().head_len());
        let rest = self.out.slices().flatten().copied().collect();
        let endpoint = Endpoint::opened(Role::Client, negotiated, buffer, rest, &config, entropy);
        Ok(Progress::Done(Connected::Open { endpoint, response }))
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

    /// What is still to be written of the request. Follow with [`advance_output`](Self::advance_output).
    #[must_use]
    pub fn output(&self) -> &[u8] {
        self.out.first()
    }

    /// The transport has taken `len` bytes of the [`output`](Self::output). A `len` beyond it is cut.
    pub fn advance_output(&mut self, len: usize) {
        self.out.advance(len);
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
