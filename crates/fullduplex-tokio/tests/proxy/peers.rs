//! Conversations through tinyproxy and microsocks, and through a proxy of our own over TLS.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use fullduplex_tokio::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use fullduplex_tokio::rustls::{ClientConfig, RootCertStore, ServerConfig};
use fullduplex_tokio::tokio_rustls::TlsAcceptor;
use fullduplex_tokio::{
    ConnectOptions, Connector, Dial, DialError, Error, Message, Proxy, ProxyDial, ProxyError,
    WebSocketStream, accept, accept_tls, connect_with, tls,
};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// A server's configuration for `localhost`, and a client's configuration that trusts it.
fn configs() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    (tls::server_config(vec![certificate], key).unwrap(), tls::client_config(roots).unwrap())
}

async fn echo<S: AsyncRead + AsyncWrite + Unpin>(mut socket: WebSocketStream<S>) {
    while let Some(Ok(message)) = socket.recv().await {
        if message.is_binary() {
            socket.send(message).await.unwrap();
        }
    }
}

/// The ports of two echo servers, without TLS and with it.
async fn serve_echo(tls: Arc<ServerConfig>) -> (u16, u16) {
    let (plain, secure) = (
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    );
    let ports = (plain.local_addr().unwrap().port(), secure.local_addr().unwrap().port());
    tokio::spawn(async move {
        loop {
            let (stream, _) = plain.accept().await.unwrap();
            tokio::spawn(async move { echo(accept(stream).await.unwrap()).await });
        }
    });
    tokio::spawn(async move {
        loop {
            let (stream, _) = secure.accept().await.unwrap();
            let tls = Arc::clone(&tls);
            tokio::spawn(async move { echo(accept_tls(stream, tls).await.unwrap()).await });
        }
    });
    ports
}

/// A proxy's process, which ends when this is dropped.
struct Running {
    child: Child,
    port: u16,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Starts a program with the command for a free port, and waits until it listens there. `None` if it is not installed.
async fn start(package: &str, command: impl Fn(u16) -> Command) -> Option<Running> {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let mut command = command(port);
    let Ok(child) = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
        let skipped = format!("SKIPPED: no {package} (Debian: apt-get install {package})\n");
        std::io::stderr().write_all(skipped.as_bytes()).unwrap();
        return None;
    };
    let running = Running { child, port };
    for _ in 0..100 {
        if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return Some(running);
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("{package} does not listen");
}

/// Talks to the echo servers through a dialler.
async fn talk<D: Dial>(dial: D, ports: (u16, u16), trusting: &Arc<ClientConfig>)
where
    D::Stream: fullduplex_tokio::IntoHalves,
{
    let connector = Connector::Rustls(Arc::clone(trusting));
    let options = ConnectOptions::new().dial(dial).connector(connector);
    // The certificate is for the name, and not for the address.
    for url in [
        format!("ws://localhost:{}/", ports.0),
        format!("ws://127.0.0.1:{}/", ports.0),
        format!("wss://localhost:{}/", ports.1),
    ] {
        let (mut socket, _) = connect_with(url.as_str(), &options).await.unwrap();
        for size in [0, 125, 65_536, 1 << 20] {
            let message = Message::binary(vec![7; size]);
            socket.send(message.clone()).await.unwrap();
            assert_eq!(socket.recv().await.unwrap().unwrap(), message, "{url}");
        }
        let (mut sender, mut receiver) = socket.into_split();
        sender.send(Message::binary("halves")).await.unwrap();
        assert_eq!(receiver.recv().await.unwrap().unwrap(), Message::binary("halves"));
        let mut socket = receiver.reunite(sender).unwrap();
        socket.close(None).await.unwrap();
    }
}

async fn refused(url: &str, proxy: &str) -> ProxyError {
    let options = ConnectOptions::new().dial(ProxyDial::new(Proxy::parse(proxy).unwrap()));
    match connect_with(url, &options).await.unwrap_err() {
        Error::Dial(unreachable) => match unreachable.error {
            DialError::Proxy { error, .. } => error,
            error => panic!("{error:?}"),
        },
        error => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn our_client_talks_through_tinyproxy() {
    let config = tempfile::NamedTempFile::new().unwrap();
    let started = start("tinyproxy-bin", |port| {
        let lines = format!("Port {port}\nListen 127.0.0.1\nTimeout 60\nBasicAuth user pass\n");
        std::fs::write(config.path(), lines).unwrap();
        let mut command = Command::new("tinyproxy");
        command.arg("-d").arg("-c").arg(config.path());
        command
    });
    let Some(proxy) = started.await else { return };
    let (server_tls, client_tls) = configs();
    let ports = serve_echo(server_tls).await;
    let url = format!("http://user:pass@127.0.0.1:{}", proxy.port);
    let dial = ProxyDial::new(Proxy::parse(&url).unwrap());
    talk(dial, ports, &client_tls).await;

    let server = format!("ws://localhost:{}/", ports.0);
    for wrong in ["", "user:wrong@"] {
        let wrong = format!("http://{wrong}127.0.0.1:{}", proxy.port);
        let error = refused(&server, &wrong).await;
        // tinyproxy answers a wrong password with 401.
        assert!(matches!(&error, ProxyError::Refused { status: 401 | 407, .. }), "{error:?}");
    }
    // Nothing listens there.
    let error = refused("ws://127.0.0.1:1/", &url).await;
    assert!(matches!(&error, ProxyError::Refused { status: 500..=599, .. }), "{error:?}");
}

#[tokio::test]
async fn our_client_talks_through_microsocks() {
    let (server_tls, client_tls) = configs();
    let ports = serve_echo(server_tls).await;
    let microsocks = |port: u16, credentials: &[&str]| {
        let mut command = Command::new("microsocks");
        command.args(["-i", "127.0.0.1", "-p", &port.to_string()]).args(credentials);
        command
    };
    let Some(open) = start("microsocks", |port| microsocks(port, &[])).await else { return };
    let url = format!("socks5://127.0.0.1:{}", open.port);
    talk(ProxyDial::new(Proxy::parse(&url).unwrap()), ports, &client_tls).await;
    let error = refused("ws://127.0.0.1:1/", &url).await;
    assert!(matches!(&error, ProxyError::SocksRefused(5)), "{error:?}");

    let closed = start("microsocks", |port| microsocks(port, &["-u", "user", "-P", "pass"]));
    let closed = closed.await.unwrap();
    let url = format!("socks5h://user:pass@127.0.0.1:{}", closed.port);
    talk(ProxyDial::new(Proxy::parse(&url).unwrap()), ports, &client_tls).await;
    let server = format!("ws://localhost:{}/", ports.0);
    for wrong in ["", "user:wrong@"] {
        let wrong = format!("socks5://{wrong}127.0.0.1:{}", closed.port);
        let error = refused(&server, &wrong).await;
        assert!(matches!(&error, ProxyError::SocksCredentials), "{error:?}");
    }
}

/// A proxy that answers `CONNECT` and carries bytes. Its listener decides about TLS.
async fn relay<S: AsyncRead + AsyncWrite + Unpin>(stream: S) {
    let mut stream = BufReader::new(stream);
    let mut first = String::new();
    stream.read_line(&mut first).await.unwrap();
    let authority = first.split(' ').nth(1).unwrap().to_owned();
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        stream.read_line(&mut line).await.unwrap();
    }
    let mut server = TcpStream::connect(authority).await.unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
}

/// Starts our proxy, over TLS if there is a configuration, and returns its address.
async fn serve_proxy(tls: Option<Arc<ServerConfig>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let tls = tls.clone().map(TlsAcceptor::from);
            tokio::spawn(async move {
                match tls {
                    None => relay(stream).await,
                    Some(tls) => match tls.accept(stream).await {
                        Ok(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                            println!("the proxy would have to speak HTTP/2");
                        }
                        Ok(stream) => relay(stream).await,
                        Err(error) => println!("the proxy's TLS: {error}"),
                    },
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn an_https_proxy_is_asked_over_tls_which_has_to_be_trusted() {
    let (server_tls, client_tls) = configs();
    let (mut proxy_tls, mut trusts_proxy) = configs();
    // Both could speak HTTP/2 as well.
    let protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::make_mut(&mut proxy_tls).alpn_protocols = protocols.clone();
    Arc::make_mut(&mut trusts_proxy).alpn_protocols = protocols;
    let ports = serve_echo(server_tls).await;
    let port = serve_proxy(Some(proxy_tls)).await.port();
    let proxy = Proxy::parse(format!("https://localhost:{port}")).unwrap();
    let dial = ProxyDial::new(proxy).connector(Connector::Rustls(trusts_proxy));
    talk(dial.clone(), ports, &client_tls).await;

    let untrusted = dial.clone().connector(Connector::Rustls(client_tls));
    let options = ConnectOptions::new().dial(untrusted);
    let error = connect_with(format!("ws://localhost:{}", ports.0), &options).await.unwrap_err();
    assert!(error.to_string().contains(": the connection to it failed: "), "{error}");
    let plain = ConnectOptions::new().dial(dial.connector(Connector::Plain));
    let error = connect_with(format!("ws://localhost:{}", ports.0), &plain).await.unwrap_err();
    assert!(error.to_string().contains("an https proxy, needs one of the features"), "{error}");
}

#[tokio::test]
async fn a_proxy_can_be_reached_through_another_one() {
    let (server_tls, client_tls) = configs();
    let ports = serve_echo(server_tls).await;
    let [near, far] = [serve_proxy(None).await, serve_proxy(None).await]
        .map(|address| ProxyDial::new(Proxy::parse(format!("http://{address}")).unwrap()));
    talk(far.over(near), ports, &client_tls).await;
}
