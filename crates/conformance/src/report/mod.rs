//! Reports: the outcomes of the cases of a run, as values, as files, and as text.
//!
//! A [`Report`] is one run against one subject. Reports on several subjects are a slice: [`write()`] makes a directory of
//! them that browsers, Wireshark, CI systems, and tools for the reports of Autobahn's `wstest` can read, and [`read()`]
//! reads it back. [`Index`] has only the verdicts, and can also read those of `wstest`.

mod badge;
mod compare;
mod error;
mod files;
mod frames;
mod hex;
mod html;
mod index;
mod json;
mod junit;
mod keys;
mod pcap;
mod plain;
mod policy;
mod terminal;
mod value;
mod words;

pub use badge::badge;
pub use compare::{Change, Comparison, Trend, compare};
pub use error::{Error, ErrorKind};
pub use files::{read, write};
pub use hex::hex;
pub use html::html;
pub use index::{Index, Verdict};
pub use junit::junit;
pub use pcap::pcap;
pub use policy::{Difference, FailOn, InvalidFailOn, Measure, Policy};
pub use terminal::{print_summary, summary};
pub use value::{Counts, Report, Tested};
