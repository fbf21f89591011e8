//! A client's requests, and connecting with them.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use fullduplex::OwnedUri;
use http::header::{
    AUTHORIZATION, CONNECTION, COOKIE, HOST, HeaderName, HeaderValue, LOCATION,
    PROXY_AUTHORIZATION, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, Uri, Version};

use crate::error::{Error, Result, UrlError};
use crate::handshake::client::{ClientHandshake, Request, Response, generate_key};
use crate::handshake::{HandshakeError, convert, server};
use crate::protocol::{WebSocket, WebSocketConfig};
use crate::stream::{MaybeTlsStream, Mode};

/// How long each address of a host may take to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens a WebSocket to a URL, over TCP and, for `wss`, TLS. Follows up to three redirects. `TCP_NODELAY` is set.
///
/// # Errors
/// As [`connect_with_config`].
pub fn connect<Req: IntoClientRequest>(
    request: Req,
) -> Result<(WebSocket<MaybeTlsStream<TcpStream>>, Response)> {
    connect_with_config(request, None, 3)
}

/// As [`connect`], with a configuration and another number of redirects. Another scheme, host or port gets the same headers
/// without `Authorization`, `Cookie` and `Proxy-Authorization`. A redirect from `wss` to `ws` is not followed.
///
/// # Errors
/// [`Error::Url`]; [`Error::Io`] when the host has no address; [`Error::Tls`]; [`Error::Http`] with a redirect that is not
/// followed; otherwise as [`client_with_config`].
pub fn connect_with_config<Req: IntoClientRequest>(
    request: Req,
    config: Option<WebSocketConfig>,
    max_redirects: u8,
) -> Result<(WebSocket<MaybeTlsStream<TcpStream>>, Response)> {
    let mut request = request.into_client_request()?;
    let mut left = max_redirects;
    loop {
        let response = match connect_once(request.clone(), config) {
            Err(Error::Http(response)) if left > 0 && response.status().is_redirection() => {
                response
            }
            other => return other,
        };
        let Some(location) = response.headers().get(LOCATION) else {
            return Err(Error::Http(response));
        };
        match redirected(request, location.to_str()?.parse()?)? {
            Some(redirected) => request = redirected,
            None => return Err(Error::Http(response)),
        }
        left -= 1;
    }
}

/// The request for the URI of a redirect. Another origin gets no credentials. `None` when the redirect leads from `wss` to
/// `ws`.
fn redirected(mut request: Request, uri: Uri) -> Result<Option<Request>> {
    let host = convert::host_header(&uri)?;
    let (from, to) = (origin(request.uri())?, origin(&uri)?);
    if from.0 == Mode::Tls && to.0 == Mode::Plain {
        return Ok(None);
    }
    let headers = request.headers_mut();
    if from != to {
        for credentials in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION] {
            headers.remove(credentials);
        }
    }
    headers.insert(HOST, host);
    *request.uri_mut() = uri;
    Ok(Some(request))
}

/// RFC 6454 §4: "the triple (uri-scheme, uri-host, uri-port)".
fn origin(uri: &Uri) -> Result<(Mode, String, u16)> {
    let mode = uri_mode(uri)?;
    let port = uri.port_u16().unwrap_or(match mode {
        Mode::Plain => 80,
        Mode::Tls => 443,
    });
    Ok((mode, uri.host().unwrap_or_default().to_ascii_lowercase(), port))
}

fn connect_once(
    request: Request,
    config: Option<WebSocketConfig>,
) -> Result<(WebSocket<MaybeTlsStream<TcpStream>>, Response)> {
    let mode = uri_mode(request.uri())?;
    if mode == Mode::Tls && !cfg!(any(feature = "native-tls", feature = "__rustls-tls")) {
        return Err(UrlError::TlsFeatureNotEnabled.into());
    }
    let (uri, _) = convert::to_core(&request)?;
    let uri = uri.as_uri();
    let stream = dial(uri.host(), uri.port())?
        .ok_or_else(|| UrlError::UnableToConnect(request.uri().to_string()))?;
    stream.set_nodelay(true)?;
    #[cfg(any(feature = "native-tls", feature = "__rustls-tls"))]
    let opened = crate::tls::client_tls_with_config(request, stream, config, None);
    #[cfg(not(any(feature = "native-tls", feature = "__rustls-tls")))]
    let opened = client_with_config(request, MaybeTlsStream::Plain(stream), config);
    opened.map_err(|error| match error {
        HandshakeError::Failure(error) => error,
        HandshakeError::Interrupted(_) => {
            std::io::Error::from(std::io::ErrorKind::WouldBlock).into()
        }
    })
}

/// Connects to the first of the host's addresses that accepts a connection.
fn dial(host: &str, port: u16) -> Result<Option<TcpStream>> {
    let mut addresses = (host, port).to_socket_addrs()?;
    Ok(addresses.find_map(|address| TcpStream::connect_timeout(&address, CONNECT_TIMEOUT).ok()))
}

/// Whether the scheme of a URI means TLS.
///
/// # Errors
/// [`UrlError::UnsupportedUrlScheme`] when it is neither `ws` nor `wss`.
pub fn uri_mode(uri: &Uri) -> Result<Mode> {
    match uri.scheme_str() {
        Some("ws") => Ok(Mode::Plain),
        Some("wss") => Ok(Mode::Tls),
        _ => Err(UrlError::UnsupportedUrlScheme.into()),
    }
}

/// Opens a WebSocket over a stream that is connected to the server, with the default configuration.
///
/// # Errors
/// As [`client_with_config`].
pub fn client<Stream, Req>(
    request: Req,
    stream: Stream,
) -> Result<(WebSocket<Stream>, Response), HandshakeError<ClientHandshake<Stream>>>
where
    Stream: Read + Write,
    Req: IntoClientRequest,
{
    client_with_config(request, stream, None)
}

/// As [`client`], with a configuration.
///
/// # Errors
/// [`HandshakeError::Interrupted`] over a stream that would block. [`HandshakeError::Failure`] with [`Error::Url`];
/// [`Error::Http`] for a status other than 101; [`Error::Protocol`] for an invalid request or response; [`Error::Io`].
pub fn client_with_config<Stream, Req>(
    request: Req,
    stream: Stream,
    config: Option<WebSocketConfig>,
) -> Result<(WebSocket<Stream>, Response), HandshakeError<ClientHandshake<Stream>>>
where
    Stream: Read + Write,
    Req: IntoClientRequest,
{
    ClientHandshake::start(stream, request.into_client_request()?, config)?.handshake()
}

/// Something that can be turned into a client's request: a URL, or a request.
pub trait IntoClientRequest {
    /// The request.
    ///
    /// # Errors
    /// [`Error::Url`] and [`Error::HttpFormat`] when it cannot be a request for a WebSocket.
    fn into_client_request(self) -> Result<Request>;
}

impl IntoClientRequest for &str {
    fn into_client_request(self) -> Result<Request> {
        match self.parse::<Uri>() {
            Ok(uri) => uri.into_client_request(),
            // Browsers accept some URLs that the `http` crate refuses, such as one with a space in
            // its path.
            Err(error) => match OwnedUri::parse(self) {
                Ok(uri) => uri.as_uri().as_str().parse::<Uri>()?.into_client_request(),
                Err(_) => Err(error.into()),
            },
        }
    }
}

impl IntoClientRequest for &String {
    fn into_client_request(self) -> Result<Request> {
        self.as_str().into_client_request()
    }
}

impl IntoClientRequest for String {
    fn into_client_request(self) -> Result<Request> {
        self.as_str().into_client_request()
    }
}

impl IntoClientRequest for &Uri {
    fn into_client_request(self) -> Result<Request> {
        self.clone().into_client_request()
    }
}

impl IntoClientRequest for Uri {
    fn into_client_request(self) -> Result<Request> {
        let host = convert::host_header(&self)?;
        let key = generate_key().parse()?;
        let mut request = Request::new(());
        *request.uri_mut() = self;
        *request.version_mut() = Version::HTTP_11;
        let headers = request.headers_mut();
        headers.insert(HOST, host);
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        headers.insert(SEC_WEBSOCKET_KEY, key);
        Ok(request)
    }
}

#[cfg(feature = "url")]
impl IntoClientRequest for url::Url {
    fn into_client_request(self) -> Result<Request> {
        self.as_str().into_client_request()
    }
}

#[cfg(feature = "url")]
impl IntoClientRequest for &url::Url {
    fn into_client_request(self) -> Result<Request> {
        self.as_str().into_client_request()
    }
}

impl IntoClientRequest for Request {
    fn into_client_request(self) -> Result<Request> {
        Ok(self)
    }
}

impl IntoClientRequest for httparse::Request<'_, '_> {
    fn into_client_request(self) -> Result<Request> {
        server::from_httparse(&self)
    }
}

/// Builds a request with headers and subprotocols.
///
/// ```
/// use tungstenite::ClientRequestBuilder;
/// use tungstenite::client::IntoClientRequest;
///
/// let request = ClientRequestBuilder::new("ws://localhost:3012/chat".parse()?)
///     .with_header("Authorization", "Bearer 0123")
///     .with_sub_protocol("chat")
///     .into_client_request()?;
/// assert_eq!(request.headers()["Sec-WebSocket-Protocol"], "chat");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClientRequestBuilder {
    uri: Uri,
    headers: Vec<(String, String)>,
    subprotocols: Vec<String>,
}

impl ClientRequestBuilder {
    /// A request for `uri`, without extra headers and subprotocols.
    #[must_use]
    pub const fn new(uri: Uri) -> Self {
        Self { uri, headers: Vec::new(), subprotocols: Vec::new() }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header<K: Into<String>, V: Into<String>>(mut self, key: K, value: V) -> Self {
        self.headers.push((key.into(), value.into()));
        self
    }

    /// Offers one more subprotocol.
    #[must_use]
    pub fn with_sub_protocol<P: Into<String>>(mut self, protocol: P) -> Self {
        self.subprotocols.push(protocol.into());
        self
    }
}

impl IntoClientRequest for ClientRequestBuilder {
    fn into_client_request(self) -> Result<Request> {
        let mut request = self.uri.into_client_request()?;
        let headers: &mut HeaderMap = request.headers_mut();
        for (name, value) in self.headers {
            headers.append(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
        }
        if !self.subprotocols.is_empty() {
            headers.append(SEC_WEBSOCKET_PROTOCOL, self.subprotocols.join(", ").try_into()?);
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_go_to_the_same_scheme_host_and_port_alone() {
        for (from, to, expected) in [
            ("ws://host/a", "ws://host/b", Some(true)),
            ("ws://host/a", "ws://HOST:80/b", Some(true)),
            ("wss://host:443/a", "wss://host/b", Some(true)),
            ("ws://u:p@host/a", "ws://host/b", Some(true)),
            ("ws://host/a", "ws://other/b", Some(false)),
            ("ws://host/a", "ws://sub.host/b", Some(false)),
            ("ws://host/a", "ws://host:81/b", Some(false)),
            ("ws://host/a", "wss://host/b", Some(false)),
            ("ws://host:443/a", "wss://host/b", Some(false)),
            ("wss://host/a", "ws://host/b", None),
            ("wss://host/a", "ws://host:443/b", None),
        ] {
            let request = ClientRequestBuilder::new(from.parse().unwrap())
                .with_header("Authorization", "Bearer 0123")
                .with_header("Cookie", "a=b")
                .with_header("Cookie", "c=d")
                .with_header("Proxy-Authorization", "Basic dTpw")
                .with_header("X-Other", "e")
                .into_client_request()
                .unwrap();
            let uri: Uri = to.parse().unwrap();
            let Some(next) = redirected(request, uri.clone()).unwrap() else {
                assert_eq!(expected, None, "{from} {to}");
                continue;
            };
            assert_eq!(
                (next.uri(), &next.headers()["host"]),
                (&uri, &convert::host_header(&uri).unwrap())
            );
            assert!(next.headers().contains_key("x-other"));
            for name in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION] {
                let has = next.headers().contains_key(&name);
                assert_eq!(Some(has), expected, "{from} {to}: {name}");
            }
        }
        let request = || "ws://host/".into_client_request().unwrap();
        for wrong in ["/b", "http://host/b"] {
            let error = redirected(request(), wrong.parse().unwrap()).unwrap_err();
            assert!(matches!(error, Error::Url(_)), "{wrong}: {error}");
        }
    }
}
