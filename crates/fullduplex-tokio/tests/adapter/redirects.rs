//! Redirects, over pipes: where they lead, and which headers are sent there.

use std::sync::{Arc, Mutex};

use fullduplex_tokio::{
    ConnectOptions, Connector, Dial, DialError, Error, OwnedAcceptance, OwnedClientRequest,
    OwnedRejection, RedirectError, Target, WebSocketConfig, accept_with, connect_with,
};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};

use crate::interop::configs;

/// What the servers have seen of each request: scheme, host, port, target, and some of its headers.
type Log = Arc<Mutex<Vec<String>>>;

/// A dialler to servers that redirect `/STATUS/LOCATION` with this status to this location, and accept other requests.
struct Net {
    log: Log,
    tls: Option<Arc<fullduplex_tokio::rustls::ServerConfig>>,
}

impl Dial for Net {
    type Stream = DuplexStream;

    async fn dial(&self, target: Target<'_>) -> Result<DuplexStream, DialError> {
        let (near, far) = duplex(64 << 10);
        let (log, tls) = (Arc::clone(&self.log), self.tls.clone());
        let scheme = if target.secure { "wss" } else { "ws" };
        let begun = format!("{scheme}://{}:{}", target.host, target.port);
        let secure = target.secure;
        tokio::spawn(async move {
            if secure {
                let acceptor = fullduplex_tokio::tokio_rustls::TlsAcceptor::from(tls.unwrap());
                serve(acceptor.accept(far).await.unwrap(), begun, log).await;
            } else {
                serve(far, begun, log).await;
            }
        });
        Ok(near)
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(stream: S, begun: String, log: Log) {
    let accepting = accept_with(stream, WebSocketConfig::new(), |request| {
        let mut seen = begun + request.target();
        for name in ["authorization", "cookie", "x-key", "x-other", "origin"] {
            if let Some(value) = request.headers().get_str(name) {
                seen += &format!(" {name}={value}");
            }
        }
        log.lock().unwrap().push(seen);
        let mut parts = request.target().splitn(3, '/').skip(1);
        let status = parts.next().and_then(|status| status.parse().ok());
        match (status, parts.next()) {
            (Some(status), Some(location)) => {
                Err(OwnedRejection::new(status).header("Location", location.replace('|', "/")))
            }
            (Some(status), None) => Err(OwnedRejection::new(status)),
            _ => Ok(OwnedAcceptance::new().subprotocol("chat")),
        }
    });
    if let Ok(mut socket) = accepting.await {
        let _ = socket.close(None).await;
    }
}

/// The requests that the servers have seen, and the client's status or error.
async fn led(request: OwnedClientRequest, max: u8) -> (Vec<String>, Result<u16, Error>) {
    led_with(request, |options| options.max_redirects(max)).await
}

/// As [`led`], with more options.
async fn led_with(
    request: OwnedClientRequest,
    more: impl FnOnce(ConnectOptions<Net>) -> ConnectOptions<Net>,
) -> (Vec<String>, Result<u16, Error>) {
    let (server, client) = configs();
    let log = Log::default();
    let net = Net { log: Arc::clone(&log), tls: Some(server) };
    let options = ConnectOptions::new()
        .dial(net)
        .connector(Connector::Rustls(client))
        .sensitive_header("X-Key");
    let connected = connect_with(request.subprotocol("chat"), &more(options)).await;
    let seen = log.lock().unwrap().clone();
    (seen, connected.map(|(_, response)| response.as_response().status()))
}

fn request(url: &str) -> OwnedClientRequest {
    OwnedClientRequest::new(url)
        .unwrap()
        .header("Cookie", "a=b")
        .header("X-Key", "0123")
        .header("X-Other", "y")
        .origin("http://page")
}

#[tokio::test]
async fn redirects_are_followed_by_default_not_at_all() {
    let by_default = led_with(request("ws://host/302/|x"), |options| options).await;
    for (seen, result) in [by_default, led(request("ws://host/302/|x"), 0).await] {
        assert_eq!(seen.len(), 1);
        let Err(Error::Http(refused)) = result else { panic!("{result:?}") };
        assert_eq!(refused.response.as_response().status(), 302);
    }
}

#[tokio::test]
async fn each_of_five_statuses_is_followed_and_others_are_not() {
    for status in [301, 302, 303, 307, 308] {
        let (seen, result) = led(request(&format!("ws://host/{status}/|x?y")), 1).await;
        let same = "cookie=a=b x-key=0123 x-other=y origin=http://page";
        let (first, second) =
            (format!("ws://host:80/{status}/|x?y {same}"), format!("ws://host:80/x?y {same}"));
        assert_eq!(seen, [first, second]);
        assert_eq!(result.unwrap(), 101);
    }
    for status in [300, 304, 305, 306, 404] {
        let (seen, result) = led(request(&format!("ws://host/{status}/|x")), 5).await;
        assert_eq!(seen.len(), 1);
        assert!(matches!(result, Err(Error::Http(_))), "{result:?}");
    }
    let (_, result) = led(request("ws://host/302"), 5).await;
    assert!(matches!(result, Err(Error::Http(_))), "a redirect without a location: {result:?}");
}

#[tokio::test]
async fn another_origin_gets_no_credentials_and_no_header_that_is_marked() {
    let with_all = "authorization=Basic dTpw cookie=a=b x-key=0123 x-other=y origin=http://page";
    let without = "x-other=y origin=http://page";
    for (location, at, headers) in [
        ("|x", "ws://localhost:80/x", with_all),
        ("http:||localhost|x", "ws://localhost:80/x", with_all),
        ("http:||LOCALHOST:80|x", "ws://localhost:80/x", with_all),
        // These have another scheme, port or host.
        ("https:||localhost|x", "wss://localhost:443/x", without),
        ("wss:||localhost:80|x", "wss://localhost:80/x", without),
        ("||localhost:81|x", "ws://localhost:81/x", without),
        ("||other|x", "ws://other:80/x", without),
        ("||sub.localhost|x", "ws://sub.localhost:80/x", without),
    ] {
        let first = request(&format!("ws://u:p@localhost/307/{location}"));
        let (seen, result) = led(first, 1).await;
        assert_eq!(result.unwrap(), 101, "{location}");
        assert_eq!(seen[1], format!("{at} {headers}"));
    }
    // An `Authorization` that the application has set is left out, too, and no redirect brings it back.
    let first = OwnedClientRequest::new("ws://host/301/||other|301|||host|x").unwrap();
    let (seen, _) = led(first.header("Authorization", "Bearer t"), 9).await;
    assert!(seen[0].ends_with("authorization=Bearer t"), "{seen:?}");
    assert!(seen[1..].iter().all(|seen| !seen.contains("authorization")), "{seen:?}");
}

#[tokio::test]
async fn no_redirect_leads_from_wss_to_ws() {
    let (seen, result) = led(request("wss://localhost/302/http:||localhost|x"), 5).await;
    assert_eq!(seen.len(), 1);
    let error = result.unwrap_err();
    let expected =
        "a redirect from wss to ws: wss://localhost/302/http:||localhost|x to ws://localhost/x";
    assert_eq!(error.to_string(), expected);
    assert!(
        matches!(error, Error::Redirect(redirected) if redirected.error == RedirectError::Insecure)
    );
}

#[tokio::test]
async fn a_loop_ends_at_the_limit_and_the_error_has_the_chain_without_credentials() {
    // The redirect leads to itself, because its location is empty.
    let (seen, result) = led(request("ws://u:p@host/302/"), 3).await;
    assert_eq!(seen.len(), 4);
    let error = result.unwrap_err();
    let url = "ws://***@host/302/";
    let expected = format!("too many redirects: {url} to {url} to {url} to {url} to {url}");
    assert_eq!(error.to_string(), expected);
    assert!(std::error::Error::source(&error).is_none(), "the text has all of it");
    match error {
        Error::Redirect(redirected) => {
            assert_eq!(redirected.error, RedirectError::TooMany);
            assert_eq!(redirected.refused.response.as_response().status(), 302);
        }
        error => panic!("{error:?}"),
    }
    let (_, result) = led(request("ws://host/302/ftp:||host|"), 3).await;
    let error = result.unwrap_err();
    assert!(
        matches!(&error, Error::Redirect(redirected) if matches!(redirected.error, RedirectError::Url(_)))
    );
    assert!(error.to_string().starts_with("a redirect to no URL of a WebSocket ("), "{error}");
}
