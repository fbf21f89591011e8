//! Values that the compiler cannot know, and helpers that call trait methods.

use core::error::Error;
use core::fmt::{self, Debug, Display, Write};
use core::hash::{Hash, Hasher};
pub(crate) use core::hint::black_box as hidden;

use fullduplex::{Entropy, EntropyError};

/// Uses a value, so that the compiler does not remove the code that computes it.
pub(crate) fn seen<T>(value: T) {
    hidden(value);
}

/// Bytes of unknown length and content.
pub(crate) fn bytes() -> &'static [u8] {
    hidden(&[0; 64])
}

/// Text of unknown length and content.
pub(crate) fn text() -> &'static str {
    hidden("text")
}

/// An unknown number.
pub(crate) fn number() -> usize {
    hidden(1)
}

/// An unknown byte.
pub(crate) fn byte() -> u8 {
    hidden(1)
}

/// A buffer. [`out!`] makes a slice of unknown length from it.
pub(crate) type Buffer = [u8; 128];

/// A slice of unknown length and content.
pub(crate) fn part(buffer: &mut Buffer) -> &mut [u8] {
    hidden(&mut buffer[..])
}

/// Entropy whose values and failures the compiler does not know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unknown;

impl Entropy for Unknown {
    fn next_u32(&mut self) -> Result<u32, EntropyError> {
        hidden(Ok(1))
    }
}

/// A text output that may fail, and a hasher.
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

/// Calls `Debug`.
pub(crate) fn shown<T: Debug>(value: &T) {
    #[cfg(feature = "debug")]
    seen(write!(Sink, "{value:?}"));
    #[cfg(not(feature = "debug"))]
    seen(value);
}

/// Calls `Display`.
pub(crate) fn displayed<T: Display>(value: &T) {
    seen(write!(Sink, "{value}"));
}

/// Calls `Clone`.
pub(crate) fn cloned<T: Clone>(value: &T) {
    seen(value.clone());
}

/// Calls `Default`.
pub(crate) fn defaulted<T: Default>() {
    seen(T::default());
}

/// Calls the traits of a plain value.
pub(crate) fn value<T: Debug + Clone + PartialEq>(value: &T) {
    shown(value);
    cloned(value);
    seen(value == hidden(value));
}

/// Calls the traits of a value that can be the key of a map.
pub(crate) fn key<T: Debug + Clone + PartialEq + Hash>(some: &T) {
    value(some);
    hashed(some);
}

/// Calls `Hash`.
pub(crate) fn hashed<T: Hash>(value: &T) {
    value.hash(&mut Sink);
}

/// Calls the traits of an error.
pub(crate) fn error<T: Debug + Clone + PartialEq + Hash + Display + Error + 'static>(error: T) {
    let error = hidden(&error);
    key(error);
    displayed(error);
    seen(error.source());
}

/// Calls the traits of a value with an order.
#[cfg(feature = "alloc")]
pub(crate) fn ordered<T: PartialOrd + Ord>(value: &T) {
    seen(value.partial_cmp(hidden(value)));
    seen(value.cmp(hidden(value)));
}
