//! What counters and a subscriber of `tracing` see of connections.

mod counters;
mod ends;
mod handshakes;
mod hostile;
mod support;
mod upgrade;
