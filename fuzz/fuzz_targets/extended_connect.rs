//! Handshakes over HTTP/2 with arbitrary header lists: a client accepts every acceptance of the server, and the server
//! accepts every request of our own client.
#![no_main]

use arbitrary::Arbitrary;
use fullduplex::Uri;
use fullduplex::handshake::{
    Acceptance, ClientRequest, ConnectResponse, ExtendedConnect, Outcome, OwnedResponse, Request,
    RequestError,
};
use fullduplex::headers::Header;
use fullduplex_fuzz::{Answer, Bound, Measured, Oracle, in_debug, in_words};
use libfuzzer_sys::fuzz_target;

/// A buffer for the fields of our own client's request; the fields are copied a few times.
const MEMORY: Bound = Bound { constant: 96 << 10, factor: 32 };

/// The core's limit for a name that it converts to lower case.
const LONGEST_NAME: usize = 128;

type Fields = Vec<(String, Vec<u8>)>;

#[derive(Arbitrary, Debug)]
struct Input {
    asked: Asked,
    /// Fields to insert: the place, whether the field there is replaced, the name and the value.
    changes: Vec<(u8, bool, String, Vec<u8>)>,
    status: u16,
    answered: Fields,
    /// What the server's application adds to its response.
    answer: Answer,
}

#[derive(Arbitrary, Debug)]
enum Asked {
    /// A request of our own client.
    Ours {
        path: String,
        subprotocols: Vec<String>,
        headers: Vec<(String, String)>,
    },
    Other(Fields),
}

fuzz_target!(|input: Measured<Input>| input.run(MEMORY, |input| {
    run(input);
    0
}));

fn run(input: &Input) {
    let mut fields = match &input.asked {
        Asked::Other(fields) => fields.clone(),
        Asked::Ours { path, subprotocols, headers } => {
            let uri = format!("wss://fuzz.example/{path}");
            let Ok(uri) = Uri::parse(&uri) else { return };
            let subprotocols: Vec<&str> = subprotocols.iter().map(String::as_str).collect();
            let headers: Vec<(&str, &str)> =
                headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let request = ClientRequest::new(uri).subprotocols(&subprotocols).headers(&headers);
            let Some(mut fields) = ask(&request) else { return };
            if Oracle::ConnectOurs.faulty() {
                fields.remove(0);
            }
            let list = list(&fields);
            let received = ExtendedConnect::from_fields(&list).and_then(|connect| connect.check());
            let received = Oracle::ConnectOurs.ok(received);
            let mut named: Vec<&str> = received.subprotocols().collect();
            if Oracle::ConnectSubprotocols.faulty() {
                named.push("unasked");
            }
            Oracle::ConnectSubprotocols.same(named, &subprotocols[..]);
            respond(&request, input.status, &input.answered);
            fields
        }
    };
    for (at, replace, name, value) in &input.changes {
        let at = usize::from(*at) % (fields.len() + 1);
        let end = at + usize::from(*replace && at < fields.len());
        fields.splice(at..end, [(name.clone(), value.clone())]);
    }
    let list = list(&fields);
    let connect = ExtendedConnect::from_fields(&list);
    if let Ok(connect) = &connect {
        let len: usize = fields.iter().map(|(name, value)| name.len() + value.len() + 8).sum();
        in_debug(connect, len);
    }
    match connect.and_then(|connect| connect.check()) {
        Ok(request) => {
            accepted(&request);
            with_headers(&request, &input.answer);
        }
        Err(error) => refused(error),
    }
}

fn list(fields: &Fields) -> Vec<Header<'_>> {
    fields.iter().map(|(name, value)| Header { name, value }).collect()
}

/// The fields of a request, unless the client refuses to send it.
fn ask(request: &ClientRequest<'_>) -> Option<Fields> {
    let mut fields = Fields::new();
    let put = |name: &str, value: &[u8]| fields.push((name.to_owned(), value.to_owned()));
    request.connect_fields(&mut vec![0; 1 << 16], put).ok()?;
    Some(fields)
}

/// Checks a valid request: the client that has sent it accepts the response.
fn accepted(request: &Request<'_>) {
    let path = if Oracle::ConnectPath.faulty() { "" } else { request.path() };
    Oracle::ConnectPath.holds(path.starts_with('/'), path);
    let status = request.success_status() - 99 * u16::from(Oracle::ConnectStatus.faulty());
    Oracle::ConnectStatus.same((request.key(), status), (None, 200));
    let uri = Uri::parse("wss://another.example/").expect("a valid URI");
    let another = ask(&ClientRequest::new(uri)).expect("a valid request");
    let another = list(&another);
    let owned = if Oracle::ConnectOwned.faulty() {
        let another = ExtendedConnect::from_fields(&another).and_then(|connect| connect.check());
        another.expect("a valid request").into_owned()
    } else {
        request.into_owned()
    };
    Oracle::ConnectOwned.same(owned.as_request(), *request);
    let _ = (request.is_same_origin(), request.origin_allowed(&["https://fuzz.example"]));

    let chosen = request.subprotocols().last();
    let mut fields = Fields::new();
    let put = |name: &str, value: &[u8]| fields.push((name.to_owned(), value.to_owned()));
    let acceptance = Acceptance::new().subprotocol(if Oracle::ConnectAccepted.faulty() {
        Some("unasked")
    } else {
        chosen
    });
    Oracle::ConnectAccepted.ok(request.accept_parts(&acceptance, put));
    let offers: Vec<&str> = chosen.into_iter().collect();
    let sent = ClientRequest::new(Uri::parse("wss://fuzz.example/").expect("a valid URI"))
        .subprotocols(&offers);
    let status = if Oracle::ConnectOpens.faulty() { 404 } else { 200 };
    let list = list(&fields);
    let opened = match (ConnectResponse { status, headers: &list }).check(&sent) {
        Ok(Outcome::Open { response, .. }) => Ok(response.subprotocol()),
        other => Err(other),
    };
    let named = Oracle::ConnectOpens.ok(opened);
    let named = if Oracle::ConnectChosen.faulty() { Some("unasked") } else { named };
    Oracle::ConnectChosen.same(named, chosen);
}

/// Checks an acceptance with headers of the application. Over HTTP/2, their names are in lower case, and none is about the
/// connection (RFC 9113 §8.2.1, §8.2.2).
fn with_headers(request: &Request<'_>, answer: &Answer) {
    let mut fields = Fields::new();
    let put = |name: &str, value: &[u8]| fields.push((name.to_owned(), value.to_owned()));
    let acceptance = Acceptance::new().headers(answer.headers());
    let is_accepted = request.accept_parts(&acceptance, put).is_ok();
    let lower = |name: &str| name.to_ascii_lowercase();
    let is_specific =
        |name: &str| ["proxy-connection", "keep-alive", "te"].contains(&lower(name).as_str());
    let mut names = answer.headers().iter().map(|(name, _)| name);
    let may_be_sent = answer.has_sound_headers()
        && !names.any(|name| is_specific(name) || name.len() > LONGEST_NAME);
    Oracle::ConnectHeaders.same(is_accepted ^ Oracle::ConnectHeaders.faulty(), may_be_sent);
    if Oracle::ConnectHeadersPut.faulty() {
        fields.push(("x".to_owned(), b"y".to_vec()));
    }
    let sent = answer.headers().iter().filter(|_| is_accepted);
    let sent = sent.map(|(name, value)| (lower(name), value.as_bytes().to_vec()));
    Oracle::ConnectHeadersPut.same(fields, Fields::from_iter(sent));
}

/// Checks that the response to an invalid request can be sent over HTTP/2.
fn refused(error: RequestError) {
    in_words(&error, 300);
    let status = error.status() - 300 * u16::from(Oracle::ConnectRefused.faulty());
    Oracle::ConnectRefused.holds((400..=599).contains(&status), status);
    let mut names: Vec<&str> = error.response_headers().iter().map(|(name, _)| *name).collect();
    if Oracle::ConnectNoUpgrade.faulty() {
        names.push("Upgrade");
    }
    let upgrades = |name: &&str| ["Upgrade", "Connection"].contains(name);
    Oracle::ConnectNoUpgrade.holds(!names.iter().any(upgrades), error);
}

/// Checks the verdict on a response: only a success opens the WebSocket.
fn respond(request: &ClientRequest<'_>, status: u16, fields: &Fields) {
    let headers = list(fields);
    match (ConnectResponse { status, headers: &headers }).check(request) {
        Ok(Outcome::Open { response, .. }) => {
            let seen = if Oracle::ConnectSuccess.faulty() { 404 } else { status };
            Oracle::ConnectSuccess.holds((200..300).contains(&seen), seen);
            let named = response.subprotocol();
            let named = if Oracle::ConnectNamed.faulty() { Some("unasked") } else { named };
            let asked = named.is_none_or(|it| request.subprotocols.contains(&it));
            Oracle::ConnectNamed.holds(asked, named.unwrap_or(""));
            let mut owned = response.into_owned();
            if Oracle::ConnectResponseOwned.faulty() {
                owned = another_response(request);
            }
            Oracle::ConnectResponseOwned.same(owned.as_response(), response);
        }
        Ok(Outcome::Refused(_)) => {
            let seen = if Oracle::ConnectNoSuccess.faulty() { 200 } else { status };
            Oracle::ConnectNoSuccess.holds((300..600).contains(&seen), seen);
        }
        Err(_) => {}
    }
}

/// A response that no server has sent.
fn another_response(request: &ClientRequest<'_>) -> OwnedResponse {
    let headers = [Header { name: "another", value: b"response" }];
    match (ConnectResponse { status: 299, headers: &headers }).check(request) {
        Ok(Outcome::Open { response, .. }) => response.into_owned(),
        other => unreachable!("{other:?}"),
    }
}
