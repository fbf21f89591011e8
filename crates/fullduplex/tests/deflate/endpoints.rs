//! Two endpoints joined in memory.

use fullduplex::handshake::{Acceptance, OwnedClientRequest};
use fullduplex::{
    Connected, Connecting, DeflateConfig, Endpoint, EndpointConfig, Entropy, EntropyError, Error,
    Incoming, Message, Progress,
};
use fullduplex_testkit::{Frame, Seen, TestEntropy, frames};
use std::cell::Cell;
use std::rc::Rc;

/// Entropy that can be made to fail, and to work again.
pub(crate) struct Keys {
    keys: TestEntropy,
    broken: Rc<Cell<bool>>,
}

impl Keys {
    fn new() -> (Self, Rc<Cell<bool>>) {
        let broken = Rc::new(Cell::new(false));
        (Self { keys: TestEntropy::new(1), broken: broken.clone() }, broken)
    }
}

impl Entropy for Keys {
    fn next_u32(&mut self) -> Result<u32, EntropyError> {
        if self.broken.get() { Err(EntropyError) } else { self.keys.next_u32() }
    }
}

/// One end.
pub(crate) struct End {
    pub(crate) endpoint: Endpoint<Keys>,
    /// Whether its entropy fails.
    pub(crate) broken: Rc<Cell<bool>>,
    pub(crate) seen: Vec<Seen>,
    pub(crate) error: Option<Error>,
    /// What it has written since the handshake, or since the last call of `frames`.
    written: Vec<u8>,
}

impl End {
    fn new(endpoint: Endpoint<Keys>, broken: Rc<Cell<bool>>) -> Self {
        Self { endpoint, broken, seen: Vec::new(), error: None, written: Vec::new() }
    }

    /// The frames that it has written since the last call.
    pub(crate) fn frames(&mut self) -> Vec<Frame> {
        frames(&std::mem::take(&mut self.written))
    }

    /// What it has received since the last call.
    pub(crate) fn take_seen(&mut self) -> Vec<Seen> {
        std::mem::take(&mut self.seen)
    }

    fn write(&mut self) -> Vec<u8> {
        let bytes = self.endpoint.output().expect("entropy").first().to_vec();
        self.endpoint.writer.advance(bytes.len());
        self.written.extend(&bytes);
        bytes
    }

    fn read(&mut self, mut bytes: &[u8], most: usize) {
        while !bytes.is_empty() {
            let room = self.endpoint.reader.room();
            let len = room.len().min(most).min(bytes.len());
            room[..len].copy_from_slice(&bytes[..len]);
            bytes = &bytes[len..];
            self.endpoint.reader.advance(len);
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
    /// The most bytes that a read returns.
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
            config.max_write_buffer_size = usize::MAX;
            config.deflate = deflate;
            config
        };
        let request = OwnedClientRequest::new("ws://server.example.com/").expect("a URI");
        let (keys, broken) = Keys::new();
        let mut connecting = Connecting::new(request, config(client.into()), keys).expect("keys");
        let (keys, broken_too) = Keys::new();
        let mut incoming = Incoming::new(config(server.into()), keys);
        let output = connecting.output().to_vec();
        connecting.advance_output(output.len());
        incoming.room()[..output.len()].copy_from_slice(&output);
        incoming.advance(output.len());
        let Ok(Progress::Done(request)) = incoming.poll() else { panic!("a request") };
        let (mut server, _) = request.accept(&Acceptance::new()).expect("a response");
        let output = server.output().expect("entropy").first().to_vec();
        server.writer.advance(output.len());
        connecting.room()[..output.len()].copy_from_slice(&output);
        connecting.advance(output.len());
        let Ok(Progress::Done(Connected::Open { endpoint, .. })) = connecting.poll() else {
            panic!("a response")
        };
        Self {
            client: End::new(endpoint, broken),
            server: End::new(server, broken_too),
            read_size: usize::MAX,
        }
    }

    /// The end that sends, and the end that receives.
    pub(crate) fn ends(&mut self, from_client: bool) -> (&mut End, &mut End) {
        if from_client {
            (&mut self.client, &mut self.server)
        } else {
            (&mut self.server, &mut self.client)
        }
    }

    /// Carries bytes in both directions until there are no more.
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
