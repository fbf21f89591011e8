//! Runs of the tokio adapter: applications as tasks on one thread, over streams in memory, under tokio's paused clock. The
//! adapter is observed from outside: what it writes, what it gives to applications, and when.

mod app;
mod desk;
mod wire;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use fullduplex::handshake::{OwnedAcceptance, OwnedClientRequest};
use fullduplex_tokio::{WebSocketConfig, accept_with, client_with};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{LocalSet, spawn_local, yield_now};
use tokio::time::{Instant, sleep_until};

use crate::between::{Between, State, both};
use crate::core_world::config_of;
use crate::coverage::{Coverage, net_name};
use crate::flow::Flow;
use crate::memory::{self, Held};
use crate::pipe::Pipe;
use crate::plan::{Act, Broken, Invariant, Kept, Mutant, Plan, Setup, Side, Step, keep};
use crate::tokio_world::app::application;
use crate::tokio_world::desk::{Desk, counted};
use crate::tokio_world::wire::Wire;

/// The memory of tasks, timers and channels of a connection, in addition to the WebSockets.
const TASKS: usize = 64 << 10;

/// How much later than its deadline something may be observed: tokio's timers have a resolution of
/// a millisecond.
const TOLERANCE: u64 = 2;

/// Runs a plan.
///
/// # Errors
/// The invariant that was broken first.
pub(crate) fn run(plan: &Plan, coverage: &mut Coverage) -> Kept {
    let end = plan.steps.len();
    let at_end = |broken| Broken { at: end, ..broken };
    // tokio's thread-local state is allocated before anything is counted.
    runtime()?.block_on(LocalSet::new().run_until(async {
        spawn_local(yield_now());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }));
    let mut world = World::new(&plan.setup)?;
    for (at, step) in plan.steps.iter().enumerate() {
        world.step(*step).and_then(|()| world.check()).map_err(|broken| Broken { at, ..broken })?;
    }
    let finished = world.finish();
    for conn in &world.conns {
        coverage.add(&conn.between.borrow().coverage);
    }
    coverage.add(&world.coverage);
    finished.map_err(at_end)?;
    world.drop_all().map_err(at_end)
}

fn runtime() -> Kept<Runtime> {
    let built = Builder::new_current_thread().enable_time().start_paused(true).build();
    built.map_err(|error| Broken::new(Invariant::Failure, format!("no runtime: {error}")))
}

struct Conn {
    between: Rc<RefCell<Between>>,
    desks: [Rc<Desk>; 2],
}

struct World {
    setup: Setup,
    runtime: Runtime,
    tasks: LocalSet,
    conns: Vec<Conn>,
    held: Held,
    coverage: Coverage,
    begun: Instant,
}

impl World {
    fn new(setup: &Setup) -> Kept<Self> {
        let mut held = Held::default();
        let runtime = held.count(runtime)?;
        let tasks = held.count(LocalSet::new);
        let begun = runtime.block_on(async { Instant::now() });
        let mut world = Self {
            setup: *setup,
            runtime,
            tasks,
            conns: Vec::new(),
            held,
            coverage: Coverage::default(),
            begun,
        };
        for nth in 0..usize::from(setup.connections) {
            world.open(nth);
        }
        world.rest(100_000)?;
        for conn in &mut world.conns {
            let opened = conn.desks.iter().all(|desk| desk.opened.get());
            keep!(opened, Failure, "the opening handshake failed");
            let mut between = conn.between.borrow_mut();
            let is_mutant = setup.mutant == Some(Mutant::HoldByte);
            for pipe in &mut between.pipes {
                pipe.capacity = setup.capacity as usize;
                pipe.holds_last = is_mutant;
            }
        }
        Ok(world)
    }

    /// Starts a connection with its opening handshake.
    fn open(&mut self, nth: usize) {
        let setup = self.setup;
        let flow = |side| Flow::new(&setup, nth, side, true);
        let pipes = [Pipe::new(4096), Pipe::new(4096)];
        let flows = [flow(Side::Client), flow(Side::Server)];
        let begun = self.begun;
        let clock = Box::new(move || begun.elapsed().as_millis() as u64);
        let between = Between::new(flows, pipes, clock, setup.mutant);
        let between = Rc::new(RefCell::new(between));
        let desks = Side::BOTH.map(|side| Rc::new(Desk::new(side, between.clone())));
        let Self { held, tasks, .. } = self;
        for side in Side::BOTH {
            let desk = desks[side.index()].clone();
            let settings = *setup.settings(side);
            let mut config = WebSocketConfig::from(config_of(&setup, side));
            config.write_buffer_size = settings.write_buffer as usize;
            config.read_ahead_size = settings.read_ahead as usize;
            let wire = Wire::new(side, between.clone(), nth.is_multiple_of(2));
            held.count(|| {
                let task = async move {
                    let desk_of_task = desk.clone();
                    let open = async move {
                        let opened = match side {
                            Side::Client => {
                                let request = OwnedClientRequest::new("ws://simulated.example/");
                                let Ok(request) = request else { return };
                                client_with(request, wire, config).await.map(|(it, _)| it)
                            }
                            Side::Server => {
                                accept_with(wire, config, |_| Ok(OwnedAcceptance::new())).await
                            }
                        };
                        if let Ok(socket) = opened {
                            application(desk, socket, settings.halves).await;
                        }
                    };
                    counted(desk_of_task, open).await;
                };
                tasks.spawn_local(task);
            });
        }
        self.conns.push(Conn { between, desks });
    }

    /// Lets tasks run.
    fn turn(&mut self, turns: usize) {
        let Self { held, tasks, runtime, .. } = self;
        held.count(|| {
            runtime.block_on(tasks.run_until(async {
                for _ in 0..turns {
                    yield_now().await;
                }
            }));
        });
    }

    fn polls(&self) -> u64 {
        self.conns.iter().flat_map(|conn| &conn.desks).map(|desk| desk.polls.get()).sum()
    }

    /// Lets tasks run until none has anything to do. The clock stands still.
    fn rest(&mut self, most: usize) -> Kept {
        for _ in 0..most {
            let before = self.polls();
            self.turn(3);
            self.look()?;
            if self.polls() == before {
                return Ok(());
            }
        }
        Err(Broken::new(Invariant::Progress, format!("no rest after {most} rounds")))
    }

    /// # Errors
    /// The invariant that was broken within a task.
    fn look(&self) -> Kept {
        let broken = |conn: &Conn| conn.between.borrow_mut().broken.take();
        self.conns.iter().find_map(broken).map_or(Ok(()), Err)
    }

    fn step(&mut self, step: Step) -> Kept {
        match step {
            Step::App(conn, side, act) => {
                let nth = usize::from(conn) % self.conns.len();
                self.tell(nth, side, act);
                self.turn(2);
                self.look()
            }
            Step::Net(conn, side, net) => {
                let nth = usize::from(conn) % self.conns.len();
                let Self { held, conns, runtime, .. } = self;
                if let Some(conn) = conns.get(nth) {
                    // The clock is the runtime's.
                    let guard = runtime.enter();
                    held.count(|| conn.between.borrow_mut().net(side, net));
                    drop(guard);
                    self.coverage.note(net_name(net));
                }
                self.turn(1);
                self.look()
            }
            Step::Pass(millis) => {
                self.coverage.note("pass");
                self.pass(millis.into())
            }
            Step::Settle => {
                self.coverage.note("settle");
                self.settle()
            }
        }
    }

    fn tell(&mut self, nth: usize, side: Side, act: Act) {
        let Some(conn) = self.conns.get(nth) else { return };
        let desk = &conn.desks[side.index()];
        if desk.is_alive() {
            desk.acts.borrow_mut().push_back(act);
            self.held.count(|| desk.wake());
        }
    }

    /// Checks the invariants that hold after every step.
    fn check(&mut self) -> Kept {
        let setup = &self.setup;
        let bounds = self.conns.iter().map(|conn| conn.between.borrow().bound(setup) + TASKS);
        let bounds: usize = bounds.sum();
        self.held.check(memory::bound_of_pools(setup) + TASKS + bounds)?;
        let of = |conn: &Conn| conn.between.borrow_mut().check_closes(conn.states());
        self.conns.iter().try_for_each(of)
    }

    /// Opens the network, and lets both applications receive and wait for nothing else, until nothing moves. The clock
    /// stands still.
    fn settle(&mut self) -> Kept {
        let mut bytes = 0;
        for conn in &self.conns {
            let mut between = conn.between.borrow_mut();
            // Waking a task that has ended frees its memory.
            self.held.count(|| between.pipes.iter_mut().for_each(Pipe::open));
            bytes += between.pipes.iter().map(Pipe::under_way).sum::<usize>();
            for desk in &conn.desks {
                bytes += desk.pending.get();
                desk.hurries.set(true);
                desk.reading.set(true);
                self.held.count(|| desk.wake());
            }
        }
        let mut rested = self.rest(500 + bytes / 64);
        // An application may only now have reached its call that pauses.
        for nth in 0..self.conns.len() {
            for side in Side::BOTH {
                let desk = self.conns[nth].desks[side.index()].clone();
                if rested.is_ok() && !desk.reading.replace(true) {
                    self.held.count(|| desk.wake());
                    rested = self.rest(500 + bytes / 64);
                }
            }
        }
        for desk in self.conns.iter().flat_map(|conn| &conn.desks) {
            desk.hurries.set(false);
        }
        rested?;
        for nth in 0..self.conns.len() {
            for side in Side::BOTH {
                if self.conns[nth].desks[side.index()].in_halves.get() {
                    self.tell(nth, side, Act::Flush);
                }
            }
        }
        self.rest(500 + bytes / 64)?;
        self.conns.iter().try_for_each(Conn::check_settled)
    }

    fn now(&self) -> u64 {
        // The clock is the runtime's.
        let _guard = self.runtime.enter();
        self.begun.elapsed().as_millis() as u64
    }

    /// Time passes.
    fn pass(&mut self, millis: u64) -> Kept {
        self.rest(100_000)?;
        let end = self.now() + millis;
        loop {
            let arrival = |conn: &Conn| {
                conn.between.borrow().pipes.iter().filter_map(Pipe::next_arrival).min()
            };
            let now = self.now();
            let next = self.conns.iter().filter_map(arrival).min().unwrap_or(end).clamp(now, end);
            let instant = self.begun + Duration::from_millis(next);
            let Self { held, tasks, runtime, .. } = self;
            held.count(|| {
                runtime.block_on(tasks.run_until(async { sleep_until(instant).await }));
            });
            let now = self.now();
            for conn in &self.conns {
                for pipe in &mut conn.between.borrow_mut().pipes {
                    self.held.count(|| pipe.arrive(now));
                }
            }
            self.look()?;
            self.rest(100_000)?;
            self.check_deadlines()?;
            if next >= end {
                return Ok(());
            }
        }
    }

    fn check_deadlines(&self) -> Kept {
        let now = self.now();
        self.conns.iter().try_for_each(|conn| conn.check_deadlines(&self.setup, now))
    }

    /// Ends every connection.
    fn finish(&mut self) -> Kept {
        self.settle()?;
        self.check()?;
        for nth in 0..self.conns.len() {
            self.tell(nth, Side::Client, Act::Close(1000, 3));
        }
        self.settle()?;
        self.check()?;
        let longest = self.setup.client.close_timeout.max(self.setup.server.close_timeout);
        self.pass(2 * u64::from(longest) + 30)?;
        self.check()?;
        for conn in &self.conns {
            for desk in &conn.desks {
                let end = desk.end.get();
                keep!(
                    end.is_some() || desk.dropped.get(),
                    Progress,
                    "{:?} is not told that the connection is over, error: {:?}",
                    desk.side,
                    desk.error.get()
                );
                self.coverage.note(match end {
                    None => "end: dropped",
                    Some(end) if end.is_clean => "end: clean",
                    Some(_) => "end: not clean",
                });
            }
        }
        Ok(())
    }

    fn drop_all(self) -> Kept {
        let Self { setup, runtime, tasks, conns, mut held, .. } = self;
        held.count(|| {
            drop(tasks);
            drop(runtime);
            for conn in &conns {
                let mut between = conn.between.borrow_mut();
                for pipe in &mut between.pipes {
                    pipe.forget_reader();
                    pipe.forget_writer();
                }
                between.hoard = Vec::new();
                for desk in &conn.desks {
                    desk.forget_wakers();
                }
            }
        });
        if memory::can_empty_pools(&setup) {
            held.check_freed()?;
        }
        Ok(())
    }
}

impl Conn {
    fn states(&self) -> [State; 2] {
        let [client, server] = &self.desks;
        [client.state(), server.state()]
    }

    /// Checks what must hold once nothing moves although the network is open and both ends receive.
    fn check_settled(&self) -> Kept {
        for desk in self.desks.iter().filter(|desk| !desk.dropped.get()) {
            keep!(
                desk.acts.borrow().is_empty(),
                Progress,
                "{:?} does not reach its next call",
                desk.side
            );
        }
        self.between.borrow_mut().check_settled(self.states())
    }

    /// Checks that no deadline has been missed, for applications that receive.
    fn check_deadlines(&self, setup: &Setup, now: u64) -> Kept {
        let mut between = self.between.borrow_mut();
        let between = &mut *between;
        for desk in &self.desks {
            let Some(since) = desk.receiving_since.get() else { continue };
            if !desk.is_alive() || desk.error.get().is_some() {
                continue;
            }
            let settings = setup.settings(desk.side);
            let (flow, back) = both(&mut between.flows, desk.side);
            let (out, inbound) = both(&mut between.pipes, desk.side);
            let is_late = |from: u64, wait: Option<u32>| {
                wait.is_some_and(|wait| now > from.max(since) + u64::from(wait) + TOLERANCE)
            };
            let closing = flow.close.as_ref().map(|close| close.at);
            if let Some(closing) = closing {
                keep!(
                    !is_late(closing, Some(settings.close_timeout)),
                    Deadline,
                    "{:?} has been closing since {closing}, and still waits at {now}",
                    desk.side
                );
                continue;
            }
            if back.close_given {
                continue;
            }
            keep!(
                !is_late(inbound.read_at, settings.idle_timeout),
                Deadline,
                "{:?} has read nothing since {}, and still waits at {now}",
                desk.side,
                inbound.read_at
            );
            let is_blocked = !out.is_writable() || out.is_broken();
            let pinged = *both(&mut between.pings, desk.side).0;
            let pinged = pinged.filter(|(_, read)| *read == inbound.offset());
            match pinged {
                _ if is_blocked => {}
                None => keep!(
                    !is_late(inbound.read_at, settings.ping_interval),
                    Deadline,
                    "{:?} has sent no Ping at {now}, and read nothing since {}",
                    desk.side,
                    inbound.read_at
                ),
                Some((pinged, _)) => keep!(
                    !is_late(pinged, settings.pong_timeout),
                    Deadline,
                    "{:?} has waited for a Pong since {pinged}, and still waits at {now}",
                    desk.side
                ),
            }
        }
        Ok(())
    }
}
