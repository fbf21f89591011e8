//! A client over TLS, and a server with rustls alone.

#![cfg(feature = "__rustls-tls")]

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::duplex;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{Connector, accept_async, client_async_tls_with_config};

#[tokio::test]
async fn a_configuration_that_is_also_for_http_2_opens_a_websocket() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(default_provider());
    let ours = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let ours = ours.with_safe_default_protocol_versions().unwrap();
    let mut ours = ours.with_root_certificates(roots).with_no_client_auth();
    ours.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let theirs = ServerConfig::builder_with_provider(provider);
    let theirs = theirs.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let mut theirs = theirs.with_single_cert(vec![certificate], key).unwrap();
    theirs.alpn_protocols = ours.alpn_protocols.clone();

    let (near, far) = duplex(1 << 14);
    let serving = tokio::spawn(async move {
        let stream = TlsAcceptor::from(Arc::new(theirs)).accept(far).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        accept_async(stream).await.unwrap().next().await.unwrap().unwrap()
    });
    let connector = Some(Connector::Rustls(Arc::new(ours)));
    let (mut client, _) =
        client_async_tls_with_config("wss://localhost/", near, None, connector).await.unwrap();
    client.send(Message::text("hi")).await.unwrap();
    assert_eq!(serving.await.unwrap(), Message::text("hi"));
}
