//! Owned text and messages, compared with the standard library.

use std::borrow::Cow;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use fullduplex::{
    Bytes, Chunk, CloseCode, CloseFrame, InvalidUtf8, Message, MessageRef, Part, Utf8Bytes,
};
use fullduplex_fuzz::Oracle;

/// Checks that text is what the standard library accepts as text, and that owned text compares, hashes, prints and converts
/// as `str` does.
pub(crate) fn check(payload: &[u8], split: usize) {
    let text = std::str::from_utf8(payload).ok().filter(|_| !Oracle::OwnedTaken.faulty());
    let taken = Utf8Bytes::try_from(payload.to_vec());
    Oracle::OwnedTaken.same(taken.as_ref().map(|text| &**text), text.ok_or(&InvalidUtf8));
    if let Some(text) = text {
        let (left, right) = text.split_at(text.floor_char_boundary(split % (text.len() + 1)));
        compare(left, right);
        convert(text);
    }
    messages(payload);
}

fn compare(left: &str, right: &str) {
    let (a, mut b) = (Utf8Bytes::from(left), Utf8Bytes::from(right));
    if Oracle::OwnedCompares.faulty() {
        b = Utf8Bytes::from(format!("{right}x"));
    }
    let (string, cow) = (right.to_owned(), Cow::from(right));
    Oracle::OwnedCompares.same(
        (a.cmp(&b), a == b, b == *right, b == string, b == cow, b.len()),
        (left.cmp(right), left == right, true, true, true, right.len()),
    );
    let hasher = BuildHasherDefault::<DefaultHasher>::new();
    let hash = hasher.hash_one(&a) ^ u64::from(Oracle::OwnedHashes.faulty());
    Oracle::OwnedHashes.same(hash, hasher.hash_one(left));
}

fn convert(text: &str) {
    let owned = Utf8Bytes::from(text.to_owned());
    let mut printed = format!("{owned} {owned:?} {owned:>9.3}");
    if Oracle::OwnedPrints.faulty() {
        printed.pop();
    }
    Oracle::OwnedPrints.same(printed, format!("{text} {text:?} {text:>9.3}"));
    let (bytes, string) = (Bytes::from(owned.clone()), String::from(owned));
    let bytes = bytes.slice(..bytes.len() * usize::from(!Oracle::OwnedConverts.faulty()));
    Oracle::OwnedConverts.same((&bytes[..], string.as_str()), (text.as_bytes(), text));
}

/// Checks messages of each kind with this payload, and copies of them.
fn messages(payload: &[u8]) {
    let data = Bytes::copy_from_slice(payload);
    let text = std::str::from_utf8(payload);
    let mut messages = vec![
        (Message::from(payload), Some(Chunk::Binary(data.clone(), Part::Whole))),
        (Message::Ping(data.clone()), None),
        (Message::Pong(data.clone()), None),
    ];
    if let Ok(text) = text {
        let reason = CloseFrame { code: CloseCode::Normal, reason: text.into() };
        messages.push((Message::from(text), Some(Chunk::Text(data, Part::Whole))));
        messages.push((Message::Close(Some(reason)), None));
    }
    for (message, chunk) in messages {
        let mut copy = message.as_message_ref().to_message();
        if Oracle::OwnedCopies.faulty() {
            copy = Message::Close(None);
        }
        Oracle::OwnedCopies.same(&copy, &message);
        let kinds = match message.as_message_ref() {
            MessageRef::Text(_) => [true, false, false, false, false],
            MessageRef::Binary(_) => [false, true, false, false, false],
            MessageRef::Ping(_) => [false, false, true, false, false],
            MessageRef::Pong(_) => [false, false, false, true, false],
            MessageRef::Close(_) => [false, false, false, false, true],
        };
        let is_text = message.is_text() ^ Oracle::OwnedKinds.faulty();
        let said = [
            is_text,
            message.is_binary(),
            message.is_ping(),
            message.is_pong(),
            message.is_close(),
        ];
        Oracle::OwnedKinds.same(said, kinds);

        let mut len = message.len();
        len += usize::from(Oracle::OwnedPayload.faulty());
        let shown = text.map_or(format!("Binary Data<length={}>", payload.len()), str::to_owned);
        Oracle::OwnedPayload.same(
            (len, message.is_empty(), message.to_text().ok(), message.to_string()),
            (payload.len(), payload.is_empty(), text.ok(), shown),
        );
        let mut given = message.clone().into_data();
        if Oracle::OwnedGives.faulty() {
            given = Bytes::from_static(b"another");
        }
        let of_text = message.clone().into_text().map(Bytes::from).ok();
        Oracle::OwnedGives
            .same((&given[..], of_text.as_deref()), (payload, text.ok().map(str::as_bytes)));
        let mut piece = Chunk::from(message.clone());
        if Oracle::OwnedPieces.faulty() {
            piece = Chunk::Control(Message::Close(None));
        }
        Oracle::OwnedPieces.same(piece, chunk.unwrap_or(Chunk::Control(message)));
    }
}
