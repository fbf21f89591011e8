//! The outcome as text, as Markdown and as JSON.

use std::fmt::Write;

use fullduplex_benches::measure::{Spread, short};
use serde::{Deserialize, Serialize};

use crate::calls::{Calls, Strace};
use crate::case::Case;
use crate::contenders::{Contender, Discipline, LENT, OWNED, Side};
use crate::machine::{Cores, processor};
use crate::measure::{Effort, Figures, Outcome};

/// The most that our contender may take in a case.
struct Target {
    case: &'static str,
    contender: &'static str,
    quantity: Quantity,
    at_most: f64,
}

#[derive(Clone, Copy)]
enum Quantity {
    /// The server's processor time, as a ratio to the unit's.
    Time,
    /// The server's processor time, as a ratio to the best peer's.
    TimeToBestPeer,
    /// System calls for each message.
    Calls,
}

const ECHO_TARGETS: [Target; 12] = [
    time("125-1x1", OWNED, 1.05),
    time("125-1x1", LENT, 1.05),
    time("125-50x1", OWNED, 1.05),
    time("125-50x1", LENT, 1.05),
    time("125-50x16", OWNED, 1.3),
    time("125-50x16", LENT, 1.15),
    calls("125-1x16", OWNED),
    calls("125-1x16", LENT),
    calls("125-50x16", OWNED),
    calls("125-50x16", LENT),
    calls("1024-50x16", OWNED),
    calls("1024-50x16", LENT),
];

const HANDSHAKE_TARGETS: [Target; 3] =
    [to_best_peer("chromium-1"), to_best_peer("chromium-16"), to_best_peer("minimal-16")];

/// At most the time of the best peer, within the difference between the medians of two runs.
const fn to_best_peer(case: &'static str) -> Target {
    Target { case, contender: OWNED, quantity: Quantity::TimeToBestPeer, at_most: 1.02 }
}

const fn time(case: &'static str, contender: &'static str, at_most: f64) -> Target {
    Target { case, contender, quantity: Quantity::Time, at_most }
}

const fn calls(case: &'static str, contender: &'static str) -> Target {
    Target { case, contender, quantity: Quantity::Calls, at_most: 0.25 }
}

impl Discipline {
    /// The targets of our contenders.
    const fn targets(self) -> &'static [Target] {
        match self {
            Self::Echo => &ECHO_TARGETS,
            Self::Handshake => &HANDSHAKE_TARGETS,
            Self::Idle | Self::Fanout => &[],
        }
    }

    /// The title of the discipline.
    const fn title(self) -> &'static str {
        match self {
            Self::Echo => "Echo over loopback",
            Self::Handshake => "Connections accepted, upgraded and closed over loopback",
            Self::Idle => "Connections that wait",
            Self::Fanout => "Fan-out",
        }
    }

    /// What is counted, in the singular.
    const fn noun(self) -> &'static str {
        match self {
            Self::Echo => "message",
            Self::Handshake | Self::Idle => "connection",
            Self::Fanout => "delivery",
        }
    }
}

impl Target {
    /// The measured quantity, if it was measured.
    fn measured<C: Case>(&self, outcomes: &[Outcome<C>]) -> Option<f64> {
        let outcome = outcomes.iter().find(|outcome| outcome.case.to_string() == self.case)?;
        match self.quantity {
            Quantity::Time => Some(outcome.ratio(self.contender)?.median),
            Quantity::TimeToBestPeer => {
                Some(outcome.of(self.contender)?.ratio_to(outcome.best_peer()?).median)
            }
            Quantity::Calls => outcome.of(self.contender)?.all_calls(),
        }
    }

    fn holds<C: Case>(&self, outcomes: &[Outcome<C>]) -> Option<bool> {
        self.measured(outcomes).map(|measured| measured <= self.at_most)
    }

    fn quantity(&self) -> &'static str {
        match self.quantity {
            Quantity::Time => "time / tokio TCP",
            Quantity::TimeToBestPeer => "time / best peer",
            Quantity::Calls => "calls / message",
        }
    }
}

/// The text for a quantity that was not measured.
const NOT_MEASURED: &str = "not measured";

/// A text that says how the measurement was done.
pub(crate) fn preamble(
    discipline: Discipline,
    effort: Effort,
    cores: Cores,
    strace: &Strace,
) -> String {
    format!(
        "{}: the server's processor time (user and system) for each {}.\n\
         Medians (smallest-largest) of {} rounds, ratios taken round by round. {}.\n\
         Rounds interleaved, their order rotated; each server has proved the work first.\n\
         {} {}{}\n",
        discipline.title(),
        discipline.noun(),
        effort.rounds,
        processor(),
        cores.sentence(),
        if effort.spin { "The load does not sleep. " } else { "" },
        strace.sentence(),
    )
}

/// The text of one case.
pub(crate) fn table<C: Case>(outcome: &Outcome<C>) -> String {
    let noun = C::DISCIPLINE.noun();
    let mut text = format!("{} ({} {noun}s a round)\n", outcome.case.title(), outcome.count);
    let mut row = |cells: [&str; 5]| {
        let [name, ratio, time, rate, calls] = cells;
        let line = format!("  {name:<28}{ratio:>20}{time:>12}{rate:>14}  {calls}");
        let _ = writeln!(text, "{}", line.trim_end());
    };
    let [rate_of, calls_of] = [format!("{noun}s/s"), format!("calls/{noun}")];
    row(["", "time / tokio TCP", "time", &rate_of, &calls_of]);
    for figures in &outcome.figures {
        let ratio = outcome.ratio(figures.contender.name).map(|ratio| ratio.to_string());
        row([
            figures.contender.name,
            &ratio.unwrap_or_default(),
            &nanoseconds(figures),
            &rate(figures),
            &shown_calls(figures.calls.as_ref()),
        ]);
    }
    for (contender, reason) in &outcome.absent {
        let _ = writeln!(text, "  {} is not in it: {reason}", contender.name);
    }
    text
}

fn nanoseconds(figures: &Figures) -> String {
    match Spread::of(figures.times.clone()).median {
        ns @ 0.0..1e3 => format!("{ns:.0} ns"),
        ns @ 1e3..1e6 => format!("{:.2} us", ns / 1e3),
        ns => format!("{:.2} ms", ns / 1e6),
    }
}

fn rate(figures: &Figures) -> String {
    format!("{:.0}", Spread::of(figures.rates.clone()).median)
}

/// `2.02: recvfrom 1.00, sendto 1.00, ...`
fn shown_calls(calls: Option<&Calls>) -> String {
    let Some(calls) = calls else { return NOT_MEASURED.to_owned() };
    let mut parts: Vec<(&String, &f64)> = calls.iter().collect();
    parts.sort_by(|a, b| b.1.total_cmp(a.1));
    let all: f64 = calls.values().sum();
    let parts: Vec<String> =
        parts.iter().take(4).map(|(name, calls)| format!("{name} {calls:.3}")).collect();
    format!("{all:.3}: {}", parts.join(", "))
}

/// Which targets of the contenders are met.
pub(crate) fn targets<C: Case>(contenders: &[&Contender], outcomes: &[Outcome<C>]) -> String {
    let mut text = String::new();
    for target in C::DISCIPLINE.targets() {
        if !contenders.iter().any(|contender| contender.name == target.contender) {
            continue;
        }
        if text.is_empty() {
            text.push_str("Targets:\n");
        }
        let (verdict, measured) = match target.measured(outcomes) {
            None => (NOT_MEASURED, String::new()),
            Some(measured) => {
                (if measured <= target.at_most { "holds" } else { "MISSED" }, short(measured))
            }
        };
        let _ = writeln!(
            text,
            "  {verdict:<13}{:<12}{:<24}{:<18}{measured:>6}, at most {}",
            target.case,
            target.contender,
            target.quantity(),
            target.at_most
        );
    }
    text
}

/// The contenders, and how they were used.
pub(crate) fn legend(contenders: &[&Contender]) -> String {
    let mut text = String::new();
    for contender in contenders {
        let _ = writeln!(text, "{}: {}", with_version(contender), contender.usage);
    }
    text
}

/// The contender's name, with the version that was built.
pub(crate) fn with_version(contender: &Contender) -> String {
    let version = version(contender).map(|version| format!(" {version}")).unwrap_or_default();
    format!("{}{version}", contender.name)
}

/// The medians as tables in Markdown: ratios of time, then system calls.
pub(crate) fn markdown<C: Case>(contenders: &[&Contender], outcomes: &[Outcome<C>]) -> String {
    let (unit, noun) = (C::DISCIPLINE.unit(), C::DISCIPLINE.noun());
    let mut text = String::new();
    let mut table = |title: &str, cell: &dyn Fn(&Outcome<C>, &Contender) -> Option<String>| {
        let mut row = |cells: Vec<String>| {
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        };
        let of_each = |first: &str, cell: &dyn Fn(&Outcome<C>) -> String| {
            std::iter::once(first.to_owned()).chain(outcomes.iter().map(cell)).collect()
        };
        row(of_each(title, &|outcome| outcome.case.column()));
        row(of_each("---", &|_| "---".to_owned()));
        for contender in contenders {
            if outcomes.iter().any(|outcome| outcome.of(contender.name).is_some()) {
                let name = match contender.side {
                    Side::Ours => format!("**{}**", contender.name),
                    _ => contender.name.to_owned(),
                };
                row(of_each(&name, &|outcome| cell(outcome, contender).unwrap_or_default()));
            }
        }
        text.push('\n');
    };
    table("server time, x tokio TCP", &|outcome, contender| {
        Some(match contender.name {
            name if name == unit => nanoseconds(outcome.of(unit)?),
            name => short(outcome.ratio(name)?.median),
        })
    });
    table(&format!("system calls per {noun}"), &|outcome, contender| {
        let calls = outcome.of(contender.name)?.all_calls();
        Some(calls.map_or_else(|| NOT_MEASURED.to_owned(), short))
    });
    table(&format!("{noun}s/s"), &|outcome, contender| Some(rate(outcome.of(contender.name)?)));
    text
}

#[derive(Serialize)]
struct Report<C> {
    rounds: usize,
    machine: String,
    placement: String,
    load_spins: bool,
    system_calls: String,
    contenders: Vec<Description>,
    cases: Vec<CaseReport<C>>,
    targets: Vec<TargetReport>,
}

#[derive(Serialize)]
struct Description {
    name: &'static str,
    side: Side,
    version: Option<String>,
    usage: &'static str,
}

#[derive(Serialize)]
struct CaseReport<C> {
    case: String,
    #[serde(flatten)]
    parameters: C,
    count_per_round: usize,
    results: Vec<Line>,
    absent: Vec<Absent>,
}

#[derive(Serialize)]
struct Line {
    name: &'static str,
    side: Side,
    nanoseconds: Spread,
    per_second: Spread,
    to_unit: Option<Spread>,
    /// Left out if they were not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    calls_each: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    calls: Option<Calls>,
}

#[derive(Serialize)]
struct Absent {
    name: &'static str,
    reason: String,
}

#[derive(Serialize)]
struct TargetReport {
    case: &'static str,
    contender: &'static str,
    quantity: &'static str,
    at_most: f64,
    measured: Option<f64>,
    holds: Option<bool>,
}

/// Everything as JSON.
pub(crate) fn json<C: Case>(
    effort: Effort,
    cores: Cores,
    strace: &Strace,
    contenders: &[&Contender],
    outcomes: &[Outcome<C>],
) -> serde_json::Result<String> {
    let contenders = contenders.iter().map(|contender| Description {
        name: contender.name,
        side: contender.side,
        version: version(contender),
        usage: contender.usage,
    });
    let cases = outcomes.iter().map(|outcome| {
        let results = outcome.figures.iter().map(|figures| Line {
            name: figures.contender.name,
            side: figures.contender.side,
            nanoseconds: Spread::of(figures.times.clone()),
            per_second: Spread::of(figures.rates.clone()),
            to_unit: outcome.ratio(figures.contender.name),
            calls_each: figures.all_calls(),
            calls: figures.calls.clone(),
        });
        let absent = outcome.absent.iter();
        CaseReport {
            case: outcome.case.to_string(),
            parameters: outcome.case,
            count_per_round: outcome.count,
            results: results.collect(),
            absent: absent
                .map(|(contender, reason)| Absent { name: contender.name, reason: reason.clone() })
                .collect(),
        }
    });
    let targets = C::DISCIPLINE.targets().iter().map(|target| TargetReport {
        case: target.case,
        contender: target.contender,
        quantity: target.quantity(),
        at_most: target.at_most,
        measured: target.measured(outcomes),
        holds: target.holds(outcomes),
    });
    let report = Report {
        rounds: effort.rounds,
        machine: processor(),
        placement: cores.sentence(),
        load_spins: effort.spin,
        system_calls: strace.sentence(),
        contenders: contenders.collect(),
        cases: cases.collect(),
        targets: targets.collect(),
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
    source: Option<String>,
}

/// The version that was built, from the lock file.
fn version(contender: &Contender) -> Option<String> {
    const LOCK: &str = include_str!("../../../Cargo.lock");
    let lock: Lock = toml::from_str(LOCK).ok()?;
    let packages = lock.package.into_iter();
    let found = packages.filter(|package| Some(package.name.as_str()) == contender.package);
    // Others may depend on an older one, and our compatibility packages have the same name: take the newest from a registry.
    found.max_by_key(|package| package.source.is_some()).map(|package| package.version)
}
