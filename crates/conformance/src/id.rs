//! The number of a case, such as `6.4.1` or `H.12`.

use std::fmt;
use std::str::FromStr;

/// The number of a case: the section, which is a number or a letter, and the numbers within it.
///
/// They are ordered as in Autobahn's report. The sections with letters come after the others.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CaseId {
    section: Section,
    numbers: Vec<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Section {
    Number(u32),
    Letter(char),
}

/// Text that is neither the number of a case nor a pattern of such numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidId(String);

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not the number of a case, such as 6.4.1, 6.4.*, H or *", self.0)
    }
}

impl std::error::Error for InvalidId {}

impl CaseId {
    /// The section, such as `6` or `H`.
    #[must_use]
    pub fn section(&self) -> String {
        self.section.to_string()
    }

    /// The group within the section, such as `6.4`; the section if it has no groups.
    #[must_use]
    pub fn group(&self) -> String {
        match &self.numbers[..] {
            [first, _, ..] => format!("{}.{first}", self.section),
            _ => self.section(),
        }
    }

    /// The number as part of a file name, such as `6_4_1`.
    #[must_use]
    pub fn file_name(&self) -> String {
        self.to_string().replace('.', "_")
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Letter(letter) => letter.fmt(f),
        }
    }
}

impl fmt::Display for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.section.fmt(f)?;
        self.numbers.iter().try_for_each(|number| write!(f, ".{number}"))
    }
}

impl FromStr for CaseId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = || InvalidId(text.into());
        let mut parts = text.split('.');
        let section = parts.next().and_then(section).ok_or_else(invalid)?;
        let numbers: Option<Vec<u32>> = parts.map(number).collect();
        let numbers = numbers.filter(|numbers| !numbers.is_empty()).ok_or_else(invalid)?;
        Ok(Self { section, numbers })
    }
}

fn section(text: &str) -> Option<Section> {
    let letter = || text.parse::<char>().ok().filter(char::is_ascii_alphabetic);
    number(text)
        .map(Section::Number)
        .or_else(|| letter().map(|letter| Section::Letter(letter.to_ascii_uppercase())))
}

/// A decimal number without a sign.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// A pattern for numbers of cases: all (`*`), a section or a group (`6`, `6.4`, `6.4.*`), or one
/// (`6.4.1`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    section: Option<Section>,
    numbers: Vec<u32>,
}

impl Pattern {
    /// Whether the pattern matches this case.
    #[must_use]
    pub fn matches(&self, id: &CaseId) -> bool {
        self.section.is_none_or(|section| section == id.section)
            && id.numbers.starts_with(&self.numbers)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(section) = self.section else { return f.write_str("*") };
        section.fmt(f)?;
        self.numbers.iter().try_for_each(|number| write!(f, ".{number}"))
    }
}

impl FromStr for Pattern {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if text == "*" {
            return Ok(Self { section: None, numbers: Vec::new() });
        }
        let invalid = || InvalidId(text.into());
        let mut parts = text.strip_suffix(".*").unwrap_or(text).split('.');
        let section = parts.next().and_then(section).ok_or_else(invalid)?;
        let numbers: Option<Vec<u32>> = parts.map(number).collect();
        Ok(Self { section: Some(section), numbers: numbers.ok_or_else(invalid)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> CaseId {
        text.parse().unwrap()
    }

    #[test]
    fn cases_are_ordered_by_number_and_letters_come_behind() {
        let mut ids = ["X.1", "12.1.10", "2.10", "H.2", "2.9", "12.1.9", "1.1.1"].map(id);
        ids.sort();
        let ids = ids.map(|id| id.to_string());
        assert_eq!(ids, ["1.1.1", "2.9", "2.10", "12.1.9", "12.1.10", "H.2", "X.1"]);
    }

    #[test]
    fn a_pattern_is_a_prefix_of_whole_numbers() {
        let matches = |pattern: &str, case| pattern.parse::<Pattern>().unwrap().matches(&id(case));
        assert!(matches("*", "6.4.1"));
        assert!(matches("6", "6.4.1"));
        assert!(matches("6.4", "6.4.1"));
        assert!(matches("6.4.*", "6.4.1"));
        assert!(matches("h", "H.3"));
        assert!(!matches("6.4.1", "6.4.10"));
        assert!(!matches("1", "10.1.1"));
    }

    #[test]
    fn other_text_is_no_number_of_a_case() {
        for text in ["", "6", "six.1", "6.", "6.x", "+6.1", ".1", "HH.1"] {
            assert!(text.parse::<CaseId>().is_err(), "{text}");
        }
        for text in ["", "6.", "6.**", "*.1", "6 4"] {
            assert!(text.parse::<Pattern>().is_err(), "{text}");
        }
    }
}
