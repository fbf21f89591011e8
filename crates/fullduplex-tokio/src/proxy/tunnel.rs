//! A tunnel through an HTTP proxy (RFC 9110 §9.3.6), by hyper.

use std::error::Error as _;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::Poll;

use http::header::{HOST, PROXY_AUTHORIZATION};
use http::{HeaderValue, Request, Response};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::ext::ReasonPhrase;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::stream::ProxyStream;
use super::url::Authority;
use crate::dial::Target;
use crate::error::ProxyError;
use crate::stream::MaybeTlsStream;

/// The largest head of a proxy's response. The core has the same limit for a server's.
const MAX_HEAD: usize = 16 << 10;

/// Asks the proxy to connect the stream to `target`.
pub(super) async fn open<S>(
    stream: MaybeTlsStream<S>,
    target: Target<'_>,
    authorization: Option<&HeaderValue>,
) -> Result<ProxyStream<S>, ProxyError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let request = request(target, authorization)?;
    let mut http1 = http1::Builder::new();
    http1.max_buf_size(MAX_HEAD).title_case_headers(true);
    let (mut sender, mut connection) =
        http1.handshake(TokioIo::new(stream)).await.map_err(of_hyper)?;
    let mut responding = pin!(sender.send_request(request));
    // The connection moves the bytes. It goes no further than the response, so it needs no task of its own.
    let mut is_over = false;
    let response = poll_fn(|cx| {
        if !is_over {
            // When it fails, the response is that error.
            is_over = connection.poll_without_shutdown(cx).is_ready();
        }
        match responding.as_mut().poll(cx) {
            Poll::Pending if is_over => Poll::Ready(None),
            response => response.map(Some),
        }
    });
    let response = match response.await {
        Some(response) => response.map_err(of_hyper)?,
        None => return Err(closed()),
    };
    // RFC 9110 §9.3.6: "Any 2xx (Successful) response indicates that the sender (and all inbound proxies) will switch
    // to tunnel mode immediately after the response header section".
    if !response.status().is_success() {
        return Err(refused(&response));
    }
    let parts = connection.into_parts();
    // A copy: what is read ahead shares hyper's whole buffer, which would live as long as the connection.
    let ahead = Bytes::copy_from_slice(&parts.read_buf);
    Ok(ProxyStream::new(parts.io.into_inner(), ahead))
}

/// RFC 9112 §3.2.3: "only the authority component" is the target of CONNECT. RFC 9110 §7.2: every request has a `Host`.
fn request(
    target: Target<'_>,
    authorization: Option<&HeaderValue>,
) -> Result<Request<Empty<Bytes>>, ProxyError> {
    let authority = Authority(target.host, target.port).to_string();
    let mut request = Request::connect(&authority).header(HOST, &authority);
    if let Some(authorization) = authorization {
        request = request.header(PROXY_AUTHORIZATION, authorization);
    }
    let request = request.body(Empty::new());
    request.map_err(|error| ProxyError::Io(io::Error::new(io::ErrorKind::InvalidInput, error)))
}

fn refused(response: &Response<Incoming>) -> ProxyError {
    let status = response.status();
    let reason = match response.extensions().get::<ReasonPhrase>() {
        Some(reason) => String::from_utf8_lossy(reason.as_bytes()),
        None => status.canonical_reason().unwrap_or_default().into(),
    };
    ProxyError::Refused { status: status.as_u16(), reason: reason.into() }
}

fn closed() -> ProxyError {
    ProxyError::Io(io::Error::new(io::ErrorKind::UnexpectedEof, "the proxy closed it"))
}

fn of_hyper(error: hyper::Error) -> ProxyError {
    if error.is_parse() {
        return ProxyError::Protocol(error.to_string().into());
    }
    match error.source().and_then(|source| source.downcast_ref::<io::Error>()) {
        Some(error) => ProxyError::Io(match error.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(error.kind(), error.to_string()),
        }),
        None => closed(),
    }
}
