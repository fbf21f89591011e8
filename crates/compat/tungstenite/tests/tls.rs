//! Clients over TLS, and a server with rustls alone.

#![cfg(all(feature = "handshake", feature = "__rustls-tls"))]

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Connector, Error, Message, WebSocket, accept, client_tls_with_config};

type ServerStream = StreamOwned<ServerConnection, TcpStream>;

/// What a client and a server offer by ALPN, in the order of their preference.
fn configs(client: &[&[u8]], server: &[&[u8]]) -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(default_provider());
    let names = |names: &[&[u8]]| names.iter().map(|name| name.to_vec()).collect();
    let ours = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let ours = ours.with_safe_default_protocol_versions().unwrap();
    let mut ours = ours.with_root_certificates(roots).with_no_client_auth();
    ours.alpn_protocols = names(client);
    let theirs = ServerConfig::builder_with_provider(provider);
    let theirs = theirs.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let mut theirs = theirs.with_single_cert(vec![certificate], key).unwrap();
    theirs.alpn_protocols = names(server);
    (Arc::new(ours), Arc::new(theirs))
}

/// A client and a server that have completed the opening handshake.
fn pair(
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
) -> (WebSocket<MaybeTlsStream<TcpStream>>, WebSocket<ServerStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    let serving = thread::spawn(move || {
        let connection = ServerConnection::new(server).unwrap();
        accept(StreamOwned::new(connection, far)).unwrap()
    });
    let connector = Some(Connector::Rustls(client));
    let (socket, _) = client_tls_with_config("wss://localhost/", near, None, connector).unwrap();
    (socket, serving.join().unwrap())
}

#[test]
fn a_configuration_that_is_also_for_http_2_opens_a_websocket() {
    for (offered, agreed) in
        [(&[&b"h2"[..], b"http/1.1"][..], Some(&b"http/1.1"[..])), (&[b"h2"], None)]
    {
        let (ours, theirs) = configs(offered, &[b"h2", b"http/1.1"]);
        let (mut client, mut server) = pair(Arc::clone(&ours), theirs);
        assert_eq!(server.get_ref().conn.alpn_protocol(), agreed);
        client.send(Message::text("hi")).unwrap();
        assert_eq!(server.read().unwrap(), Message::text("hi"));
        // The program's own configuration is as it was.
        assert_eq!(ours.alpn_protocols, offered);
    }
}

#[test]
fn a_server_that_ends_without_close_notify_after_both_closes_is_a_clean_end() {
    let (ours, theirs) = configs(&[], &[]);
    let (mut client, mut server) = pair(ours, theirs);
    let serving = thread::spawn(move || {
        assert!(server.read().unwrap().is_close());
        // Dropping the stream ends TCP, and TLS says nothing.
        while !matches!(server.read(), Err(Error::ConnectionClosed)) {}
    });
    client.close(None).unwrap();
    assert!(client.read().unwrap().is_close());
    serving.join().unwrap();
    let end = client.read();
    assert!(matches!(end, Err(Error::ConnectionClosed)), "{end:?}");
    let after = client.read();
    assert!(matches!(after, Err(Error::AlreadyClosed)), "{after:?}");
}
