//! Conversions between the types of the `http` crate and those of the core.

use fullduplex::handshake::{
    AcceptError, EncodeRequestError, HeadError, OwnedAcceptance, OwnedClientRequest,
    OwnedRejection, OwnedResponse, Request as CoreRequest, RequestError, RequestParts,
    ResponseError,
};
use fullduplex::headers::{Header, Headers};
use fullduplex::{HandshakeError, OwnedUri, UriError};
use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN,
    SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
};
use http::uri::Authority;
use http::{Method, StatusCode, Uri, Version};

use super::client::{Request as ClientRequest, Response as ClientResponse};
use super::server::{ErrorResponse, Request, Response};
use crate::client::uri_mode;
use crate::error::{
    CapacityError, Error, ProtocolError, Result, SubProtocolError, UrlError, invalid_data,
};

/// The URI to connect to, and the core's request. The core writes the headers of the handshake itself, and has its own
/// fields for subprotocols and origin.
///
/// # Errors
/// [`Error::Url`]; [`Error::Protocol`] for a method or a header that must not be sent.
pub fn to_core(request: &ClientRequest) -> Result<(OwnedUri, OwnedClientRequest)> {
    if request.method() != Method::GET {
        return Err(ProtocolError::WrongHttpMethod.into());
    }
    if request.version() != Version::HTTP_11 {
        return Err(ProtocolError::WrongHttpVersion.into());
    }
    uri_mode(request.uri())?;
    let uri = OwnedUri::parse(request.uri().to_string()).map_err(uri_error)?;
    // Without a `Host` header, the request is for the URI that the client connects to.
    let requested = with_host(request)?.unwrap_or_else(|| uri.clone());
    let mut core = OwnedClientRequest::from_uri(requested);
    for (name, value) in request.headers() {
        let text = || std::str::from_utf8(value.as_bytes()).map_err(|_| invalid(name));
        match name {
            // The core writes these itself, and the configuration says which extensions it offers.
            &CONNECTION | &UPGRADE | &SEC_WEBSOCKET_KEY | &HOST | &SEC_WEBSOCKET_EXTENSIONS => {}
            &SEC_WEBSOCKET_VERSION if value == "13" => {}
            &SEC_WEBSOCKET_VERSION => return Err(invalid(name).into()),
            &SEC_WEBSOCKET_PROTOCOL => {
                for subprotocol in text()?.split(',').map(str::trim) {
                    core = core.subprotocol(subprotocol);
                }
                // As in tungstenite, the handshake fails if the server chooses none of them.
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

/// The value of a `Host` header: the host of the URI, and its port if the URI has one.
///
/// # Errors
/// [`Error::Url`] when the URI has no host.
pub(crate) fn host_header(uri: &Uri) -> Result<HeaderValue> {
    let authority = uri.authority().ok_or(UrlError::NoHostName)?.as_str();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if host.is_empty() { Err(UrlError::EmptyHostName.into()) } else { Ok(host.parse()?) }
}

fn invalid(name: &HeaderName) -> ProtocolError {
    ProtocolError::InvalidHeader(name.clone().into())
}

/// The error that tungstenite returns for an invalid URL.
pub(crate) fn uri_error(error: UriError) -> Error {
    match error {
        UriError::Scheme | UriError::MissingScheme => UrlError::UnsupportedUrlScheme.into(),
        UriError::MissingHost => UrlError::NoHostName.into(),
        error => std::io::Error::new(std::io::ErrorKind::InvalidInput, error).into(),
    }
}

/// The server's response.
///
/// # Errors
/// [`Error::HttpFormat`] for a header that the `http` crate refuses.
pub fn to_response(response: &OwnedResponse, body: Option<Vec<u8>>) -> Result<ClientResponse> {
    let response = response.as_response();
    let mut http_response = ClientResponse::new(body);
    *http_response.status_mut() = StatusCode::from_u16(response.status())?;
    *http_response.headers_mut() = header_map(response.headers())?;
    *http_response.version_mut() = Version::HTTP_11;
    Ok(http_response)
}

/// Passes a request to `then`, as the parts that the core expects.
pub(crate) fn with_parts<B, T>(
    request: &http::Request<B>,
    then: impl FnOnce(RequestParts<'_>) -> T,
) -> T {
    let headers: Vec<_> = request
        .headers()
        .iter()
        .map(|(name, value)| Header { name: name.as_str(), value: value.as_bytes() })
        .collect();
    then(RequestParts {
        method: request.method().as_str(),
        target: &request.uri().to_string(),
        version: match request.version() {
            Version::HTTP_09 => (0, 9),
            Version::HTTP_10 => (1, 0),
            Version::HTTP_11 => (1, 1),
            Version::HTTP_2 => (2, 0),
            // There is no version after HTTP/3.
            _ => (3, 0),
        },
        headers: &headers,
    })
}

/// A request, and the response that would be sent to it.
///
/// # Errors
/// [`Error::HttpFormat`] for what the `http` crate refuses.
pub(crate) fn to_http(request: &CoreRequest<'_>) -> Result<(Request, Response)> {
    let mut http_request = Request::new(());
    *http_request.uri_mut() = request.target().parse()?;
    *http_request.headers_mut() = header_map(request.headers())?;
    Ok((http_request, opening(request)?))
}

/// The response that opens the WebSocket, without subprotocol or extension.
pub(crate) fn opening(request: &CoreRequest<'_>) -> Result<Response> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.version_mut() = Version::HTTP_11;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Some(key) = request.key() {
        headers.insert(SEC_WEBSOCKET_ACCEPT, HeaderValue::from_bytes(&key.accept())?);
    }
    Ok(response)
}

fn header_map(headers: Headers<'_>) -> Result<HeaderMap> {
    let mut map = HeaderMap::new();
    for header in headers {
        let name = HeaderName::from_bytes(header.name.as_bytes())?;
        map.append(name, HeaderValue::from_bytes(header.value)?);
    }
    Ok(map)
}

/// The acceptance in a callback's response. The core writes the handshake's own headers.
pub(crate) fn to_acceptance(response: &Response) -> Result<OwnedAcceptance> {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(ProtocolError::CustomResponseSuccessful.into());
    }
    let mut acceptance = OwnedAcceptance::new();
    for (name, value) in response.headers() {
        match name {
            &CONNECTION | &UPGRADE | &SEC_WEBSOCKET_ACCEPT => {}
            &SEC_WEBSOCKET_PROTOCOL => acceptance = acceptance.subprotocol(text(name, value)?),
            name => acceptance = acceptance.header(name.as_str(), text(name, value)?),
        }
    }
    Ok(acceptance)
}

/// The rejection in a callback's response.
pub(crate) fn to_rejection(response: &ErrorResponse) -> Result<OwnedRejection> {
    let status = response.status().as_u16();
    if !(300..=599).contains(&status) {
        return Err(ProtocolError::CustomResponseSuccessful.into());
    }
    let mut rejection = OwnedRejection::new(status);
    for (name, value) in response.headers() {
        // The core writes these itself.
        if ![CONNECTION, UPGRADE, CONTENT_LENGTH, TRANSFER_ENCODING].contains(name) {
            rejection = rejection.header(name.as_str(), text(name, value)?);
        }
    }
    Ok(match response.body() {
        Some(body) => rejection.body(body.as_bytes()),
        None => rejection,
    })
}

fn text<'a>(name: &HeaderName, value: &'a HeaderValue) -> Result<&'a str> {
    Ok(std::str::from_utf8(value.as_bytes()).map_err(|_| invalid(name))?)
}

/// The error that tungstenite returns for a handshake that has failed.
pub fn handshake_error(error: HandshakeError) -> Error {
    use HandshakeError::{Request, Response};
    match error {
        Request(RequestError::Head(HeadError::TooManyHeaders))
        | Response(ResponseError::Head(HeadError::TooManyHeaders)) => {
            CapacityError::TooManyHeaders.into()
        }
        Request(RequestError::Head(HeadError::TooLarge))
        | Response(ResponseError::Head(HeadError::TooLarge)) => Error::AttackAttempt,
        Request(RequestError::Method | RequestError::HeadMethod) => {
            ProtocolError::WrongHttpMethod.into()
        }
        Request(RequestError::Head(HeadError::Version))
        | Response(ResponseError::Head(HeadError::Version) | ResponseError::Version) => {
            ProtocolError::WrongHttpVersion.into()
        }
        Request(RequestError::Connection) | Response(ResponseError::Connection) => {
            ProtocolError::MissingConnectionUpgradeHeader.into()
        }
        Request(RequestError::Upgrade) | Response(ResponseError::Upgrade) => {
            ProtocolError::MissingUpgradeWebSocketHeader.into()
        }
        Request(RequestError::Version) => ProtocolError::MissingSecWebSocketVersionHeader.into(),
        #[cfg(before_0_30)]
        Request(RequestError::Key) => ProtocolError::MissingSecWebSocketKey.into(),
        #[cfg(not(before_0_30))]
        Request(RequestError::Key) => ProtocolError::InvalidSecWebSocketKey.into(),
        Request(RequestError::KeyMissing) => ProtocolError::MissingSecWebSocketKey.into(),
        Response(ResponseError::Accept | ResponseError::AcceptMissing) => {
            ProtocolError::SecWebSocketAcceptKeyMismatch.into()
        }
        Response(ResponseError::Subprotocol) => subprotocol(SubProtocolError::InvalidSubProtocol),
        Response(ResponseError::SubprotocolMissing) => subprotocol(SubProtocolError::NoSubProtocol),
        HandshakeError::Encode(EncodeRequestError::InvalidHeader(_)) => {
            std::io::Error::new(std::io::ErrorKind::InvalidInput, error).into()
        }
        error => invalid_data(error),
    }
}

/// The error that tungstenite returns for a callback's response that must not be sent.
pub fn accept_error(error: AcceptError) -> Error {
    match error {
        AcceptError::SubprotocolNotOffered => subprotocol(SubProtocolError::InvalidSubProtocol),
        error => std::io::Error::new(std::io::ErrorKind::InvalidInput, error).into(),
    }
}

fn subprotocol(error: SubProtocolError) -> Error {
    ProtocolError::SecWebSocketSubProtocolError(error).into()
}

/// Changes the error for a subprotocol that was not offered to the one for a request without any.
pub fn unasked(error: Error) -> Error {
    match error {
        Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(
            SubProtocolError::InvalidSubProtocol,
        )) => subprotocol(SubProtocolError::ServerSentSubProtocolNoneRequested),
        error => error,
    }
}
