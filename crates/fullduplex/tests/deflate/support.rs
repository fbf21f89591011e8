//! What the tests with permessage-deflate share: a handshake that settles it, and a way to inflate.

use fullduplex::handshake::{
    Answer, ClientHandshake, ClientRequest, HeadLimits, Outcome, ServerHandshake,
};
use fullduplex::{Connection, DeflateConfig, Error, Negotiated, Role, Uri};

/// What came of a handshake.
pub(crate) struct Agreed {
    /// The value of the server's `Sec-WebSocket-Extensions`, if it sent one.
    pub(crate) answer: Option<String>,
    client: Negotiated,
    server: Negotiated,
}

impl Agreed {
    /// What the end of this role takes from it.
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
    let mut serving = ServerHandshake::new(HeadLimits::DEFAULT);
    let received = serving.poll(&asked[..asked_len]).expect("a request").expect("all of it");
    let (len, by_server) =
        received.accept(&Answer::new().deflate(server), &mut answered).expect("an answer");
    let opened = handshake.poll(&answered[..len], &request).expect("a response");
    let Some(Outcome::Open { negotiated: by_client, .. }) = opened else { panic!("{opened:?}") };
    let head = std::str::from_utf8(&answered[..len]).expect("a head is ASCII");
    let mut answers =
        head.lines().filter_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));
    let answer = answers.next().map(str::to_owned);
    assert_eq!(answers.next(), None);
    Agreed { answer, client: by_client, server: by_server }
}

/// For [`fullduplex_testkit::drive_inflating`]: decompresses a chunk into room for `room` bytes at a time.
pub(crate) fn inflate_by(
    room: usize,
) -> impl FnMut(&mut Connection, &[u8], &mut Vec<u8>) -> Result<(), Error> {
    move |conn, mut chunk, data| {
        let mut out = vec![0; room];
        let mut idle = 0;
        loop {
            let step = conn.inflate(chunk, &mut out)?;
            data.extend_from_slice(&out[..step.produced]);
            chunk = &chunk[step.consumed..];
            if step.done {
                assert!(chunk.is_empty(), "done with something left");
                return Ok(());
            }
            idle = if step.consumed == 0 && step.produced == 0 { idle + 1 } else { 0 };
            assert!(idle < 3, "it stands still");
        }
    }
}
