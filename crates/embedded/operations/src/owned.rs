//! Messages and URLs that own their data.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::ops::Deref;

use bytes::{Bytes, BytesMut};
use fullduplex::handshake::IntoRequest;
use fullduplex::*;

use crate::support::*;

pub(crate) fn all() {
    texts();
    messages();
    uris();
}

/// A string of unknown length and content.
pub(crate) fn string() -> String {
    hidden(String::from(text()))
}

/// Bytes on the heap, of unknown length and content.
fn shared() -> Bytes {
    hidden(Bytes::copy_from_slice(bytes()))
}

fn utf8() -> Utf8Bytes {
    hidden(Utf8Bytes::from_static(text()))
}

fn texts() {
    let some = utf8();
    seen(Utf8Bytes::as_str(&some));
    seen(Utf8Bytes::as_bytes(&some));
    seen(Utf8Bytes::len(&some));
    seen(Utf8Bytes::is_empty(&some));
    seen(<Utf8Bytes as Deref>::deref(&some));
    seen(<Utf8Bytes as AsRef<str>>::as_ref(&some));
    seen(<Utf8Bytes as AsRef<[u8]>>::as_ref(&some));
    seen(<Utf8Bytes as AsRef<Bytes>>::as_ref(&some));
    seen(<Utf8Bytes as Borrow<str>>::borrow(&some));
    displayed::<Utf8Bytes>(&some);
    key::<Utf8Bytes>(&some);
    ordered::<Utf8Bytes>(&some);
    defaulted::<Utf8Bytes>();
    seen(<Utf8Bytes as PartialEq<str>>::eq(&some, text()));
    seen(<Utf8Bytes as PartialEq<&str>>::eq(&some, &text()));
    seen(<Utf8Bytes as PartialEq<String>>::eq(&some, &string()));
    seen(<Utf8Bytes as PartialEq<&String>>::eq(&some, &&string()));
    seen(<Utf8Bytes as PartialEq<Cow<'_, str>>>::eq(&some, &Cow::Borrowed(text())));
    seen(<Utf8Bytes as From<String>>::from(string()));
    seen(<Utf8Bytes as From<&str>>::from(text()));
    seen(<Utf8Bytes as From<&String>>::from(&string()));
    seen(<Utf8Bytes as TryFrom<Bytes>>::try_from(shared()));
    seen(<Utf8Bytes as TryFrom<BytesMut>>::try_from(hidden(BytesMut::from(bytes()))));
    seen(<Utf8Bytes as TryFrom<Vec<u8>>>::try_from(hidden(bytes().to_vec())));
    seen(<Bytes as From<Utf8Bytes>>::from(utf8()));
    seen(<String as From<Utf8Bytes>>::from(utf8()));
    error::<InvalidUtf8>(hidden(InvalidUtf8));
}

fn message() -> Message {
    hidden(Message::Binary(shared()))
}

fn messages() {
    let some = message();
    seen(Message::text(utf8()));
    seen(Message::binary(shared()));
    seen(Message::is_text(&some));
    seen(Message::is_binary(&some));
    seen(Message::is_ping(&some));
    seen(Message::is_pong(&some));
    seen(Message::is_close(&some));
    seen(Message::len(&some));
    seen(Message::is_empty(&some));
    let lent = hidden(Message::as_message_ref(&some));
    seen(MessageRef::to_message(lent));
    value::<MessageRef<'_>>(&lent);
    seen(Message::into_data(message()));
    seen(Message::into_text(message()));
    seen(Message::to_text(&some));
    displayed::<Message>(&some);
    value::<Message>(&some);
    seen(<Message as From<&str>>::from(text()));
    seen(<Message as From<String>>::from(string()));
    seen(<Message as From<Utf8Bytes>>::from(Utf8Bytes::from(text())));
    seen(<Message as From<&[u8]>>::from(bytes()));
    seen(<Message as From<Bytes>>::from(shared()));
    seen(<Message as From<Vec<u8>>>::from(hidden(bytes().to_vec())));
    seen(<Bytes as From<Message>>::from(message()));
    value::<Chunk>(hidden(&<Chunk as From<Message>>::from(message())));

    let close = hidden(CloseFrame::new(CloseCode::Normal));
    let reason = hidden(CloseFrame::as_frame_ref(&close));
    seen(<CloseFrame as From<CloseFrameRef<'_>>>::from(reason));
    displayed::<CloseFrame>(&close);
    value::<CloseFrame>(&close);

    seen(PreparedMessage::text(text()));
    seen(PreparedMessage::binary(bytes()));
    if let Ok(prepared) = hidden(PreparedMessage::new(hidden(MessageKind::Text), bytes())) {
        seen(PreparedMessage::kind(&prepared));
        seen(PreparedMessage::payload(&prepared));
        shown::<PreparedMessage>(&prepared);
        cloned::<PreparedMessage>(&prepared);
    }
}

fn uris() {
    if let Ok(uri) = hidden(OwnedUri::parse(text())) {
        seen(OwnedUri::as_uri(&uri));
        value::<OwnedUri>(&uri);
        displayed::<OwnedUri>(&uri);
        seen(<OwnedUri as IntoRequest>::into_request(uri));
    }
    seen(<OwnedUri as core::str::FromStr>::from_str(text()));
}
