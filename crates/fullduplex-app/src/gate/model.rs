//! Gates over loom: whichever way the threads interleave, no limit is exceeded, and the end comes. `crates/concurrency` runs
//! this.

use std::sync::atomic::{AtomicUsize, Ordering};

use fullduplex_concurrency::explore;
use loom::future::block_on;
use loom::thread;

use super::*;

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const PROXY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

/// Runs `f` in as many threads as there are, one of which is this one.
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
    for limits in [Limits::new().connections(1), Limits::new().per_address(1)] {
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
        let limits =
            Limits::new().per_address(1).behind(Forwarding::XForwardedFor, [IpNet::from(PROXY)]);
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

/// One connection ends when it is told to, one comes at the last moment, and the gate is closed twice.
#[test]
fn a_gate_that_closes_waits_for_the_last_connection_and_no_longer() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    explore(move || {
        let _context = runtime.enter();
        let gate = Gate::new(Limits::new());
        let pass = gate.enter(CLIENT).unwrap();
        let ending = thread::spawn(move || {
            block_on(pass.closing());
            drop(pass);
        });
        let coming = {
            let gate = gate.clone();
            thread::spawn(move || gate.enter(CLIENT).map(drop))
        };
        let left = block_on(gate.close(Duration::MAX));
        assert_eq!(left.dropped, 0);
        assert_eq!((gate.connections(), gate.enter(CLIENT).err()), (0, Some(Denied::Closing)));
        ending.join().unwrap();
        assert!(matches!(coming.join().unwrap(), Ok(()) | Err(Denied::Closing)));
    });
}

#[test]
fn a_gate_may_be_closed_twice() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    explore(move || {
        let _context = runtime.enter();
        let gate = Gate::new(Limits::new());
        let pass = gate.enter(CLIENT).unwrap();
        let closing = {
            let gate = gate.clone();
            thread::spawn(move || block_on(gate.close(Duration::MAX)))
        };
        let ending = thread::spawn(move || drop(pass));
        block_on(gate.close(Duration::MAX));
        closing.join().unwrap();
        ending.join().unwrap();
        assert_eq!(gate.connections(), 0);
    });
}
