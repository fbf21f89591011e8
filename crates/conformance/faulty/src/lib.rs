//! Echo endpoints over WebSocket that make one mistake each, on demand. A conformance suite has to find it.
//!
//! Without a mistake, the endpoint does all that RFC 6455 and RFC 7692 demand. It does no I/O: bytes in, bytes out. The
//! right behaviour is written in one place, and each mistake is one condition there: `mistake.is_possible() &&
//! switch.is(Fault::ThatMistake)`, in this order. So an endpoint also knows which mistakes it had an opportunity to make
//! ([`Endpoint::occasions`]): a mistake without an opportunity cannot have changed anything.

mod checks;
mod deflate;
mod endpoint;
mod fault;
mod frame;
mod handshake;
mod utf8;

pub use endpoint::Endpoint;
pub use fault::{Fault, Occasions, Side};
pub use handshake::Client;
