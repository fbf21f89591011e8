//! What the peer sends, and how an echo endpoint must react to it.

use crate::frame::{BINARY, CLOSE, CONTINUATION, Frame, PING, PONG, TEXT};

/// Which end of the connection is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Server,
    Client,
}

/// What the peer does after its last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// It waits for a Close, or for the end of the endpoint's direction, and then ends the
    /// transport.
    WaitsForClose,
    /// It ends its direction at once.
    Ends,
}

/// The Close that the endpoint must send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closes {
    /// With this code, or empty if there is none.
    With(Option<u16>),
    /// With any code, or not at all.
    Maybe,
}

/// A peer's side of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) name: &'static str,
    /// The bytes after the opening handshake.
    pub(crate) bytes: Vec<u8>,
    /// The messages that must come back, each with the number of bytes after which it has arrived
    /// whole.
    pub(crate) messages: Vec<(Message, usize)>,
    /// The payloads of the Pings.
    pub(crate) pings: Vec<Vec<u8>>,
    pub(crate) closes: Closes,
    pub(crate) then: Then,
}

/// A message: whether it is text, and its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) text: bool,
    pub(crate) payload: Vec<u8>,
}

/// Builds a session frame by frame.
struct Builder {
    session: Session,
    /// The next masking key, if the peer is a client.
    key: Option<u32>,
    unfinished: Option<Message>,
}

impl Builder {
    fn new(name: &'static str, role: Role) -> Self {
        let session = Session {
            name,
            bytes: Vec::new(),
            messages: Vec::new(),
            pings: Vec::new(),
            closes: Closes::With(Some(1000)),
            then: Then::WaitsForClose,
        };
        let key = (role == Role::Server).then_some(0x9e37_79b9);
        Self { session, key, unfinished: None }
    }

    /// Adds a frame, masked if the peer is a client.
    fn frame(mut self, frame: &Frame) -> Self {
        let key = self.key.as_mut().map(|key| {
            // Each frame has its own key (RFC 6455 §5.3).
            *key = key.wrapping_mul(0x0101_0101).wrapping_add(0x3c6e_f372);
            key.to_be_bytes()
        });
        self.session.bytes.extend(frame.encode(key));
        self
    }

    /// Adds a frame that is masked where it must not be, or unmasked where it must be masked.
    fn frame_with_wrong_mask(mut self, frame: &Frame) -> Self {
        let key = if self.key.is_some() { None } else { Some([1, 2, 3, 4]) };
        self.session.bytes.extend(frame.encode(key));
        self
    }

    fn fragment(mut self, text: bool, payload: &[u8], last: bool) -> Self {
        let first = self.unfinished.is_none();
        let opcode = match (first, text) {
            (false, _) => CONTINUATION,
            (true, true) => TEXT,
            (true, false) => BINARY,
        };
        let message = self.unfinished.get_or_insert(Message { text, payload: Vec::new() });
        message.payload.extend(payload);
        let mut built = self.frame(&Frame { fin: last, ..Frame::new(opcode, payload) });
        if last && let Some(message) = built.unfinished.take() {
            built.session.messages.push((message, built.session.bytes.len()));
        }
        built
    }

    fn text(self, payload: &str) -> Self {
        self.fragment(true, payload.as_bytes(), true)
    }

    fn binary(self, payload: &[u8]) -> Self {
        self.fragment(false, payload, true)
    }

    fn ping(mut self, payload: &[u8]) -> Self {
        self.session.pings.push(payload.to_vec());
        self.frame(&Frame::new(PING, payload))
    }

    fn close(mut self, code: Option<u16>, reason: &str) -> Session {
        let body = code.map_or_else(Vec::new, |code| {
            [code.to_be_bytes().as_slice(), reason.as_bytes()].concat()
        });
        self.session.closes = Closes::With(code);
        self.frame(&Frame::new(CLOSE, &body)).session
    }

    /// The endpoint must fail the connection with this code.
    fn fails_with(mut self, code: u16) -> Session {
        self.session.closes = Closes::With(Some(code));
        self.session
    }

    /// The peer ends the transport without a Close.
    fn ends(mut self) -> Session {
        self.session.then = Then::Ends;
        self.session.closes = Closes::Maybe;
        self.session
    }
}

/// Every session of a peer for an endpoint with this role.
pub(crate) fn sessions(role: Role) -> Vec<Session> {
    let new = |name| Builder::new(name, role);
    let bytes = |len: usize| -> Vec<u8> { (0..=250).cycle().take(len).collect() };
    let mut sizes = new("messages of every form of the length");
    for len in [0, 1, 125, 126, 127, 4096, 65_535, 65_536] {
        sizes = sizes.binary(&bytes(len));
    }
    let mut pings = new("many Pings");
    for number in 0..50_u8 {
        pings = pings.ping(&[number; 25]);
    }
    let reserved = Frame { rsv: 4, ..Frame::new(TEXT, b"RSV1") };
    vec![
        new("one message").text("Hello").close(Some(1000), ""),
        new("nothing but a Close").close(Some(1000), "bye"),
        new("a Close without a body").binary(&[0, 255]).close(None, ""),
        new("a Close with the application's code").text("").close(Some(4321), "enough"),
        sizes.close(Some(1000), ""),
        new("text of several bytes for each character, cut in their middle")
            .fragment(true, b"gr\xc3", false)
            .fragment(true, b"\xbc\xf0\x9f", false)
            .fragment(true, b"\x8c\x8d", true)
            .close(Some(1000), ""),
        new("Pings between fragments and messages")
            .ping(b"")
            .fragment(false, b"first, ", false)
            .ping(b"between")
            .fragment(false, b"", false)
            .fragment(false, b"last", true)
            .text("next")
            .ping(&[7; 125])
            .close(Some(1000), ""),
        pings.text("done").close(Some(1001), "going away"),
        new("a Pong that nobody asked for")
            .frame(&Frame::new(PONG, b"unasked"))
            .text("still here")
            .close(Some(1000), ""),
        new("a reserved bit").text("before").frame(&reserved).fails_with(1002),
        new("the wrong masking")
            .binary(b"before")
            .frame_with_wrong_mask(&Frame::new(BINARY, b"wrong"))
            .fails_with(1002),
        new("text that is not UTF-8")
            .text("before")
            .frame(&Frame::new(TEXT, b"\xce\xba\xff"))
            .fails_with(1007),
        new("an end without a Close").text("before").binary(&[1, 2, 3]).ends(),
        new("an end in the middle of a message")
            .text("before")
            .fragment(true, b"the first half", false)
            .ends(),
    ]
}
