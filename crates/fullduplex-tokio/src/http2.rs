//! A client's WebSocket over a stream of an HTTP/2 connection (RFC 8441): `http2_ready` and `client_http2`. For a
//! server, see `upgrade`.

use std::future::Future;
use std::io;
use std::time::Duration;

use fullduplex::handshake::{
    ClientRequest, ConnectResponse, EncodeRequestError, IntoRequest, Outcome, OwnedClientRequest,
    OwnedResponse,
};
use fullduplex::{HandshakeError, Refused, Role, Timeout};
use http::{Method, Uri, Version};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http2::{Connection, SendRequest};
use hyper::ext::Protocol;
use hyper::rt::bounds::Http2ClientConnExec;
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use crate::config::WebSocketConfig;
use crate::error::{Error, Result};
use crate::stream::UpgradedStream;
use crate::upgrade::http_types::{append, header_list, unfit};
use crate::watch::Watch;
use crate::websocket::WebSocketStream;

/// How much of the body of a response that does not open a WebSocket is kept.
const MAX_BODY: usize = 16 << 10;

/// How long the body of such a response is waited for: its status must not be lost because its body does not end.
const MAX_BODY_WAIT: Duration = Duration::from_secs(1);

/// The longest time between two looks at the server's settings.
const MAX_PAUSE: Duration = Duration::from_millis(50);

/// Waits until the server has announced that it accepts WebSockets over HTTP/2 (RFC 8441 §3), but no longer than
/// `limit`. Meanwhile, it drives the connection. A server that accepts them announces it with its first bytes, and "a
/// client MUST NOT" request one before that.
///
/// # Errors
/// [`Error::Io`] when the connection has failed or ended. If the server has not announced it, the error has the kind
/// [`Unsupported`](io::ErrorKind::Unsupported), and the connection can be used for other requests.
///
/// # Panics
/// Outside of a tokio runtime with its time driver.
pub async fn http2_ready<T, B, E>(
    connection: &mut Connection<T, B, E>,
    limit: Duration,
) -> Result<()>
where
    T: Read + Write + Unpin + 'static,
    B: Body + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    E: Http2ClientConnExec<B, T> + Unpin,
{
    let announced = async {
        let mut pause = Duration::from_millis(1);
        while !connection.is_extended_connect_protocol_enabled() {
            // hyper does not wake a task when it has received the settings.
            match timeout(pause, &mut *connection).await {
                Ok(Ok(())) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(Err(error)) => return Err(io::Error::other(error)),
                Err(_) => pause = (2 * pause).min(MAX_PAUSE),
            }
        }
        Ok(())
    };
    let unsupported = || {
        let why = "the server has not announced that it accepts WebSockets over HTTP/2";
        Err(io::Error::new(io::ErrorKind::Unsupported, why))
    };
    Ok(timeout(limit, announced).await.unwrap_or_else(|_| unsupported())?)
}

/// Opens a WebSocket over a new stream of an HTTP/2 connection to the server (RFC 8441). Returns the WebSocket with the
/// server's response.
///
/// hyper's `client::conn::http2::handshake` returns `sender`, and a connection that another task must drive. `sender`
/// may have any type of body, because the request has no body. The server must have announced that it accepts such
/// requests: see [`http2_ready`].
///
/// ```
/// use fullduplex_tokio::hyper::client::conn::http2;
/// use fullduplex_tokio::hyper_util::rt::{TokioExecutor, TokioIo};
/// use fullduplex_tokio::{WebSocketConfig, client_http2, http2_ready};
/// use std::time::Duration;
/// use tokio::net::TcpStream;
///
/// # async fn go() -> Result<(), Box<dyn std::error::Error>> {
/// let stream = TcpStream::connect("127.0.0.1:9001").await?; // or TLS, with the ALPN protocol `h2`
/// let (mut sender, mut connection) =
///     http2::handshake::<_, _, String>(TokioExecutor::new(), TokioIo::new(stream)).await?;
/// http2_ready(&mut connection, Duration::from_secs(5)).await?;
/// tokio::spawn(connection);
/// let (mut socket, _response) = client_http2(&mut sender, "ws://127.0.0.1:9001/echo", WebSocketConfig::new()).await?;
/// socket.send("Hello".into()).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::Url`]; [`Error::Http`] for another status than 200 to 299, with what arrives of the body within a second, up to
/// 16 KiB;
/// [`Error::Handshake`] for an invalid response, or a request that must not be sent; [`Error::Protocol`] when the
/// [handshake timeout](WebSocketConfig#structfield.handshake_timeout) has expired; [`Error::Io`] when the connection
/// failed, or the server reset the stream.
///
/// # Panics
/// With a handshake timeout, or at a refusal, outside of a tokio runtime with its time driver.
pub fn client_http2<B>(
    sender: &mut SendRequest<B>,
    request: impl IntoRequest,
    config: WebSocketConfig,
) -> impl Future<Output = Result<(WebSocketStream<UpgradedStream>, OwnedResponse)>>
where
    B: Body + Default + 'static,
{
    Box::pin(client(sender, request, config))
}

async fn client<B>(
    sender: &mut SendRequest<B>,
    request: impl IntoRequest,
    config: WebSocketConfig,
) -> Result<(WebSocketStream<UpgradedStream>, OwnedResponse)>
where
    B: Body + Default + 'static,
{
    let request = request.into_request()?;
    let mut watch = Watch::begin(Role::Client, &config).calls(&request);
    let opening = open(sender, &request, config, &mut watch);
    let opened = match config.handshake_timeout {
        Some(limit) => timeout(limit, opening).await.unwrap_or(Err(Timeout::Handshake.into())),
        None => opening.await,
    };
    let error = match opened {
        Ok(Opened::WebSocket(socket, response)) => return Ok((socket, response)),
        Ok(Opened::Refused(response, body)) => {
            Error::Http(Box::new(Refused { response, body: beginning(body).await }))
        }
        Err(error) => error,
    };
    Err(watch.failed(error))
}

/// What the server has responded.
enum Opened {
    WebSocket(WebSocketStream<UpgradedStream>, OwnedResponse),
    Refused(OwnedResponse, Incoming),
}

async fn open<B>(
    sender: &mut SendRequest<B>,
    request: &OwnedClientRequest,
    config: WebSocketConfig,
    watch: &mut Watch,
) -> Result<Opened>
where
    B: Body + Default + 'static,
{
    let request = request.as_request();
    #[cfg(feature = "deflate")]
    let request = {
        let deflate = request.deflate.for_endpoint(config.deflate);
        request.deflate(deflate)
    };
    let http_request = to_http(&request)?;
    sender.ready().await.map_err(io::Error::other)?;
    let response = sender.send_request(http_request).await.map_err(io::Error::other)?;

    let headers = header_list(response.headers());
    let connect_response =
        ConnectResponse { status: response.status().as_u16(), headers: &headers };
    match connect_response.check(&request).map_err(HandshakeError::from)? {
        Outcome::Open { response: head, negotiated } => {
            let head = head.into_owned();
            let stream = hyper::upgrade::on(response).await.map_err(io::Error::other)?;
            let stream = TokioIo::new(stream);
            watch.accepted(head.as_response().subprotocol());
            let (role, watch) = (Role::Client, std::mem::take(watch));
            let socket =
                WebSocketStream::from_handshake(stream, &[], role, negotiated, config, watch);
            Ok(Opened::WebSocket(socket, head))
        }
        Outcome::Refused(head) => Ok(Opened::Refused(head.into_owned(), response.into_body())),
    }
}

/// Converts the request to the types of the `http` crate.
fn to_http<B: Default, S: AsRef<str>>(request: &ClientRequest<'_, S>) -> Result<http::Request<B>> {
    let encode_error = |error| Error::from(HandshakeError::Encode(error));
    // With an empty buffer, the core returns how many bytes the longest value needs.
    let needed = match request.connect_fields(&mut [], |_, _| {}) {
        Err(EncodeRequestError::BufferTooSmall(short)) => short.needed,
        other => other.map(|()| 0).map_err(encode_error)?,
    };
    let mut http_request = http::Request::new(B::default());
    *http_request.method_mut() = Method::CONNECT;
    *http_request.version_mut() = Version::HTTP_2;
    let mut uri = Uri::builder();
    let mut valid = Ok(());
    let put = |name: &str, value: &[u8]| match name {
        ":method" => {}
        ":protocol" => {
            let protocol = String::from_utf8_lossy(value);
            http_request.extensions_mut().insert(Protocol::from(&*protocol));
        }
        ":scheme" => uri = std::mem::take(&mut uri).scheme(value),
        ":authority" => uri = std::mem::take(&mut uri).authority(value),
        ":path" => uri = std::mem::take(&mut uri).path_and_query(value),
        _ if valid.is_ok() => valid = append(http_request.headers_mut(), name, value),
        _ => {}
    };
    request.connect_fields(&mut vec![0; needed], put).map_err(encode_error)?;
    valid?;
    *http_request.uri_mut() = uri.build().map_err(unfit)?;
    Ok(http_request)
}

/// The beginning of a body, as far as it arrives in time.
async fn beginning(mut body: Incoming) -> Vec<u8> {
    let mut kept = Vec::new();
    let arriving = async {
        while kept.len() < MAX_BODY
            && let Some(Ok(frame)) = body.frame().await
        {
            if let Some(data) = frame.data_ref() {
                kept.extend(data.iter().take(MAX_BODY - kept.len()));
            }
        }
    };
    // If it takes longer, what has arrived is enough.
    let _ = timeout(MAX_BODY_WAIT, arriving).await;
    kept
}

#[cfg(test)]
mod tests {
    use fullduplex::handshake::OwnedClientRequest;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_url_is_a_uri_of_the_http_crate(
            userinfo in "([a!$&'()*+,;=:@%\"é _~-]{0,6}@)?",
            host in "[aA!$&'()*+,;=._~%0-]{1,8}|\\[[0:a]{2,9}\\]",
            rest in "(:[0-9]{0,4})?([/?]\\PC{0,12})?",
        ) {
            let text = format!("ws://{userinfo}{host}{rest}");
            if let Ok(request) = OwnedClientRequest::new(&text) {
                let request = request.as_request();
                let converted = to_http::<(), _>(&request).unwrap();
                let (mut target, mut authority) = (String::new(), String::new());
                let put = |name: &str, value: &[u8]| match name {
                    ":path" => target = String::from_utf8_lossy(value).into_owned(),
                    ":authority" => authority = String::from_utf8_lossy(value).into_owned(),
                    _ => {}
                };
                request.connect_fields(&mut [0; 4096], put).unwrap();
                prop_assert_eq!(converted.uri().path_and_query().unwrap().as_str(), target);
                prop_assert_eq!(converted.uri().authority().unwrap().as_str(), authority);
            }
        }
    }
}
