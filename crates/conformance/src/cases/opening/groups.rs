//! All groups of the section, and their titles.

use super::{halves, requests, responses};
use crate::case::Case;

pub(in crate::cases) fn cases() -> Vec<Case> {
    [requests::cases(), halves::cases(), responses::cases()].into_iter().flatten().collect()
}

/// The title of a group of section H.
pub(in crate::cases) fn group_title(group: &str) -> &'static str {
    match group {
        "H.1" => "Requests to a server",
        "H.2" => "What a server's response is like",
        "H.3" => "What a client's request is like",
        "H.4" => "Responses to a client",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(letter: &str) -> Vec<Case> {
        crate::cases::all().into_iter().filter(|case| case.id.section() == letter).collect()
    }

    #[test]
    fn each_case_says_what_it_sends_and_expects_and_why() {
        for case in section("H").iter().chain(&section("N")) {
            assert!(!case.title.is_empty() && !case.sends.is_empty(), "{}", case.id);
            assert!(
                !case.expects.is_empty() && case.rule.section.starts_with("RFC "),
                "{}",
                case.id
            );
            assert!(case.only.is_some(), "{}", case.id);
            assert!(!crate::cases::group_title(&case.id).is_empty(), "{}", case.id);
        }
    }
}
