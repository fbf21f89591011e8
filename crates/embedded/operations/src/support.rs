//! Values that the compiler cannot know, and helpers that call what traits have.

use core::error::Error;
use core::fmt::{self, Debug, Display, Write};
use core::hash::{Hash, Hasher};
pub(crate) use core::hint::black_box as hidden;

use fullduplex::{Entropy, EntropyError};

/// Takes a result, so that what computes it stays.
pub(crate) fn seen<T>(value: T) {
    hidden(value);
}

/// Bytes of unknown number and content.
pub(crate) fn bytes() -> &'static [u8] {
    hidden(&[0; 64])
}

/// Text of unknown length and content.
pub(crate) fn text() -> &'static str {
    hidden("text")
}

/// Some number.
pub(crate) fn number() -> usize {
    hidden(1)
}

/// Some byte.
pub(crate) fn byte() -> u8 {
    hidden(1)
}

/// A buffer: [`out!`] makes a slice of unknown length of it.
pub(crate) type Buffer = [u8; 128];

/// A slice of unknown length and content.
pub(crate) fn part(buffer: &mut Buffer) -> &mut [u8] {
    hidden(&mut buffer[..])
}

/// Entropy of which the compiler knows neither the words nor when it fails.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unknown;

impl Entropy for Unknown {
    fn next_u32(&mut self) -> Result<u32, EntropyError> {
        hidden(Ok(1))
    }
}

/// Takes text, and may fail.
struct Sink;

impl Write for Sink {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        seen(text);
        hidden(Ok(()))
    }
}

impl Hasher for Sink {
    fn finish(&self) -> u64 {
        hidden(1)
    }

    fn write(&mut self, bytes: &[u8]) {
        seen(bytes);
    }
}

/// Anything that can be shown to a developer.
pub(crate) fn shown<T: Debug>(value: &T) {
    #[cfg(feature = "debug")]
    seen(write!(Sink, "{value:?}"));
    #[cfg(not(feature = "debug"))]
    seen(value);
}

/// Anything that can be shown to a user.
pub(crate) fn displayed<T: Display>(value: &T) {
    seen(write!(Sink, "{value}"));
}

/// Anything that can be copied in some way.
pub(crate) fn cloned<T: Clone>(value: &T) {
    seen(value.clone());
}

/// Anything that has a default.
pub(crate) fn defaulted<T: Default>() {
    seen(T::default());
}

/// A plain value.
pub(crate) fn value<T: Debug + Clone + PartialEq>(value: &T) {
    shown(value);
    cloned(value);
    seen(value == hidden(value));
}

/// A value that can be a key.
pub(crate) fn key<T: Debug + Clone + PartialEq + Hash>(some: &T) {
    value(some);
    hashed(some);
}

/// A value with a hash.
pub(crate) fn hashed<T: Hash>(value: &T) {
    value.hash(&mut Sink);
}

/// An error that can be compared.
pub(crate) fn error<T: Debug + Clone + PartialEq + Hash + Display + Error + 'static>(error: T) {
    let error = hidden(&error);
    key(error);
    displayed(error);
    seen(error.source());
}

/// A value with an order.
#[cfg(feature = "alloc")]
pub(crate) fn ordered<T: PartialOrd + Ord>(value: &T) {
    seen(value.partial_cmp(hidden(value)));
    seen(value.cmp(hidden(value)));
}
