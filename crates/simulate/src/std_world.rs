//! Runs of the blocking adapter: applications whose calls never wait, on one thread, over streams in memory that do not
//! block. There are no deadlines, because the adapter uses the system's clock. The adapter is observed from outside.

mod end;
mod wire;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use fullduplex_std::{
    EndpointConfig, HandshakeError, OwnedAcceptance, OwnedClientRequest, WebSocket, accept_with,
    client_with,
};

use crate::between::{Between, State};
use crate::core_world::config_of;
use crate::coverage::{Coverage, net_name};
use crate::flow::Flow;
use crate::memory::{self, Held};
use crate::pipe::Pipe;
use crate::plan::{Act, Broken, Invariant, Kept, Mutant, Net, Plan, Setup, Side, Step, keep};
use crate::std_world::end::End;
use crate::std_world::wire::Wire;

/// The memory of stream handles and of what halves share, in addition to the WebSockets.
const HANDLES: usize = 4 << 10;

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
    for conn in &world.conns {
        coverage.add(&conn.between.borrow().coverage);
    }
    coverage.add(&world.coverage);
    finished.map_err(|broken| Broken { at: plan.steps.len(), ..broken })
}

struct Conn {
    between: Rc<RefCell<Between>>,
    ends: [End; 2],
}

struct World {
    setup: Setup,
    now: Rc<Cell<u64>>,
    conns: Vec<Conn>,
    held: Held,
    coverage: Coverage,
}

/// Two WebSockets whose opening handshake is complete.
fn open(
    between: &Rc<RefCell<Between>>,
    config: impl Fn(Side) -> EndpointConfig,
) -> Option<[WebSocket<Wire>; 2]> {
    let wire = |side| Wire::new(side, between.clone());
    let request = OwnedClientRequest::new("ws://simulated.example/").ok()?;
    let connected = client_with(request, wire(Side::Client), config(Side::Client));
    let Err(HandshakeError::Interrupted(connecting)) = connected else { return None };
    let decide = |_: &fullduplex_std::Request<'_>| Ok(OwnedAcceptance::new());
    let server = accept_with(wire(Side::Server), config(Side::Server), decide).ok()?;
    let (client, _) = connecting.handshake().ok()?;
    Some([client, server])
}

impl World {
    fn new(setup: &Setup) -> Kept<Self> {
        let mut world = Self {
            setup: *setup,
            now: Rc::default(),
            conns: Vec::new(),
            held: Held::default(),
            coverage: Coverage::default(),
        };
        for nth in 0..usize::from(setup.connections) {
            world.open(nth)?;
        }
        Ok(world)
    }

    fn open(&mut self, nth: usize) -> Kept {
        let Self { setup, now, held, .. } = self;
        let flow = |side| Flow::new(setup, nth, side, true);
        let flows = [flow(Side::Client), flow(Side::Server)];
        let pipes = [Pipe::new(4096), Pipe::new(4096)];
        let clock = {
            let now = now.clone();
            Box::new(move || now.get())
        };
        let between = Rc::new(RefCell::new(Between::new(flows, pipes, clock, setup.mutant)));
        let opened = held.count(|| open(&between, |side| config_of(setup, side)));
        let Some([client, server]) = opened else {
            return Err(Broken::new(Invariant::Failure, "the opening handshake failed"));
        };
        for pipe in &mut between.borrow_mut().pipes {
            pipe.capacity = setup.capacity as usize;
            pipe.holds_last = setup.mutant == Some(Mutant::HoldByte);
        }
        let mut ends = [
            End::new(Side::Client, between.clone(), client),
            End::new(Side::Server, between.clone(), server),
        ];
        for side in Side::BOTH {
            if setup.settings(side).halves {
                ends[side.index()].split(held);
            }
        }
        self.conns.push(Conn { between, ends });
        Ok(())
    }

    fn step(&mut self, step: Step) -> Kept {
        match step {
            Step::App(conn, side, act) => {
                let nth = usize::from(conn) % self.conns.len();
                self.act(nth, side, act);
            }
            Step::Net(conn, side, net) => {
                let nth = usize::from(conn) % self.conns.len();
                self.coverage.note(net_name(net));
                self.conns[nth].between.borrow_mut().net(side, net);
            }
            Step::Pass(millis) => {
                self.coverage.note("pass");
                self.now.set(self.now.get() + u64::from(millis));
                for conn in &self.conns {
                    for pipe in &mut conn.between.borrow_mut().pipes {
                        pipe.arrive(self.now.get());
                    }
                }
            }
            Step::Settle => {
                self.coverage.note("settle");
                self.settle()?;
            }
        }
        self.look()
    }

    fn act(&mut self, nth: usize, side: Side, act: Act) {
        let Self { conns, held, .. } = self;
        conns[nth].ends[side.index()].act(act, held);
    }

    /// # Errors
    /// The invariant that was broken within a call.
    fn look(&self) -> Kept {
        let broken = |conn: &Conn| conn.between.borrow_mut().broken.take();
        self.conns.iter().find_map(broken).map_or(Ok(()), Err)
    }

    /// Checks the invariants that hold after every step.
    fn check(&mut self) -> Kept {
        let setup = &self.setup;
        let bounds = self.conns.iter().map(|conn| conn.between.borrow().bound(setup) + HANDLES);
        let bounds: usize = bounds.sum();
        self.held.check(memory::bound_of_pools(setup) + bounds)?;
        let check = |conn: &Conn| conn.between.borrow_mut().check_closes(conn.states());
        self.conns.iter().try_for_each(check)
    }

    /// Opens the network, and lets both applications receive until nothing moves.
    fn settle(&mut self) -> Kept {
        for conn in &mut self.conns {
            conn.between.borrow_mut().pipes.iter_mut().for_each(Pipe::open);
            for end in &mut conn.ends {
                end.reading = true;
            }
        }
        self.rest()?;
        let check = |conn: &Conn| conn.between.borrow_mut().check_settled(conn.states());
        self.conns.iter().try_for_each(check)
    }

    /// Has every application receive and flush until nothing moves.
    fn rest(&mut self) -> Kept {
        // The bytes under way are at most what all buffers hold, and each round moves a good part of them.
        for _ in 0..100_000 {
            let Self { conns, held, .. } = self;
            let mut moves = false;
            for conn in conns.iter_mut() {
                let before = conn.moved();
                for end in &mut conn.ends {
                    while end.receive(held) {
                        moves = true;
                    }
                    end.flush(held);
                }
                moves |= conn.moved() != before;
            }
            self.look()?;
            if !moves {
                return Ok(());
            }
        }
        Err(Broken::new(Invariant::Progress, "no rest"))
    }

    /// Ends every connection.
    fn finish(&mut self) -> Kept {
        self.settle()?;
        self.check()?;
        for nth in 0..self.conns.len() {
            self.act(nth, Side::Client, Act::Close(1000, 3));
        }
        self.settle()?;
        self.check()?;
        // Without deadlines, an end would wait for ever for bytes that were lost or damaged.
        for conn in &self.conns {
            conn.between.borrow_mut().net(Side::Client, Net::Reset);
        }
        self.rest()?;
        self.check()?;
        for conn in &self.conns {
            for (side, state) in Side::BOTH.into_iter().zip(conn.states()) {
                keep!(
                    state.end.is_some() || state.dropped,
                    Progress,
                    "{side:?} is not told that the connection is over, error: {:?}",
                    state.error
                );
                self.coverage.note(match state.end {
                    None => "end: dropped",
                    Some(end) if end.is_clean => "end: clean",
                    Some(_) => "end: not clean",
                });
            }
        }
        let Self { conns, held, setup, .. } = self;
        for conn in conns {
            for end in &mut conn.ends {
                end.drop_socket(held);
            }
            held.count(|| conn.between.borrow_mut().hoard = Vec::new());
        }
        if memory::can_empty_pools(setup) {
            held.check_freed()?;
        }
        Ok(())
    }
}

impl Conn {
    fn states(&self) -> [State; 2] {
        let [client, server] = &self.ends;
        [client.state, server.state]
    }

    /// How many bytes were written and read, both ways.
    fn moved(&self) -> u64 {
        let between = self.between.borrow();
        let written: u64 = between.flows.iter().map(Flow::offset).sum();
        written + between.pipes.iter().map(Pipe::offset).sum::<u64>()
    }
}
