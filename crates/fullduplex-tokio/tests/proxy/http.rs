//! HTTP `CONNECT`.

use fullduplex_tokio::{DialError, ProxyError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::script::{LIMIT, by, drip, ms, read_head, write_and_stay};

/// The outcome of a `CONNECT` that gets this response. The proxy stays connected.
async fn answered(response: impl Into<Vec<u8>>) -> Result<Vec<u8>, ProxyError> {
    let response = response.into();
    let connected = by("http://proxy:3128", "example.org", move |mut stream| {
        let response = response.clone();
        async move {
            read_head(&mut stream).await;
            let _ = stream.write_all(&response).await;
            stream.shutdown().await.unwrap();
            write_and_stay(stream, b"").await;
        }
    });
    match connected.await {
        Ok(mut stream) => {
            let mut first = Vec::new();
            stream.read_to_end(&mut first).await.unwrap();
            Ok(first)
        }
        Err(DialError::Proxy { proxy, error }) => {
            assert_eq!(&*proxy, "http://proxy:3128");
            Err(error)
        }
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_request_names_host_and_port_and_carries_credentials_for_the_proxy_alone() {
    let authorized = "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n";
    for (proxy, host, authority, authorization) in [
        ("http://proxy:3128", "example.org", "example.org:443", ""),
        ("proxy", "2001:db8::1", "[2001:db8::1]:443", ""),
        ("http://Aladdin:open%20sesame@proxy", "127.0.0.1", "127.0.0.1:443", authorized),
    ] {
        let expected =
            format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{authorization}\r\n");
        let mut stream = by(proxy, host, move |mut stream| {
            let expected = expected.clone();
            async move {
                assert_eq!(read_head(&mut stream).await, expected);
                stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
                let mut hello = [0; 5];
                stream.read_exact(&mut hello).await.unwrap();
                stream.write_all(&hello).await.unwrap();
            }
        })
        .await
        .unwrap();
        // The tunnel carries bytes both ways, without those that the proxy itself has sent.
        stream.write_all(b"hello").await.unwrap();
        let mut back = Vec::new();
        stream.read_to_end(&mut back).await.unwrap();
        assert_eq!(back, b"hello");
    }
}

/// RFC 9110 §9.3.6: "switch to tunnel mode immediately after the response header section"; "A client MUST ignore any
/// Content-Length or Transfer-Encoding header fields received in a successful response to CONNECT."
#[tokio::test(start_paused = true)]
async fn what_comes_behind_the_head_of_the_response_belongs_to_the_tunnel() {
    for head in [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.0 200 Connection established\r\nProxy-agent: a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 200\r\n\r\n",
        "HTTP/1.1 202 Accepted\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ] {
        for behind in ["", "0\r\n\r\nthe server speaks first"] {
            let first = answered(format!("{head}{behind}")).await;
            assert_eq!(first.unwrap(), behind.as_bytes(), "{head}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn another_status_is_an_error_with_its_status_and_reason() {
    for (response, status, reason) in [
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", 403, "Forbidden"),
        ("HTTP/1.1 502 Host not found, \x1b[31m\r\n\r\n", 0, ""),
        ("HTTP/1.0 502 Not there today\r\n\r\n", 502, "Not there today"),
        ("HTTP/1.1 301 Moved Permanently\r\nLocation: http://a/\r\n\r\n", 301, "Moved Permanently"),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", 101, "Switching Protocols"),
        ("HTTP/1.1 407 Log in\r\n\r\n", 407, "Log in"),
    ] {
        match answered(response).await.unwrap_err() {
            ProxyError::Refused { status: is, reason: said } => {
                assert_eq!((is, &*said), (status, reason));
            }
            // A control character in a reason phrase is against the grammar.
            ProxyError::Protocol(_) => assert_eq!(status, 0, "{response}"),
            error => panic!("{response}: {error:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_response_of_http_1_is_an_error() {
    for response in [
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.2 200 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "\x05\0",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    ] {
        let error = answered(response).await.unwrap_err();
        assert!(matches!(error, ProxyError::Protocol(_)), "{response:?}: {error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_closes_before_its_response_is_whole_is_an_error() {
    for response in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n"] {
        let error = answered(response).await.unwrap_err();
        assert!(matches!(&error, ProxyError::Io(_)), "{response:?}: {error:?}");
        assert!(error.to_string().starts_with("the connection to it failed: "), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_endless_head_is_refused_and_many_headers_are() {
    let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "a".repeat(40 << 10));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(101));
    for response in [endless, many] {
        let error = answered(response).await.unwrap_err();
        assert!(matches!(error, ProxyError::Protocol(_)), "{error:?}");
    }
    // RFC 9112 §2.2: a server may not send so much before its status line.
    let error = answered("\r\n".repeat(20 << 10)).await.unwrap_err();
    assert!(matches!(error, ProxyError::Protocol(_)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_response_may_come_byte_by_byte() {
    let response = b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n!";
    let mut stream = by("http://proxy", "host", move |mut stream| async move {
        read_head(&mut stream).await;
        drip(stream, *response, ms(50)).await;
    })
    .await
    .unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), b'!');
}

/// Three proxies: the first is silent, the second drips, and the third sends nothing but interim responses.
#[tokio::test(start_paused = true)]
async fn the_deadline_holds_against_a_proxy_that_never_comes_to_an_end() {
    let begun = Instant::now();
    let silent = by("http://proxy", "host", |stream| async move {
        write_and_stay(stream, b"").await;
    });
    let dripping = by("http://proxy", "host", |mut stream| async move {
        read_head(&mut stream).await;
        drip(stream, b"HTTP/1.1 200 OK\r\nX: ".iter().copied().chain([b'a'; 8000]), ms(100)).await;
    });
    let interim = by("http://proxy", "host", |mut stream| async move {
        read_head(&mut stream).await;
        drip(stream, b"HTTP/1.1 100 Continue\r\n\r\n".repeat(2000), ms(1)).await;
    });
    let (silent, dripping, interim) = tokio::join!(silent, dripping, interim);
    assert_eq!(begun.elapsed(), LIMIT);
    for error in [silent, dripping, interim].map(Result::unwrap_err) {
        assert!(error.is_timeout(), "{error:?}");
        let expected = "by the proxy http://proxy:80: it has not answered in time";
        assert_eq!(error.to_string(), expected);
    }
}
