//! The opening handshake as an adapter drives it, with its buffers: it becomes an [`Endpoint`](crate::Endpoint).

mod connecting;
mod incoming;
mod shared;

pub use connecting::{Connected, Connecting, Refused};
pub use incoming::{Incoming, IncomingRequest, NotAccepted, Refusal, RespondToPlain};
pub use shared::Progress;
