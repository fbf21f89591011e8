//! What the person types, or what a program writes to standard input.

use std::io::{BufRead, IsTerminal};
use std::thread;

use rustyline::ExternalPrinter;
use rustyline::error::ReadlineError;
use tokio::sync::mpsc;

use crate::explain::Failure;

/// How many lines may wait while the server does not read.
const WAITING: usize = 16;

/// Lines from the terminal or from standard input.
pub(crate) struct Lines {
    lines: mpsc::Receiver<Vec<u8>>,
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
        terminal::keep();
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
                        if sender.blocking_send(line.into_bytes()).is_err() {
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

    /// The next line without its end; `None` once there are no more. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Vec<u8>> {
        self.lines.recv().await
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

/// Gives the terminal back as it was, on a new line: the thread that edits lines may be in the middle of one. Later calls do
/// nothing.
pub(crate) fn restore_terminal() {
    terminal::restore();
}

#[cfg(unix)]
mod terminal {
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

    static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

    pub(super) fn keep() {
        *before() = tcgetattr(std::io::stdin()).ok();
    }

    pub(super) fn restore() {
        if let Some(settings) = before().take() {
            // There is nobody left to tell.
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Drain, &settings);
            eprintln!();
        }
    }

    fn before() -> MutexGuard<'static, Option<Termios>> {
        BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(not(unix))]
mod terminal {
    pub(super) fn keep() {}

    pub(super) fn restore() {}
}

/// Reads standard input until its end.
fn read_lines(sender: &mpsc::Sender<Vec<u8>>) {
    let mut input = std::io::stdin().lock();
    loop {
        let mut line = Vec::new();
        match input.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                if line.ends_with(b"\n") {
                    line.pop();
                }
                if sender.blocking_send(line).is_err() {
                    return;
                }
            }
        }
    }
}
