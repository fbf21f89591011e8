//! The program in processes of its own, and servers for it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use fullduplex_tokio::{
    DeflateConfig, OwnedAcceptance, WebSocketConfig, WebSocketStream, accept_with,
};
use tokio::net::TcpStream;

const PROGRAM: &str = env!("CARGO_BIN_EXE_fullduplex");

/// `fullduplex listen`, which ends when this is dropped.
pub(crate) struct Listening {
    pub(crate) child: Child,
    pub(crate) url: String,
    /// Reads what it says, which must not fill the pipe.
    says: Option<thread::JoinHandle<String>>,
}

impl Listening {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_to(Stdio::null(), arguments)
    }

    /// With this standard output.
    pub(crate) fn start_to(stdout: Stdio, arguments: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(["listen", "127.0.0.1:0"]).args(arguments);
        let mut child = command.stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let line = next_line(&mut stderr);
        let (_, url) = line.split_once("listening on ").expect("it says where it listens");
        let url = url.to_owned();
        let says = Some(thread::spawn(move || rest(stderr)));
        Self { child, url, says }
    }

    /// The address without the scheme and the path.
    pub(crate) fn address(&self) -> &str {
        self.url.split_once("://").unwrap().1.trim_end_matches('/')
    }

    /// What it has said, once it has ended.
    pub(crate) fn said(&mut self) -> String {
        self.says.take().unwrap().join().unwrap()
    }
}

pub(crate) fn next_line(stderr: &mut BufReader<ChildStderr>) -> String {
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

pub(crate) fn rest(mut stderr: BufReader<ChildStderr>) -> String {
    let mut rest = Vec::new();
    // A child that is killed may be in the middle of a character.
    let _ = stderr.read_to_end(&mut rest);
    String::from_utf8_lossy(&rest).into_owned()
}

/// Waits until the child ends by itself.
pub(crate) fn exit_code(child: &mut Child, most: Duration) -> Option<i32> {
    let end = Instant::now() + most;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if Instant::now() > end {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("it has not ended after {most:?}");
        }
        thread::sleep(Duration::from_millis(10));
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `fullduplex connect`, not started yet.
pub(crate) fn connecting(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg("connect").args(arguments);
    // The machine's own proxies must not affect the test.
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// `fullduplex connect` with these lines as its input.
pub(crate) fn connect(arguments: &[&str], input: &[u8]) -> Output {
    output(connecting(arguments), input)
}

pub(crate) fn output(mut command: Command, input: &[u8]) -> Output {
    let mut child = command.spawn().unwrap();
    // A program that ends early reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A server that reads a request and answers with this.
pub(crate) fn answers(response: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        stream.write_all(response.as_bytes()).unwrap();
    });
    url
}

/// A WebSocket server that does this with its first connection.
pub(crate) fn serves<F>(
    action: impl FnOnce(WebSocketStream<TcpStream>) -> F + Send + 'static,
) -> String
where
    F: Future<Output = ()>,
{
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let (stream, _) = listener.accept().unwrap();
            stream.set_nonblocking(true).unwrap();
            let stream = TcpStream::from_std(stream).unwrap();
            let config = WebSocketConfig::new().deflate(DeflateConfig::new());
            action(accept_with(stream, config, |_| Ok(OwnedAcceptance::new())).await.unwrap())
                .await;
        });
    });
    url
}
