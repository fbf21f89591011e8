//! The outcome as text and as JSON.

use std::env;
use std::fmt::Write;
use std::fs;

use fullduplex_benches::measure::{Spread, short, size};
use serde::{Deserialize, Serialize};

use crate::case::Kind;
use crate::contenders::{ALL, Candidate, Side, limit_of};
use crate::measure::{Effort, Outcome};

/// The text for all cases of a kind: ratios to the limit, and to the best peer.
pub(crate) fn table(kind: Kind, outcomes: &[Outcome]) -> String {
    let outcomes: Vec<&Outcome> =
        outcomes.iter().filter(|outcome| outcome.case.kind == kind).collect();
    let mut text = String::new();
    let mut row = |name: &str, cells: Vec<String>| {
        let cells: String = cells.iter().map(|cell| format!("{cell:>19}")).collect();
        let _ = writeln!(text, "{}", format!("{name:<26}{cells}").trim_end());
    };
    let each = |cell: &dyn Fn(&Outcome) -> Option<String>| {
        outcomes.iter().map(|outcome| cell(outcome).unwrap_or_else(|| "-".into())).collect()
    };

    row(kind.title(), Vec::new());
    row("", each(&|outcome| Some(size(outcome.case.len))));
    row(limit_of(kind), each(&|outcome| Some(nanoseconds(outcome.limit()?.rounds.clone()))));
    row("time / that:", Vec::new());
    for candidate in ALL.iter().filter(|candidate| candidate.name != limit_of(kind)) {
        if outcomes.iter().any(|outcome| outcome.of(candidate.name).is_some()) {
            row(
                &format!("  {}", candidate.name),
                each(&|outcome| {
                    let times = outcome.of(candidate.name)?;
                    Some(times.ratio_to(outcome.limit()?).to_string())
                }),
            );
        }
    }
    row("best peer", each(&|outcome| Some(outcome.best(Side::Peer)?.candidate.name.to_owned())));
    row("time / its time:", Vec::new());
    for candidate in ALL.iter().filter(|candidate| candidate.side == Side::Ours) {
        if outcomes.iter().any(|outcome| outcome.of(candidate.name).is_some()) {
            row(
                &format!("  {}", candidate.name),
                each(&|outcome| {
                    let times = outcome.of(candidate.name)?;
                    Some(times.ratio_to(outcome.best(Side::Peer)?).to_string())
                }),
            );
        }
    }
    for outcome in &outcomes {
        for (candidate, reason) in &outcome.absent {
            let _ = writeln!(text, "{} is not in {}: {reason}", candidate.name, outcome.case);
        }
    }
    text
}

/// The cases in which a peer was faster than all of ours, and than each of them.
pub(crate) fn not_first(outcomes: &[Outcome]) -> String {
    let behind = |title: &str, ours: &dyn Fn(&Outcome) -> Option<Spread>| {
        let mut text = String::new();
        for outcome in outcomes {
            if let Some(ratio) = ours(outcome).filter(|ratio| ratio.median > 1.0) {
                let peer = outcome.best(Side::Peer).map_or("", |peer| peer.candidate.name);
                let _ = writeln!(text, "  {:<32}{ratio:<20}x {peer}", outcome.case.to_string());
            }
        }
        if text.is_empty() { format!("{title}: nowhere\n") } else { format!("{title}:\n{text}") }
    };
    let mut text = behind("Behind the best peer with the best of ours", &|outcome| {
        Some(outcome.best(Side::Ours)?.ratio_to(outcome.best(Side::Peer)?))
    });
    for candidate in ALL.iter().filter(|candidate| candidate.side == Side::Ours) {
        text += &behind(&format!("Behind the best peer with {}", candidate.name), &|outcome| {
            Some(outcome.of(candidate.name)?.ratio_to(outcome.best(Side::Peer)?))
        });
    }
    text
}

/// The medians as a table in Markdown: ratios to the limit, ours in bold where no peer was faster.
pub(crate) fn markdown(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for kind in Kind::ALL {
        let outcomes: Vec<&Outcome> =
            outcomes.iter().filter(|outcome| outcome.case.kind == kind).collect();
        if outcomes.is_empty() {
            continue;
        }
        let mut row = |name: &str, cell: &dyn Fn(&Outcome) -> Option<String>| {
            let cells = outcomes.iter().map(|outcome| cell(outcome).unwrap_or_default());
            let _ = writeln!(text, "| {name} | {} |", cells.collect::<Vec<_>>().join(" | "));
        };
        row(kind.title(), &|outcome| Some(size(outcome.case.len)));
        row("---", &|_| Some("---".into()));
        let limit = limit_of(kind);
        row(limit, &|outcome| Some(nanoseconds(outcome.limit()?.rounds.clone())));
        for candidate in ALL.iter().filter(|candidate| candidate.side == Side::Ours) {
            row(candidate.name, &|outcome| {
                let times = outcome.of(candidate.name)?;
                let ratio = short(times.ratio_to(outcome.limit()?).median);
                let first = times.ratio_to(outcome.best(Side::Peer)?).median <= 1.0;
                Some(if first { format!("**{ratio}**") } else { ratio })
            });
        }
        row("best peer", &|outcome| {
            let best = outcome.best(Side::Peer)?;
            let ratio = short(best.ratio_to(outcome.limit()?).median);
            Some(format!("{ratio} {}", best.candidate.name))
        });
        text.push('\n');
    }
    text
}

/// The contenders, and how they were used.
pub(crate) fn legend() -> String {
    let mut text = String::new();
    for candidate in ALL {
        let version = version(candidate).map(|version| format!(" {version}")).unwrap_or_default();
        let _ = writeln!(text, "{}{version}: {}", candidate.name, candidate.usage);
    }
    text
}

/// A text that says how the measurement was done.
pub(crate) fn preamble(effort: Effort) -> String {
    format!(
        "CPU time: medians (smallest-largest) of {} rounds, ratios taken round by round{}.\n\
         Contenders interleaved, their order rotated; each has proved the work by a digest first.\n\
         GLIBC_TUNABLES: {}.\n",
        effort.rounds,
        processor().map(|name| format!(", on {name}")).unwrap_or_default(),
        tunables(),
    )
}

fn nanoseconds(rounds: Vec<f64>) -> String {
    match Spread::of(rounds).median {
        ns @ 0.0..1e3 => format!("{ns:.1} ns"),
        ns @ 1e3..1e6 => format!("{:.2} us", ns / 1e3),
        ns => format!("{:.2} ms", ns / 1e6),
    }
}

/// The settings of the C library.
fn tunables() -> String {
    env::var("GLIBC_TUNABLES").unwrap_or_else(|_| "none".into())
}

#[derive(Serialize)]
struct Report {
    rounds: usize,
    processor: Option<String>,
    glibc_tunables: String,
    contenders: Vec<Description>,
    cases: Vec<CaseReport>,
}

#[derive(Serialize)]
struct Description {
    name: &'static str,
    side: Side,
    version: Option<String>,
    usage: &'static str,
}

#[derive(Serialize)]
struct CaseReport {
    case: String,
    bytes: usize,
    messages_per_round: usize,
    limit: &'static str,
    best_peer: Option<&'static str>,
    results: Vec<Line>,
    absent: Vec<Absent>,
}

#[derive(Serialize)]
struct Line {
    name: &'static str,
    side: Side,
    nanoseconds: Spread,
    to_limit: Option<Spread>,
    to_best_peer: Option<Spread>,
}

#[derive(Serialize)]
struct Absent {
    name: &'static str,
    reason: String,
}

/// Everything as JSON.
pub(crate) fn json(effort: Effort, outcomes: &[Outcome]) -> serde_json::Result<String> {
    let contenders = ALL.iter().map(|candidate| Description {
        name: candidate.name,
        side: candidate.side,
        version: version(candidate),
        usage: candidate.usage,
    });
    let cases = outcomes.iter().map(|outcome| {
        let (limit, best) = (outcome.limit(), outcome.best(Side::Peer));
        let results = outcome.times.iter().map(|times| Line {
            name: times.candidate.name,
            side: times.candidate.side,
            nanoseconds: Spread::of(times.rounds.clone()),
            to_limit: limit.map(|limit| times.ratio_to(limit)),
            to_best_peer: best.map(|best| times.ratio_to(best)),
        });
        let absent = outcome.absent.iter();
        CaseReport {
            case: outcome.case.to_string(),
            bytes: outcome.case.len,
            messages_per_round: outcome.messages,
            limit: limit_of(outcome.case.kind),
            best_peer: best.map(|best| best.candidate.name),
            results: results.collect(),
            absent: absent
                .map(|(candidate, reason)| Absent { name: candidate.name, reason: reason.clone() })
                .collect(),
        }
    });
    let report = Report {
        rounds: effort.rounds,
        processor: processor(),
        glibc_tunables: tunables(),
        contenders: contenders.collect(),
        cases: cases.collect(),
    };
    serde_json::to_string_pretty(&report)
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
}

/// The version that was built, from the lock file.
fn version(candidate: &Candidate) -> Option<String> {
    const LOCK: &str = include_str!("../../../Cargo.lock");
    let lock: Lock = toml::from_str(LOCK).ok()?;
    let mut packages = lock.package.into_iter();
    packages.find(|package| Some(package.name.as_str()) == candidate.package).map(|it| it.version)
}

/// The processor's name, on Linux.
fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
