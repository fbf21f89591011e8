//! Request and response heads within limits: an incremental scanner finds the end of a head,
//! looking at each byte once; `httparse` then takes the whole head apart, once (RFC 9112 §2 to §5).
//!
//! ```text
//!          CR           LF            first character
//!   Start ─────► LeadCr ────► Started ───────┐
//!     │ first character                      ▼
//!     └─────────────────────────────────► the first line, by its own grammar
//!                                            │ CR
//!                    any character           ▼       LF                  any character
//!                 Line ◄─────────────────── Cr ────────► FirstHeader ───────► Line
//!                  │   CR      LF                            │ CR    LF
//!                  └──────► Cr ────► NewLine ────────────────┴─► EndCr ────► Done
//!                                    │  └ any character: Line
//!                                    └ CR: EndCr
//! ```
//! The first line of a request goes `Method`, `TargetStart`, `Target`, `Fixed`; that of a response `Fixed`, and the
//! reason phrase is a `Line`. A fault is reported at the byte that causes it, so the verdict is the same however the
//! input was split, and we do not wait for more from a peer that does not speak HTTP.

use core::fmt;
use core::mem::MaybeUninit;

use crate::headers::{Headers, is_token_byte, plain_prefix};

#[cfg(test)]
mod tests;

/// The default of [`HeadLimits::max_size`]: 16 KiB. Apache and nginx take 8 KiB for a line; Node.js
/// takes 16 KiB for the whole head, which leaves room for large cookies.
pub const DEFAULT_MAX_HEAD_SIZE: usize = 16 * 1024;

/// The default of [`HeadLimits::max_headers`]: 100, as in Apache (`LimitRequestFields`) and hyper.
/// A browser sends about 15.
pub const DEFAULT_MAX_HEADERS: usize = 100;

/// The most that [`HeadLimits::max_headers`] can be; a larger value counts as this one. The table
/// of header lines is on the stack while a head is parsed: 128 entries of 4 words.
pub const MAX_HEADERS_CAP: usize = 128;

/// How long a method can be: about twice the longest that is registered, UPDATEREDIRECTREF. A peer that sends more
/// without a space does not speak HTTP, and we do not wait for the rest.
pub const MAX_METHOD_LENGTH: usize = 32;

/// How much of a peer's head is taken before it is refused (RFC 6585 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HeadLimits {
    /// The size of a head in bytes, its empty line included. Default [`DEFAULT_MAX_HEAD_SIZE`].
    ///
    /// The caller's buffer must hold this much. For a client it covers all heads together: interim
    /// responses (1xx) and the final one.
    pub max_size: usize,
    /// The number of header lines in one head. Default [`DEFAULT_MAX_HEADERS`], at most
    /// [`MAX_HEADERS_CAP`].
    pub max_headers: usize,
}

impl HeadLimits {
    /// The default limits.
    pub const DEFAULT: Self =
        Self { max_size: DEFAULT_MAX_HEAD_SIZE, max_headers: DEFAULT_MAX_HEADERS };
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What is wrong with a head as HTTP/1.1, whichever end sent it (RFC 9112).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeadError {
    /// The first byte cannot begin a head: the peer does not speak HTTP. 0x16 is TLS on a port that
    /// expects clear text.
    NotHttp {
        /// The first byte.
        byte: u8,
    },
    /// A control character other than tab, CR and LF.
    ControlCharacter {
        /// The character.
        byte: u8,
    },
    /// LF without CR before it.
    BareLineFeed,
    /// CR without LF after it.
    BareCarriageReturn,
    /// The first line did not end within [`HeadLimits::max_size`].
    FirstLineTooLong,
    /// The head did not end within [`HeadLimits::max_size`].
    TooLarge,
    /// There are more header lines than [`HeadLimits::max_headers`].
    TooManyHeaders,
    /// The first line is not the request line or status line of HTTP.
    FirstLine,
    /// The method is longer than any that is registered: more than [`MAX_METHOD_LENGTH`] characters.
    MethodTooLong,
    /// The version is not HTTP/1.1.
    Version,
    /// A header name is not a token followed at once by a colon; white space before the first one also counts.
    HeaderName,
    /// A header line goes on in the next one, which begins with white space (RFC 9112 §5.2). A client accepts it in a
    /// response that it may rewrite: [`ClientHandshake::poll_unfolding`](super::ClientHandshake::poll_unfolding).
    FoldedLine,
    /// A header value is malformed.
    HeaderValue,
    /// The input ended before the head did.
    UnexpectedEnd,
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotHttp { byte: 0x16 } => "the peer speaks TLS where clear text was expected",
            Self::NotHttp { byte } => {
                return write!(f, "the peer does not speak HTTP: the first byte is 0x{byte:02x}");
            }
            Self::ControlCharacter { byte } => {
                return write!(f, "the head has the control character 0x{byte:02x}");
            }
            Self::BareLineFeed => "the head has a line feed without a carriage return",
            Self::BareCarriageReturn => "the head has a carriage return without a line feed",
            Self::FirstLineTooLong => "the first line does not end within the size limit",
            Self::TooLarge => "the head does not end within the size limit",
            Self::TooManyHeaders => "the head has more header lines than the limit",
            Self::FirstLine => "the first line is not one of HTTP/1.1",
            Self::MethodTooLong => "the method is longer than any that is known",
            Self::Version => "the HTTP version is not 1.1",
            Self::HeaderName => "a header line has no valid name followed by a colon",
            Self::FoldedLine => "a header line goes on in the next line",
            Self::HeaderValue => "a header value is malformed",
            Self::UnexpectedEnd => "the input ended before the head did",
        })
    }
}

impl core::error::Error for HeadError {}

/// Which kind of head is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadKind {
    Request,
    Response,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing of the head yet.
    Start,
    /// After the CR of an empty line before the head.
    LeadCr,
    /// After that empty line.
    Started,
    /// Within the method, after so many characters of it.
    Method(u8),
    /// After the space behind the method.
    TargetStart,
    /// Within the target.
    Target,
    /// Within the version of a request, or version and status code of a response, after so many characters.
    Fixed(u8),
    /// Within a line whose grammar does not matter here.
    Line,
    /// After the CR that ends a line.
    Cr,
    /// At the beginning of the first header line.
    FirstHeader,
    /// At the beginning of another header line.
    NewLine,
    /// After the CR of the empty line that ends the head.
    EndCr,
    /// After the head.
    Done,
}

/// Finds the end of a head in input that grows, in time linear in the input.
#[derive(Clone, Debug)]
pub(crate) struct HeadScanner {
    kind: HeadKind,
    max_size: usize,
    /// How many bytes have been looked at and were in order; the head ends there once the state is `Done`.
    scanned: usize,
    state: State,
    in_first_line: bool,
}

impl HeadScanner {
    pub(crate) const fn new(kind: HeadKind, max_size: usize) -> Self {
        Self { kind, max_size, scanned: 0, state: State::Start, in_first_line: true }
    }

    /// Expects another head right behind the one that was found; the size limit covers both.
    pub(crate) const fn restart(&mut self) {
        self.state = State::Start;
        self.in_first_line = true;
    }

    /// Whether nothing has been looked at yet.
    pub(crate) const fn is_fresh(&self) -> bool {
        self.scanned == 0
    }

    /// Looks at what is new in `received`, which holds everything since the first call. Returns where the head ends, or
    /// `None` while it does not. After a fault, the scanner stands before the byte at fault.
    pub(crate) fn poll(&mut self, received: &[u8]) -> Result<Option<usize>, HeadError> {
        let within = received.get(..self.max_size).unwrap_or(received);
        let mut rest = within.get(self.scanned..).unwrap_or_default();
        while !matches!(self.state, State::Done) {
            if matches!(self.state, State::Line) {
                rest = rest.get(plain_prefix(rest)..).unwrap_or_default();
                // Most lines end in CRLF, and the next one begins with a letter: no need to step byte by byte.
                if let [b'\r', b'\n', tail @ ..] = rest {
                    self.state = self.next_line();
                    rest = tail;
                    if let [b'A'..=b'z', ..] = rest {
                        self.state = State::Line;
                        continue;
                    }
                }
            } else if self.in_first_line {
                rest = self.skip_in_first_line(rest);
            }
            let [byte, tail @ ..] = rest else { break };
            match self.step(*byte) {
                Ok(state) => self.state = state,
                Err(fault) => {
                    self.scanned = self.scanned.max(within.len().saturating_sub(rest.len()));
                    return Err(fault);
                }
            }
            rest = tail;
        }
        self.scanned = self.scanned.max(within.len().saturating_sub(rest.len()));
        match self.state {
            State::Done if self.scanned <= received.len() => Ok(Some(self.scanned)),
            State::Done => Ok(None),
            _ if self.scanned < self.max_size => Ok(None),
            _ if self.in_first_line => Err(HeadError::FirstLineTooLong),
            _ => Err(HeadError::TooLarge),
        }
    }

    /// Skips in one step what need not be judged byte by byte: the beginning of nearly all responses, and a request
    /// target.
    #[inline(never)]
    fn skip_in_first_line<'r>(&mut self, rest: &'r [u8]) -> &'r [u8] {
        match (self.state, self.kind) {
            (State::Start, HeadKind::Response) => match rest.strip_prefix(b"HTTP/1.1 ") {
                Some(status) => {
                    self.state = State::Fixed(9);
                    status
                }
                None => rest,
            },
            (State::Target, _) => {
                let length = rest.iter().take_while(|&&byte| is_target_byte(byte)).count();
                rest.get(length..).unwrap_or_default()
            }
            _ => rest,
        }
    }

    /// The state behind a line.
    #[inline]
    const fn next_line(&mut self) -> State {
        if self.in_first_line {
            self.in_first_line = false;
            State::FirstHeader
        } else {
            State::NewLine
        }
    }

    /// Lets `poll` go on after [`HeadError::FoldedLine`], which it has just returned for these bytes.
    ///
    /// "A user agent that receives an obs-fold in a response message […] MUST replace each received obs-fold with one
    /// or more SP octets prior to interpreting the field value." Its CR and LF become two, so that nothing moves.
    pub(crate) fn unfold(&mut self, received: &mut [u8]) {
        let fold = self.scanned.saturating_sub(2)..self.scanned;
        if let Some(fold) = received.get_mut(fold) {
            fold.fill(b' ');
        }
        self.state = State::Line;
    }

    /// The state after `byte`.
    #[inline]
    fn step(&mut self, byte: u8) -> Result<State, HeadError> {
        match (self.state, byte) {
            (State::Cr, b'\n') => Ok(self.next_line()),
            (State::EndCr, b'\n') => Ok(State::Done),
            (State::LeadCr, b'\n') => Ok(State::Started),
            (State::Cr | State::EndCr | State::LeadCr, _) => Err(HeadError::BareCarriageReturn),
            (State::Line, b'\r') => Ok(State::Cr),
            (State::FirstHeader | State::NewLine, b'\r') => Ok(State::EndCr),
            // "A recipient that receives whitespace between the start-line and the first header field MUST either
            // reject the message as invalid or consume each whitespace-preceded line without further processing."
            (State::FirstHeader, b' ' | b'\t') => Err(HeadError::HeaderName),
            // "A server that receives an obs-fold in a request message […] MUST either reject the message by sending
            // a 400 (Bad Request) […] or replace each received obs-fold with one or more SP octets."
            (State::NewLine, b' ' | b'\t') => Err(HeadError::FoldedLine),
            (State::Line | State::FirstHeader | State::NewLine | State::Done, _) => match byte {
                // "A recipient MAY recognize a single LF as a line terminator": we do not, because an attacker can
                // exploit two recipients that disagree about where a line ends.
                b'\n' => Err(HeadError::BareLineFeed),
                b'\t' => Ok(State::Line),
                _ if byte.is_ascii_control() => Err(HeadError::ControlCharacter { byte }),
                _ => Ok(State::Line),
            },
            _ => self.step_first_line(byte),
        }
    }

    /// The same in front of the first line and within it.
    #[inline(never)]
    fn step_first_line(&self, byte: u8) -> Result<State, HeadError> {
        match (self.state, byte) {
            // "A server that is expecting to receive and parse a request-line SHOULD ignore at least one empty line
            // (CRLF) received prior to the request-line." We ignore exactly one. A client ignores one before each
            // response head.
            (State::Start, b'\r') => Ok(State::LeadCr),
            (State::Start | State::Started, _) => match self.kind {
                HeadKind::Request if is_token_byte(byte) => Ok(State::Method(1)),
                HeadKind::Response if byte == b'H' => Ok(State::Fixed(1)),
                _ => Err(HeadError::NotHttp { byte }),
            },
            (State::Method(length), _) if is_token_byte(byte) => {
                if usize::from(length) < MAX_METHOD_LENGTH {
                    Ok(State::Method(length + 1))
                } else {
                    Err(HeadError::MethodTooLong)
                }
            }
            (State::Method(_), b' ') => Ok(State::TargetStart),
            (State::TargetStart | State::Target, _) if is_target_byte(byte) => Ok(State::Target),
            (State::Target, b' ') => Ok(State::Fixed(0)),
            (State::Fixed(at), _) => self.step_fixed(at, byte),
            _ => Err(first_line_fault(byte)),
        }
    }

    /// "HTTP-name "/" DIGIT "." DIGIT", and in a response "SP 3DIGIT" behind it.
    fn step_fixed(&self, at: u8, byte: u8) -> Result<State, HeadError> {
        const NAME: &[u8] = b"HTTP/";
        let is_response = self.kind == HeadKind::Response;
        let after_version = if is_response { b' ' } else { b'\r' };
        let expected = match at {
            5 => byte == b'1',
            6 => byte == b'.',
            // HTTP/1.0 is refused later: the answer depends on the rest of the head.
            7 => matches!(byte, b'0' | b'1'),
            8 if !is_response && byte == b'\r' => return Ok(State::Cr),
            8 => byte == after_version,
            9 => matches!(byte, b'1'..=b'9'),
            10 | 11 => byte.is_ascii_digit(),
            // "A server MUST send the space that separates the status-code from the reason-phrase even when the
            // reason-phrase is absent": some servers do not.
            12 if byte == b' ' => return Ok(State::Line),
            12 if byte == b'\r' => return Ok(State::Cr),
            12 => false,
            _ => NAME.get(usize::from(at)) == Some(&byte),
        };
        // A version other than ours: another number, or a number that ends early or goes on.
        let is_version = match at {
            5 | 7 => byte.is_ascii_digit(),
            6 => byte.is_ascii_digit() || byte == after_version,
            8 => byte.is_ascii_digit() || byte == b'.',
            _ => false,
        };
        match () {
            () if expected => Ok(State::Fixed(at + 1)),
            () if is_version => Err(HeadError::Version),
            () => Err(first_line_fault(byte)),
        }
    }
}

/// Whether `byte` can stand in a request target: "no whitespace is allowed", and no control character.
const fn is_target_byte(byte: u8) -> bool {
    byte > b' ' && byte != 0x7f
}

/// What is wrong with a `byte` that cannot stand where it does in the first line.
const fn first_line_fault(byte: u8) -> HeadError {
    match byte {
        b'\n' => HeadError::BareLineFeed,
        b'\r' | b'\t' => HeadError::FirstLine,
        _ if byte.is_ascii_control() => HeadError::ControlCharacter { byte },
        _ => HeadError::FirstLine,
    }
}

/// Room for the header lines of one head.
pub(crate) type Slots<'b> = [MaybeUninit<httparse::Header<'b>>; MAX_HEADERS_CAP];

/// A request head taken apart; the header lines stand in the slots and in `headers` alike.
#[derive(Clone, Copy)]
pub(crate) struct RequestHead<'s, 'b> {
    /// All of the head, with the empty line before it and the one that ends it.
    pub(crate) head: &'b [u8],
    /// The minor version of HTTP/1: 0 or 1.
    pub(crate) minor_version: u8,
    pub(crate) method: &'b str,
    pub(crate) target: &'b str,
    pub(crate) lines: &'s [httparse::Header<'b>],
    pub(crate) headers: Headers<'b>,
}

/// A response head taken apart.
#[derive(Clone, Copy)]
pub(crate) struct ResponseHead<'s, 'b> {
    /// The minor version of HTTP/1: 0 or 1.
    pub(crate) minor_version: u8,
    pub(crate) status: u16,
    pub(crate) reason: &'b str,
    pub(crate) lines: &'s [httparse::Header<'b>],
    pub(crate) headers: Headers<'b>,
}

/// Takes apart a request that came in one read, as nearly all do, without scanning it first. `None`
/// means that the scanner must look: it finds the same head in it, or the fault.
pub(crate) fn parse_request_at_once<'s, 'b>(
    received: &'b [u8],
    limits: &HeadLimits,
    slots: &'s mut Slots<'b>,
) -> Option<RequestHead<'s, 'b>> {
    // A client waits for the answer before it sends more.
    if !received.ends_with(b"\r\n\r\n") || received.len() > limits.max_size {
        return None;
    }
    let mut request = httparse::Request::new(&mut []);
    let parsed = request.parse_with_uninit_headers(received, slots_for(slots, limits.max_headers));
    let Ok(httparse::Status::Complete(length)) = parsed else { return None };
    let head = received.get(..length)?;
    let parsed = RequestHead::new(head, request)?;
    // All that the parser takes and the scanner does not: several empty lines before the head, a long method, and
    // lines that end in LF alone.
    let lead = Span::of(head, parsed.method.as_bytes()).start;
    let ended_well = |end: usize| head.get(..end).is_some_and(|lines| lines.ends_with(b"\r\n"));
    let same = (lead == 0 || head.get(..lead) == Some(b"\r\n"))
        && parsed.method.len() <= MAX_METHOD_LENGTH
        && parsed.lines.iter().all(|line| ended_well(Span::of(head, line.name.as_bytes()).start))
        && head.ends_with(b"\r\n\r\n");
    same.then_some(parsed)
}

/// Takes apart a head that the scanner found whole.
pub(crate) fn parse_request<'s, 'b>(
    head: &'b [u8],
    limits: &HeadLimits,
    slots: &'s mut Slots<'b>,
) -> Result<RequestHead<'s, 'b>, HeadError> {
    let mut request = httparse::Request::new(&mut []);
    let parsed = request.parse_with_uninit_headers(head, slots_for(slots, limits.max_headers));
    whole(parsed, head)?;
    RequestHead::new(head, request).ok_or(HeadError::FirstLine)
}

impl<'s, 'b> RequestHead<'s, 'b> {
    /// `None` when there is no request line, which cannot be once the parser has taken the whole head.
    fn new(head: &'b [u8], request: httparse::Request<'s, 'b>) -> Option<Self> {
        let httparse::Request { method, path, version, headers: lines } = request;
        let headers = header_block(head, lines);
        let (minor_version, method, target) = (version?, method?, path?);
        Some(Self { head, minor_version, method, target, lines, headers })
    }
}

/// Whether a head that the scanner found whole belongs to an interim response, which another head follows. Status 101
/// is final: what follows it is another protocol.
pub(crate) fn is_interim(head: &[u8]) -> bool {
    let line = head.strip_prefix(b"\r\n").unwrap_or(head);
    let status = line.get(b"HTTP/1.1 ".len()..);
    matches!(status, Some([b'1', tens, ones, ..]) if (*tens, *ones) != (b'0', b'1'))
}

/// Takes apart a head that the scanner found whole.
pub(crate) fn parse_response<'s, 'b>(
    head: &'b [u8],
    limits: &HeadLimits,
    slots: &'s mut Slots<'b>,
) -> Result<ResponseHead<'s, 'b>, HeadError> {
    let mut response = httparse::Response::new(&mut []);
    let outcome = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        head,
        slots_for(slots, limits.max_headers),
    );
    whole(outcome, head)?;
    match response {
        httparse::Response {
            version: Some(minor_version),
            code: Some(status @ 100..),
            reason: Some(reason),
            headers,
        } => Ok(ResponseHead {
            minor_version,
            status,
            reason,
            headers: header_block(head, headers),
            lines: headers,
        }),
        _ => Err(HeadError::FirstLine),
    }
}

fn slots_for<'s, 'b>(
    slots: &'s mut Slots<'b>,
    max_headers: usize,
) -> &'s mut [MaybeUninit<httparse::Header<'b>>] {
    slots.get_mut(..max_headers.min(MAX_HEADERS_CAP)).unwrap_or_default()
}

/// Insists that the parser took exactly the head, whose first line and line ends the scanner has checked.
fn whole(outcome: httparse::Result<usize>, head: &[u8]) -> Result<(), HeadError> {
    match outcome {
        Ok(httparse::Status::Complete(length)) if length == head.len() => Ok(()),
        Err(httparse::Error::HeaderName) => Err(HeadError::HeaderName),
        Err(httparse::Error::HeaderValue) => Err(HeadError::HeaderValue),
        Err(httparse::Error::TooManyHeaders) => Err(HeadError::TooManyHeaders),
        _ => Err(HeadError::FirstLine),
    }
}

/// The lines of a head without its first and its empty one.
fn header_block<'b>(head: &'b [u8], lines: &[httparse::Header<'b>]) -> Headers<'b> {
    let start = lines.first().map_or(usize::MAX, |line| Span::of(head, line.name.as_bytes()).start);
    // The empty line is a CRLF.
    let end = head.len().saturating_sub(2);
    Headers::from_validated(head.get(start..end).unwrap_or_default())
}

/// Where a part lies in a head, so that an owned head can give the part again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Span {
    /// The place of `part`, which is a piece of `whole`. A part from elsewhere gives a span that
    /// [`bytes`](Self::bytes) finds nothing in, or something else; it does no harm.
    pub(crate) fn of(whole: &[u8], part: &[u8]) -> Self {
        let start = part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
        Self { start, end: start.saturating_add(part.len()) }
    }

    /// The part of `whole` that lies here.
    #[cfg(feature = "alloc")]
    pub(crate) fn bytes(self, whole: &[u8]) -> &[u8] {
        whole.get(self.start..self.end).unwrap_or_default()
    }

    /// The part of `whole` that lies here.
    #[cfg(feature = "alloc")]
    pub(crate) fn text(self, whole: &str) -> &str {
        whole.get(self.start..self.end).unwrap_or_default()
    }
}
