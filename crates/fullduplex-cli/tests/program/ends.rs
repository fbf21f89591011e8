//! How the program ends: signals, an output that nobody reads, and peers that wait for each other.

use std::io::{BufReader, Write};
use std::process::Stdio;
#[cfg(unix)]
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

#[cfg(unix)]
use fullduplex_tokio::{CloseCode, Message};

use crate::support::{Listening, connect, connecting, exit_code, rest};
#[cfg(unix)]
use crate::support::{next_line, serves};

/// The server receives no more until its echo is read, and neither must wait for the other.
#[test]
fn large_lines_go_through_an_echo_server() {
    const LINES: usize = 6;
    let server = Listening::start(&["--no-deflate", "--quiet"]);
    let mut child = connecting(&[&server.url, "-n", &LINES.to_string()]).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let types = thread::spawn(move || {
        let mut line = vec![b'a'; 16 << 20];
        line.push(b'\n');
        for _ in 0..LINES {
            // A program that ends early reads nothing.
            let _ = stdin.write_all(&line);
        }
    });
    let reads = thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()).unwrap());
    let code = exit_code(&mut child, Duration::from_secs(60));
    types.join().unwrap();
    assert_eq!((code, reads.join().unwrap()), (Some(0), (LINES * ((16 << 20) + 1)) as u64));
}

#[cfg(unix)]
fn signal(child: &Child, name: &str) {
    let killed = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(killed.unwrap().success());
}

/// So do systemd, docker and Kubernetes ask a program to end.
#[cfg(unix)]
#[test]
fn a_server_that_is_terminated_tells_its_clients() {
    let mut server = Listening::start(&[]);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let (mut socket, _) = fullduplex_tokio::connect(server.url.as_str()).await.unwrap();
        signal(&server.child, "TERM");
        let told = socket.recv().await.unwrap();
        let Ok(Message::Close(Some(close))) = told else { panic!("{told:?}") };
        assert_eq!(close.code, CloseCode::Away);
        while socket.recv().await.is_some() {}
    });
    assert_eq!(exit_code(&mut server.child, Duration::from_secs(10)), Some(0));
    let said = server.said();
    assert!(said.contains("1 connections ended, 0 were dropped"), "{said}");
}

#[cfg(unix)]
#[test]
fn a_client_that_is_terminated_closes_its_connection() {
    let (tell, told) = std::sync::mpsc::channel();
    let url = serves(async move |mut socket| {
        while let Some(message) = socket.recv().await {
            let _ = tell.send(message);
        }
    });
    let mut child = connecting(&[&url]).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    assert!(next_line(&mut stderr).contains("connected"));
    // It waits for lines and signals a moment later.
    thread::sleep(Duration::from_millis(200));
    signal(&child, "TERM");
    let told = told.recv_timeout(Duration::from_secs(10)).unwrap();
    let Ok(Message::Close(Some(close))) = told else { panic!("{told:?}") };
    assert_eq!(close.code, CloseCode::Normal);
    assert_eq!(exit_code(&mut child, Duration::from_secs(10)), Some(0));
}

/// As `| head -1` does it, and as every filter takes it.
#[test]
fn when_its_output_is_no_longer_read_it_ends_without_a_word() {
    let server = Listening::start(&[]);
    let mut child = connecting(&[&server.url]).spawn().unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"one\n").unwrap();
    assert_eq!(exit_code(&mut child, Duration::from_secs(10)), Some(0));
    drop(stdin);
    let said = rest(BufReader::new(child.stderr.take().unwrap()));
    assert!(!said.contains("error"), "{said}");

    let mut server = Listening::start_to(Stdio::piped(), &[]);
    drop(server.child.stdout.take());
    connect(&[&server.url], b"one");
    assert_eq!(exit_code(&mut server.child, Duration::from_secs(10)), Some(0));
    let said = server.said();
    assert!(!said.contains("Broken pipe"), "{said}");
}

/// The first signal says goodbye, although the server reads nothing.
#[cfg(unix)]
#[test]
fn a_client_whose_server_does_not_read_ends_after_one_signal() {
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let url = serves(async move |socket| {
        let _ = told.recv();
        drop(socket);
    });
    let mut child = connecting(&[&url, "--no-deflate"]).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    assert!(next_line(&mut stderr).contains("connected"));
    let mut line = vec![b'a'; 64 << 20];
    line.push(b'\n');
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&line).unwrap();
    // Then it is in the middle of the message.
    thread::sleep(Duration::from_millis(500));
    signal(&child, "INT");
    assert_eq!(exit_code(&mut child, Duration::from_secs(20)), Some(1));
    assert!(rest(stderr).contains("error: "));
    drop(tell);
}
