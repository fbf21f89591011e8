//! The opening handshake as an adapter drives it, with its buffers: it becomes an [`Endpoint`](crate::Endpoint).

mod connecting;
mod incoming;
mod refused;
mod shared;

pub use connecting::{Connected, Connecting};
pub use incoming::{Incoming, IncomingRequest, NotAccepted, Refusal, RespondToPlain};
pub use refused::Refused;
pub use shared::Progress;
