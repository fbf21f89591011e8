//! Section X: frames, texts and compressed messages that a hostile peer sends, and odd ones that are right all the same.

mod blocks;
mod compressed;
mod frames;
mod groups;
mod sequences;
mod shared;
mod text;

pub(super) use groups::cases;
