//! Reports: what became of the cases of a run, as values, as files, and as text.
//!
//! A [`Report`] is one run against one subject. Reports of several subjects, one beside the other, are a slice of them:
//! [`write()`] makes a directory of them that browsers, Wireshark, CI systems, and tools for the reports of Autobahn's
//! `wstest` can read, and [`read()`] reads it back. [`Index`] holds the verdicts alone, and reads those of `wstest`, too.

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
