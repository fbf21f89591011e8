//! The resident memory of a client, over real sockets, when proxies never end their response.
#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fullduplex_tokio::{ConnectOptions, Error, Proxy, ProxyDial, connect_with};

const CLIENTS: usize = 50;
const MOST: usize = 64 << 20;

/// The peak of this process's resident memory, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

/// A proxy whose response begins with `first`, and goes on with `rest` for as long as the client takes it.
fn serve(first: &'static [u8], rest: &'static [u8], written: &Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let written = Arc::clone(written);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, written) = (stream.unwrap(), Arc::clone(&written));
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 1024]);
                let _ = stream.write_all(first);
                let mut here = 0;
                while here < MOST && stream.write_all(rest).is_ok() {
                    here += rest.len();
                    written.fetch_add(rest.len(), Ordering::Relaxed);
                }
            });
        }
    });
    address
}

#[test]
fn an_endless_head_of_a_proxy_costs_no_more_memory_than_its_limit() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for (scheme, first, rest) in [
        ("http", b"HTTP/1.1 200 OK\r\nX: ".as_slice(), [b'a'; 4096].as_slice()),
        ("http", b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        ("http", b"", &[b'\n'; 4096]),
        ("socks5", b"", &[5; 4096]),
    ] {
        let written = Arc::default();
        let address = serve(first, rest, &written);
        let proxy = Proxy::parse(format!("{scheme}://{address}")).unwrap();
        let options = Arc::new(ConnectOptions::new().dial(ProxyDial::new(proxy)));
        let before = peak();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let options = Arc::clone(&options);
                runtime.spawn(async move { connect_with("ws://host.invalid/", &options).await })
            })
            .collect();
        for client in clients {
            let error = runtime.block_on(client).unwrap().unwrap_err();
            assert!(matches!(error, Error::Dial(_)) && !error.is_timeout(), "{error}");
            assert!(error.to_string().contains(": it broke its protocol: "), "{error}");
        }
        let each = (peak() - before) / CLIENTS;
        let written = written.load(Ordering::Relaxed) / CLIENTS;
        println!("{scheme}: {each} bytes of memory for each client, {written} were written to it");
        assert!(each < 256 << 10, "{each}");
        assert!(written < MOST, "{written}");
    }
}
