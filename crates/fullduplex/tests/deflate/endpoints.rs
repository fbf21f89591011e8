//! Two endpoints joined in memory.

use fullduplex::handshake::{Answer, OwnedClientRequest};
use fullduplex::{
    DeflateConfig, Endpoint, EndpointConfig, Entropy, EntropyError, Error, HandshakeEvent, Message,
};
use fullduplex_testkit::{Frame, Seen, TestEntropy, frames};
use std::cell::Cell;
use std::rc::Rc;

/// Entropy that can be broken, and mended.
pub(crate) struct Keys {
    keys: TestEntropy,
    broken: Rc<Cell<bool>>,
}

impl Entropy for Keys {
    fn next_u32(&mut self) -> Result<u32, EntropyError> {
        if self.broken.get() { Err(EntropyError) } else { self.keys.next_u32() }
    }
}

/// One end.
pub(crate) struct End {
    pub(crate) endpoint: Endpoint<Keys>,
    /// Whether it can draw no keys.
    pub(crate) broken: Rc<Cell<bool>>,
    pub(crate) seen: Vec<Seen>,
    pub(crate) error: Option<Error>,
    /// What it wrote since the handshake.
    written: Vec<u8>,
}

impl End {
    fn new(open: impl FnOnce(Keys) -> Endpoint<Keys>) -> Self {
        let broken = Rc::new(Cell::new(false));
        let keys = Keys { keys: TestEntropy::new(1), broken: broken.clone() };
        Self { endpoint: open(keys), broken, seen: Vec::new(), error: None, written: Vec::new() }
    }

    /// The frames that it wrote since it was asked last.
    pub(crate) fn frames(&mut self) -> Vec<Frame> {
        frames(&std::mem::take(&mut self.written))
    }

    /// What it saw since it was asked last.
    pub(crate) fn take_seen(&mut self) -> Vec<Seen> {
        std::mem::take(&mut self.seen)
    }

    fn write(&mut self) -> Vec<u8> {
        let bytes = self.endpoint.output().expect("entropy").to_vec();
        self.endpoint.advance_output(bytes.len());
        self.written.extend(&bytes);
        bytes
    }

    fn read(&mut self, mut bytes: &[u8], most: usize) {
        while !bytes.is_empty() {
            let room = self.endpoint.room();
            let len = room.len().min(most).min(bytes.len());
            room[..len].copy_from_slice(&bytes[..len]);
            bytes = &bytes[len..];
            self.endpoint.advance(len);
            self.poll();
        }
    }

    fn poll(&mut self) {
        loop {
            match self.endpoint.poll_owned() {
                Ok(Some(message)) => self.seen.push(match message {
                    Message::Text(text) => Seen::Text(text.as_bytes().into(), true),
                    Message::Binary(data) => Seen::Binary(data.into(), true),
                    Message::Ping(data) => Seen::Ping(data.into()),
                    Message::Pong(data) => Seen::Pong(data.into()),
                    Message::Close(frame) => {
                        Seen::Close(frame.map(|f| (f.code.to_u16(), f.reason.as_str().into())))
                    }
                }),
                Ok(None) => return,
                Err(error) => assert_eq!(self.error.replace(error), None),
            }
        }
    }
}

/// A client and a server.
pub(crate) struct Joined {
    pub(crate) client: End,
    pub(crate) server: End,
    /// How many bytes a read brings at most.
    pub(crate) read_size: usize,
}

impl Joined {
    /// Two endpoints whose handshake is over.
    pub(crate) fn new(
        client: impl Into<Option<DeflateConfig>>,
        server: impl Into<Option<DeflateConfig>>,
    ) -> Self {
        let config = |deflate| {
            let mut config = EndpointConfig::new();
            config.max_write_buffer = usize::MAX;
            config.deflate = deflate;
            config
        };
        let request = OwnedClientRequest::new("ws://server.example.com/").expect("a URI");
        let client = config(client.into());
        let server = config(server.into());
        let mut joined = Self {
            client: End::new(|keys| Endpoint::client(request, client, keys).expect("keys")),
            server: End::new(|keys| Endpoint::server(server, keys)),
            read_size: usize::MAX,
        };
        joined.run();
        let asked = joined.server.endpoint.poll_handshake();
        assert!(matches!(asked, Ok(Some(HandshakeEvent::Request))), "{asked:?}");
        joined.server.endpoint.accept(&Answer::new()).expect("an answer");
        joined.run();
        let opened = joined.client.endpoint.poll_handshake();
        assert!(matches!(opened, Ok(Some(HandshakeEvent::Open(_)))), "{opened:?}");
        joined.client.written.clear();
        joined.server.written.clear();
        joined
    }

    /// The end of a role that sends, and the one that receives.
    pub(crate) fn ends(&mut self, from_client: bool) -> (&mut End, &mut End) {
        if from_client {
            (&mut self.client, &mut self.server)
        } else {
            (&mut self.server, &mut self.client)
        }
    }

    /// Carries bytes both ways until nothing moves any more.
    pub(crate) fn run(&mut self) {
        loop {
            let (to_server, to_client) = (self.client.write(), self.server.write());
            if to_server.is_empty() && to_client.is_empty() {
                return;
            }
            self.server.read(&to_server, self.read_size);
            self.client.read(&to_client, self.read_size);
        }
    }
}
