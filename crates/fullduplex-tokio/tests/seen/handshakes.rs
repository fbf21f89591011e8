//! Opening handshakes that fail, as the server and as the client see them.

use fullduplex_tokio::{
    Cause, ConnectOptions, Connector, Error, OwnedAcceptance, OwnedClientRequest, OwnedRejection,
    Request, WebSocketConfig, accept, accept_async, accept_or_respond, accept_tls_with,
    accept_with, client_tls_with, client_with, connect_with,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::TcpListener;
use tracing::Level;
use tracing_subscriber::filter::LevelFilter;

use crate::support::{Ear, Told, counted, counters, failures, secs};

const HEAD: &str = "GET /chat/room?token=secret HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nCookie: secret\r\nAuthorization: Bearer secret\r\n";

const KEY: &str =
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// Sends a server `request`, and returns what was told and counted of the opening handshake that fails.
async fn refused(
    config: WebSocketConfig,
    request: &str,
    then_ends: bool,
) -> (Told, Vec<(Cause, u64)>) {
    let (ear, _guard) = Ear::listen();
    let all = counters();
    let (mut near, far) = duplex(1 << 16);
    let decide = |request: &Request<'_>| match request.path() {
        "/forbidden" => Err(OwnedRejection::new(403)),
        "/broken" => Ok(OwnedAcceptance::new().header("X", "a\r\nb")),
        _ => Ok(OwnedAcceptance::new()),
    };
    let accepting = accept_with(far, config.counters(all), decide);
    let client = async {
        near.write_all(request.as_bytes()).await.unwrap();
        if then_ends {
            near.shutdown().await.unwrap();
        }
        let mut response = Vec::new();
        near.read_to_end(&mut response).await.unwrap();
    };
    let (accepted, ()) = tokio::join!(accepting, client);
    assert!(accepted.is_err());
    let counts = all.snapshot();
    assert_eq!((counts.opened, counts.open()), (0, 0));
    assert_eq!(ear.told().len(), 1);
    (ear.one("server", "not opened"), failures(&counts))
}

#[tokio::test(start_paused = true)]
async fn a_server_says_why_it_has_not_opened() {
    let short = WebSocketConfig::new().handshake_timeout(Some(secs(3)));
    let forbidden = HEAD.replace("/chat/room", "/forbidden");
    let broken = HEAD.replace("/chat/room", "/broken");
    let plain = "GET /page HTTP/1.1\r\nHost: a\r\n\r\n";
    let post = "POST /page HTTP/1.1\r\nHost: a\r\n\r\n";
    for (request, ends, cause, status, path) in [
        ([HEAD, "Broken\r\n\r\n"].concat(), false, Cause::BadRequest, "400", ""),
        ([HEAD, &KEY.replace("13", "12")].concat(), false, Cause::BadRequest, "426", ""),
        ([&*forbidden, KEY].concat(), false, Cause::Rejected, "403", "/forbidden"),
        ([&*broken, KEY].concat(), false, Cause::HandshakeLocal, "", "/broken"),
        (plain.into(), false, Cause::NotWebSocket, "426", ""),
        (post.into(), false, Cause::NotWebSocket, "405", ""),
        (HEAD.into(), false, Cause::HandshakeTimeout, "", ""),
        (HEAD.into(), true, Cause::HandshakeEnded, "", ""),
    ] {
        let (told, counted) = refused(short, &request, ends).await;
        assert_eq!(told.all(["cause", "status", "path"]), [cause.name(), status, path]);
        assert_eq!(counted, [(cause, 1)]);
        let level = if cause == Cause::HandshakeLocal { Level::WARN } else { Level::DEBUG };
        assert_eq!(told.level, level);
        assert!(!told.get("error").is_empty());
        assert!(told.values().all(|value| !value.contains("secret")), "{told:?}");
        if cause == Cause::HandshakeTimeout {
            assert_eq!(told.get("duration_ms"), "3000");
        }
    }
}

#[tokio::test]
async fn a_client_that_leaves_before_the_response_has_ended_the_handshake() {
    let (ear, _guard) = Ear::listen();
    let all = counters();
    let (mut near, far) = duplex(1 << 12);
    near.write_all([HEAD, KEY].concat().as_bytes()).await.unwrap();
    drop(near);
    accept_with(far, counted(all), |_| Ok(OwnedAcceptance::new())).await.unwrap_err();
    assert_eq!(ear.one("server", "not opened").get("cause"), "handshake_ended");
    assert_eq!(failures(&all.snapshot()), [(Cause::HandshakeEnded, 1)]);
}

#[tokio::test]
async fn a_health_check_that_is_answered_is_no_failure() {
    let (ear, _guard) = Ear::listen();
    let all = counters();
    let (mut near, far) = duplex(1 << 12);
    near.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    near.shutdown().await.unwrap();
    let accept = |_: &Request<'_>| Ok(OwnedAcceptance::new());
    let accepted =
        accept_or_respond(far, counted(all), accept, |_| Some(OwnedRejection::new(200))).await;
    assert!(matches!(accepted, Err(Error::Responded(200))));
    assert_eq!(ear.one("server", "responded").get("status"), "200");
    assert_eq!(ear.told().len(), 1);
    assert_eq!((all.snapshot().opened, failures(&all.snapshot())), (0, vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_decision_that_takes_too_long_or_is_given_up_has_its_cause() {
    for (gives_up, cause) in [(false, Cause::HandshakeTimeout), (true, Cause::HandshakeDropped)] {
        let (ear, _guard) = Ear::listen();
        let all = counters();
        let (mut near, far) = duplex(1 << 12);
        near.write_all([HEAD, KEY].concat().as_bytes()).await.unwrap();
        near.shutdown().await.unwrap();
        let accepting =
            accept_async(far, counted(all), async |_: &Request<'_>| std::future::pending().await);
        let patience = if gives_up { secs(1) } else { secs(60) };
        let accepted = tokio::time::timeout(patience, accepting).await;
        assert_eq!(accepted.is_err(), gives_up);
        assert_eq!(ear.one("server", "not opened").get("cause"), cause.name());
        assert_eq!(failures(&all.snapshot()), [(cause, 1)]);
    }
}

#[tokio::test]
async fn a_span_around_the_opening_handshake_is_around_the_connection() {
    use tracing::Instrument;

    let (ear, _guard) = Ear::listen();
    let around = || tracing::debug_span!("connection", address = "192.0.2.1");
    let (near, far) = duplex(1 << 12);
    let accepting = accept(far).instrument(around());
    let connecting =
        client_with("ws://localhost/", near, WebSocketConfig::new()).instrument(around());
    let (accepted, connected) = tokio::join!(accepting, connecting);
    drop((accepted.unwrap(), connected.unwrap()));
    for role in ["server", "client"] {
        assert_eq!(ear.of(role).len(), 2);
        assert!(ear.of(role).iter().all(|told| told.get("address") == "192.0.2.1"));
    }
}

/// Lets our client read `response`, and returns what was told and counted.
async fn not_opened(response: &[u8]) -> (Told, Vec<(Cause, u64)>) {
    let (ear, _guard) = Ear::listen();
    let all = counters();
    let (near, mut far) = duplex(1 << 16);
    far.write_all(response).await.unwrap();
    far.shutdown().await.unwrap();
    client_with("ws://user:secret@localhost/a?token=secret", near, counted(all)).await.unwrap_err();
    (ear.one("client", "not opened"), failures(&all.snapshot()))
}

#[tokio::test]
async fn a_client_says_why_it_has_not_opened() {
    for (response, cause, status) in [
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", Cause::Refused, "403"),
        ("HTTP/1.1 302 Found\r\nLocation: /login?code=secret\r\n\r\n", Cause::Refused, "302"),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", Cause::BadResponse, ""),
        ("HTTP/1.1 101 Sw", Cause::HandshakeEnded, ""),
    ] {
        let (told, counted) = not_opened(response.as_bytes()).await;
        assert_eq!(told.all(["cause", "status", "path"]), [cause.name(), status, "/a"]);
        assert_eq!(told.get("peer"), "localhost:80");
        assert!(told.values().all(|value| !value.contains("secret")), "{told:?}");
        assert_eq!(counted, [(cause, 1)]);
    }
    let (ear, _guard) = Ear::listen();
    let all = counters();
    let request = OwnedClientRequest::new("ws://localhost").unwrap().header("X", "a\r\nb");
    client_with(request, duplex(100).0, counted(all)).await.unwrap_err();
    assert_eq!(ear.one("client", "not opened").level, Level::WARN);
    assert_eq!(failures(&all.snapshot()), [(Cause::HandshakeLocal, 1)]);
}

/// Without counters, and with a subscriber that wants no debug events, a fault of our own is told, with what is known of the
/// connection.
#[tokio::test]
async fn a_fault_of_our_own_is_told_to_whoever_wants_warnings() {
    let (ear, _guard) = Ear::listen_from(LevelFilter::INFO);
    let request = OwnedClientRequest::new("ws://localhost/a").unwrap().header("X", "a\r\nb");
    client_with(request, duplex(100).0, WebSocketConfig::new()).await.unwrap_err();
    let told = ear.one("client", "not opened");
    assert_eq!((told.level, told.get("path")), (Level::WARN, "/a"));
    let (near, far) = duplex(1000);
    drop(far);
    client_with("ws://localhost/a", near, WebSocketConfig::new()).await.unwrap_err();
    assert_eq!(ear.told().len(), 1, "what a peer can cause is no warning");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let (ear, _guard) = Ear::listen();
    let all = counters();
    let address = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let options = ConnectOptions::new().config(counted(all));
    connect_with(format!("ws://{address}/a"), &options).await.unwrap_err();
    let told = ear.one("client", "not opened");
    assert_eq!(told.all(["cause", "peer"]), ["unreachable", &address.to_string()]);
    assert_eq!(failures(&all.snapshot()), [(Cause::Unreachable, 1)]);
}

#[tokio::test]
async fn a_tls_handshake_that_fails_has_its_cause_at_both_ends() {
    use fullduplex_tokio::rustls::RootCertStore;
    use fullduplex_tokio::tls::{client_config, server_config};
    use rcgen::{CertifiedKey, generate_simple_self_signed};

    let (ear, _guard) = Ear::listen();
    let all = counters();
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = signing_key.serialize_der().try_into().unwrap();
    let tls = server_config(vec![cert.der().clone()], key).unwrap();
    // The client trusts no certificate.
    let connector = client_config(RootCertStore::empty()).unwrap();
    let (near, far) = duplex(1 << 16);
    let accepting = accept_tls_with(far, tls, counted(all), |_| Ok(OwnedAcceptance::new()));
    let connecting =
        client_tls_with("wss://localhost/", near, counted(all), Some(Connector::Rustls(connector)));
    let (accepted, connected) = tokio::join!(accepting, connecting);
    assert!(accepted.is_err() && connected.is_err());
    for role in ["server", "client"] {
        assert_eq!(ear.one(role, "not opened").get("cause"), "tls");
    }
    assert_eq!(failures(&all.snapshot()), [(Cause::Tls, 2)]);
}
