//! Each case has a wrong peer that it fails, and each wrong peer has a case that finds it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use fullduplex_conformance::{
    Case, CaseId, Options, Outcome, Side, Subject, Transport, cases, run_in_memory,
};
use fullduplex_conformance_faulty as faulty;
use fullduplex_conformance_faulty::{Client, Endpoint, Fault, Occasions};

/// Mistakes that no case finds yet, and the section that will.
const AWAITS: &[(Fault, &str)] = &[
    (Fault::BytesBehindHeadLost, "H"),
    (Fault::SplitHeadRefused, "H"),
    (Fault::AcceptOfDecodedKey, "H"),
    (Fault::ResponseWithoutUpgrade, "H"),
    (Fault::SubprotocolInvented, "H"),
    (Fault::MethodUnchecked, "H"),
    (Fault::Http10Accepted, "H"),
    (Fault::HostUnchecked, "H"),
    (Fault::UpgradeUnchecked, "H"),
    (Fault::ConnectionUnchecked, "H"),
    (Fault::ConnectionIsNoList, "H"),
    (Fault::FieldNamesCaseSensitive, "H"),
    (Fault::TokensCaseSensitive, "H"),
    (Fault::VersionUnchecked, "H"),
    (Fault::VersionNotNamed, "H"),
    (Fault::KeyMissingAccepted, "H"),
    (Fault::KeyUnchecked, "H"),
    (Fault::BadRequestUnanswered, "H"),
    (Fault::RequestWithoutHost, "H"),
    (Fault::RequestWithoutUpgrade, "H"),
    (Fault::RequestWithShortKey, "H"),
    (Fault::RequestOfVersion8, "H"),
    (Fault::RequestWithoutVersion, "H"),
    (Fault::StatusUnchecked, "H"),
    (Fault::ResponseHttp10Accepted, "H"),
    (Fault::ResponseUpgradeUnchecked, "H"),
    (Fault::ResponseConnectionUnchecked, "H"),
    (Fault::AcceptUnchecked, "H"),
    (Fault::AcceptCaseIgnored, "H"),
    (Fault::AcceptMissingAccepted, "H"),
    (Fault::SubprotocolUnchecked, "H or N"),
    (Fault::ExtensionUnchecked, "H or N"),
    (Fault::OnlyFirstOfferRead, "N"),
    (Fault::ClientWindowUnasked, "N"),
    (Fault::OddOfferAccepted, "N"),
    (Fault::OddWindowAccepted, "N"),
    (Fault::DeflateAnswerUnchecked, "N"),
    (Fault::UnmaskedAccepted, "X"),
    (Fault::MaskedAccepted, "X"),
    (Fault::Length64CutTo32, "X"),
    (Fault::NonMinimalLengthAccepted, "X"),
    (Fault::LengthTopBitAccepted, "X"),
    (Fault::ByteOrderMarkRemoved, "X"),
    (Fault::EmptyCompressedWrong, "X"),
    (Fault::PongCompressed, "X"),
    (Fault::UncompressedRefused, "X"),
    (Fault::Rsv1OnContinuationAccepted, "X"),
    (Fault::CompressedTextUnchecked, "X"),
    (Fault::TruncatedStreamAccepted, "X"),
    (Fault::BrokenStreamAccepted, "X"),
    (Fault::BfinalEndsMessage, "X"),
    (Fault::EndOfInputIgnored, "T"),
    (Fault::TcpClosedFirst, "T"),
];

/// Cases that no wrong peer fails but those that fail most cases, and why that is so.
const UNFAILED: &[(&str, &str)] = &[
    (
        "7.1.6",
        "whether a message before a Close still comes back is up to the endpoint: any answer is right",
    ),
    ("7.13.1", "the RFC says nothing of code 5000: any answer is right"),
    ("7.13.2", "the RFC says nothing of code 65535: any answer is right"),
    ("7.3.3", "a Close with code 1000 ends most cases: what breaks it breaks them all"),
    ("7.7.1", "a Close with code 1000 ends most cases: what breaks it breaks them all"),
];

/// A wrong peer that fails more of the cases than one in so many is blunt: it shows nothing about any of them.
const BLUNT: usize = 2;

/// An endpoint of the other package as a subject.
struct Faulty(Endpoint);

impl Faulty {
    fn new(side: Side, fault: Option<Fault>) -> Self {
        Self(match side {
            Side::Server => Endpoint::server(fault),
            Side::Client => {
                let (host, target) = ("localhost".into(), "/".into());
                Endpoint::client(&Client { host, target, seed: 1 }, fault)
            }
        })
    }
}

impl Subject for Faulty {
    fn receive(&mut self, bytes: &[u8]) {
        self.0.receive(bytes);
    }

    fn end_of_input(&mut self) {
        self.0.end_of_input();
    }

    fn transmit(&mut self, out: &mut Vec<u8>) -> Transport {
        out.append(&mut self.0.output());
        if self.0.is_closed() { Transport::Closed } else { Transport::Open }
    }
}

fn run(case: &Case, side: Side, fault: Option<Fault>) -> (Outcome, Occasions) {
    let mut subject = Faulty::new(side, fault);
    let outcome = run_in_memory(case, side, &Options::default(), &mut subject);
    (outcome, subject.0.occasions())
}

fn is_for(fault: Fault, side: Side) -> bool {
    fault.is_for(match side {
        Side::Server => faulty::Side::Server,
        Side::Client => faulty::Side::Client,
    })
}

/// The section that a mistake awaits.
fn awaited(fault: Fault) -> Option<&'static str> {
    AWAITS.iter().find(|(awaits, _)| *awaits == fault).map(|(_, section)| *section)
}

/// Applies a function to each, on all processors.
fn on_all_processors<T: Sync, R: Send>(list: &[T], function: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let number = next.fetch_add(1, Ordering::Relaxed)
                    && let Some(one) = list.get(number)
                {
                    let result = function(one);
                    results.lock().unwrap().push((number, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap();
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

/// The cases that a mistake fails.
struct Row {
    fault: Fault,
    failed: Vec<CaseId>,
    /// Whether it fails so many that it shows nothing about any of them.
    is_blunt: bool,
}

/// The cases that each mistake of a side fails, and whatever is wrong with that.
struct Table {
    side: Side,
    rows: Vec<Row>,
    wrong: Vec<String>,
}

impl Table {
    /// Runs every mistake over every case.
    ///
    /// An endpoint without a mistake tells for which ones it had an occasion in a case; with any other one it would
    /// have done the same. So the cases that send much are run with those alone, and not with blunt ones. That they
    /// are the only ones that fail a case is checked with all other cases.
    fn of(side: Side) -> Self {
        let cases = cases::all();
        let cases: Vec<&Case> = cases.iter().filter(|case| case.is_for(side)).collect();
        let right = on_all_processors(&cases, |case| run(case, side, None));
        let mut wrong: Vec<String> = right
            .iter()
            .filter(|(outcome, _)| !outcome.is_ok())
            .map(|(outcome, _)| format!("{side}, without a mistake: {}", describe(outcome)))
            .collect();
        let (much, little): (Vec<_>, Vec<_>) = cases
            .iter()
            .zip(right.iter().map(|(_, occasions)| *occasions))
            .partition(|(case, _)| matches!(&*case.id.section(), "9" | "12" | "13"));
        let faults: Vec<Fault> =
            Fault::ALL.iter().copied().filter(|fault| is_for(*fault, side)).collect();
        let rows = on_all_processors(&faults, |fault| {
            let fault = *fault;
            let (mut failed, mut wrong) = (Vec::new(), Vec::new());
            for (case, occasions) in &little {
                let (outcome, _) = run(case, side, Some(fault));
                if !outcome.is_ok() {
                    failed.push(case.id.clone());
                    if !occasions.contains(fault) {
                        wrong.push(format!("{fault:?} had no occasion in {}", describe(&outcome)));
                    }
                }
            }
            let is_blunt = failed.len() > little.len() / BLUNT;
            if !is_blunt && awaited(fault).is_none() {
                let much = much.iter().filter(|(_, occasions)| occasions.contains(fault));
                let much = much.map(|(case, _)| run(case, side, Some(fault)).0);
                failed.extend(much.filter(|outcome| !outcome.is_ok()).map(|outcome| outcome.id));
            }
            (Row { fault, failed, is_blunt }, wrong)
        });
        let (rows, wrong_rows): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        wrong.extend(wrong_rows.concat());
        let mut table = Self { side, rows, wrong };
        table.check_faults();
        table.check_cases(&cases);
        table.print();
        table
    }

    /// Each mistake is found, or awaits cases that are not there.
    fn check_faults(&mut self) {
        for Row { fault, failed, .. } in &self.rows {
            match (awaited(*fault), failed.first()) {
                (None, None) => self.wrong.push(format!("no case finds {fault:?}")),
                (Some(section), Some(id)) => {
                    self.wrong
                        .push(format!("{fault:?} awaits section {section}, and {id} finds it"));
                }
                _ => {}
            }
        }
    }

    /// Each case is failed by a mistake that is not blunt.
    fn check_cases(&mut self, cases: &[&Case]) {
        let mut failed_by = BTreeMap::new();
        for Row { fault, failed, .. } in self.rows.iter().filter(|row| !row.is_blunt) {
            failed_by.extend(failed.iter().map(|id| (id, *fault)));
        }
        for Case { id, title, .. } in cases {
            let excepted = UNFAILED.iter().any(|(excepted, _)| *excepted == id.to_string());
            match (failed_by.get(id), excepted) {
                (None, false) => self.wrong.push(format!("no wrong peer fails {id}, {title}")),
                (Some(fault), true) => {
                    self.wrong.push(format!("{id} is no exception, {fault:?} fails it"));
                }
                _ => {}
            }
        }
    }

    fn print(&self) {
        println!("{}: {} mistakes", self.side, self.rows.len());
        for Row { fault, failed, is_blunt } in &self.rows {
            let first: Vec<String> = failed.iter().take(3).map(CaseId::to_string).collect();
            let most = if *is_blunt { "most" } else { &failed.len().to_string() };
            println!("{:36}{most:>5}  {}", fault.name(), first.join(", "));
        }
    }
}

fn describe(outcome: &Outcome) -> String {
    format!(
        "{}: {} / {}. {} {}",
        outcome.id,
        outcome.behavior,
        outcome.behavior_close,
        outcome.observed,
        outcome.observed_close
    )
}

#[test]
fn each_mistake_of_a_server_is_found_and_each_case_finds_one() {
    assert_eq!(Table::of(Side::Server).wrong, [""; 0]);
}

#[test]
fn each_mistake_of_a_client_is_found_and_each_case_finds_one() {
    assert_eq!(Table::of(Side::Client).wrong, [""; 0]);
}

#[test]
fn no_exception_is_of_a_case_that_does_not_exist() {
    let ids: Vec<String> = cases::all().iter().map(|case| case.id.to_string()).collect();
    for (id, reason) in UNFAILED {
        assert!(ids.iter().any(|known| known == id), "{id}: {reason}");
    }
}
