//! How errors of the operating system are printed.

use std::{fmt, io};

/// An error of the operating system without its number, if it has a name.
pub(super) struct Plain<'a>(pub(super) &'a io::Error);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use io::ErrorKind as Kind;
        let kind = self.0.kind();
        match kind {
            Kind::AddrNotAvailable
            | Kind::ConnectionAborted
            | Kind::ConnectionRefused
            | Kind::ConnectionReset
            | Kind::HostUnreachable
            | Kind::NetworkDown
            | Kind::NetworkUnreachable
            | Kind::PermissionDenied
            | Kind::TimedOut
                if self.0.raw_os_error().is_some() =>
            {
                kind.fmt(f)
            }
            _ => self.0.fmt(f),
        }
    }
}
