use std::cell::RefCell;
use std::future::pending;
use std::net::Ipv4Addr;

use tokio::net::{TcpListener, TcpSocket};
use tokio::time::sleep;

use super::*;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn v4(last: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, last], 80))
}

fn v6(last: u16) -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, last], 80))
}

#[test]
fn the_families_of_the_addresses_take_turns_and_the_first_one_stays_first() {
    let found = [v6(1), v6(2), v6(3), v4(1), v4(2)];
    assert_eq!(in_turns(found.into_iter()), [v6(1), v4(1), v6(2), v4(2), v6(3)]);
    let found = [v4(1), v4(2), v6(1)];
    assert_eq!(in_turns(found.into_iter()), [v4(1), v6(1), v4(2)]);
    assert_eq!(in_turns([v4(1), v4(2)].into_iter()), [v4(1), v4(2)]);
    assert_eq!(in_turns([].into_iter()), []);
}

#[test]
fn no_more_than_sixteen_addresses_are_tried_and_both_families_are_among_them() {
    let found = (1..=100).map(v6).chain((1..=100).map(v4));
    let tried = in_turns(found);
    assert_eq!(tried.len(), MAX_ATTEMPTS);
    assert_eq!(tried[..4], [v6(1), v4(1), v6(2), v4(2)]);
    assert_eq!(in_turns((1..=100).map(v4)).len(), MAX_ATTEMPTS);
}

/// When each address was tried, in milliseconds.
struct Log {
    begun: Instant,
    tried: RefCell<Vec<(SocketAddr, u128)>>,
}

impl Log {
    fn start() -> Self {
        Self { begun: Instant::now(), tried: RefCell::default() }
    }

    fn note(&self, address: SocketAddr) {
        self.tried.borrow_mut().push((address, self.begun.elapsed().as_millis()));
    }

    fn tried(self) -> Vec<(SocketAddr, u128)> {
        self.tried.into_inner()
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_address_is_tried_after_250_ms_and_the_first_that_answers_wins() {
    let log = Log::start();
    let won = race(vec![v6(1), v4(1), v6(2)], None, |address| {
        log.note(address);
        async move {
            // The first address answers too late, and the second one after the third was tried.
            sleep(ms(if address == v6(1) { 1000 } else { 300 })).await;
            Ok(address)
        }
    });
    assert_eq!(won.await.unwrap(), v4(1));
    assert_eq!(log.begun.elapsed(), ms(550));
    assert_eq!(log.tried(), [(v6(1), 0), (v4(1), 250), (v6(2), 500)]);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_fails_is_followed_by_the_next_one_at_once() {
    let log = Log::start();
    let won = race(vec![v6(1), v4(1), v6(2)], None, |address| {
        log.note(address);
        async move {
            if address == v6(1) {
                sleep(ms(10)).await;
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            pending::<()>().await;
            Ok(())
        }
    });
    let lost = until(Some(Instant::now() + ms(1000)), won).await;
    assert!(lost.is_none());
    assert_eq!(log.tried(), [(v6(1), 0), (v4(1), 10), (v6(2), 260)]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_an_earlier_address_starts_the_next_one_and_both_go_on() {
    let log = Log::start();
    let won = race(vec![v6(1), v4(1), v6(2)], None, |address| {
        log.note(address);
        async move {
            match address {
                first if first == v6(1) => {
                    sleep(ms(300)).await;
                    Err(io::ErrorKind::ConnectionRefused.into())
                }
                second if second == v4(1) => {
                    sleep(ms(100)).await;
                    Ok(second)
                }
                _ => pending().await,
            }
        }
    });
    assert_eq!(won.await.unwrap(), v4(1));
    assert_eq!(log.tried(), [(v6(1), 0), (v4(1), 250), (v6(2), 300)]);
}

#[tokio::test(start_paused = true)]
async fn when_all_addresses_have_failed_the_error_names_each_and_nothing_is_waited_for() {
    let begun = Instant::now();
    let lost = race(vec![v6(1), v4(1)], Some(begun + ms(5000)), |address| async move {
        let kind = if address == v4(1) {
            io::ErrorKind::ConnectionRefused
        } else {
            io::ErrorKind::NetworkUnreachable
        };
        Err::<(), _>(kind.into())
    });
    let error = lost.await.unwrap_err();
    assert_eq!(begun.elapsed(), ms(0));
    assert!(!error.is_timeout());
    assert_eq!(
        error.to_string(),
        "[::1]:80: network unreachable; 127.0.0.1:80: connection refused"
    );
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_the_error_says_what_was_still_being_tried_and_what_was_not() {
    let begun = Instant::now();
    let deadline = Some(begun + ms(400));
    let addresses = vec![v6(1), v4(1), v6(2), v4(2)];
    let lost = race(addresses, deadline, |address| async move {
        if address == v6(1) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        pending::<io::Result<()>>().await
    });
    let error = lost.await.unwrap_err();
    assert_eq!(begun.elapsed(), ms(400));
    assert!(error.is_timeout());
    assert_eq!(
        error.to_string(),
        "[::1]:80: connection refused; 127.0.0.1:80: timed out; [::2]:80: timed out; \
         127.0.0.2:80: not tried in time"
    );
}

#[tokio::test]
async fn a_host_without_an_address_is_an_error() {
    let lost = race(Vec::new(), None, TcpStream::connect).await;
    assert!(matches!(lost, Err(DialError::NoAddress)));
}

/// A listener at an address of the loopback network, and `port` if it is not 0.
fn listen(last: u8, port: u16, backlog: u32) -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), port))).unwrap();
    socket.listen(backlog).unwrap()
}

/// Fills the queue of a listener that never accepts, until a connection is not answered.
#[cfg(target_os = "linux")]
async fn fill(listener: &TcpListener) -> Vec<TcpStream> {
    let address = listener.local_addr().unwrap();
    let mut streams = Vec::new();
    loop {
        match until(Some(Instant::now() + ms(200)), TcpStream::connect(address)).await {
            Some(stream) => streams.push(stream.unwrap()),
            None => return streams,
        }
        assert!(streams.len() < 100, "the queue does not fill");
    }
}

/// Only Linux has all addresses of 127.0.0.0/8.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn over_sockets_a_silent_address_and_a_refused_port_do_not_keep_the_others_waiting() {
    let silent = listen(2, 0, 1);
    let waiting = fill(&silent).await;
    let port = silent.local_addr().unwrap().port();
    let open = listen(4, port, 16);
    let address = |last| SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), port));
    let begun = Instant::now();
    let deadline = Some(begun + ms(8000));

    let addresses = vec![address(2), address(3), address(4)];
    let won = race(addresses, deadline, TcpStream::connect).await.unwrap();
    assert_eq!(won.peer_addr().unwrap(), open.local_addr().unwrap());
    assert!((ms(250)..ms(800)).contains(&begun.elapsed()), "{:?}", begun.elapsed());

    let addresses = vec![address(2), address(3)];
    let deadline = Some(Instant::now() + ms(600));
    let lost = race(addresses, deadline, TcpStream::connect).await.unwrap_err();
    let expected = format!("127.0.0.2:{port}: timed out; 127.0.0.3:{port}: connection refused");
    assert_eq!(lost.to_string(), expected);
    drop(waiting);
}

#[tokio::test]
async fn a_name_that_nobody_has_is_an_error_of_the_look_up() {
    // RFC 6761 §6.4: names in "invalid" never exist.
    let mut target = Target::new("host.invalid", 80);
    target.deadline = Some(Instant::now() + ms(10_000));
    let error = TcpDial::new().dial(target).await.unwrap_err();
    assert!(matches!(error, DialError::Lookup(_) | DialError::LookupTimedOut), "{error:?}");
    assert!(error.to_string().starts_with("the name look-up "), "{error}");
}
