//! An echo server and a client over any transport, without a heap: an example of an application on a microcontroller.
#![no_std]

use fullduplex::handshake::{
    Acceptance, ClientHandshake, ClientRequest, HeadLimits, Outcome, ServerHandshake,
};
use fullduplex::{
    CloseCode, Config, Connection, Entropy, EntropyError, Event, Input, MessageKind, Negotiated,
    Role, Uri,
};

/// A transport.
pub trait Wire {
    /// Reads at least one byte. Returns `None` at the end of the input, or on a failure.
    fn read(&mut self, into: &mut [u8]) -> Option<usize>;
    /// Writes all bytes. Returns `None` on a failure.
    fn write_all(&mut self, bytes: &[u8]) -> Option<()>;
}

/// The memory of one connection: a kilobyte for the largest head, and one for the largest message.
#[derive(Debug)]
pub struct Buffers {
    input: [u8; 1024],
    message: [u8; 1024],
    out: [u8; 1024 + 14],
}

impl Buffers {
    /// Empty buffers.
    #[must_use]
    pub const fn new() -> Self {
        Self { input: [0; 1024], message: [0; 1024], out: [0; 1024 + 14] }
    }
}

impl Default for Buffers {
    fn default() -> Self {
        Self::new()
    }
}

/// The size of [`Connection`] in bytes.
pub const CONNECTION_SIZE: usize = size_of::<Connection>();

const LIMITS: HeadLimits = HeadLimits::new().max_size(1024).max_headers(32);

/// Accepts a handshake, and sends each message back. Returns whether the connection had a clean close; `None` if something
/// failed.
pub fn serve(wire: &mut impl Wire, buffers: &mut Buffers) -> Option<bool> {
    let Buffers { input, message, out } = buffers;
    let mut handshake = ServerHandshake::new(LIMITS);
    let mut len = 0;
    let request = loop {
        len += wire.read(input.get_mut(len..)?)?;
        match handshake.poll(input.get(..len)?) {
            Ok(Some(request)) => break request,
            Ok(None) => {}
            Err(error) => {
                let len = error.encode_response(out).ok()?;
                wire.write_all(out.get(..len)?)?;
                return None;
            }
        }
    };
    let (response_len, negotiated) = request.accept(&Acceptance::new(), out).ok()?;
    let start = request.head_len();
    wire.write_all(out.get(..response_len)?)?;
    let open = Open { role: Role::Server, negotiated, unread: start..len, entropy: Counter(0) };
    talk(wire, open, input, message, out, |_| None)
}

/// Opens a connection, sends messages, each after the one before has come back, and closes. Returns as [`serve`] does.
pub fn connect(wire: &mut impl Wire, buffers: &mut Buffers) -> Option<bool> {
    let Buffers { input, message, out } = buffers;
    let mut entropy = Counter(0);
    let handshake = ClientHandshake::new(&mut entropy).ok()?.with_limits(LIMITS);
    let mut handshake = handshake;
    let uri = Uri::parse("ws://board.example/echo").ok()?;
    let request = ClientRequest::new(uri);
    let request_len = handshake.encode_request(&request, out).ok()?;
    wire.write_all(out.get(..request_len)?)?;
    let mut len = 0;
    let (start, negotiated) = loop {
        len += wire.read(input.get_mut(len..)?)?;
        match handshake.poll(input.get(..len)?, &request).ok()? {
            Some(Outcome::Open { response, negotiated }) => {
                break (response.head_len(), negotiated);
            }
            Some(Outcome::Refused(_)) => return None,
            None => {}
        }
    };
    let open = Open { role: Role::Client, negotiated, unread: start..len, entropy };
    let mut messages = ["Hello", "from a board"].into_iter();
    talk(wire, open, input, message, out, move |_| Some(messages.next()))
}

/// The result of a handshake.
struct Open {
    role: Role,
    negotiated: Negotiated,
    unread: core::ops::Range<usize>,
    entropy: Counter,
}

/// Runs the open connection. `next` decides what is sent, at the beginning and after each message: the same message
/// (`None`), a text (`Some(Some(text))`), or a Close (`Some(None)`).
fn talk(
    wire: &mut impl Wire,
    open: Open,
    buf: &mut [u8],
    message: &mut [u8],
    out: &mut [u8],
    mut next: impl FnMut(&[u8]) -> Option<Option<&'static str>>,
) -> Option<bool> {
    let Open { role, negotiated, unread, mut entropy } = open;
    let mut connection = Connection::new(role, negotiated, Config::new());
    if let Some(Some(text)) = next(&[]) {
        let len = connection.send_text(text, out, &mut entropy).ok()?;
        wire.write_all(out.get(..len)?)?;
    }
    let (mut start, mut end, mut gathered) = (unread.start, unread.end, 0);
    loop {
        let mut input = Input::new(buf.get_mut(start..end)?);
        loop {
            let event = connection.poll_event(&mut input);
            while let Some(bytes) = connection.poll_transmit(out, &mut entropy).ok()? {
                wire.write_all(bytes)?;
            }
            let (kind, chunk, part) = match event.ok()? {
                Some(Event::Text(chunk, part)) => (MessageKind::Text, chunk, part),
                Some(Event::Binary(chunk, part)) => (MessageKind::Binary, chunk, part),
                Some(_) => continue,
                None => break,
            };
            let place = message.get_mut(gathered..gathered + chunk.len())?;
            place.copy_from_slice(chunk);
            gathered += chunk.len();
            if !part.is_last() {
                continue;
            }
            let whole = message.get(..core::mem::take(&mut gathered))?;
            let len = match next(whole) {
                None => connection.send_fragment(kind, whole, true, out, &mut entropy),
                Some(Some(text)) => connection.send_text(text, out, &mut entropy),
                Some(None) => connection.close(CloseCode::Normal, "", out, &mut entropy),
            };
            wire.write_all(out.get(..len.ok()?)?)?;
        }
        if connection.is_closed() {
            return Some(connection.is_clean());
        }
        (start, end) = (0, wire.read(buf)?);
    }
}

/// A stand-in for the random number generator of a chip, so that a recorded conversation is always
/// the same.
struct Counter(u32);

impl Entropy for Counter {
    fn next_u32(&mut self) -> Result<u32, EntropyError> {
        self.0 = self.0.wrapping_add(0x0101_0101);
        Ok(self.0)
    }
}
