//! The open connection: owns the machines of the layers below and routes between them. What may
//! happen when is their business; nothing here or below holds a rule of its own but the shortcut for the
//! most frequent frame.

#[cfg(feature = "alloc")]
pub(crate) mod close_scan;
#[cfg(feature = "deflate")]
mod compressing;
pub(crate) mod halves;
#[cfg(feature = "deflate")]
mod inflating;
mod receiving;
#[cfg(feature = "alloc")]
mod releasing;
mod sending;

#[cfg(feature = "deflate")]
use alloc::boxed::Box;

use crate::close_code::CloseCode;
use crate::closing::Closing;
use crate::control_payload::ControlPayload;
#[cfg(feature = "deflate")]
use crate::deflate::{Compressing, Decompressor};
use crate::error::Error;
use crate::event::MessageKind;
use crate::frame::decoder::Decoder;
#[cfg(feature = "deflate")]
use crate::frame::header::RSV1;
use crate::frame::header::{MASK, MAX_CONTROL_PAYLOAD, OpCode};
use crate::keepalive::{Timeouts, Timers};
use crate::limits::Limits;
use crate::message::inbound::Inbound;
use crate::message::outbound::Outbound;
use crate::negotiated::Negotiated;
use crate::role::Role;

/// The longest control frame: a masked header of 6 bytes and 125 of payload. An output buffer of
/// this size is large enough for [`Connection::poll_transmit`].
pub const MAX_CONTROL_FRAME_LEN: usize = 6 + MAX_CONTROL_PAYLOAD;

/// How a connection behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// What the peer may not exceed.
    pub limits: Limits,
    /// How long to wait for what.
    pub timeouts: Timeouts,
}

impl Config {
    /// The defaults of [`Limits::new`] and [`Timeouts::new`].
    #[must_use]
    pub const fn new() -> Self {
        Self { limits: Limits::new(), timeouts: Timeouts::new() }
    }
}

/// A whole message that the shortcut found.
pub(crate) struct Whole<'b> {
    pub(crate) kind: MessageKind,
    pub(crate) payload: &'b [u8],
    /// Whether the payload is known to be ASCII.
    pub(crate) ascii: bool,
}

/// How many bytes of payload are still to come.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Default)]
pub(crate) struct Expected {
    /// To end the current frame; 0 between frames.
    pub(crate) frame: u64,
    /// To end the current message, at most.
    pub(crate) message: u64,
}

/// What one call of [`Connection::inflate`] did.
#[cfg(feature = "deflate")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inflated {
    /// Bytes of the chunk that are done with; the rest is to be given again.
    pub consumed: usize,
    /// Bytes of the message that were written.
    pub produced: usize,
    /// Whether the chunk is done with: nothing more will come of it. If it is the last of its message, so is
    /// the message.
    pub done: bool,
}

/// An open WebSocket connection (RFC 6455 §5 to §7) without its transport.
///
/// Bytes from the peer go in by [`poll_event`](Self::poll_event), the instants that
/// [`poll_timeout`](Self::poll_timeout) asks for by [`handle_timeout`](Self::handle_timeout), and the
/// transport's end by [`handle_eof`](Self::handle_eof) or [`handle_reset`](Self::handle_reset). Frames come out in the caller's buffer: data by
/// the `send_*` methods, answers by [`poll_transmit`](Self::poll_transmit). Everything written to an
/// output buffer must reach the peer whole and in the order in which it was written.
///
/// Without the feature `alloc` it allocates nothing and has one fixed size. With it, it takes memory for the
/// payload of a control frame, at most 125 bytes each way, and for compression.
///
/// It has two halves, which [`split`](Connection::split) takes apart for two tasks or threads: what can be
/// called on which is told by the type parameters.
#[derive(Debug)]
pub struct Connection<R = Receiving, S = Sending> {
    receiving: R,
    sending: S,
    role: Role,
    over_stream: bool,
    pong_queued: bool,
    ping_queued: bool,
    failure: Option<Error>,
    closing: Closing,
    timers: Timers,
    /// The payload of the queued Pong.
    pong: ControlPayload,
}

/// What a [`Connection`] receives with.
#[derive(Debug)]
pub struct Receiving {
    /// Whether the next byte begins a frame that may be a whole message: derived from the machines
    /// below, so that the shortcut has one thing to test.
    at_message_boundary: bool,
    /// The largest payload that the shortcut takes in a frame with a 7-bit length: at most 125.
    small_frame_limit: u8,
    /// The same with a 16-bit length.
    medium_frame_limit: u16,
    /// The mask bit as the peer must set it.
    mask_bit: u8,
    /// Which control frame `control` belongs to while its payload comes in.
    receiving_control: Option<OpCode>,
    decoder: Decoder,
    inbound: Inbound,
    #[cfg(feature = "deflate")]
    decompressor: Option<Box<Decompressor>>,
    /// The last control frame received.
    control: ControlPayload,
}

/// What a [`Connection`] sends with.
#[derive(Debug)]
pub struct Sending {
    outbound: Outbound,
    #[cfg(feature = "deflate")]
    compressing: Option<Box<Compressing>>,
}

/// What is to be done with the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// Nothing: go on.
    No,
    /// End the sending direction, then read on until the peer has ended its own or the
    /// [deadline](Connection::poll_timeout) has come: a transport that is dropped with input unread may
    /// throw away what was sent last.
    Write,
    /// Drop it.
    Both,
}

/// In place of a half that is somewhere else.
#[derive(Debug)]
pub struct Elsewhere {
    /// What the other half was told last.
    told: Closing,
}

/// The half of a [`Connection`] that receives.
pub type ReceivingHalf = Connection<Receiving, Elsewhere>;

/// The half of a [`Connection`] that sends.
pub type SendingHalf = Connection<Elsewhere, Sending>;

impl Connection {
    /// A connection whose opening handshake is complete.
    #[must_use]
    pub fn new(role: Role, negotiated: Negotiated, config: Config) -> Self {
        let limits = &config.limits;
        #[cfg(feature = "deflate")]
        let params = negotiated.deflate();
        #[cfg(feature = "deflate")]
        let allowed_rsv = if params.is_some() { RSV1 } else { 0 };
        #[cfg(not(feature = "deflate"))]
        let allowed_rsv = 0;
        let smallest = limits.max_frame_size.min(limits.max_message_size);
        Self {
            receiving: Receiving {
                at_message_boundary: true,
                small_frame_limit: smallest.min(MAX_CONTROL_PAYLOAD as u64) as u8,
                medium_frame_limit: smallest.min(u64::from(u16::MAX)) as u16,
                mask_bit: if role == Role::Server { MASK } else { 0 },
                receiving_control: None,
                decoder: Decoder::new(role, limits.max_frame_size, allowed_rsv),
                inbound: Inbound::new(limits),
                #[cfg(feature = "deflate")]
                decompressor: params.map(|params| Box::new(Decompressor::new(params.inflation()))),
                control: ControlPayload::EMPTY,
            },
            sending: Sending {
                outbound: Outbound::new(role),
                #[cfg(feature = "deflate")]
                compressing: params.map(|params| Box::new(Compressing::new(&params))),
            },
            role,
            over_stream: negotiated.is_over_stream(),
            pong_queued: false,
            ping_queued: false,
            failure: None,
            closing: Closing::new(),
            timers: Timers::new(&config.timeouts),
            pong: ControlPayload::EMPTY,
        }
    }
}

/// Its state.
impl<R, S> Connection<R, S> {
    /// Which end of the connection this is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// Our own Close: `None` while it has not been written, `Some(None)` when it had no code.
    #[must_use]
    pub fn sent_close(&self) -> Option<Option<CloseCode>> {
        self.closing.sent()
    }

    /// Why the connection failed, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<Error> {
        self.failure
    }

    /// Whether data and control frames may still be sent.
    #[must_use]
    pub fn may_send(&self) -> bool {
        self.closing.may_send()
    }

    /// Whether both Close frames are through: the connection was closed cleanly (§7.1.4).
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.closing.is_clean()
    }

    /// Whether the connection is over: nothing more will be received and nothing is left to be written.
    ///
    /// "the server MUST close the TCP connection immediately"; a client waits for that, up to its
    /// [close timeout](Timeouts::close_timeout) (§7.1.1).
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closing.is_over()
    }

    /// What is to be done with the transport, now that everything has been written and the transport has not
    /// ended by itself.
    ///
    /// "the server MUST close the TCP connection immediately" once both Closes are through; the client
    /// waits for it (RFC 6455 §7.1.1). Of a stream of HTTP/2 each end closes its own direction, "orderly TCP-level
    /// closures are represented as END_STREAM flags" (RFC 8441 §5), and a server that gave up the other one as well would
    /// reset the stream, with its Close under way.
    #[must_use]
    pub fn shutdown(&self) -> Shutdown {
        match (self.is_closed(), self.is_clean(), self.role) {
            (false, ..) => Shutdown::No,
            (true, true, Role::Client) => Shutdown::No,
            (true, true, Role::Server) if self.over_stream => Shutdown::Write,
            (true, true, Role::Server) => Shutdown::Both,
            (true, false, _) => Shutdown::Write,
        }
    }
}
