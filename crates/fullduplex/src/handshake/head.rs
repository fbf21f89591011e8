//! Request and response heads within limits: an incremental scanner finds the end of a head,
//! looking at each byte once; `httparse` then takes the whole head apart, once (RFC 9112 §2 to §5).
//!
//! ```text
//!          CR           LF            first character
//!   Start ─────► LeadCr ────► Started ───────┐
//!     │ first character                      ▼    CR       LF           CR          LF
//!     └───────────────────────────────────► Line ────► Cr ────► NewLine ────► EndCr ────► Done
//!                                            ▲                     │
//!                                            └──── any character ──┘
//! ```
//! What is refused on the way is refused at the byte that is at fault, so the verdict is the same
//! however the input was split.

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
    /// The version is not HTTP/1.1.
    Version,
    /// A header name is not a token followed at once by a colon; a folded line also counts.
    HeaderName,
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
            Self::Version => "the HTTP version is not 1.1",
            Self::HeaderName => "a header line has no valid name followed by a colon",
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

impl HeadKind {
    /// Whether a head can begin with `byte`: a method is a token, a status line begins with "HTTP".
    const fn may_begin_with(self, byte: u8) -> bool {
        match self {
            Self::Request => is_token_byte(byte),
            Self::Response => byte == b'H',
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing of the head yet.
    Start,
    /// After the CR of an empty line before the head.
    LeadCr,
    /// After that empty line.
    Started,
    /// Within a line.
    Line,
    /// After the CR that ends a line.
    Cr,
    /// At the beginning of a header line.
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
    /// How many bytes have been looked at; the head ends there once the state is `Done`.
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

    /// Looks at what is new in `received`, which holds everything since the first call. Returns
    /// where the head ends, or `None` while it does not.
    pub(crate) fn poll(&mut self, received: &[u8]) -> Result<Option<usize>, HeadError> {
        let within = received.get(..self.max_size).unwrap_or(received);
        let mut rest = within.get(self.scanned..).unwrap_or_default();
        while self.state != State::Done {
            if self.state == State::Line {
                rest = rest.get(plain_prefix(rest)..).unwrap_or_default();
            }
            let [byte, tail @ ..] = rest else { break };
            self.state = self.step(*byte)?;
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

    /// The state after `byte`.
    #[inline]
    fn step(&mut self, byte: u8) -> Result<State, HeadError> {
        match (self.state, byte) {
            (State::Cr, b'\n') => {
                self.in_first_line = false;
                Ok(State::NewLine)
            }
            (State::EndCr, b'\n') => Ok(State::Done),
            (State::LeadCr, b'\n') => Ok(State::Started),
            (State::Cr | State::EndCr | State::LeadCr, _) => Err(HeadError::BareCarriageReturn),
            // "A server that is expecting to receive and parse a request-line SHOULD ignore at
            // least one empty line (CRLF) received prior to the request-line." One it is.
            (State::Start, b'\r') if self.kind == HeadKind::Request => Ok(State::LeadCr),
            (State::Start | State::Started, _) if self.kind.may_begin_with(byte) => Ok(State::Line),
            (State::Start | State::Started, _) => Err(HeadError::NotHttp { byte }),
            (State::Line, b'\r') => Ok(State::Cr),
            (State::NewLine, b'\r') => Ok(State::EndCr),
            // "A recipient MAY recognize a single LF as a line terminator": we do not, for those
            // who disagree about where a line ends can be played off against each other.
            (_, b'\n') => Err(HeadError::BareLineFeed),
            (_, b'\t') => Ok(State::Line),
            _ if byte.is_ascii_control() => Err(HeadError::ControlCharacter { byte }),
            _ => Ok(State::Line),
        }
    }
}

/// Room for the header lines of one head.
pub(crate) type Slots<'b> = [MaybeUninit<httparse::Header<'b>>; MAX_HEADERS_CAP];

/// A request head taken apart; the header lines stand in the slots and in `headers` alike.
#[derive(Clone, Copy)]
pub(crate) struct RequestHead<'s, 'b> {
    /// All of the head, with the empty line before it and the one that ends it.
    pub(crate) head: &'b [u8],
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
    let parsed = RequestHead::new(head, request).ok()?;
    // All that the parser takes and the scanner does not: several empty lines before the head, and
    // lines that end in LF alone.
    let lead = Span::of(head, parsed.method.as_bytes()).start;
    let ended_well = |end: usize| head.get(..end).is_some_and(|lines| lines.ends_with(b"\r\n"));
    let same = (lead == 0 || head.get(..lead) == Some(b"\r\n"))
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
    whole(parsed, head, HeadKind::Request)?;
    RequestHead::new(head, request)
}

impl<'s, 'b> RequestHead<'s, 'b> {
    fn new(head: &'b [u8], request: httparse::Request<'s, 'b>) -> Result<Self, HeadError> {
        match request {
            httparse::Request {
                method: Some(method),
                path: Some(target),
                version: Some(1),
                headers: lines,
            } => Ok(Self { head, method, target, lines, headers: header_block(head, lines) }),
            _ => Err(HeadError::Version),
        }
    }
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
    whole(outcome, head, HeadKind::Response)?;
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

/// Insists that the parser took exactly the head.
fn whole(outcome: httparse::Result<usize>, head: &[u8], kind: HeadKind) -> Result<(), HeadError> {
    match outcome {
        Ok(httparse::Status::Complete(length)) if length == head.len() => Ok(()),
        Err(httparse::Error::Version) if names_a_version(head, kind) => Err(HeadError::Version),
        Err(httparse::Error::HeaderName) => Err(HeadError::HeaderName),
        Err(httparse::Error::HeaderValue) => Err(HeadError::HeaderValue),
        Err(httparse::Error::TooManyHeaders) => Err(HeadError::TooManyHeaders),
        _ => Err(HeadError::FirstLine),
    }
}

/// Whether some version of HTTP stands where the first line has it, so that only the number is
/// wrong.
fn names_a_version(head: &[u8], kind: HeadKind) -> bool {
    let line = head.trim_ascii_start();
    let line = line.get(..plain_prefix(line)).unwrap_or_default();
    let version = match kind {
        HeadKind::Request => line.splitn(3, |&byte| byte == b' ').nth(2),
        HeadKind::Response => line.split(|&byte| byte == b' ').next(),
    };
    version.and_then(|version| version.strip_prefix(b"HTTP/")).is_some_and(|number| {
        matches!(number, [b'0'..=b'9', ..])
            && number.iter().all(|&byte| byte == b'.' || byte.is_ascii_digit())
    })
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
