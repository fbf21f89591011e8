//! A server that has no file descriptor left for one more connection goes on.
#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use tokio::net::TcpListener;

#[expect(dead_code, reason = "its `main` is for the example")]
#[path = "../examples/hyper_server.rs"]
mod hyper_server;

/// How many files this process may open. Without connections, it has less than half of them open.
const FILES: usize = 64;

/// The environment variable of the child process that has the limit.
const LIMITED: &str = "FULLDUPLEX_TEST_LIMITED";

#[test]
fn a_server_outlives_more_clients_than_it_has_descriptors_for() {
    if std::env::var_os(LIMITED).is_none() {
        let program = std::env::current_exe().unwrap();
        let mut again = Command::new("sh");
        again.args(["-c", &format!("ulimit -n {FILES} && exec \"$0\""), program.to_str().unwrap()]);
        assert!(again.env(LIMITED, "1").status().unwrap().success());
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    // The clients are in this process, too. When no descriptor is left for a client, the server has none for its next
    // connection.
    runtime.spawn(hyper_server::serve(listener));
    let mut clients = Vec::new();
    let error = loop {
        match TcpStream::connect(address) {
            Ok(client) => clients.push(client),
            Err(error) => break error,
        }
    };
    assert_eq!(error.raw_os_error(), Some(24), "{error}"); // EMFILE
    assert!(clients.len() > FILES / 4, "{}", clients.len());
    std::thread::sleep(Duration::from_millis(500));
    clients.clear();
    let ask = || {
        let mut client = TcpStream::connect(address)?;
        client.set_read_timeout(Some(Duration::from_secs(10)))?;
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
        let mut response = String::new();
        client.read_to_string(&mut response)?;
        Ok::<_, std::io::Error>(response)
    };
    let response = ask().unwrap();
    assert!(response.starts_with("HTTP/1.1 200 OK"), "{response:?}");
}
