//! The limits of a server and its end, over streams in memory and tokio's paused clock.

use std::net::IpAddr;
use std::time::Duration;

use fullduplex_app::{Denied, Forwarding, Gate, GateLimits, Left, Pass, Rate};
use fullduplex_tokio::fullduplex::Role;
use fullduplex_tokio::{
    CloseCode, Error, Message, OwnedAcceptance, OwnedClientRequest, WebSocketConfig,
    WebSocketStream, accept_with, client,
};
use tokio::io::{DuplexStream, duplex};
use tokio::time::{Instant, sleep};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Two ends of an open connection.
fn pair() -> (WebSocketStream<DuplexStream>, WebSocketStream<DuplexStream>) {
    let (near, far) = duplex(1 << 10);
    let open =
        |stream, role| WebSocketStream::from_raw_socket(stream, role, WebSocketConfig::new());
    (open(near, Role::Server), open(far, Role::Client))
}

#[test]
fn so_many_connections_are_taken_and_a_place_is_free_once_one_is_over() {
    let gate = Gate::new(GateLimits::new().connections(2).per_address(2));
    let first = gate.enter(ip("192.0.2.1")).unwrap();
    let _second = gate.enter(ip("192.0.2.2")).unwrap();
    assert_eq!(gate.enter(ip("192.0.2.3")).unwrap_err(), Denied::Connections);
    assert_eq!(gate.connections(), 2);
    assert_eq!((gate.denied().connections, gate.denied().address), (1, 0));
    drop(first);
    drop(gate.enter(ip("192.0.2.3")).unwrap());
}

#[test]
fn an_address_has_so_many_connections_and_an_ipv6_network_is_one_address() {
    let gate = Gate::new(GateLimits::new().per_address(1));
    let first = gate.enter(ip("192.0.2.1")).unwrap();
    assert_eq!(gate.enter(ip("192.0.2.1")).unwrap_err(), Denied::Address);
    // A listener for both versions of IP sees the same address in this form.
    assert_eq!(gate.enter(ip("::ffff:192.0.2.1")).unwrap_err(), Denied::Address);
    drop(first);
    let _first = gate.enter(ip("192.0.2.1")).unwrap();
    let _sixth = gate.enter(ip("2001:db8:0:1::1")).unwrap();
    assert_eq!(gate.enter(ip("2001:db8:0:1:ffff::9")).unwrap_err(), Denied::Address);
    let _other = gate.enter(ip("2001:db8:0:2::1")).unwrap();
}

#[test]
fn the_network_of_an_ipv6_address_is_as_large_as_the_server_says() {
    for (bits, expected) in [(48, Some(Denied::Address)), (64, None), (128, None)] {
        let gate = Gate::new(GateLimits::new().per_address(1).ipv6_prefix(bits));
        let _first = gate.enter(ip("2001:db8:0:1::1")).unwrap();
        assert_eq!(gate.enter(ip("2001:db8:0:2::1")).err(), expected, "{bits}");
    }
}

#[tokio::test(start_paused = true)]
async fn so_many_come_in_a_second_and_those_refused_for_another_reason_do_not_count() {
    let rate = Rate { per_second: 1, at_once: 2 };
    let gate = Gate::new(GateLimits::new().per_address(1).rate(rate));
    let _first = gate.enter(ip("192.0.2.1")).unwrap();
    for _ in 0..10 {
        assert_eq!(gate.enter(ip("192.0.2.1")).unwrap_err(), Denied::Address);
    }
    let second = gate.enter(ip("192.0.2.2")).unwrap();
    assert_eq!(gate.enter(ip("192.0.2.3")).unwrap_err(), Denied::Rate);
    // A connection that was refused for the rate does not count for its address.
    drop(second);
    sleep(Duration::from_secs(1)).await;
    drop(gate.enter(ip("192.0.2.3")).unwrap());
}

#[tokio::test]
async fn a_connection_through_a_trusted_proxy_counts_for_the_client() {
    let trusted = ["10.0.0.0/8".parse().unwrap()];
    let gate =
        Gate::new(GateLimits::new().per_address(1).behind(Forwarding::XForwardedFor, trusted));
    let mut held = Vec::new();
    for (forwarded, expected) in [
        ("192.0.2.1", Ok(ip("192.0.2.1"))),
        ("192.0.2.2", Ok(ip("192.0.2.2"))),
        ("192.0.2.1", Err(429)),
        // An address that the client itself has put before changes nothing.
        ("198.51.100.7, 192.0.2.1", Err(429)),
        ("unknown", Err(400)),
    ] {
        let (near, far) = duplex(1 << 10);
        // The proxy's own address has more than one connection.
        let mut pass = gate.enter(ip("10.0.0.1")).unwrap();
        let server = tokio::spawn(async move {
            let mut found = None;
            let accepted = accept_with(near, WebSocketConfig::new(), |request| {
                found = Some(pass.identify(request).map_err(Denied::rejection)?);
                Ok(OwnedAcceptance::new())
            });
            let accepted = accepted.await;
            (accepted, found, pass)
        });
        let request = OwnedClientRequest::new("ws://example.com/").unwrap();
        let answer = client(request.header("X-Forwarded-For", forwarded), far).await;
        let (accepted, found, pass) = server.await.unwrap();
        match expected {
            Ok(address) => {
                assert_eq!((found, pass.address()), (Some(address), address));
                accepted.unwrap();
                held.push((pass, answer.unwrap()));
            }
            Err(status) => {
                let Err(fullduplex_tokio::Error::Http(refused)) = answer else { panic!() };
                assert_eq!(refused.response.as_response().status(), status);
                assert!(refused.body.ends_with(b"\n"));
            }
        }
    }
    assert_eq!((gate.denied().address, gate.denied().unreadable), (2, 1));
}

#[test]
fn what_an_untrusted_peer_says_of_itself_is_not_believed() {
    let trusted = ["10.0.0.0/8".parse().unwrap()];
    let gate = Gate::new(GateLimits::new().per_address(1).behind(Forwarding::Forwarded, trusted));
    let mut pass = gate.enter(ip("203.0.113.9")).unwrap();
    assert_eq!(pass.identify_by(["for=192.0.2.1"]).unwrap(), ip("203.0.113.9"));
    assert_eq!(gate.enter(ip("203.0.113.9")).unwrap_err(), Denied::Address);
}

/// Echoes text until the connection ends.
async fn echo(mut pass: Pass, mut socket: WebSocketStream<DuplexStream>) {
    while let Some(message) = pass.recv(&mut socket).await {
        let Ok(message) = message else { return };
        if message.is_text() {
            socket.send(message).await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_in_time_is_told_1001_and_the_others_are_dropped_at_the_deadline() {
    let gate = Gate::new(GateLimits::new());
    let mut clients = Vec::new();
    for _ in 0..3 {
        let (server, client) = pair();
        let pass = gate.enter(ip("192.0.2.1")).unwrap();
        tokio::spawn(pass.run(move |pass| echo(pass, server)));
        clients.push(client);
    }
    // A connection that ended before is not counted.
    clients.pop().unwrap().close(None).await.unwrap();
    let mut stubborn = clients.pop().unwrap();
    let mut polite = clients.pop().unwrap();

    let begun = Instant::now();
    let closing = gate.clone();
    let closing = tokio::spawn(async move { closing.close(Duration::from_secs(3)).await });
    polite.send("is this still answered?".into()).await.unwrap();
    let mut seen = Vec::new();
    while let Some(message) = polite.recv().await {
        seen.push(message.unwrap());
    }
    let Some(Message::Close(Some(close))) = seen.pop() else { panic!("{seen:?}") };
    assert_eq!((close.code, &*close.reason), (CloseCode::Away, "the server is going away"));
    assert_eq!(gate.enter(ip("192.0.2.9")).unwrap_err(), Denied::Closing);

    let left = closing.await.unwrap();
    assert_eq!((left.ended, left.dropped), (1, 1));
    let waited = begun.elapsed();
    assert!((3..=4).contains(&waited.as_secs()), "{waited:?}");
    // The stubborn client has received the Close as well, and then its connection was dropped.
    let Some(Ok(Message::Close(Some(close)))) = stubborn.recv().await else { panic!() };
    assert_eq!(close.code, CloseCode::Away);
    assert_eq!(gate.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_does_not_keep_a_server_from_ending() {
    let gate = Gate::new(GateLimits::new());
    let (mut server, _client) = pair();
    let pass = gate.enter(ip("192.0.2.1")).unwrap();
    let handler = move |mut pass: Pass| async move {
        // The stream does not take all of this, so the server is in the middle of a message.
        server.feed(Message::binary(vec![0; 100_000])).await.unwrap();
        while let Some(Ok(_)) = pass.recv(&mut server).await {}
    };
    let handling = tokio::spawn(pass.run(handler));
    sleep(Duration::from_millis(1)).await;
    let begun = Instant::now();
    let left = gate.close(Duration::from_secs(2)).await;
    assert_eq!((left.ended, left.dropped), (0, 1));
    assert!(begun.elapsed() < Duration::from_secs(4));
    assert_eq!(handling.await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn what_the_client_sends_is_received_although_it_reads_nothing() {
    let gate = Gate::new(GateLimits::new());
    let (mut server, mut client) = pair();
    let mut pass = gate.enter(ip("192.0.2.1")).unwrap();
    // This fills the write buffer: a message would have to wait for space, and a Close does not.
    server.feed(Message::binary(vec![0; 2 << 20])).await.unwrap();
    let closing = gate.clone();
    tokio::spawn(async move { closing.close(Duration::from_secs(60)).await });
    gate.closing().await;
    client.send("this is on its way".into()).await.unwrap();
    let begun = Instant::now();
    let mut seen = Vec::new();
    while let Some(message) = pass.recv(&mut server).await {
        seen.push(message);
    }
    assert_eq!(*seen[0].as_ref().unwrap(), Message::text("this is on its way"));
    // The client answers no Close, so the close timeout ends the connection, and the error is returned once.
    assert!(seen[1].as_ref().is_err_and(Error::is_timeout) && seen.len() == 2, "{seen:?}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_gate_without_connections_closes_at_once() {
    let gate = Gate::new(GateLimits::new());
    assert_eq!(gate.close(Duration::MAX).await, Left::default());
    // Closing it again returns at once as well.
    assert_eq!(gate.close(Duration::ZERO).await, Left::default());
}
