//! What an application adds to the server's response: another library reads exactly that from it, and nothing is written
//! that must not be sent.

use fullduplex::handshake::{
    AcceptError, Acceptance, ClientHandshake, ClientRequest, HandshakeError, Outcome, PlainRequest,
    RejectError, Request,
};
use fullduplex::{BufferTooSmall, Uri};
use fullduplex_fuzz::{Answer, Oracle, ReadResponse};

/// Accepts a request, and rejects it.
pub(crate) fn check(request: &Request<'_>, answer: &Answer) {
    accept(request, answer);
    reject(answer);
}

fn accept(request: &Request<'_>, answer: &Answer) {
    let acceptance = Acceptance::new().headers(answer.headers());
    let mut out = vec![0; answer.room()];
    let written = request.accept(&acceptance, &mut out).map(|(len, _)| len);
    let may_be_sent = answer.has_sound_headers() ^ Oracle::RequestAnswerAccepts.faulty();
    Oracle::RequestAnswerAccepts.same(written.is_ok(), may_be_sent);
    let Ok(len) = written else { return };
    let mut short = request.accept(&acceptance, &mut out[..len - 1]).map(|(len, _)| len);
    if Oracle::RequestAnswerAcceptsRoom.faulty() {
        short = Ok(len);
    }
    let needed = AcceptError::BufferTooSmall(BufferTooSmall { needed: len });
    Oracle::RequestAnswerAcceptsRoom.same(short, Err(needed));

    let _ = request.accept(&acceptance, &mut out);
    let mut read = Oracle::RequestAnswerAcceptsByHttp.some(
        ReadResponse::parse(&out[..len]).filter(|_| !Oracle::RequestAnswerAcceptsByHttp.faulty()),
    );
    if Oracle::RequestAnswerAcceptsSays.faulty() {
        read.headers.push(("X".to_owned(), b"y".to_vec()));
    }
    // The headers of the handshake come first.
    read.headers.drain(..read.headers.len().min(3));
    Oracle::RequestAnswerAcceptsSays
        .same((read.status, read.headers, read.body), (101, answer.headers_read(), Vec::new()));
}

fn reject(answer: &Answer) {
    let rejection = answer.rejection();
    let mut out = vec![0; answer.room()];
    let written = rejection.as_rejection().encode(&mut out);
    let may_be_sent = answer.may_be_sent(300..=599) ^ Oracle::RequestAnswerRejects.faulty();
    Oracle::RequestAnswerRejects.same(written.is_ok(), may_be_sent);
    let is_checked =
        rejection.as_rejection().validate().is_ok() && !Oracle::RequestAnswerChecked.faulty();
    Oracle::RequestAnswerChecked.same(is_checked, written.is_ok());
    let Ok(len) = written else { return };
    let mut short = rejection.as_rejection().encode(&mut out[..len - 1]);
    if Oracle::RequestAnswerRejectsRoom.faulty() {
        short = Ok(len);
    }
    let needed = RejectError::BufferTooSmall(BufferTooSmall { needed: len });
    Oracle::RequestAnswerRejectsRoom.same(short, Err(needed));

    let _ = rejection.as_rejection().encode(&mut out);
    if Oracle::RequestAnswerRejectsSays.faulty() {
        out.insert(len, b'x');
    }
    let read =
        ReadResponse::parse(&out[..len + usize::from(Oracle::RequestAnswerRejectsSays.faulty())]);
    Oracle::RequestAnswerRejectsSays.same(read, Some(answer.read(false)));

    let uri = Uri::parse("ws://fuzz.example/").expect("a valid URI");
    let mut client = ClientHandshake::with_fixed_key_for_tests([7; 16]);
    let refused = match client.poll(&out[..len], &ClientRequest::new(uri)) {
        Ok(Some(Outcome::Refused(response))) => Some(response.status()),
        _ => None,
    };
    let refused = refused.filter(|_| !Oracle::RequestAnswerRefused.faulty());
    Oracle::RequestAnswerRefused.same(refused, Some(answer.status()));
}

/// Checks the application's response to a request that asks for no WebSocket.
pub(crate) fn plain(request: &PlainRequest<'_>, answer: &Answer) {
    let response = answer.rejection();
    let mut out = vec![0; answer.room()];
    let written = request.encode_response(&response.as_rejection(), &mut out);
    let may_be_sent = answer.may_be_sent(200..=599) ^ Oracle::RequestAnswerPlain.faulty();
    Oracle::RequestAnswerPlain.same(written.is_ok(), may_be_sent);
    let Ok(len) = written else { return };
    let mut read = ReadResponse::parse(&out[..len]);
    if Oracle::RequestAnswerPlainSays.faulty() {
        read = None;
    }
    Oracle::RequestAnswerPlainSays.same(read, Some(answer.read(request.method() == "HEAD")));
}

/// Whether the error that the caller gets fits the application's response.
pub(crate) fn told(error: HandshakeError, answer: &Answer) -> bool {
    match error {
        HandshakeError::Responded(status) => {
            answer.may_be_sent(200..=599) && status == answer.status()
        }
        HandshakeError::Reject(_) => !answer.may_be_sent(200..=599),
        _ => true,
    }
}
