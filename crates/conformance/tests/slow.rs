//! Servers that are slow, send what nobody asked for, or end, over streams in memory and over sockets.
#![cfg(feature = "net")]

use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use fullduplex_conformance::{
    Behavior, Case, Options, Outcome, Run, ServerError, ServerTest, Side, cases, drive,
};
use fullduplex_conformance_faulty::Endpoint;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

const PATIENCE: Duration = Duration::from_millis(200);

fn case(id: &str) -> Case {
    cases::all().into_iter().find(|case| case.id.to_string() == id).expect("a case")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Runs a case against a server over a stream in memory, in which little fits.
fn run(id: &str, limit: Duration, server: impl AsyncFnOnce(DuplexStream)) -> Outcome {
    let case = case(id);
    let options = Options { patience: PATIENCE, limit, ..Options::default() };
    let (near, far) = tokio::io::duplex(512);
    runtime().block_on(async {
        let run = Run::new(&case, Side::Server, &options);
        tokio::select! {
            (outcome, ()) = async { tokio::join!(drive(run, near, &[], PATIENCE), server(far)) } => outcome,
            () = tokio::time::sleep(Duration::from_secs(60)) => panic!("the case does not end"),
        }
    })
}

/// Reads the request, and responds to it.
async fn open(stream: &mut DuplexStream) -> Endpoint {
    let (mut endpoint, mut request) = (Endpoint::server(None), [0; 1024]);
    let len = stream.read(&mut request).await.unwrap();
    endpoint.receive(&request[..len]);
    stream.write_all(&endpoint.output()).await.unwrap();
    endpoint
}

#[test]
fn a_server_that_reads_nothing_and_sends_pings_is_not_waited_for() {
    let limit = Duration::from_secs(1);
    let outcome = run("9.1.1", limit, async |mut stream| {
        open(&mut stream).await;
        // Far more often than the runner's patience ends.
        while stream.write_all(&[0x89, 0]).await.is_ok() {
            tokio::time::sleep(PATIENCE / 10).await;
        }
    });
    assert_eq!(outcome.behavior, Behavior::Failed, "{}", outcome.observed);
    assert!(outcome.duration >= limit && outcome.duration < 2 * limit, "{:?}", outcome.duration);
}

#[test]
fn a_server_that_reads_nothing_and_sends_wrong_frames_is_not_waited_for() {
    let limit = Duration::from_secs(30);
    let outcome = run("9.1.1", limit, async |mut stream| {
        open(&mut stream).await;
        // A reserved bit, again and again, once the runner has begun to send.
        tokio::time::sleep(PATIENCE / 2).await;
        while stream.write_all(&[0xc2, 0]).await.is_ok() {
            tokio::time::sleep(PATIENCE / 10).await;
        }
    });
    assert_eq!(outcome.behavior, Behavior::Failed, "{}", outcome.observed);
    assert!(outcome.duration < limit / 3, "{:?}", outcome.duration);
}

#[test]
fn the_wait_for_an_echo_begins_when_the_message_is_sent() {
    let mut slowed = Duration::ZERO;
    let outcome = run("9.7.6", Duration::from_secs(30), async |mut stream| {
        let (mut endpoint, mut bytes) = (open(&mut stream).await, [0; 256]);
        while !endpoint.is_closed() {
            match stream.read(&mut bytes).await.unwrap() {
                0 => endpoint.end_of_input(),
                len => endpoint.receive(&bytes[..len]),
            }
            // The first message, of 4 KiB, takes longer than the runner's patience, but its reader never stops.
            if slowed < 2 * PATIENCE {
                tokio::time::sleep(PATIENCE / 8).await;
                slowed += PATIENCE / 8;
            }
            stream.write_all(&endpoint.output()).await.unwrap();
        }
    });
    assert!(slowed >= 2 * PATIENCE);
    assert!(outcome.is_ok(), "{} {}", outcome.observed, outcome.observed_close);
}

/// A test of the server that does this with each connection, in turn, and then ends.
fn test_of(jobs: usize, each: Vec<fn(std::net::TcpStream)>) -> ServerTest {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut serving = Vec::new();
        for each in each {
            let (stream, _) = listener.accept().unwrap();
            serving.push(thread::spawn(move || each(stream)));
        }
    });
    let options = Options { patience: Duration::from_secs(1), ..Options::default() };
    ServerTest { host: "127.0.0.1".into(), port, tls: None, jobs, options }
}

fn echo(stream: std::net::TcpStream) {
    let Ok(mut socket) = fullduplex_std::accept(stream) else { return };
    while let Ok(message) = socket.read() {
        if (message.is_text() || message.is_binary()) && socket.feed(message).is_err() {
            return;
        }
    }
}

fn echo_later(stream: std::net::TcpStream) {
    thread::sleep(Duration::from_millis(200));
    echo(stream);
}

#[test]
fn outcomes_of_cases_in_progress_are_kept_when_the_server_ends() {
    // The third connection is over first, and the job that had it finds no server any more.
    let test = test_of(3, vec![echo_later, echo_later, echo]);
    let cases: Vec<Arc<Case>> =
        cases::all().into_iter().filter(|case| case.id.group() == "1.1").map(Arc::new).collect();
    let mut outcomes = Vec::new();
    let ended = runtime().block_on(test.run(cases, |_, outcome| outcomes.push(outcome)));
    assert!(matches!(ended, Err(ServerError::Unreachable { .. })), "{ended:?}");
    assert_eq!(outcomes.len(), 3);
    assert!(outcomes.iter().all(Outcome::is_ok));
}

#[test]
fn a_server_that_opens_no_connections_yet_is_waited_for() {
    let busy = |mut stream: std::net::TcpStream| {
        use std::io::{Read, Write};
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    };
    let test = test_of(1, vec![busy, busy, echo]);
    runtime().block_on(test.probe(Duration::from_secs(5))).unwrap();
    let test = test_of(1, vec![busy]);
    let probed = runtime().block_on(test.probe(Duration::ZERO));
    assert!(matches!(probed, Err(ServerError::NotWebSocket { .. })), "{probed:?}");
}
