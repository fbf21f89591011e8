//! The subject as a process that the runner starts and kills.

use std::process::{ExitStatus, Stdio};

use tokio::process::{Child, Command};

use super::end::Failure;

/// Starts a command in which `{name}` is replaced with `value`. If it does not occur, the value is the last argument.
///
/// The process is killed when the handle is dropped.
pub(super) fn start(command: &[String], name: &str, value: &str) -> Result<Child, Failure> {
    let place = format!("{{{name}}}");
    let mut words: Vec<String> = command.iter().map(|word| word.replace(&place, value)).collect();
    if words == command {
        words.push(value.to_owned());
    }
    let [program, arguments @ ..] = &words[..] else {
        return Err(Failure::new("there is no command after `--`"));
    };
    // What the subject prints must not come between the lines of the runner's own output.
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| Failure::new(format!("`{program}` cannot be started: {error}")))
}

/// Waits for the end of the process; for ever if there is none.
pub(super) async fn exit(subject: &mut Option<Child>) -> Result<ExitStatus, Failure> {
    match subject {
        Some(subject) => Ok(subject.wait().await?),
        None => std::future::pending().await,
    }
}
