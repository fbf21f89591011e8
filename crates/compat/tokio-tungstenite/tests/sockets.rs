//! What programs rely on when they use tokio-tungstenite.

#![cfg(feature = "connect")]

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::fullduplex::DeflateConfig;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Error, Message};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, accept_async, accept_async_with_config, accept_hdr_async,
    client_async, client_async_with_config, connect_async,
};

async fn pair(
    config: WebSocketConfig,
) -> (WebSocketStream<DuplexStream>, WebSocketStream<DuplexStream>) {
    let (near, far) = duplex(1 << 16);
    let client = WebSocketStream::from_raw_socket(near, Role::Client, Some(config)).await;
    (client, WebSocketStream::from_raw_socket(far, Role::Server, Some(config)).await)
}

fn is_send_and_sync<T: Send + Sync>(_: &T) {}

fn is_send<T: Send>(value: T) -> T {
    value
}

#[tokio::test]
async fn a_refused_connection_is_the_error_of_the_operating_system() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    drop(listener);
    match connect_async(url).await.unwrap_err() {
        Error::Io(error) => {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
            assert!(error.raw_os_error().is_some(), "{error:?}");
        }
        error => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn a_split_socket_echoes_over_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/chat", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (sink, stream) = accept_async(stream).await.unwrap().split();
        let data = stream.filter(|message| {
            let is_data = message.as_ref().is_ok_and(|it| it.is_text() || it.is_binary());
            async move { is_data }
        });
        data.forward(sink).await
    });
    let (socket, response) = is_send(connect_async(url)).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    let socket: WebSocketStream<MaybeTlsStream<TcpStream>> = socket;
    is_send_and_sync(&socket);
    let (mut sink, mut stream) = socket.split();
    for number in 0..100 {
        sink.feed(Message::text(number.to_string())).await.unwrap();
    }
    sink.flush().await.unwrap();
    for number in 0..100 {
        let message = stream.next().await.unwrap().unwrap();
        assert_eq!(message.to_text().unwrap(), number.to_string());
    }
    sink.send(Message::Close(None)).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), Message::Close(None));
    assert!(stream.next().await.is_none());
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_callback_chooses_and_rejects() {
    #[expect(clippy::result_large_err)]
    fn callback(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
        if request.uri().path() == "/chat" {
            response.headers_mut().insert("Sec-WebSocket-Protocol", "v2".parse().unwrap());
            return Ok(response);
        }
        let mut refused = ErrorResponse::new(Some("no such room".into()));
        *refused.status_mut() = StatusCode::NOT_FOUND;
        Err(refused)
    }
    for path in ["chat", "other"] {
        let (near, far) = duplex(1 << 12);
        let serving = tokio::spawn(is_send(accept_hdr_async(far, callback)));
        let uri = format!("ws://localhost/{path}").parse().unwrap();
        let request =
            ClientRequestBuilder::new(uri).with_sub_protocol("v1").with_sub_protocol("v2");
        match client_async(request, near).await {
            Ok((_, response)) => {
                assert_eq!(
                    (path, &response.headers()["sec-websocket-protocol"]),
                    ("chat", &"v2".parse().unwrap())
                );
                serving.await.unwrap().unwrap();
            }
            Err(Error::Http(response)) => {
                assert_eq!((path, response.status()), ("other", StatusCode::NOT_FOUND));
                assert_eq!(response.body().as_deref(), Some(&b"no such room"[..]));
                assert!(matches!(serving.await.unwrap(), Err(Error::Http(_))));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn frames_are_fragments_of_one_message_or_refused() {
    let (mut client, mut server) = pair(WebSocketConfig::default()).await;
    let frame = |data, text: &'static str, last| {
        Message::Frame(Frame::message(text, OpCode::Data(data), last))
    };
    assert!(matches!(
        client.send(frame(Data::Continue, "?", true)).await,
        Err(Error::Protocol(ProtocolError::UnexpectedContinueFrame))
    ));
    client.feed(frame(Data::Text, "two ", false)).await.unwrap();
    client.feed(Message::Frame(Frame::ping("between"))).await.unwrap();
    client.send(frame(Data::Continue, "parts", true)).await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), Message::Ping("between".into()));
    assert_eq!(server.next().await.unwrap().unwrap(), Message::text("two parts"));
}

#[tokio::test]
async fn a_sink_that_is_closed_sends_a_close_without_a_code() {
    let (mut client, mut server) = pair(WebSocketConfig::default()).await;
    SinkExt::close(&mut client).await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), Message::Close(None));
    assert!(matches!(
        client.send(Message::text("?")).await,
        Err(Error::Protocol(ProtocolError::SendAfterClosing))
    ));
    // The sink's `close` may be called twice; a second Close message is an error.
    SinkExt::close(&mut client).await.unwrap();
    SinkExt::close(&mut server).await.unwrap();
    let again = client.close(None).await;
    assert!(matches!(again, Err(Error::Protocol(ProtocolError::SendAfterClosing))));
    assert!(matches!(server.close(None).await, Err(Error::ConnectionClosed)));
    assert_eq!(client.next().await.unwrap().unwrap(), Message::Close(None));
    assert!(server.next().await.is_none());
}

#[tokio::test]
async fn close_sends_its_code_and_the_other_end_reads_it() {
    let (mut client, mut server) = pair(WebSocketConfig::default()).await;
    let frame = CloseFrame { code: CloseCode::Library(4004), reason: "no room".into() };
    let never_sent = CloseFrame { code: CloseCode::Abnormal, reason: "".into() };
    assert!(matches!(
        client.close(Some(never_sent)).await,
        Err(Error::Protocol(ProtocolError::InvalidCloseSequence))
    ));
    client.close(Some(frame.clone())).await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), Message::Close(Some(frame)));
}

#[tokio::test]
async fn a_message_over_the_limit_is_told_with_its_size() {
    let (near, mut far) = duplex(1 << 12);
    let config = WebSocketConfig::default().max_message_size(Some(5));
    let mut server = WebSocketStream::from_raw_socket(near, Role::Server, Some(config)).await;
    assert_eq!(server.get_config().max_message_size, Some(5));
    far.write_all(b"\x81\x86\0\0\0\0").await.unwrap();
    assert!(matches!(
        server.next().await,
        Some(Err(Error::Capacity(CapacityError::MessageTooLong { size: 6, max_size: 5 })))
    ));
    let mut close = [0; 4];
    far.read_exact(&mut close).await.unwrap();
    assert_eq!((close[0], u16::from_be_bytes([close[2], close[3]])), (0x88, 1009));
}

#[tokio::test]
async fn compression_and_keepalive_are_fields_of_the_configuration() {
    let (near, far) = duplex(1 << 16);
    let config = WebSocketConfig::default()
        .deflate(Some(DeflateConfig::new()))
        .keepalive(Duration::from_millis(20), Duration::from_millis(20));
    let serving = tokio::spawn(accept_async_with_config(far, Some(config)));
    let (mut client, response) =
        client_async_with_config("ws://localhost/", near, Some(config)).await.unwrap();
    assert!(response.headers().contains_key("sec-websocket-extensions"));
    let mut server = serving.await.unwrap().unwrap();
    let text = "the same again ".repeat(1000);
    client.send(Message::text(text.clone())).await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), Message::text(text));
    // The server sends a Ping to the silent client, and then gives up.
    let end = server.next().await.unwrap();
    let Err(Error::Io(error)) = end else { panic!("{end:?}") };
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn a_peer_that_does_not_read_makes_sending_wait() {
    let (near, _far) = duplex(1 << 10);
    let mut server = WebSocketStream::from_raw_socket(near, Role::Server, None).await;
    let message = Message::binary(vec![0; 64 << 10]);
    let mut taken = 0;
    while let Ok(fed) =
        tokio::time::timeout(Duration::from_millis(50), server.feed(message.clone())).await
    {
        fed.unwrap();
        taken += 1;
        assert!(taken < 64, "4 MiB were taken for a peer that reads nothing");
    }
}

#[tokio::test]
async fn a_sink_is_closed_behind_whatever_waits() {
    let (mut client, mut server) = pair(WebSocketConfig::default()).await;
    let reading = tokio::spawn(async move {
        let data = server.next().await.unwrap().unwrap();
        (data.len(), server.next().await.unwrap().unwrap())
    });
    client.feed(Message::binary(vec![7; 3 << 20])).await.unwrap();
    SinkExt::close(&mut client).await.unwrap();
    assert_eq!(reading.await.unwrap(), (3 << 20, Message::Close(None)));
}
