//! Each way in which an open connection ends.

use std::io::ErrorKind;

use fullduplex_testkit::Frame;
use fullduplex_tokio::{
    Cause, CloseCode, CloseFrame, Message, Role, WebSocketConfig, WebSocketStream,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tracing::Level;

use crate::support::{
    Broken, Ear, Told, counted, counters, echo, failures, masked, our_server, pair, secs,
};

fn frame(code: CloseCode, reason: &str) -> Option<CloseFrame> {
    Some(CloseFrame { code, reason: reason.into() })
}

#[tokio::test]
async fn a_clean_close_says_who_began_it_and_what_went_through() {
    let (ear, _guard) = Ear::listen();
    let (near, far) = (counters(), counters());
    let (mut client, server) =
        pair("ws://localhost:9001/chat?token=secret", counted(near), counted(far)).await;
    let serving = tokio::spawn(echo(server));
    for size in [5, 300] {
        client.send(Message::binary(vec![7; size])).await.unwrap();
        assert_eq!(client.recv().await.unwrap().unwrap().len(), size);
    }
    assert_eq!((near.snapshot().open(), far.snapshot().open()), (1, 1));
    client.close(frame(CloseCode::Away, "bye")).await.unwrap();
    drop(client);
    serving.await.unwrap().unwrap();

    let fields = ["code", "reason", "cause", "error", "path"];
    let flow = ["received_messages", "received_payload_bytes", "sent_messages"];
    for (role, begun_by) in [("client", "us"), ("server", "peer")] {
        let opened = ear.one(role, "opened");
        assert_eq!(opened.all(["path", "compression"]), ["/chat", "false"]);
        assert!(opened.get("duration_ms").parse::<u64>().is_ok());
        let closed = ear.one(role, "closed");
        assert_eq!(closed.all(fields), ["1001", "bye", "", "", "/chat"]);
        assert_eq!(closed.get("begun_by"), begun_by);
        assert_eq!(closed.all(flow), ["2", "305", "2"]);
        assert_eq!((closed.level, &*closed.target), (Level::DEBUG, "fullduplex_tokio"));
        assert_eq!(ear.of(role).len(), 2);
    }
    assert_eq!(ear.one("client", "opened").get("peer"), "localhost:9001");
    // Two messages with headers of 2 and 4 bytes, masked in one direction, and a Close, answered by its code.
    let bytes = ["received_wire_bytes", "sent_wire_bytes"];
    let (plain, masked) = (311 + 4, 311 + 7 + 3 * 4);
    assert_eq!(ear.one("server", "closed").all(bytes), [masked, plain].map(|it| it.to_string()));
    for counts in [near.snapshot(), far.snapshot()] {
        assert_eq!((counts.opened, counts.open(), counts.closed), (1, 0, 1));
        assert_eq!((counts.received.payload_bytes, counts.sent.payload_bytes), (305, 305));
        assert_eq!(failures(&counts), []);
    }
    assert_eq!(near.snapshot().sent.wire_bytes, masked);
    assert_eq!(far.snapshot().received.wire_bytes, masked);
    assert_eq!(far.snapshot().sent.wire_bytes, plain);
    assert!(ear.told().iter().flat_map(Told::values).all(|value| !value.contains("secret")));
}

/// Plays a peer that sends `bytes` and then nothing, or ends; returns how the server's connection ended.
async fn end_of(
    config: WebSocketConfig,
    bytes: &[u8],
    then_ends: bool,
) -> (Told, Vec<(Cause, u64)>) {
    let (ear, _guard) = Ear::listen();
    let all = counters();
    let (mut server, mut wire) = our_server(config.counters(all));
    wire.write_all(bytes).await.unwrap();
    if then_ends {
        wire.shutdown().await.unwrap();
    }
    let mut failed = 0;
    while let Some(message) = server.recv().await {
        failed += usize::from(message.is_err());
    }
    assert_eq!(failed, 1);
    let counts = all.snapshot();
    assert_eq!((counts.opened, counts.open(), counts.closed, counts.dropped), (1, 0, 0, 0));
    // Once the connection is over, the drop changes nothing.
    drop(server);
    assert_eq!(all.snapshot(), counts);
    (ear.one("server", "failed"), failures(&counts))
}

#[tokio::test(start_paused = true)]
async fn each_failure_has_its_cause_and_the_code_that_the_peer_is_told() {
    let small = WebSocketConfig::new().max_message_size(Some(100));
    let few = WebSocketConfig::new().max_fragments(2);
    let large = masked(2, &[0; 101]).encode();
    let fragment = |fin, opcode| Frame { fin, ..masked(opcode, b"x") }.encode();
    let three = [fragment(false, 2), fragment(false, 0), fragment(true, 0)].concat();
    let rsv = Frame { rsv: 4, ..masked(1, b"x") }.encode();
    let text = masked(1, b"\xff").encode();
    let close = masked(8, &[3, 0xed]).encode();
    let cases: [(WebSocketConfig, &[u8], Cause, &str); 6] = [
        (WebSocketConfig::new(), &rsv, Cause::Protocol, "1002"),
        (WebSocketConfig::new(), &close, Cause::Protocol, "1002"),
        (WebSocketConfig::new(), &text, Cause::InvalidText, "1007"),
        (small, &large, Cause::TooLarge, "1009"),
        (few, &three, Cause::TooManyFragments, "1008"),
        (WebSocketConfig::new().idle_timeout(Some(secs(5))), b"", Cause::IdleTimeout, "1001"),
    ];
    for (config, bytes, cause, code) in cases {
        let (told, counted) = end_of(config, bytes, false).await;
        assert_eq!(told.all(["cause", "code", "begun_by"]), [cause.name(), code, ""], "{told:?}");
        assert!(!told.get("error").is_empty());
        assert_eq!(counted, [(cause, 1)]);
    }
}

#[tokio::test]
async fn a_compressed_message_that_is_none_has_its_cause() {
    use fullduplex_tokio::{DeflateConfig, OwnedAcceptance, accept_with};

    let (ear, _guard) = Ear::listen();
    let config = WebSocketConfig::new().deflate(DeflateConfig::new());
    let (mut wire, far) = tokio::io::duplex(1 << 12);
    let accepting = accept_with(far, config, |_| Ok(OwnedAcceptance::new()));
    let request = "GET /a HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    wire.write_all(request.as_bytes()).await.unwrap();
    let mut server = accepting.await.unwrap();
    // A block of a type that does not exist.
    wire.write_all(&Frame { rsv: 4, ..masked(2, &[7]) }.encode()).await.unwrap();
    server.recv().await.unwrap().unwrap_err();
    drop(server);
    let told = ear.one("server", "failed");
    assert_eq!(told.all(["cause", "compression", "path"]), ["compression", "true", "/a"]);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_gone_or_silent_has_its_cause() {
    let keepalive = WebSocketConfig::new().keepalive(secs(20), secs(10));
    let half = &masked(2, b"Hello").encode()[..5];
    for (config, bytes, ends, cause, code) in [
        (WebSocketConfig::new(), &b""[..], true, Cause::WithoutClose, ""),
        (WebSocketConfig::new(), half, true, Cause::WithoutClose, ""),
        (keepalive, b"", false, Cause::PongTimeout, "1011"),
    ] {
        let (told, counted) = end_of(config, bytes, ends).await;
        assert_eq!(told.all(["cause", "code"]), [cause.name(), code], "{told:?}");
        assert_eq!(counted, [(cause, 1)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_answer_a_close_has_its_cause_also_if_the_socket_is_dropped_then() {
    for receives_on in [false, true] {
        let (ear, _guard) = Ear::listen();
        let all = counters();
        let (mut server, _wire) = our_server(counted(all));
        server.close(frame(CloseCode::Policy, "late")).await.unwrap_err();
        while receives_on && server.recv().await.is_some() {}
        drop(server);
        let told = ear.one("server", "failed");
        let fields = ["cause", "code", "reason", "begun_by"];
        assert_eq!(told.all(fields), ["close_timeout", "1008", "late", "us"]);
        assert_eq!(failures(&all.snapshot()), [(Cause::CloseTimeout, 1)]);
    }
}

#[tokio::test]
async fn a_transport_that_fails_has_its_cause() {
    for (kind, cause) in
        [(ErrorKind::ConnectionReset, Cause::Reset), (ErrorKind::PermissionDenied, Cause::Io)]
    {
        for writes in [false, true] {
            let (ear, _guard) = Ear::listen();
            let all = counters();
            let stream = Broken { kind, writes };
            let mut server = WebSocketStream::from_raw_socket(stream, Role::Server, counted(all));
            if writes {
                server.send(Message::text("Hello")).await.unwrap_err();
            } else {
                server.recv().await.unwrap().unwrap_err();
            }
            drop(server);
            assert_eq!(ear.one("server", "failed").get("cause"), cause.name(), "{writes}");
            assert_eq!(failures(&all.snapshot()), [(cause, 1)]);
        }
    }
}

#[tokio::test]
async fn a_websocket_that_is_dropped_or_taken_apart_is_open_no_more() {
    let (ear, _guard) = Ear::listen();
    let all = counters();
    let (server, mut wire) = our_server(counted(all));
    assert_eq!(server.config().counters, Some(all));
    drop(server);
    let mut bytes = Vec::new();
    wire.read_to_end(&mut bytes).await.unwrap();
    assert_eq!(bytes, [0x88, 2, 3, 0xe9]);
    let told = ear.one("server", "dropped");
    assert_eq!(told.all(["cause", "code", "sent_wire_bytes"]), ["", "", "4"]);

    let (mut server, mut wire) = our_server(counted(all));
    wire.write_all(&masked(1, b"Hello").encode()).await.unwrap();
    server.recv().await.unwrap().unwrap();
    let _stream = server.into_inner();
    let counts = all.snapshot();
    assert_eq!((counts.opened, counts.open(), counts.dropped), (2, 0, 2));
    assert_eq!((counts.sent.wire_bytes, counts.received.messages), (4, 1));
    assert_eq!(failures(&counts), []);
}

#[tokio::test]
async fn a_close_behind_messages_that_are_not_received_is_a_close() {
    let (ear, _guard) = Ear::listen();
    let all = counters();
    let (mut server, mut wire) = our_server(counted(all));
    wire.write_all(&masked(1, b"Hello").encode()).await.unwrap();
    wire.write_all(&masked(8, &[3, 0xe8]).encode()).await.unwrap();
    server.close(frame(CloseCode::Away, "")).await.unwrap();
    drop(server);
    let told = ear.one("server", "closed");
    assert_eq!(told.all(["code", "begun_by", "received_messages"]), ["1001", "us", "0"]);
    assert_eq!((all.snapshot().closed, all.snapshot().dropped), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_send_that_fails_says_why_the_socket_is_dropped_then() {
    let (ear, _guard) = Ear::listen();
    let all = counters();
    let (near, _wire) = tokio::io::duplex(64);
    let config = counted(all).idle_timeout(Some(secs(5)));
    let mut server = WebSocketStream::from_raw_socket(near, Role::Server, config);
    server.send(Message::binary(vec![0; 1 << 16])).await.unwrap_err();
    drop(server);
    assert_eq!(ear.one("server", "failed").get("cause"), "idle_timeout");

    let (ear, _guard) = Ear::listen();
    let (server, wire) = our_server(counted(all));
    let (mut sender, receiver) = server.into_split();
    drop(wire);
    sender.send(Message::text("Hello")).await.unwrap_err();
    drop((receiver, sender));
    assert_eq!(ear.one("server", "failed").get("cause"), "reset");
    assert_eq!(failures(&all.snapshot()), [(Cause::IdleTimeout, 1), (Cause::Reset, 1)]);
}

#[tokio::test]
async fn halves_are_one_connection_whichever_is_dropped_first() {
    for receiver_first in [false, true] {
        let (ear, _guard) = Ear::listen();
        let all = counters();
        let (server, mut wire) = our_server(counted(all));
        let (mut sender, mut receiver) = server.into_split();
        wire.write_all(&masked(1, b"Hello").encode()).await.unwrap();
        receiver.recv().await.unwrap().unwrap();
        sender.send(Message::text("Hi")).await.unwrap();
        assert_eq!(all.snapshot().open(), 1);
        if receiver_first {
            drop(receiver);
            assert_eq!(all.snapshot().open(), 1);
            assert_eq!(all.snapshot().received.messages, 1);
            drop(sender);
        } else {
            drop(sender);
            assert_eq!(all.snapshot().open(), 1);
            drop(receiver);
        }
        let told = ear.one("server", "dropped");
        let fields = ["received_messages", "received_wire_bytes", "sent_messages"];
        assert_eq!(told.all(fields), ["1", "11", "1"]);
        assert_eq!(told.get("sent_wire_bytes"), "8");
        assert_eq!((all.snapshot().open(), all.snapshot().dropped), (0, 1));
    }
}

#[tokio::test]
async fn halves_that_close_or_fail_say_the_same_as_the_whole() {
    let (ear, _guard) = Ear::listen();
    let all = counters();
    let (server, mut wire) = our_server(counted(all));
    let (mut sender, mut receiver) = server.into_split();
    sender.close(frame(CloseCode::Restart, "soon")).await.unwrap();
    wire.write_all(&masked(8, &[3, 0xf4]).encode()).await.unwrap();
    while receiver.recv().await.is_some() {}
    let told = ear.one("server", "closed");
    assert_eq!(told.all(["code", "reason", "begun_by"]), ["1012", "soon", "us"]);
    assert_eq!(all.snapshot().closed, 1);

    let (ear, _guard) = Ear::listen();
    let (server, mut wire) = our_server(counted(all));
    let (sender, mut receiver) = server.into_split();
    wire.write_all(&masked(3, b"").encode()).await.unwrap();
    receiver.recv().await.unwrap().unwrap_err();
    // The sender knows about the failure only what the receiver has left behind.
    drop(receiver);
    assert_eq!(all.snapshot().open(), 1);
    drop(sender);
    assert_eq!(ear.one("server", "failed").all(["cause", "code"]), ["protocol", "1002"]);
    assert_eq!(failures(&all.snapshot()), [(Cause::Protocol, 1)]);
}

#[tokio::test]
async fn halves_that_are_put_together_are_the_same_connection() {
    let (ear, _guard) = Ear::listen();
    let all = counters();
    let (server, mut wire) = our_server(counted(all));
    let (sender, receiver) = server.into_split();
    let mut server = receiver.reunite(sender).unwrap();
    wire.write_all(&masked(1, b"Hello").encode()).await.unwrap();
    server.recv().await.unwrap().unwrap();
    assert_eq!((all.snapshot().opened, all.snapshot().open()), (1, 1));
    assert_eq!(server.config().counters, Some(all));
    drop(server);
    assert_eq!(ear.one("server", "dropped").get("received_messages"), "1");
    assert_eq!(ear.told().len(), 2);
}

#[tokio::test]
async fn a_peer_that_closes_and_goes_without_waiting_has_closed() {
    let (ear, _guard) = Ear::listen();
    let all = counters();
    let (mut server, mut wire) = our_server(counted(all));
    wire.write_all(&masked(8, b"\x03\xe8gone").encode()).await.unwrap();
    drop(wire);
    while server.recv().await.is_some() {}
    let told = ear.one("server", "closed");
    assert_eq!(told.all(["code", "reason", "begun_by"]), ["1000", "gone", "peer"]);
    assert_eq!((all.snapshot().closed, failures(&all.snapshot())), (1, vec![]));
}
