//! The cases that `crates/RULES.md` names: each exists, and our endpoints pass it.

use std::fs;
use std::path::Path;

use fullduplex_conformance::{CaseId, Pattern, cases};

/// The cases of `5.1`, `5.1-5.8` or `6.*`; none if a part of them does not exist.
fn named<'i>(text: &str, ids: &'i [CaseId]) -> Vec<&'i CaseId> {
    let find =
        |id: &str| id.parse().ok().and_then(|id: CaseId| ids.iter().position(|it| *it == id));
    if text.ends_with(".*") {
        let Ok(pattern) = text.parse::<Pattern>() else { return Vec::new() };
        return ids.iter().filter(|id| pattern.matches(id)).collect();
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (find(first), find(last)) {
        // The cases between two cases of a group are in that group.
        (Some(first), Some(last)) if first <= last && ids[first].group() == ids[last].group() => {
            ids[first..=last].iter().collect()
        }
        _ => Vec::new(),
    }
}

/// All cases, in the order of their numbers.
fn ids() -> Vec<CaseId> {
    let mut ids: Vec<CaseId> = cases::all().iter().map(|case| case.id.clone()).collect();
    ids.sort();
    ids
}

#[test]
fn every_case_that_the_rules_name_is_there_and_is_passed() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(here.join("../RULES.md")).unwrap();
    // This file has an entry for each case that is not a plain pass of our endpoints.
    let expected = fs::read_to_string(here.join("expected.json")).unwrap();
    let ids = ids();
    let code = document.split('`').skip(1).step_by(2);
    let texts: Vec<&str> = code.filter_map(|code| code.strip_prefix("case ")).collect();
    assert!(!texts.is_empty());
    for text in texts {
        let cases = named(text, &ids);
        assert!(!cases.is_empty(), "`case {text}` is not there");
        let failed = cases.iter().find(|id| expected.contains(&format!("\"{id}\":")));
        assert!(failed.is_none(), "`case {text}`: {failed:?} is not passed, so it shows nothing");
    }
}

#[test]
fn a_case_that_is_not_there_is_found() {
    let ids = ids();
    for (text, count) in [("5.1", 1), ("5.1-5.8", 8), ("X.1.9-X.1.11", 3), ("2.*", 11)] {
        assert_eq!(named(text, &ids).len(), count, "{text}");
    }
    for missing in ["", "5.99", "5", "Z.*", "7.2.*", "5.8-5.1", "5.1-5.99", "H.1.1-H.2.1", "x"] {
        assert!(named(missing, &ids).is_empty(), "{missing}");
    }
}
