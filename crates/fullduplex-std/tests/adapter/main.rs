//! The blocking adapter: over sockets, TLS and streams in memory, against three other libraries.
//!
//! Everything runs on loopback or in memory, and each test has a watchdog.

mod after_the_end;
mod browsers;
mod buffering;
mod chunks;
mod compressed;
mod connecting;
mod deadlines;
mod drip;
mod dropping;
mod ends;
mod errors;
mod fail_loop;
mod halves;
mod heads;
mod interop;
mod nonblocking;
mod peers;
mod raw;
mod support;
mod tls;
mod unread;
mod wire;
