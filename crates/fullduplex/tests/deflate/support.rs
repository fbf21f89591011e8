//! Helpers for the tests with permessage-deflate: a handshake that negotiates it, and a function that receives.

use fullduplex::handshake::{
    Acceptance, ClientHandshake, ClientRequest, HeadLimits, Outcome as Opened, ServerHandshake,
};
use fullduplex::{Connection, DeflateConfig, Input, Negotiated, Role, Uri};
use fullduplex_testkit::{Outcome, Split, drive_inflating};

/// The result of a handshake.
pub(crate) struct Agreed {
    /// The value of the server's `Sec-WebSocket-Extensions`, if it sent one.
    pub(crate) answer: Option<String>,
    client: Negotiated,
    server: Negotiated,
}

impl Agreed {
    /// What the end with this role has negotiated.
    pub(crate) fn by(&self, role: Role) -> Negotiated {
        match role {
            Role::Client => self.client,
            Role::Server => self.server,
        }
    }
}

/// Runs a whole opening handshake in memory.
pub(crate) fn negotiate(client: DeflateConfig, server: DeflateConfig) -> Agreed {
    let uri = Uri::parse("ws://server.example.com/chat").expect("a URI");
    let request = ClientRequest::new(uri).deflate(client);
    let mut handshake = ClientHandshake::with_fixed_key_for_tests(*b"the sample nonce");
    let (mut asked, mut answered) = ([0; 1024], [0; 1024]);
    let asked_len = handshake.encode_request(&request, &mut asked).expect("room");
    let mut serving = ServerHandshake::new(HeadLimits::new());
    let received = serving.poll(&asked[..asked_len]).expect("a request").expect("all of it");
    let (len, by_server) =
        received.accept(&Acceptance::new().deflate(server), &mut answered).expect("a response");
    let opened = handshake.poll(&answered[..len], &request).expect("a response");
    let Some(Opened::Open { negotiated: by_client, .. }) = opened else { panic!("{opened:?}") };
    let head = std::str::from_utf8(&answered[..len]).expect("a head is ASCII");
    let mut answers =
        head.lines().filter_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));
    let answer = answers.next().map(str::to_owned);
    assert_eq!(answers.next(), None);
    Agreed { answer, client: by_client, server: by_server }
}

/// Receives `bytes`, with a scratch of `room` bytes. Returns the result.
pub(crate) fn receive(conn: &mut Connection, bytes: &[u8], split: Split, room: usize) -> Outcome {
    drive_inflating(conn, bytes, split, room, |received, scratch| {
        Input::with_scratch(received, scratch)
    })
}
