//! The opening handshake (RFC 6455 §4).

pub mod client;
pub(crate) mod convert;
pub mod headers;
pub mod machine;
pub mod server;

use std::fmt;
use std::io::{self, Read, Write};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use fullduplex::handshake::HeadLimits;

use self::machine::HandshakeMachine;
use crate::error::Error;

/// The largest head of a handshake, and its largest number of header fields, as in tungstenite.
#[doc(hidden)]
pub const HEAD_LIMITS: HeadLimits =
    HeadLimits::new().max_size(64 << 10).max_headers(headers::MAX_HEADERS);

/// A handshake that can continue once the stream no longer blocks.
#[derive(Debug)]
pub struct MidHandshake<Role: HandshakeRole> {
    pub(crate) role: Role,
    pub(crate) machine: HandshakeMachine<Role::InternalStream>,
}

impl<Role: HandshakeRole> MidHandshake<Role> {
    /// The machine, which owns the stream.
    pub fn get_ref(&self) -> &HandshakeMachine<Role::InternalStream> {
        &self.machine
    }

    /// The machine, mutably.
    pub fn get_mut(&mut self) -> &mut HandshakeMachine<Role::InternalStream> {
        &mut self.machine
    }

    /// Continues the handshake.
    ///
    /// # Errors
    /// [`HandshakeError::Interrupted`] over a stream that would block, otherwise [`HandshakeError::Failure`].
    pub fn handshake(self) -> Result<Role::FinalResult, HandshakeError<Role>> {
        self.role.handshake(self.machine)
    }
}

/// Why a handshake is not complete.
pub enum HandshakeError<Role: HandshakeRole> {
    /// The stream would block.
    Interrupted(MidHandshake<Role>),
    /// The handshake failed.
    Failure(Error),
}

impl<Role: HandshakeRole> fmt::Debug for HandshakeError<Role> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted(_) => f.write_str("HandshakeError::Interrupted(...)"),
            Self::Failure(error) => write!(f, "HandshakeError::Failure({error:?})"),
        }
    }
}

impl<Role: HandshakeRole> fmt::Display for HandshakeError<Role> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted(_) => f.write_str("Interrupted handshake (WouldBlock)"),
            Self::Failure(error) => error.fmt(f),
        }
    }
}

impl<Role: HandshakeRole> std::error::Error for HandshakeError<Role> {}

impl<Role: HandshakeRole> From<Error> for HandshakeError<Role> {
    fn from(error: Error) -> Self {
        Self::Failure(error)
    }
}

/// The role in a handshake: [`ClientHandshake`](client::ClientHandshake) or
/// [`ServerHandshake`](server::ServerHandshake).
pub trait HandshakeRole: Sized {
    #[doc(hidden)]
    type InternalStream: Read + Write;
    #[doc(hidden)]
    type FinalResult;

    #[doc(hidden)]
    fn handshake(
        self,
        machine: HandshakeMachine<Self::InternalStream>,
    ) -> Result<Self::FinalResult, HandshakeError<Self>>;
}

/// The `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key` (RFC 6455 §4.2.2), for a server that does the handshake itself. That
/// server has to check that the key is valid: 16 bytes in base64.
#[must_use]
pub fn derive_accept_key(request_key: &[u8]) -> String {
    let mut sha1 = sha1_smol::Sha1::new();
    sha1.update(request_key);
    sha1.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    BASE64_STANDARD.encode(sha1.digest().bytes())
}

/// Whether the stream would have blocked.
fn would_block(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::WouldBlock)
}
