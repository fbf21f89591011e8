//! The program, used rightly and wrongly: it prints a clear line, keeps the outcomes it has so far, and its exit code says
//! whether the tests passed, failed or could not be run.
#![cfg(feature = "cli")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
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
    each: impl Fn(TcpStream) + Send + Sync + Clone + 'static,
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

fn echo(stream: TcpStream) {
    if let Ok(socket) = fullduplex_std::accept(stream) {
        echo_all(socket);
    }
}

fn echo_all(mut socket: fullduplex_std::WebSocket<TcpStream>) {
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
    let again = program()
        .arg("replay")
        .arg(&report)
        .args(["2.2", &url, "--patience", "5000"])
        .output()
        .unwrap();
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
#[cfg(unix)]
fn a_server_that_was_started_and_has_ended_is_named_with_its_status() {
    let begun = Instant::now();
    let test = program().args(["server", "--", "sh", "-c", "exit 7"]).output().unwrap();
    assert_ends(&test, 2, "the server has ended: exit status: 7");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());

    // The process tells its port, at which this test serves, and ends when this test stops serving.
    let (report, files) = (folder("ends"), folder("ends_files"));
    std::fs::create_dir_all(&files).unwrap();
    let script =
        "echo $1 > port.new; mv port.new port; while [ ! -e end ]; do sleep 0.02; done; exit 7";
    let mut test = program()
        .args(["server", "--report"])
        .arg(&report)
        .args(["--", "sh", "-c", &format!("cd '{}'; {script}", files.display()), "sh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let port: u16 = loop {
        assert!(test.try_wait().unwrap().is_none(), "the program has ended");
        match std::fs::read_to_string(files.join("port")) {
            Ok(port) => break port.trim().parse().unwrap(),
            Err(_) => thread::sleep(Duration::from_millis(5)),
        }
    };
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    for stream in listener.incoming().take(20) {
        thread::spawn(|| echo(stream.unwrap()));
    }
    std::fs::write(files.join("end"), "").unwrap();
    drop(listener);
    let test = test.wait_with_output().unwrap();
    assert_ends(
        &test,
        2,
        "the server has ended (exit status: 7; `--jobs 1` shows in which case), after",
    );
}

#[test]
#[cfg(unix)]
fn what_was_found_before_ctrl_c_or_sigterm_is_kept() {
    for signal in ["-INT", "-TERM"] {
        is_kept_before(signal);
    }
}

#[cfg(unix)]
fn is_kept_before(signal: &str) {
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
    assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
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
    assert!(text(&test).contains("1 of 1 cases OK"), "{}", text(&test));
}

#[test]
fn a_policy_that_cannot_be_read_is_named_before_the_run() {
    let test = program()
        .args(["server", "ws://127.0.0.1:1/", "--expected", "no-such-file.json"])
        .output()
        .unwrap();
    assert_ends(&test, 2, "no-such-file.json");
}

#[test]
fn cases_that_were_excluded_are_not_expected() {
    let (report, expected) = (folder("excluded"), folder("excluded.json"));
    std::fs::write(
        &expected,
        r#"{"cases": 906, "server": {
            "9.1.1": {"behavior": "FAILED", "behaviorClose": "OK", "reason": "it is a small server"}}}"#,
    )
    .unwrap();
    let url = format!("ws://{}/", server(usize::MAX, echo));
    let test = program()
        .args(["server", &url, "--exclude", "2,3,4,5,6,7,9,10,12,13,H,N,X,T", "--report"])
        .arg(&report)
        .arg("--expected")
        .arg(&expected)
        .output()
        .unwrap();
    assert_ends(&test, 0, "16 of 16 cases OK");
}

#[test]
fn a_reader_of_the_output_that_goes_away_costs_no_report() {
    let report = folder("no_reader");
    let url = format!("ws://{}/", server(usize::MAX, echo));
    let mut test = program()
        .args(["server", &url, "--cases", "1.1.1", "--report"])
        .arg(&report)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(test.stdout.take());
    assert_eq!(test.wait().unwrap().code(), Some(0));
    assert!(report.join("index.json").is_file());
}

/// Starts the test of a client, and returns the URL that the client is to connect to.
fn test_of_client(arguments: &[&str], report: &PathBuf) -> (Child, String) {
    let mut test = program()
        .args(["client", "--listen", "127.0.0.1:0", "--report"])
        .arg(report)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(test.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
    let url = line.split_whitespace().find(|word| word.starts_with("ws://")).expect("a URL");
    let url = url.trim_end_matches(';').to_owned();
    (test, url)
}

/// Connects to a target of the test, as a client.
fn connect(url: &str, target: &str) -> fullduplex_std::WebSocket<TcpStream> {
    let stream = TcpStream::connect(url.trim_start_matches("ws://")).unwrap();
    fullduplex_std::client(format!("{url}{target}"), stream).unwrap().0
}

#[test]
fn a_client_that_ends_in_the_middle_has_not_passed() {
    let report = folder("in_the_middle");
    let (test, url) = test_of_client(&["--cases", "1.1"], &report);
    for number in 1..=3 {
        echo_all(connect(&url, &format!("/runCase?case={number}&agent=early")));
    }
    echo_all(connect(&url, "/updateReports?agent=early"));
    assert_ends(&test.wait_with_output().unwrap(), 2, "only 3 of 8 cases were run");
    assert!(report.join("early_case_1_1_3.json").is_file());
}

#[test]
fn a_case_in_progress_when_the_client_reports_is_waited_for() {
    let report = folder("in_progress");
    let (test, url) = test_of_client(&["--cases", "1.1.1,1.1.2"], &report);
    echo_all(connect(&url, "/runCase?case=1&agent=parallel"));
    let last = connect(&url, "/runCase?case=2&agent=parallel");
    echo_all(connect(&url, "/updateReports?agent=parallel"));
    thread::sleep(Duration::from_millis(200));
    echo_all(last);
    assert_ends(&test.wait_with_output().unwrap(), 0, "2 of 2 cases OK");
}

fn read_until(stream: &mut TcpStream, end: &[u8]) {
    let (mut read, mut byte) = (Vec::new(), [0]);
    while !read.ends_with(end) {
        stream.read_exact(&mut byte).unwrap();
        read.extend(byte);
    }
}

#[test]
fn a_client_that_uses_a_key_again_has_not_passed() {
    let (test, url) = test_of_client(&["--cases", "1.1.1,1.2.1"], &folder("same_key"));
    for number in 1..=2 {
        let mut stream = TcpStream::connect(url.trim_start_matches("ws://")).unwrap();
        let request = format!(
            "GET /runCase?case={number}&agent=careless HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        // The echo, and the answer to the Close.
        let echo = [0x80 + number, 0x80, number, 2, 3, 4, 0x88, 0x82, 5, 6, 7, number, 6, 0xee];
        stream.write_all(request.as_bytes()).unwrap();
        // The message that comes after the response is empty.
        read_until(&mut stream, &[0x80 + number, 0]);
        stream.write_all(&echo[..6]).unwrap();
        read_until(&mut stream, &[0x88, 2, 0x03, 0xe8]);
        stream.write_all(&echo[6..]).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    }
    echo_all(connect(&url, "/updateReports"));
    let test = test.wait_with_output().unwrap();
    assert_ends(&test, 1, "2 connections have the Sec-WebSocket-Key");
    assert!(text(&test).contains("2 of 2 cases OK"), "{}", text(&test));
}

/// A certificate that signs itself.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----
MIIBdTCCARugAwIBAgIUFHjLCZ36naIf5rJDLCFUDMMLnLMwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMzAxMjUyMzVaGA8yMTI2MTEwNjEyNTIz
NVowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABDYz
0+8vNuYPMM8jop/va+KtfK18BdzVyIcaOYAofrcYympaiT8pfzFCmozOE8O08449
oCArcKidIJqHjB9plsOjUzBRMB0GA1UdDgQWBBTeTwvReaZtrGeWuImV92QNAN1I
QTAfBgNVHSMEGDAWgBTeTwvReaZtrGeWuImV92QNAN1IQTAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0gAMEUCIQDK0L/7TRF3qKRcBOCKA0hsGQbvxPS+36Ay
z4xCgriCEgIgBKTlc3FXciMzxvmazj9U+NdBXulxznPMeBOMZmYedAA=
-----END CERTIFICATE-----
";

#[test]
fn a_certificate_of_the_system_that_is_no_certificate_is_left_out() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let wrong = "-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----\n";
    let (both, none) = (folder("both.pem"), folder("none.pem"));
    std::fs::write(&both, format!("{wrong}{CERTIFICATE}")).unwrap();
    std::fs::write(&none, "").unwrap();
    let url = format!("wss://{nobody}/");
    let system = |file| {
        let mut test = program();
        test.args(["server", &url]).env("SSL_CERT_FILE", file).env_remove("SSL_CERT_DIR");
        test.output().unwrap()
    };
    assert_ends(&system(&both), 2, &format!("no connection to {nobody}"));
    assert_ends(&system(&none), 2, "there is no certificate to check the server against");
    let test = program().args(["server", &url, "--ca"]).arg(&none).output().unwrap();
    assert_ends(&test, 2, "none.pem: there is no certificate to check the server against");
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
