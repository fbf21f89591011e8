//! Whole messages as values of their own, shared by both adapters.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::borrow::Borrow;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::Deref;

use bytes::{Bytes, BytesMut};

use crate::close_code::CloseCode;
use crate::closing::CloseFrameRef;
use crate::event::{MessageKind, Part};
use crate::utf8;

/// Immutable text that is cheap to clone: UTF-8 in a [`Bytes`].
///
/// This crate has no unsafe code, so [`as_str`](Self::as_str) asks the validator for its `&str`, at some
/// 10 GB/s; keep the `&str` rather than dereferencing in a loop. [`as_bytes`](Self::as_bytes),
/// [`len`](Self::len), equality and conversion into [`Bytes`] cost nothing.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Utf8Bytes(Bytes);

impl Utf8Bytes {
    /// Text that lives as long as the program; copies nothing.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }

    /// The text.
    #[inline]
    #[must_use]
    pub fn as_str(&self) -> &str {
        let text = utf8::as_str(&self.0);
        // Every constructor has validated the text, so the default is never used.
        debug_assert!(text.is_some());
        text.unwrap_or_default()
    }

    /// The text's UTF-8, without a check.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The length in bytes.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no text.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes; what replaces them must be UTF-8.
    pub(crate) fn bytes_mut(&mut self) -> &mut Bytes {
        &mut self.0
    }

    /// Text that a connection has validated piece by piece.
    pub(crate) fn from_validated(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl Deref for Utf8Bytes {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Utf8Bytes {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<[u8]> for Utf8Bytes {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// So that a map whose keys are such text can be asked with a `&str`.
impl Borrow<str> for Utf8Bytes {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

/// As a `str`, for [`Borrow`].
impl Hash for Utf8Bytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl PartialEq<str> for Utf8Bytes {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Utf8Bytes {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl PartialEq<String> for Utf8Bytes {
    fn eq(&self, other: &String) -> bool {
        self == other.as_str()
    }
}

impl PartialEq<&String> for Utf8Bytes {
    fn eq(&self, other: &&String) -> bool {
        self == other.as_str()
    }
}

impl PartialEq<Cow<'_, str>> for Utf8Bytes {
    fn eq(&self, other: &Cow<'_, str>) -> bool {
        self == &**other
    }
}

impl AsRef<Bytes> for Utf8Bytes {
    fn as_ref(&self) -> &Bytes {
        &self.0
    }
}

impl From<String> for Utf8Bytes {
    fn from(text: String) -> Self {
        Self(Bytes::from(text))
    }
}

impl From<&str> for Utf8Bytes {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<&String> for Utf8Bytes {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<Utf8Bytes> for Bytes {
    fn from(text: Utf8Bytes) -> Self {
        text.0
    }
}

impl From<Utf8Bytes> for String {
    fn from(text: Utf8Bytes) -> Self {
        Self::from(text.as_str())
    }
}

/// Bytes that were to become text are not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InvalidUtf8;

impl fmt::Display for InvalidUtf8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes are not UTF-8")
    }
}

impl core::error::Error for InvalidUtf8 {}

impl TryFrom<Bytes> for Utf8Bytes {
    type Error = InvalidUtf8;

    fn try_from(bytes: Bytes) -> Result<Self, InvalidUtf8> {
        if utf8::is_valid(&bytes) { Ok(Self(bytes)) } else { Err(InvalidUtf8) }
    }
}

impl TryFrom<BytesMut> for Utf8Bytes {
    type Error = InvalidUtf8;

    fn try_from(bytes: BytesMut) -> Result<Self, InvalidUtf8> {
        Self::try_from(bytes.freeze())
    }
}

impl TryFrom<Vec<u8>> for Utf8Bytes {
    type Error = InvalidUtf8;

    fn try_from(bytes: Vec<u8>) -> Result<Self, InvalidUtf8> {
        Self::try_from(Bytes::from(bytes))
    }
}

/// A Close frame's content, owned (RFC 6455 §5.5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseFrame {
    /// Why the connection is closed.
    pub code: CloseCode,
    /// Words for a developer, at most 123 bytes; may be empty.
    pub reason: Utf8Bytes,
}

impl CloseFrame {
    /// A Close with `code` and no reason.
    #[must_use]
    pub const fn new(code: CloseCode) -> Self {
        Self { code, reason: Utf8Bytes::from_static("") }
    }

    /// A view of it.
    #[must_use]
    pub fn as_frame_ref(&self) -> CloseFrameRef<'_> {
        CloseFrameRef { code: self.code, reason: self.reason.as_str() }
    }
}

impl From<CloseFrameRef<'_>> for CloseFrame {
    fn from(reason: CloseFrameRef<'_>) -> Self {
        Self { code: reason.code, reason: reason.reason.into() }
    }
}

impl fmt::Display for CloseFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if self.reason.is_empty() { Ok(()) } else { write!(f, " ({})", self.reason) }
    }
}

/// A whole message or a control frame, owned; clones share the payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A text message.
    Text(Utf8Bytes),
    /// A binary message.
    Binary(Bytes),
    /// A Ping, with at most 125 bytes. A received one has been answered.
    Ping(Bytes),
    /// A Pong, with at most 125 bytes.
    Pong(Bytes),
    /// A Close; `None` has no code.
    Close(Option<CloseFrame>),
}

impl Message {
    /// A text message.
    pub fn text(text: impl Into<Utf8Bytes>) -> Self {
        Self::Text(text.into())
    }

    /// A binary message.
    pub fn binary(payload: impl Into<Bytes>) -> Self {
        Self::Binary(payload.into())
    }

    /// Whether this is a text message.
    #[must_use]
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// Whether this is a binary message.
    #[must_use]
    pub fn is_binary(&self) -> bool {
        matches!(self, Self::Binary(_))
    }

    /// Whether this is a Ping.
    #[must_use]
    pub fn is_ping(&self) -> bool {
        matches!(self, Self::Ping(_))
    }

    /// Whether this is a Pong.
    #[must_use]
    pub fn is_pong(&self) -> bool {
        matches!(self, Self::Pong(_))
    }

    /// Whether this is a Close.
    #[must_use]
    pub fn is_close(&self) -> bool {
        matches!(self, Self::Close(_))
    }

    /// The length of the payload in bytes; for a Close, the length of its reason.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(data) | Self::Ping(data) | Self::Pong(data) => data.len(),
            Self::Close(frame) => frame.as_ref().map_or(0, |frame| frame.reason.len()),
        }
    }

    /// Whether the payload is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The message, lent. Text is checked once more, see [`Utf8Bytes::as_str`].
    #[must_use]
    pub fn as_message_ref(&self) -> MessageRef<'_> {
        match self {
            Self::Text(text) => MessageRef::Text(text.as_str()),
            Self::Binary(data) => MessageRef::Binary(data),
            Self::Ping(data) => MessageRef::Ping(data),
            Self::Pong(data) => MessageRef::Pong(data),
            Self::Close(frame) => MessageRef::Close(frame.as_ref().map(CloseFrame::as_frame_ref)),
        }
    }

    /// The payload of a message of any kind; for a Close, its reason.
    #[must_use]
    pub fn into_data(self) -> Bytes {
        match self {
            Self::Text(text) => text.into(),
            Self::Binary(data) | Self::Ping(data) | Self::Pong(data) => data,
            Self::Close(frame) => frame.map(|frame| frame.reason.into()).unwrap_or_default(),
        }
    }

    /// The payload as text.
    ///
    /// # Errors
    /// [`InvalidUtf8`] when the payload is not UTF-8.
    pub fn into_text(self) -> Result<Utf8Bytes, InvalidUtf8> {
        match self {
            Self::Text(text) => Ok(text),
            other => Utf8Bytes::try_from(other.into_data()),
        }
    }

    /// The payload as text.
    ///
    /// # Errors
    /// [`InvalidUtf8`] when the payload is not UTF-8.
    pub fn to_text(&self) -> Result<&str, InvalidUtf8> {
        match self {
            Self::Text(text) => Ok(text.as_str()),
            Self::Binary(data) | Self::Ping(data) | Self::Pong(data) => {
                utf8::as_str(data).ok_or(InvalidUtf8)
            }
            Self::Close(frame) => {
                Ok(frame.as_ref().map(|frame| frame.reason.as_str()).unwrap_or_default())
            }
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_text() {
            Ok(text) => f.write_str(text),
            Err(_) => write!(f, "Binary Data<length={}>", self.len()),
        }
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<Utf8Bytes> for Message {
    fn from(text: Utf8Bytes) -> Self {
        Self::Text(text)
    }
}

impl From<&[u8]> for Message {
    fn from(payload: &[u8]) -> Self {
        Self::Binary(Bytes::copy_from_slice(payload))
    }
}

impl From<Bytes> for Message {
    fn from(payload: Bytes) -> Self {
        Self::Binary(payload)
    }
}

impl From<Vec<u8>> for Message {
    fn from(payload: Vec<u8>) -> Self {
        Self::binary(payload)
    }
}

impl From<Message> for Bytes {
    /// As [`Message::into_data`].
    fn from(message: Message) -> Self {
        message.into_data()
    }
}

/// A whole message or a control frame, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageRef<'a> {
    /// A text message.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
    /// A Ping, with at most 125 bytes. A received one has been answered.
    Ping(&'a [u8]),
    /// A Pong, with at most 125 bytes.
    Pong(&'a [u8]),
    /// A Close; `None` has no code.
    Close(Option<CloseFrameRef<'a>>),
}

impl MessageRef<'_> {
    /// An owned copy.
    #[must_use]
    pub fn to_message(self) -> Message {
        match self {
            Self::Text(text) => Message::text(text),
            Self::Binary(data) => Message::Binary(Bytes::copy_from_slice(data)),
            Self::Ping(data) => Message::Ping(Bytes::copy_from_slice(data)),
            Self::Pong(data) => Message::Pong(Bytes::copy_from_slice(data)),
            Self::Close(reason) => Message::Close(reason.map(CloseFrame::from)),
        }
    }
}

/// A piece of a message, or a control frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chunk {
    /// A piece of a text message. It may begin and end within a character; all pieces joined are UTF-8, and so
    /// far no byte has come that could not be.
    Text(Bytes, Part),
    /// A piece of a binary message.
    Binary(Bytes, Part),
    /// A Ping, Pong or Close, which may come between the pieces of a message.
    Control(Message),
}

impl Chunk {
    pub(crate) fn new(kind: MessageKind, payload: Bytes, part: Part) -> Self {
        match kind {
            MessageKind::Text => Self::Text(payload, part),
            MessageKind::Binary => Self::Binary(payload, part),
        }
    }
}

impl From<Message> for Chunk {
    /// A whole message in one piece.
    fn from(message: Message) -> Self {
        match message {
            Message::Text(text) => Self::Text(text.into(), Part::Whole),
            Message::Binary(data) => Self::Binary(data, Part::Whole),
            control => Self::Control(control),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_checked_when_it_is_made_of_bytes() {
        assert_eq!(Utf8Bytes::try_from(Bytes::from_static(b"\xff")), Err(InvalidUtf8));
        let text = Utf8Bytes::try_from("κόσμε".as_bytes().to_vec()).unwrap();
        assert_eq!(text, "κόσμε");
        assert_eq!(text.to_uppercase(), "ΚΌΣΜΕ");
    }

    /// What a key writes into a hasher.
    #[derive(Default, PartialEq, Debug)]
    struct Written(Vec<u8>);

    impl Written {
        fn by(key: impl Hash) -> Self {
            let mut hasher = Self::default();
            key.hash(&mut hasher);
            hasher
        }
    }

    impl Hasher for Written {
        fn write(&mut self, bytes: &[u8]) {
            self.0.extend_from_slice(bytes);
        }

        fn finish(&self) -> u64 {
            0
        }
    }

    #[test]
    fn text_compares_and_is_looked_up_as_any_other() {
        let text = Utf8Bytes::from_static("hi");
        let (string, cow) = (String::from("hi"), Cow::from("hi"));
        assert_eq!(text, "hi");
        assert_eq!(text, &string);
        assert_eq!(text, string);
        assert_eq!(text, cow);
        assert_ne!(text, Cow::from("ho"));
        assert_eq!(Utf8Bytes::try_from(BytesMut::from("hi")).unwrap(), "hi");
        assert_eq!(Written::by(&text), Written::by("hi"));
        let map = alloc::collections::BTreeMap::from([(text, 1)]);
        assert_eq!((map.get("hi"), map.get("ho")), (Some(&1), None));
    }

    #[test]
    fn a_message_shows_its_text_or_its_length() {
        assert_eq!(alloc::format!("{}", Message::text("hi")), "hi");
        assert_eq!(
            alloc::format!("{}", Message::binary(alloc::vec![0xff; 3])),
            "Binary Data<length=3>"
        );
        let close = CloseFrame { code: CloseCode::Away, reason: "bye".into() };
        assert_eq!(alloc::format!("{close}"), "1001 (bye)");
    }

    #[test]
    fn clones_share_the_payload() {
        let message = Message::binary(alloc::vec![1, 2, 3]);
        let (a, b) = (message.clone().into_data(), message.into_data());
        assert_eq!(a.as_ptr(), b.as_ptr());
    }
}
