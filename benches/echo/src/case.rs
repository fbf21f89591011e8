//! What is echoed: how large, over how many connections, how many messages at once.

use std::fmt;

use fullduplex_benches::Content;
use fullduplex_testkit::Frame;

/// One row of measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    /// Bytes of payload.
    pub(crate) len: usize,
    pub(crate) connections: usize,
    /// How many messages a connection sends at once; it waits for all their echoes before the next ones.
    pub(crate) depth: usize,
}

const CASES: [Case; 7] = [
    Case { len: 125, connections: 1, depth: 1 },
    Case { len: 125, connections: 50, depth: 1 },
    Case { len: 125, connections: 1, depth: 16 },
    Case { len: 125, connections: 50, depth: 16 },
    Case { len: 1 << 10, connections: 50, depth: 16 },
    Case { len: 16 << 10, connections: 50, depth: 16 },
    Case { len: 1 << 20, connections: 50, depth: 1 },
];

impl Case {
    /// Those whose name contains one of `filters`, or all when there are none.
    pub(crate) fn chosen(filters: &[String]) -> Vec<Self> {
        let chosen = |case: &Self| {
            let name = case.to_string();
            filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()))
        };
        CASES.into_iter().filter(chosen).collect()
    }

    /// What a connection sends at once.
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

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}x{}", self.len, self.connections, self.depth)
    }
}

/// Messages that leave together.
#[derive(Debug)]
pub(crate) struct Burst {
    /// Masked frames, one behind the other.
    pub(crate) wire: Vec<u8>,
    pub(crate) payloads: Vec<Vec<u8>>,
    /// The header that each of the frames has.
    pub(crate) sent_header: Vec<u8>,
    /// The header that each echo has.
    pub(crate) echoed_header: Vec<u8>,
}
