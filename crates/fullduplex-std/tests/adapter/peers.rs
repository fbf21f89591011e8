//! Other libraries as peers, in processes of their own. `cargo xtask peers` installs them.

use std::io::{BufRead, BufReader, Lines};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

/// Another WebSocket library.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Library {
    /// `websockets`, in Python.
    Websockets,
    /// `ws`, on Node.js.
    Ws,
}

/// The scripts of the peers that compress.
const COMPRESSED: [&str; 2] = ["compressed.py", "compressed.js"];

/// A running peer.
#[derive(Debug)]
pub(crate) struct Peer {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    /// Starts a server; returns it with its port.
    pub(crate) fn server(library: Library, compression: &str) -> (Self, u16) {
        Self::start(library, ["websockets_server.py", "ws.js"], "server", &[compression]).at_port()
    }

    /// Starts a client that talks to `url`.
    pub(crate) fn client(library: Library, url: &str, closer: &str, compression: &str) -> Self {
        let scripts = ["websockets_client.py", "ws.js"];
        Self::start(library, scripts, "client", &[url, closer, compression])
    }

    /// Starts a server that accepts compression with these parameters; returns it with its port.
    pub(crate) fn compressing_server(library: Library, parameters: &str) -> (Self, u16) {
        Self::start(library, COMPRESSED, "server", &[parameters]).at_port()
    }

    /// Starts a client that talks to `url` and offers compression with these parameters.
    pub(crate) fn compressing_client(library: Library, parameters: &str, url: &str) -> Self {
        Self::start(library, COMPRESSED, "client", &[parameters, url])
    }

    fn at_port(mut self) -> (Self, u16) {
        let line = self.line();
        let port = line.strip_prefix("port ").and_then(|port| port.parse().ok());
        (self, port.unwrap_or_else(|| panic!("no port: {line}")))
    }

    fn start(library: Library, scripts: [&str; 2], role: &str, arguments: &[&str]) -> Self {
        let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
        let installed = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/peers");
        let (needed, mut command) = match library {
            Library::Websockets => {
                let python = installed.join("venv/bin/python");
                let mut command = Command::new(&python);
                command.arg("-B").arg(tests.join(scripts[0]));
                if scripts == COMPRESSED {
                    command.arg(role);
                }
                (python, command)
            }
            Library::Ws => {
                let modules = installed.join("npm/node_modules");
                let mut command = Command::new("node");
                command.arg(tests.join(scripts[1])).arg(installed.join("npm")).arg(role);
                (modules.join("ws"), command)
            }
        };
        assert!(
            needed.exists(),
            "this test talks to {library:?}, which is not installed: run `cargo xtask peers` \
             ({} is missing)",
            needed.display()
        );
        let mut process = command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> String {
        match self.lines.next() {
            Some(line) => line.unwrap(),
            None => panic!("the peer ended: {:?}", self.process.wait()),
        }
    }

    /// How the connection ended for the peer. Waits until the peer's process has ended as well.
    pub(crate) fn report(mut self) -> String {
        let report = self.line();
        let status = self.process.wait().unwrap();
        assert!(status.success(), "{report}: {status}");
        report
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The process has ended already if all went well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
