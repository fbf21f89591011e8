//! Verdicts, in the words of Autobahn's suite, and their reasons.

use std::fmt;
use std::time::Duration;

use crate::id::CaseId;
use crate::side::Side;
use crate::wirelog::WireLog;

/// The verdict on the subject's behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Behavior {
    /// As the RFC demands, in the best way.
    Ok,
    /// As the RFC allows, but not in the best way.
    NonStrict,
    /// The RFC leaves it open; the report says what was seen.
    Informational,
    /// The subject does not have what the case needs.
    Unimplemented,
    /// Not as the RFC demands.
    Failed,
}

impl Behavior {
    /// The word that Autobahn's reports use.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::NonStrict => "NON-STRICT",
            Self::Informational => "INFORMATIONAL",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Failed => "FAILED",
        }
    }
}

impl fmt::Display for Behavior {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The verdict on the end of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BehaviorClose {
    /// As it should.
    Ok,
    /// The RFC leaves it open.
    Informational,
    /// By the wrong side, or not at all.
    Failed,
    /// With a Close that has a wrong code.
    WrongCode,
    /// Without a Close from both sides although there should be one.
    Unclean,
    /// A server left it to the client to close the TCP connection (RFC 6455 §7.1.1).
    FailedByClient,
    /// There was no connection to end, because the subject does not have what the case needs.
    Unimplemented,
}

impl BehaviorClose {
    /// The word that Autobahn's reports use.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Informational => "INFORMATIONAL",
            Self::Failed => "FAILED",
            Self::WrongCode => "WRONG CODE",
            Self::Unclean => "UNCLEAN",
            Self::FailedByClient => "FAILED BY CLIENT",
            Self::Unimplemented => "UNIMPLEMENTED",
        }
    }
}

impl fmt::Display for BehaviorClose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The outcome of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The case.
    pub id: CaseId,
    /// The side that the subject was on.
    pub side: Side,
    /// The verdict on the subject's behaviour.
    pub behavior: Behavior,
    /// The verdict on the end of the connection.
    pub behavior_close: BehaviorClose,
    /// What the subject did.
    pub observed: String,
    /// Why the end of the connection has its verdict.
    pub observed_close: String,
    /// The code of the subject's Close.
    pub remote_close_code: Option<u16>,
    /// How long the case took.
    pub duration: Duration,
    /// The bytes in both directions.
    pub wire: WireLog,
}

impl Outcome {
    /// Whether both verdicts are as good as they can be for the case.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        matches!(self.behavior, Behavior::Ok | Behavior::Informational)
            && matches!(self.behavior_close, BehaviorClose::Ok | BehaviorClose::Informational)
    }
}
