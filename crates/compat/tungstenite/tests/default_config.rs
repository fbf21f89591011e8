//! The configuration that a process sets once. It has its own test binary, because it holds for the whole process.

#![cfg(feature = "handshake")]

use std::net::{TcpListener, TcpStream};
use std::thread;

use tungstenite::fullduplex::DeflateConfig;
use tungstenite::protocol::WebSocketConfig;

#[test]
fn what_is_set_once_holds_where_no_configuration_is_given() {
    let config = WebSocketConfig::default().deflate(Some(DeflateConfig::new()));
    config.set_default().unwrap();
    assert!(config.set_default().is_err());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let serving = thread::spawn(move || tungstenite::accept(listener.accept().unwrap().0).unwrap());
    let (client, response) = tungstenite::client("ws://localhost/", near).unwrap();
    assert!(response.headers().contains_key("sec-websocket-extensions"));
    assert!(client.get_config().deflate.is_some());
    assert!(serving.join().unwrap().get_config().deflate.is_some());
}
