//! The opening handshake: requests, responses, and refusals.

use std::time::Duration;

use fullduplex_tokio::fullduplex::handshake::{
    AcceptError, Acceptance, EncodeRequestError, HeadLimits, RejectError, RequestError,
    ResponseError, ServerHandshake,
};
use fullduplex_tokio::fullduplex::headers::InvalidHeader;
use fullduplex_tokio::fullduplex::{HandshakeError, OwnedUri};
use fullduplex_tokio::{
    Decision, Error, Message, OwnedAcceptance, OwnedClientRequest, OwnedRejection, Request, Role,
    WebSocketConfig, WebSocketStream, accept, accept_async, accept_with, client, client_with,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use crate::support::{accept_key, echo, header, read_to_end, status, write};

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

#[tokio::test]
async fn a_client_and_a_server_shake_hands() {
    let (near, far) = duplex(100);
    let serving = tokio::spawn(async move { echo(accept(far).await.unwrap()).await });
    let (mut client, response) = client("ws://localhost:9001/chat", near).await.unwrap();
    assert_eq!(status(&response), 101);
    assert!(header(&response, "sec-websocket-accept").is_some());
    client.send(Message::text("hi")).await.unwrap();
    assert_eq!(client.recv().await.unwrap().unwrap(), Message::text("hi"));
    client.close(None).await.unwrap();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_callback_sees_the_request_and_adds_to_the_response() {
    let (near, far) = duplex(1 << 12);
    let serving = tokio::spawn(async move {
        accept_with(far, Default::default(), |request| {
            assert_eq!(request.target(), "/chat?room=1");
            let headers = request.headers();
            assert_eq!(headers.get_str("host"), Some("localhost"));
            assert_eq!(headers.get_str("x-token"), Some("abc"));
            assert_eq!(headers.get_str("sec-websocket-protocol"), Some("first, second"));
            assert_eq!(headers.get_str("origin"), Some("https://example.com"));
            Ok(OwnedAcceptance::new().subprotocol("second").header("X-Server", "ours"))
        })
        .await
    });
    let request = OwnedClientRequest::new("ws://localhost/chat?room=1")
        .unwrap()
        .header("X-Token", "abc")
        .origin("https://example.com")
        .subprotocol("first")
        .subprotocol("second");
    let (_client, response) = client(request, near).await.unwrap();
    assert_eq!(response.as_response().subprotocol(), Some("second"));
    assert_eq!(header(&response, "x-server"), Some("ours"));
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_server_that_chooses_none_of_the_subprotocols_or_another_is_refused() {
    for (offered, chosen, expected) in [
        ("Sec-WebSocket-Protocol: chat\r\n", "", ResponseError::SubprotocolMissing),
        (
            "Sec-WebSocket-Protocol: chat\r\n",
            "Sec-WebSocket-Protocol: other\r\n",
            ResponseError::Subprotocol,
        ),
        ("", "Sec-WebSocket-Protocol: chat\r\n", ResponseError::Subprotocol),
    ] {
        let (near, mut far) = duplex(1 << 12);
        let mut request = OwnedClientRequest::new("ws://localhost/").unwrap();
        if !offered.is_empty() {
            request = request.subprotocol("chat").require_subprotocol();
        }
        let client = tokio::spawn(client(request, near));
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            head.push(char::from(far.read_u8().await.unwrap()));
        }
        assert!(head.contains(offered), "{head}");
        let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
        let accept = accept_key(key);
        let response = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n{chosen}\r\n"
        );
        write(&mut far, response).await;
        let refused = client.await.unwrap().unwrap_err();
        let expected = expected.into();
        assert!(matches!(&refused, Error::Handshake(found) if *found == expected), "{refused:?}");
    }
}

#[tokio::test]
async fn a_rejection_arrives_with_status_headers_and_body() {
    let (near, far) = duplex(1 << 12);
    let serving = tokio::spawn(async move {
        accept_with(far, Default::default(), |request| {
            assert_eq!(request.path(), "/");
            let rejection = OwnedRejection::new(401).header("WWW-Authenticate", "Bearer");
            Err(rejection.body("Who are you?"))
        })
        .await
    });
    let refused = client("ws://localhost/", near).await.unwrap_err();
    let Error::Http(refused) = refused else { panic!("{refused:?}") };
    assert_eq!(status(&refused.response), 401);
    assert_eq!(header(&refused.response, "www-authenticate"), Some("Bearer"));
    assert_eq!(refused.body, b"Who are you?");
    let rejected = serving.await.unwrap().unwrap_err();
    assert!(matches!(rejected, Error::Responded(401)), "{rejected:?}");
}

#[tokio::test(start_paused = true)]
async fn a_decision_that_takes_time_accepts_and_rejects() {
    for (token, expected) in [("Bearer good", None), ("Bearer bad", Some(401))] {
        let (near, far) = duplex(1 << 12);
        let serving = tokio::spawn(async move {
            let decide = async |request: &Request<'_>| {
                let token = request.headers().get_str("authorization");
                tokio::time::sleep(Duration::from_secs(5)).await;
                match token {
                    Some("Bearer good") => Ok(OwnedAcceptance::new().header("X-User", "7")),
                    _ => Err(OwnedRejection::new(401)),
                }
            };
            accept_async(far, WebSocketConfig::new(), decide).await
        });
        let request = OwnedClientRequest::new("ws://localhost/").unwrap();
        let opened = client(request.header("Authorization", token), near).await;
        match expected {
            None => {
                let (mut socket, response) = opened.unwrap();
                assert_eq!(header(&response, "x-user"), Some("7"));
                let mut server = serving.await.unwrap().unwrap();
                socket.send("hello".into()).await.unwrap();
                assert_eq!(server.recv().await.unwrap().unwrap(), Message::text("hello"));
            }
            Some(expected) => {
                let Err(Error::Http(refused)) = opened else { panic!("{opened:?}") };
                assert_eq!(status(&refused.response), expected);
                assert!(matches!(serving.await.unwrap(), Err(Error::Responded(401))));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_decision_that_takes_too_long_is_dropped_and_the_client_hears_that_it_is_not_its_fault() {
    let (near, far) = duplex(1 << 12);
    let held = std::sync::Arc::new(());
    let dropped = std::sync::Arc::downgrade(&held);
    let serving = tokio::spawn(async move {
        let decide = async move |_: &Request<'_>| {
            let _held = held;
            std::future::pending::<Decision>().await
        };
        accept_async(far, WebSocketConfig::new(), decide).await
    });
    let begun = tokio::time::Instant::now();
    let config = WebSocketConfig::new().handshake_timeout(None);
    let refused = client_with("ws://localhost/", near, config).await.unwrap_err();
    let Error::Http(refused) = refused else { panic!("{refused:?}") };
    assert_eq!((status(&refused.response), begun.elapsed().as_secs()), (503, 10));
    assert!(serving.await.unwrap().unwrap_err().is_timeout());
    assert_eq!(dropped.strong_count(), 0);
}

#[tokio::test]
async fn an_invalid_request_is_refused_before_anything_is_decided() {
    let (mut near, far) = duplex(1 << 12);
    let serving = tokio::spawn(async move {
        let decide = async |_: &Request<'_>| -> Decision { panic!("it is no request") };
        accept_async(far, WebSocketConfig::new(), decide).await
    });
    near.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut response = vec![0; 12];
    near.read_exact(&mut response).await.unwrap();
    assert_eq!(response, b"HTTP/1.1 426");
    drop(near);
    assert!(matches!(serving.await.unwrap(), Err(Error::Handshake(_))));
}

#[tokio::test]
async fn a_callback_that_answers_nonsense_is_our_fault() {
    type Decide = fn() -> Decision;
    type Expected = fn(&Error) -> bool;
    let answers: [(Decide, Expected); 4] = [
        (
            || Ok(OwnedAcceptance::new().subprotocol("never-offered")),
            |error| matches!(error, Error::Accept(AcceptError::SubprotocolNotOffered)),
        ),
        (
            || Ok(OwnedAcceptance::new().header("Upgrade", "h2c")),
            |error| matches!(error, Error::Accept(AcceptError::InvalidHeader(_))),
        ),
        (
            || Err(OwnedRejection::new(200)),
            |error| matches!(error, Error::Reject(RejectError::Status(200))),
        ),
        (
            || Err(OwnedRejection::new(403).header("Content-Length", "7")),
            |error| matches!(error, Error::Reject(RejectError::InvalidHeader(_))),
        ),
    ];
    for (decide, expected) in answers {
        let (near, far) = duplex(1 << 12);
        let serving = tokio::spawn(accept_with(far, Default::default(), move |_| decide()));
        let refused = client("ws://localhost/", near).await.unwrap_err();
        assert!(matches!(refused, Error::Http(refused) if status(&refused.response) == 500));
        let error = serving.await.unwrap().unwrap_err();
        assert!(expected(&error), "{error:?}");
    }
}

/// tungstenite sends such a choice, and its client has to notice.
#[tokio::test]
async fn a_choice_that_was_not_offered_is_stopped_at_the_server() {
    for offered in [None, Some("my-sub-protocol")] {
        let (near, far) = duplex(1 << 12);
        let serving = tokio::spawn(accept_with(far, Default::default(), |_| {
            Ok(OwnedAcceptance::new().subprotocol("invalid-sub-protocol"))
        }));
        let mut request = OwnedClientRequest::new("ws://localhost/").unwrap();
        if let Some(offered) = offered {
            request = request.subprotocol(offered);
        }
        let refused = client(request, near).await.unwrap_err();
        assert!(
            matches!(refused, Error::Http(refused) if status(&refused.response) == 500),
            "{offered:?}"
        );
        let ours = serving.await.unwrap().unwrap_err();
        assert!(matches!(ours, Error::Accept(AcceptError::SubprotocolNotOffered)), "{ours:?}");
    }
}

#[tokio::test]
async fn a_handshake_by_hand_goes_on_as_a_websocket() {
    let (near, mut far) = duplex(1 << 12);
    let client = tokio::spawn(client("ws://localhost/chat", near));
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(far.read_u8().await.unwrap());
    }
    let mut handshake = ServerHandshake::new(HeadLimits::new());
    let request = handshake.poll(&head).unwrap().unwrap();
    let mut response = [0; 512];
    let (len, negotiated) = request.accept(&Acceptance::new(), &mut response).unwrap();
    write(&mut far, &response[..len]).await;
    let mut server =
        WebSocketStream::from_negotiated(far, &[], Role::Server, negotiated, Default::default());
    let (mut client, _) = client.await.unwrap().unwrap();
    client.send(Message::text("hi")).await.unwrap();
    assert_eq!(server.recv().await.unwrap().unwrap(), Message::text("hi"));
}

#[tokio::test]
async fn a_client_that_leaves_before_the_response_is_no_failure_of_the_transport() {
    let (near, mut far) = duplex(1 << 12);
    write(&mut far, REQUEST).await;
    drop(far);
    let error = accept(near).await.unwrap_err();
    let reset = fullduplex_tokio::fullduplex::Ended::Reset.into();
    assert!(matches!(error, Error::Protocol(found) if found == reset), "{error:?}");
}

#[tokio::test]
async fn an_invalid_request_is_answered_with_its_status() {
    let (near, mut far) = duplex(1 << 12);
    let serving = tokio::spawn(accept(near));
    write(&mut far, "POST / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    far.shutdown().await.unwrap();
    let answer = String::from_utf8(read_to_end(&mut far).await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    let error = serving.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Handshake(found) if found == RequestError::Method.into()));
}

#[tokio::test]
async fn frames_right_behind_the_handshake_are_not_lost() {
    let (near, mut far) = duplex(1 << 12);
    let early = fullduplex_testkit::Frame::text("early").masked().encode();
    write(&mut far, [REQUEST.as_bytes(), &early].concat()).await;
    let mut server = accept(near).await.unwrap();
    assert_eq!(server.recv().await.unwrap().unwrap(), Message::text("early"));
    let mut head = [0; 12];
    far.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 101");
}

#[tokio::test]
async fn a_request_that_cannot_be_sent_is_refused() {
    for url in ["ftp://localhost/", "ws://", "not a url", "localhost:9000"] {
        let refused = client(url, duplex(10).0).await.unwrap_err();
        assert!(matches!(refused, Error::Url(_)), "{url}: {refused:?}");
    }
    let request = || OwnedClientRequest::new("ws://localhost/").unwrap();
    for (request, expected) in [
        (request().header("Host", "elsewhere"), InvalidHeader::Reserved { index: 0 }),
        (request().header("X-A", "a").header("X B", "b"), InvalidHeader::Name { index: 1 }),
        (request().header("X-A", "a\r\nX-B: b"), InvalidHeader::Value { index: 0 }),
        (request().subprotocol("a b"), InvalidHeader::Subprotocol { index: 0 }),
        (
            request().subprotocol("a").subprotocol("a"),
            InvalidHeader::DuplicateSubprotocol { index: 1 },
        ),
        (request().origin(""), InvalidHeader::Origin),
    ] {
        let refused = client(request, duplex(10).0).await.unwrap_err();
        let expected = HandshakeError::Encode(EncodeRequestError::InvalidHeader(expected));
        assert!(matches!(&refused, Error::Handshake(found) if *found == expected), "{refused:?}");
    }
}

/// The caller connects the stream to any address, and the request names the host of the URL.
#[tokio::test]
async fn a_request_may_name_another_host_than_it_is_sent_to() {
    for (url, expected) in [
        ("ws://localhost:80/chat?room=1", "localhost"),
        ("ws://user@chat.example:8080/chat?room=1", "chat.example:8080"),
    ] {
        let (near, far) = duplex(1 << 12);
        let serving = tokio::spawn(accept_with(far, Default::default(), move |request| {
            assert_eq!(request.host(), expected);
            assert_eq!(request.target(), "/chat?room=1");
            assert_eq!(request.headers().get("authorization").is_some(), url.contains("user@"));
            Ok(OwnedAcceptance::new())
        }));
        let request = OwnedClientRequest::from_uri(OwnedUri::parse(url).unwrap());
        client(request, near).await.unwrap();
        serving.await.unwrap().unwrap();
    }
}
