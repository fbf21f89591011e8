//! The contenders, and the interface through which all of them run.

mod fastwebsockets;
mod limits;
mod ours;
mod sockudo_ws;
mod soketto;
mod tokio_websockets;
mod tungstenite;
mod web_socket;
mod websocket_sans_io;
mod wtx;
mod yawc;

use std::rc::Rc;

use ::bytes::Bytes;
use serde::Serialize;

use fullduplex_benches::Content;

use crate::case::{Case, Kind};
use crate::memory::{Memory, Written};
use crate::tally::Tally;

/// An open connection over a stream in memory, and the work that it does.
pub(crate) trait Contender {
    /// Receives this number of messages, and passes each to the tally; or sends this number, and
    /// flushes after each.
    fn run(&mut self, messages: usize, tally: &mut Tally);
}

/// Whose code it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Side {
    /// Nobody's: only the work that no library can avoid.
    Limit,
    /// This project's.
    Ours,
    /// Another library's.
    Peer,
}

/// A contender that may take part in a case.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) name: &'static str,
    pub(crate) side: Side,
    /// The package, as it is named in the lock file.
    pub(crate) package: Option<&'static str>,
    /// Which interface is used, and which settings.
    pub(crate) usage: &'static str,
    /// `None` when there is nothing to do in this case.
    pub(crate) make: fn(Parts) -> Option<Box<dyn Contender>>,
}

/// All candidates, in the order of the report.
pub(crate) const ALL: [&Candidate; 16] = [
    &limits::COPY,
    &limits::MASK,
    &limits::UTF8,
    &ours::EVENTS,
    &ours::LENT,
    &ours::OWNED,
    &ours::ADAPTER,
    &tungstenite::CANDIDATE,
    &fastwebsockets::CANDIDATE,
    &tokio_websockets::CANDIDATE,
    &soketto::CANDIDATE,
    &yawc::CANDIDATE,
    &sockudo_ws::CANDIDATE,
    &wtx::CANDIDATE,
    &web_socket::CANDIDATE,
    &websocket_sans_io::CANDIDATE,
];

/// The limit for the ratios of a case.
pub(crate) fn limit_of(kind: Kind) -> &'static str {
    match kind {
        Kind::ReceivePlain | Kind::SendPlain => limits::COPY.name,
        Kind::ReceiveMasked(Content::Binary) | Kind::SendMasked => limits::MASK.name,
        Kind::ReceiveMasked(Content::Ascii | Content::Mixed) => limits::UTF8.name,
    }
}

/// What all contenders of a case start from.
#[derive(Debug)]
pub(crate) struct Setting {
    case: Case,
    wire: Rc<[u8]>,
    payloads: Rc<[Bytes]>,
}

impl Setting {
    pub(crate) fn new(case: Case, payloads: &[Vec<u8>]) -> Self {
        let wire = if case.kind.is_sending() { Vec::new() } else { case.wire(payloads) };
        Self {
            case,
            wire: wire.into(),
            payloads: payloads.iter().map(|payload| Bytes::copy_from_slice(payload)).collect(),
        }
    }

    /// A new stream, and everything else that one contender needs.
    pub(crate) fn parts(&self, written: &Rc<Written>) -> Parts {
        Parts {
            case: self.case,
            memory: Memory::new(Rc::clone(&self.wire), Rc::clone(written)),
            payloads: Payloads { all: Rc::clone(&self.payloads), at: 0 },
        }
    }
}

/// What a contender is built from.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) case: Case,
    /// The stream, at the beginning of the wire.
    pub(crate) memory: Memory,
    /// The payloads to send.
    pub(crate) payloads: Payloads,
}

/// The payloads to send, in turn. The application keeps them, as it must when it sends to many.
#[derive(Debug)]
pub(crate) struct Payloads {
    all: Rc<[Bytes]>,
    at: usize,
}

impl Payloads {
    #[inline]
    pub(crate) fn next(&mut self) -> &Bytes {
        let payload = &self.all[self.at];
        self.at = if self.at + 1 == self.all.len() { 0 } else { self.at + 1 };
        payload
    }
}

/// The check that an application has to make, as fast as it can, when its library has not checked
/// text.
#[inline]
fn checked(text: &[u8]) -> &[u8] {
    simdutf8::basic::from_utf8(text).expect("valid text").as_bytes()
}
