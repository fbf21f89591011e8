//! The opening handshake with its buffers.

use alloc::boxed::Box;
use alloc::string::String;
use core::error::Error;
use core::fmt::Debug;
use core::time::Duration;

use fullduplex::handshake::*;
use fullduplex::*;

use crate::handshake::asked;
use crate::owned::string;
use crate::queues::endpoint;
use crate::support::*;

pub(crate) fn all() {
    server();
    client();
    kept_requests();
}

fn now() -> Duration {
    hidden(Duration::ZERO)
}

fn server() {
    let mut incoming = hidden(Incoming::new(hidden(EndpointConfig::new()), Unknown));
    shown::<Incoming<Unknown>>(&incoming);
    seen(Incoming::room(hidden(&mut incoming)));
    seen(Incoming::room_buf(hidden(&mut incoming)));
    Incoming::advance(hidden(&mut incoming), number());
    seen(Incoming::poll_timeout(hidden(&mut incoming), now()));
    seen(Incoming::handle_timeout(hidden(&mut incoming), now()));
    let mut respond = |plain: &PlainRequest<'_>| {
        seen(plain);
        hidden(Some(rejection()))
    };
    match hidden(Incoming::poll(incoming)) {
        Ok(progress) => match progressed(progress) {
            Progress::Done(request) => accepted(request),
            Progress::Waiting(incoming) => {
                match hidden(Incoming::poll_or(incoming, &mut respond)) {
                    Ok(progress) => seen(progress),
                    Err(failed) => refused(failed),
                }
            }
        },
        Err(failed) => refused(failed),
    }
}

fn progressed<H: Debug, T: Debug>(progress: Progress<H, T>) -> Progress<H, T> {
    shown::<Progress<H, T>>(&progress);
    progress
}

fn rejection() -> OwnedRejection {
    let rejection = OwnedRejection::header(OwnedRejection::new(hidden(404)), string(), string());
    hidden(OwnedRejection::body(rejection, bytes().to_vec()))
}

fn acceptance() -> OwnedAcceptance {
    let acceptance = OwnedAcceptance::subprotocol(OwnedAcceptance::new(), string());
    hidden(OwnedAcceptance::header(acceptance, string(), string()))
}

#[inline(never)]
fn accepted(mut request: IncomingRequest<Unknown>) {
    shown::<IncomingRequest<Unknown>>(&request);
    asked(IncomingRequest::request(&request));
    seen(IncomingRequest::poll_timeout(hidden(&mut request), now()));
    seen(IncomingRequest::handle_timeout(hidden(&mut request), now()));
    if hidden(true) {
        let rejection = rejection();
        seen(OwnedRejection::status(&rejection));
        value::<OwnedRejection>(&rejection);
        let rejection = OwnedRejection::as_rejection(&rejection);
        match hidden(IncomingRequest::reject(request, &rejection)) {
            Ok(refusal) => refusing(refusal),
            Err(failed) => refused(failed),
        }
        return;
    }
    let acceptance = acceptance();
    value::<OwnedAcceptance>(&acceptance);
    defaulted::<OwnedAcceptance>();
    let acceptance = OwnedAcceptance::as_acceptance(&acceptance);
    match hidden(IncomingRequest::accept(request, &acceptance)) {
        Ok((opened, request)) => {
            owned(&request);
            endpoint(opened);
        }
        Err(failed) => refused(failed),
    }
}

fn refused<T: Error + 'static>(failed: Box<NotAccepted<T>>) {
    let failed = hidden(failed);
    shown::<NotAccepted<T>>(&failed);
    displayed::<NotAccepted<T>>(&failed);
    seen(<NotAccepted<T> as Error>::source(&failed));
    refusing(failed.refusal);
}

fn refusing(mut refusal: Refusal) {
    shown::<Refusal>(&refusal);
    seen(Refusal::output(&refusal));
    Refusal::advance_output(hidden(&mut refusal), number());
    seen(Refusal::poll_timeout(hidden(&mut refusal), now()));
    seen(Refusal::handle_timeout(hidden(&mut refusal), now()));
}

fn owned(request: &OwnedRequest) {
    value::<OwnedRequest>(request);
    seen(OwnedRequest::as_request(request));
}

/// Requests that outlive the buffer that they were read into.
fn kept_requests() {
    let parts =
        hidden(RequestParts { method: text(), target: text(), version: (1, 1), headers: &[] });
    if let Ok(request) = hidden(RequestParts::check(&parts)) {
        owned(&hidden(Request::into_owned(request)));
        seen(<OwnedRequest as From<Request<'_>>>::from(request));
    }
}

/// A response that outlives the buffer that it was read into.
pub(crate) fn kept(response: Response<'_>) {
    let owned = hidden(Response::into_owned(response));
    value::<OwnedResponse>(&owned);
    seen(OwnedResponse::as_response(&owned));
    seen(<OwnedResponse as From<Response<'_>>>::from(response));
}

fn client() {
    seen(<&str as IntoRequest>::into_request(text()));
    seen(<String as IntoRequest>::into_request(string()));
    seen(<&String as IntoRequest>::into_request(hidden(&string())));
    let Some(request) = request() else { return };
    seen(<OwnedClientRequest as IntoRequest>::into_request(request.clone()));
    let Ok(mut connecting) =
        hidden(Connecting::new(request, hidden(EndpointConfig::new()), Unknown))
    else {
        return;
    };
    shown::<Connecting<Unknown>>(&connecting);
    seen(Connecting::room(hidden(&mut connecting)));
    seen(Connecting::room_buf(hidden(&mut connecting)));
    Connecting::advance(hidden(&mut connecting), number());
    seen(Connecting::output(&connecting));
    Connecting::advance_output(hidden(&mut connecting), number());
    seen(Connecting::poll_timeout(hidden(&mut connecting), now()));
    seen(Connecting::handle_timeout(hidden(&mut connecting), now()));
    if let Ok(Progress::Done(connected)) = hidden(Connecting::poll(connecting)) {
        shown::<Connected<Unknown>>(&connected);
        match connected {
            Connected::Open { endpoint: opened, .. } => endpoint(opened),
            Connected::Refused(refused) => {
                shown::<Refused>(&refused);
                displayed::<Refused>(&refused);
                cloned::<Refused>(&refused);
            }
        }
    }
}

fn request() -> Option<OwnedClientRequest> {
    let uri = hidden(OwnedUri::parse(text())).ok()?;
    seen(OwnedClientRequest::from_uri(uri));
    let request = hidden(OwnedClientRequest::new(text())).ok()?;
    let request = hidden(OwnedClientRequest::subprotocol(request, string()));
    let request = hidden(OwnedClientRequest::header(request, string(), string()));
    let request = hidden(OwnedClientRequest::origin(request, string()));
    let request = hidden(OwnedClientRequest::require_subprotocol(request));
    seen(OwnedClientRequest::as_request(&request));
    shown::<OwnedClientRequest>(&request);
    cloned::<OwnedClientRequest>(&request);
    Some(request)
}
