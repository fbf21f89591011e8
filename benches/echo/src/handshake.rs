//! Handshakes: connections are accepted, upgraded and closed, one after the other and without messages.

pub(crate) mod load;

use std::fmt;
use std::net::SocketAddr;

use fullduplex_benches::{CHROMIUM_REQUEST, MINIMAL_REQUEST};
use serde::Serialize;

use crate::case::{Case, Failure};
use crate::contenders::{Contender, Discipline};
use load::HandshakeLoad;

/// A masked Close with code 1000, which the client sends right after the handshake.
pub(crate) const CLOSE: [u8; 8] = [0x88, 0x82, 0x37, 0xfa, 0x21, 0x3d, 0x37 ^ 0x03, 0xfa ^ 0xe8];

/// The Close with which a server replies, before it ends the TCP connection.
pub(crate) const CLOSE_RESPONSE: [u8; 4] = [0x88, 0x02, 0x03, 0xe8];

/// The most connections in a run. The server ends a connection first, so its end stays in TIME_WAIT for a minute. A longer
/// run would measure a kernel that is full of them.
const MOST: usize = 64;

/// Connections that are opened and closed.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Handshake {
    request: Request,
    /// How many connections there are at once. The next one begins when one has ended.
    at_once: usize,
}

/// The client's request.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Request {
    /// Chromium's request, with twelve header lines.
    Chromium,
    /// A request with only the five header lines that RFC 6455 requires.
    Minimal,
}

impl Request {
    const fn name(self) -> &'static str {
        match self {
            Self::Chromium => "chromium",
            Self::Minimal => "minimal",
        }
    }

    const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Chromium => CHROMIUM_REQUEST,
            Self::Minimal => MINIMAL_REQUEST,
        }
    }
}

impl Case for Handshake {
    const DISCIPLINE: Discipline = Discipline::Handshake;
    const ALL: &'static [Self] = &[
        Self { request: Request::Chromium, at_once: 1 },
        Self { request: Request::Chromium, at_once: 16 },
        Self { request: Request::Minimal, at_once: 16 },
    ];
    type Load = HandshakeLoad;

    fn title(self) -> String {
        format!("{} request x {} connections at once", self.request.name(), self.at_once)
    }

    fn column(self) -> String {
        format!("{}, {} at once", self.request.name(), self.at_once)
    }

    fn turn(self) -> usize {
        self.at_once
    }

    fn turns(self, wanted: usize) -> usize {
        wanted.clamp(2, MOST / self.at_once)
    }

    fn turns_to_count(self) -> usize {
        MOST / self.at_once
    }

    fn load(
        self,
        _contender: &Contender,
        address: SocketAddr,
        spin: bool,
    ) -> Result<HandshakeLoad, Failure> {
        HandshakeLoad::new(self, address, spin)
    }
}

impl fmt::Display for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.request.name(), self.at_once)
    }
}
