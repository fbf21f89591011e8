//! A server in memory that is wrong on purpose. It sends markup that must not become part of a report.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fullduplex_conformance::{Options, Report, Side, Subject, Transport, cases, run_in_memory};

/// Markup that would run in a page that does not escape it.
pub(crate) const MARKUP: &str =
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">";

/// An echo server without compression. It does not check reserved bits, and ignores unknown opcodes.
pub(crate) struct Wrong {
    /// Whether it fails on text that is not UTF-8.
    pub(crate) utf8: bool,
    input: Vec<u8>,
    opened: bool,
    message: Option<(u8, Vec<u8>)>,
    output: Vec<u8>,
    closed: bool,
}

impl Wrong {
    pub(crate) fn new(utf8: bool) -> Self {
        Self {
            utf8,
            input: Vec::new(),
            opened: false,
            message: None,
            output: Vec::new(),
            closed: false,
        }
    }

    fn open(&mut self) -> bool {
        let Some(end) = self.input.windows(4).position(|four| four == b"\r\n\r\n") else {
            return false;
        };
        let head = String::from_utf8_lossy(&self.input[..end]).into_owned();
        self.input.drain(..end + 4);
        self.opened = true;
        let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
        let mut hash = sha1_smol::Sha1::new();
        hash.update(key.unwrap_or("").as_bytes());
        hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
        let accept = STANDARD.encode(hash.digest().bytes());
        self.output.extend(
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nServer: {MARKUP}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n\r\n"
            )
            .bytes(),
        );
        true
    }

    /// Reads a frame, and answers it. Returns whether there was one.
    fn frame(&mut self) -> bool {
        let [first, second, rest @ ..] = &self.input[..] else { return false };
        let (len, form) = match (second & 0x7f, rest) {
            (126, [a, b, ..]) => (usize::from(u16::from_be_bytes([*a, *b])), 2),
            (127, bytes) if bytes.len() >= 8 => {
                (u64::from_be_bytes(bytes[..8].try_into().unwrap()) as usize, 8)
            }
            (126 | 127, _) => return false,
            (len, _) => (usize::from(len), 0),
        };
        let begin: usize = 2 + form + 4;
        let Some(frame) = begin.checked_add(len).and_then(|end| self.input.get(..end)) else {
            return false;
        };
        let (fin, opcode) = (first & 0x80 != 0, first & 15);
        let key = &frame[begin - 4..begin];
        let payload: Vec<u8> =
            frame[begin..].iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        self.input.drain(..begin + len);
        match opcode {
            8 => {
                // The code is always 1000, whatever the peer's code was.
                self.close(1000);
            }
            9 => self.send(10, &payload),
            0..=2 => {
                let (kind, so_far) = self.message.get_or_insert_with(|| (opcode, Vec::new()));
                so_far.extend(payload);
                if fin {
                    let (kind, message) = (*kind, std::mem::take(so_far));
                    self.message = None;
                    if self.utf8 && kind == 1 && std::str::from_utf8(&message).is_err() {
                        self.close(1007);
                    } else {
                        self.send(kind, &message);
                    }
                }
            }
            _ => {}
        }
        true
    }

    fn close(&mut self, code: u16) {
        self.send(8, &[&code.to_be_bytes(), MARKUP.as_bytes()].concat());
        self.closed = true;
    }

    fn send(&mut self, opcode: u8, payload: &[u8]) {
        self.output.push(0x80 | opcode);
        match payload.len() {
            len @ ..126 => self.output.push(len as u8),
            len @ ..0x1_0000 => {
                self.output.push(126);
                self.output.extend((len as u16).to_be_bytes());
            }
            len => {
                self.output.push(127);
                self.output.extend((len as u64).to_be_bytes());
            }
        }
        self.output.extend(payload);
    }
}

impl Subject for Wrong {
    fn receive(&mut self, bytes: &[u8]) {
        self.input.extend(bytes);
    }

    fn end_of_input(&mut self) {
        self.closed = true;
    }

    fn transmit(&mut self, out: &mut Vec<u8>) -> Transport {
        if self.opened || self.open() {
            while !self.closed && self.frame() {}
        }
        out.append(&mut self.output);
        if self.closed { Transport::Closed } else { Transport::Open }
    }
}

/// The report on such a server, for the cases whose number begins with `begin`.
pub(crate) fn report_of(agent: &str, utf8: bool, begin: &str) -> Report {
    let options = Options { seed: 7, ..Options::default() };
    let mut report = Report::new(agent, Side::Server, &options);
    for case in cases::all().iter().filter(|case| case.id.to_string().starts_with(begin)) {
        if case.is_for(Side::Server) {
            let outcome = run_in_memory(case, Side::Server, &options, &mut Wrong::new(utf8));
            report.duration += outcome.duration;
            report.add(case, outcome);
        }
    }
    report
}
