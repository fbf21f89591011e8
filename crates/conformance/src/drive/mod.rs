//! Carries the bytes of a run over a stream, in real time.

mod carry;
mod client;
mod server;
mod socket;
mod tls;

pub use carry::drive;
pub use client::{ClientTest, Progress as ClientProgress};
pub use server::{ServerError, ServerTest};
pub use tls::{Identity, Trust};
