//! Futures that are dropped at every poll: what was received is not lost, what was sent is whole.

use fullduplex_testkit::{Frame, Random, frames};
use fullduplex_tokio::{Message, Role, WebSocketConfig, WebSocketStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use crate::support::{drain, pair, pair_with, poll_and_drop};

fn conversation() -> Vec<Message> {
    vec![
        Message::text("one"),
        Message::binary(vec![2; 300]),
        Message::Ping("three".into()),
        Message::binary(vec![4; 70_000]),
        Message::text("five"),
        Message::binary(vec![]),
    ]
}

#[tokio::test]
async fn no_message_is_lost_however_often_the_receive_future_is_dropped() {
    for (pipe, polls) in [(1, 1), (7, 1), (7, 2), (100, 3), (1 << 20, 1)] {
        let (mut client, mut server) = pair(pipe).await;
        let sending = tokio::spawn(async move {
            for message in conversation() {
                client.send(message).await.unwrap();
            }
            client.close(None).await.unwrap();
        });
        let mut received = Vec::new();
        loop {
            match poll_and_drop(server.recv(), polls).await {
                None => tokio::task::yield_now().await,
                Some(Some(message)) => received.push(message.unwrap()),
                Some(None) => break,
            }
        }
        assert!(received.pop().unwrap().is_close());
        assert_eq!(received, conversation(), "pipe {pipe}, {polls} polls");
        sending.await.unwrap();
    }
}

/// A `feed` that was dropped has taken nothing. A `send` has taken the message or not, but never half of it, and what was
/// taken is written.
#[tokio::test]
async fn what_a_dropped_send_future_leaves_behind_is_whole() {
    let config = WebSocketConfig::new().max_write_buffer_size(100).write_buffer_size(10);
    for polls in 1..60 {
        let (near, mut far) = duplex(5);
        let mut server = WebSocketStream::from_raw_socket(near, Role::Server, config);
        let reading = tokio::spawn(async move {
            let mut wire = Vec::new();
            let mut buf = [0; 3];
            loop {
                match far.read(&mut buf).await.unwrap() {
                    0 => return wire,
                    len => wire.extend(&buf[..len]),
                }
            }
        });
        let (mut taken, mut maybe) = (Vec::new(), Vec::new());
        for i in 0..40_u8 {
            let message = Message::binary(vec![i; usize::from(i) * 2]);
            if i % 2 == 0 {
                if let Some(fed) = poll_and_drop(server.feed(message), polls).await {
                    fed.unwrap();
                    taken.push(i);
                }
            } else {
                match poll_and_drop(server.send(message), polls).await {
                    Some(sent) => {
                        sent.unwrap();
                        taken.push(i);
                    }
                    None => maybe.push(i),
                }
            }
        }
        server.flush().await.unwrap();
        drop(server.into_inner());
        let sent = frames(&reading.await.unwrap());
        let mut arrived = Vec::new();
        for frame in sent {
            let i = (frame.payload.len() / 2) as u8;
            assert_eq!(frame, Frame::binary(vec![i; usize::from(i) * 2]));
            arrived.push(i);
        }
        assert!(arrived.is_sorted(), "{arrived:?}");
        for i in &arrived {
            assert!(taken.contains(i) || maybe.contains(i), "{i} was not taken, and came");
        }
        for i in taken {
            assert!(arrived.contains(&i), "{i} was taken, and did not come after {polls} polls");
        }
    }
}

#[tokio::test]
async fn a_dropped_close_has_sent_one_close_or_none() {
    for polls in 1..20 {
        let (mut client, mut server) =
            pair_with(2, WebSocketConfig::new(), WebSocketConfig::new()).await;
        let serving = tokio::spawn(async move { drain(&mut server).await });
        client.feed(Message::text("before")).await.unwrap();
        let first = poll_and_drop(client.close(None), polls).await;
        client.close(None).await.unwrap();
        assert!(first.is_none_or(|closed| closed.is_ok()));
        let (messages, error) = serving.await.unwrap();
        assert!(error.is_none(), "{error:?}");
        assert_eq!(messages.len(), 2);
        assert!(messages[1].is_close());
    }
}

#[tokio::test]
async fn a_dropped_handshake_says_nothing() {
    let (near, mut far) = duplex(1 << 10);
    assert!(poll_and_drop(fullduplex_tokio::accept(near), 3).await.is_none());
    let mut rest = Vec::new();
    far.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"");
    assert!(far.write_all(b"GET").await.is_err());
}

/// One of two peers, and what is known about its messages.
struct Peer {
    socket: WebSocketStream<DuplexStream>,
    next: u32,
    /// Messages that were taken for certain; `maybe` has messages that may have been taken.
    taken: Vec<u32>,
    maybe: Vec<u32>,
    received: Vec<u32>,
}

impl Peer {
    fn new(socket: WebSocketStream<DuplexStream>) -> Self {
        let (taken, maybe, received) = Default::default();
        Self { socket, next: 0, taken, maybe, received }
    }

    fn take(&mut self, message: Option<Message>) {
        if let Some(Message::Binary(data)) = message {
            let number: [u8; 4] = data[..4].try_into().unwrap();
            self.received.push(u32::from_be_bytes(number));
            assert!(data[4..].iter().all(|&byte| byte == number[3]));
        }
    }

    /// Starts a random call, polls it a few times, and drops it.
    async fn act(&mut self, random: &mut Random) {
        let polls = 1 + random.below(4);
        let number = self.next;
        let mut payload = number.to_be_bytes().to_vec();
        payload.resize(4 + random.below(300), number as u8);
        match random.below(8) {
            0 | 1 => {
                self.next += 1;
                let fed = self.socket.feed(Message::from(payload));
                if poll_and_drop(fed, polls).await.is_some_and(|fed| fed.is_ok()) {
                    self.taken.push(number);
                }
            }
            2 | 3 => {
                self.next += 1;
                let sent = self.socket.send(Message::from(payload));
                match poll_and_drop(sent, polls).await {
                    Some(Ok(())) => self.taken.push(number),
                    // The message was refused, or taken and not written.
                    Some(Err(_)) | None => self.maybe.push(number),
                }
            }
            4 => {
                let _ = poll_and_drop(self.socket.send(Message::Ping("ping".into())), polls).await;
            }
            5 => {
                let received = poll_and_drop(self.socket.recv_ref(), polls).await;
                let message = received.map(|item| item.map(|item| item.unwrap().to_message()));
                self.take(message.flatten());
            }
            _ => {
                let message = poll_and_drop(self.socket.recv(), polls).await;
                let message = message.map(|item| item.map(|item| item.unwrap()));
                self.take(message.flatten());
            }
        }
    }

    async fn finish(&mut self) {
        self.socket.close(None).await.unwrap();
        while let Some(message) = self.socket.recv().await {
            let message = message.unwrap();
            self.take(Some(message));
        }
    }
}

#[tokio::test]
async fn whatever_is_dropped_whenever_all_that_was_taken_arrives_once_and_in_order() {
    for seed in 0..150 {
        let mut random = Random::new(seed);
        let config = WebSocketConfig::new()
            .write_buffer_size(random.below(200))
            .max_write_buffer_size(1 + random.below(600));
        let (a, b) = pair_with(1 + random.below(200), config, config).await;
        let (mut a, mut b) = (Peer::new(a), Peer::new(b));
        for _ in 0..200 {
            let peer = if random.below(2) == 0 { &mut a } else { &mut b };
            peer.act(&mut random).await;
        }
        tokio::join!(a.finish(), b.finish());
        for (from, to) in [(&a, &b), (&b, &a)] {
            let received = &to.received;
            assert!(received.is_sorted_by(|one, two| one < two), "seed {seed}: {received:?}");
            for number in received {
                let known = from.taken.contains(number) || from.maybe.contains(number);
                assert!(known, "seed {seed}: {number} was never taken");
            }
            for number in &from.taken {
                assert!(received.contains(number), "seed {seed}: {number} was lost");
            }
        }
    }
}
