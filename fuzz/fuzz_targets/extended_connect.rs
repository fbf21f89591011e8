//! Handshakes over HTTP/2: whatever the header list, a yes is one that a client takes, and what our own client asks
//! for is taken.
#![no_main]

use arbitrary::Arbitrary;
use fullduplex::Uri;
use fullduplex::handshake::{
    Acceptance, ClientRequest, ConnectResponse, ExtendedConnect, Outcome, Request, RequestError,
};
use fullduplex::headers::Header;
use libfuzzer_sys::fuzz_target;

type Fields = Vec<(String, Vec<u8>)>;

#[derive(Arbitrary, Debug)]
struct Input {
    asked: Asked,
    /// Fields that are put where their numbers say, in place of another or beside it.
    changes: Vec<(u8, bool, String, Vec<u8>)>,
    status: u16,
    answered: Fields,
}

#[derive(Arbitrary, Debug)]
enum Asked {
    /// What our own client asks for.
    Ours {
        path: String,
        subprotocols: Vec<String>,
        headers: Vec<(String, String)>,
    },
    Other(Fields),
}

fuzz_target!(|input: Input| {
    let mut fields = match &input.asked {
        Asked::Other(fields) => fields.clone(),
        Asked::Ours { path, subprotocols, headers } => {
            let uri = format!("wss://fuzz.example/{path}");
            let Ok(uri) = Uri::parse(&uri) else { return };
            let subprotocols: Vec<&str> = subprotocols.iter().map(String::as_str).collect();
            let headers: Vec<(&str, &str)> =
                headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let request = ClientRequest::new(uri).subprotocols(&subprotocols).headers(&headers);
            let Some(fields) = ask(&request) else { return };
            let list = list(&fields);
            let received = ExtendedConnect::from_fields(&list).and_then(|connect| connect.check());
            let received = received.expect("what our client asks for is valid");
            assert!(received.subprotocols().eq(subprotocols.iter().copied()));
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
    match ExtendedConnect::from_fields(&list).and_then(|connect| connect.check()) {
        Ok(request) => accepted(&request),
        Err(error) => refused(error),
    }
});

fn list(fields: &Fields) -> Vec<Header<'_>> {
    fields.iter().map(|(name, value)| Header { name, value }).collect()
}

/// The fields of a request, if the client lets them go.
fn ask(request: &ClientRequest<'_>) -> Option<Fields> {
    let mut fields = Fields::new();
    let put = |name: &str, value: &[u8]| fields.push((name.to_owned(), value.to_owned()));
    request.connect_fields(&mut vec![0; 1 << 16], put).ok()?;
    Some(fields)
}

/// A request that is in order: a client that had sent it would take the answer.
fn accepted(request: &Request<'_>) {
    assert!(request.path().starts_with('/'));
    assert_eq!((request.key(), request.success_status()), (None, 200));
    assert_eq!(request.into_owned().as_request(), *request);
    let _ = (request.is_same_origin(), request.origin_allowed(&["https://fuzz.example"]));

    let chosen = request.subprotocols().last();
    let mut fields = Fields::new();
    let put = |name: &str, value: &[u8]| fields.push((name.to_owned(), value.to_owned()));
    request.accept_parts(&Acceptance::new().subprotocol(chosen), put).expect("it was offered");
    let offers: Vec<&str> = chosen.into_iter().collect();
    let sent = ClientRequest::new(Uri::parse("wss://fuzz.example/").expect("a valid URI"))
        .subprotocols(&offers);
    match (ConnectResponse { status: 200, headers: &list(&fields) }).check(&sent) {
        Ok(Outcome::Open { response, .. }) => assert_eq!(response.subprotocol(), chosen),
        other => panic!("our client does not take our server's answer: {other:?}"),
    }
}

/// A request that is not in order: what is said to it can be said over HTTP/2.
fn refused(error: RequestError) {
    assert!((400..=599).contains(&error.status()));
    let upgrades = |(name, _): &(&str, &str)| ["Upgrade", "Connection"].contains(name);
    assert!(!error.response_headers().iter().any(upgrades), "{error}");
}

/// Any response gets a verdict, and only one that is a success opens the WebSocket.
fn respond(request: &ClientRequest<'_>, status: u16, fields: &Fields) {
    let headers = list(fields);
    match (ConnectResponse { status, headers: &headers }).check(request) {
        Ok(Outcome::Open { response, .. }) => {
            assert!((200..300).contains(&status));
            assert!(response.subprotocol().is_none_or(|it| request.subprotocols.contains(&it)));
            assert_eq!(response.into_owned().as_response(), response);
        }
        Ok(Outcome::Refused(_)) => assert!((300..600).contains(&status)),
        Err(_) => {}
    }
}
