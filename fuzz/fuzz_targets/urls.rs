//! URLs of all sorts: the normal form is its own normal form, what is borrowed is sent as what is owned, and our server
//! takes the request and reads of it what the URL says.
#![no_main]

use fullduplex::handshake::{ClientHandshake, ClientRequest, ServerHandshake};
use fullduplex::{OwnedUri, Uri, UriError};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let owned = OwnedUri::parse(text);
    match (Uri::parse(text), &owned) {
        (Err(UriError::NotNormal), _) => {}
        (Ok(borrowed), Ok(owned)) => {
            let owned = owned.as_uri();
            assert_eq!(head(borrowed), head(owned));
            assert!(borrowed.host().eq_ignore_ascii_case(owned.host()));
            assert_eq!((borrowed.port(), borrowed.is_secure()), (owned.port(), owned.is_secure()));
        }
        (borrowed, owned) => assert_eq!(borrowed.err(), owned.as_ref().err().copied()),
    }
    let Ok(owned) = &owned else { return };
    let uri = owned.as_uri();
    assert_eq!(OwnedUri::parse(uri.as_str()).as_ref(), Ok(owned));
    assert_eq!(Uri::parse(uri.as_str()), Ok(uri));
    // A head that is too large is another target's affair.
    if uri.as_str().len() > 4096 {
        return;
    }
    let head = head(uri);
    let request = ServerHandshake::default().poll(&head);
    let request = request.expect("what our client writes is valid").expect("and whole");
    assert_eq!((request.path(), request.query()), (uri.path(), uri.query()));
    assert!(request.host().starts_with(uri.bracketed_host()));
});

fn head(uri: Uri<'_>) -> Vec<u8> {
    let handshake = ClientHandshake::with_fixed_key_for_tests([7; 16]);
    let mut out = vec![0; 1 << 18];
    let len = handshake.encode_request(&ClientRequest::new(uri), &mut out);
    out.truncate(len.expect("room for any URL and its credentials"));
    out
}
