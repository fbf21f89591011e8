//! Text as bytes.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::str::{self, Utf8Error};

use bytes::{Bytes, BytesMut};

/// Text whose clones share its memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Utf8Bytes(pub(crate) fullduplex::Utf8Bytes);

impl Utf8Bytes {
    /// Text that lives as long as the program; nothing is copied.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(fullduplex::Utf8Bytes::from_static(text))
    }

    /// The text.
    #[inline]
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Text from bytes that the caller knows to be UTF-8. This implementation checks them nevertheless, and replaces what is
    /// not UTF-8.
    ///
    /// # Safety
    /// Any bytes are safe: nothing here relies on them. The function is `unsafe` because tungstenite's is.
    // SAFETY: the body is safe code, so only the signature needs the exception.
    #[allow(unsafe_code)]
    #[must_use]
    pub unsafe fn from_bytes_unchecked(bytes: Bytes) -> Self {
        match Self::try_from(bytes.clone()) {
            Ok(text) => text,
            Err(_) => String::from_utf8_lossy(&bytes).into_owned().into(),
        }
    }
}

impl Deref for Utf8Bytes {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<[u8]> for Utf8Bytes {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl AsRef<str> for Utf8Bytes {
    #[inline]
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<Bytes> for Utf8Bytes {
    #[inline]
    fn as_ref(&self) -> &Bytes {
        self.0.as_ref()
    }
}

impl Borrow<str> for Utf8Bytes {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl Hash for Utf8Bytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialOrd for Utf8Bytes {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Utf8Bytes {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl<T> PartialEq<T> for Utf8Bytes
where
    for<'a> &'a str: PartialEq<T>,
{
    fn eq(&self, other: &T) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Display for Utf8Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<Bytes> for Utf8Bytes {
    type Error = Utf8Error;

    fn try_from(bytes: Bytes) -> Result<Self, Utf8Error> {
        // Another handle to the bytes, so that the error can say where the text is wrong.
        let handle = bytes.clone();
        match fullduplex::Utf8Bytes::try_from(bytes) {
            Ok(text) => Ok(Self(text)),
            Err(_) => str::from_utf8(&handle).map(Self::from),
        }
    }
}

impl TryFrom<BytesMut> for Utf8Bytes {
    type Error = Utf8Error;

    fn try_from(bytes: BytesMut) -> Result<Self, Utf8Error> {
        bytes.freeze().try_into()
    }
}

impl TryFrom<Vec<u8>> for Utf8Bytes {
    type Error = Utf8Error;

    fn try_from(bytes: Vec<u8>) -> Result<Self, Utf8Error> {
        Bytes::from(bytes).try_into()
    }
}

impl From<String> for Utf8Bytes {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for Utf8Bytes {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<&String> for Utf8Bytes {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<Utf8Bytes> for Bytes {
    fn from(text: Utf8Bytes) -> Self {
        text.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(unsafe_code)]
    fn bytes_that_are_said_to_be_text_are_checked_all_the_same() {
        // SAFETY: any bytes are safe, as the function says.
        let [good, bad] = [&b"caf\xc3\xa9"[..], b"caf\xc3"]
            .map(|bytes| unsafe { Utf8Bytes::from_bytes_unchecked(Bytes::from_static(bytes)) });
        assert_eq!(good, "caf\u{e9}");
        assert_eq!(bad, "caf\u{fffd}");
    }
}
