//! An endpoint that sends back what it receives, and does no I/O.

use std::mem::take;

use crate::checks::{
    Checked, Failure, Message, NOT_UTF8, PROTOCOL, TOO_LARGE, check_close, check_header,
};
use crate::deflate::{Agreed, Deflater, Inflater};
use crate::fault::{Fault, Occasions, Side, Switch};
use crate::frame::{self, BINARY, CLOSE, CONTINUATION, Header, PING, PONG, RSV1, TEXT};
use crate::handshake::{self, Client};
use crate::utf8::Utf8;

/// The size of the largest message.
const LIMIT: usize = 64 << 20;

/// A compressed message is sent in frames of at most this many bytes.
const FRAGMENT: usize = 1 << 14;

/// One connection of an echo endpoint, which makes at most one mistake.
#[derive(Debug)]
pub struct Endpoint {
    side: Side,
    switch: Switch,
    random: fastrand::Rng,
    state: State,
    /// The input; its first `taken` bytes have been read.
    input: Vec<u8>,
    taken: usize,
    out: Vec<u8>,
    /// What a client asks for, and its `Sec-WebSocket-Key`.
    client: Client,
    key: String,
    deflater: Option<Deflater>,
    inflater: Option<Inflater>,
    frame: Option<Frame>,
    /// The payload of a control frame, as far as it has come.
    control: Vec<u8>,
    message: Option<Message>,
    late_pongs: Vec<Vec<u8>>,
    mute: bool,
    last_message: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The peer's half of the opening handshake has not come.
    Opening,
    /// Frames are read and answered.
    Open,
    /// The peer's Close was answered: what comes after it is discarded. A client waits for the server to close.
    Closing,
    /// The endpoint sends nothing more, but leaves the TCP connection open: a mistake.
    Idle,
    /// The caller closes the TCP connection.
    Closed,
}

/// A frame whose header has come.
#[derive(Clone, Copy, Debug)]
struct Frame {
    header: Header,
    /// How many bytes of the payload have come.
    come: u64,
    to: To,
}

/// Where the payload of a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Nothing,
    Control,
    Message,
}

impl Endpoint {
    /// A server that waits for a request.
    #[must_use]
    pub fn server(fault: Option<Fault>) -> Self {
        Self::new(Side::Server, fault, 0)
    }

    /// A client, whose request is ready to be sent.
    #[must_use]
    pub fn client(client: &Client, fault: Option<Fault>) -> Self {
        let mut this = Self::new(Side::Client, fault, client.seed);
        this.client = client.clone();
        this.key = handshake::key(&mut this.random, &this.switch);
        this.out = handshake::request(client, &this.key, &this.switch);
        this
    }

    fn new(side: Side, fault: Option<Fault>, seed: u64) -> Self {
        Self {
            side,
            switch: Switch::new(fault),
            random: fastrand::Rng::with_seed(seed),
            state: State::Opening,
            input: Vec::new(),
            taken: 0,
            out: Vec::new(),
            client: Client::new("", ""),
            key: String::new(),
            deflater: None,
            inflater: None,
            frame: None,
            control: Vec::new(),
            message: None,
            late_pongs: Vec::new(),
            mute: false,
            last_message: None,
        }
    }

    /// The endpoint without echoes: it does not send messages back.
    #[must_use]
    pub fn mute(mut self) -> Self {
        self.mute = true;
        self
    }

    /// The peer has sent these bytes.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        while self.advance() {}
        self.input.drain(..take(&mut self.taken));
        // RFC 6455 §7.1.1: "the server MUST close the TCP connection" first.
        if self.state == State::Closing && self.side == Side::Server {
            self.close_tcp();
        }
    }

    /// The peer has ended its direction of the connection.
    pub fn end_of_input(&mut self) {
        if self.state != State::Closed && !self.switch.is(Fault::EndOfInputIgnored) {
            self.state = State::Closed;
        }
    }

    /// The connection was reset.
    pub fn reset(&mut self) {
        let inside = self.frame.is_some() || self.message.is_some();
        let ignored = self.switch.is(Fault::ResetIgnored)
            || (inside && self.switch.is(Fault::ResetInsideMessageIgnored));
        if !ignored {
            self.state = State::Closed;
        }
    }

    /// Takes the bytes that the caller has to send next.
    #[must_use]
    pub fn output(&mut self) -> Vec<u8> {
        take(&mut self.out)
    }

    /// Whether the caller has to close the TCP connection once it has sent the output.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// The last message that was received.
    #[must_use]
    pub fn last_message(&self) -> Option<&[u8]> {
        self.last_message.as_deref()
    }

    /// The mistakes of this side that this endpoint had an opportunity to make. With any other mistake, the same input would
    /// have given the same output.
    #[must_use]
    pub fn occasions(&self) -> Occasions {
        self.switch.occasions()
    }

    /// Does one step. Returns whether there may be more to do.
    fn advance(&mut self) -> bool {
        match self.state {
            State::Opening => self.open(),
            State::Open | State::Closing => match self.read() {
                Ok(more) => more,
                Err(_) if self.state == State::Closing => {
                    self.discard();
                    false
                }
                Err(failure) => {
                    self.fail(failure);
                    true
                }
            },
            State::Idle | State::Closed => {
                self.discard();
                false
            }
        }
    }

    fn discard(&mut self) {
        self.taken = self.input.len();
    }

    /// Reads the peer's half of the opening handshake.
    fn open(&mut self) -> bool {
        let answer = match self.side {
            Side::Server => handshake::answer(&self.input, &self.switch),
            Side::Client => handshake::check(&self.input, &self.client, &self.key, &self.switch),
        };
        let opened = match answer {
            Ok(Some(opened)) => opened,
            Ok(None) if self.input.is_empty() || !self.switch.is(Fault::SplitHeadRefused) => {
                return false;
            }
            Ok(None) => {
                self.state = State::Closed;
                return false;
            }
            Err(refusal) => {
                let unanswered = self.switch.is(Fault::BadHandshakeUnanswered);
                if !unanswered {
                    self.out.extend(refusal);
                }
                self.state = if unanswered { State::Idle } else { State::Closed };
                return true;
            }
        };
        self.out.extend(opened.response);
        self.taken = opened.head;
        if self.taken < self.input.len() && self.switch.is(Fault::BytesBehindHeadLost) {
            self.discard();
        }
        if let Some(agreed) = opened.deflate {
            self.deflater = Some(Deflater::new(agreed, &self.switch));
            self.inflater = Some(Inflater::new(agreed));
        }
        self.state = State::Open;
        true
    }

    /// Reads a header, or the payload as far as it has come. Returns whether there may be more to
    /// read.
    fn read(&mut self) -> Result<bool, Failure> {
        let Some(mut frame) = self.frame else { return self.read_header() };
        let rest = &self.input[self.taken..];
        let left = frame.header.len - frame.come;
        if rest.is_empty() && left > 0 {
            return Ok(false);
        }
        let len = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
        let mut payload = rest[..len].to_vec();
        if let Some(key) = frame.header.key {
            let mut turn = (frame.come % 4) as usize;
            if turn != 0 && self.switch.is(Fault::MaskRestarts) {
                turn = 0;
            }
            for (at, byte) in payload.iter_mut().enumerate() {
                *byte ^= key[(turn + at) % 4];
            }
        }
        self.taken += len;
        frame.come += len as u64;
        let is_whole = frame.come == frame.header.len;
        self.frame = (!is_whole).then_some(frame);
        match frame.to {
            To::Nothing => {}
            To::Control => self.control.extend(payload),
            To::Message => self.read_message(&payload)?,
        }
        if is_whole {
            if self.taken < self.input.len() && self.switch.is(Fault::OneFramePerRead) {
                self.discard();
            }
            self.end_of_frame(frame)?;
        }
        Ok(true)
    }

    fn read_header(&mut self) -> Result<bool, Failure> {
        let rest = &self.input[self.taken..];
        let Some((mut header, len)) = Header::read(rest, &self.switch) else {
            if !rest.is_empty() && self.switch.is(Fault::PartialHeaderDropped) {
                self.discard();
            }
            return Ok(false);
        };
        self.taken += len;
        let come = (self.input.len() - self.taken) as u64;
        let claimed = header.len;
        if come < header.len && self.switch.is(Fault::ShortReadTaken) {
            header.len = come;
        }
        self.frame = Some(Frame { header, come: 0, to: To::Nothing });
        let to = self.check(&Header { len: claimed, ..header })?;
        self.frame = Some(Frame { header, come: 0, to });
        Ok(true)
    }

    /// Checks a header, and decides where the payload goes.
    fn check(&mut self, header: &Header) -> Result<To, Failure> {
        let deflate = self.inflater.is_some();
        if check_header(header, self.side, deflate, &self.switch)? == Checked::Skipped {
            return Ok(To::Nothing);
        }
        match header.opcode {
            CONTINUATION => self.continuation(header),
            TEXT | BINARY => self.begin_message(header),
            CLOSE | PING | PONG => self.begin_control(header),
            // RFC 6455 §5.2: "If an unknown opcode is received, the receiving endpoint MUST _Fail the WebSocket
            // Connection_."
            _ if self.switch.is(Fault::ReservedOpcodeIgnored) => Ok(To::Nothing),
            3..=7 if self.switch.is(Fault::ReservedOpcodeAsBinary) => {
                self.begin_message(&Header { opcode: BINARY, ..*header })
            }
            11..=15 if self.switch.is(Fault::ReservedOpcodeAsPing) => {
                self.begin_control(&Header { opcode: PING, ..*header })
            }
            _ => Err(PROTOCOL),
        }
    }

    fn begin_control(&mut self, header: &Header) -> Result<To, Failure> {
        // RFC 6455 §5.5: "All control frames MUST have a payload length of 125 bytes or less and MUST NOT be fragmented."
        if !header.fin && !self.switch.is(Fault::FragmentedControlAccepted) {
            return Err(PROTOCOL);
        }
        if header.len > 125 && !self.switch.is(Fault::LongControlAccepted) {
            return Err(PROTOCOL);
        }
        self.control.clear();
        Ok(To::Control)
    }

    fn begin_message(&mut self, header: &Header) -> Result<To, Failure> {
        if self.message.is_some() {
            // RFC 6455 §5.4: "The fragments of one message MUST NOT be interleaved between the fragments of another
            // message."
            if self.switch.is(Fault::DataInsideMessageAppended) {
                return self.continuation(header);
            }
            if !self.switch.is(Fault::DataInsideMessageReplaces) {
                return Err(PROTOCOL);
            }
        }
        let compressed = self.inflater.is_some() && header.rsv & RSV1 != 0;
        if self.inflater.is_some() && !compressed && self.switch.is(Fault::UncompressedRefused) {
            return Err(PROTOCOL);
        }
        if let Some(inflater) = self.inflater.as_mut().filter(|_| compressed) {
            inflater.begin(&self.switch);
        }
        self.message = Some(Message {
            opcode: header.opcode,
            compressed,
            frames: 0,
            payload: Vec::new(),
            text: Utf8::default(),
        });
        self.continuation(header)
    }

    /// A frame of a message after the first.
    fn continuation(&mut self, header: &Header) -> Result<To, Failure> {
        let Some(message) = &mut self.message else {
            // RFC 6455 §5.4: a continuation frame continues a message that has begun.
            if self.switch.is(Fault::ContinuationAsText) {
                return self.begin_message(&Header { opcode: TEXT, ..*header });
            }
            if self.switch.is(Fault::ContinuationIgnored) {
                return Ok(To::Nothing);
            }
            return Err(PROTOCOL);
        };
        message.frames += 1;
        if message.frames > 1000 && self.switch.is(Fault::FewFragmentsTaken) {
            return Err(TOO_LARGE);
        }
        let len = header.len.saturating_add(message.payload.len() as u64);
        if len > LIMIT as u64 || (len > 0xffff && self.switch.is(Fault::LimitOffByOne)) {
            return Err(TOO_LARGE);
        }
        Ok(To::Message)
    }

    /// Handles a part of a message's payload.
    fn read_message(&mut self, part: &[u8]) -> Result<(), Failure> {
        let (Some(message), switch) = (&mut self.message, &self.switch) else { return Ok(()) };
        let before = message.payload.len();
        match self.inflater.as_mut().filter(|_| message.compressed) {
            Some(inflater) => inflater.feed(part, &mut message.payload, LIMIT, switch)?,
            None => message.payload.extend_from_slice(part),
        }
        message.check_text(before, switch)
    }

    /// Handles the end of a frame's payload.
    fn end_of_frame(&mut self, frame: Frame) -> Result<(), Failure> {
        let header = &frame.header;
        match (frame.to, header.opcode) {
            (To::Nothing, _) => Ok(()),
            (To::Message, _) => self.end_of_data_frame(header),
            (To::Control, CLOSE) => self.close(),
            (To::Control, PONG) => self.pong(),
            (To::Control, _) => self.ping(),
        }
    }

    fn end_of_data_frame(&mut self, header: &Header) -> Result<(), Failure> {
        let Some(mut message) = self.message.take() else { return Ok(()) };
        let switch = &self.switch;
        let is_text = message.opcode == TEXT;
        if is_text && message.text.is_invalid() && switch.is(Fault::Utf8AtEndOfFrame) {
            return Err(NOT_UTF8);
        }
        if is_text && !header.fin && message.text.is_inside() && switch.is(Fault::Utf8PerFragment) {
            return Err(NOT_UTF8);
        }
        if !header.fin && switch.is(Fault::FragmentAsMessage) {
            self.echo(message.opcode, message.payload.clone());
            message.payload.clear();
            self.message = Some(message);
            return Ok(());
        }
        let is_empty_last = header.opcode == CONTINUATION && header.len == 0;
        if header.fin && is_empty_last && switch.is(Fault::EmptyLastFragmentIgnored) {
            self.message = Some(message);
            return Ok(());
        }
        if let Some(inflater) = self.inflater.as_mut().filter(|_| message.compressed)
            && (header.fin || switch.is(Fault::FragmentsInflatedAlone))
        {
            let before = message.payload.len();
            inflater.end(&mut message.payload, LIMIT, switch)?;
            message.check_text(before, switch)?;
        }
        if !header.fin {
            self.message = Some(message);
            return Ok(());
        }
        message.check_end_of_text(switch)?;
        let Message { opcode, mut payload, .. } = message;
        if is_text && std::str::from_utf8(&payload).is_err() && switch.is(Fault::Utf8Replaced) {
            payload = String::from_utf8_lossy(&payload).into_owned().into_bytes();
        }
        self.echo(opcode, payload);
        for pong in take(&mut self.late_pongs) {
            self.send(PONG, &pong);
        }
        Ok(())
    }

    /// Sends a message back.
    fn echo(&mut self, mut opcode: u8, mut payload: Vec<u8>) {
        let switch = &self.switch;
        // RFC 6455 §1.4: what comes after a Close is discarded.
        if self.state == State::Closing && !switch.is(Fault::DataBehindCloseEchoed) {
            return;
        }
        self.last_message = Some(payload.clone());
        if self.mute || (payload.is_empty() && switch.is(Fault::EmptyMessageLost)) {
            return;
        }
        if opcode == TEXT {
            let nul = payload.iter().position(|byte| *byte == 0);
            if let Some(at) = nul.filter(|_| switch.is(Fault::NulEndsText)) {
                payload.truncate(at);
            }
            if payload.starts_with("\u{feff}".as_bytes()) && switch.is(Fault::ByteOrderMarkRemoved)
            {
                payload.drain(..3);
            }
        }
        if opcode == TEXT && switch.is(Fault::TextAsBinary) {
            opcode = BINARY;
        } else if opcode == BINARY && switch.is(Fault::BinaryAsText) {
            opcode = TEXT;
        }
        self.send_message(opcode, &payload);
    }

    /// Sends a message, compressed if that was negotiated.
    fn send_message(&mut self, opcode: u8, payload: &[u8]) {
        if self.deflater.is_none() && self.switch.is(Fault::CompressedUnasked) {
            let agreed = Agreed {
                window_bits: 15,
                no_context_takeover: true,
                peer_no_context_takeover: true,
            };
            self.deflater = Some(Deflater::new(agreed, &self.switch));
        }
        let Some(deflater) = &mut self.deflater else {
            self.write((true, 0, opcode), payload);
            return;
        };
        let compressed = if self.switch.is(Fault::Rsv1Uncompressed) {
            payload.to_vec()
        } else {
            deflater.message(payload, &self.switch)
        };
        let rsv = if self.switch.is(Fault::Rsv1Missing) { 0 } else { RSV1 };
        let (first, rest) = compressed.split_at(compressed.len().min(FRAGMENT));
        self.write((rest.is_empty(), rsv, opcode), first);
        let mut rest = rest.chunks(FRAGMENT).peekable();
        while let Some(part) = rest.next() {
            // RFC 7692 §6.1: "An endpoint MUST NOT set the "Per-Message Compressed" bit of non-first fragments".
            let rsv = if self.switch.is(Fault::Rsv1OnContinuation) { RSV1 } else { 0 };
            self.write((rest.peek().is_none(), rsv, CONTINUATION), part);
        }
    }

    fn ping(&mut self) -> Result<(), Failure> {
        let mut payload = take(&mut self.control);
        let switch = &self.switch;
        // RFC 6455 §5.5.2: a Ping is answered "unless it already received a Close frame".
        if self.state == State::Closing && !switch.is(Fault::PingBehindCloseAnswered) {
            return Ok(());
        }
        if self.message.is_some() {
            if switch.is(Fault::PingEndsMessage) {
                self.message = None;
            } else if switch.is(Fault::PingJoinsMessage) {
                self.read_message(&payload)?;
            } else if switch.is(Fault::PongLate) {
                self.late_pongs.push(payload);
                return Ok(());
            }
        }
        let switch = &self.switch;
        if switch.is(Fault::PongMissing)
            || (payload.is_empty() && switch.is(Fault::EmptyPingIgnored))
        {
            return Ok(());
        }
        // RFC 6455 §5.5.3: a Pong has the payload of the Ping.
        if !payload.is_empty() && switch.is(Fault::PongEmpty) {
            payload.clear();
        } else if payload.len() > 124 && switch.is(Fault::PongCut) {
            payload.truncate(124);
        } else if std::str::from_utf8(&payload).is_err() && switch.is(Fault::PongAsText) {
            payload = String::from_utf8_lossy(&payload).into_owned().into_bytes();
        }
        if self.deflater.is_some() && self.switch.is(Fault::PongCompressed) {
            let payload = self.deflater.as_mut().map(|it| it.message(&payload, &self.switch));
            self.write((true, RSV1, PONG), &payload.unwrap_or_default());
            return Ok(());
        }
        self.send(PONG, &payload);
        if self.switch.is(Fault::TwoPongs) {
            self.send(PONG, &payload);
        }
        Ok(())
    }

    fn pong(&mut self) -> Result<(), Failure> {
        let payload = take(&mut self.control);
        if self.state == State::Closing {
            return Ok(());
        }
        // RFC 6455 §5.5.3: "A response to an unsolicited Pong frame is not expected."
        if self.switch.is(Fault::UnaskedPongRefused) {
            return Err(PROTOCOL);
        }
        if self.switch.is(Fault::PongToPong) {
            self.send(PONG, &payload);
        }
        Ok(())
    }

    /// Answers a Close (RFC 6455 §5.5.1).
    fn close(&mut self) -> Result<(), Failure> {
        let body = take(&mut self.control);
        let switch = &self.switch;
        if self.state == State::Closing {
            return Ok(());
        }
        if self.message.is_some() && switch.is(Fault::CloseInsideMessageRefused) {
            return Err(PROTOCOL);
        }
        if switch.is(Fault::CloseNotAnswered) {
            self.state = State::Idle;
            return Ok(());
        }
        if switch.is(Fault::TcpClosedWithoutClose) {
            self.state = State::Closed;
            return Ok(());
        }
        let mut code = check_close(&body, switch)?;
        if code.is_some_and(|code| code != 1000) && switch.is(Fault::AbnormalCloseAnsweredWith1006)
        {
            code = Some(1006);
        }
        let mut answer = code.map(|code| code.to_be_bytes().to_vec()).unwrap_or_default();
        if let Some((_, reason @ [_, ..])) = body.split_first_chunk::<2>()
            && switch.is(Fault::CloseReasonWithoutCode)
        {
            answer = reason.to_vec();
        }
        self.send(CLOSE, &answer);
        self.state = State::Closing;
        if self.side == Side::Client && self.switch.is(Fault::TcpClosedFirst) {
            self.state = State::Closed;
        }
        Ok(())
    }

    /// Fails the connection (RFC 6455 §7.1.7).
    fn fail(&mut self, Failure(mut code): Failure) {
        if code == 1007 && self.switch.is(Fault::TextFailsWith1002) {
            code = 1002;
        } else if self.switch.is(Fault::FailsWith1000) {
            code = 1000;
        } else if self.switch.is(Fault::FailsWith1006) {
            code = 1006;
        }
        self.send(CLOSE, &code.to_be_bytes());
        if self.switch.is(Fault::FailureEndsNothing) {
            self.message = None;
            if let Some(frame) = &mut self.frame {
                frame.to = To::Nothing;
            }
            return;
        }
        self.close_tcp();
    }

    fn close_tcp(&mut self) {
        let is_left = self.side == Side::Server && self.switch.is(Fault::TcpLeftOpen);
        self.state = if is_left { State::Idle } else { State::Closed };
    }

    /// Sends a control frame, or a message in one frame.
    fn send(&mut self, opcode: u8, payload: &[u8]) {
        self.write((true, 0, opcode), payload);
    }

    fn write(&mut self, first: (bool, u8, u8), payload: &[u8]) {
        // RFC 6455 §5.1: "a client MUST mask all frames"; "A server MUST NOT mask any frames".
        let masks = (self.side == Side::Client) != self.switch.is(Fault::WrongMasking);
        let key = masks.then(|| self.random.u32(..).to_be_bytes());
        frame::write(&mut self.out, first, key, payload, &self.switch);
    }
}
