//! Rows of kind `http`: the response that a server would write.

use fullduplex::handshake::{Acceptance, HeadError, HeadLimits, RequestError, ServerHandshake};
use fullduplex::{Config, Connection, Negotiated, Role};
use fullduplex_testkit::{Seen, Split, drive};

use crate::{DEFLATE, Row, cuts, rows};

/// How many rows of this kind there are.
pub(crate) const ROWS: usize = if DEFLATE { 66 + 14 } else { 66 };

/// The rows for which our response is not the first, preferred one: the row, our status, and the reason.
const NOT_PREFERRED: &[(&str, Option<u16>, &str)] = &[
    ("HS-57", None, "the client has ended the connection: there is nobody to write a 400 to"),
    #[cfg(feature = "deflate")]
    ("DP-16", Some(400), "a malformed header is refused, whatever it is about"),
];

/// What a server does with a request.
#[derive(Debug, PartialEq, Eq)]
struct Served {
    /// The response; empty if the server only ends the connection.
    response: String,
    error: Option<RequestError>,
    /// How long the request's head is. Frames follow it.
    head_len: usize,
}

/// Polls with the first `reads[0]` bytes, then with the first `reads[1]`, and so on.
fn serve(row: &Row, bytes: &[u8], reads: impl IntoIterator<Item = usize>) -> Served {
    let mut handshake = ServerHandshake::new(HeadLimits::new());
    let mut out = [0; 1024];
    let mut verdict = Ok(None);
    for read in reads {
        verdict = handshake.poll(&bytes[..read]);
        if !matches!(verdict, Ok(None)) {
            break;
        }
    }
    let (len, error, head_len) = match verdict {
        Ok(None) => {
            assert_eq!(row.setup("eof"), true, "{} is a whole request", row.id());
            (0, Some(handshake.handle_eof()), 0)
        }
        Ok(Some(request)) => {
            let subprotocol = request.choose_subprotocol(&row.subprotocols());
            let acceptance = Acceptance::new().subprotocol(subprotocol);
            #[cfg(feature = "deflate")]
            let acceptance = acceptance.deflate(crate::deflate::enabled(row));
            let (len, _) = request.accept(&acceptance, &mut out).expect("a proper response");
            (len, None, request.head_len())
        }
        Err(error) => {
            assert_eq!(handshake.poll(bytes), Err(error), "the error stays");
            (error.encode_response(&mut out).expect("room"), Some(error), 0)
        }
    };
    let response = std::str::from_utf8(&out[..len]).expect("a response is ASCII").to_owned();
    Served { response, error, head_len }
}

/// The values of a header in a response.
fn values<'r>(response: &'r str, name: &str) -> Vec<&'r str> {
    response
        .lines()
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(": "))
        .filter(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
        .collect()
}

fn judge(row: &Row, served: &Served) {
    let context = format!("{}: {served:?}", row.id());
    let response = &served.response;
    let status = response.strip_prefix("HTTP/1.1 ").map(|rest| rest[..3].parse().unwrap());
    assert_eq!(
        status,
        served.error.map_or(Some(101), |error| match error {
            RequestError::Head(HeadError::UnexpectedEnd) => None,
            error => Some(error.status()),
        })
    );

    let allowed: Vec<Option<u16>> = row
        .oracle("allow")
        .as_array()
        .expect("what is allowed")
        .iter()
        .map(|allowed| allowed.as_u64().map(|status| status as u16))
        .collect();
    assert!(allowed.contains(&status), "{context}");
    match NOT_PREFERRED.iter().find(|(id, ..)| *id == row.id()) {
        Some((_, ours, _)) => assert_eq!(status, *ours, "{context}"),
        None => assert_eq!(status, allowed[0], "{context}"),
    }

    if status == Some(101) {
        assert_eq!(values(response, "Upgrade"), ["websocket"], "{context}");
        assert_eq!(values(response, "Connection"), ["Upgrade"], "{context}");
        assert_eq!(values(response, "Sec-WebSocket-Accept").len(), 1, "{context}");
    } else if status.is_some() {
        assert!(values(response, "Sec-WebSocket-Accept").is_empty(), "{context}");
        assert!(values(response, "Connection")[0].contains("close"), "{context}");
        let body = response.split_once("\r\n\r\n").expect("the head ends").1;
        assert_eq!(values(response, "Content-Length"), [body.len().to_string()], "{context}");
    }
    // Without an extension, there is no such header at all: an empty one broke Safari.
    let extensions = values(response, "Sec-WebSocket-Extensions");
    #[cfg(feature = "deflate")]
    crate::deflate::judge_extensions(row, &extensions);
    #[cfg(not(feature = "deflate"))]
    assert!(extensions.is_empty(), "{context}");
    if let Some(accept) = row.oracle("accept").as_str() {
        assert_eq!(values(response, "Sec-WebSocket-Accept"), [accept], "{context}");
    }
    match row.oracle("protocol").as_str() {
        Some(protocol) => {
            assert_eq!(values(response, "Sec-WebSocket-Protocol"), [protocol], "{context}");
        }
        None if row.subprotocols().is_empty() => {
            assert!(values(response, "Sec-WebSocket-Protocol").is_empty(), "{context}");
        }
        None => {}
    }
    if let [name, value] = crate::strings(row.oracle("resp_header"))[..] {
        assert_eq!(values(response, name), [value], "{context}");
    }
    // "The origin server MUST generate an Allow header field in a 405 response."
    if status == Some(405) {
        assert_eq!(values(response, "Allow"), ["GET"], "{context}");
    }
    if status == Some(426) {
        assert_eq!(values(response, "Upgrade"), ["websocket"], "{context}");
    }
}

#[test]
fn every_request_has_its_answer_however_it_is_split() {
    let rows = rows("http");
    for row in &rows {
        let bytes = row.bytes("").expect("a request");
        let whole = serve(row, &bytes, [bytes.len()]);
        judge(row, &whole);
        assert_eq!(serve(row, &bytes, 1..=bytes.len()), whole, "{} byte by byte", row.id());
        for cut in cuts(bytes.len()) {
            assert_eq!(serve(row, &bytes, [cut, bytes.len()]), whole, "{} cut at {cut}", row.id());
        }
    }
    assert_eq!(rows.len(), ROWS);
    for (id, ..) in NOT_PREFERRED {
        assert!(rows.iter().any(|row| row.id() == *id), "{id}");
    }
}

#[test]
fn frames_in_the_same_segment_as_the_request_are_handed_over() {
    let rows = rows("http");
    let row = rows.iter().find(|row| row.id() == "HS-17").expect("the row");
    let bytes = row.bytes("").expect("a request");
    let served = serve(row, &bytes, [bytes.len()]);
    let mut conn = Connection::new(Role::Server, Negotiated::without_extensions(), Config::new());
    let outcome = drive(&mut conn, &bytes[served.head_len..], Split::Whole);
    assert_eq!(outcome.seen, [Seen::Text(b"Hello".into(), true)]);
}
