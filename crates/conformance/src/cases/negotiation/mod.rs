//! Section N: negotiation of subprotocols (RFC 6455 §11.3.4) and of extensions (RFC 6455 §9.1, RFC 7692 §5 and §7.1).

mod clients;
mod groups;
mod servers;
mod shared;
mod subprotocols;

pub(super) use groups::{cases, group_title};
