//! The cases, by section.

mod closing;
mod compression;
mod corpus;
mod fragments;
mod framing;
mod hostile;
mod limits;
mod list;
mod negotiation;
mod opening;
mod pings;
mod reserved;
mod resets;
mod rules;
mod time;
mod utf8;

pub use list::{all, group_title, section_title};
