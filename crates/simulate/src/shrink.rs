//! Makes a plan that breaks an invariant as short as possible, and prints it as a test.

use std::fmt::Write;

use crate::plan::{Act, Broken, How, Invariant, Net, Plan, Settings, Setup, Step, Take};
use crate::run::run;

/// A plan that breaks an invariant, and how.
#[derive(Clone, Debug)]
pub struct Found {
    /// The plan.
    pub plan: Plan,
    /// The invariant that it breaks, and where.
    pub broken: Broken,
    /// How many runs it took to make it this short.
    pub runs: usize,
}

/// Removes steps and simplifies others, as long as the same invariant is broken.
#[must_use]
pub fn shrink(plan: Plan, broken: Broken) -> Found {
    let mut found = Found { plan, broken, runs: 0 };
    if found.broken.invariant == Invariant::Hang {
        // Each try would hang as long.
        return found;
    }
    // The steps after the one that breaks it are not needed.
    let steps = found.plan.steps.iter().take(found.broken.at + 1).copied().collect();
    found.accepts(Plan { steps, ..found.plan.clone() });
    loop {
        let before = found.plan.clone();
        found.remove_steps();
        found.simplify_steps();
        found.simplify_setup();
        if found.plan == before {
            return found;
        }
    }
}

impl Found {
    /// Keeps a plan if it breaks the same invariant.
    fn accepts(&mut self, plan: Plan) -> bool {
        self.runs += 1;
        match run(&plan) {
            Err(broken) if broken.invariant == self.broken.invariant => {
                (self.plan, self.broken) = (plan, broken);
                true
            }
            _ => false,
        }
    }

    /// Removes halves of the steps, then quarters, and so on down to single ones.
    fn remove_steps(&mut self) {
        let mut size = self.plan.steps.len().div_ceil(2);
        while size > 0 {
            let mut at = 0;
            while at < self.plan.steps.len() {
                let mut plan = self.plan.clone();
                let end = (at + size).min(plan.steps.len());
                plan.steps.drain(at..end);
                if !self.accepts(plan) {
                    at += size;
                }
            }
            size /= 2;
        }
    }

    fn simplify_steps(&mut self) {
        for at in 0..self.plan.steps.len() {
            while simpler(self.plan.steps[at]).into_iter().any(|step| {
                let mut plan = self.plan.clone();
                plan.steps[at] = step;
                step != self.plan.steps[at] && self.accepts(plan)
            }) {}
        }
    }

    fn simplify_setup(&mut self) {
        let plain = Setup::plain(self.plan.setup.world);
        let settings: [fn(&mut Settings, &Settings); 11] = [
            |it, plain| it.max_message = plain.max_message,
            |it, plain| it.max_frame = plain.max_frame,
            |it, plain| it.max_fragments = plain.max_fragments,
            |it, plain| it.ping_interval = plain.ping_interval,
            |it, plain| it.pong_timeout = plain.pong_timeout,
            |it, plain| it.idle_timeout = plain.idle_timeout,
            |it, plain| it.close_timeout = plain.close_timeout,
            |it, plain| it.max_write_buffer = plain.max_write_buffer,
            |it, plain| it.write_buffer = plain.write_buffer,
            |it, plain| it.read_ahead = plain.read_ahead,
            |it, plain| it.halves = plain.halves,
        ];
        let mut tries: Vec<Setup> = Vec::new();
        let now = self.plan.setup;
        tries.push(Setup { mutant: now.mutant, ..plain });
        tries.push(Setup { client: plain.client, ..now });
        tries.push(Setup { server: plain.server, ..now });
        for setup in tries {
            self.accepts_setup(setup);
        }
        let others: [fn(&mut Setup, &Setup); 4] = [
            |it, plain| it.deflate = plain.deflate,
            |it, plain| it.capacity = plain.capacity,
            |it, plain| it.seed = plain.seed,
            |it, plain| it.connections = plain.connections,
        ];
        for simplify in others {
            let mut setup = self.plan.setup;
            simplify(&mut setup, &plain);
            self.accepts_setup(setup);
        }
        for simplify in settings {
            let mut setup = self.plan.setup;
            simplify(&mut setup.client, &plain.client);
            self.accepts_setup(setup);
            let mut setup = self.plan.setup;
            simplify(&mut setup.server, &plain.server);
            self.accepts_setup(setup);
        }
    }

    fn accepts_setup(&mut self, setup: Setup) {
        if setup != self.plan.setup {
            self.accepts(Plan { setup, steps: self.plan.steps.clone() });
        }
    }

    /// The plan as the body of a test.
    #[must_use]
    pub fn as_test(&self) -> String {
        let Plan { setup, steps } = &self.plan;
        let plain = Setup::plain(setup.world);
        let mut text = String::from("let mut setup = Setup::plain(");
        let _ = writeln!(text, "World::{:?});", setup.world);
        let mut fields = Vec::new();
        let mut field = |name: &str, value: String, is_plain: bool| {
            if !is_plain {
                fields.push(format!("setup.{name} = {value};"));
            }
        };
        field("seed", setup.seed.to_string(), setup.seed == plain.seed);
        field("connections", setup.connections.to_string(), setup.connections == plain.connections);
        field("capacity", setup.capacity.to_string(), setup.capacity == plain.capacity);
        field("deflate", format!("{:?}", setup.deflate), setup.deflate == plain.deflate);
        field("client", format!("{:?}", setup.client), setup.client == plain.client);
        field("server", format!("{:?}", setup.server), setup.server == plain.server);
        let mutant = setup.mutant.map(|mutant| format!("Some(Mutant::{mutant:?})"));
        field("mutant", mutant.unwrap_or_default(), setup.mutant.is_none());
        for field in fields {
            let _ = writeln!(text, "{field}");
        }
        text.push_str("replay(&setup, &[\n");
        for step in steps {
            let step = format!("{step:?}");
            let _ = writeln!(text, "    {step},");
        }
        text.push_str("])\n.unwrap();\n");
        text
    }
}

/// Steps that do less, the least first.
fn simpler(step: Step) -> Vec<Step> {
    let less = |number: u32| {
        [0, 1, number / 2, number.saturating_sub(number / 8), number.saturating_sub(1)]
            .into_iter()
            .filter(move |less| *less < number)
    };
    match step {
        Step::Pass(millis) => less(millis).map(Step::Pass).collect(),
        Step::Settle => Vec::new(),
        Step::Net(conn, side, net) => {
            let nets: Vec<Net> = match net {
                Net::Corrupt(ahead, pattern) => {
                    less(ahead).map(|ahead| Net::Corrupt(ahead, pattern)).collect()
                }
                Net::Split(most) => less(most).map(Net::Split).collect(),
                Net::Capacity(bytes) => less(bytes).map(Net::Capacity).collect(),
                Net::Delay(millis) => less(millis).map(Net::Delay).collect(),
                _ => Vec::new(),
            };
            let mut steps: Vec<Step> =
                nets.into_iter().map(|net| Step::Net(conn, side, net)).collect();
            steps.extend((conn > 0).then_some(Step::Net(0, side, net)));
            steps
        }
        Step::App(conn, side, act) => {
            let acts: Vec<Act> = match act {
                Act::Send(kind, len, how) => less(len)
                    .map(|len| Act::Send(kind, len, how))
                    .chain((how != How::Owned).then_some(Act::Send(kind, len, How::Owned)))
                    .collect(),
                Act::Feed(kind, len) => less(len).map(|len| Act::Feed(kind, len)).collect(),
                Act::Fragment(kind, len, last) => {
                    less(len).map(|len| Act::Fragment(kind, len, last)).collect()
                }
                Act::Close(code, reason) => (code != 1000)
                    .then_some(Act::Close(1000, reason))
                    .into_iter()
                    .chain((reason > 0).then_some(Act::Close(code, 0)))
                    .collect(),
                Act::Poll(take, most) => (take != Take::Owned)
                    .then_some(Act::Poll(Take::Owned, most))
                    .into_iter()
                    .chain((most > 1).then_some(Act::Poll(take, 1)))
                    .collect(),
                Act::Read(most) => {
                    (most < 1 << 20).then_some(Act::Read(1 << 20)).into_iter().collect()
                }
                Act::Write(most) => {
                    (most < 1 << 20).then_some(Act::Write(1 << 20)).into_iter().collect()
                }
                _ => Vec::new(),
            };
            let mut steps: Vec<Step> =
                acts.into_iter().map(|act| Step::App(conn, side, act)).collect();
            steps.extend((conn > 0).then_some(Step::App(0, side, act)));
            steps
        }
    }
}
