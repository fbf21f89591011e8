//! The program, used rightly and wrongly: it prints a clear line, keeps the outcomes it has so far, and its exit code says
//! whether the tests passed, failed or could not be run.
#![cfg(feature = "cli")]

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_fullduplex-conformance"))
}

/// A folder for the report of one test.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn assert_ends(output: &Output, code: i32, words: &str) {
    let text = text(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(text.contains(words), "{text}");
}

/// A server that runs `each` on this number of connections, and then stops listening.
fn server(
    connections: usize,
    each: impl Fn(std::net::TcpStream) + Send + Sync + Clone + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().take(connections) {
            let each = each.clone();
            thread::spawn(move || each(stream.unwrap()));
        }
    });
    address
}

fn echo(stream: std::net::TcpStream) {
    let Ok(mut socket) = fullduplex_std::accept(stream) else { return };
    while let Ok(message) = socket.read() {
        if (message.is_text() || message.is_binary()) && socket.feed(message).is_err() {
            return;
        }
    }
}

#[test]
fn a_server_is_tested_and_the_report_is_written() {
    let report = folder("good");
    let url = format!("ws://{}/", server(usize::MAX, echo));
    let test = program()
        .args(["server", &url, "--cases", "1,2,7.3", "--agent", "good", "--report"])
        .arg(&report)
        .output()
        .unwrap();
    assert_ends(&test, 0, "index.html");
    for file in ["index.html", "index.json", "good_case_1_1_1.json"] {
        assert!(report.join(file).is_file(), "{file}");
    }
    let again = program().arg("replay").arg(&report).args(["2.2", &url]).output().unwrap();
    assert_ends(&again, 0, "Hello, world!");
    let same = program().arg("compare").args([&report, &report]).output().unwrap();
    assert_ends(&same, 0, "");
}

#[test]
fn a_server_that_is_not_there_is_said_to_be_not_there() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let test = program().args(["server", &format!("ws://{nobody}/")]).output().unwrap();
    assert_ends(&test, 2, &format!("no connection to {nobody}"));
}

#[test]
fn a_server_that_does_not_speak_http_is_found_before_the_cases() {
    let address = server(usize::MAX, |mut stream| {
        let _ = stream.write_all(b"220 mail.example ESMTP\r\n\r\n");
    });
    let test = program().args(["server", &format!("ws://{address}/")]).output().unwrap();
    assert_ends(&test, 2, "does not open a WebSocket connection: Its response is not HTTP");
}

#[test]
fn a_server_that_hangs_is_not_waited_for() {
    let address = server(usize::MAX, |stream| {
        thread::sleep(Duration::from_secs(60));
        drop(stream);
    });
    let begun = Instant::now();
    let url = format!("ws://{address}/");
    let test = program().args(["server", &url, "--patience", "100"]).output().unwrap();
    assert_ends(&test, 2, "does not open a WebSocket connection");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn what_was_found_before_a_server_died_is_kept() {
    let report = folder("dies");
    let url = format!("ws://{}/", server(20, echo));
    let test = program().args(["server", &url, "--report"]).arg(&report).output().unwrap();
    assert_ends(&test, 2, "no connection to");
    assert!(text(&test).contains(" cases"), "{}", text(&test));
    assert!(report.join("index.json").is_file());
}

#[test]
fn what_was_found_before_ctrl_c_is_kept() {
    let report = folder("interrupted");
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    let address = server(usize::MAX, move |stream| {
        counted.fetch_add(1, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(20));
        echo(stream);
    });
    let test = program()
        .args(["server", &format!("ws://{address}/"), "--jobs", "1", "--report"])
        .arg(&report)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The first connection is the probe. After the tenth, some cases are over.
    let begun = Instant::now();
    while connections.load(Ordering::Relaxed) < 10 && begun.elapsed() < Duration::from_secs(60) {
        thread::sleep(Duration::from_millis(5));
    }
    let id = test.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let test = test.wait_with_output().unwrap();
    assert_ends(&test, 2, "interrupted, after");
    assert!(report.join("index.json").is_file());
}

#[test]
#[cfg(target_os = "linux")]
fn a_server_that_sends_without_end_fills_no_memory_and_is_not_waited_for() {
    let probed = Arc::new(AtomicUsize::new(0));
    let address = server(usize::MAX, move |stream| {
        if probed.fetch_add(1, Ordering::Relaxed) == 0 {
            return echo(stream);
        }
        let mut raw = stream.try_clone().unwrap();
        let Ok(_socket) = fullduplex_std::accept(stream) else { return };
        // Frames of 1 MiB, one after the other, until the other end is gone.
        let frame = [&[0x82, 127, 0, 0, 0, 0, 0, 0x10, 0, 0][..], &vec![0; 1 << 20]].concat();
        while raw.write_all(&frame).is_ok() {}
    });
    let begun = Instant::now();
    let mut test = program()
        .args(["server", &format!("ws://{address}/"), "--cases", "1.1.1", "--report"])
        .arg(folder("flood"))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut most = 0;
    let status = loop {
        if let Some(status) = test.try_wait().unwrap() {
            break status;
        }
        let process = format!("/proc/{}/status", test.id());
        let text = std::fs::read_to_string(process).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|peak| peak.split_whitespace().next()?.parse::<usize>().ok());
        most = most.max(kib.unwrap_or(0));
        thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(status.code(), Some(1));
    assert!(most < 400 << 10, "{most} KiB resident");
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

#[test]
fn a_report_that_cannot_be_written_is_named() {
    let folder = folder("is_a_file");
    std::fs::write(&folder, "").unwrap();
    let url = format!("ws://{}/", server(usize::MAX, echo));
    let test = program()
        .args(["server", &url, "--cases", "1.1.1", "--report"])
        .arg(&folder)
        .output()
        .unwrap();
    assert_ends(&test, 2, "is_a_file");
}

#[test]
fn a_client_that_cannot_be_started_is_named() {
    let test = program()
        .args(["client", "--listen", "127.0.0.1:0", "--", "./no-such-client", "{url}"])
        .output()
        .unwrap();
    assert_ends(&test, 2, "`./no-such-client` cannot be started");
}

#[test]
fn a_slip_in_the_options_is_no_run_without_findings() {
    let test = program().args(["server", "ws://127.0.0.1:1/", "--cases", "6.99"]).output().unwrap();
    assert_ends(&test, 2, "there is no case `6.99`");
    let test = program().args(["server", "http://127.0.0.1:1/"]).output().unwrap();
    assert_ends(&test, 2, "begins with ws:// or wss://");
}

#[test]
fn cases_are_listed_and_explained() {
    assert_ends(&program().args(["list", "6.4"]).output().unwrap(), 0, "4 cases");
    assert_ends(&program().args(["explain", "2.5"]).output().unwrap(), 0, "RFC 6455 §5.5");
    assert_ends(&program().args(["explain", "99"]).output().unwrap(), 2, "there is no case `99`");
}
