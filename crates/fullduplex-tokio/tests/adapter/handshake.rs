//! The opening handshake: what is asked, what is answered, what is refused.

use std::io::ErrorKind;

use fullduplex_tokio::fullduplex::handshake::{
    AcceptError, RejectError, RequestError, ResponseError,
};
use fullduplex_tokio::http::{HeaderValue, StatusCode};
use fullduplex_tokio::tungstenite::handshake::derive_accept_key;
use fullduplex_tokio::{
    ClientRequestBuilder, Error, ErrorResponse, IntoClientRequest, Message, OwnedRejection,
    Request, Response, accept_async, accept_hdr_async, accept_with, client_async,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use crate::support::{echo, read_to_end, write};

#[tokio::test]
async fn a_client_and_a_server_shake_hands() {
    let (near, far) = duplex(100);
    let serving = tokio::spawn(async move { echo(accept_async(far).await.unwrap()).await });
    let (mut client, response) = client_async("ws://localhost:9001/chat", near).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert!(response.headers().contains_key("sec-websocket-accept"));
    client.send(Message::text("hi")).await.unwrap();
    assert_eq!(client.recv().await.unwrap().unwrap(), Message::text("hi"));
    client.close(None).await.unwrap();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_callback_sees_the_request_and_adds_to_the_response() {
    let (near, far) = duplex(1 << 12);
    #[expect(clippy::result_large_err)]
    let callback = |request: &Request, mut response: Response| -> Result<_, ErrorResponse> {
        assert_eq!(request.uri().path_and_query().unwrap(), "/chat?room=1");
        assert_eq!(request.headers()["host"], "localhost");
        assert_eq!(request.headers()["x-token"], "abc");
        assert_eq!(request.headers()["sec-websocket-protocol"], "first, second");
        assert_eq!(request.headers()["origin"], "https://example.com");
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        let headers = response.headers_mut();
        headers.append("Sec-WebSocket-Protocol", HeaderValue::from_static("second"));
        headers.append("X-Server", HeaderValue::from_static("ours"));
        Ok(response)
    };
    let serving = tokio::spawn(accept_hdr_async(far, callback));
    let request = ClientRequestBuilder::new("ws://localhost/chat?room=1".parse().unwrap())
        .with_header("X-Token", "abc")
        .with_header("Origin", "https://example.com")
        .with_sub_protocol("first")
        .with_sub_protocol("second");
    let (_client, response) = client_async(request, near).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "second");
    assert_eq!(response.headers()["x-server"], "ours");
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
        let mut request = ClientRequestBuilder::new("ws://localhost/".parse().unwrap());
        if !offered.is_empty() {
            request = request.with_sub_protocol("chat");
        }
        let client = tokio::spawn(client_async(request, near));
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            head.push(char::from(far.read_u8().await.unwrap()));
        }
        assert!(head.contains(offered), "{head}");
        let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
        let accept = derive_accept_key(key.as_bytes());
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
    #[expect(clippy::result_large_err)]
    let callback = |_: &Request, _: Response| -> Result<Response, _> {
        let mut response = ErrorResponse::new(Some("Who are you?".to_owned()));
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        response.headers_mut().insert("WWW-Authenticate", HeaderValue::from_static("Bearer"));
        Err(response)
    };
    let serving = tokio::spawn(accept_hdr_async(far, callback));
    let refused = client_async("ws://localhost/", near).await.unwrap_err();
    let Error::Http(response) = refused else { panic!("{refused:?}") };
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
    assert_eq!(response.body().as_deref(), Some(&b"Who are you?"[..]));
    let rejected = serving.await.unwrap().unwrap_err();
    assert!(matches!(rejected, Error::Rejected(401)));
}

#[tokio::test]
#[expect(clippy::result_large_err)]
async fn a_callback_that_answers_nonsense_is_our_fault() {
    type Answer = fn(&Request, Response) -> Result<Response, ErrorResponse>;
    let answers: [(Answer, fn(&Error) -> bool); 3] = [
        (
            |_, mut response| {
                response
                    .headers_mut()
                    .append("Sec-WebSocket-Protocol", HeaderValue::from_static("never-offered"));
                Ok(response)
            },
            |error| matches!(error, Error::Accept(AcceptError::SubprotocolNotOffered)),
        ),
        (
            |_, _| Err(ErrorResponse::new(None)),
            |error| matches!(error, Error::Reject(RejectError::Status(200))),
        ),
        (
            |_, _| Ok(Response::new(())),
            |error| matches!(error, Error::Reject(RejectError::Status(200))),
        ),
    ];
    for (callback, expected) in answers {
        let (near, far) = duplex(1 << 12);
        let serving = tokio::spawn(accept_hdr_async(far, callback));
        let refused = client_async("ws://localhost/", near).await.unwrap_err();
        assert!(matches!(refused, Error::Http(response) if response.status() == 500));
        let error = serving.await.unwrap().unwrap_err();
        assert!(expected(&error), "{error:?}");
    }
}

#[tokio::test]
async fn the_core_s_own_callback_costs_no_http_types() {
    let (near, far) = duplex(1 << 12);
    let serving = tokio::spawn(async move {
        accept_with(far, Default::default(), |request| {
            assert_eq!(request.path(), "/");
            Err(OwnedRejection::new(404).body("No such room.\n"))
        })
        .await
    });
    let refused = client_async("ws://localhost/", near).await.unwrap_err();
    assert!(matches!(refused, Error::Http(response) if response.status() == 404));
    let rejected = serving.await.unwrap().unwrap_err();
    assert!(matches!(rejected, Error::Rejected(404)));
}

#[tokio::test]
async fn an_invalid_request_is_answered_with_its_status() {
    let (near, mut far) = duplex(1 << 12);
    let serving = tokio::spawn(accept_async(near));
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
    let request = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let early = fullduplex_testkit::Frame::text("early").masked().encode();
    write(&mut far, [request.as_bytes(), &early].concat()).await;
    let mut server = accept_async(near).await.unwrap();
    assert_eq!(server.recv().await.unwrap().unwrap(), Message::text("early"));
    let mut head = [0; 12];
    far.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 101");
}

#[tokio::test]
async fn a_request_that_cannot_be_sent_is_refused() {
    for url in ["ftp://localhost/", "ws://", "not a url", "localhost:9000"] {
        let refused = client_async(url, duplex(10).0).await.unwrap_err();
        assert!(matches!(refused, Error::Url(_)), "{url}: {refused:?}");
    }
    let is_invalid =
        |error: &Error| matches!(error, Error::Io(why) if why.kind() == ErrorKind::InvalidInput);
    for host in ["", "user@elsewhere", "elsewhere/path", "a b", "elsewhere:port", "ünlesbar"] {
        let mut request = "ws://localhost/".into_client_request().unwrap();
        request.headers_mut().insert("Host", HeaderValue::from_bytes(host.as_bytes()).unwrap());
        let refused = client_async(request, duplex(10).0).await.unwrap_err();
        assert!(is_invalid(&refused), "{host}: {refused:?}");
    }
    let twice = ClientRequestBuilder::new("ws://localhost/".parse().unwrap());
    let refused = client_async(twice.with_header("Host", "elsewhere"), duplex(10).0).await;
    assert!(is_invalid(&refused.unwrap_err()));
}

#[tokio::test]
async fn a_request_may_name_another_host_than_it_is_sent_to() {
    for (url, host, expected) in [
        ("ws://127.0.0.1:9001/chat?room=1", "localhost", "localhost"),
        ("ws://127.0.0.1:9001/chat?room=1", "chat.example:8080", "chat.example:8080"),
        ("ws://user@[::1]:9001/chat?room=1", "chat.example", "chat.example"),
        ("ws://localhost:9001/chat?room=1", "localhost:9001", "localhost:9001"),
    ] {
        let (near, far) = duplex(1 << 12);
        #[expect(clippy::result_large_err)]
        let callback = move |request: &Request, response: Response| -> Result<_, ErrorResponse> {
            assert_eq!(request.headers()["host"], expected);
            assert_eq!(request.uri(), "/chat?room=1");
            assert_eq!(request.headers().contains_key("authorization"), url.contains("user@"));
            Ok(response)
        };
        let serving = tokio::spawn(accept_hdr_async(far, callback));
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("Host", HeaderValue::from_static(host));
        client_async(request, near).await.unwrap();
        serving.await.unwrap().unwrap();
    }
}
