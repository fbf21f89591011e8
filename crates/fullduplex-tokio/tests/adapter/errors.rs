//! Errors as reporters print them: the text of an error, and then the texts of its sources.

use std::error::Error as _;
use std::{fmt, io};

use fullduplex_tokio::{
    ConnectOptions, Dial, DialError, Error, OwnedClientRequest, Proxy, ProxyDial, Target, TlsError,
    connect_with,
};
use tokio::io::DuplexStream;

/// An error of an application's transport, which has a source.
#[derive(Debug)]
struct Broken(fmt::Error);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the cable is broken")
    }
}

impl std::error::Error for Broken {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

fn broken() -> io::Error {
    io::Error::other(Broken(fmt::Error))
}

/// A dialler that fails.
struct Fails;

impl Dial for Fails {
    type Stream = DuplexStream;

    async fn dial(&self, _: Target<'_>) -> Result<DuplexStream, DialError> {
        Err(broken().into())
    }
}

async fn dialled<D: Dial>(dial: D) -> Error {
    let request = OwnedClientRequest::new("ws://host/").unwrap();
    connect_with(request, &ConnectOptions::new().dial(dial)).await.unwrap_err()
}

#[tokio::test]
async fn an_error_is_printed_or_returned_as_a_source_and_never_both() {
    let by_proxy = ProxyDial::new(Proxy::parse("http://proxy").unwrap()).over(Fails);
    for (error, text) in [
        (Error::from(broken()), "the transport failed: the cable is broken"),
        (dialled(Fails).await, "no connection to host:80: the cable is broken"),
        (
            dialled(by_proxy).await,
            "no connection to host:80: the proxy http://proxy:80 cannot be reached: the cable is broken",
        ),
    ] {
        assert_eq!(error.to_string(), text);
        let source = error.source().unwrap();
        assert_eq!(source.to_string(), fmt::Error.to_string(), "{text}");
        assert!(source.source().is_none());
    }
    // The operating system's error has no source.
    let error = connect_with("ws://127.0.0.1:1/", &ConnectOptions::new()).await.unwrap_err();
    assert!(error.to_string().ends_with(": connection refused"), "{error}");
    assert!(error.source().is_none());
    assert!(Error::from(TlsError::NoRoots).source().is_none());
}
