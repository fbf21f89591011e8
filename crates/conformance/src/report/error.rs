//! Why a report could not be written or read.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A file or directory of a report, and what is wrong with it.
#[derive(Debug)]
pub struct Error {
    path: PathBuf,
    kind: ErrorKind,
}

/// What is wrong with a file of a report.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// It cannot be read or written.
    Io(io::Error),
    /// It is not JSON, or does not have the right form.
    Json(serde_json::Error),
    /// It has a word that is not allowed in its place.
    Word {
        /// What the word should be.
        what: &'static str,
        /// The word.
        word: String,
    },
    /// It is a report of Autobahn's `wstest`, which does not contain what is needed to run a case again.
    OfWstest,
    /// Two of the reports in one directory have this name.
    SameAgent(String),
    /// A policy lists this case without a reason.
    NoReason(String),
    /// A policy lists this case as OK, which is expected of every case.
    Needless(String),
}

impl Error {
    pub(super) fn new(path: &Path, kind: impl Into<ErrorKind>) -> Self {
        Self { path: path.into(), kind: kind.into() }
    }

    /// The file or directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is wrong with it.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path.display())?;
        match &self.kind {
            ErrorKind::Io(error) => error.fmt(f),
            ErrorKind::Json(error) => error.fmt(f),
            ErrorKind::Word { what, word } => write!(f, "{word:?} is not {what}"),
            ErrorKind::OfWstest => f.write_str(
                "this is a report of wstest: it can be compared, but it does not hold what a case needs to be run again",
            ),
            ErrorKind::SameAgent(agent) => write!(f, "two reports have the name {agent:?}"),
            ErrorKind::NoReason(case) => write!(f, "{case} has no reason"),
            ErrorKind::Needless(case) => {
                write!(f, "{case} is expected to be OK, and need not be listed")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            ErrorKind::Io(error) => Some(error),
            ErrorKind::Json(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for ErrorKind {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<serde_json::Error> for ErrorKind {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}
