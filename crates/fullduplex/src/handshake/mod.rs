//! The opening handshake of both ends (RFC 6455 §4, RFC 8441). The caller moves the bytes.
//!
//! [`ServerHandshake`] checks a request, and [`Request::accept`] writes the response. [`ClientHandshake`] writes a
//! request and checks the response. The caller passes everything received so far; each byte is looked at once. When the
//! head is complete, the handshake says how long it was: the bytes after it in the caller's buffer are frames.
//!
//! If an HTTP server has read the request, use [`RequestParts`] instead of [`ServerHandshake`]. Over HTTP/2 and HTTP/3
//! there is another handshake, which consists of header lists (RFC 8441): [`ExtendedConnect`] checks a request,
//! [`ClientRequest::connect_fields`] creates one, and [`ConnectResponse`] checks the response.
//!
//! The result of each handshake is a [`Negotiated`](crate::Negotiated), from which the caller creates a
//! [`Connection`](crate::Connection).
//!
//! Only the types whose names begin with `Owned` allocate memory.

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
pub use client::{IntoRequest, OwnedClientRequest, OwnedResponse};
pub use error::HandshakeError;
pub use head::{
    DEFAULT_MAX_HEAD_SIZE, DEFAULT_MAX_HEADERS, HeadError, HeadLimits, MAX_HEADERS, MAX_METHOD_LEN,
};
pub use key::{ACCEPT_LEN, KEY_LEN, Key};
pub use server::{
    AcceptError, Acceptance, ExtendedConnect, PlainRequest, RejectError, Rejection, Request,
    RequestError, RequestParts, ServerHandshake,
};
#[cfg(feature = "alloc")]
pub use server::{OwnedAcceptance, OwnedRejection, OwnedRequest};
