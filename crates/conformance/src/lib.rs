//! A conformance suite for WebSocket endpoints of any make.

mod case;
pub mod cases;
#[cfg(feature = "net")]
mod drive;
mod keys;
mod memory;
#[cfg(feature = "report")]
pub mod report;
mod run;
mod verdict;
mod wire;
mod wirelog;

pub use case::*;
#[cfg(feature = "net")]
pub use drive::{ClientProgress, ClientTest, Identity, ServerError, ServerTest, Trust, drive};
pub use keys::repeated_keys;
pub use memory::{Subject, Transport, run_in_memory};
#[cfg(feature = "report")]
pub use report::Report;
pub use run::{Action, Options, Run};
pub use verdict::{Behavior, BehaviorClose, Outcome};
pub use wire::{Deflate, Frame, Head, LengthForm, Mask, Opcode, Params};
pub use wirelog::{Entry, Party, What, WireLog};
