//! A program that runs beside us: it reads its lines as they come, and ends it in time.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use crate::shell::{Failure, Outcome, command, fail, succeeds};

/// How many of the last lines are shown when something went wrong.
const LINES_SHOWN: usize = 20;

/// A child process that does not outlive this value.
pub(crate) struct Running {
    name: &'static str,
    child: Child,
    lines: Receiver<String>,
    last: VecDeque<String>,
    log: File,
    container: Option<String>,
}

/// The result of waiting for a line.
pub(crate) enum Next {
    /// The program wrote a line.
    Line(String),
    /// It has not written anything yet.
    Nothing,
    /// It closed its output.
    End,
}

impl Running {
    /// Starts the program. Its output is also written to `NAME.log` in the folder.
    pub(crate) fn start(name: &'static str, command: &mut Command, folder: &Path) -> Outcome<Self> {
        let path = folder.join(format!("{name}.log"));
        let log = File::create(&path)
            .map_err(|error| Failure::new(format!("cannot create {}: {error}", path.display())))?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| Failure::new(format!("cannot start {name}: {error}")))?;
        let (sender, lines) = mpsc::channel();
        // Both pipes exist, because they were requested above.
        child.stdout.take().into_iter().for_each(|stdout| forward(stdout, sender.clone()));
        child.stderr.take().into_iter().for_each(|stderr| forward(stderr, sender.clone()));
        Ok(Self { name, child, lines, last: VecDeque::new(), log, container: None })
    }

    /// Records that the program runs in this container, which survives when its client is killed.
    pub(crate) fn in_container(mut self, container: Option<String>) -> Self {
        self.container = container;
        self
    }

    /// Waits until there is a line, the output has ended, or `patience` is over.
    pub(crate) fn next(&mut self, patience: Duration) -> Next {
        match self.lines.recv_timeout(patience) {
            Ok(line) => {
                // A log that cannot be written is no reason to stop.
                _ = writeln!(self.log, "{line}");
                if self.last.len() == LINES_SHOWN {
                    self.last.pop_front();
                }
                self.last.push_back(line.clone());
                Next::Line(line)
            }
            Err(RecvTimeoutError::Timeout) => Next::Nothing,
            Err(RecvTimeoutError::Disconnected) => Next::End,
        }
    }

    /// Waits for the first line for which `pick` returns something.
    pub(crate) fn wait_for<T>(
        &mut self,
        what: &str,
        deadline: Instant,
        mut pick: impl FnMut(&str) -> Option<T>,
    ) -> Outcome<T> {
        loop {
            match self.next(deadline.saturating_duration_since(Instant::now())) {
                Next::Line(line) => {
                    if let Some(picked) = pick(&line) {
                        return Ok(picked);
                    }
                }
                Next::Nothing => return self.fail(&format!("did not say `{what}` in time")),
                Next::End => return self.fail(&format!("ended without saying `{what}`")),
            }
        }
    }

    /// Waits until the program accepts connections on this port of the machine.
    pub(crate) fn wait_until_it_accepts(&mut self, port: u16, deadline: Instant) -> Outcome {
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if let Some(status) = self.ended()? {
                return self.fail(&format!("ended before it listened ({status})"));
            }
            if Instant::now() >= deadline {
                return self.fail(&format!("does not accept connections at port {port}"));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// The program's exit status, if it has exited.
    pub(crate) fn ended(&mut self) -> Outcome<Option<ExitStatus>> {
        self.child
            .try_wait()
            .map_err(|error| Failure::new(format!("cannot wait for {}: {error}", self.name)))
    }

    /// Waits until the program has exited, and fails unless it succeeded.
    pub(crate) fn wait_for_success(&mut self, deadline: Instant) -> Outcome {
        loop {
            match self.ended()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return self.fail(&format!("failed ({status})")),
                None if Instant::now() >= deadline => return self.fail("did not end in time"),
                None => thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Kills the program, and fails with what happened and with the last lines that it wrote.
    pub(crate) fn fail<T>(&mut self, what: &str) -> Outcome<T> {
        // Otherwise, reading the output of a program that never stops writing would never end.
        _ = self.child.kill();
        while let Next::Line(_) = self.next(Duration::from_millis(100)) {}
        let mut sentence = format!("{} {what}", self.name);
        if !self.last.is_empty() {
            sentence += "; its last lines:";
        }
        for line in &self.last {
            sentence += "\n    ";
            // The list of all cases is one line.
            sentence.extend(line.chars().take(200));
        }
        fail(sentence)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(container) = &self.container {
            // This fails if the program has exited by itself, which does not matter.
            _ = succeeds(command("docker").args(["kill", container]));
        }
        // The same holds here.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Forwards each line until the pipe ends or the receiver is dropped.
fn forward(pipe: impl Read + Send + 'static, sender: Sender<String>) {
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            line.clear();
            if sender.send(text).is_err() {
                break;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::env;

    fn shell(script: &str) -> Running {
        let mut sh = command("sh");
        Running::start("sh", sh.args(["-c", script]), &env::temp_dir()).unwrap()
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[test]
    fn a_line_is_waited_for() {
        let mut running = shell("echo one; echo listening on 7; exec sleep 60");
        let port = running.wait_for("listening on", soon(), |line| {
            line.strip_prefix("listening on ").map(str::to_owned)
        });
        assert_eq!(port.unwrap(), "7");
        assert!(running.ended().unwrap().is_none());
    }

    #[test]
    fn a_program_that_ends_early_is_quoted() {
        let mut running = shell("echo no such file >&2; exit 3");
        let failure =
            running.wait_for("ready", soon(), |line| (line == "ready").then_some(())).unwrap_err();
        assert!(failure.to_string().contains("no such file"), "{failure}");
        assert!(running.wait_for_success(soon()).is_err());
    }

    #[test]
    fn a_program_that_hangs_is_given_up() {
        let mut running = shell("exec sleep 60");
        let begun = Instant::now();
        assert!(running.wait_for_success(begun + Duration::from_millis(50)).is_err());
        assert!(running.wait_for("x", begun + Duration::from_millis(90), |_| Some(())).is_err());
        drop(running);
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
}
