//! Versions, compared like cargo does, as far as this is needed here.

use std::fmt;

/// A version without pre-release and build metadata, which no package here has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    major: u64,
    minor: u64,
    patch: u64,
}

impl Version {
    /// Parses a version of three numbers; `None` if it is not one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let core = text.split(['-', '+']).next()?;
        let mut numbers = core.split('.').map(|number| number.parse().ok());
        let version =
            Self { major: numbers.next()??, minor: numbers.next()??, patch: numbers.next()?? };
        numbers.next().is_none().then_some(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Whether cargo accepts `offered` for a dependency that requires `asked` or a compatible version: it must not be older, and
/// must have the same leftmost number that is not 0.
pub(super) fn serves(offered: &Version, asked: &Version) -> bool {
    let same = match asked {
        Version { major: 0, minor: 0, .. } => offered == asked,
        Version { major: 0, .. } => (offered.major, offered.minor) == (0, asked.minor),
        _ => offered.major == asked.major,
    };
    same && offered >= asked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn a_version_is_three_numbers() {
        assert_eq!(version("0.30.100").to_string(), "0.30.100");
        assert_eq!(version("1.2.3-alpha.1+x").to_string(), "1.2.3");
        for text in ["", "1", "1.2", "1.2.3.4", "1.2.x"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
        assert!(version("0.9.0") < version("0.10.0"));
    }

    #[test]
    fn a_version_serves_what_asks_for_an_older_compatible_one() {
        for (offered, asked, expected) in [
            ("0.30.100", "0.30.0", true),
            ("0.30.100", "0.29.0", false),
            ("0.29.100", "0.30.0", false),
            ("1.4.0", "1.2.3", true),
            ("1.2.0", "1.2.3", false),
            ("0.0.3", "0.0.3", true),
            ("0.0.4", "0.0.3", false),
            ("0.1.4", "0.0.3", false),
        ] {
            assert_eq!(serves(&version(offered), &version(asked)), expected, "{offered} {asked}");
        }
    }
}
