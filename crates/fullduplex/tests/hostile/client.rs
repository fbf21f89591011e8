//! Rows of kind `client`: whether a response opens the WebSocket.

use fullduplex::handshake::{ClientHandshake, ClientRequest, HeadError, Outcome, ResponseError};
use fullduplex::headers::is_header_value;
use fullduplex::{Negotiated, Uri};

use crate::{DEFLATE, Row, cuts, rows};

/// How many rows of this kind there are.
pub(crate) const ROWS: usize = if DEFLATE { 22 + 9 } else { 22 };

/// The nonce behind the key of RFC 6455 §1.3.
const NONCE: [u8; 16] = *b"the sample nonce";

/// The client's verdict on a response.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Responded {
    Open { head_len: usize, negotiated: Negotiated },
    Refused { status: u16, head_len: usize, versions: Vec<String> },
    Failed(ResponseError),
}

/// Polls with the first `reads[0]` bytes, then with the first `reads[1]`, and so on.
pub(crate) fn answer(row: &Row, bytes: &[u8], reads: impl IntoIterator<Item = usize>) -> Responded {
    let uri = Uri::parse("ws://server.example.com/chat").expect("a URI");
    let request = ClientRequest::new(uri);
    #[cfg(feature = "deflate")]
    let request = request.deflate(crate::deflate::offered(row));
    let mut handshake = ClientHandshake::with_fixed_key_for_tests(NONCE);
    let mut asked = [0; 512];
    let len = handshake.encode_request(&request, &mut asked).expect("room");
    let asked = std::str::from_utf8(&asked[..len]).expect("a request is ASCII");
    let offer = asked.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));
    assert_eq!(offer, row.setup("pmd_offer").as_str(), "{}", row.id());
    // A client that cannot rewrite its buffer comes to the same verdict, except for folded lines.
    let mut sharing = handshake.clone();
    let mut own = bytes.to_vec();
    let mut received = 0;
    for read in reads {
        received = read;
        let verdict = handshake.poll_unfolding(&mut own[..read], &request);
        let verdict = verdict.map(|outcome| outcome.map(|outcome| format!("{outcome:?}")));
        let shared = sharing.poll(&bytes[..read], &request);
        if shared != Err(ResponseError::Head(HeadError::FoldedLine)) {
            let shared = shared.map(|outcome| outcome.map(|outcome| format!("{outcome:?}")));
            assert_eq!(shared, verdict, "{}", row.id());
        }
        if !matches!(verdict, Ok(None)) {
            break;
        }
    }
    let verdict = handshake.poll_unfolding(&mut own[..received], &request);
    match verdict {
        Ok(None) => Responded::Failed(handshake.handle_eof()),
        Ok(Some(Outcome::Open { response, negotiated })) => {
            for header in response.headers() {
                assert!(is_header_value(header.value), "{}: {header:?}", row.id());
            }
            Responded::Open { head_len: response.head_len(), negotiated }
        }
        Ok(Some(Outcome::Refused(response))) => Responded::Refused {
            status: response.status(),
            head_len: response.head_len(),
            versions: response
                .headers()
                .list("sec-websocket-version")
                .map(|version| String::from_utf8_lossy(version).into_owned())
                .collect(),
        },
        Err(error) => {
            assert_eq!(handshake.poll_unfolding(&mut own, &request), Err(error), "the error stays");
            Responded::Failed(error)
        }
    }
}

fn judge(row: &Row, answered: &Responded) {
    let verdict = if matches!(answered, Responded::Open { .. }) { "open" } else { "fail" };
    // The row's first verdict is the preferred one, and ours must be the same.
    assert_eq!(row.oracle("allow")[0], verdict, "{}: {answered:?}", row.id());
}

#[test]
fn every_response_has_its_verdict_however_it_is_split() {
    let rows = rows("client");
    for row in &rows {
        let bytes = row.bytes("").expect("a response");
        let whole = answer(row, &bytes, [bytes.len()]);
        judge(row, &whole);
        assert_eq!(answer(row, &bytes, 1..=bytes.len()), whole, "{} byte by byte", row.id());
        for cut in cuts(bytes.len()) {
            assert_eq!(answer(row, &bytes, [cut, bytes.len()]), whole, "{} cut at {cut}", row.id());
        }
    }
    assert_eq!(rows.len(), ROWS);
}

#[test]
fn a_refusal_shows_the_versions_that_the_server_speaks() {
    let rows = rows("client");
    let row = rows.iter().find(|row| row.id() == "HR-38").expect("the row");
    let bytes = row.bytes("").expect("a response");
    match answer(row, &bytes, [bytes.len()]) {
        Responded::Refused { status, versions, .. } => {
            assert_eq!((status, versions), (426, vec!["13".to_owned(), "8".to_owned()]));
        }
        other => panic!("{other:?}"),
    }
}
