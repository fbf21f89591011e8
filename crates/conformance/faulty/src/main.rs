//! `faulty-echo`: an echo server or client over TCP that makes one mistake on demand.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};
use std::{io, process, thread};

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Parser, Subcommand};
use fullduplex_conformance_faulty::{Client, Endpoint, Fault, Side};

/// An echo endpoint over WebSocket that makes one mistake.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Accepts connections, and sends messages back.
    Server {
        /// Where to listen; with port 0, the port is on the first line of the output.
        #[arg(long, default_value = "127.0.0.1:9001")]
        listen: String,
        /// The mistake; none if it is left out.
        #[arg(long, value_parser = faults(Side::Server))]
        fault: Option<String>,
    },
    /// Connects to a suite like Autobahn's `wstest -m fuzzingserver`, and runs its cases.
    Client {
        /// The suite's address.
        #[arg(long, default_value = "ws://127.0.0.1:9001")]
        connect: String,
        /// The mistake; none if it is left out.
        #[arg(long, value_parser = faults(Side::Client))]
        fault: Option<String>,
        /// The name in the suite's report, in place of the mistake's.
        #[arg(long)]
        agent: Option<String>,
    },
}

fn faults(side: Side) -> PossibleValuesParser {
    let of_side = Fault::ALL.iter().filter(move |fault| fault.is_for(side));
    of_side.map(|fault| PossibleValue::new(fault.name()).help(fault.mistake())).into()
}

fn main() {
    let fault = |name: Option<String>| name.and_then(|name| name.parse::<Fault>().ok());
    let done = match Arguments::parse().command {
        Command::Server { listen, fault: name } => serve(&listen, fault(name)),
        Command::Client { connect, fault: name, agent } => {
            let agent = agent.or(name.clone()).unwrap_or("none".into());
            go_through(&connect, fault(name), &agent)
        }
    };
    if let Err(error) = done {
        eprintln!("faulty-echo: {error}");
        process::exit(1);
    }
}

fn serve(listen: &str, fault: Option<Fault>) -> io::Result<()> {
    let listener = TcpListener::bind(listen)?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept()?;
        // A connection that breaks is no failure of the server.
        thread::spawn(move || carry(stream, Endpoint::server(fault)));
    }
}

/// Asks a suite how many cases it has, runs each, and requests the report.
fn go_through(url: &str, fault: Option<Fault>, agent: &str) -> io::Result<()> {
    let host =
        url.strip_prefix("ws://").map(|rest| rest.trim_end_matches('/')).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "the address has to begin with ws://")
        })?;
    let client = |target: String| Client { seed: fastrand::u64(..), ..Client::new(host, target) };
    let ask = |target: &str| {
        let endpoint = Endpoint::client(&client(target.into()), None).mute();
        carry(TcpStream::connect(host)?, endpoint)
    };
    let count = ask("/getCaseCount")?.unwrap_or_default();
    let count: u32 = String::from_utf8_lossy(&count).trim().parse().map_err(|_| {
        io::Error::new(io::ErrorKind::InvalidData, "the suite did not say how many cases it has")
    })?;
    for case in 1..=count {
        let target = format!("/runCase?case={case}&agent={agent}");
        let endpoint = Endpoint::client(&client(target), fault);
        // A case may end in any way.
        let _ = carry(TcpStream::connect(host)?, endpoint);
    }
    ask(&format!("/updateReports?agent={agent}"))?;
    Ok(())
}

/// Carries bytes until the connection is over. Returns the last message.
fn carry(mut stream: TcpStream, mut endpoint: Endpoint) -> io::Result<Option<Vec<u8>>> {
    /// A peer that is silent for this long is gone.
    const SILENCE: Duration = Duration::from_secs(30);
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SILENCE))?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let written = stream.write_all(&endpoint.output());
        if written.is_ok() && endpoint.is_closed() {
            break;
        }
        match written.and_then(|()| stream.read(&mut buffer)) {
            Ok(len @ 1..) => {
                endpoint.receive(&buffer[..len]);
                continue;
            }
            Ok(_) => endpoint.end_of_input(),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => endpoint.reset(),
            Err(error) => return Err(error),
        }
        if !endpoint.is_closed() {
            // The mistake is that nothing ends this connection, so it is kept open for a while.
            thread::sleep(SILENCE);
            break;
        }
    }
    linger(&stream, &mut buffer);
    Ok(endpoint.last_message().map(Vec::from))
}

/// Ends this direction, and continues to read for a while: a TCP connection that is closed with unread input is reset, and
/// the peer may lose what was sent last.
fn linger(mut stream: &TcpStream, buffer: &mut [u8]) {
    const WHILE: Duration = Duration::from_secs(1);
    let begin = Instant::now();
    if stream.shutdown(Shutdown::Write).is_ok() && stream.set_read_timeout(Some(WHILE)).is_ok() {
        while begin.elapsed() < WHILE && stream.read(buffer).is_ok_and(|len| len > 0) {}
    }
}
