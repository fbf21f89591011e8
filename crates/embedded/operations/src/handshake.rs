//! The opening handshake over the caller's buffers.

use fullduplex::handshake::*;
use fullduplex::headers::{Header, InvalidHeader};
use fullduplex::{BufferTooSmall, EntropyError, Uri};

use crate::headers;
use crate::support::*;

pub(crate) fn all() {
    keys();
    errors();
    server();
    client();
}

fn keys() {
    seen(Key::random(&mut Unknown));
    seen(Key::from_nonce(hidden([1; 16])));
    if let Some(some) = hidden(Key::parse(bytes())) {
        seen(Key::as_bytes(&some));
        seen(Key::accept(&some));
        key::<Key>(&some);
    }
}

fn errors() {
    error::<AcceptError>(hidden(AcceptError::ExtendedConnect));
    error::<EncodeRequestError>(hidden(EncodeRequestError::InvalidHeader(InvalidHeader::Origin)));
    error::<HeadError>(hidden(HEAD_ERROR));
    error::<HandshakeError>(hidden(HandshakeError::Responded(1)));
    error::<RejectError>(hidden(RejectError::Status(1)));
    error::<RequestError>(hidden(RequestError::Body));
    error::<ResponseError>(hidden(ResponseError::Accept));
    seen(<RequestError as From<HeadError>>::from(hidden(HEAD_ERROR)));
    seen(<ResponseError as From<HeadError>>::from(hidden(HEAD_ERROR)));
    seen(<HandshakeError as From<RequestError>>::from(hidden(RequestError::Body)));
    seen(<HandshakeError as From<ResponseError>>::from(hidden(ResponseError::Accept)));
    let too_small = EncodeRequestError::BufferTooSmall(BufferTooSmall { needed: 1 });
    seen(<HandshakeError as From<EncodeRequestError>>::from(hidden(too_small)));
    seen(<HandshakeError as From<EntropyError>>::from(hidden(EntropyError)));
    defaulted::<HeadLimits>();
    let limits = hidden(HeadLimits::max_size(hidden(HeadLimits::new()), number()));
    key::<HeadLimits>(&hidden(HeadLimits::max_headers(limits, number())));
}

const HEAD_ERROR: HeadError = HeadError::TooLarge;

fn server() {
    let mut handshake = hidden(ServerHandshake::new(hidden(HeadLimits::new())));
    shown::<ServerHandshake>(&handshake);
    cloned::<ServerHandshake>(&handshake);
    defaulted::<ServerHandshake>();
    match hidden(ServerHandshake::poll(hidden(&mut handshake), bytes())) {
        Ok(Some(request)) => asked(request),
        Ok(None) => {}
        Err(error) => {
            seen(RequestError::status(&error));
            seen(RequestError::response_headers(&error));
            let mut out = [0; 128];
            seen(RequestError::encode_response(&error, part(&mut out)));
        }
    }
    if let Some(plain) = hidden(ServerHandshake::plain_request(&handshake, bytes())) {
        seen(PlainRequest::head_len(&plain));
        seen(PlainRequest::method(&plain));
        seen(PlainRequest::target(&plain));
        seen(PlainRequest::path(&plain));
        seen(PlainRequest::query(&plain));
        headers::view(PlainRequest::headers(&plain));
        let mut out = [0; 128];
        seen(PlainRequest::encode_response(&plain, &rejection(), part(&mut out)));
        value::<PlainRequest<'_>>(&plain);
    }
    seen(ServerHandshake::handle_eof(hidden(&mut handshake)));

    let parts =
        hidden(RequestParts { method: text(), target: text(), version: (1, 1), headers: lines() });
    seen(RequestParts::asks_for_websocket(&parts));
    value::<RequestParts<'_>>(&parts);
    if let Ok(request) = hidden(RequestParts::check(&parts)) {
        asked(request);
    }

    if let Ok(connect) = hidden(ExtendedConnect::from_fields(lines())) {
        seen(ExtendedConnect::asks_for_websocket(&connect));
        value::<ExtendedConnect<'_>>(&connect);
        if let Ok(request) = hidden(ExtendedConnect::check(&connect)) {
            asked(request);
        }
    }
    defaulted::<ExtendedConnect<'_>>();
}

fn lines() -> &'static [Header<'static>] {
    hidden(&[Header { name: "a", value: b"b" }])
}

fn rejection() -> Rejection<'static> {
    let rejection = Rejection::headers(hidden(Rejection::new(hidden(404))), pairs());
    hidden(Rejection::body(rejection, bytes()))
}

fn pairs() -> &'static [(&'static str, &'static str)] {
    hidden(&[("a", "b")])
}

#[inline(never)]
pub(crate) fn asked(request: Request<'_>) {
    seen(Request::head_len(&request));
    seen(Request::target(&request));
    seen(Request::path(&request));
    seen(Request::query(&request));
    seen(Request::host(&request));
    seen(Request::origin(&request));
    seen(Request::is_same_origin(&request));
    seen(Request::origin_allowed(&request, hidden(&["a"])));
    Request::subprotocols(&request).for_each(seen);
    seen(Request::choose_subprotocol(&request, hidden(&["a"])));
    Request::extensions(&request).for_each(headers::one);
    headers::view(Request::headers(&request));
    seen(Request::key(&request));
    seen(Request::success_status(&request));
    value::<Request<'_>>(&request);

    let acceptance = Acceptance::subprotocol(hidden(Acceptance::new()), hidden(Some("a")));
    let acceptance = hidden(Acceptance::headers(acceptance, pairs()));
    shown::<Acceptance<'_>>(&acceptance);
    cloned::<Acceptance<'_>>(&acceptance);
    defaulted::<Acceptance<'_>>();
    let mut out = [0; 128];
    seen(Request::accept(&request, &acceptance, part(&mut out)));
    seen(Request::accept_parts(&request, &acceptance, |name, value| seen((name, value))));

    let rejection = rejection();
    seen(Rejection::validate(&rejection));
    seen(Rejection::encode(&rejection, part(&mut out)));
    shown::<Rejection<'_>>(&rejection);
    cloned::<Rejection<'_>>(&rejection);
}

fn client() {
    let Ok(uri) = hidden(Uri::parse(text())) else {
        return;
    };
    seen(ClientRequest::with_lists(uri, hidden(&["a"]), pairs()));
    let request = hidden(ClientRequest::new(uri));
    let request = hidden(ClientRequest::subprotocols(request, hidden(&["a"])));
    let request = hidden(ClientRequest::headers(request, pairs()));
    let request = hidden(ClientRequest::origin(request, text()));
    let request = hidden(ClientRequest::require_subprotocol(request));
    seen(ClientRequest::validate(&request));
    shown::<ClientRequest<'_>>(&request);
    cloned::<ClientRequest<'_>>(&request);

    seen(ClientHandshake::with_fixed_key_for_tests(hidden([1; 16])));
    let Ok(handshake) = hidden(ClientHandshake::new(&mut Unknown)) else {
        return;
    };
    let mut handshake = ClientHandshake::with_limits(handshake, hidden(HeadLimits::new()));
    shown::<ClientHandshake>(&handshake);
    cloned::<ClientHandshake>(&handshake);
    seen(ClientHandshake::key(&handshake));
    let mut out = [0; 128];
    seen(ClientHandshake::encode_request(&handshake, &request, part(&mut out)));
    if let Ok(Some(outcome)) =
        hidden(ClientHandshake::poll(hidden(&mut handshake), bytes(), &request))
    {
        answered(&outcome);
    }
    let received = part(&mut out);
    if let Ok(Some(outcome)) =
        hidden(ClientHandshake::poll_unfolding(hidden(&mut handshake), received, &request))
    {
        answered(&outcome);
    }
    seen(ClientHandshake::handle_eof(hidden(&mut handshake)));

    seen(ClientRequest::connect_fields(&request, part(&mut out), |name, value| {
        seen((name, value));
    }));
    let response = hidden(ConnectResponse { status: 200, headers: lines() });
    value::<ConnectResponse<'_>>(&response);
    if let Ok(outcome) = hidden(ConnectResponse::check(&response, &request)) {
        answered(&outcome);
    }
}

#[inline(never)]
fn answered(outcome: &Outcome<'_>) {
    value::<Outcome<'_>>(outcome);
    let (Outcome::Open { response, .. } | Outcome::Refused(response)) = outcome;
    seen(Response::head_len(response));
    seen(Response::status(response));
    seen(Response::reason(response));
    headers::view(Response::headers(response));
    seen(Response::subprotocol(response));
    value::<Response<'_>>(response);
    #[cfg(feature = "alloc")]
    crate::opening::kept(*response);
}
