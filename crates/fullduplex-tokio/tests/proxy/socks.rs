//! SOCKS5 (RFC 1928), with user name and password (RFC 1929).

use fullduplex_tokio::{DialError, ProxyError};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;

use crate::script::{LIMIT, by, drip, expect, ms, write_and_stay};

/// The request for port 443 of `host`.
const REQUEST: &[u8] = b"\x05\x01\0\x03\x04host\x01\xbb";

/// The outcome of a dial without credentials whose two messages get these answers.
async fn answered(method: &'static [u8], reply: &'static [u8]) -> Result<Vec<u8>, ProxyError> {
    let connected = by("socks5://proxy", "host", move |mut stream| async move {
        expect(&mut stream, b"\x05\x01\0").await;
        stream.write_all(method).await.unwrap();
        if method == b"\x05\0" {
            expect(&mut stream, REQUEST).await;
        }
        let _ = stream.write_all(reply).await;
        stream.shutdown().await.unwrap();
        write_and_stay(stream, b"").await;
    });
    match connected.await {
        Ok(mut stream) => {
            let mut first = Vec::new();
            stream.read_to_end(&mut first).await.unwrap();
            Ok(first)
        }
        Err(DialError::Proxy { proxy, error }) => {
            assert_eq!(&*proxy, "socks5://proxy:1080");
            Err(error)
        }
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn names_go_to_the_proxy_as_names_and_addresses_as_addresses() {
    let v6 = b"\x05\x01\0\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x01\xbb";
    for (host, request) in [
        ("host", REQUEST),
        ("127.0.0.1", b"\x05\x01\0\x01\x7f\0\0\x01\x01\xbb"),
        ("2001:db8::1", v6),
    ] {
        let play = move |mut stream: DuplexStream| async move {
            expect(&mut stream, b"\x05\x01\0").await;
            stream.write_all(b"\x05\0").await.unwrap();
            expect(&mut stream, request).await;
            stream.write_all(b"\x05\0\0\x01\0\0\0\0\0\0").await.unwrap();
            expect(&mut stream, b"ping").await;
            stream.write_all(b"pong").await.unwrap();
        };
        for scheme in ["socks5", "socks5h"] {
            let mut stream = by(&format!("{scheme}://proxy"), host, play).await.unwrap();
            stream.write_all(b"ping").await.unwrap();
            let mut back = Vec::new();
            stream.read_to_end(&mut back).await.unwrap();
            assert_eq!(back, b"pong");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_behind_the_reply_belongs_to_the_tunnel() {
    for reply in [
        b"\x05\0\0\x01\x01\x02\x03\x04\0\x50the server".as_slice(),
        b"\x05\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\x50the server",
        b"\x05\0\0\x03\x07example\0\x50the server",
        b"\x05\0\0\x03\0\0\x50the server",
    ] {
        assert_eq!(answered(b"\x05\0", reply).await.unwrap(), b"the server");
    }
}

#[tokio::test(start_paused = true)]
async fn user_name_and_password_go_to_a_proxy_that_asks_for_them() {
    let url = "socks5://us%65r:p%40ss@proxy";
    for (status, accepted) in [(0, true), (1, false), (255, false)] {
        let connected = by(url, "host", move |mut stream| async move {
            expect(&mut stream, b"\x05\x02\0\x02").await;
            stream.write_all(b"\x05\x02").await.unwrap();
            expect(&mut stream, b"\x01\x04user\x04p@ss").await;
            stream.write_all(&[1, status]).await.unwrap();
            if accepted {
                expect(&mut stream, REQUEST).await;
                stream.write_all(b"\x05\0\0\x01\0\0\0\0\0\0").await.unwrap();
            }
            write_and_stay(stream, b"").await;
        });
        match connected.await {
            Ok(_) => assert!(accepted),
            Err(error) => {
                assert!(!accepted);
                let expected =
                    "by the proxy socks5://proxy:1080: it asks for another user name and password";
                assert_eq!(error.to_string(), expected);
                assert!(!format!("{error:?}").contains("p@ss"));
            }
        }
    }
    // A proxy that asks for no credentials gets none.
    let connected = by(url, "host", |mut stream| async move {
        expect(&mut stream, b"\x05\x02\0\x02").await;
        stream.write_all(b"\x05\0").await.unwrap();
        expect(&mut stream, REQUEST).await;
        stream.write_all(b"\x05\0\0\x01\0\0\0\0\0\0").await.unwrap();
    });
    connected.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_asks_for_credentials_where_there_are_none_is_an_error() {
    for method in [b"\x05\x02", b"\x05\xff"] {
        let error = answered(method, b"").await.unwrap_err();
        assert!(matches!(error, ProxyError::SocksCredentials), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_reply_code_is_an_error_that_names_it() {
    for (reply, code, text) in [
        (b"\x05\x01\0\x01\0\0\0\0\0\0", 1, "general SOCKS server failure"),
        (b"\x05\x02\0\x01\0\0\0\0\0\0", 2, "connection not allowed by ruleset"),
        (b"\x05\x03\0\x01\0\0\0\0\0\0", 3, "network unreachable"),
        (b"\x05\x04\0\x01\0\0\0\0\0\0", 4, "host unreachable"),
        (b"\x05\x05\0\x01\0\0\0\0\0\0", 5, "connection refused"),
        (b"\x05\x06\0\x01\0\0\0\0\0\0", 6, "TTL expired"),
        (b"\x05\x07\0\x01\0\0\0\0\0\0", 7, "command not supported"),
        (b"\x05\x08\0\x01\0\0\0\0\0\0", 8, "address type not supported"),
    ] {
        let error = answered(b"\x05\0", reply).await.unwrap_err();
        assert!(matches!(error, ProxyError::SocksRefused(is) if is == code), "{error:?}");
        assert_eq!(error.to_string(), format!("it refused with code {code}, {text}"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_socks5_is_an_error() {
    for (method, reply) in [
        (b"\x04\0".as_slice(), b"".as_slice()),
        (b"HT", b"TP/1.1 400 Bad Request\r\n\r\n"),
        // The method was not offered.
        (b"\x05\x01", b""),
        (b"\x05\x80", b""),
        (b"\x05\0", b"\x04\0\0\x01\0\0\0\0\0\0"),
        (b"\x05\0", b"\x05\x09\0\x01\0\0\0\0\0\0"),
        (b"\x05\0", b"\x05\xff\0\x01\0\0\0\0\0\0"),
        // The reserved byte is wrong, or the type of the address.
        (b"\x05\0", b"\x05\0\x01\x01\0\0\0\0\0\0"),
        (b"\x05\0", b"\x05\0\0\x02\0\0\0\0\0\0"),
        (b"\x05\0", b"\x05\0\0\0\0\0\0\0\0\0"),
    ] {
        let error = answered(method, reply).await.unwrap_err();
        assert!(matches!(error, ProxyError::Protocol(_)), "{method:?}, {reply:?}: {error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_closes_early_is_an_error() {
    for (method, reply) in [
        (b"".as_slice(), b"".as_slice()),
        (b"\x05", b""),
        (b"\x05\0", b""),
        (b"\x05\0", b"\x05\0\0\x03\x05ab"),
    ] {
        let error = answered(method, reply).await.unwrap_err();
        assert!(matches!(error, ProxyError::Io(_)), "{method:?}, {reply:?}: {error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_of_255_bytes_can_be_asked_for_and_a_longer_one_is_an_error() {
    let name = "a".repeat(255);
    let connected = by("socks5://proxy", &name, |mut stream| async move {
        expect(&mut stream, b"\x05\x01\0").await;
        stream.write_all(b"\x05\0").await.unwrap();
        expect(&mut stream, b"\x05\x01\0\x03\xff").await;
        expect(&mut stream, "a".repeat(255).as_bytes()).await;
        expect(&mut stream, b"\x01\xbb").await;
        stream.write_all(b"\x05\0\0\x01\0\0\0\0\0\0").await.unwrap();
    });
    connected.await.unwrap();
    let name = "a".repeat(256);
    let long = by("socks5://proxy", &name, |stream| async move {
        assert_eq!(write_and_stay(stream, b"").await, b"");
    });
    let error = long.await.unwrap_err();
    assert!(matches!(&error, DialError::Proxy { error: ProxyError::HostTooLong, .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn answers_may_come_byte_by_byte_and_the_deadline_holds_against_silence() {
    let connected = by("socks5://proxy", "host", |stream| async move {
        drip(stream, *b"\x05\0\x05\0\0\x03\x03abc\0\x50", ms(100)).await;
    });
    connected.await.unwrap();
    let begun = Instant::now();
    let silent = by("socks5://proxy", "host", |stream| async move {
        write_and_stay(stream, b"").await;
    });
    let dripping = by("socks5://proxy", "host", |stream| async move {
        drip(stream, *b"\x05\0\x05\0\0\x03\xff", ms(1000)).await;
    });
    let (silent, dripping) = tokio::join!(silent, dripping);
    assert_eq!(begun.elapsed(), LIMIT);
    assert!(silent.unwrap_err().is_timeout() && dripping.unwrap_err().is_timeout());
}
