//! Who is measured, and the one interface behind which everybody runs.

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

/// A connection that is open, over a stream in memory, and what is done with it.
pub(crate) trait Contender {
    /// Receives that many messages, each to the tally; or sends that many, and flushes after each.
    fn run(&mut self, messages: usize, tally: &mut Tally);
}

/// Whose code it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Side {
    /// Nobody's: what nobody can do without.
    Limit,
    /// This project's.
    Ours,
    /// Another library's.
    Peer,
}

/// Somebody who may take part in a case.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) name: &'static str,
    pub(crate) side: Side,
    /// The package, as it stands in the lock file.
    pub(crate) package: Option<&'static str>,
    /// Which interface is used, and what was set.
    pub(crate) usage: &'static str,
    /// `None` when there is nothing to do in this case.
    pub(crate) make: fn(Parts) -> Option<Box<dyn Contender>>,
}

/// Everybody, in the order of the report.
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

/// The limit that a case's ratios are to.
pub(crate) fn limit_of(kind: Kind) -> &'static str {
    match kind {
        Kind::ReceivePlain | Kind::SendPlain => limits::COPY.name,
        Kind::ReceiveMasked(Content::Binary) | Kind::SendMasked => limits::MASK.name,
        Kind::ReceiveMasked(Content::Ascii | Content::Mixed) => limits::UTF8.name,
    }
}

/// What all contenders of a case begin with.
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

    /// A fresh stream and everything else that one contender needs.
    pub(crate) fn parts(&self, written: &Rc<Written>) -> Parts {
        Parts {
            case: self.case,
            memory: Memory::new(Rc::clone(&self.wire), Rc::clone(written)),
            payloads: Payloads { all: Rc::clone(&self.payloads), at: 0 },
        }
    }
}

/// What one contender is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) case: Case,
    /// The stream, at the beginning of the wire.
    pub(crate) memory: Memory,
    /// What is to be sent.
    pub(crate) payloads: Payloads,
}

/// The payloads to send, in turn. The application keeps them, as who sends to many has to.
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

/// What an application has to do with text that its library has not checked, as fast as it can.
#[inline]
fn checked(text: &[u8]) -> &[u8] {
    simdutf8::basic::from_utf8(text).expect("valid text").as_bytes()
}
