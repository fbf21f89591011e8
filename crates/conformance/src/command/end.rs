//! How a command ends.

/// How a command has ended.
pub(super) enum End {
    /// Every verdict is as expected.
    AsExpected,
    /// A verdict is not.
    Different,
}

/// Why a command could not be run to its end, for people.
pub(super) struct Failure(pub(super) String);

impl Failure {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}
