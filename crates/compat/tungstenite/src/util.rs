//! Helpers for streams that do not block.

use std::io;

use crate::error::Error;

/// An error that may say that a stream would block.
pub trait NonBlockingError: Sized {
    /// `None` if the stream would block, else the error.
    fn into_non_blocking(self) -> Option<Self>;
}

impl NonBlockingError for io::Error {
    fn into_non_blocking(self) -> Option<Self> {
        (self.kind() != io::ErrorKind::WouldBlock).then_some(self)
    }
}

impl NonBlockingError for Error {
    fn into_non_blocking(self) -> Option<Self> {
        match self {
            Self::Io(error) => error.into_non_blocking().map(Self::Io),
            error => Some(error),
        }
    }
}

/// A result whose error may say that a stream would block.
pub trait NonBlockingResult {
    /// The same result with an `Option` instead of that error.
    type Result;

    /// `Ok(None)` if the stream would block.
    fn no_block(self) -> Self::Result;
}

impl<T, E: NonBlockingError> NonBlockingResult for Result<T, E> {
    type Result = Result<Option<T>, E>;

    fn no_block(self) -> Self::Result {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(error) => error.into_non_blocking().map_or(Ok(None), Err),
        }
    }
}
