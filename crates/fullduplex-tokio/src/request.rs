//! What a client asks for, as a request of the `http` crate, and as the core wants it.

use fullduplex::OwnedUri;
use fullduplex::handshake::OwnedClientRequest;
use http::header::{
    CONNECTION, HOST, HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::uri::Authority;
use http::{Method, Uri};

use crate::error::{Error, ProtocolError, Result, UrlError};

/// A client's request. The headers of the handshake itself need not be there; `Sec-WebSocket-Key` is drawn when the
/// request is sent, whatever the request says. A `Host` goes out as the host of a URL does, in lower case and without
/// the default port: the URI alone says where to connect, and which host a certificate must name.
pub type ClientRequest = http::Request<()>;

/// What a client can be opened with: a URL, or a request that was put together.
///
/// A URL means what it means to a browser: [`OwnedUri::parse`] says what is encoded, and what is refused. The URI of a
/// request is read in the same way when the request is sent.
///
/// ```
/// use fullduplex_tokio::IntoClientRequest;
///
/// let request = "https://example.com/caf\u{e9} menu?ids[]=1".into_client_request()?;
/// assert_eq!(request.uri(), "wss://example.com/caf%C3%A9%20menu?ids[]=1");
/// # Ok::<(), fullduplex_tokio::Error>(())
/// ```
pub trait IntoClientRequest {
    /// The request.
    ///
    /// # Errors
    /// [`Error::Url`] when it is not the URL of a WebSocket; [`Error::HttpFormat`] when an added header is not valid.
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

/// A request with headers and subprotocols, put together step by step.
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
    /// Asks for `uri` and nothing else.
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

    /// Offers one more subprotocol, less preferred than those before it. A server that chooses none is refused.
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

/// Where to connect, and the request as the core writes it. The handshake's own headers are the core's; subprotocols
/// and origin go where it has places for them.
pub(crate) fn to_core(request: &ClientRequest) -> Result<(OwnedUri, OwnedClientRequest)> {
    if request.method() != Method::GET {
        return Err(ProtocolError::WrongHttpMethod.into());
    }
    let uri = OwnedUri::parse(request.uri().to_string())?;
    let asked = with_host(request)?.unwrap_or_else(|| uri.clone());
    let mut core = OwnedClientRequest::from_uri(asked);
    for (name, value) in request.headers() {
        let text = || std::str::from_utf8(value.as_bytes()).map_err(|_| invalid(name));
        match name {
            &CONNECTION | &UPGRADE | &SEC_WEBSOCKET_KEY | &HOST => {}
            &SEC_WEBSOCKET_VERSION if value == "13" => {}
            // What is offered is what can be done: see `WebSocketConfig::deflate`.
            &SEC_WEBSOCKET_VERSION | &SEC_WEBSOCKET_EXTENSIONS => {
                return Err(invalid(name).into());
            }
            &SEC_WEBSOCKET_PROTOCOL => {
                for subprotocol in text()?.split(',').map(str::trim) {
                    core = core.subprotocol(subprotocol);
                }
                // A client of tungstenite's, as a browser, does not talk to a server that knows none of them.
                core = core.require_subprotocol();
            }
            &ORIGIN => core = core.origin(text()?),
            name => core = core.header(name.as_str(), text()?),
        }
    }
    Ok((uri, core))
}

/// The URI to ask for when the request names another host than its URI: a server may be reached by an address or
/// through a tunnel, and know itself by a name.
fn with_host(request: &ClientRequest) -> Result<Option<OwnedUri>> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let Some(host) = hosts.next() else { return Ok(None) };
    if hosts.next().is_some() {
        return Err(invalid(&HOST).into());
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

fn invalid(name: &HeaderName) -> ProtocolError {
    ProtocolError::InvalidHeader(Box::new(name.clone()))
}

/// Host, and port where the URI has one.
fn host_header(uri: &Uri) -> Result<HeaderValue> {
    let authority = uri.authority().ok_or(Error::Url(UrlError::NoHostName))?.as_str();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if host.is_empty() { Err(UrlError::NoHostName.into()) } else { Ok(host.parse()?) }
}
