//! The commands that `README.md` shows to its readers.

use crate::shell::{Outcome, fail, read, root};

/// The commands that README.md must show, each in its own block.
const PROMISED: [&str; 3] = ["cargo xtask conformance", "cargo xtask autobahn", "cargo xtask test"];

/// The chores among the commands of `README.md`; fails if one of the promised ones is missing.
pub(crate) fn commands() -> Outcome<Vec<String>> {
    let commands = commands_in(&read(&root().join("README.md"))?);
    match PROMISED.iter().find(|promised| !commands.iter().any(|command| command == *promised)) {
        Some(missing) => fail(format!("README.md has no ```sh block with the command `{missing}`")),
        None => Ok(commands),
    }
}

/// The lines that begin with `cargo xtask` in fenced blocks of `sh`.
fn commands_in(markdown: &str) -> Vec<String> {
    let mut commands = Vec::new();
    // The language of the current block, if the line is in one.
    let mut block: Option<&str> = None;
    for line in markdown.lines().map(str::trim) {
        match (line.strip_prefix("```"), block) {
            (Some(language), None) => block = Some(language.trim()),
            (Some(_), Some(_)) => block = None,
            (None, Some("sh")) if line.starts_with("cargo xtask ") => {
                commands.push(line.to_owned());
            }
            (None, _) => {}
        }
    }
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_come_from_shell_blocks_only() {
        let markdown = "\
Run `cargo xtask lint`, or

```text
cargo xtask fuzz
```
```sh
# a comment
cargo xtask test
cargo build
```
cargo xtask ci
```sh
cargo xtask autobahn
```
";
        assert_eq!(commands_in(markdown), ["cargo xtask test", "cargo xtask autobahn"]);
    }
}
