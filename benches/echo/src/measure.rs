//! Measures one case: each contender proves that it does the work, then all run in rounds whose
//! order rotates.

use std::time::{Duration, Instant};

use fullduplex_benches::measure::{Spread, median, order};

use crate::calls::{Calls, Strace};
use crate::case::{Case, Failure, Load};
use crate::contenders::{Contender, Side};
use crate::machine::Cores;
use crate::server::Server;

/// How many rounds there are, and how much processor time the unit takes in each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) unit: Duration,
    /// Whether the load polls for input instead of sleeping.
    pub(crate) spin: bool,
}

/// A contender's figures in one case.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) contender: &'static Contender,
    /// Nanoseconds of processor time for each message or connection, one number per round.
    pub(crate) times: Vec<f64>,
    /// Messages or connections per second of wall-clock time.
    pub(crate) rates: Vec<f64>,
    /// System calls for each message or connection; `None` if they were not counted.
    pub(crate) calls: Option<Calls>,
}

impl Figures {
    /// Its processor time as a ratio to that of `other`, round by round.
    pub(crate) fn ratio_to(&self, other: &Self) -> Spread {
        let pairs = self.times.iter().zip(&other.times);
        Spread::of(pairs.map(|(ours, theirs)| ours / theirs).collect())
    }

    /// System calls for each message or connection.
    pub(crate) fn all_calls(&self) -> Option<f64> {
        self.calls.as_ref().map(|calls| calls.values().sum())
    }
}

/// The outcome of a case.
#[derive(Debug)]
pub(crate) struct Outcome<C> {
    pub(crate) case: C,
    /// How many messages or connections each run had.
    pub(crate) count: usize,
    pub(crate) figures: Vec<Figures>,
    /// The contenders that could not do the work, and why.
    pub(crate) absent: Vec<(&'static Contender, String)>,
}

impl<C: Case> Outcome<C> {
    pub(crate) fn of(&self, name: &str) -> Option<&Figures> {
        self.figures.iter().find(|figures| figures.contender.name == name)
    }

    /// The ratio to the unit.
    pub(crate) fn ratio(&self, name: &str) -> Option<Spread> {
        Some(self.of(name)?.ratio_to(self.of(C::DISCIPLINE.unit())?))
    }

    /// The peer that took the least time.
    pub(crate) fn best_peer(&self) -> Option<&Figures> {
        let peers = self.figures.iter().filter(|figures| figures.contender.side == Side::Peer);
        peers.min_by(|a, b| median(a.times.clone()).total_cmp(&median(b.times.clone())))
    }
}

/// A contender that takes part.
struct Running<L> {
    figures: Figures,
    server: Server,
    load: L,
}

/// Measures one case, with these contenders.
///
/// # Errors
/// When the unit or one of our contenders cannot do the work.
pub(crate) fn measure<C: Case>(
    case: C,
    effort: Effort,
    cores: Cores,
    strace: &Strace,
    contenders: &[&'static Contender],
) -> Result<Outcome<C>, Failure> {
    let (mut running, mut absent) = (Vec::new(), Vec::new());
    for &contender in contenders {
        let failed = |error: Failure| format!("{case}: {}: {error}", contender.name);
        match Running::start(case, contender, effort, cores, strace) {
            Ok(one) => running.push(one),
            Err(error) if contender.side == Side::Peer => {
                absent.push((contender, error.to_string()));
            }
            Err(error) => return Err(failed(error).into()),
        }
    }

    let turns = turns(case, effort, &mut running)?;
    for round in 0..effort.rounds {
        for place in order(round, running.len()) {
            let one = &mut running[place];
            one.time(case, turns)
                .map_err(|error| format!("{case}: {}: {error}", one.figures.contender.name))?;
        }
    }
    let count = turns * case.turn();
    let figures = running.into_iter().map(|running| running.figures).collect();
    Ok(Outcome { case, count, figures, absent })
}

/// The number of turns that keep the unit busy for the wanted time, if the case allows so many.
fn turns<C: Case>(
    case: C,
    effort: Effort,
    running: &mut [Running<C::Load>],
) -> Result<usize, Failure> {
    let is_unit = |one: &&mut Running<C::Load>| one.figures.contender.side == Side::Unit;
    let unit = running.iter_mut().find(is_unit).ok_or("the unit does not take part")?;
    let mut samples = Vec::new();
    let mut turns = 1;
    while samples.len() < 5 {
        let (taken, _) = unit.timed(turns)?;
        // Shorter times cannot be measured well.
        if taken < effort.unit / 20 {
            turns *= 2;
        } else {
            samples.push(taken.as_secs_f64() / turns as f64);
        }
    }
    Ok(case.turns((effort.unit.as_secs_f64() / median(samples)) as usize))
}

impl<L: Load> Running<L> {
    fn start(
        case: impl Case<Load = L>,
        contender: &'static Contender,
        effort: Effort,
        cores: Cores,
        strace: &Strace,
    ) -> Result<Self, Failure> {
        let server = Server::start(contender, cores.server(), &[])?;
        let mut load = case.load(contender, server.address, effort.spin)?;
        load.prove()?;
        let calls = strace.count(case, contender, cores)?;
        let figures = Figures { contender, times: Vec::new(), rates: Vec::new(), calls };
        Ok(Self { figures, server, load })
    }

    /// One run. Returns the server's processor time and the wall-clock time.
    fn timed(&mut self, turns: usize) -> Result<(Duration, Duration), Failure> {
        let before = self.server.time()?;
        let begun = Instant::now();
        self.load.run(turns)?;
        let elapsed = begun.elapsed();
        Ok((self.server.time()?.saturating_sub(before), elapsed))
    }

    /// One round.
    fn time(&mut self, case: impl Case, turns: usize) -> Result<(), Failure> {
        // Warm up: caches and branch predictors still have the state of the contender before.
        self.load.run((turns / 16).max(1))?;
        let (taken, elapsed) = self.timed(turns)?;
        let count = (turns * case.turn()) as f64;
        self.figures.times.push(taken.as_secs_f64() * 1e9 / count);
        self.figures.rates.push(count / elapsed.as_secs_f64());
        Ok(())
    }
}
