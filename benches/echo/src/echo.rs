//! Echo cases: size, number of connections, and number of messages at once.

pub(crate) mod load;

use std::fmt;
use std::net::SocketAddr;

use fullduplex_benches::Content;
use fullduplex_benches::measure::size;
use fullduplex_testkit::Frame;
use serde::Serialize;

use crate::case::{Case, Failure};
use crate::contenders::{Contender, Discipline};
use load::EchoLoad;

/// Messages that are echoed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Echo {
    /// Length of the payload in bytes.
    #[serde(rename = "bytes")]
    pub(crate) len: usize,
    pub(crate) connections: usize,
    /// How many messages a connection sends at once. It waits for all their echoes before the next ones.
    pub(crate) depth: usize,
}

impl Case for Echo {
    const DISCIPLINE: Discipline = Discipline::Echo;
    const ALL: &'static [Self] = &[
        Self { len: 125, connections: 1, depth: 1 },
        Self { len: 125, connections: 50, depth: 1 },
        Self { len: 125, connections: 1, depth: 16 },
        Self { len: 125, connections: 50, depth: 16 },
        Self { len: 1 << 10, connections: 50, depth: 16 },
        Self { len: 16 << 10, connections: 50, depth: 16 },
        Self { len: 1 << 20, connections: 50, depth: 1 },
    ];
    type Load = EchoLoad;

    fn title(self) -> String {
        format!("{} x {} connections x {} at once", size(self.len), self.connections, self.depth)
    }

    fn column(self) -> String {
        format!("{}, {} x {}", size(self.len), self.connections, self.depth)
    }

    fn turn(self) -> usize {
        self.connections * self.depth
    }

    fn turns(self, wanted: usize) -> usize {
        wanted.max(if self.len < 1 << 20 { 8 } else { 2 })
    }

    fn turns_to_count(self) -> usize {
        let messages = if self.len < 1 << 20 { 2000 } else { 100 };
        (messages / self.turn()).max(2)
    }

    fn load(
        self,
        contender: &Contender,
        address: SocketAddr,
        spin: bool,
    ) -> Result<EchoLoad, Failure> {
        EchoLoad::connect(self, contender, address, spin)
    }
}

impl Echo {
    /// The messages that a connection sends at once.
    pub(crate) fn burst(self) -> Burst {
        let payloads: Vec<Vec<u8>> =
            (0..self.depth).map(|number| Content::Binary.numbered(self.len, number)).collect();
        let frames = payloads.iter().map(|payload| Frame::binary(payload.clone()));
        let wire: Vec<u8> = frames.flat_map(|frame| frame.masked().encode()).collect();
        let header = |frame: Vec<u8>| frame[..frame.len() - self.len].to_vec();
        let frame = Frame::binary(vec![0; self.len]);
        Burst {
            wire,
            payloads,
            sent_header: header(frame.clone().masked().encode()),
            echoed_header: header(frame.encode()),
        }
    }
}

impl fmt::Display for Echo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}x{}", self.len, self.connections, self.depth)
    }
}

/// Messages that are sent together.
#[derive(Debug)]
pub(crate) struct Burst {
    /// Masked frames, one after the other.
    pub(crate) wire: Vec<u8>,
    pub(crate) payloads: Vec<Vec<u8>>,
    /// The header of each frame.
    pub(crate) sent_header: Vec<u8>,
    /// The header of each echo.
    pub(crate) echoed_header: Vec<u8>,
}
