//! Servers over sockets, one connection at a time, and how a reset affects them.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use fullduplex_conformance::{Behavior, Case, Options, Outcome, ServerTest, cases};
use fullduplex_conformance_faulty::Endpoint;

/// What a broken connection does to a server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Breaks {
    /// The server continues with the next one.
    ThatConnection,
    /// The server ends.
    TheServer,
    /// The server waits for ever.
    TheLoop,
}

/// Serves connections one after the other.
fn serve(listener: &TcpListener, breaks: Breaks) {
    while let Ok((stream, _)) = listener.accept() {
        if carry(stream).is_err() {
            match breaks {
                Breaks::ThatConnection => {}
                Breaks::TheServer => return,
                Breaks::TheLoop => thread::park(),
            }
        }
    }
}

fn carry(mut stream: TcpStream) -> std::io::Result<()> {
    let mut endpoint = Endpoint::server(None);
    let mut buffer = vec![0; 1 << 16];
    while !endpoint.is_closed() {
        match stream.read(&mut buffer)? {
            0 => endpoint.end_of_input(),
            len => endpoint.receive(&buffer[..len]),
        }
        stream.write_all(&endpoint.output())?;
    }
    Ok(())
}

/// The outcomes of the cases of group T.4.
fn outcomes(breaks: Breaks) -> Vec<Outcome> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || serve(&listener, breaks));
    let options = Options { patience: Duration::from_millis(500), ..Options::default() };
    let test = ServerTest { host: "127.0.0.1".into(), port, tls: None, jobs: 1, options };
    let of_group = |case: &Case| case.id.group() == "T.4";
    let cases: Vec<Arc<Case>> = cases::all().into_iter().filter(of_group).map(Arc::new).collect();
    let mut outcomes = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // A server that has ended accepts no more connections, so the other cases are not run.
    let _ = runtime.block_on(test.run(cases, |_, outcome| outcomes.push(outcome)));
    outcomes
}

#[test]
fn a_server_that_takes_the_next_connection_has_passed() {
    let outcomes = outcomes(Breaks::ThatConnection);
    assert!(outcomes.len() >= 4);
    for outcome in &outcomes {
        assert!(outcome.is_ok(), "{}: {} {}", outcome.id, outcome.observed, outcome.observed_close);
    }
}

#[test]
fn a_server_that_is_over_with_the_connection_has_failed() {
    let outcomes = outcomes(Breaks::TheServer);
    let first = outcomes.first().expect("a case");
    assert_eq!(first.behavior, Behavior::Failed, "{}", first.observed);
    assert!(first.observed.contains("TCP connection was reset, and then"), "{}", first.observed);
}

#[test]
fn a_server_that_waits_for_what_was_reset_has_failed() {
    let outcomes = outcomes(Breaks::TheLoop);
    let first = outcomes.first().expect("a case");
    assert_eq!(first.behavior, Behavior::Failed, "{}", first.observed);
    assert!(first.observed.contains("on the next connection"), "{}", first.observed);
}
