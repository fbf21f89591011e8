//! The opening handshake, whole and byte by byte.

use std::hint::black_box;

use fullduplex::Uri;
use fullduplex::handshake::{
    Acceptance, ClientHandshake, ClientRequest, HeadLimits, Outcome, ServerHandshake,
};
use fullduplex_benches::{CHROMIUM_REQUEST, SERVER_RESPONSE, request_of};

use crate::digest;

/// Chromium's request, and the response to it.
#[inline(never)]
pub(crate) fn server(count: u64) -> u64 {
    let mut out = [0; 256];
    let mut sum = 0;
    for _ in 0..count {
        let mut handshake = ServerHandshake::new(HeadLimits::new());
        let request = handshake.poll(black_box(CHROMIUM_REQUEST)).expect("a valid request");
        let request = request.expect("a whole request");
        let (len, _) = request.accept(&Acceptance::new(), &mut out).expect("room");
        sum += digest(black_box(&out[..len]));
    }
    sum
}

/// A request, and the check of the response.
#[inline(never)]
pub(crate) fn client(count: u64) -> u64 {
    let mut out = [0; 256];
    let mut sum = 0;
    for _ in 0..count {
        let uri = Uri::parse(black_box("ws://localhost:9001/chat?room=1")).expect("a valid URI");
        let request = ClientRequest::new(uri);
        let mut handshake = ClientHandshake::with_fixed_key_for_tests(*b"the sample nonce");
        let len = handshake.encode_request(&request, &mut out).expect("room");
        sum += digest(black_box(&out[..len]));
        match handshake.poll(black_box(SERVER_RESPONSE), &request) {
            Ok(Some(Outcome::Open { response, .. })) => sum += response.head_len() as u64,
            _ => return 0,
        }
    }
    sum
}

/// Requests of `len` bytes, one byte per read. `count` is a number of bytes.
#[inline(never)]
pub(crate) fn head_each_byte(len: usize, count: u64) -> u64 {
    let head = request_of(len);
    let mut handshake = ServerHandshake::new(HeadLimits::new());
    let (mut sum, mut received) = (0, 0);
    for _ in 0..count {
        received += 1;
        if let Some(request) = handshake.poll(&head[..received]).expect("a valid request") {
            sum += request.head_len() as u64;
            handshake = ServerHandshake::new(HeadLimits::new());
            received = 0;
        }
    }
    sum
}
