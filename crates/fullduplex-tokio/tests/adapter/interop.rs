//! Conversations with tokio-tungstenite, in both roles, over TCP and over TLS.

use std::sync::Arc;

use fullduplex_tokio::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use fullduplex_tokio::rustls::{ClientConfig, RootCertStore, ServerConfig};
use fullduplex_tokio::tokio_rustls::{TlsAcceptor, TlsConnector};
use fullduplex_tokio::{
    AcceptTls, ConnectOptions, Connector, Dial, DialError, Error, IntoHalves, MaybeTlsStream,
    Message, OwnedAcceptance, OwnedClientRequest, OwnedRejection, Target, TcpDial, TlsError,
    WebSocketConfig, WebSocketReceiver, WebSocketSender, WebSocketStream, accept, accept_tls,
    accept_tls_with, accept_with, client_tls_with, client_with, connect, connect_with, tls,
};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::{self, Message as TheirMessage};

use crate::support::{any, drain, echo, header, secs, status};

/// A server's configuration for `localhost`, and a client's configuration that trusts it.
pub(crate) fn configs() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    (tls::server_config(vec![certificate], key).unwrap(), tls::client_config(roots).unwrap())
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

const SIZES: [usize; 8] = [0, 1, 125, 126, 4096, 65_535, 65_536, 1 << 20];

/// tokio-tungstenite's client in a conversation with an echo server.
async fn their_client<S>(stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut client, _) = tokio_tungstenite::client_async("ws://localhost/", stream).await.unwrap();
    for size in SIZES {
        let message = TheirMessage::binary(vec![size as u8; size]);
        client.send(message.clone()).await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), message);
    }
    client.send(TheirMessage::text("κόσμε")).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), TheirMessage::text("κόσμε"));
    client.send(TheirMessage::Ping("ping".into())).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), TheirMessage::Pong("ping".into()));
    client.close(None).await.unwrap();
    assert!(matches!(client.next().await, Some(Ok(TheirMessage::Close(_)))));
    assert!(client.next().await.is_none());
}

/// tokio-tungstenite's echo server.
async fn their_server<S>(stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut server = tokio_tungstenite::accept_async(stream).await.unwrap();
    while let Some(message) = server.next().await {
        let message = message.unwrap();
        if message.is_text() || message.is_binary() {
            server.send(message).await.unwrap();
        }
    }
}

async fn our_client<S>(mut client: fullduplex_tokio::WebSocketStream<S>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    use fullduplex_tokio::Message;
    for size in SIZES {
        let message = Message::binary(vec![size as u8; size]);
        client.send(message.clone()).await.unwrap();
        assert_eq!(client.recv().await.unwrap().unwrap(), message);
    }
    client.send("κόσμε".into()).await.unwrap();
    assert_eq!(client.recv().await.unwrap().unwrap(), Message::text("κόσμε"));
    client.send(Message::Ping("ping".into())).await.unwrap();
    assert_eq!(client.recv().await.unwrap().unwrap(), Message::Pong("ping".into()));
    client.close(None).await.unwrap();
    let (messages, error) = drain(&mut client).await;
    assert!(error.is_none() && messages.len() == 1);
    assert!(client.receiver().is_clean());
}

#[tokio::test]
async fn their_client_talks_to_our_server() {
    let (listener, port) = listen().await;
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        echo(accept(stream).await.unwrap()).await.unwrap()
    });
    their_client(TcpStream::connect(("127.0.0.1", port)).await.unwrap()).await;
    assert!(serving.await.unwrap().receiver().is_clean());
}

#[tokio::test]
async fn their_client_talks_to_our_server_over_tls() {
    let (server_tls, client_tls) = configs();
    let (listener, port) = listen().await;
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        echo(accept_tls(stream, server_tls).await.unwrap()).await.unwrap()
    });
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = "localhost".try_into().unwrap();
    their_client(TlsConnector::from(client_tls).connect(name, stream).await.unwrap()).await;
    assert!(serving.await.unwrap().receiver().is_clean());
}

/// An echo server and an echo client in halves, each half in a task of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn halves_talk_to_them_over_tls() {
    let (server_tls, client_tls) = configs();
    let (listener, port) = listen().await;
    let acceptor = TlsAcceptor::from(server_tls);
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let server = accept_tls(stream, acceptor.clone()).await.unwrap();
        let (sender, receiver) = echo_in_halves(server.into_split()).await;
        assert!(receiver.receiver().is_clean());
        drop(sender);
        let (stream, _) = listener.accept().await.unwrap();
        their_server(acceptor.accept(stream).await.unwrap()).await;
    });
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let connector = TlsConnector::from(Arc::clone(&client_tls));
    their_client(connector.connect(name, stream).await.unwrap()).await;

    let url = format!("wss://localhost:{port}/");
    let connector = Connector::Rustls(client_tls);
    let (client, _) = connect_with(url, &ConnectOptions::new().connector(connector)).await.unwrap();
    let (mut sender, mut receiver) = client.into_split();
    assert!(receiver.get_ref().plain().is_none());
    let sending = tokio::spawn(async move {
        for size in SIZES {
            sender.send(Message::binary(vec![size as u8; size])).await.unwrap();
        }
        sender
    });
    for size in SIZES {
        let message = receiver.recv().await.unwrap().unwrap();
        assert_eq!(message, Message::binary(vec![size as u8; size]));
    }
    our_client(receiver.reunite(sending.await.unwrap()).unwrap()).await;
    serving.await.unwrap();
}

/// Echoes messages, which the receiving task passes to the sending task.
async fn echo_in_halves<S>(
    (mut sender, mut receiver): (WebSocketSender<S>, WebSocketReceiver<S>),
) -> (WebSocketSender<S>, WebSocketReceiver<S>)
where
    S: IntoHalves<ReadHalf: Send, WriteHalf: Send> + Send + 'static,
{
    let (give, mut take) = tokio::sync::mpsc::channel::<Message>(4);
    let sending = tokio::spawn(async move {
        while let Some(message) = take.recv().await {
            sender.send(message).await.unwrap();
        }
        sender
    });
    while let Some(message) = receiver.recv().await {
        let message = message.unwrap();
        if message.is_text() || message.is_binary() {
            give.send(message).await.unwrap();
        }
    }
    drop(give);
    (sending.await.unwrap(), receiver)
}

#[cfg(feature = "deflate")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn halves_compress_each_on_its_own() {
    use fullduplex_tokio::{DeflateConfig, accept_with, client_with};

    let config = WebSocketConfig::new().deflate(DeflateConfig::new());
    let (near, far) = duplex(10_000);
    let (client, server) =
        tokio::join!(client_with("ws://localhost/", near, config), accept_with(far, config, any),);
    let (client, server) = (client.unwrap().0, server.unwrap());
    assert!(client.deflate().is_some());
    let serving = tokio::spawn(echo_in_halves(server.into_split()));
    let text = |i: usize| "many words, ".repeat(i * 100);
    let (mut sender, mut receiver) = client.into_split();
    let sending = tokio::spawn(async move {
        for i in 0..100 {
            sender.set_compression(i % 10 != 9);
            sender.send(text(i).into()).await.unwrap();
        }
        sender
    });
    for i in 0..100 {
        assert_eq!(receiver.recv().await.unwrap().unwrap(), text(i).into());
    }
    let mut client = receiver.reunite(sending.await.unwrap()).unwrap();
    assert!(client.deflate().is_some());
    client.send(text(3).into()).await.unwrap();
    assert_eq!(client.recv().await.unwrap().unwrap(), text(3).into());
    client.close(None).await.unwrap();
    serving.await.unwrap();
}

#[tokio::test]
async fn our_client_talks_to_their_server() {
    let (listener, port) = listen().await;
    let serving =
        tokio::spawn(async move { their_server(listener.accept().await.unwrap().0).await });
    let (client, _) = connect(format!("ws://localhost:{port}/")).await.unwrap();
    assert!(client.get_ref().get_ref().nodelay().unwrap());
    assert!(matches!(client.get_ref(), MaybeTlsStream::Plain(_)));
    our_client(client).await;
    serving.await.unwrap();
}

#[tokio::test]
async fn our_client_talks_to_their_server_over_tls() {
    let (server_tls, client_tls) = configs();
    let (listener, port) = listen().await;
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        their_server(TlsAcceptor::from(server_tls).accept(stream).await.unwrap()).await;
    });
    let url = format!("wss://localhost:{port}/");
    let connector = Connector::Rustls(client_tls);
    let (client, _) = connect_with(url, &ConnectOptions::new().connector(connector)).await.unwrap();
    our_client(client).await;
    serving.await.unwrap();
}

/// A task for any TLS: this compiles because `AcceptTls::accept_tls` returns a future that is `Send`.
fn spawn_accept<T>(
    stream: DuplexStream,
    tls: T,
) -> tokio::task::JoinHandle<fullduplex_tokio::Result<WebSocketStream<T::Stream>>>
where
    T: AcceptTls<DuplexStream, Stream: Send> + Send + 'static,
{
    tokio::spawn(accept_tls(stream, tls))
}

/// An application may share the configuration of its HTTP client, and a server may prefer HTTP/2.
#[tokio::test]
async fn a_client_that_could_speak_http_2_does_not_offer_it() {
    let (mut server_tls, mut client_tls) = configs();
    let protocols = [b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::make_mut(&mut server_tls).alpn_protocols = protocols.to_vec();
    for offered in [&protocols[..], &protocols[..1]] {
        Arc::make_mut(&mut client_tls).alpn_protocols = offered.to_vec();
        let (near, far) = duplex(1 << 12);
        let serving = spawn_accept(far, Arc::clone(&server_tls));
        let connector = Some(Connector::Rustls(Arc::clone(&client_tls)));
        let config = WebSocketConfig::new();
        let (client, _) =
            client_tls_with("wss://localhost/", near, config, connector).await.unwrap();
        let MaybeTlsStream::Rustls(stream) = client.get_ref() else { panic!("it has no TLS") };
        let expected = (offered.len() > 1).then_some(&b"http/1.1"[..]);
        assert_eq!(stream.get_ref().1.alpn_protocol(), expected);
        serving.await.unwrap().unwrap();
    }
}

/// RFC 6455 §4.1: "Clients MUST use the Server Name Indication extension in the TLS handshake".
#[tokio::test]
async fn a_client_names_the_server_in_the_tls_handshake() {
    let (server_tls, client_tls) = configs();
    let (listener, port) = listen().await;
    let dialling = tokio::spawn(async move {
        let connector = Connector::Rustls(client_tls);
        let url = format!("wss://localhost:{port}/");
        connect_with(url, &ConnectOptions::new().connector(connector)).await
    });
    let (stream, _) = listener.accept().await.unwrap();
    let stream = TlsAcceptor::from(server_tls).accept(stream).await.unwrap();
    assert_eq!(stream.get_ref().1.server_name(), Some("localhost"));
    drop(stream);
    // The request gets no response.
    assert!(dialling.await.unwrap().is_err());
}

#[cfg(feature = "native-tls")]
#[tokio::test]
async fn our_client_talks_over_the_platform_s_tls() {
    use fullduplex_tokio::native_tls::{Certificate, TlsConnector};

    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let server_tls = tls::server_config(vec![made.cert.der().clone()], key).unwrap();
    let trusted = Certificate::from_der(made.cert.der()).unwrap();
    let trusting = TlsConnector::builder().add_root_certificate(trusted).build().unwrap();
    let system = TlsConnector::new().map_err(TlsError::from).unwrap();
    for (connector, trusts) in [(trusting, true), (system, false)] {
        let (listener, port) = listen().await;
        let server_tls = Arc::clone(&server_tls);
        let serving = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            if let Ok(stream) = TlsAcceptor::from(server_tls).accept(stream).await {
                their_server(stream).await;
            }
        });
        let url = format!("wss://localhost:{port}/");
        let connector = Connector::NativeTls(connector);
        match connect_with(url, &ConnectOptions::new().connector(connector)).await {
            Ok((client, _)) => {
                assert!(trusts && matches!(client.get_ref(), MaybeTlsStream::NativeTls(_)));
                our_client(client).await;
            }
            Err(error) => {
                assert!(!trusts && matches!(error, Error::Io(_)), "{error:?}");
                assert!(error.to_string().starts_with("TLS failed: "), "{error}");
            }
        }
        serving.await.unwrap();
    }
    // A server that ends the stream may only be starting again.
    let (near, far) = duplex(1 << 12);
    drop(far);
    let connector = Some(Connector::NativeTls(TlsConnector::new().unwrap()));
    let cut = client_tls_with("wss://localhost/", near, WebSocketConfig::new(), connector).await;
    assert!(matches!(cut, Err(Error::Io(_))), "{cut:?}");
}

#[cfg(feature = "native-tls")]
#[tokio::test]
async fn our_server_talks_over_the_platform_s_tls() {
    use fullduplex_tokio::native_tls::{Identity, TlsAcceptor};

    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let identity = Identity::from_pkcs8(certificate.as_bytes(), key.as_bytes()).unwrap();
    let acceptor = TlsAcceptor::new(identity).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client_tls = tls::client_config(roots).unwrap();
    let (listener, port) = listen().await;
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let server = accept_tls(stream, acceptor.clone()).await.unwrap();
        echo(server).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let refused = accept_tls(stream, acceptor).await;
        assert!(matches!(refused, Err(Error::Io(_))), "{refused:?}");
    });
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = "localhost".try_into().unwrap();
    their_client(TlsConnector::from(client_tls).connect(name, stream).await.unwrap()).await;
    // A client without TLS is refused.
    assert!(connect(format!("ws://127.0.0.1:{port}/")).await.is_err());
    serving.await.unwrap();
}

#[tokio::test]
async fn a_callback_decides_about_a_request_over_tls() {
    let (server_tls, client_tls) = configs();
    for token in ["right", "wrong"] {
        let (near, far) = duplex(1 << 12);
        let tls = Arc::clone(&server_tls);
        let serving =
            tokio::spawn(accept_tls_with(
                far,
                tls,
                WebSocketConfig::new(),
                |request| match request.headers().get_str("x-token") {
                    Some("right") => Ok(OwnedAcceptance::new().header("X-Server", "ours")),
                    _ => Err(OwnedRejection::new(403)),
                },
            ));
        let request = OwnedClientRequest::new("wss://localhost/").unwrap().header("X-Token", token);
        let tls = Some(Connector::Rustls(Arc::clone(&client_tls)));
        match client_tls_with(request, near, WebSocketConfig::new(), tls).await {
            Ok((client, response)) => {
                assert_eq!(header(&response, "x-server"), Some("ours"));
                drop((client, serving.await.unwrap().unwrap()));
            }
            Err(error) => {
                assert!(token == "wrong");
                assert!(matches!(error, Error::Http(refused) if status(&refused.response) == 403));
                assert!(matches!(serving.await.unwrap(), Err(Error::Responded(403))));
            }
        }
    }
}

/// Both ends are ours, over TLS, and they write more at once than TLS takes.
#[tokio::test]
async fn two_of_ours_that_both_write_over_tls_come_to_an_end() {
    let (server_tls, client_tls) = configs();
    let config = WebSocketConfig::new().read_ahead_size(2 << 20);
    let (near, far) = duplex(1000);
    let talk = async |mut socket: fullduplex_tokio::WebSocketStream<_>| {
        let message = fullduplex_tokio::Message::binary(vec![5; 300_000]);
        for _ in 0..5 {
            socket.send(message.clone()).await.unwrap();
        }
        for _ in 0..5 {
            assert_eq!(socket.recv().await.unwrap().unwrap(), message);
        }
        let _ = socket.close(None).await;
    };
    let accepting = async {
        let stream = TlsAcceptor::from(server_tls).accept(far).await.unwrap();
        let stream = fullduplex_tokio::tokio_rustls::TlsStream::Server(stream);
        talk(accept_with(stream, config, any).await.unwrap()).await;
    };
    let dialling = async {
        let name = "localhost".try_into().unwrap();
        let stream = TlsConnector::from(client_tls).connect(name, near).await.unwrap();
        let stream = fullduplex_tokio::tokio_rustls::TlsStream::Client(stream);
        let client = client_with("ws://localhost/", stream, config);
        talk(client.await.unwrap().0).await;
    };
    tokio::join!(accepting, dialling);
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_is_refused() {
    let (server_tls, _) = configs();
    let (_, other_tls) = configs();
    let (listener, port) = listen().await;
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        assert!(TlsAcceptor::from(server_tls).accept(stream).await.is_err());
    });
    let url = format!("wss://localhost:{port}/");
    let refused =
        connect_with(url, &ConnectOptions::new().connector(Connector::Rustls(other_tls))).await;
    assert!(matches!(refused, Err(Error::Io(_))));
}

/// The tests have a provider and no roots.
#[cfg(not(any(
    feature = "webpki-roots",
    feature = "native-roots",
    feature = "platform-verifier",
    feature = "native-tls"
)))]
#[tokio::test]
async fn missing_roots_are_an_error_before_anything_is_dialled() {
    let refused = connect("wss://localhost:1/").await;
    assert!(matches!(refused, Err(Error::Tls(TlsError::NoRoots))), "{refused:?}");
}

#[tokio::test]
async fn plain_does_not_dial_wss() {
    let _ = TlsError::NoRoots;
    let refused =
        connect_with("wss://localhost:1/", &ConnectOptions::new().connector(Connector::Plain))
            .await;
    assert!(matches!(refused, Err(Error::Tls(TlsError::Disabled))));
}

#[tokio::test]
async fn a_tls_handshake_that_does_not_go_on_is_cut_off() {
    let (_, client_tls) = configs();
    let (listener, port) = listen().await;
    let config = WebSocketConfig::new().handshake_timeout(Some(secs(1) / 10));
    let url = format!("wss://localhost:{port}/");
    let connector = Connector::Rustls(client_tls);
    let late = connect_with(url, &ConnectOptions::new().config(config).connector(connector)).await;
    assert!(late.unwrap_err().is_timeout());
    drop(listener);
}

#[tokio::test]
async fn an_address_where_nobody_listens_is_an_error_and_the_next_one_is_tried() {
    let (listener, port) = listen().await;
    // If `localhost` has two addresses, nothing listens at one of them.
    let dialled = TcpDial::new().dial(Target::new("localhost", port)).await.unwrap();
    assert!(dialled.peer_addr().unwrap().ip().is_loopback());
    drop((listener, dialled));
    let error = connect(format!("ws://127.0.0.1:{port}")).await.unwrap_err();
    assert!(matches!(&error, Error::Dial(_)) && !error.is_timeout());
    let expected =
        format!("no connection to 127.0.0.1:{port}: 127.0.0.1:{port}: connection refused");
    assert_eq!(error.to_string(), expected);
}

/// A dialler that leads to a server in this process.
struct InProcess(tokio::sync::mpsc::Sender<DuplexStream>);

impl Dial for InProcess {
    type Stream = DuplexStream;

    async fn dial(&self, target: Target<'_>) -> Result<DuplexStream, DialError> {
        assert_eq!((target.host, target.port, target.secure), ("::1", 80, false));
        let (near, far) = duplex(64 << 10);
        self.0.send(far).await.map_err(std::io::Error::other)?;
        Ok(near)
    }
}

#[tokio::test]
async fn a_dialler_of_one_s_own_takes_the_place_of_tcp() {
    let (sender, mut dialled) = tokio::sync::mpsc::channel(1);
    let serving = tokio::spawn(async move {
        their_server(dialled.recv().await.unwrap()).await;
    });
    let dial = InProcess(sender);
    let options = ConnectOptions::new().dial(dial);
    let (client, _) = connect_with("ws://[::1]/", &options).await.unwrap();
    our_client(client).await;
    serving.await.unwrap();
    let error = connect_with("ws://[::1]/", &options).await.unwrap_err();
    assert_eq!(error.to_string(), "no connection to [::1]:80: channel closed");
    let _: tungstenite::Error = tungstenite::Error::ConnectionClosed;
}

/// A dialler that never ends, and ignores its deadline.
struct Endless;

impl Dial for Endless {
    type Stream = DuplexStream;

    async fn dial(&self, _target: Target<'_>) -> Result<DuplexStream, DialError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_dialler_that_never_ends_is_given_up_after_its_deadline() {
    let begun = tokio::time::Instant::now();
    let options = ConnectOptions::new().dial(Endless).connect_timeout(Some(secs(2)));
    let error =
        connect_with("wss://example.org/", &options.connector(Connector::Rustls(configs().1)))
            .await
            .unwrap_err();
    assert!(begun.elapsed() >= secs(2) && begun.elapsed() < secs(3));
    assert!(error.is_timeout());
    assert_eq!(error.to_string(), "no connection to example.org:443: timed out");
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_is_connected_to_and_the_host_is_the_url_s() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let accepting = accept_with(stream, WebSocketConfig::new(), |request| {
            assert_eq!(request.headers().get_str("host"), Some("example.org:81"));
            Ok(OwnedAcceptance::new())
        });
        echo(accepting.await.unwrap()).await.unwrap();
    });
    let options = ConnectOptions::new().dial(fullduplex_tokio::UnixDial::new(&path));
    let (client, _) = connect_with("ws://example.org:81/", &options).await.unwrap();
    our_client(client).await;
    serving.await.unwrap();

    std::fs::remove_file(&path).unwrap();
    let error = connect_with("ws://example.org/", &options).await.unwrap_err();
    assert!(matches!(&error, Error::Dial(_)));
    let expected = format!("no connection to example.org:80: {}: ", path.display());
    assert!(error.to_string().starts_with(&expected), "{error}");
}
