//! All groups of the section.

use super::{compressed, frames, sequences, text};
use crate::case::Case;

pub(in crate::cases) fn cases() -> Vec<Case> {
    [frames::cases(), sequences::cases(), text::cases(), compressed::cases()]
        .into_iter()
        .flatten()
        .collect()
}
