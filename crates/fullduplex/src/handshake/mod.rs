//! The opening handshake (RFC 6455 §4, RFC 8441), both ends of it, over bytes that the caller moves.
//!
//! [`ServerHandshake`] checks a request and [`Request::accept`] answers it; [`ClientHandshake`]
//! writes a request and checks the answer. Both are given everything received so far, look at each
//! byte once as it comes, and say how long the head was: what follows it in the caller's buffer is
//! frames. Where an HTTP server has read the request, [`RequestParts`] takes the place of
//! [`ServerHandshake`]. Over HTTP/2 and HTTP/3 the handshake is another one, of header lists (RFC 8441):
//! [`ExtendedConnect`] checks a request, [`ClientRequest::connect_fields`] makes one, and [`ConnectResponse`] checks the
//! answer. Each ends in [`Negotiated`](crate::Negotiated), which
//! [`Connection`](crate::Connection) takes.
//!
//! Nothing here allocates but the types whose name begins with `Owned`.

mod client;
mod error;
mod head;
mod key;
mod negotiate;
mod server;

pub use client::{
    ClientHandshake, ClientRequest, ConnectResponse, EncodeRequestError, Outcome, Response,
    ResponseError,
};
#[cfg(feature = "alloc")]
pub use client::{OwnedClientRequest, OwnedResponse};
pub use error::HandshakeError;
pub use head::{
    DEFAULT_MAX_HEAD_SIZE, DEFAULT_MAX_HEADERS, HeadError, HeadLimits, MAX_HEADERS_CAP,
    MAX_METHOD_LENGTH,
};
pub use key::{ACCEPT_LENGTH, KEY_LENGTH, Key};
pub use server::{
    AcceptError, Answer, ExtendedConnect, PlainRequest, RejectError, Rejection, Request,
    RequestError, RequestParts, ServerHandshake,
};
#[cfg(feature = "alloc")]
pub use server::{OwnedAnswer, OwnedRejection, OwnedRequest};
