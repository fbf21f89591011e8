//! Section X: frames, texts and compressed messages from a hostile peer, and unusual ones that are valid.

mod blocks;
mod compressed;
mod frames;
mod groups;
mod sequences;
mod shared;
mod text;

pub(super) use groups::cases;
