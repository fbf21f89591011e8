//! WebSocket (RFC 6455, RFC 7692) as a state machine that does no I/O: bytes, time and entropy go in; bytes, events and
//! deadlines come out. `no_std`, no unsafe code, no runtime, and no allocation unless asked for.
//!
//! ```text
//!                handshake::{ServerHandshake, ClientHandshake}
//!                              │ Negotiated
//!                              ▼
//!  received bytes ──Input──▶ Connection ──poll_event──▶ Event: chunks, Ping, Pong, Close
//!  now ──handle_timeout───▶     │    ◀──send_*, close── application
//!                               ▼
//!            frames in the caller's buffer (send_*, poll_transmit)
//! ```
//!
//! # Without a heap
//!
//! [`handshake`] checks and writes the opening handshake over the caller's buffers and ends in
//! [`Negotiated`]; [`Connection`] is everything after it. Events borrow the caller's buffer: a message that lies
//! in it as one frame is handed out where it lies, unmasked and checked, without a copy. A larger one comes in
//! chunks, as it arrives. This is an echo server over any transport, complete:
//!
//! ```
//! use std::io::{Read, Write};
//!
//! use fullduplex::handshake::{Acceptance, HeadLimits, ServerHandshake};
//! use fullduplex::{Config, Connection, Event, Input, MessageKind, NoEntropy, Role};
//!
//! fn echo(mut wire: impl Read + Write) -> Result<(), Box<dyn std::error::Error>> {
//!     let (mut buf, mut out, mut len) = ([0; 4096], [0; 8192], 0);
//!
//!     // The opening handshake: read until the request is complete, then respond. It must fit into `buf`.
//!     let limits = HeadLimits::new().max_size(buf.len());
//!     let mut handshake = ServerHandshake::new(limits);
//!     let request = loop {
//!         match wire.read(&mut buf[len..])? {
//!             0 => return Err(handshake.handle_eof().into()),
//!             more => len += more,
//!         }
//!         match handshake.poll(&buf[..len]) {
//!             Ok(Some(request)) => break request,
//!             Ok(None) => {}
//!             Err(error) => {
//!                 let response_len = error.encode_response(&mut out)?;
//!                 wire.write_all(&out[..response_len])?;
//!                 return Err(error.into());
//!             }
//!         }
//!     };
//!     let (response_len, negotiated) = request.accept(&Acceptance::new(), &mut out)?;
//!     wire.write_all(&out[..response_len])?;
//!
//!     // What followed the request in the same read is frames already.
//!     let mut start = request.head_len();
//!     let mut conn = Connection::new(Role::Server, negotiated, Config::new());
//!     loop {
//!         let mut input = Input::new(&mut buf[start..len]);
//!         loop {
//!             let event = conn.poll_event(&mut input);
//!             // Pongs and Closes are queued by themselves; write them before anything else.
//!             while let Some(bytes) = conn.poll_transmit(&mut out, NoEntropy)? {
//!                 wire.write_all(bytes)?;
//!             }
//!             let (kind, chunk, part) = match event? {
//!                 Some(Event::Text(chunk, part)) => (MessageKind::Text, chunk, part),
//!                 Some(Event::Binary(chunk, part)) => (MessageKind::Binary, chunk, part),
//!                 Some(_) => continue, // a Ping, a Pong or a Close
//!                 None => break, // all input is consumed
//!             };
//!             // The chunk lies in `buf`, unmasked and checked; it goes back as a fragment.
//!             let frame = conn.send_fragment(kind, chunk, part.is_last(), &mut out, NoEntropy)?;
//!             wire.write_all(&out[..frame])?;
//!         }
//!         if conn.is_closed() {
//!             return Ok(());
//!         }
//!         (start, len) = (0, wire.read(&mut buf)?);
//!         if len == 0 {
//!             return Ok(conn.handle_eof()?);
//!         }
//!     }
//! }
//! # // A client's request, "Hello" in a masked frame and a Close, all in one read.
//! # struct Wire(std::io::Cursor<Vec<u8>>, Vec<u8>);
//! # impl Read for Wire {
//! #     fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> { self.0.read(buf) }
//! # }
//! # impl Write for Wire {
//! #     fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> { self.1.write(buf) }
//! #     fn flush(&mut self) -> std::io::Result<()> { Ok(()) }
//! # }
//! # let mut bytes = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
//! #     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".to_vec();
//! # bytes.extend([0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
//! # bytes.extend([0x88, 0x82, 0x37, 0xfa, 0x21, 0x3d, 0x34, 0x12]);
//! # let mut wire = Wire(std::io::Cursor::new(bytes), Vec::new());
//! # echo(&mut wire).unwrap();
//! # assert!(wire.1.ends_with(b"\r\n\r\n\x81\x05Hello\x88\x02\x03\xe8"));
//! ```
//!
//! # The loop
//!
//! **Bytes reach the peer in the order in which the sending direction has written them, each frame whole, and everything
//! that was received is delivered before anything else happens.** All else is settled by the state machines. So every
//! transport runs the same loop:
//!
//! 1. **Deliver**: poll until there is nothing more.
//! 2. **Write** all output: what the application has sent, and the answers, which the connection sends by itself.
//! 3. **End** the transport if [`shutdown`](Endpoint::shutdown) says so.
//! 4. **Wait** for input, at most until [`poll_timeout`](Endpoint::poll_timeout), and then report the bytes, the transport's
//!    end, or the time.
//!
//! # A message that is larger than any buffer
//!
//! A message of any size goes through in pieces: [`Reader::poll_chunk`] gives what each read has brought of it, and
//! [`Writer::send_fragment`] sends it on. Without a heap, [`Connection::poll_event`] and [`Connection::send_fragment`] do the
//! same in the caller's buffers.
//!
//! ```
//! use fullduplex::{Config, Connection, Event, Input, MessageKind, Negotiated, NoEntropy, Role};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut conn = Connection::new(Role::Server, Negotiated::without_extensions(), Config::new());
//! // A binary message of 10,000 bytes, masked with a key of zeros, through buffers of 512 and 600 bytes.
//! let wire = [&[0x82, 0xfe, 0x27, 0x10, 0, 0, 0, 0][..], &[7; 10_000]].concat();
//! let (mut buf, mut out) = ([0; 512], [0; 600]);
//! let (mut received, mut sent) = (0, 0);
//! for read in wire.chunks(buf.len()) {
//!     let buf = &mut buf[..read.len()];
//!     buf.copy_from_slice(read);
//!     let mut input = Input::new(buf);
//!     while let Some(Event::Binary(chunk, part)) = conn.poll_event(&mut input)? {
//!         received += chunk.len();
//!         let (kind, last) = (MessageKind::Binary, part.is_last());
//!         sent += conn.send_fragment(kind, chunk, last, &mut out, NoEntropy)?;
//!     }
//! }
//! assert_eq!(received, 10_000);
//! assert!(sent > received, "each fragment has a header");
//! # Ok(())
//! # }
//! ```
//!
#![cfg_attr(feature = "alloc", doc = include_str!("tour.md"))]
//!
//! # What it takes care of
//!
//! Frames in any split, masking, fragments, UTF-8 that fails at the first bad byte, limits on everything the peer
//! controls ([`Limits`]), Pongs, the closing handshake, deadlines ([`Timeouts`]), and the one right Close for every
//! failure ([`Error::close_code`]).
//!
//! # Features
//!
//! * `std` (default): implies `alloc`; UTF-8 validation that picks the CPU's best instructions when it runs.
//! * `deflate`: permessage-deflate (RFC 7692), off until `DeflateConfig` is given to a handshake. Over zlib-rs with
//!   `std`, over miniz_oxide without. Compressed messages are inflated into memory that the caller of
//!   [`Connection::poll_event`] gives with the input (`Input::with_scratch`); [`Reader`] has a buffer of its own for them.
//! * `simd`: implies `std`; on x86-64 masks and unmasks from 512 bytes on with AVX2 where the processor has it, up to 1.7
//!   times as fast. Off by default here and on in the adapters. A build for a processor that is known to have AVX2
//!   (`-C target-cpu=x86-64-v3`) does the same without it.
//! * `url`: implies `alloc`; internationalised host names in URLs (`ws://bücher.example/`), as punycode. Off by default: the
//!   tables behind it are some twenty packages.
//! * `alloc`: whole messages, owned types, [`Reader`], [`Writer`], [`Endpoint`]. Needs a heap, no operating system.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "alloc")]
mod buffers;
mod close_code;
mod closing;
mod connection;
mod control_payload;
#[cfg(feature = "deflate")]
mod deflate;
#[cfg(feature = "alloc")]
mod endpoint;
mod entropy;
mod error;
mod event;
mod frame;
pub mod handshake;
pub mod headers;
mod input;
mod keepalive;
mod limits;
mod mask;
mod message;
mod negotiated;
#[cfg(feature = "alloc")]
mod opening;
#[cfg(feature = "alloc")]
mod outgoing;
mod output;
#[cfg(feature = "alloc")]
mod owned;
#[cfg(feature = "std")]
mod pool;
#[cfg(feature = "alloc")]
mod prepared;
#[cfg(feature = "alloc")]
mod reader;
mod role;
mod uri;
mod utf8;
#[cfg(feature = "alloc")]
mod writer;

#[cfg(feature = "alloc")]
pub use bytes::{BufMut, Bytes};
pub use close_code::CloseCode;
pub use closing::{CloseFrameError, CloseFrameRef, Ended};
#[cfg(feature = "alloc")]
pub use connection::close_scan::CloseScan;
pub use connection::{
    Config, Connection, MAX_CONTROL_FRAME_LEN, Receiver, Sender, Shutdown, Signals,
};
#[cfg(feature = "deflate")]
pub use deflate::{DeflateChoice, DeflateConfig, DeflateParams, InflateError, NegotiationError};
#[cfg(feature = "alloc")]
pub use endpoint::{Endpoint, EndpointConfig};
pub use entropy::{Entropy, EntropyError, NoEntropy};
pub use error::{Error, Fault};
pub use event::{Event, MessageKind, Part};
pub use frame::{FrameError, FrameHeader, MAX_FRAME_HEADER_LEN, OpCode};
pub use handshake::HandshakeError;
pub use input::Input;
pub use keepalive::{DEFAULT_CLOSE_TIMEOUT, DEFAULT_HANDSHAKE_TIMEOUT, Timeout, Timeouts};
pub use limits::{DEFAULT_MAX_FRAGMENTS, DEFAULT_MAX_FRAME_SIZE, DEFAULT_MAX_MESSAGE_SIZE, Limits};
pub use mask::apply_mask;
pub use message::{HeaderBytes, MessageError, SendError};
pub use negotiated::Negotiated;
#[cfg(feature = "alloc")]
pub use opening::{
    Connected, Connecting, Incoming, IncomingRequest, NotAccepted, Progress, Refusal, Refused,
    RespondToPlain,
};
pub use output::BufferTooSmall;
#[cfg(feature = "alloc")]
pub use owned::{Chunk, CloseFrame, InvalidUtf8, Message, MessageRef, Utf8Bytes};
#[cfg(feature = "alloc")]
pub use prepared::PreparedMessage;
#[cfg(feature = "alloc")]
pub use reader::Reader;
pub use role::Role;
#[cfg(feature = "alloc")]
pub use uri::OwnedUri;
pub use uri::{Uri, UriError};
#[cfg(feature = "alloc")]
pub use writer::{DEFAULT_MAX_WRITE_BUFFER_SIZE, Writer};
