//! URLs as people write them: the same text makes the same request over tokio and over blocking streams, or the same error;
//! and the request arrives at a server, over HTTP/1.1 and over HTTP/2.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::rc::Rc;

use fullduplex_tokio::fullduplex::UriError;
use fullduplex_tokio::{
    Error, IntoRequest, OwnedAcceptance, WebSocketConfig, accept_with, client, client_http2,
    upgrade_with,
};
use tokio::io::duplex;

use crate::http2::{connect, serve};
use crate::support::header;

/// `Host` and request target.
type Asked = (&'static str, &'static str);

/// URLs, each with the `Host` and the request target that it leads to, or with its error.
const URLS: &[(&str, Result<Asked, UriError>)] = &[
    ("ws://h", Ok(("h", "/"))),
    ("ws://h/?ids[]=1&ids[]=2", Ok(("h", "/?ids[]=1&ids[]=2"))),
    ("ws://h/a|b", Ok(("h", "/a|b"))),
    ("ws://h/?q={\"a\":1}", Ok(("h", "/?q={%22a%22:1}"))),
    ("ws://h/?a^b`c|d\\e", Ok(("h", "/?a^b`c|d\\e"))),
    ("ws://h/^x", Ok(("h", "/%5Ex"))),
    ("ws://h/a b", Ok(("h", "/a%20b"))),
    ("ws://h/caf\u{e9}", Ok(("h", "/caf%C3%A9"))),
    ("ws://h?q=\u{e9}", Ok(("h", "/?q=%C3%A9"))),
    (" ws://h/ ", Ok(("h", "/"))),
    ("ws://h/a/../b/./%2e%2E/c\\d", Ok(("h", "/c/d"))),
    ("ws://h/%zz?%", Ok(("h", "/%zz?%"))),
    ("http://h:80/", Ok(("h", "/"))),
    ("https://h/", Ok(("h", "/"))),
    ("WS:\\\\EXAMPLE.com:8080", Ok(("example.com:8080", "/"))),
    ("ws:h", Ok(("h", "/"))),
    ("ws:///h/", Ok(("h", "/"))),
    ("ws://us er:p@ss@h/", Ok(("h", "/"))),
    ("ws://!$&'()*+,;=_~/", Ok(("!$&'()*+,;=_~", "/"))),
    ("ws://0x7f.1:9001/", Ok(("127.0.0.1:9001", "/"))),
    ("ws://[::FFFF:127.0.0.1]:9001/", Ok(("[::ffff:7f00:1]:9001", "/"))),
    ("ws://xn--bcher-kva.example/", Ok(("xn--bcher-kva.example", "/"))),
    ("ws://b\u{fc}cher.example/", Ok(("xn--bcher-kva.example", "/"))),
    ("ws://h/#fragment", Err(UriError::Fragment)),
    ("127.0.0.1:9001", Err(UriError::MissingScheme)),
    ("localhost:9001", Err(UriError::MissingScheme)),
    ("example.com/chat", Err(UriError::MissingScheme)),
    ("/chat", Err(UriError::MissingScheme)),
    ("", Err(UriError::MissingScheme)),
    ("ftp://h/", Err(UriError::Scheme)),
    ("ws://", Err(UriError::MissingHost)),
    ("ws://a b/", Err(UriError::Host)),
    ("ws://1.2.3.4.5/", Err(UriError::Host)),
    ("ws://h:0/", Err(UriError::Port)),
    ("ws://h:65536/", Err(UriError::Port)),
    ("ws://a:%0a@h/", Err(UriError::Userinfo)),
];

/// A blocking stream to a server that hangs up once it has the request.
#[derive(Clone, Default)]
struct Recorder(Rc<RefCell<Vec<u8>>>);

impl Read for Recorder {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
}

impl Write for Recorder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The request without its key, which is random.
fn without_key(head: &[u8]) -> String {
    let head = str::from_utf8(head).unwrap();
    assert!(head.ends_with("\r\n\r\n"), "{head:?}");
    let lines = head.lines().filter(|line| !line.starts_with("Sec-WebSocket-Key: "));
    lines.collect::<Vec<_>>().join("\n")
}

fn over_std(url: &str) -> Result<String, UriError> {
    let recorder = Recorder::default();
    match fullduplex_std::client(url, recorder.clone()) {
        Err(fullduplex_std::HandshakeError::Failure(fullduplex_std::Error::Url(error))) => {
            assert!(recorder.0.borrow().is_empty());
            Err(error)
        }
        _ => Ok(without_key(&recorder.0.borrow())),
    }
}

async fn over_tokio(request: impl IntoRequest) -> Result<String, UriError> {
    let (near, mut far) = duplex(1 << 17);
    let reading = tokio::spawn(async move {
        let mut head = [0; 1 << 12];
        let len = tokio::io::AsyncReadExt::read(&mut far, &mut head).await.unwrap();
        head[..len].to_vec()
    });
    match client(request, near).await {
        Err(Error::Url(error)) => {
            assert!(reading.await.unwrap().is_empty());
            Err(error)
        }
        _ => Ok(without_key(&reading.await.unwrap())),
    }
}

#[tokio::test]
async fn the_same_text_makes_the_same_request_over_std_and_tokio() {
    let other = ["ws://b\u{fc}cher.example/", "ws://a`b/", "ws://%ff/", "://h", "ws://h:8a"];
    for url in URLS.iter().map(|(url, _)| *url).chain(other) {
        assert_eq!(over_std(url), over_tokio(url).await, "{url:?}");
    }
    let long = format!("ws://h/{}", "a".repeat(1 << 16));
    assert_eq!(over_std(&long), Err(UriError::TooLong));
    assert_eq!(over_tokio(long).await, Err(UriError::TooLong));
}

#[tokio::test]
async fn a_url_asks_for_what_a_browser_would_ask_for() {
    for (url, expected) in URLS {
        let head = over_tokio(*url).await;
        match *expected {
            Ok((host, target)) => {
                let head = head.unwrap_or_else(|error| panic!("{url:?}: {error}"));
                assert!(
                    head.starts_with(&format!("GET {target} HTTP/1.1\nHost: {host}\n")),
                    "{head}"
                );
            }
            Err(error) => assert_eq!(head, Err(error), "{url:?}"),
        }
    }
    // RFC 7617 §2: the credentials are what the user information says, however it is written.
    let head = over_tokio("ws://us er:p@ss@h/").await.unwrap();
    assert!(head.contains("\nAuthorization: Basic dXMgZXI6cEBzcw==\n"), "{head}");
}

#[tokio::test]
async fn a_url_of_the_url_crate_is_the_same_url() {
    for url in ["ws://b\u{fc}cher.example/^x?{", "https://u:p@h:81/a b", "ws://h/#fragment"] {
        assert_eq!(over_tokio(url::Url::parse(url).unwrap()).await, over_tokio(url).await, "{url}");
    }
}

#[test]
fn an_error_says_what_is_missing_and_tells_no_secret() {
    for (url, part) in [
        ("localhost:9001", "must begin with ws:// or wss://"),
        ("example.com/chat", "must begin with ws:// or wss://"),
        ("ftp://user:secret@h/", "neither ws nor wss"),
        ("ws://user:secret@/", "no host"),
        ("ws://user:secret@h:0/", "from 1 to 65535"),
        ("ws://user:secret@h/#", "fragment"),
    ] {
        let error = url.into_request().unwrap_err();
        let said = error.to_string();
        assert!(said.contains(part) && !said.contains("secret"), "{said}");
        assert!(!format!("{error:?}").contains("secret"));
        let std = fullduplex_std::client(url, Recorder::default()).unwrap_err();
        assert_eq!(std.to_string(), said);
    }
}

#[tokio::test]
async fn a_server_gets_the_target_over_http_1_and_http_2() {
    let address = serve(true, |mut request| async move {
        let (response, _) = upgrade_with(&mut request, WebSocketConfig::new(), |request| {
            let target = request.target().to_owned();
            Ok(OwnedAcceptance::new().header("X-Target", target).header("X-Host", request.host()))
        });
        response
    })
    .await;
    let mut sender = connect(address).await;
    for (url, expected) in URLS {
        let Ok((host, target)) = *expected else { continue };
        let (_, response) = client_http2(&mut sender, *url, WebSocketConfig::new()).await.unwrap();
        assert_eq!(header(&response, "x-host"), Some(host));
        assert_eq!(header(&response, "x-target"), Some(target));

        let (near, far) = duplex(1 << 12);
        let accepting = accept_with(far, WebSocketConfig::new(), |request| {
            assert_eq!((request.host(), request.target()), (host, target));
            Ok(OwnedAcceptance::new())
        });
        let (opened, accepted) = tokio::join!(client(*url, near), accepting);
        opened.unwrap();
        accepted.unwrap();
    }
}
