//! Circles among imports.

use std::collections::{BTreeMap, BTreeSet};

/// Which files each file imports from.
pub(super) type Imports<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// A circle of files, each of which imports from the next. The first file is repeated at the end. `None` if there is no
/// circle.
pub(super) fn find<'a>(imports: &Imports<'a>) -> Option<Vec<&'a str>> {
    let mut left = imports.clone();
    let next = |left: &Imports<'a>, file: &str| -> Option<&'a str> {
        left.get(file)?.iter().find(|to| left.contains_key(*to)).copied()
    };
    // A file that imports from none of the remaining files is in no circle.
    while let Some(end) = left.keys().find(|file| next(&left, file).is_none()).copied() {
        left.remove(end);
    }
    // Each remaining file imports from another remaining one, so this walk reaches some file twice.
    let mut walk = vec![*left.keys().next()?];
    loop {
        let to = next(&left, walk.last()?)?;
        let start = walk.iter().position(|file| *file == to);
        walk.push(to);
        if let Some(start) = start {
            return Some(walk.split_off(start));
        }
    }
}
