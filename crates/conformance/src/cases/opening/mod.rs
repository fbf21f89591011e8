//! Section H: opening handshakes (RFC 6455 §4), and what HTTP demands of their heads (RFC 9110, RFC 9112).

mod groups;
mod half;
mod halves;
mod requests;
mod responses;

pub(super) use groups::{cases, group_title};
pub(super) use half::{Half, informs, refusal, refuses, shown_all, takes, takes_or, tolerated};
