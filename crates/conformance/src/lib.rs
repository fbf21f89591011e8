//! A conformance suite for WebSocket endpoints of any make: RFC 6455 and RFC 7692, with the case numbers and the verdicts of
//! Autobahn's suite.
//!
//! A [`Case`] is a value: a rule, what is sent, what is expected. A [`Run`] is one run of one case as a state machine that
//! does no I/O: bytes of the subject and the time go in, bytes and an [`Outcome`] come out. [`run_in_memory`] drives it
//! against a [`Subject`] in memory, where no case waits for the clock. With the feature `net`, `drive` does so over any
//! asynchronous stream, and `ServerTest` and `ClientTest` over sockets. With the feature `report`, `report` writes the
//! outcomes.
//!
//! ```
//! use fullduplex_conformance::{BehaviorClose, Options, Side, Subject, Transport, cases, run_in_memory};
//!
//! /// A server that closes each connection at once.
//! struct Closed;
//!
//! impl Subject for Closed {
//!     fn receive(&mut self, _: &[u8]) {}
//!     fn end_of_input(&mut self) {}
//!     fn transmit(&mut self, _: &mut Vec<u8>) -> Transport {
//!         Transport::Closed
//!     }
//! }
//!
//! let case = cases::all().into_iter().find(|case| case.id.to_string() == "1.1.1").unwrap();
//! let outcome = run_in_memory(&case, Side::Server, &Options::default(), &mut Closed);
//! assert_eq!(outcome.behavior_close, BehaviorClose::Failed);
//! assert_eq!(outcome.observed, "End of the TCP connection.");
//! ```

mod case;
pub mod cases;
#[cfg(feature = "net")]
mod drive;
mod id;
mod keys;
mod memory;
#[cfg(feature = "report")]
pub mod report;
mod run;
mod side;
mod verdict;
mod wire;
mod wirelog;

pub use case::*;
#[cfg(feature = "net")]
pub use drive::{ClientProgress, ClientTest, Identity, ServerError, ServerTest, Trust, drive};
pub use id::{CaseId, InvalidId, Pattern};
pub use keys::{KeyKind, RepeatedKey, repeated_keys};
pub use memory::{Subject, Transport, run_in_memory};
#[cfg(feature = "report")]
pub use report::Report;
pub use run::{Action, Options, Run};
pub use side::{InvalidSide, Side};
pub use verdict::{Behavior, BehaviorClose, Outcome};
pub use wire::{Deflate, Frame, Head, LengthForm, Mask, Opcode, Params};
pub use wirelog::{Entry, Party, What, WireLog};
