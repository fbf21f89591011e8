//! Runs of the core's endpoints, whole and in halves. The adapter is written out here step by step, so that its steps can
//! come in any order that the core's documentation allows.

mod end;

use std::time::Duration;

use fullduplex::handshake::OwnedClientRequest;
use fullduplex::{
    CloseCode, Connected, Connecting, DeflateConfig, Endpoint, EndpointConfig, Incoming, Progress,
};
use fullduplex_testkit::TestEntropy;

use crate::core_world::end::{Conn, Outside};
use crate::coverage::{Coverage, net_name};
use crate::flow::Flow;
use crate::memory::{self, Held};
use crate::pipe::Pipe;
use crate::plan::{Act, Broken, Invariant, Kept, Mutant, Plan, Settings, Setup, Side, Step, keep};

/// Runs a plan.
///
/// # Errors
/// The invariant that was broken first.
pub(crate) fn run(plan: &Plan, coverage: &mut Coverage) -> Kept {
    let mut world = World::new(&plan.setup)?;
    for (at, step) in plan.steps.iter().enumerate() {
        world.step(*step).and_then(|()| world.check()).map_err(|broken| Broken { at, ..broken })?;
    }
    let finished = world.finish();
    coverage.add(&world.outside.coverage);
    finished.map_err(|broken| Broken { at: plan.steps.len(), ..broken })
}

struct World {
    setup: Setup,
    conns: Vec<Conn>,
    outside: Outside,
}

fn ms(millis: u32) -> Duration {
    Duration::from_millis(millis.into())
}

/// The core's configuration.
pub(crate) fn config_of(setup: &Setup, side: Side) -> EndpointConfig {
    let settings: &Settings = setup.settings(side);
    let mut config = EndpointConfig::new();
    config.connection.limits.max_message_size = settings.max_message.into();
    config.connection.limits.max_frame_size = settings.max_frame.into();
    config.connection.limits.max_fragments = settings.max_fragments;
    config.connection.timeouts.ping_interval = settings.ping_interval.map(ms);
    config.connection.timeouts.pong_timeout = settings.pong_timeout.map(ms);
    config.connection.timeouts.idle_timeout = settings.idle_timeout.map(ms);
    config.connection.timeouts.close_timeout = ms(settings.close_timeout);
    config.max_write_buffer_size = settings.max_write_buffer as usize;
    config.deflate = setup.deflate.map(|deflate| {
        let (own, peer) = match side {
            Side::Client => (deflate.client_takeover, deflate.server_takeover),
            Side::Server => (deflate.server_takeover, deflate.client_takeover),
        };
        DeflateConfig::new()
            .level(deflate.level)
            .mem_level(deflate.mem_level)
            .max_window_bits(deflate.window_bits)
            .no_context_takeover(!own)
            .peer_no_context_takeover(!peer)
            .threshold(deflate.threshold as usize)
    });
    config
}

/// Two endpoints whose opening handshake is complete.
fn open(setup: &Setup, nth: u64) -> Option<[Endpoint<TestEntropy>; 2]> {
    let entropy = |side| TestEntropy::new(setup.seed ^ nth << 8 ^ side as u64);
    let request = OwnedClientRequest::new("ws://simulated.example/").ok()?;
    let (client, server) = (config_of(setup, Side::Client), config_of(setup, Side::Server));
    let mut connecting = Connecting::new(request, client, entropy(Side::Client)).ok()?;
    let mut incoming = Incoming::new(server, entropy(Side::Server));
    let request = connecting.output();
    let len = request.len();
    incoming.room().get_mut(..len)?.copy_from_slice(request);
    incoming.advance(len);
    connecting.advance_output(len);
    let Ok(Progress::Done(request)) = incoming.poll() else { return None };
    let acceptance = fullduplex::handshake::OwnedAcceptance::new();
    let (mut server, _) = request.accept(&acceptance.as_acceptance()).ok()?;
    let response = server.output().ok()?;
    let len = response.pending();
    connecting.room().get_mut(..len)?.copy_from_slice(response.first());
    response.advance(len);
    connecting.advance(len);
    match connecting.poll() {
        Ok(Progress::Done(Connected::Open { endpoint, .. })) => Some([endpoint, server]),
        _ => None,
    }
}

impl World {
    fn new(setup: &Setup) -> Kept<Self> {
        let mut outside = Outside {
            now: 0,
            held: Held::default(),
            coverage: Coverage::default(),
            mutant: setup.mutant,
            mutations: 0,
            swapped: None,
            hoard: Vec::new(),
        };
        let mut conns = Vec::new();
        for nth in 0..usize::from(setup.connections) {
            let ends = outside.held.count(|| open(setup, nth as u64));
            let Some(ends) = ends else {
                return Err(Broken::new(Invariant::Failure, "the opening handshake failed"));
            };
            let flow = |side| Flow::new(setup, nth, side, false);
            let capacity = setup.capacity as usize;
            let mut pipes = [Pipe::new(capacity), Pipe::new(capacity)];
            for pipe in &mut pipes {
                pipe.holds_last = setup.mutant == Some(Mutant::HoldByte);
            }
            let mut conn = Conn::new(setup, ends, [flow(Side::Client), flow(Side::Server)], pipes);
            for side in Side::BOTH {
                conn.look(side, &mut outside)?;
                if setup.settings(side).halves {
                    conn.split(side, &mut outside);
                }
            }
            conns.push(conn);
        }
        Ok(Self { setup: *setup, conns, outside })
    }

    fn step(&mut self, step: Step) -> Kept {
        match step {
            Step::App(conn, side, act) => {
                let nth = usize::from(conn) % self.conns.len();
                if let Some(conn) = self.conns.get_mut(nth) {
                    conn.act(side, act, &mut self.outside)?;
                }
                Ok(())
            }
            Step::Net(conn, side, net) => {
                let nth = usize::from(conn) % self.conns.len();
                if let Some(conn) = self.conns.get_mut(nth) {
                    conn.net(side, net, self.outside.now);
                    self.outside.coverage.note(net_name(net));
                }
                Ok(())
            }
            Step::Pass(millis) => {
                self.outside.coverage.note("pass");
                self.pass(millis.into())
            }
            Step::Settle => {
                self.outside.coverage.note("settle");
                self.settle()
            }
        }
    }

    /// Checks the invariants that hold after every step.
    fn check(&mut self) -> Kept {
        let bounds = self.conns.iter().map(|conn| conn.bound(&self.setup));
        let bound = memory::bound_of_pools(&self.setup) + bounds.sum::<usize>();
        self.outside.held.check(bound)?;
        self.conns.iter_mut().try_for_each(Conn::check_closes)
    }

    /// Lets both applications receive until nothing moves. The clock stands still.
    fn settle(&mut self) -> Kept {
        let mut bytes = 0;
        let mut least = 4096;
        for conn in &mut self.conns {
            conn.open_network();
            bytes += conn.bytes_to_move();
            least = least.min(conn.least_capacity());
            for side in Side::BOTH {
                conn.resume(side, false);
            }
        }
        // The bytes under way may cause replies.
        let most = 200 + 8 * (bytes / least.max(1));
        self.serve_all(most)?;
        for conn in &mut self.conns {
            conn.check_settled()?;
        }
        Ok(())
    }

    /// Serves every end that receives until nothing moves.
    fn serve_all(&mut self, most: usize) -> Kept {
        for _ in 0..most {
            let mut moves = false;
            for conn in &mut self.conns {
                for side in Side::BOTH {
                    moves |= conn.serve(side, &mut self.outside)?;
                }
            }
            if !moves {
                return Ok(());
            }
        }
        Err(Broken::new(Invariant::Progress, format!("no rest after {most} rounds")))
    }

    /// Time passes, from deadline to deadline.
    fn pass(&mut self, millis: u64) -> Kept {
        let end = self.outside.now + millis;
        let now = self.outside.now;
        self.conns.iter_mut().for_each(|conn| conn.arrive(now));
        loop {
            self.serve_all(1_000_000)?;
            let mut next = None::<u64>;
            let mut acted = false;
            for conn in &mut self.conns {
                for side in Side::BOTH {
                    acted |= conn.handle_deadline(side, &mut self.outside)?;
                }
                next = conn.next_instant(&mut self.outside)?.into_iter().chain(next).min();
            }
            if acted {
                continue;
            }
            let now = next.unwrap_or(u64::MAX).max(self.outside.now);
            keep!(
                next != Some(self.outside.now),
                Deadline,
                "something is due now, and nobody does it"
            );
            if now > end {
                self.outside.now = end;
                return Ok(());
            }
            self.outside.now = now;
            for conn in &mut self.conns {
                conn.arrive(now);
            }
        }
    }

    /// Ends every connection.
    fn finish(&mut self) -> Kept {
        self.settle()?;
        self.check()?;
        for conn in &mut self.conns {
            let code = CloseCode::Normal.to_u16();
            conn.act(Side::Client, Act::Close(code, 3), &mut self.outside)?;
        }
        self.settle()?;
        self.check()?;
        let longest = self.setup.client.close_timeout.max(self.setup.server.close_timeout);
        self.pass(2 * u64::from(longest) + 10)?;
        self.check()?;
        for conn in &mut self.conns {
            conn.check_over(&mut self.outside)?;
        }
        let Self { conns, outside, .. } = self;
        for conn in conns.drain(..) {
            conn.drop_ends(outside);
        }
        let hoard = std::mem::take(&mut outside.hoard);
        outside.held.count(|| drop(hoard));
        if memory::can_empty_pools(&self.setup) {
            self.outside.coverage.note("all memory is freed");
            self.outside.held.check_freed()?;
        }
        Ok(())
    }
}
