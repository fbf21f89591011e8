//! What `connect` sends to where a redirect leads, over real sockets.

#![cfg(feature = "handshake")]

use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tungstenite::http::StatusCode;
use tungstenite::http::header::{AUTHORIZATION, COOKIE, LOCATION, PROXY_AUTHORIZATION};
use tungstenite::{ClientRequestBuilder, Error, HandshakeError, accept_hdr, connect};

/// The `Location` of a redirect, or `None` to accept.
type Answers = Vec<Option<String>>;

/// A server that gives these answers in turn. It returns what each request had: its path and the names of its headers.
fn answers(listener: TcpListener, answers: Answers) -> JoinHandle<Vec<(String, Vec<String>)>> {
    let answer = |listener: &TcpListener, location: Option<String>| {
        let mut seen = None;
        let (stream, _) = listener.accept().unwrap();
        let accepted =
            accept_hdr(stream, |request: &Request, response: Response| -> Result<_, _> {
                let names = request.headers().keys().map(ToString::to_string).collect();
                seen = Some((request.uri().path().to_owned(), names));
                let Some(location) = &location else { return Ok(response) };
                let mut redirect = ErrorResponse::new(None);
                *redirect.status_mut() = StatusCode::FOUND;
                redirect.headers_mut().insert(LOCATION, location.parse().unwrap());
                Err(redirect)
            });
        match accepted {
            Ok(_) | Err(HandshakeError::Failure(Error::Http(_))) => seen.unwrap(),
            Err(error) => panic!("{error}"),
        }
    };
    thread::spawn(move || answers.into_iter().map(|location| answer(&listener, location)).collect())
}

#[test]
fn credentials_stay_with_the_host_that_they_were_meant_for() {
    let [first, second] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let url = |of: &TcpListener| format!("ws://{}", of.local_addr().unwrap());
    let (near, far) = (url(&first), url(&second));
    // To another path, then to another port, and back.
    let to_far = vec![Some(format!("{near}/two")), Some(format!("{far}/three")), None];
    let first = answers(first, to_far);
    let second = answers(second, vec![Some(format!("{near}/four"))]);
    let request = ClientRequestBuilder::new(format!("{near}/one").parse().unwrap())
        .with_header("Authorization", "Bearer 0123")
        .with_header("Cookie", "a=b")
        .with_header("Proxy-Authorization", "Basic dTpw")
        .with_header("X-Other", "c");
    connect(request).unwrap();
    let seen = [first.join().unwrap(), second.join().unwrap()].concat();
    let paths: Vec<&str> = seen.iter().map(|(path, _)| &**path).collect();
    assert_eq!(paths, ["/one", "/two", "/four", "/three"]);
    for (path, names) in &seen {
        let has = |name: &str| names.iter().any(|found| found == name);
        assert!(has("x-other"), "{path}: {names:?}");
        for name in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION] {
            assert_eq!(has(name.as_str()), ["/one", "/two"].contains(&&**path), "{path}: {name}");
        }
    }
}
