//! Each case has a wrong peer that it fails, and each wrong peer has a case that finds it.

use std::collections::BTreeMap;
use std::env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use fullduplex_conformance::{
    Case, CaseId, Expect, Options, Outcome, Party, Scale, Side, Subject, Transport, cases,
    run_in_memory,
};
use fullduplex_conformance_faulty as faulty;
use fullduplex_conformance_faulty::{Client, Endpoint, Fault, Occasions};

/// Mistakes that no case finds yet, and the section that will.
const AWAITS: &[(Fault, &str)] = &[];

/// Mistakes that break each opening or closing handshake, or each frame: they are blunt, and show nothing about any of
/// the cases that they fail.
const BLUNT: &[Fault] = &[
    Fault::WrongMasking,
    Fault::PayloadNotMasked,
    Fault::CloseNotAnswered,
    Fault::TcpClosedWithoutClose,
    Fault::TcpLeftOpen,
    Fault::RequestHttp10,
    Fault::RequestWithoutKey,
];

/// Cases that no wrong peer fails but blunt ones, and why that is so. Where any answer is right, nothing is to be said.
const UNFAILED: &[(&str, &str)] = &[
    ("7.3.3", "a Close with code 1000 ends most cases: what breaks it breaks them all"),
    ("7.7.1", "a Close with code 1000 ends most cases: what breaks it breaks them all"),
];

/// A case in which more bytes than this are sent is one that sends much, and so are those of sections 9, 12 and 13.
const MUCH: u64 = 64 << 10;

/// So many wrong peers that fail a case that sends much are enough.
const ENOUGH: usize = 2;

/// With this variable in the environment, all are tried, and the table that is printed is whole.
const WHOLE: &str = "FAULTS_WHOLE_TABLE";

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
}

impl Row {
    fn is_blunt(&self) -> bool {
        BLUNT.contains(&self.fault)
    }
}

/// The cases that each mistake of a side fails, and whatever is wrong with that.
struct Table {
    side: Side,
    rows: Vec<Row>,
    wrong: Vec<String>,
}

/// A case, and the mistakes for which it gives an occasion.
type Judged<'c> = (&'c Case, Occasions);

impl Table {
    fn of(side: Side) -> Self {
        let cases = cases::all();
        let cases: Vec<&Case> = cases.iter().filter(|case| case.is_for(side)).collect();
        let right = on_all_processors(&cases, |case| run(case, side, None));
        let wrong = right
            .iter()
            .filter(|(outcome, _)| !outcome.is_ok())
            .map(|(outcome, _)| format!("without a mistake: {}", describe(outcome)))
            .collect();
        let (mut much, mut little): (Vec<Judged<'_>>, Vec<Judged<'_>>) = (Vec::new(), Vec::new());
        for (case, (outcome, occasions)) in cases.iter().zip(&right) {
            let sent = outcome.wire.len(Party::Runner) + outcome.wire.len(Party::Subject);
            if !outcome.is_ok() {
                continue;
            }
            if sent > MUCH || matches!(&*case.id.section(), "9" | "12" | "13") {
                much.push((case, *occasions));
            } else {
                little.push((case, *occasions));
            }
        }
        let mut table = Self { side, rows: Vec::new(), wrong };
        table.run_little(&little);
        table.run_much(&much);
        table.check_faults();
        table.check_cases(&cases);
        table.print();
        table
    }

    /// Runs every mistake over every case that sends little.
    fn run_little(&mut self, cases: &[Judged<'_>]) {
        let side = self.side;
        let faults: Vec<Fault> =
            Fault::ALL.iter().copied().filter(|fault| is_for(*fault, side)).collect();
        let rows = on_all_processors(&faults, |fault| {
            let fault = *fault;
            let (mut failed, mut wrong) = (Vec::new(), Vec::new());
            for (case, occasions) in cases {
                let (outcome, _) = run(case, side, Some(fault));
                if !outcome.is_ok() {
                    failed.push(case.id.clone());
                    if !occasions.contains(fault) {
                        wrong.push(format!("{fault:?} had no occasion in {}", describe(&outcome)));
                    }
                }
            }
            let (third, is_blunt) = (cases.len() / 3, BLUNT.contains(&fault));
            if is_blunt && failed.len() < third {
                wrong.push(format!("{fault:?} is not blunt"));
            } else if !is_blunt && failed.len() > 2 * third {
                wrong.push(format!("{fault:?} is blunt"));
            }
            (Row { fault, failed }, wrong)
        });
        let (rows, wrong): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        self.rows = rows;
        self.wrong.extend(wrong.concat());
    }

    /// Runs mistakes over the cases that send much: until enough of them have failed a case, and each mistake until a
    /// case has found it.
    ///
    /// An endpoint without a mistake tells for which ones it had an occasion in a case: with any other one it would
    /// have done the same. So only those are tried. (That no other fails a case, the cases that send little show.)
    fn run_much(&mut self, cases: &[Judged<'_>]) {
        let (side, rows) = (self.side, &self.rows);
        let enough = if env::var_os(WHOLE).is_some() { usize::MAX } else { ENOUGH };
        let fails = |case: &Case, fault| !run(case, side, Some(fault)).0.is_ok();
        let tried: Vec<usize> = (0..rows.len())
            .filter(|at| !rows[*at].is_blunt() && awaited(rows[*at].fault).is_none())
            .collect();
        let numbers: Vec<usize> = (0..cases.len()).collect();
        let failing = on_all_processors(&numbers, |number| {
            let (case, occasions) = cases[*number];
            // Each case begins with another mistake, so that all have their turn.
            let turns = tried.iter().cycle().skip(number % tried.len()).take(tried.len()).copied();
            turns
                .filter(|at| occasions.contains(rows[*at].fault) && fails(case, rows[*at].fault))
                .take(enough)
                .collect::<Vec<usize>>()
        });
        for ((case, _), failing) in cases.iter().zip(failing) {
            for at in failing {
                self.rows[at].failed.push(case.id.clone());
            }
        }
        for at in tried.into_iter().filter(|_| enough != usize::MAX) {
            let Row { fault, failed, .. } = &mut self.rows[at];
            if failed.is_empty() {
                let mut cases = cases.iter().filter(|(_, occasions)| occasions.contains(*fault));
                let found = cases.find(|(case, _)| fails(case, *fault));
                failed.extend(found.map(|(case, _)| case.id.clone()));
            }
        }
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
        for Row { fault, failed, .. } in self.rows.iter().filter(|row| !row.is_blunt()) {
            failed_by.extend(failed.iter().map(|id| (id, *fault)));
        }
        for case in cases {
            let Case { id, title, .. } = case;
            if let Expect::Conversation(any) = case.script(self.side, Scale::Quick).expect
                && any.informational
            {
                continue;
            }
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
        for Row { fault, failed } in &self.rows {
            let first: Vec<String> = failed.iter().take(3).map(CaseId::to_string).collect();
            println!("{:36}{:5}  {}", fault.name(), failed.len(), first.join(", "));
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
    let wrong = Table::of(Side::Server).wrong;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_mistake_of_a_client_is_found_and_each_case_finds_one() {
    let wrong = Table::of(Side::Client).wrong;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_exception_is_of_a_case_that_does_not_exist() {
    let ids: Vec<String> = cases::all().iter().map(|case| case.id.to_string()).collect();
    for (id, reason) in UNFAILED {
        assert!(ids.iter().any(|known| known == id), "{id}: {reason}");
    }
}
