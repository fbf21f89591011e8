//! The load, the same for every server: connections that each send a burst, wait for all its echoes, and send the next one.
//! It uses one thread, over mio, and is made to cost little: frames are encoded once, and only the header of an echo is
//! compared. In the first, untimed run our core decodes what is received, and every payload is compared.

use bytes::BufMut;
use fullduplex::handshake::{ClientHandshake, ClientRequest, Outcome};
use fullduplex::{Endpoint, EndpointConfig, MessageRef, Negotiated, Role, Uri};
use fullduplex_benches::ChaChaEntropy;
use mio::Interest;
use mio::net::TcpStream;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use super::{Burst, Echo};
use crate::case::{Failure, Load, PATIENCE};
use crate::contenders::{Contender, Side};
use crate::waiting::Waiting;

/// The largest size of a read.
const READ_SIZE: usize = 256 << 10;

/// Connections to one server.
#[derive(Debug)]
pub(crate) struct EchoLoad {
    waiting: Waiting,
    connections: Vec<Connection>,
    burst: Burst,
    case: Echo,
    buffer: Vec<u8>,
    is_websocket: bool,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    /// How much of the burst has been written.
    written: usize,
    /// How many bursts must still be sent.
    left: usize,
    echo: Incoming,
    proof: Option<Proof>,
}

/// The position of the input in the echo of a burst.
#[derive(Debug)]
struct Incoming {
    /// The header of every frame.
    header: Vec<u8>,
    len: usize,
    /// How much of the current frame has been received, including its header.
    position: usize,
    /// How many frames have been received whole.
    frames: usize,
}

/// What must be received, and how much of it has been.
#[derive(Debug)]
enum Proof {
    /// The frames, unchanged.
    Bytes(usize),
    Messages(Box<Endpoint<ChaChaEntropy>>, usize),
}

impl EchoLoad {
    /// Connects, and does the handshakes.
    pub(crate) fn connect(
        case: Echo,
        contender: &Contender,
        address: SocketAddr,
        spin: bool,
    ) -> Result<Self, Failure> {
        let is_websocket = contender.side != Side::Unit;
        let burst = case.burst();
        let waiting = Waiting::new(case.connections, spin)?;
        let mut connections = Vec::new();
        for number in 0..case.connections {
            let stream = connect(address, is_websocket)?;
            let stream = waiting.add(number, stream, Interest::READABLE | Interest::WRITABLE)?;
            let header = if is_websocket { &burst.echoed_header } else { &burst.sent_header };
            let echo = Incoming { header: header.clone(), len: case.len, position: 0, frames: 0 };
            let proof = None;
            connections.push(Connection { stream, written: 0, left: 0, echo, proof });
        }
        let buffer = vec![0; READ_SIZE];
        Ok(Self { waiting, connections, burst, case, buffer, is_websocket })
    }
}

impl Load for EchoLoad {
    /// Sends one burst on every connection, and compares every byte.
    fn prove(&mut self) -> Result<(), Failure> {
        for connection in &mut self.connections {
            connection.proof = Some(match self.is_websocket {
                false => Proof::Bytes(0),
                true => Proof::Messages(Box::new(client()), 0),
            });
        }
        self.run(1)?;
        for connection in &mut self.connections {
            let complete = match connection.proof.take() {
                Some(Proof::Bytes(len)) => len == self.burst.wire.len(),
                Some(Proof::Messages(_, count)) => count == self.case.depth,
                None => false,
            };
            if !complete {
                return Err("echoes are missing".into());
            }
        }
        Ok(())
    }

    /// Sends this number of bursts on every connection, each when the one before it has come back.
    fn run(&mut self, bursts: usize) -> Result<(), Failure> {
        let mut busy = self.connections.len();
        for connection in &mut self.connections {
            connection.left = bursts;
            connection.next_burst(&self.burst)?;
        }
        self.waiting.begin();
        while busy > 0 {
            for event in self.waiting.wait()? {
                let connection = &mut self.connections[event.token().0];
                if event.is_writable() {
                    connection.write(&self.burst)?;
                }
                if event.is_readable() && connection.read(&self.burst, &mut self.buffer)? {
                    busy -= 1;
                }
            }
        }
        Ok(())
    }
}

impl Connection {
    fn next_burst(&mut self, burst: &Burst) -> io::Result<()> {
        self.left -= 1;
        self.written = 0;
        self.echo.frames = 0;
        self.write(burst)
    }

    /// Writes the rest of the burst, until the socket would block.
    fn write(&mut self, burst: &Burst) -> io::Result<()> {
        // Every socket first reports that it is writable, before there is anything to write.
        while self.written < burst.wire.len() {
            match self.stream.write(&burst.wire[self.written..]) {
                Ok(len) => self.written += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what is there. Returns whether it included the last echo.
    fn read(&mut self, burst: &Burst, buffer: &mut [u8]) -> Result<bool, Failure> {
        loop {
            let len = match self.stream.read(buffer) {
                Ok(0) => return Err("the server has ended a connection".into()),
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            self.echo.take(&buffer[..len])?;
            if let Some(proof) = &mut self.proof {
                proof.take(&buffer[..len], burst)?;
            }
            if self.echo.frames > burst.payloads.len() {
                return Err("more came back than was sent".into());
            }
            if self.echo.frames == burst.payloads.len() {
                if self.left == 0 {
                    return Ok(true);
                }
                self.next_burst(burst)?;
            }
            // A read that does not fill the buffer has emptied the socket. More input causes another event.
            if len < buffer.len() {
                return Ok(false);
            }
        }
    }
}

impl Incoming {
    #[inline]
    fn take(&mut self, mut bytes: &[u8]) -> Result<(), Failure> {
        let frame = self.header.len() + self.len;
        while !bytes.is_empty() {
            if let Some(header) = self.header.get(self.position..).filter(|it| !it.is_empty()) {
                let len = header.len().min(bytes.len());
                if bytes[..len] != header[..len] {
                    return Err("an echo has the wrong header".into());
                }
            }
            let len = bytes.len().min(frame - self.position);
            self.position += len;
            bytes = &bytes[len..];
            if self.position == frame {
                self.position = 0;
                self.frames += 1;
            }
        }
        Ok(())
    }
}

impl Proof {
    fn take(&mut self, bytes: &[u8], burst: &Burst) -> Result<(), Failure> {
        match self {
            Self::Bytes(position) => {
                if burst.wire.get(*position..*position + bytes.len()) != Some(bytes) {
                    return Err("an echo differs from what was sent".into());
                }
                *position += bytes.len();
            }
            Self::Messages(endpoint, count) => receive(endpoint, bytes, |payload| {
                let expected = burst.payloads.get(*count);
                *count += 1;
                expected.is_some_and(|expected| expected == payload)
            })?,
        }
        Ok(())
    }
}

/// A client after its handshake.
fn client() -> Endpoint<ChaChaEntropy> {
    let negotiated = Negotiated::without_extensions();
    let config = EndpointConfig::new();
    Endpoint::open(Role::Client, negotiated, &[], &config, ChaChaEntropy::new())
}

/// Decodes what is received, and passes each payload to `is_right`.
fn receive(
    endpoint: &mut Endpoint<ChaChaEntropy>,
    mut bytes: &[u8],
    mut is_right: impl FnMut(&[u8]) -> bool,
) -> Result<(), Failure> {
    while !bytes.is_empty() {
        let mut room = endpoint.reader.room_buf();
        let (now, later) = bytes.split_at(bytes.len().min(room.remaining_mut()));
        room.put_slice(now);
        drop(room);
        endpoint.reader.advance(now.len());
        bytes = later;
        while let Some((message, _)) = endpoint.poll()? {
            let MessageRef::Binary(payload) = message else {
                return Err("something other than a binary message was received".into());
            };
            if !is_right(payload) {
                return Err("an echo differs from what was sent".into());
            }
        }
    }
    Ok(())
}

/// Connects, and does the handshake if there is one. It blocks.
pub(crate) fn connect(
    address: SocketAddr,
    is_websocket: bool,
) -> Result<std::net::TcpStream, Failure> {
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    if !is_websocket {
        return Ok(stream);
    }
    stream.set_read_timeout(Some(PATIENCE))?;
    let uri = format!("ws://{address}/");
    let request = ClientRequest::new(Uri::parse(&uri)?);
    let mut handshake = ClientHandshake::new(&mut ChaChaEntropy::new())?;
    let (mut bytes, mut len) = ([0; 4096], 0);
    let request_len = handshake.encode_request(&request, &mut bytes)?;
    stream.write_all(&bytes[..request_len])?;
    loop {
        match stream.read(&mut bytes[len..])? {
            0 => return Err("the server has ended a connection during the handshake".into()),
            more => len += more,
        }
        match handshake.poll(&bytes[..len], &request)? {
            None => {}
            Some(Outcome::Open { response, .. }) if response.head_len() == len => {
                return Ok(stream);
            }
            Some(_) => return Err("the server's response is not a plain acceptance".into()),
        }
    }
}
