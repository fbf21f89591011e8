//! What the person types, or what a program writes to standard input.

use std::io::{BufRead, IsTerminal, Result as IoResult};
use std::task::{Context, Poll};
use std::thread;

use rustyline::ExternalPrinter;
use rustyline::error::ReadlineError;
use tokio::sync::mpsc;

use crate::end;
use crate::explain::Failure;

/// How many lines may wait while the server does not read.
const WAITING: usize = 16;

/// Lines from the terminal or from standard input.
pub(crate) struct Lines {
    lines: mpsc::Receiver<IoResult<Vec<u8>>>,
    /// Prints above the line that is being typed.
    printer: Option<Box<dyn ExternalPrinter + Send>>,
}

impl Lines {
    /// Begins to read: a terminal with line editing and a history, anything else line by line.
    pub(crate) fn start() -> Result<Self, Failure> {
        let (sender, lines) = mpsc::channel(WAITING);
        if !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
            thread::spawn(move || read_lines(&sender));
            return Ok(Self { lines, printer: None });
        }
        let no_terminal = |error| Failure::new(format!("the terminal cannot be used: {error}"));
        end::keep();
        // What it would have to undo at the end is not done.
        let config = rustyline::Config::builder().bracketed_paste(false).build();
        let mut editor = rustyline::DefaultEditor::with_config(config).map_err(no_terminal)?;
        let printer = editor.create_external_printer().map_err(no_terminal)?;
        thread::spawn(move || {
            loop {
                match editor.readline("> ") {
                    Ok(line) => {
                        // A line that cannot be kept can be sent all the same.
                        let _ = editor.add_history_entry(&line);
                        if sender.blocking_send(Ok(line.into_bytes())).is_err() {
                            return;
                        }
                    }
                    // Ctrl-C and Ctrl-D end the conversation.
                    Err(ReadlineError::Interrupted | ReadlineError::Eof) | Err(_) => return,
                }
            }
        });
        Ok(Self { lines, printer: Some(Box::new(printer)) })
    }

    /// The next line without its end; `None` once there are no more.
    ///
    /// # Errors
    /// The input cannot be read.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Vec<u8>, Failure>>> {
        let cannot = |error| Failure::new(format!("cannot read the standard input: {error}"));
        self.lines.poll_recv(cx).map(|line| line.map(|line| line.map_err(cannot)))
    }

    /// Prints to standard output, above the line that is being typed.
    pub(crate) fn print(&mut self, bytes: Vec<u8>) -> Result<(), Failure> {
        match &mut self.printer {
            None => crate::show::write(&bytes),
            Some(printer) => printer
                .print(String::from_utf8_lossy(&bytes).into_owned())
                .map_err(|error| Failure::new(format!("the terminal cannot be used: {error}"))),
        }
    }
}

/// Reads standard input until its end.
fn read_lines(sender: &mpsc::Sender<IoResult<Vec<u8>>>) {
    for line in std::io::stdin().lock().split(b'\n') {
        let failed = line.is_err();
        if sender.blocking_send(line).is_err() || failed {
            return;
        }
    }
}
