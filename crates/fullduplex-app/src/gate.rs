//! The limits of a server, and its end.

mod address;
mod denied;
#[cfg(all(test, fullduplex_loom))]
mod model;
mod rate;

use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use fullduplex_tokio::{CloseCode, CloseFrame, Message, Request, WebSocketStream};
use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

pub use address::Forwarding;
pub use denied::{Denied, DeniedCounts};
pub use rate::Rate;

use crate::sync::{Mutex, MutexGuard, watch};
use crate::time::after;
use crate::trace;
use rate::Bucket;

/// How many connections a server takes: see [`Gate`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// How many at the same time: 10,000. Each also takes a file descriptor (`ulimit -n`).
    pub connections: usize,
    /// How many of one address at the same time: 100. Many people may be behind one address.
    pub per_address: usize,
    /// How many bits of an IPv6 address count: 64. A provider gives a customer all addresses with the same first 64 bits.
    pub ipv6_prefix: u8,
    /// How many may come in a second; `None`, the default, means any number.
    pub rate: Option<Rate>,
    /// In which header field a proxy says whom it forwards. [`Forwarding::None`] is the default, for anybody can send such
    /// a field.
    pub forwarding: Forwarding,
    /// The networks of the proxies whose field is believed.
    pub trusted: Vec<IpNet>,
}

impl Limits {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            connections: 10_000,
            per_address: 100,
            ipv6_prefix: 64,
            rate: None,
            forwarding: Forwarding::None,
            trusted: Vec::new(),
        }
    }

    /// With [`connections`](Self::connections).
    #[must_use]
    pub fn connections(mut self, most: usize) -> Self {
        self.connections = most;
        self
    }

    /// With [`per_address`](Self::per_address).
    #[must_use]
    pub fn per_address(mut self, most: usize) -> Self {
        self.per_address = most;
        self
    }

    /// With [`rate`](Self::rate).
    #[must_use]
    pub fn rate(mut self, rate: Rate) -> Self {
        self.rate = Some(rate);
        self
    }

    /// Believes what these proxies say in the header field. Then call [`Pass::identify`] for each request: without it, the
    /// connections that come through such a proxy have no limit for each address.
    #[must_use]
    pub fn behind(
        mut self,
        forwarding: Forwarding,
        trusted: impl IntoIterator<Item = IpNet>,
    ) -> Self {
        self.forwarding = forwarding;
        self.trusted = trusted.into_iter().collect();
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

/// Who left when a gate was closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// How many connections ended by themselves in time.
    pub ended: usize,
    /// How many were dropped at the deadline.
    pub dropped: usize,
}

/// A server's limits on connections, and its graceful shutdown. It stands before the handshake: [`enter`](Self::enter) it
/// with each connection that was accepted, and hold the [`Pass`] as long as the connection lives. Clones are the same gate.
///
/// It works with any way to accept: [`serve`](crate::serve) over a listener, or by hand with hyper or axum, where the pass
/// goes into the task of the upgraded connection.
///
/// # Memory
/// Some 100 bytes for each address that has a connection; it keeps the room for the most that there were.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: Limits,
    state: Mutex<State>,
    phase: watch::Sender<Phase>,
}

#[derive(Debug)]
struct State {
    /// How many passes there are.
    passes: usize,
    /// How many of them each address has.
    by_address: HashMap<IpAddr, usize>,
    bucket: Option<Bucket>,
    /// The same as in `Shared::phase`, which only wakes those that wait: two locks would have to be taken in one order.
    phase: Phase,
    left: Left,
    denied: DeniedCounts,
}

/// How far the shutdown has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Open,
    /// All clients are told that the server goes away.
    Closing,
    /// The connections that have not ended are dropped.
    Over,
}

impl Gate {
    /// A gate with these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let bucket = limits.rate.map(Bucket::full);
        let state = State {
            passes: 0,
            by_address: HashMap::new(),
            bucket,
            phase: Phase::Open,
            left: Left::default(),
            denied: DeniedCounts::default(),
        };
        let phase = watch::Sender::new(Phase::Open);
        Self(Arc::new(Shared { limits, state: Mutex::new(state), phase }))
    }

    /// Takes a connection of this address, or says why not. Then drop the connection: an answer would cost more than it.
    ///
    /// The connections of a trusted proxy do not count as those of one address; see [`Pass::identify`].
    ///
    /// # Errors
    /// [`Denied`].
    pub fn enter(&self, peer: IpAddr) -> Result<Pass, Denied> {
        let shared = &self.0;
        let peer = address::canonical(peer);
        let key = (!shared.limits.trusts(peer)).then(|| shared.limits.key(peer));
        let mut state = shared.state();
        if let Err(reason) = state.take(key, &shared.limits) {
            state.denied.add(reason);
            drop(state);
            trace::denied(peer, reason.name());
            return Err(reason);
        }
        drop(state);
        let phase = shared.phase.subscribe();
        Ok(Pass { shared: shared.clone(), peer, address: peer, key, phase, told: false })
    }

    /// How many connections there are.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.0.state().passes
    }

    /// How many connections were denied until now.
    #[must_use]
    pub fn denied(&self) -> DeniedCounts {
        self.0.state().denied
    }

    /// Resolves once the gate [closes](Self::close).
    pub fn closing(&self) -> impl Future<Output = ()> + Send + 'static {
        reached(self.0.phase.subscribe(), Phase::Closing)
    }

    /// Ends the server: takes no more connections, tells everybody to leave, waits until they have or `patience` is over, and
    /// drops the rest. Returns how many of each there were.
    ///
    /// A connection is told by [`Pass::recv`] or [`Pass::closing`], and dropped by [`Pass::run`]. If this future is dropped, the
    /// gate stays closed, and nobody is dropped at a deadline.
    pub async fn close(&self, patience: Duration) -> Left {
        let deadline = after(patience);
        self.0.go_to(Phase::Closing);
        if timeout_at(deadline, self.0.empty()).await.is_err() {
            self.0.go_to(Phase::Over);
            // They are dropped as soon as their tasks run. A pass that is held outside of `run` is not waited for.
            let _ = timeout_at(after(DROPPING), self.0.empty()).await;
        }
        let state = self.0.state();
        Left { ended: state.left.ended, dropped: state.left.dropped + state.passes }
    }
}

/// How long tasks get to drop what they have, once they are told to.
const DROPPING: Duration = Duration::from_secs(1);

impl Limits {
    fn trusts(&self, address: IpAddr) -> bool {
        self.forwarding != Forwarding::None
            && self.trusted.iter().any(|network| network.contains(&address))
    }

    /// What counts as one address.
    fn key(&self, address: IpAddr) -> IpAddr {
        address::prefix(address, self.ipv6_prefix)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is whole before anything could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on to this phase, unless a call before has gone as far.
    fn go_to(&self, phase: Phase) {
        let mut state = self.state();
        if state.phase >= phase {
            return;
        }
        if state.phase == Phase::Open {
            state.left = Left::default();
        }
        state.phase = phase;
        drop(state);
        self.phase.send_if_modified(|present| {
            let goes_on = *present < phase;
            *present = phase.max(*present);
            goes_on
        });
    }

    /// Resolves once there is no pass. The drop of the last pass wakes this.
    async fn empty(&self) {
        let mut phase = self.phase.subscribe();
        while self.state().passes > 0 {
            // The sender is there as long as `self`.
            let _ = phase.changed().await;
        }
    }
}

impl State {
    /// Takes a place for a connection that counts as `key`.
    fn take(&mut self, key: Option<IpAddr>, limits: &Limits) -> Result<(), Denied> {
        if self.phase != Phase::Open {
            return Err(Denied::Closing);
        }
        if self.passes >= limits.connections {
            return Err(Denied::Connections);
        }
        self.take_address(key, limits)?;
        // Last: a connection that is denied for another reason uses up no share of the rate.
        if let Some(bucket) = &mut self.bucket
            && !bucket.take(Instant::now())
        {
            self.free_address(key);
            return Err(Denied::Rate);
        }
        self.passes += 1;
        Ok(())
    }

    fn take_address(&mut self, key: Option<IpAddr>, limits: &Limits) -> Result<(), Denied> {
        let Some(key) = key else { return Ok(()) };
        let count = self.by_address.get(&key).copied().unwrap_or(0);
        if count >= limits.per_address {
            return Err(Denied::Address);
        }
        self.by_address.insert(key, count + 1);
        Ok(())
    }

    fn free_address(&mut self, key: Option<IpAddr>) {
        let Some(key) = key else { return };
        if let Some(count) = self.by_address.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&key);
            }
        }
    }
}

/// Resolves once the phase has been reached.
async fn reached(mut phase: watch::Receiver<Phase>, wanted: Phase) {
    wait_for(&mut phase, wanted).await;
}

async fn wait_for(phase: &mut watch::Receiver<Phase>, wanted: Phase) {
    // Without a gate there is nobody to close it.
    if phase.wait_for(|phase| *phase >= wanted).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The right to one connection. It is given back when this is dropped.
#[derive(Debug)]
pub struct Pass {
    shared: Arc<Shared>,
    /// Who has connected.
    peer: IpAddr,
    /// Who has connected, or for whom.
    address: IpAddr,
    /// What it counts as.
    key: Option<IpAddr>,
    phase: watch::Receiver<Phase>,
    /// Whether the client was told to leave.
    told: bool,
}

impl Pass {
    /// The client's address: that of the peer, or what a trusted proxy has said.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Finds out whom a trusted proxy connects for, and counts the connection for that address. For another peer it does
    /// nothing. Call it where the request is decided on, such as in the callback of
    /// [`accept_with`](fullduplex_tokio::accept_with), and answer with [`Denied::rejection`].
    ///
    /// # Errors
    /// [`Denied::Address`]; [`Denied::Unreadable`] when the proxy has said nothing, or no address.
    pub fn identify(&mut self, request: &Request<'_>) -> Result<IpAddr, Denied> {
        let forwarding = self.shared.limits.forwarding;
        // What is not UTF-8 is no address: it must not be passed over, for then what stands before it would count.
        let values =
            forwarding.field().into_iter().flat_map(|name| request.headers().get_all(name));
        self.identify_by(values.map(|value| std::str::from_utf8(value).unwrap_or("unreadable")))
    }

    /// As [`identify`](Self::identify), with the values of the header field, in their order. For a request of an HTTP
    /// library.
    ///
    /// # Errors
    /// As [`identify`](Self::identify).
    pub fn identify_by<'v>(
        &mut self,
        values: impl IntoIterator<Item = &'v str>,
    ) -> Result<IpAddr, Denied> {
        let limits = &self.shared.limits;
        if !limits.trusts(self.peer) {
            return Ok(self.address);
        }
        let trusts = |address| limits.trusts(address);
        let client = limits.forwarding.client(values, trusts);
        let mut state = self.shared.state();
        let counted = client.ok_or(Denied::Unreadable).and_then(|address| {
            let key = Some(limits.key(address));
            state.free_address(self.key.take());
            state.take_address(key, limits)?;
            Ok((address, key))
        });
        let (address, key) = match counted {
            Ok(counted) => counted,
            Err(reason) => {
                state.denied.add(reason);
                drop(state);
                trace::denied(client.unwrap_or(self.peer), reason.name());
                return Err(reason);
            }
        };
        drop(state);
        (self.address, self.key) = (address, key);
        Ok(address)
    }

    /// Resolves once the gate closes: tell the client that the server goes away, and end.
    pub fn closing(&self) -> impl Future<Output = ()> + Send + 'static {
        reached(self.phase.clone(), Phase::Closing)
    }

    /// Receives from the socket of this connection. Once the gate closes, the client is sent a Close with 1001 (RFC 6455
    /// §7.4.1), and what it had under way is still received. Cancel-safe.
    ///
    /// # Errors
    /// As [`WebSocketStream::recv`].
    pub async fn recv<S>(
        &mut self,
        socket: &mut WebSocketStream<S>,
    ) -> Option<fullduplex_tokio::Result<Message>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        if !self.told {
            // What is there already costs no more than without a gate, and does not put off the end: that is looked at first.
            if *self.phase.borrow() == Phase::Open {
                tokio::select! {
                    biased;
                    message = socket.recv() => return message,
                    () = wait_for(&mut self.phase, Phase::Closing) => {}
                }
            }
            self.told = true;
            let reason = "the server is going away".into();
            if let Err(error) =
                socket.begin_close(Some(CloseFrame { code: CloseCode::Away, reason }))
            {
                return Some(Err(error));
            }
        }
        socket.recv().await
    }

    /// Runs the handler of this connection to its end, or until the gate drops those that have not left in time: then `None`
    /// is returned, and the handler's future is dropped.
    pub async fn run<F: Future>(self, handler: impl FnOnce(Self) -> F) -> Option<F::Output> {
        until_over(self.over(), handler(self)).await
    }

    /// Resolves once the gate drops those that have not left in time.
    pub(crate) fn over(&self) -> impl Future<Output = ()> + Send + 'static {
        reached(self.phase.clone(), Phase::Over)
    }
}

/// What the handler returns, or `None` if it was dropped.
pub(crate) async fn until_over<F: Future>(
    over: impl Future<Output = ()>,
    handler: F,
) -> Option<F::Output> {
    tokio::select! {
        biased;
        value = handler => Some(value),
        () = over => None,
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.passes -= 1;
        state.free_address(self.key);
        match state.phase {
            Phase::Over => state.left.dropped += 1,
            Phase::Open | Phase::Closing => state.left.ended += 1,
        }
        let (is_last, is_closing) = (state.passes == 0, state.phase != Phase::Open);
        drop(state);
        if is_last && is_closing {
            // Wakes `empty`. The phase is the same.
            self.shared.phase.send_modify(|_| {});
        }
    }
}
