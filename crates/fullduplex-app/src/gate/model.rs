//! Gates under loom: however the threads interleave, no limit is exceeded, and closing comes to its end.
//! `crates/concurrency` runs this.

use std::sync::atomic::{AtomicUsize, Ordering};

use fullduplex_concurrency::explore;
use loom::future::block_on;
use loom::thread;

use super::*;

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const PROXY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

/// Runs `f` in `count` threads; this thread is one of them.
fn in_threads<T: Send + 'static>(
    count: usize,
    f: impl Fn() -> T + Clone + Send + 'static,
) -> Vec<T> {
    let others: Vec<_> = (1..count).map(|_| thread::spawn(f.clone())).collect();
    let mut results = vec![f()];
    results.extend(others.into_iter().map(|other| other.join().unwrap()));
    results
}

#[test]
fn there_are_never_more_connections_than_the_limit() {
    for limits in [GateLimits::new().connections(1), GateLimits::new().per_address(1)] {
        explore(move || {
            let gate = Gate::new(limits.clone());
            let inside = Arc::new(AtomicUsize::new(0));
            let (shared, counted) = (gate.clone(), Arc::clone(&inside));
            let entered = in_threads(3, move || match shared.enter(CLIENT) {
                Ok(pass) => {
                    assert_eq!(counted.fetch_add(1, Ordering::Relaxed), 0);
                    assert_eq!(shared.connections(), 1);
                    counted.fetch_sub(1, Ordering::Relaxed);
                    drop(pass);
                    1
                }
                Err(_) => 0,
            });
            let entered: u64 = entered.into_iter().sum();
            let denied = gate.denied();
            assert_eq!(entered + denied.connections + denied.address, 3);
            assert!(entered > 0 && gate.connections() == 0);
            assert!(gate.0.state().by_address.is_empty());
        });
    }
}

#[test]
fn connections_through_a_proxy_are_counted_for_the_client() {
    explore(|| {
        let limits = GateLimits::new()
            .per_address(1)
            .behind(Forwarding::XForwardedFor, [IpNet::from(PROXY)]);
        let gate = Gate::new(limits);
        let shared = gate.clone();
        let passes = in_threads(2, move || {
            let mut pass = shared.enter(PROXY).unwrap();
            let identified = pass.identify_by(["192.0.2.1"]).is_ok();
            (pass, identified)
        });
        assert_eq!(passes.iter().filter(|(_, identified)| *identified).count(), 1);
        assert_eq!(gate.0.state().by_address.get(&CLIENT), Some(&1));
        drop(passes);
        assert!(gate.0.state().by_address.is_empty());
    });
}

/// One connection ends when the gate closes, and another one comes at the last moment.
#[test]
fn a_gate_that_closes_waits_for_the_last_connection_and_no_longer() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    explore(move || {
        let _context = runtime.enter();
        let gate = Gate::new(GateLimits::new());
        // A connection that has ended before does not count as ended in time.
        drop(gate.enter(CLIENT).unwrap());
        let pass = gate.enter(CLIENT).unwrap();
        let ending = {
            let gate = gate.clone();
            thread::spawn(move || {
                block_on(pass.closing());
                assert_eq!(gate.enter(CLIENT).err(), Some(Denied::Closing));
                drop(pass);
            })
        };
        let coming = {
            let gate = gate.clone();
            thread::spawn(move || gate.enter(CLIENT).map(drop))
        };
        let left = block_on(gate.close(Duration::MAX));
        assert_eq!((gate.connections(), gate.enter(CLIENT).err()), (0, Some(Denied::Closing)));
        ending.join().unwrap();
        let came = match coming.join().unwrap() {
            Ok(()) => 1,
            Err(reason) => {
                assert_eq!(reason, Denied::Closing);
                0
            }
        };
        assert!((1..=1 + came).contains(&left.ended) && left.dropped == 0, "{left:?}");
    });
}

#[test]
fn a_gate_may_be_closed_twice() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    explore(move || {
        let _context = runtime.enter();
        let gate = Gate::new(GateLimits::new());
        let pass = gate.enter(CLIENT).unwrap();
        let closing = {
            let gate = gate.clone();
            thread::spawn(move || block_on(gate.close(Duration::MAX)))
        };
        let ending = thread::spawn(move || drop(pass));
        let left = block_on(gate.close(Duration::MAX));
        assert_eq!((gate.connections(), left.dropped), (0, 0));
        assert_eq!(closing.join().unwrap().dropped, 0);
        ending.join().unwrap();
    });
}

/// Two calls close the gate, and either may have more patience.
#[test]
fn a_gate_that_is_over_stays_so() {
    explore(|| {
        let gate = Gate::new(GateLimits::new());
        let pass = gate.enter(CLIENT).unwrap();
        let dropped = thread::spawn(move || {
            block_on(pass.over());
            drop(pass);
        });
        let closing = {
            let gate = gate.clone();
            thread::spawn(move || gate.0.go_to(Phase::Closing))
        };
        gate.0.go_to(Phase::Over);
        block_on(gate.0.empty());
        assert_eq!(gate.connections(), 0);
        dropped.join().unwrap();
        closing.join().unwrap();
        assert_eq!(gate.0.state().left, Left { ended: 0, dropped: 1 });
        assert_eq!(*gate.0.phase.subscribe().borrow(), Phase::Over);
    });
}
