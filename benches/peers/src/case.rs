//! The cases that are measured, and the payloads of each.

use std::fmt;

use fullduplex_benches::Content;
use fullduplex_testkit::{Frame, Random};

/// The payload sizes, in bytes.
pub(crate) const SIZES: [usize; 6] = [16, 125, 1 << 10, 16 << 10, 64 << 10, 1 << 20];

/// How much there is on the wire before it repeats: a few reads, so that their source stays in the cache as a socket's
/// buffer does.
const WIRE_LEN: usize = 256 << 10;

/// The size of the different payloads that are sent in turn, in bytes.
const PAYLOADS_LEN: usize = 64 << 10;

/// What a case does. A kind and a size are a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A server receives.
    ReceiveMasked(Content),
    /// A client receives binary messages.
    ReceivePlain,
    /// A server sends binary messages, and flushes after each.
    SendPlain,
    /// A client sends binary messages, and flushes after each.
    SendMasked,
}

impl Kind {
    /// All kinds, in the order of the report.
    pub(crate) const ALL: [Self; 6] = [
        Self::ReceiveMasked(Content::Binary),
        Self::ReceiveMasked(Content::Ascii),
        Self::ReceiveMasked(Content::Mixed),
        Self::ReceivePlain,
        Self::SendPlain,
        Self::SendMasked,
    ];

    pub(crate) fn is_sending(self) -> bool {
        matches!(self, Self::SendPlain | Self::SendMasked)
    }

    /// Whether the frames on the wire are masked.
    pub(crate) fn is_masked(self) -> bool {
        matches!(self, Self::ReceiveMasked(_) | Self::SendMasked)
    }

    /// Whether the contender is a server.
    pub(crate) fn is_server(self) -> bool {
        matches!(self, Self::ReceiveMasked(_) | Self::SendPlain)
    }

    pub(crate) fn content(self) -> Content {
        match self {
            Self::ReceiveMasked(content) => content,
            Self::ReceivePlain | Self::SendPlain | Self::SendMasked => Content::Binary,
        }
    }

    /// The kind as a title.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::ReceiveMasked(Content::Binary) => "receive masked binary (server)",
            Self::ReceiveMasked(Content::Ascii) => "receive masked ASCII text (server)",
            Self::ReceiveMasked(Content::Mixed) => "receive masked mixed UTF-8 text (server)",
            Self::ReceivePlain => "receive plain binary (client)",
            Self::SendPlain => "send plain binary, flush each (server)",
            Self::SendMasked => "send masked binary, flush each (client)",
        }
    }

    fn id(self) -> &'static str {
        match self {
            Self::ReceiveMasked(Content::Binary) => "receive-masked-binary",
            Self::ReceiveMasked(Content::Ascii) => "receive-masked-ascii",
            Self::ReceiveMasked(Content::Mixed) => "receive-masked-mixed",
            Self::ReceivePlain => "receive-plain-binary",
            Self::SendPlain => "send-plain-binary",
            Self::SendMasked => "send-masked-binary",
        }
    }
}

/// A case: one measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) kind: Kind,
    /// The payload's size.
    pub(crate) len: usize,
}

impl Case {
    /// Every case whose name contains one of `filters` as whole words, or every case when there are none.
    pub(crate) fn chosen(filters: &[String]) -> Vec<Self> {
        let all = Kind::ALL.iter().flat_map(|&kind| SIZES.map(|len| Self { kind, len }));
        all.filter(|case| {
            let name = format!("-{case}-");
            filters.is_empty() || filters.iter().any(|filter| name.contains(&format!("-{filter}-")))
        })
        .collect()
    }

    /// The length of each frame on the wire.
    pub(crate) fn frame_len(self) -> usize {
        self.header_len() + self.len
    }

    /// The length of each frame's header, with its masking key.
    pub(crate) fn header_len(self) -> usize {
        let length = match self.len {
            0..=125 => 2,
            126..=0xffff => 4,
            _ => 10,
        };
        if self.kind.is_masked() { length + 4 } else { length }
    }

    /// The messages of the case, each with a different payload.
    pub(crate) fn payloads(self) -> Vec<Vec<u8>> {
        let total = if self.kind.is_sending() { PAYLOADS_LEN } else { WIRE_LEN };
        let count = (total / self.frame_len()).max(2);
        (0..count).map(|number| self.kind.content().numbered(self.len, number)).collect()
    }

    /// The messages as frames on the wire, each with its own key if they are masked.
    pub(crate) fn wire(self, payloads: &[Vec<u8>]) -> Vec<u8> {
        let mut random = Random::new(7);
        let mut wire = Vec::with_capacity(payloads.len() * self.frame_len());
        for payload in payloads {
            let mut frame = match self.kind.content() {
                Content::Binary => Frame::binary(payload.clone()),
                Content::Ascii | Content::Mixed => Frame::text(payload.clone()),
            };
            if self.kind.is_masked() {
                frame.mask = Some((random.next_u64() as u32).to_le_bytes());
            }
            wire.extend(frame.encode());
        }
        wire
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.kind.id(), self.len)
    }
}
