//! A client's request, as a type of the `http` crate, and its conversion to the core's type.

use fullduplex::handshake::OwnedClientRequest;
use fullduplex::{OwnedUri, UriError};
use http::header::{
    CONNECTION, HOST, HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::uri::Authority;
use http::{Method, Uri};

use crate::error::{Error, Result, must_not_be_sent};

/// A client's request. It need not contain the headers of the handshake itself. `Sec-WebSocket-Key` is always drawn
/// when the request is sent. If the request has a `Host`, it is sent as the host of a URL would be, in lower case and
/// without the default port. Only the URI decides where to connect, and which host the certificate must name.
pub type ClientRequest = http::Request<()>;

/// A type from which a client's request can be created: a URL, or a request.
///
/// A URL means what it means to a browser: see [`OwnedUri::parse`] for what is encoded, and what is refused. The URI of
/// a request is parsed in the same way when the request is sent.
///
/// ```
/// use fullduplex_tokio::IntoClientRequest;
///
/// let request = "https://example.com/caf\u{e9} menu?ids[]=1".into_client_request()?;
/// assert_eq!(request.uri(), "wss://example.com/caf%C3%A9%20menu?ids[]=1");
/// # Ok::<(), fullduplex_tokio::Error>(())
/// ```
pub trait IntoClientRequest {
    /// Creates the request.
    ///
    /// # Errors
    /// [`Error::Url`] when the URL is not the URL of a WebSocket; [`Error::Io`] when an extra header is not valid.
    fn into_client_request(self) -> Result<ClientRequest>;
}

impl IntoClientRequest for &str {
    fn into_client_request(self) -> Result<ClientRequest> {
        // The `http` crate can parse every WebSocket URL that is in its normal form.
        OwnedUri::parse(self)?.as_uri().as_str().parse::<Uri>()?.into_client_request()
    }
}

impl IntoClientRequest for &String {
    fn into_client_request(self) -> Result<ClientRequest> {
        self.as_str().into_client_request()
    }
}

impl IntoClientRequest for String {
    fn into_client_request(self) -> Result<ClientRequest> {
        self.as_str().into_client_request()
    }
}

impl IntoClientRequest for &Uri {
    fn into_client_request(self) -> Result<ClientRequest> {
        self.clone().into_client_request()
    }
}

impl IntoClientRequest for Uri {
    fn into_client_request(self) -> Result<ClientRequest> {
        let host = host_header(&self)?;
        let mut request = ClientRequest::new(());
        *request.uri_mut() = self;
        let headers = request.headers_mut();
        headers.insert(HOST, host);
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        Ok(request)
    }
}

#[cfg(feature = "url")]
impl IntoClientRequest for url::Url {
    fn into_client_request(self) -> Result<ClientRequest> {
        self.as_str().into_client_request()
    }
}

#[cfg(feature = "url")]
impl IntoClientRequest for &url::Url {
    fn into_client_request(self) -> Result<ClientRequest> {
        self.as_str().into_client_request()
    }
}

impl IntoClientRequest for ClientRequest {
    fn into_client_request(self) -> Result<ClientRequest> {
        Ok(self)
    }
}

/// Builds a request with headers and subprotocols.
///
/// ```
/// use fullduplex_tokio::{ClientRequestBuilder, IntoClientRequest};
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
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Offers one more subprotocol. The client prefers the earlier ones. If the server chooses none, the handshake
    /// fails.
    #[must_use]
    pub fn with_sub_protocol(mut self, subprotocol: impl Into<String>) -> Self {
        self.subprotocols.push(subprotocol.into());
        self
    }
}

impl IntoClientRequest for ClientRequestBuilder {
    fn into_client_request(self) -> Result<ClientRequest> {
        let mut request = self.uri.into_client_request()?;
        let headers = request.headers_mut();
        for (name, value) in self.headers {
            headers.append(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
        }
        if !self.subprotocols.is_empty() {
            headers.append(SEC_WEBSOCKET_PROTOCOL, self.subprotocols.join(", ").try_into()?);
        }
        Ok(request)
    }
}

/// Returns the URI to connect to, and the core's request. The core writes the headers of the handshake itself, and has
/// its own fields for subprotocols and origin.
pub(crate) fn to_core(request: &ClientRequest) -> Result<(OwnedUri, OwnedClientRequest)> {
    if request.method() != Method::GET {
        return Err(must_not_be_sent("the method of a client's request must be GET"));
    }
    let uri = OwnedUri::parse(request.uri().to_string())?;
    // Without a `Host` of its own, the request asks for the URI to connect to.
    let requested = with_host(request)?.unwrap_or_else(|| uri.clone());
    let mut core = OwnedClientRequest::from_uri(requested);
    for (name, value) in request.headers() {
        let text = || std::str::from_utf8(value.as_bytes()).map_err(|_| invalid(name));
        match name {
            &CONNECTION | &UPGRADE | &SEC_WEBSOCKET_KEY | &HOST => {}
            &SEC_WEBSOCKET_VERSION if value == "13" => {}
            // The configuration decides which extensions are offered: see `WebSocketConfig::deflate`.
            &SEC_WEBSOCKET_VERSION | &SEC_WEBSOCKET_EXTENSIONS => {
                return Err(invalid(name));
            }
            &SEC_WEBSOCKET_PROTOCOL => {
                for subprotocol in text()?.split(',').map(str::trim) {
                    core = core.subprotocol(subprotocol);
                }
                // As in tungstenite and in browsers, the handshake fails if the server chooses none of them.
                core = core.require_subprotocol();
            }
            &ORIGIN => core = core.origin(text()?),
            name => core = core.header(name.as_str(), text()?),
        }
    }
    Ok((uri, core))
}

/// The URI to request if the `Host` of the request differs from the host of its URI: a client may connect to an
/// address, or through a tunnel, but must request the server's name.
fn with_host(request: &ClientRequest) -> Result<Option<OwnedUri>> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let Some(host) = hosts.next() else { return Ok(None) };
    if hosts.next().is_some() {
        return Err(invalid(&HOST));
    }
    if *host == host_header(request.uri())? {
        return Ok(None);
    }
    let uri = named(request.uri(), host).ok_or_else(|| invalid(&HOST))?;
    Ok(Some(uri))
}

/// `uri` with another host and port, and the same credentials.
fn named(uri: &Uri, host: &HeaderValue) -> Option<OwnedUri> {
    let host: Authority = host.to_str().ok()?.parse().ok()?;
    if host.as_str().contains('@') {
        return None;
    }
    let mut parts = uri.clone().into_parts();
    let credentials = parts.authority?.as_str().rsplit_once('@').map(|(user, _)| user.to_owned());
    parts.authority = Some(match credentials {
        Some(user) => format!("{user}@{host}").parse().ok()?,
        None => host,
    });
    OwnedUri::parse(Uri::from_parts(parts).ok()?.to_string()).ok()
}

fn invalid(name: &HeaderName) -> Error {
    must_not_be_sent(format!("the header {name} must not be sent like this in a handshake"))
}

/// The value of a `Host` header: the host of the URI, and its port if the URI has one.
fn host_header(uri: &Uri) -> Result<HeaderValue> {
    let authority = uri.authority().ok_or(Error::Url(UriError::MissingHost))?.as_str();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if host.is_empty() { Err(UriError::MissingHost.into()) } else { Ok(host.parse()?) }
}
