//! The tokio adapter over pipes and sockets: against itself, against peers that the test plays, and against other libraries.

mod basics;
mod blocked;
mod cancel;
mod compression;
mod deadlines;
mod drip;
mod each;
mod ends;
mod errors;
mod halves;
mod handshake;
mod heads;
mod heavy;
mod http2;
mod http2_interop;
mod interop;
mod mixed;
mod redirects;
mod streaming;
mod support;
mod upgrade;
mod urls;
