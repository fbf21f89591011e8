//! Runs unit tests of a package from outside it: the test module of a file becomes an integration test.
//!
//! The test module is put inside modules with the same names and depth as before, each of which re-exports the public names
//! of the package's module. So `super::` and `crate::` mean the same as before, as long as a test uses nothing private.

/// A file with unit tests that use nothing private.
pub(super) struct Unit {
    /// The path below `src`.
    pub(super) file: &'static str,
    /// The file's module, and imports that its tests get from it but that are not its own items.
    pub(super) module: &'static str,
    pub(super) imports: &'static str,
    /// Tests in it that do use something private.
    pub(super) without: &'static [&'static str],
    /// Texts that must be replaced outside the package.
    pub(super) changes: &'static [(&'static str, &'static str)],
}

/// The beginnings of a test module.
const BEGINNINGS: [&str; 2] = ["#[cfg(test)]\nmod tests {", "#[cfg(test)]\nmod test {"];

/// The private modules of tungstenite. Their public names are in the module above.
const PRIVATE: [&str; 4] = [
    "protocol::message",
    "protocol::frame::frame",
    "protocol::frame::utf8",
    "protocol::frame::mask",
];

impl Unit {
    /// The name of the test's target.
    pub(super) fn target(&self) -> String {
        self.module.replace("::", "_")
    }

    /// The integration test made from the file's tests.
    pub(super) fn as_integration_test(&self, source: &str) -> Result<String, String> {
        let beginning = BEGINNINGS.iter().find_map(|beginning| source.find(beginning));
        let tests = beginning.and_then(|at| source.get(at..));
        let tests = tests.ok_or_else(|| format!("{} has no module of tests", self.file))?;
        let mut tests = tests.trim_end().to_owned();
        for name in self.without {
            let rest = without(&tests, name);
            tests = rest.ok_or_else(|| format!("{} has no test {name}", self.file))?;
        }
        for (from, to) in self.changes {
            tests = tests.replace(from, to);
        }
        let levels: Vec<&str> = self.module.split("::").collect();
        let mut text = "#![allow(unused, ambiguous_glob_reexports, ambiguous_glob_imports)]\npub use tungstenite::*;\n".to_owned();
        for depth in 1..=levels.len() {
            let mut path = levels.get(..depth).unwrap_or_default().join("::");
            text += &format!("pub mod {} {{\n", levels.get(depth - 1).unwrap_or(&""));
            if PRIVATE.contains(&path.as_str()) {
                path = levels.get(..depth - 1).unwrap_or_default().join("::");
            }
            text += &format!("pub use tungstenite::{path}::*;\n");
        }
        text += self.imports;
        text += "\n";
        text += &tests;
        text += &"\n}".repeat(levels.len());
        Ok(text + "\n")
    }
}

/// The test module without one of its tests. The files are formatted, so the test ends at the first brace with the same
/// indentation.
fn without(tests: &str, name: &str) -> Option<String> {
    let (before, rest) = tests.split_once(&format!("    #[test]\n    fn {name}() {{\n"))?;
    let (_, after) = rest.split_once("\n    }\n")?;
    Some(format!("{before}{}", after.trim_start_matches('\n')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_of_tests_keeps_its_place_among_the_modules() {
        let unit = Unit {
            file: "protocol/message.rs",
            module: "protocol::message",
            imports: "use bytes::Bytes;",
            without: &["private"],
            changes: &[("super::*", "super::{Bytes, Message}")],
        };
        let source = "fn private() {}\n\n#[cfg(test)]\nmod tests {\n    use super::*;\n\n\
                      \x20   #[test]\n    fn private() {\n        super::private();\n    }\n}\n";
        assert_eq!(unit.target(), "protocol_message");
        let test = unit.as_integration_test(source).unwrap();
        assert!(
            test.ends_with(
                "pub use tungstenite::*;\n\
                 pub mod protocol {\npub use tungstenite::protocol::*;\n\
                 pub mod message {\npub use tungstenite::protocol::*;\nuse bytes::Bytes;\n\
                 #[cfg(test)]\nmod tests {\n    use super::{Bytes, Message};\n\n}\n}\n}\n"
            ),
            "{test}"
        );
        assert!(unit.as_integration_test("fn private() {}\n").is_err());
    }
}
