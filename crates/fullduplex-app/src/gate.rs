//! The limits of a server, and its graceful shutdown.

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

/// How many connections a server accepts: see [`Gate`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct GateLimits {
    /// The number of connections at the same time. Default: 10,000. Each also takes a file descriptor (`ulimit -n`).
    pub connections: usize,
    /// The number of connections from one address at the same time. Default: 100. Many people may share an address.
    pub per_address: usize,
    /// How many leading bits of an IPv6 address are compared, 128 at most. Default: 64, because a provider usually gives
    /// each customer a whole /64 network.
    pub ipv6_prefix: u8,
    /// How many new connections a second are accepted. Default: `None`, any number.
    pub rate: Option<Rate>,
    /// The header field in which a trusted proxy names the client. Default: [`Forwarding::None`], because any client can
    /// send such a field.
    pub forwarding: Forwarding,
    /// The networks of the trusted proxies: the field is believed from these alone. Name no more than the proxies, because
    /// any other machine in such a network can choose the address under which it is counted.
    pub trusted: Vec<IpNet>,
}

impl GateLimits {
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

    /// With [`ipv6_prefix`](Self::ipv6_prefix).
    #[must_use]
    pub fn ipv6_prefix(mut self, bits: u8) -> Self {
        self.ipv6_prefix = bits;
        self
    }

    /// With [`rate`](Self::rate).
    #[must_use]
    pub fn rate(mut self, rate: Rate) -> Self {
        self.rate = Some(rate);
        self
    }

    /// Trusts these proxies to name the client in this header field. Then call [`Pass::identify`] for each request: without
    /// it, connections through such a proxy have no limit per address.
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

impl Default for GateLimits {
    fn default() -> Self {
        Self::new()
    }
}

/// What became of the connections when a gate was closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Left {
    /// Connections that ended by themselves in time.
    pub ended: usize,
    /// Connections that were dropped at the deadline.
    pub dropped: usize,
}

/// A server's limits on connections, and its graceful shutdown. It comes before the opening handshake: call
/// [`enter`](Self::enter) for each TCP connection that was accepted, and hold the [`Pass`] as long as the connection lives.
/// Clones are the same gate.
///
/// It works with any way to accept: [`serve`](crate::serve) over a listener, or by hand with hyper or axum, where the pass
/// goes into the task of the upgraded connection. In this second way it counts WebSockets alone: connections that ask for
/// pages, or for nothing, are the HTTP server's to limit.
///
/// # Memory
/// Some 100 bytes for each address that has a connection. The table of addresses grows and does not shrink.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: GateLimits,
    state: Mutex<State>,
    phase: watch::Sender<Phase>,
}

#[derive(Debug)]
struct State {
    /// The number of passes.
    passes: usize,
    /// The number of passes of each address.
    by_address: HashMap<IpAddr, usize>,
    bucket: Option<Bucket>,
    /// The same value as `Shared::phase`, which only wakes waiting tasks. Here it changes under the same lock as the counts.
    phase: Phase,
    left: Left,
    denied: DeniedCounts,
}

/// How far the shutdown has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Open,
    /// Every client is told that the server is going away.
    Closing,
    /// The connections that have not ended are dropped.
    Over,
}

impl Gate {
    /// A gate with these limits.
    #[must_use]
    pub fn new(limits: GateLimits) -> Self {
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

    /// Admits a connection from this address, or returns why not. On an error, drop the connection: a response would cost
    /// more than the connection did.
    ///
    /// A trusted proxy has no limit per address; see [`Pass::identify`].
    ///
    /// # Errors
    /// [`Denied`].
    pub fn enter(&self, peer: IpAddr) -> Result<Pass, Denied> {
        let shared = &self.0;
        // As a dual-stack listener reports it, an IPv4 address is an IPv4-mapped IPv6 address.
        let peer = peer.to_canonical();
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

    /// The number of connections now.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.0.state().passes
    }

    /// The number of connections denied so far.
    #[must_use]
    pub fn denied(&self) -> DeniedCounts {
        self.0.state().denied
    }

    /// Resolves once the gate [closes](Self::close).
    pub fn closing(&self) -> impl Future<Output = ()> + Send + 'static {
        reached(self.0.phase.subscribe(), Phase::Closing)
    }

    /// Shuts the server down: admits no more connections, tells all connections to end, waits for them for `patience` at
    /// most, and drops the rest. Returns how many ended and how many were dropped.
    ///
    /// A connection learns of it by [`Pass::recv`] or [`Pass::closing`], and is dropped by [`Pass::run`]. If this future is
    /// dropped, the gate stays closed, and no connection is dropped at a deadline.
    pub async fn close(&self, patience: Duration) -> Left {
        let deadline = after(patience);
        self.0.go_to(Phase::Closing);
        if timeout_at(deadline, self.0.empty()).await.is_err() {
            self.0.go_to(Phase::Over);
            // Each is dropped when its task runs next. A pass held outside of `run` is not waited for any longer.
            let _ = timeout_at(after(DROPPING), self.0.empty()).await;
        }
        let state = self.0.state();
        Left { ended: state.left.ended, dropped: state.left.dropped + state.passes }
    }
}

/// How long tasks have to drop their connections, once they are told to.
const DROPPING: Duration = Duration::from_secs(1);

impl GateLimits {
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
        // No change is left half done by a panic, so a poisoned lock is fine.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves on to this phase. Does nothing if it was reached before.
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
        // Another call may have come first, and gone further.
        self.phase.send_modify(|present| *present = phase.max(*present));
    }

    /// Resolves once there is no pass. Dropping the last pass wakes this.
    async fn empty(&self) {
        let mut phase = self.phase.subscribe();
        while self.state().passes > 0 {
            // It cannot fail: `self` holds the sender.
            let _ = phase.changed().await;
        }
    }
}

impl State {
    /// Takes a place for a connection that counts as `key`.
    fn take(&mut self, key: Option<IpAddr>, limits: &GateLimits) -> Result<(), Denied> {
        if self.phase != Phase::Open {
            return Err(Denied::Closing);
        }
        if self.passes >= limits.connections {
            return Err(Denied::Connections);
        }
        self.take_address(key, limits)?;
        // The rate comes last: a connection that is denied for another reason must not take a token.
        if let Some(bucket) = &mut self.bucket
            && !bucket.take(Instant::now())
        {
            self.free_address(key);
            return Err(Denied::Rate);
        }
        self.passes += 1;
        Ok(())
    }

    fn take_address(&mut self, key: Option<IpAddr>, limits: &GateLimits) -> Result<(), Denied> {
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
    // Without a gate, nothing can close it.
    if phase.wait_for(|phase| *phase >= wanted).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// A connection's place in a [`Gate`]. Dropping it gives the place back.
#[derive(Debug)]
#[must_use = "the connection is counted only as long as its pass lives"]
pub struct Pass {
    shared: Arc<Shared>,
    /// The address at the other end of the TCP connection.
    peer: IpAddr,
    /// The client's address: `peer`, or the address that a trusted proxy named.
    address: IpAddr,
    /// The address or network under which it is counted, if it is.
    key: Option<IpAddr>,
    phase: watch::Receiver<Phase>,
    /// Whether the client was told to leave.
    told: bool,
}

impl Pass {
    /// The client's address: the peer's own, or the one that a trusted proxy named.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Reads the client's address from the header field of a trusted proxy, and counts the connection for it. Does nothing
    /// for any other peer. Call it where the application answers the request, such as in the callback of
    /// [`accept_with`](fullduplex_tokio::accept_with), and answer with [`Denied::rejection`].
    ///
    /// # Errors
    /// [`Denied::Address`] when that address has too many connections; [`Denied::Unreadable`] when the field is missing or
    /// has no address.
    pub fn identify(&mut self, request: &Request<'_>) -> Result<IpAddr, Denied> {
        let forwarding = self.shared.limits.forwarding;
        // A value that is not UTF-8 must not be skipped: the value before it, which the client may have sent, would count.
        let values =
            forwarding.field().into_iter().flat_map(|name| request.headers().get_all(name));
        self.identify_by(values.map(|value| std::str::from_utf8(value).unwrap_or("unreadable")))
    }

    /// As [`identify`](Self::identify), for a request of an HTTP library: takes the values of the header field, in their
    /// order.
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

    /// Resolves once the gate closes. Then close the connection with 1001.
    pub fn closing(&self) -> impl Future<Output = ()> + Send + 'static {
        reached(self.phase.clone(), Phase::Closing)
    }

    /// Receives from the socket of this connection. Once the gate closes, this sends a Close with 1001 (RFC 6455 §7.4.1) and
    /// still returns the messages that arrive before the client's Close. Cancel-safe.
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
            // The phase is looked at first, so that a busy client cannot put off the end. After that, `recv` comes before
            // the wait, so that a message that is there costs no more than without a gate.
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

    /// Runs the handler of this connection. Returns what the handler returned, or `None` if it had not ended by the deadline
    /// of [`Gate::close`]: then its future is dropped.
    pub async fn run<F: Future>(self, handler: impl FnOnce(Self) -> F) -> Option<F::Output> {
        until_over(self.over(), handler(self)).await
    }

    /// Resolves at the deadline of [`Gate::close`].
    pub(crate) fn over(&self) -> impl Future<Output = ()> + Send + 'static {
        reached(self.phase.clone(), Phase::Over)
    }
}

/// Returns what the handler returned, or `None` if `over` came first.
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
            // This wakes `empty`; the phase does not change.
            self.shared.phase.send_modify(|_| {});
        }
    }
}
