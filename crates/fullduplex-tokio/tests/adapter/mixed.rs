//! All ways to receive, in any order and dropped at any time, between writes that block: nothing is lost, nothing
//! comes twice, and the Close comes last.

use std::collections::VecDeque;

use fullduplex_testkit::{Frame, Random, frames};
use fullduplex_tokio::{
    Chunk, DeflateConfig, Error, Message, MessageKind, Part, WebSocketConfig, WebSocketReceiver,
    WebSocketSender, WebSocketStream, accept_with, client_with,
};
use tokio::io::{AsyncReadExt, DuplexStream, duplex};

use crate::support::{any, our_server, poll_and_drop, secs, write};

/// What a client sends: messages of all sizes, some in fragments with Pings between them.
struct Script {
    steps: Vec<Step>,
    /// The messages that a receiver gets, in the order in which they are complete.
    items: VecDeque<Message>,
}

enum Step {
    Whole(Message),
    Fragment(Vec<u8>, bool),
}

fn script(random: &mut Random) -> Script {
    let sizes = [0, 1, 100, 126, 1000, 5000, 20_000];
    let mut script = Script { steps: Vec::new(), items: VecDeque::new() };
    for nth in 0..60_u8 {
        let len = sizes[random.below(sizes.len())];
        let payload: Vec<u8> = (0..len).map(|at| (at % 7) as u8 ^ nth).collect();
        match random.below(5) {
            0 | 1 => {
                let text = char::from(b'a' + nth % 26).to_string().repeat(len);
                script.steps.push(Step::Whole(Message::text(text)));
            }
            2 => script.steps.push(Step::Whole(Message::binary(payload))),
            3 => script.steps.push(Step::Whole(Message::Ping(vec![nth].into()))),
            _ => {
                let fragments: Vec<_> = payload.chunks(len / 4 + 1).collect();
                for piece in &fragments {
                    script.steps.push(Step::Fragment(piece.to_vec(), false));
                    let ping = Message::Ping(vec![nth, 0].into());
                    script.items.push_back(ping.clone());
                    script.steps.push(Step::Whole(ping));
                }
                script.steps.push(Step::Fragment(Vec::new(), true));
                script.items.push_back(Message::binary(payload));
                continue;
            }
        }
        if let Some(Step::Whole(message)) = script.steps.last() {
            script.items.push_back(message.clone());
        }
    }
    script
}

/// What is still to come, and how much of the next message has come in pieces.
struct Expected {
    items: VecDeque<Message>,
    pieces: Option<usize>,
    /// Whether a message was asked for since a piece has come.
    given_up: bool,
    closed: bool,
}

impl Expected {
    /// The next message to come. Some of its pieces may have come.
    fn message(&self) -> &Message {
        self.items.iter().find(|item| !item.is_ping()).expect("no piece is to come")
    }

    fn drop_message(&mut self) {
        assert!(self.given_up, "pieces are missing");
        let at = self.items.iter().position(|item| !item.is_ping()).expect("it was begun");
        assert_eq!(at, 0, "something is missing");
        self.items.pop_front();
        (self.pieces, self.given_up) = (None, false);
    }

    fn take(&mut self, message: Message) {
        assert!(!self.closed, "it goes on after the Close");
        if message.is_pong() {
            return;
        }
        let from_within = message.is_ping() && self.items.front() == Some(&message);
        if self.pieces.is_some() && !from_within {
            self.drop_message();
        }
        if message.is_close() {
            assert!(self.items.is_empty(), "{} are missing", self.items.len());
            self.closed = true;
            return;
        }
        let expected = self.items.pop_front().expect("something came twice");
        assert!(message == expected, "{} bytes for {}", message.len(), expected.len());
    }

    fn take_chunk(&mut self, chunk: Chunk) {
        let (kind, payload, part) = match chunk {
            Chunk::Control(message) => return self.take(message),
            Chunk::Text(payload, part) => (MessageKind::Text, payload, part),
            Chunk::Binary(payload, part) => (MessageKind::Binary, payload, part),
        };
        let is_first = matches!(part, Part::First | Part::Whole);
        if is_first && self.pieces.is_some() {
            self.drop_message();
        }
        let begin = self.pieces.unwrap_or(0);
        assert_eq!(is_first, self.pieces.is_none());
        let (expected, end) = (self.message(), begin + payload.len());
        assert_eq!(kind == MessageKind::Text, expected.is_text());
        let whole = expected.clone().into_data();
        assert!(whole.get(begin..end) == Some(&payload[..]), "{begin} to {end} is another piece");
        if part.is_last() {
            assert_eq!(end, whole.len());
            assert!(!self.items[0].is_ping(), "a Ping is missing");
            self.items.pop_front();
            (self.pieces, self.given_up) = (None, false);
        } else {
            self.pieces = Some(end);
        }
    }
}

/// Receives in one way or another, or writes, and may be dropped meanwhile. Returns whether the end has come.
async fn step(
    server: &mut WebSocketStream<DuplexStream>,
    expected: &mut Expected,
    random: &mut Random,
) -> bool {
    let polls = 1 + random.below(4);
    let how = random.below(10);
    // A message in pieces is mostly received to its end.
    let how = if expected.pieces.is_some() && random.below(4) > 0 { 9 } else { how };
    expected.given_up |= expected.pieces.is_some() && matches!(how, 0..=4);
    match how {
        0 | 1 => match poll_and_drop(server.recv(), polls).await {
            Some(None) => return true,
            Some(Some(message)) => expected.take(message.unwrap()),
            None => {}
        },
        2 | 3 => {
            let lent = async { server.recv_ref().await.map(|lent| lent.unwrap().to_message()) };
            match poll_and_drop(lent, polls).await {
                Some(None) => return true,
                Some(Some(message)) => expected.take(message),
                None => {}
            }
        }
        4 => {
            let mut most = random.below(4);
            let each = server.recv_each(|message, reply| {
                expected.take(message.to_message());
                most = most.checked_sub(1).ok_or(Error::AlreadyClosed)?;
                // The answer is refused if the Close was read while this message was kept.
                let _ = reply.send(message);
                Ok(())
            });
            match poll_and_drop(each, polls).await {
                Some(Ok(())) => return true,
                Some(Err(Error::AlreadyClosed)) | None => {}
                Some(Err(error)) => panic!("{error:?}"),
            }
        }
        5 => drop(poll_and_drop(server.send(Message::binary(vec![7; 3000])), polls).await),
        6 => drop(poll_and_drop(server.flush(), polls).await),
        _ => match poll_and_drop(server.recv_chunk(), polls).await {
            Some(None) => return true,
            Some(Some(chunk)) => expected.take_chunk(chunk.unwrap()),
            None => {}
        },
    }
    false
}

/// As [`step`], with halves, but it does not look for the end.
async fn half_step(
    sender: &mut WebSocketSender<DuplexStream>,
    receiver: &mut WebSocketReceiver<DuplexStream>,
    expected: &mut Expected,
    random: &mut Random,
) {
    let (polls, how) = (1 + random.below(4), random.below(8));
    expected.given_up |= expected.pieces.is_some() && matches!(how, 0..=3);
    match how {
        0 | 1 => {
            if let Some(Some(message)) = poll_and_drop(receiver.recv(), polls).await {
                expected.take(message.unwrap());
            }
        }
        2 | 3 => {
            let lent = async { receiver.recv_ref().await.map(|lent| lent.unwrap().to_message()) };
            if let Some(Some(message)) = poll_and_drop(lent, polls).await {
                expected.take(message);
            }
        }
        4 => drop(poll_and_drop(sender.send(Message::binary(vec![7; 3000])), polls).await),
        _ => {
            if let Some(Some(chunk)) = poll_and_drop(receiver.recv_chunk(), polls).await {
                expected.take_chunk(chunk.unwrap());
            }
        }
    }
}

async fn converse(seed: u64) {
    let random = &mut Random::new(seed);
    let mut config = WebSocketConfig::new().write_buffer_size(1000);
    if random.below(2) == 0 {
        config = config.deflate(DeflateConfig::new());
    }
    if random.below(2) == 0 {
        config = config.idle_timeout(Some(secs(100)));
    }
    let (near, far) = duplex([10, 100, 500, 4000, 100_000][random.below(5)]);
    let (client, server) =
        tokio::join!(client_with("ws://localhost/", near, config), accept_with(far, config, any),);
    let (client, mut server) = (client.unwrap().0, server.unwrap());
    let Script { steps, items } = script(random);
    let mut expected = Expected { items, pieces: None, given_up: false, closed: false };
    let (mut sender, mut receiver) = client.into_split();
    let sending = async move {
        for (nth, step) in steps.into_iter().enumerate() {
            match step {
                Step::Whole(message) => sender.feed(message).await.unwrap(),
                Step::Fragment(piece, last) => {
                    sender.feed_fragment(MessageKind::Binary, &piece, last).await.unwrap();
                }
            }
            if nth % 3 == 0 {
                sender.flush().await.unwrap();
            }
        }
        sender.close(None).await.unwrap();
    };
    let reading = async { while receiver.recv().await.transpose().unwrap().is_some() {} };
    let serving = async {
        let mut steps = 0;
        while !step(&mut server, &mut expected, random).await {
            steps += 1;
            assert!(steps < 1_000_000, "seed {seed}: it stands still");
            if random.below(30) == 0 {
                let (mut sender, mut receiver) = server.into_split();
                for _ in 0..random.below(8) {
                    half_step(&mut sender, &mut receiver, &mut expected, random).await;
                }
                server = receiver.reunite(sender).unwrap();
            }
        }
        assert!(expected.closed);
        assert!(server.receiver().is_clean());
    };
    tokio::join!(sending, reading, serving);
}

// There is always something to do, so no deadline comes.
#[tokio::test(start_paused = true)]
async fn whoever_receives_in_every_way_by_turns_gets_all_of_it_in_order() {
    for seed in 0..25 {
        converse(seed).await;
    }
}

/// Receives what has come, in one way or another, without waiting; `None` if it would wait.
async fn receive_at_once(
    server: &mut WebSocketStream<DuplexStream>,
    random: &mut Random,
) -> Option<Message> {
    match random.below(4) {
        0 => poll_and_drop(server.recv(), 1).await?.map(Result::unwrap),
        1 => {
            let lent = async { server.recv_ref().await.map(|lent| lent.unwrap().to_message()) };
            poll_and_drop(lent, 1).await?
        }
        2 => {
            let mut lent = None;
            let each = server.recv_each(|message, _| {
                lent = Some(message.to_message());
                Err(Error::AlreadyClosed)
            });
            assert!(poll_and_drop(each, 1).await?.is_err());
            lent
        }
        _ => {
            let mut data = Vec::new();
            loop {
                let chunk = poll_and_drop(server.recv_chunk(), 1).await??.unwrap();
                let (payload, part, is_text) = match chunk {
                    Chunk::Control(message) => return Some(message),
                    Chunk::Text(payload, part) => (payload, part, true),
                    Chunk::Binary(payload, part) => (payload, part, false),
                };
                data.extend_from_slice(&payload);
                if part.is_last() {
                    let text = || Message::text(String::from_utf8(data.clone()).unwrap());
                    return Some(if is_text { text() } else { Message::binary(data) });
                }
            }
        }
    }
}

#[tokio::test]
async fn what_has_come_is_received_in_every_way_before_more_is_waited_for() {
    for seed in 0..100 {
        let random = &mut Random::new(seed);
        let (mut server, mut wire) = our_server(WebSocketConfig::new()).await;
        let (mut rest, mut pings) = (Vec::new(), 0);
        for _ in 0..10 {
            let mut messages = Vec::new();
            for _ in 0..random.below(6) {
                let payload = vec![b'a'; [0, 5, 200, 3000][random.below(4)]];
                let (frame, message) = match random.below(4) {
                    0 => (Frame::binary(payload.clone()), Message::binary(payload)),
                    1 => (Frame::ping("?"), Message::Ping("?".into())),
                    2 => (Frame::pong("!"), Message::Pong("!".into())),
                    _ => {
                        let text = String::from_utf8(payload).unwrap();
                        (Frame::text(text.clone()), Message::text(text))
                    }
                };
                pings += usize::from(message.is_ping());
                rest.extend(frame.masked().encode());
                messages.push(message);
            }
            write(&mut wire, &rest).await;
            rest.clear();
            // The next message comes in two reads, and the first read does not complete it.
            let next = Frame::text("cut").masked().encode();
            let cut = random.below(6);
            write(&mut wire, &next[..cut]).await;
            for message in messages {
                let received = receive_at_once(&mut server, random).await;
                assert!(received == Some(message), "seed {seed}: {received:?}");
            }
            assert_eq!(receive_at_once(&mut server, random).await, None, "seed {seed}");
            write(&mut wire, &next[cut..]).await;
            assert_eq!(receive_at_once(&mut server, random).await, Some("cut".into()));
        }
        write(&mut wire, Frame::close(1000, "").masked().encode()).await;
        let close = receive_at_once(&mut server, random).await;
        assert!(close.is_some_and(|message| message.is_close()));
        let mut sent = vec![0; 1 << 16];
        let len = wire.read(&mut sent).await.unwrap();
        let mut sent = frames(&sent[..len]);
        assert_eq!(sent.pop(), Some(Frame::close(1000, "")), "it is answered by now");
        assert_eq!(sent, vec![Frame::pong("?"); pings]);
        assert!(server.recv().await.is_none());
    }
}
