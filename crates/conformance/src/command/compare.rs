//! `compare`: what has changed between two reports.

use std::path::PathBuf;

use fullduplex_conformance::report::{self, Index};

use super::end::{End, Failure};
use super::list;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// A report, ours or wstest's: its folder, or its index.json
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// Another one
    #[arg(value_name = "NEW")]
    new: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<End, Failure> {
    let comparison = report::compare(&Index::read(&arguments.old)?, &Index::read(&arguments.new)?);
    list::print(&format!("{comparison}\n"))?;
    Ok(if comparison.is_empty() { End::AsExpected } else { End::Different })
}
