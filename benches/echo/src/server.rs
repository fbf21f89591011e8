//! A server in its own process: that process, and the load's handle to it.
//!
//! They communicate over the server's standard input and output: it prints its port, then prints the processor time in
//! nanoseconds that it has used for each line of its input, and exits at the end of its input. Other programs that do this
//! can be measured as well.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

use crate::contenders::{self, Contender, Serve};
use crate::machine;

/// How long a server may take to exit by itself.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Which contender, or NAME=PROGRAM
    name: String,
    /// The processor to pin it to
    #[arg(long)]
    core: Option<usize>,
}

/// Serves until the end of the standard input.
pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let contender = match contenders::named(&options.name) {
        Some(contender) => contender,
        None => contenders::program(&options.name).map_err(|_| "no contender has such a name")?,
    };
    // Another program inherits the pinning, and the standard input and output.
    if let Some(core) = options.core {
        machine::pin(core)?;
    }
    machine::raise_file_limit();
    let serve = match &contender.serve {
        Serve::Here(serve) => serve,
        Serve::Program(path) => return Err(become_program(path).into()),
    };
    // One thread is enough, because there is one processor for it.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    println!("{}", listener.local_addr()?.port());
    thread::spawn(answer);
    runtime.block_on(serve(listener))?;
    Ok(())
}

/// Replaces this process with another program. It returns only if that fails.
#[cfg(unix)]
fn become_program(path: &Path) -> io::Error {
    std::os::unix::process::CommandExt::exec(&mut Command::new(path))
}

#[cfg(not(unix))]
fn become_program(_path: &Path) -> io::Error {
    io::ErrorKind::Unsupported.into()
}

/// Prints the processor time for each line; exits at the end of the input.
fn answer() {
    for line in io::stdin().lines() {
        let time = ProcessTime::try_now().map(|time| time.as_duration().as_nanos());
        match (line, time) {
            (Ok(_), Ok(nanoseconds)) => println!("{nanoseconds}"),
            _ => break,
        }
    }
    std::process::exit(0);
}

/// A running server. Dropping this ends it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a server, under the program in `wrapper` if there is one.
    pub(crate) fn start(
        contender: &Contender,
        core: Option<usize>,
        wrapper: &[OsString],
    ) -> io::Result<Self> {
        let mut words = wrapper.to_vec();
        words.push(env::current_exe()?.into());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).arg("serve");
        command.arg(match &contender.serve {
            Serve::Here(_) => contender.name.to_owned(),
            Serve::Program(path) => format!("{}={}", contender.name, path.display()),
        });
        if let Some(core) = core {
            command.arg("--core").arg(core.to_string());
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or_else(|| io::Error::other("no standard output"))?;
        let address = (Ipv4Addr::LOCALHOST, 0).into();
        let mut server = Self { child, input, output: BufReader::new(output), address };
        let port = server.line()?.parse().map_err(io::Error::other)?;
        server.address.set_port(port);
        Ok(server)
    }

    /// The server's process, or the wrapper's if there is one.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// The processor time that it has used, user and system.
    pub(crate) fn time(&mut self) -> io::Result<Duration> {
        let input = self.input.as_mut().ok_or_else(|| io::Error::other("the server has ended"))?;
        input.write_all(b"\n")?;
        Ok(Duration::from_nanos(self.line()?.parse().map_err(io::Error::other)?))
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        if line.is_empty() {
            return Err(io::Error::other("the server has ended"));
        }
        Ok(line.trim().to_owned())
    }

    /// Ends the server, and waits until it has exited.
    fn end(&mut self) -> io::Result<()> {
        self.input = None;
        let begun = Instant::now();
        while self.child.try_wait()?.is_none() {
            if begun.elapsed() > PATIENCE {
                self.child.kill()?;
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error cannot be reported any more.
        let _ = self.end();
    }
}
