//! Each case has a wrong peer that it fails, and each wrong peer has a case that finds it.

use std::collections::BTreeMap;
use std::env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use fullduplex_conformance::{
    Behavior, Case, CaseId, Options, Outcome, Party, Side, Subject, Transport, cases, run_in_memory,
};
use fullduplex_conformance_faulty as faulty;
use fullduplex_conformance_faulty::{Client, Endpoint, Fault, Occasions};

/// Mistakes that no case finds yet, with the section that will find them.
const AWAITS: &[(Fault, &str)] = &[];

/// Mistakes that break each opening or closing handshake, or each frame. They are blunt: they show nothing about the cases
/// that they fail.
const BLUNT: &[Fault] = &[
    Fault::WrongMasking,
    Fault::PayloadNotMasked,
    Fault::CloseNotAnswered,
    Fault::TcpClosedWithoutClose,
    Fault::TcpLeftOpen,
    Fault::AcceptOfDecodedKey,
    Fault::ResponseWithoutUpgrade,
    Fault::SubprotocolInvented,
    Fault::ExtensionInvented,
    Fault::RequestHttp10,
    Fault::RequestWithoutKey,
];

/// Cases that only blunt mistakes fail, and why. Cases that allow any behaviour need no entry.
const UNFAILED: &[(&str, Option<Side>, &str)] = &[
    (
        "7.1.2",
        None,
        "the same Close as in 7.3.3; no sentence of the RFC forbids to answer the second one",
    ),
    ("X.1.63", None, "the same Close; no sentence of the RFC forbids to answer the second one"),
    ("7.3.3", None, "a Close with code 1000 ends most cases: what breaks it breaks them all"),
    ("7.7.1", None, "a Close with code 1000 ends most cases: what breaks it breaks them all"),
    ("T.2.5", None, "the same Close, and the end of the input behind it"),
    ("T.3.1", Some(Side::Server), "that a server ends the TCP connection is a part of each case"),
    ("T.3.3", Some(Side::Server), "a server is gone before the message behind the Close comes"),
    ("X.1.64", None, "the same Close: what comes behind it has nothing to be seen by"),
];

/// A case sends much if it sends more bytes than this, or is in section 9, 12 or 13.
const MUCH: u64 = 64 << 10;

/// How many wrong peers that fail a case that sends much are enough.
const ENOUGH: usize = 2;

/// With this variable in the environment, all mistakes are tried, so the table that is printed is
/// complete.
const WHOLE: &str = "FAULTS_WHOLE_TABLE";

/// An endpoint of the package `faulty` as a subject.
struct Faulty(Endpoint);

impl Faulty {
    fn new(side: Side, asked: Asked, fault: Option<Fault>) -> Self {
        Self(match side {
            Side::Server => Endpoint::server(fault),
            Side::Client => {
                let (protocols, extensions) = (asked.0.into(), asked.1.into());
                let client = Client { protocols, extensions, ..Client::new("localhost", "/") };
                Endpoint::client(&client, fault)
            }
        })
    }
}

/// The subprotocols and the extensions that a client offers.
type Asked = (&'static str, &'static str);

/// The offers that a client tries in turn until one has what a case needs.
const ASKED: [Asked; 3] = [
    ("", "permessage-deflate; client_max_window_bits"),
    ("chat", "permessage-deflate; server_max_window_bits=10; client_max_window_bits=10"),
    ("", "permessage-deflate"),
];

impl Subject for Faulty {
    fn receive(&mut self, bytes: &[u8]) {
        self.0.receive(bytes);
    }

    fn end_of_input(&mut self) {
        self.0.end_of_input();
    }

    fn reset(&mut self) {
        self.0.reset();
    }

    fn transmit(&mut self, out: &mut Vec<u8>) -> Transport {
        out.append(&mut self.0.output());
        if self.0.is_closed() { Transport::Closed } else { Transport::Open }
    }
}

/// A case, and its outcome with an endpoint that makes no mistake.
struct Passed<'c> {
    case: &'c Case,
    side: Side,
    asked: Asked,
    outcome: Outcome,
    /// The mistakes that the endpoint had an opportunity to make.
    occasions: Occasions,
}

impl<'c> Passed<'c> {
    fn new(case: &'c Case, side: Side) -> Self {
        let mut tries = ASKED.iter().map(|asked| {
            let mut subject = Faulty::new(side, *asked, None);
            let outcome = run_in_memory(case, side, &Options::default(), &mut subject);
            Self { case, side, asked: *asked, outcome, occasions: subject.0.occasions() }
        });
        let first = tries.next().expect("something that is asked for");
        if first.outcome.behavior != Behavior::Unimplemented {
            return first;
        }
        let mut others = tries.filter(|other| other.outcome.behavior != Behavior::Unimplemented);
        others.next().unwrap_or(first)
    }

    /// Runs the case with a mistake.
    fn with(&self, fault: Fault) -> Outcome {
        let mut subject = Faulty::new(self.side, self.asked, Some(fault));
        run_in_memory(self.case, self.side, &Options::default(), &mut subject)
    }

    fn sends_much(&self) -> bool {
        let wire = &self.outcome.wire;
        wire.len(Party::Runner) + wire.len(Party::Subject) > MUCH
            || matches!(&*self.case.id.section(), "9" | "12" | "13")
    }
}

fn is_for(fault: Fault, side: Side) -> bool {
    fault.is_for(match side {
        Side::Server => faulty::Side::Server,
        Side::Client => faulty::Side::Client,
    })
}

/// The section that will find a mistake.
fn awaited(fault: Fault) -> Option<&'static str> {
    AWAITS.iter().find(|(awaits, _)| *awaits == fault).map(|(_, section)| *section)
}

/// Applies a function to each item, on all processors.
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

/// The cases that each mistake of a side fails, and everything that is wrong with them.
struct Table {
    side: Side,
    rows: Vec<Row>,
    wrong: Vec<String>,
}

impl Table {
    fn of(side: Side) -> Self {
        let cases = cases::all();
        let cases: Vec<&Case> = cases.iter().filter(|case| case.is_for(side)).collect();
        let passed = on_all_processors(&cases, |case| Passed::new(case, side));
        let (passed, not): (Vec<_>, Vec<_>) = passed.into_iter().partition(|it| it.outcome.is_ok());
        let wrong =
            not.iter().map(|it| format!("without a mistake: {}", describe(&it.outcome))).collect();
        let (much, little): (Vec<_>, Vec<_>) = passed.iter().partition(|it| it.sends_much());
        let mut table = Self { side, rows: Vec::new(), wrong };
        table.run_little(&little);
        table.run_much(&much);
        table.check_faults();
        table.check_cases(&passed);
        table.print();
        table
    }

    /// Runs every mistake with every case that does not send much.
    fn run_little(&mut self, cases: &[&Passed<'_>]) {
        let side = self.side;
        let faults: Vec<Fault> =
            Fault::ALL.iter().copied().filter(|fault| is_for(*fault, side)).collect();
        let rows = on_all_processors(&faults, |fault| {
            let fault = *fault;
            let (mut failed, mut wrong) = (Vec::new(), Vec::new());
            for case in cases {
                let outcome = case.with(fault);
                if !outcome.is_ok() {
                    failed.push(case.case.id.clone());
                    if !case.occasions.contains(fault) {
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

    /// Runs mistakes with the cases that send much: with each case until enough mistakes have failed it, and with each
    /// mistake until a case has found it.
    ///
    /// In each case, only the mistakes are tried that an endpoint had an opportunity to make, because any other mistake
    /// would have changed nothing. (The cases that do not send much show that this is true.)
    fn run_much(&mut self, cases: &[&Passed<'_>]) {
        let rows = &self.rows;
        let enough = if env::var_os(WHOLE).is_some() { usize::MAX } else { ENOUGH };
        let tried: Vec<usize> = (0..rows.len())
            .filter(|at| !rows[*at].is_blunt() && awaited(rows[*at].fault).is_none())
            .collect();
        let fails =
            |case: &Passed<'_>, fault| case.occasions.contains(fault) && !case.with(fault).is_ok();
        let numbers: Vec<usize> = (0..cases.len()).collect();
        let failing = on_all_processors(&numbers, |number| {
            // Each case starts with a different mistake, so that all get their turn.
            let turns = tried.iter().cycle().skip(number % tried.len()).take(tried.len()).copied();
            turns
                .filter(|at| fails(cases[*number], rows[*at].fault))
                .take(enough)
                .collect::<Vec<usize>>()
        });
        for (case, failing) in cases.iter().zip(failing) {
            for at in failing {
                self.rows[at].failed.push(case.case.id.clone());
            }
        }
        for at in tried.into_iter().filter(|_| enough != usize::MAX) {
            let Row { fault, failed, .. } = &mut self.rows[at];
            if failed.is_empty() {
                let found = cases.iter().find(|case| fails(case, *fault));
                failed.extend(found.map(|case| case.case.id.clone()));
            }
        }
    }

    /// Each mistake is found, or awaits cases that do not exist yet.
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

    /// Each case is failed by a mistake that is not blunt, unless it allows any behaviour.
    fn check_cases(&mut self, cases: &[Passed<'_>]) {
        let mut failed_by = BTreeMap::new();
        for Row { fault, failed, .. } in self.rows.iter().filter(|row| !row.is_blunt()) {
            failed_by.extend(failed.iter().map(|id| (id, *fault)));
        }
        for Passed { case: Case { id, title, .. }, outcome, .. } in cases {
            if outcome.behavior == Behavior::Informational {
                continue;
            }
            let excepted = UNFAILED.iter().any(|(excepted, only, _)| {
                *excepted == id.to_string() && only.is_none_or(|only| only == self.side)
            });
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
    for (id, _, reason) in UNFAILED {
        assert!(ids.iter().any(|known| known == id), "{id}: {reason}");
    }
}
