//! Measures one case: each contender proves that it does the work, then all run in rounds whose
//! order rotates.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use cpu_time::ThreadTime;
use fullduplex_benches::measure::{Spread, median, order};

use crate::case::Case;
use crate::contenders::{ALL, Candidate, Contender, Setting, Side, limit_of};
use crate::memory::Written;
use crate::tally::{Tally, expected, of_written};

/// How many rounds there are, and how long the limit runs in each. The contenders process as many messages, which takes
/// as long or longer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) limit: Duration,
}

/// The fewest messages in a round, so that what happens only once, such as the growth of a buffer, has little weight.
const LEAST: usize = 32;

/// A contender's times in one case.
#[derive(Debug)]
pub(crate) struct Times {
    pub(crate) candidate: &'static Candidate,
    /// Nanoseconds for each message, one number per round.
    pub(crate) rounds: Vec<f64>,
}

impl Times {
    /// Its time as a ratio to that of `other`, round by round.
    pub(crate) fn ratio_to(&self, other: &Self) -> Spread {
        let pairs = self.rounds.iter().zip(&other.rounds);
        Spread::of(pairs.map(|(ours, theirs)| ours / theirs).collect())
    }
}

/// The outcome of a case.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) case: Case,
    /// How many messages each run had.
    pub(crate) messages: usize,
    pub(crate) times: Vec<Times>,
    /// The contenders that could not do the work, and why.
    pub(crate) absent: Vec<(&'static Candidate, String)>,
}

impl Outcome {
    pub(crate) fn of(&self, name: &str) -> Option<&Times> {
        self.times.iter().find(|times| times.candidate.name == name)
    }

    /// The limit that this case is compared with.
    pub(crate) fn limit(&self) -> Option<&Times> {
        self.of(limit_of(self.case.kind))
    }

    /// The fastest contender of one side.
    pub(crate) fn best(&self, side: Side) -> Option<&Times> {
        let limit = self.limit()?;
        let of_side = self.times.iter().filter(|times| times.candidate.side == side);
        of_side.min_by(|a, b| a.ratio_to(limit).median.total_cmp(&b.ratio_to(limit).median))
    }
}

/// A contender that takes part.
struct Running {
    candidate: &'static Candidate,
    contender: Box<dyn Contender>,
    written: Rc<Written>,
}

/// Measures one case, with the limits and with the contenders whose name contains one of `filters`, or with all of them
/// without filters.
///
/// # Errors
/// When a limit or one of our contenders cannot do the work.
pub(crate) fn measure(case: Case, effort: Effort, filters: &[String]) -> Result<Outcome, String> {
    let payloads = case.payloads();
    let setting = Setting::new(case, &payloads);
    let (mut running, mut absent) = (Vec::new(), Vec::new());
    let chosen = ALL.into_iter().filter(|candidate| {
        filters.is_empty()
            || candidate.side == Side::Limit
            || filters.iter().any(|filter| candidate.name.contains(filter.as_str()))
    });
    for candidate in chosen {
        let written = Rc::new(Written::default());
        // A library that panics is reported and left out; the others continue.
        let proof = catch_unwind(AssertUnwindSafe(|| {
            let Some(mut contender) = (candidate.make)(setting.parts(&written)) else {
                return Ok(None);
            };
            prove(case, candidate, &payloads, contender.as_mut(), &written)?;
            Ok(Some(contender))
        }));
        match proof.unwrap_or_else(|cause| Err(panic_message(cause.as_ref()))) {
            Ok(None) => {}
            Ok(Some(contender)) => running.push(Running { candidate, contender, written }),
            Err(reason) if candidate.side == Side::Peer => absent.push((candidate, reason)),
            Err(reason) => return Err(format!("{case}: {}: {reason}", candidate.name)),
        }
    }

    let messages = messages(case, effort, payloads.len(), &mut running);
    let mut rounds = vec![Vec::with_capacity(effort.rounds); running.len()];
    for round in 0..effort.rounds {
        for place in order(round, running.len()) {
            rounds[place].push(running[place].time(case, messages)?);
        }
    }
    let times = running.iter().zip(rounds);
    let times =
        times.map(|(running, rounds)| Times { candidate: running.candidate, rounds }).collect();
    Ok(Outcome { case, messages, times, absent })
}

/// The first, untimed round, in which the digest of all messages must be right.
fn prove(
    case: Case,
    candidate: &Candidate,
    payloads: &[Vec<u8>],
    contender: &mut dyn Contender,
    written: &Written,
) -> Result<(), String> {
    let mut tally = Tally::proving();
    written.record();
    contender.run(payloads.len(), &mut tally);
    let recorded = written.recorded();
    let digest = match case.kind.is_sending() {
        // The limit that only copies has no right digest where messages are masked.
        true if candidate.side == Side::Limit && candidate.name != limit_of(case.kind) => None,
        true => Some(of_written(case, &recorded)?),
        false if candidate.side == Side::Limit && candidate.name != limit_of(case.kind) => None,
        false => tally.digest(),
    };
    match digest {
        Some(digest) if digest != expected(case, payloads) => {
            Err("the digest of the messages is wrong".into())
        }
        _ => Ok(()),
    }
}

/// The number of messages that keeps the limit busy for the wanted time.
fn messages(case: Case, effort: Effort, at_once: usize, running: &mut [Running]) -> usize {
    let name = limit_of(case.kind);
    let Some(limit) = running.iter_mut().find(|running| running.candidate.name == name) else {
        return at_once;
    };
    let samples = (0..5).map(|_| {
        let begun = ThreadTime::now();
        limit.contender.run(at_once, &mut Tally::default());
        begun.elapsed().as_secs_f64() / at_once as f64
    });
    let each = median(samples.collect());
    ((effort.limit.as_secs_f64() / each.max(1e-10)) as usize).max(LEAST)
}

impl Running {
    /// One run, in nanoseconds for each message.
    fn time(&mut self, case: Case, messages: usize) -> Result<f64, String> {
        // Warm up: caches and branch predictors still have the state of the contender before.
        self.contender.run((messages / 16).max(LEAST / 4), &mut Tally::default());
        let mut tally = Tally::default();
        let before = self.written.bytes();
        // The thread's own time, so that what else runs on the machine does not count.
        let begun = ThreadTime::now();
        self.contender.run(messages, &mut tally);
        let elapsed = begun.elapsed();
        let done = match case.kind.is_sending() {
            true => self.written.bytes() - before,
            false => tally.bytes,
        };
        if done < (messages * case.len) as u64 {
            return Err(format!("{case}: {} has left work undone", self.candidate.name));
        }
        Ok(elapsed.as_secs_f64() * 1e9 / messages as f64)
    }
}

fn panic_message(cause: &(dyn std::any::Any + Send)) -> String {
    let message = cause.downcast_ref::<String>().map(String::as_str);
    let message = message.or_else(|| cause.downcast_ref::<&str>().copied());
    format!("panicked: {}", message.unwrap_or("without a message"))
}
