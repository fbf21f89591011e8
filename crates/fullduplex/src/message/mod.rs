//! Messages (RFC 6455 §5.4 and §5.6): the rules for receiving and for sending them.

pub(crate) mod inbound;
pub(crate) mod outbound;

pub use inbound::MessageError;
pub use outbound::{HeaderBytes, SendError};
