//! What applications of tokio-tungstenite say, under the names that they have there.

use fullduplex_tokio as tokio_tungstenite;

use fullduplex_tokio::fullduplex::handshake::{AcceptError, RequestError};
use fullduplex_tokio::fullduplex::{FrameError, MessageError};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio_tungstenite::tungstenite::error::{Error, TlsError};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::handshake::server::{
    ErrorResponse, Request as ServerRequest, Response, create_response, create_response_with_body,
};
use tokio_tungstenite::tungstenite::http::{Request, StatusCode};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{ClientRequestBuilder, WebSocketStream, accept_hdr_async, client_async};

/// A request as an HTTP server has read it.
fn request(key: &str) -> Request<()> {
    let builder = Request::builder().uri("/chat").header("Host", "localhost");
    let builder =
        builder.header("Connection", "keep-alive, Upgrade").header("Upgrade", "websocket");
    let builder = builder.header("Sec-WebSocket-Version", "13").header("Sec-WebSocket-Key", key);
    builder.body(()).unwrap()
}

#[test]
fn a_response_is_made_for_a_request_that_something_else_has_read() {
    let key = generate_key();
    let response = create_response(&request(&key)).unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(response.headers()["connection"], "Upgrade");
    assert_eq!(response.headers()["upgrade"], "websocket");
    assert_eq!(response.headers()["sec-websocket-accept"], derive_accept_key(key.as_bytes()));
    let with_body = create_response_with_body(&request(&key).map(|()| "any"), String::new).unwrap();
    assert_eq!(with_body.headers(), response.headers());
    assert_eq!(with_body.body(), "");
    let refused = create_response(&request("no key")).unwrap_err();
    assert!(matches!(refused, Error::Handshake(error) if error == RequestError::Key.into()));
    let refused = create_response(&Request::new(())).unwrap_err();
    assert!(matches!(refused, Error::Handshake(_)), "{refused:?}");
}

#[tokio::test]
async fn a_handshake_by_hand_goes_on_as_a_websocket() {
    let (near, mut far) = duplex(1 << 12);
    let client = tokio::spawn(client_async("ws://localhost/chat", near));
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(char::from(far.read_u8().await.unwrap()));
    }
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let response = create_response(&request(key)).unwrap();
    let mut text = String::from("HTTP/1.1 101 Switching Protocols\r\n");
    for (name, value) in response.headers() {
        text += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    far.write_all(format!("{text}\r\n").as_bytes()).await.unwrap();
    let mut server = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
    let (mut client, _) = client.await.unwrap().unwrap();
    client.send(Message::text("hi")).await.unwrap();
    assert_eq!(server.recv().await.unwrap().unwrap(), Message::text("hi"));
}

/// What tungstenite's tests `test_invalid_subprotocol` and `test_server_sent_subprotocol_none_requested` do: there the
/// server sends its choice, and the client has to notice.
#[tokio::test]
async fn a_choice_that_was_not_offered_is_stopped_at_the_server() {
    for offered in [None, Some("my-sub-protocol")] {
        let (near, far) = duplex(1 << 12);
        #[expect(clippy::result_large_err)]
        let callback = |_: &ServerRequest, mut response: Response| -> Result<_, ErrorResponse> {
            let chosen = "invalid-sub-protocol".parse().unwrap();
            response.headers_mut().append("Sec-WebSocket-Protocol", chosen);
            Ok(response)
        };
        let serving = tokio::spawn(accept_hdr_async(far, callback));
        let mut request = ClientRequestBuilder::new("ws://localhost/".parse().unwrap());
        if let Some(offered) = offered {
            request = request.with_sub_protocol(offered);
        }
        let refused = client_async(request, near).await.unwrap_err();
        assert!(
            matches!(refused, Error::Http(response) if response.status() == 500),
            "{offered:?}"
        );
        let ours = serving.await.unwrap().unwrap_err();
        assert!(matches!(ours, Error::Accept(AcceptError::SubprotocolNotOffered)), "{ours:?}");
    }
}

#[tokio::test]
async fn a_frame_over_its_limit_is_told_from_a_message_over_its_limit() {
    let config = WebSocketConfig::new().max_frame_size(Some(5)).max_message_size(Some(8));
    let frame =
        |opcode: u8, len: u8| [vec![opcode, 0x80 | len, 0, 0, 0, 0], vec![7; len.into()]].concat();
    for (sent, is_frame) in [
        (frame(0x82, 7), true),
        // More than either limit: the frame's header is what is seen first.
        (frame(0x82, 9), true),
        ([frame(0x02, 5), frame(0x80, 5)].concat(), false),
    ] {
        let (near, mut far) = duplex(1 << 12);
        let mut server = WebSocketStream::from_raw_socket(near, Role::Server, Some(config)).await;
        far.write_all(&sent).await.unwrap();
        let error = server.recv().await.unwrap().unwrap_err();
        let expected =
            if is_frame { FrameError::TooLarge.into() } else { MessageError::TooLarge.into() };
        assert!(matches!(error, Error::Protocol(found) if found == expected), "{error:?}");
        // The peer is told, which tungstenite's is not.
        let mut close = [0; 4];
        far.read_exact(&mut close).await.unwrap();
        assert_eq!((close[0], u16::from_be_bytes([close[2], close[3]])), (0x88, 1009));
    }
}

#[test]
fn text_codes_and_errors_convert_as_they_do_there() {
    let frame = CloseFrame { code: CloseCode::Library(4004), reason: "no room".into() };
    assert_eq!((u16::from(&frame.code), u16::from(frame.code)), (4004, 4004));
    let reason = String::from("no room");
    assert_eq!(frame.reason, &reason);
    assert_eq!(Utf8Bytes::from_static("hi"), std::borrow::Cow::from("hi"));
    let error = tokio_tungstenite::rustls::Error::HandshakeNotComplete;
    assert!(matches!(Error::Tls(error.into()), Error::Tls(TlsError::Rustls(_))));
}
