//! A reader that says that it is drained has nothing to deliver, whichever functions have polled it before.

use fullduplex::{DeflateConfig, Endpoint, Error, Message, MessageKind};
use fullduplex_testkit::{Frame, Random};

use crate::endpoints::{Joined, Keys};
use crate::{noise, prose};

/// What a client sends: messages of all sizes, whole and in fragments, with control frames between them.
fn conversation(client: &mut Endpoint<Keys>, random: &mut Random) -> Vec<u8> {
    let sizes = [0, 1, 7, 100, 126, 3000, 9000, 70_000];
    for _ in 0..20 {
        let len = sizes[random.below(sizes.len())];
        client.writer.sender_mut().set_compression(random.below(2) == 0);
        let mut send = |mut message| client.writer.send_message(&mut message).expect("room");
        match random.below(5) {
            0 => send(Message::text(prose(len, len as u64))),
            1 => send(Message::binary(noise(len, 1))),
            2 => send(Message::Ping("?".into())),
            3 => send(Message::Pong("!".into())),
            _ => {
                for piece in prose(len + 3, 2).as_bytes().chunks(len / 3 + 1) {
                    client.writer.send_fragment(MessageKind::Text, piece, false).expect("room");
                    client.writer.send_message(&mut Message::Ping("in".into())).expect("room");
                }
                client.writer.send_fragment(MessageKind::Text, b"", true).expect("room");
            }
        }
    }
    let wire = client.output().expect("keys").slices().collect::<Vec<_>>().concat();
    client.writer.advance(wire.len());
    wire
}

/// Polls by one of four functions. Returns whether something was received.
fn poll(endpoint: &mut Endpoint<Keys>, how: usize) -> Result<bool, Error> {
    match how {
        0 => endpoint.poll_owned().map(|message| message.is_some()),
        1 => endpoint.poll().map(|message| message.is_some()),
        // Text that was found is checked when it is lent. Otherwise, the invalid text at the end would go unnoticed.
        2 => Ok(endpoint.find()? && endpoint.reader.message()?.is_some()),
        _ => endpoint.poll_chunk().map(|chunk| chunk.is_some()),
    }
}

#[test]
fn who_is_drained_has_nothing_to_give() {
    let (mut drained, mut rounds) = (0, 0);
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let deflate = (seed % 3 != 0).then(DeflateConfig::new);
        let mut joined = Joined::new(deflate, deflate);
        let mut wire = conversation(&mut joined.client.endpoint, &mut random);
        let ends = [Frame::close(1000, ""), Frame::text(*b"a\xff"), Frame::new(3, "")];
        wire.extend(ends[random.below(ends.len())].clone().masked().encode());
        let server = &mut joined.server.endpoint;
        let most = [1, 10, 1000, 100_000][random.below(4)];
        let (mut rest, mut failed) = (&*wire, false);
        while !rest.is_empty() {
            let room = server.reader.room();
            let len = room.len().min(1 + random.below(most)).min(rest.len());
            room[..len].copy_from_slice(&rest[..len]);
            rest = &rest[len..];
            server.reader.advance(len);
            // Not every turn polls until nothing is left.
            for _ in 0..random.below(20) {
                let found = poll(server, random.below(4));
                failed |= found.is_err();
                if server.reader.is_drained() {
                    drained += 1;
                    assert!((0..4).all(|how| poll(server, how) == Ok(false)), "seed {seed}");
                }
                if found != Ok(true) {
                    break;
                }
            }
            if random.below(10) == 0 {
                server.release();
            }
            rounds += 1;
        }
        loop {
            match poll(server, 0) {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => failed = true,
            }
        }
        assert!(!server.reader.is_drained(), "seed {seed}: it is over");
        let receiver = server.reader.receiver();
        assert!(failed || receiver.peer_close().is_some(), "seed {seed}");
    }
    assert!(drained > 100, "{drained} of {rounds}: it never was");
}
