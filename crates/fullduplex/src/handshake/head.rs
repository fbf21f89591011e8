//! Reads request and response heads within limits (RFC 9112 §2 to §5). An incremental scanner finds the end of a head
//! and looks at each byte once. Then `httparse` parses the whole head, once.
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
//! In the first line of a request the states are `Method`, `TargetStart`, `Target` and `Fixed`; in the first line of a
//! response, `Fixed`, and `Line` for the reason phrase. A fault is reported at the byte that causes it. So the result
//! is the same however the input was split, and we do not wait for more input from a peer that does not speak HTTP.

use core::fmt;
use core::mem::MaybeUninit;

use crate::headers::{Headers, is_token_byte, skip_plain};

#[cfg(test)]
mod tests;

/// The default of [`HeadLimits::max_size`]: 16 KiB. Apache and nginx take 8 KiB for a line; Node.js
/// takes 16 KiB for the whole head, which leaves room for large cookies.
pub const DEFAULT_MAX_HEAD_SIZE: usize = 16 * 1024;

/// The default of [`HeadLimits::max_headers`]: 100, as in Apache (`LimitRequestFields`) and hyper.
/// A browser sends about 15.
pub const DEFAULT_MAX_HEADERS: usize = 100;

/// The largest value of [`HeadLimits::max_headers`]; a larger one counts as this. While a head is parsed, the table of
/// header lines is on the stack: 128 entries of 4 words.
pub const MAX_HEADERS: usize = 128;

/// The longest method: about twice as long as UPDATEREDIRECTREF, the longest that is registered. A peer that sends more
/// characters without a space does not speak HTTP, so we do not wait for the rest.
pub const MAX_METHOD_LEN: usize = 32;

/// How large a peer's head may be before it is refused (RFC 6585 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct HeadLimits {
    /// The size of a head in bytes, including the empty line at its end. Default [`DEFAULT_MAX_HEAD_SIZE`].
    ///
    /// The caller's buffer must hold this much. For a client, it limits all heads together: interim responses (1xx) and
    /// the final one.
    pub max_size: usize,
    /// The number of header lines in one head. Default [`DEFAULT_MAX_HEADERS`], at most
    /// [`MAX_HEADERS`].
    pub max_headers: usize,
}

impl HeadLimits {
    /// The defaults: [`DEFAULT_MAX_HEAD_SIZE`] and [`DEFAULT_MAX_HEADERS`].
    #[must_use]
    pub const fn new() -> Self {
        Self { max_size: DEFAULT_MAX_HEAD_SIZE, max_headers: DEFAULT_MAX_HEADERS }
    }

    /// Sets [`max_size`](Self::max_size).
    #[must_use]
    pub const fn max_size(mut self, bytes: usize) -> Self {
        self.max_size = bytes;
        self
    }

    /// Sets [`max_headers`](Self::max_headers).
    #[must_use]
    pub const fn max_headers(mut self, lines: usize) -> Self {
        self.max_headers = lines;
        self
    }
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self::new()
    }
}

/// What is wrong with a head as HTTP/1.1, whichever end sent it (RFC 9112).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeadError {
    /// The first byte cannot begin a head: the peer does not speak HTTP. If it is 0x15 or 0x16, the peer
    /// speaks TLS where clear text is expected.
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
    /// The method has more than [`MAX_METHOD_LEN`] characters, and is longer than any that is registered.
    MethodTooLong,
    /// The version is not HTTP/1.1.
    Version,
    /// A header name is not a token with a colon right after it, or there is white space before the first name.
    HeaderName,
    /// A header line continues in the next one, which begins with white space (RFC 9112 §5.2). A client can accept such
    /// lines: [`ClientHandshake::poll_unfolding`](super::ClientHandshake::poll_unfolding).
    FoldedLine,
    /// A header value is malformed.
    HeaderValue,
    /// The input ended before the head did.
    UnexpectedEnd,
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            // The content types of an alert and of a handshake (RFC 8446 §5.1).
            Self::NotHttp { byte: 0x15 | 0x16 } => {
                "the peer speaks TLS where clear text was expected; the URL of a WebSocket over TLS begins with wss://"
            }
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
    /// Before the head.
    Start,
    /// After the CR of an empty line before the head.
    LeadCr,
    /// After that empty line.
    Started,
    /// In the method, after this number of characters.
    Method(u8),
    /// After the space that ends the method.
    TargetStart,
    /// In the target.
    Target,
    /// In the version of a request, or in the version and status code of a response, after this number of characters.
    Fixed(u8),
    /// In a line whose grammar the scanner does not check.
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

/// Finds the end of a head in input that grows. Its work is linear in the size of the input.
#[derive(Clone, Debug)]
pub(crate) struct HeadScanner {
    kind: HeadKind,
    max_size: usize,
    /// How many bytes were scanned and are valid. In the state `Done`, the head ends there.
    scanned: usize,
    state: State,
    in_first_line: bool,
}

impl HeadScanner {
    pub(crate) const fn new(kind: HeadKind, max_size: usize) -> Self {
        Self { kind, max_size, scanned: 0, state: State::Start, in_first_line: true }
    }

    /// Expects another head right after the one that was found. The size limit covers both.
    pub(crate) const fn restart(&mut self) {
        self.state = State::Start;
        self.in_first_line = true;
    }

    /// Whether nothing was scanned yet.
    pub(crate) const fn is_fresh(&self) -> bool {
        self.scanned == 0
    }

    /// Scans the new bytes of `received`, which holds everything since the first call. Returns where the head ends, or
    /// `None` if its end has not been received. After a fault, `scanned` is the position of the byte at fault.
    pub(crate) fn poll(&mut self, received: &[u8]) -> Result<Option<usize>, HeadError> {
        let within = received.get(..self.max_size).unwrap_or(received);
        // If the caller passes fewer bytes than before, none of them is new.
        let Some(mut rest) = within.get(self.scanned..) else { return Ok(None) };
        while !matches!(self.state, State::Done) {
            if matches!(self.state, State::Line) {
                rest = skip_plain(rest);
                // Most lines end in CRLF, and the next line begins with a letter: take these three bytes at once.
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
            State::Done => Ok(Some(self.scanned)),
            _ if self.scanned < self.max_size => Ok(None),
            _ if self.in_first_line => Err(HeadError::FirstLineTooLong),
            _ => Err(HeadError::TooLarge),
        }
    }

    /// Skips in one step what needs no check byte by byte: the beginning of nearly all responses, and a request target.
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
                let mut rest = rest;
                while let [byte, tail @ ..] = rest
                    && is_target_byte(*byte)
                {
                    rest = tail;
                }
                rest
            }
            _ => rest,
        }
    }

    /// The state after a line.
    #[inline]
    const fn next_line(&mut self) -> State {
        if self.in_first_line {
            self.in_first_line = false;
            State::FirstHeader
        } else {
            State::NewLine
        }
    }

    /// Lets `poll` go on after [`HeadError::FoldedLine`]. The caller must pass the bytes for which `poll` has just
    /// returned that error.
    ///
    /// "A user agent that receives an obs-fold in a response message […] MUST replace each received obs-fold with one
    /// or more SP octets prior to interpreting the field value." CR and LF become two spaces, so that nothing moves.
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

    /// The state after `byte`, before and in the first line.
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
                if usize::from(length) < MAX_METHOD_LEN {
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

    /// "HTTP-name "/" DIGIT "." DIGIT", and in a response "SP 3DIGIT" after it.
    fn step_fixed(&self, at: u8, byte: u8) -> Result<State, HeadError> {
        const NAME: &[u8] = b"HTTP/";
        let is_response = self.kind == HeadKind::Response;
        let after_version = if is_response { b' ' } else { b'\r' };
        let expected = match at {
            5 => byte == b'1',
            6 => byte == b'.',
            // HTTP/1.0 is refused later, because the response to it depends on the rest of the head.
            7 => matches!(byte, b'0' | b'1'),
            8 if !is_response && byte == b'\r' => return Ok(State::Cr),
            8 => byte == after_version,
            9 => matches!(byte, b'1'..=b'9'),
            10 | 11 => byte.is_ascii_digit(),
            // "A server MUST send the space that separates the status-code from the reason-phrase even when the
            // reason-phrase is absent": some servers do not send it.
            12 if byte == b' ' => return Ok(State::Line),
            12 if byte == b'\r' => return Ok(State::Cr),
            12 => false,
            _ => NAME.get(usize::from(at)) == Some(&byte),
        };
        // Another version than 1.1: another number, or a number with fewer or more digits.
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

/// Whether `byte` may be part of a request target: "no whitespace is allowed", and no control character.
const fn is_target_byte(byte: u8) -> bool {
    byte > b' ' && byte != 0x7f
}

/// The error for a `byte` in the first line that is not allowed where it is.
const fn first_line_fault(byte: u8) -> HeadError {
    match byte {
        b'\n' => HeadError::BareLineFeed,
        b'\r' | b'\t' => HeadError::FirstLine,
        _ if byte.is_ascii_control() => HeadError::ControlCharacter { byte },
        _ => HeadError::FirstLine,
    }
}

/// Memory for the header lines of one head.
pub(crate) type Slots<'b> = [MaybeUninit<httparse::Header<'b>>; MAX_HEADERS];

/// A parsed request head. `lines` and `headers` are the same header lines: `lines` as parsed, `headers` as a view.
#[derive(Clone, Copy)]
pub(crate) struct RequestHead<'s, 'b> {
    /// All of the head, including an empty line before it and the empty line that ends it.
    pub(crate) head: &'b [u8],
    /// The minor version of HTTP/1: 0 or 1.
    pub(crate) minor_version: u8,
    pub(crate) method: &'b str,
    pub(crate) target: &'b str,
    pub(crate) lines: &'s [httparse::Header<'b>],
    pub(crate) headers: Headers<'b>,
}

/// A parsed response head.
#[derive(Clone, Copy)]
pub(crate) struct ResponseHead<'s, 'b> {
    /// The minor version of HTTP/1: 0 or 1.
    pub(crate) minor_version: u8,
    pub(crate) status: u16,
    pub(crate) reason: &'b str,
    pub(crate) lines: &'s [httparse::Header<'b>],
    pub(crate) headers: Headers<'b>,
}

/// Parses a request that came in one read, as nearly all do, without the scanner. `None` means that the scanner must
/// scan it: the scanner finds the same head, or the fault.
pub(crate) fn parse_request_at_once<'s, 'b>(
    received: &'b [u8],
    limits: &HeadLimits,
    slots: &'s mut Slots<'b>,
) -> Option<RequestHead<'s, 'b>> {
    // A client waits for the response before it sends more, so its head is usually all that was received.
    if !received.ends_with(b"\r\n\r\n") || received.len() > limits.max_size {
        return None;
    }
    let mut request = httparse::Request::new(&mut []);
    let parsed = request.parse_with_uninit_headers(received, slots_for(slots, limits.max_headers));
    let Ok(httparse::Status::Complete(length)) = parsed else { return None };
    let head = received.get(..length)?;
    let parsed = RequestHead::new(head, request)?;
    // The parser accepts three things that the scanner refuses: several empty lines before the head, a long method, and
    // lines that end in LF without CR.
    let lead = Span::of(head, parsed.method.as_bytes()).start;
    let ended_well = |end: usize| head.get(..end).is_some_and(|lines| lines.ends_with(b"\r\n"));
    let same = (lead == 0 || head.get(..lead) == Some(b"\r\n"))
        && parsed.method.len() <= MAX_METHOD_LEN
        && parsed.lines.iter().all(|line| ended_well(Span::of(head, line.name.as_bytes()).start))
        && head.ends_with(b"\r\n\r\n");
    same.then_some(parsed)
}

/// Parses a request head whose end the scanner has found.
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
    /// `None` if there is no request line, which cannot happen once the parser has accepted the whole head.
    fn new(head: &'b [u8], request: httparse::Request<'s, 'b>) -> Option<Self> {
        let httparse::Request { method, path, version, headers: lines } = request;
        let headers = header_block(head, lines);
        let (minor_version, method, target) = (version?, method?, path?);
        Some(Self { head, minor_version, method, target, lines, headers })
    }
}

/// Whether a complete head belongs to an interim response, after which another head follows. Status 101 is final: after
/// it, another protocol follows.
pub(crate) fn is_interim(head: &[u8]) -> bool {
    let line = head.strip_prefix(b"\r\n").unwrap_or(head);
    let status = line.get(b"HTTP/1.1 ".len()..);
    matches!(status, Some([b'1', tens, ones, ..]) if (*tens, *ones) != (b'0', b'1'))
}

/// Parses a response head whose end the scanner has found.
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
    slots.split_at_mut(max_headers.min(MAX_HEADERS)).0
}

/// Checks that the parser accepted exactly the head. The scanner has checked its first line and its line ends.
fn whole(outcome: httparse::Result<usize>, head: &[u8]) -> Result<(), HeadError> {
    match outcome {
        Ok(httparse::Status::Complete(length)) if length == head.len() => Ok(()),
        Err(httparse::Error::HeaderName) => Err(HeadError::HeaderName),
        Err(httparse::Error::HeaderValue) => Err(HeadError::HeaderValue),
        Err(httparse::Error::TooManyHeaders) => Err(HeadError::TooManyHeaders),
        _ => Err(HeadError::FirstLine),
    }
}

/// The header lines of a head: without its first line, and without the empty line at its end.
fn header_block<'b>(head: &'b [u8], lines: &[httparse::Header<'b>]) -> Headers<'b> {
    // The empty line is a CRLF.
    let end = head.len().saturating_sub(2);
    let start = lines.first().map_or(end, |line| Span::of(head, line.name.as_bytes()).start);
    Headers::from_validated(Span { start, end }.bytes(head))
}

/// Where a part lies in a head, so that an owned copy of the head finds the part again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Span {
    /// The place of `part` in `whole`. `part` must be a slice of `whole`.
    pub(crate) fn of(whole: &[u8], part: &[u8]) -> Self {
        let start = part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
        Self { start, end: start.saturating_add(part.len()) }
    }

    /// The part of `whole` that lies here. `whole` must be the text of [`of`](Self::of), or a copy of it.
    pub(crate) fn bytes(self, whole: &[u8]) -> &[u8] {
        let part = whole.get(self.start..self.end);
        debug_assert!(part.is_some(), "{self:?} of {} bytes", whole.len());
        // Only a span of another text is not found.
        part.unwrap_or_default()
    }

    /// [`bytes`](Self::bytes) of a text.
    #[cfg(feature = "alloc")]
    pub(crate) fn text(self, whole: &str) -> &str {
        let part = whole.get(self.start..self.end);
        debug_assert!(part.is_some(), "{self:?} of {} bytes", whole.len());
        // Only a span of another text is not found.
        part.unwrap_or_default()
    }
}
