//! `benches/instructions.json`: the recorded costs of each case, and what it may cost.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::shell::{Failure, Outcome};

/// The content of the file.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    /// How much more than its figure a case may cost.
    pub(crate) tolerance: Tolerance,
    /// The same with another compiler, C library or valgrind.
    pub(crate) tolerance_elsewhere: Tolerance,
    pub(crate) counted_with: Surroundings,
    pub(crate) cases: Vec<Case>,
}

/// How much a count may differ: a percentage, plus a number of instructions.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tolerance {
    percent: f64,
    instructions: f64,
}

/// The environment that counts depend on.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Surroundings {
    pub(crate) rustc: String,
    pub(crate) valgrind: String,
    pub(crate) libc: String,
    pub(crate) machine: String,
}

/// One line of the table.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// The name of the case in the program `count`.
    pub(crate) case: String,
    /// The number of messages in the first run. The second run has three times as many.
    pub(crate) n: u64,
    /// The recorded instructions for each message; `None` for a new case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) instructions: Option<f64>,
    /// The goal: what it should cost at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) goal: Option<f64>,
}

/// A part of the environment that has changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    what: &'static str,
    then: String,
    now: String,
}

/// A case, with its recorded and its new count.
pub(crate) struct Comparison<'t> {
    pub(crate) case: &'t Case,
    pub(crate) now: f64,
    pub(crate) tolerance: Tolerance,
}

/// The result of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Within the tolerance.
    Same,
    Better,
    Worse,
    /// Not recorded yet.
    New,
}

impl Table {
    pub(crate) fn parse(json: &str) -> Outcome<Self> {
        serde_json::from_str(json)
            .map_err(|error| Failure::new(format!("benches/instructions.json: {error}")))
    }

    /// The file's text: one line for each case.
    pub(crate) fn to_json(&self) -> Outcome<String> {
        let failed = |error: serde_json::Error| Failure::new(error.to_string());
        let line = |name: &str, value: serde_json::Result<String>| {
            Ok(format!("  \"{name}\": {},\n", spaced(&value.map_err(failed)?)))
        };
        let mut text = String::from("{\n");
        text += &line("tolerance", serde_json::to_string(&self.tolerance))?;
        text += &line("tolerance_elsewhere", serde_json::to_string(&self.tolerance_elsewhere))?;
        text += &line("counted_with", serde_json::to_string(&self.counted_with))?;
        let cases: Result<Vec<String>, _> = self.cases.iter().map(serde_json::to_string).collect();
        let cases: Vec<String> =
            cases.map_err(failed)?.iter().map(|case| format!("    {}", spaced(case))).collect();
        text += &format!("  \"cases\": [\n{}\n  ]\n}}\n", cases.join(",\n"));
        Ok(text)
    }

    pub(crate) fn tolerance(&self, elsewhere: bool) -> Tolerance {
        if elsewhere { self.tolerance_elsewhere } else { self.tolerance }
    }
}

/// Compact JSON with a space after each comma and colon, except within strings.
fn spaced(json: &str) -> String {
    json.replace("\":", "\": ").replace(",\"", ", \"")
}

impl Surroundings {
    /// What differs from the environment `now`.
    pub(crate) fn differences(&self, now: &Self) -> Vec<Difference> {
        let pairs = [
            ("rustc", &self.rustc, &now.rustc),
            ("machine", &self.machine, &now.machine),
            ("valgrind", &self.valgrind, &now.valgrind),
            ("libc", &self.libc, &now.libc),
        ];
        let differing = pairs.into_iter().filter(|(_, then, now)| then != now);
        differing
            .map(|(what, then, now)| Difference { what, then: then.clone(), now: now.clone() })
            .collect()
    }

    pub(crate) fn same_machine(&self, other: &Self) -> bool {
        self.machine == other.machine
    }
}

impl fmt::Display for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rustc, valgrind, libc, machine } = self;
        write!(f, "{rustc}, {valgrind}, {libc}, on {machine}")
    }
}

impl Difference {
    /// Whether counts cannot be compared at all: another compiler or another processor.
    pub(crate) fn is_decisive(&self) -> bool {
        matches!(self.what, "rustc" | "machine")
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, then, now } = self;
        write!(f, "{what} is {now}, but the figures were counted with {then}")
    }
}

impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} % and {} instructions", self.percent, self.instructions)
    }
}

impl Comparison<'_> {
    pub(crate) fn verdict(&self) -> Verdict {
        let Some(noted) = self.case.instructions else { return Verdict::New };
        let Tolerance { percent, instructions } = self.tolerance;
        let allowed = noted * percent / 100.0 + instructions;
        match self.now - noted {
            more if more > allowed => Verdict::Worse,
            less if -less > allowed => Verdict::Better,
            _ => Verdict::Same,
        }
    }

    fn change(&self) -> Option<String> {
        let noted = self.case.instructions?;
        Some(format!("{:+.1} %", (self.now / noted - 1.0) * 100.0))
    }

    fn holds(&self) -> Option<bool> {
        self.case.goal.map(|goal| self.now <= goal)
    }
}

impl fmt::Display for Comparison<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<30} {:.1}", self.case.case, self.now)?;
        match (self.case.instructions, self.change()) {
            (Some(noted), Some(change)) => write!(f, ", noted {noted:.1}: {change}"),
            _ => Ok(()),
        }
    }
}

/// All comparisons as text.
pub(crate) fn text(comparisons: &[Comparison<'_>]) -> String {
    let mut text = format!("{:<28}{:>10}{:>10}{:>10}   goal\n", "case", "now", "noted", "change");
    for comparison in comparisons {
        let Case { case, instructions, goal, .. } = comparison.case;
        let noted = instructions.map_or_else(|| "-".into(), |noted| format!("{noted:.1}"));
        let change = comparison.change().unwrap_or_default();
        let goal = match (goal, comparison.holds()) {
            (Some(goal), Some(true)) => format!("at most {goal}: holds"),
            (Some(goal), _) => format!("at most {goal}: MISSED"),
            (None, _) => String::new(),
        };
        let line = format!("{case:<28}{:>10.1}{noted:>10}{change:>10}   {goal}", comparison.now);
        text += line.trim_end();
        text += "\n";
    }
    let goals = comparisons.iter().filter_map(Comparison::holds);
    let (held, missed): (Vec<bool>, Vec<bool>) = goals.partition(|holds| *holds);
    text + &format!("goals: {} hold, {} are missed\n", held.len(), missed.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = r#"{
  "tolerance": {"percent": 3.0, "instructions": 2.0},
  "tolerance_elsewhere": {"percent": 15.0, "instructions": 10.0},
  "counted_with": {"rustc": "rustc 1.95.0 (59807616e 2026-04-14)", "valgrind": "valgrind-3.19.0", "libc": "glibc 2.36", "machine": "x86_64 with AVX2"},
  "cases": [
    {"case": "lent-masked-binary-16", "n": 6000, "instructions": 100.0, "goal": 104.0},
    {"case": "handshake-server", "n": 300}
  ]
}
"#;

    fn verdict(now: f64, elsewhere: bool, case: usize) -> Verdict {
        let table = Table::parse(TABLE).unwrap();
        let tolerance = table.tolerance(elsewhere);
        Comparison { case: &table.cases[case], now, tolerance }.verdict()
    }

    #[test]
    fn the_file_is_written_as_it_is_read() {
        assert_eq!(Table::parse(TABLE).unwrap().to_json().unwrap(), TABLE);
    }

    #[test]
    fn a_case_may_cost_what_was_noted_and_the_tolerance() {
        assert_eq!(verdict(105.0, false, 0), Verdict::Same);
        assert_eq!(verdict(105.1, false, 0), Verdict::Worse);
        assert_eq!(verdict(95.0, false, 0), Verdict::Same);
        assert_eq!(verdict(94.9, false, 0), Verdict::Better);
        assert_eq!(verdict(125.0, true, 0), Verdict::Same);
        assert_eq!(verdict(125.1, true, 0), Verdict::Worse);
        assert_eq!(verdict(1.0, false, 1), Verdict::New);
    }

    #[test]
    fn another_compiler_is_told_of() {
        let then = Table::parse(TABLE).unwrap().counted_with;
        let now = Surroundings { rustc: "rustc 1.99.0".into(), ..then.clone() };
        assert_eq!(then.differences(&then), []);
        let differences = then.differences(&now);
        assert!(matches!(differences.as_slice(), [it] if it.what == "rustc" && it.is_decisive()));
    }

    #[test]
    fn goals_are_marked() {
        let table = Table::parse(TABLE).unwrap();
        let compared = |now| {
            let case = &table.cases[0];
            text(&[Comparison { case, now, tolerance: table.tolerance }])
        };
        assert!(compared(104.0).contains("at most 104: holds"));
        assert!(compared(104.1).contains("at most 104: MISSED"));
    }
}
