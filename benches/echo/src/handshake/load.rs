//! The load, the same for every server: it connects, sends the request, checks the response with our core, sends a Close,
//! waits for the server's Close and for the end of the TCP connection, and starts again. One thread, over mio.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

use fullduplex::Uri;
use fullduplex::handshake::{ClientHandshake, ClientRequest, Outcome};
use mio::Interest;
use mio::net::TcpStream;

use super::{CLOSE, CLOSE_RESPONSE, Handshake};
use crate::case::{Failure, Load};
use crate::waiting::Waiting;

/// Connections to one server: several places, each with one connection after the other.
#[derive(Debug)]
pub(crate) struct HandshakeLoad {
    waiting: Waiting,
    address: SocketAddr,
    case: Handshake,
}

/// A connection.
#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    /// The handshake, until the response has come.
    handshake: Option<ClientHandshake>,
    /// The response as far as it has come, and later the server's Close.
    received: [u8; 1024],
    len: usize,
}

impl HandshakeLoad {
    /// Creates the load. It connects in its first run.
    pub(crate) fn new(case: Handshake, address: SocketAddr, spin: bool) -> Result<Self, Failure> {
        Ok(Self { waiting: Waiting::new(case.at_once, spin)?, address, case })
    }

    fn connect(&self, number: usize) -> Result<Connection, Failure> {
        // Over loopback this does not wait: the listener's queue has space.
        let stream = std::net::TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        let mut stream = self.waiting.add(number, stream, Interest::READABLE)?;
        // A new socket has space for the whole request.
        stream.write_all(self.case.request.bytes())?;
        let handshake = ClientHandshake::with_fixed_key_for_tests(*b"the sample nonce");
        Ok(Connection { stream, handshake: Some(handshake), received: [0; 1024], len: 0 })
    }
}

impl Load for HandshakeLoad {
    /// One turn: a run compares every byte anyway.
    fn prove(&mut self) -> Result<(), Failure> {
        self.run(1)
    }

    /// Opens and closes this number of connections in each place.
    fn run(&mut self, turns: usize) -> Result<(), Failure> {
        let request = ClientRequest::new(Uri::parse("ws://localhost:9001/")?);
        let places = 0..self.case.at_once;
        let mut connections = places
            .map(|number| Ok(Some(self.connect(number)?)))
            .collect::<Result<Vec<_>, Failure>>()?;
        let mut begun = connections.len();
        let mut busy = connections.len();
        self.waiting.begin();
        while busy > 0 {
            let ready: Vec<usize> =
                self.waiting.wait()?.iter().map(|event| event.token().0).collect();
            for number in ready {
                let place = &mut connections[number];
                let Some(connection) = place else { continue };
                if !connection.read(&request)? {
                    continue;
                }
                // The connection is closed before the next one begins.
                *place = None;
                if begun < turns * self.case.at_once {
                    *place = Some(self.connect(number)?);
                    begun += 1;
                } else {
                    busy -= 1;
                }
            }
        }
        Ok(())
    }
}

impl Connection {
    /// Reads what is there. Returns whether the connection is over.
    fn read(&mut self, request: &ClientRequest<'_>) -> Result<bool, Failure> {
        loop {
            let len = match self.stream.read(&mut self.received[self.len..]) {
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            self.len += len;
            let received = &self.received[..self.len];
            let Some(handshake) = &mut self.handshake else {
                match len {
                    0 if received == CLOSE_RESPONSE => return Ok(true),
                    0 => return Err("the server has not sent the right Close".into()),
                    _ => continue,
                }
            };
            if len == 0 {
                return Err("the server has ended a connection during the handshake".into());
            }
            match handshake.poll(received, request)? {
                None => {}
                Some(Outcome::Open { response, .. }) if response.head_len() == self.len => {
                    self.handshake = None;
                    self.len = 0;
                    self.stream.write_all(&CLOSE)?;
                }
                Some(_) => return Err("the server's response is not a plain acceptance".into()),
            }
        }
    }
}
