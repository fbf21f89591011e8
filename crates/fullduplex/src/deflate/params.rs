//! Offers and answers of permessage-deflate (RFC 7692 §5 and §7.1): what each end asks for, and what
//! was agreed.

use core::fmt;

use super::backend::{Compression, Inflation};
use crate::headers::{Extension, MalformedExtension, ParamValue};
use crate::output::Cursor;

#[cfg(test)]
mod tests;

/// The name under which the extension is registered (RFC 7692 §7).
const NAME: &str = "permessage-deflate";

const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// The smallest and the largest window that can be negotiated, as powers of two (§7.1.2).
const MIN_WINDOW_BITS: u8 = 8;
const MAX_WINDOW_BITS: u8 = 15;

/// What to offer or accept of permessage-deflate (RFC 7692), and how to compress.
///
/// Values that are out of range are brought into it.
///
/// # Memory
/// Nothing is held before the first compressed message in a direction, but 288 bytes for where it stands. What
/// is held then depends on whether the next message may refer to the ones before it (context takeover). Where
/// it may, a connection holds what stands here, in bytes, measured:
///
/// | | with `std` | without |
/// |---|---|---|
/// | to compress, with the defaults (window 12, memory level 5) | 164 992 | 319 326 |
/// | to compress, window 15, memory level 8 | 380 032 | 319 326 |
/// | to compress, window 9, memory level 1 | 137 216 | 319 326 |
/// | to decompress, window 15 | 47 552 | 43 272 |
/// | to decompress, window 9 | 47 552 | 11 016 |
/// | **a connection that does both, with the defaults** | **212 832** | **362 886** |
/// | the same, window 15, memory level 8 | 427 872 | 362 886 |
/// | the same, windows 9, memory level 1 | 185 056 | 330 630 |
/// | **the same without context takeover, at rest** | **288** | **288**, once released |
///
/// Without context takeover nothing is held between messages. With `std`, compressor and decompressor then lie
/// in a pool of the thread's, for the next message of any of its connections: at most four of a kind on a thread
/// and 64 in all, whatever the number of connections. Without `std` they stay with the connection until
/// [`Connection::release`](crate::Connection::release): one connection that is busy allocates nothing for a
/// message, and of several the caller knows which will wait.
///
/// The level makes no difference. Who has little memory can receive compressed messages without
/// ever sending one, with a [`threshold`](Self::threshold) of `usize::MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeflateConfig {
    /// How hard to compress, 0 (not at all) to 9 (smallest).
    pub level: u8,
    /// How much memory to compress with, 1 to 9; it has no meaning without `std`.
    pub mem_level: u8,
    /// Our own messages refer back at most two to this power bytes, 8 to 15; less when the peer
    /// asks for less.
    pub max_window_bits: u8,
    /// The peer's messages may refer back at most two to this power bytes, 8 to 15. Below 15 a
    /// server declines offers that do not let it ask for that (§7.1.2.2).
    pub max_peer_window_bits: u8,
    /// Whether each of our messages is compressed on its own.
    pub no_context_takeover: bool,
    /// Whether the peer must compress each message on its own.
    pub peer_no_context_takeover: bool,
    /// Messages of fewer bytes than this are sent uncompressed. Of one that is sent in fragments the size is not
    /// known when it begins: it is compressed.
    pub threshold: usize,
    /// Whether a client lets the server limit the window that the client compresses with, by the
    /// parameter `client_max_window_bits` of its offer (§7.1.2.2).
    pub accept_window_limit: bool,
}

/// Of zlib's levels the one behind which each further percent costs a third more time (JSON, 300
/// bytes to 64 KiB); zlib's own default is 6.
const DEFAULT_LEVEL: u8 = 4;

/// With this and the next a compressor takes 165 KB instead of zlib's 380 KB, and messages of JSON
/// come out no larger. Python's websockets has the same two.
const DEFAULT_MEM_LEVEL: u8 = 5;
const DEFAULT_WINDOW_BITS: u8 = 12;

/// What is shorter fits into one packet either way. npm's ws has 1024, without context takeover.
const DEFAULT_THRESHOLD: usize = 128;

impl DeflateConfig {
    /// Level 4, memory level 5 and a window of 4 KiB for our own messages; any window for the
    /// peer's, and context takeover on both sides, which any peer can do and which compresses best;
    /// nothing below 128 bytes.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            level: DEFAULT_LEVEL,
            mem_level: DEFAULT_MEM_LEVEL,
            max_window_bits: DEFAULT_WINDOW_BITS,
            max_peer_window_bits: MAX_WINDOW_BITS,
            no_context_takeover: false,
            peer_no_context_takeover: false,
            threshold: DEFAULT_THRESHOLD,
            accept_window_limit: true,
        }
    }

    /// Sets how hard to compress: 1 is fastest, 9 is smallest, 0 does not compress.
    #[must_use]
    pub const fn level(mut self, level: u8) -> Self {
        self.level = level;
        self
    }

    /// Sets how much memory to compress with, 1 to 9. It has no meaning without `std`.
    #[must_use]
    pub const fn mem_level(mut self, mem_level: u8) -> Self {
        self.mem_level = mem_level;
        self
    }

    /// Sets the window for our own messages, as a power of two, 8 to 15.
    #[must_use]
    pub const fn max_window_bits(mut self, bits: u8) -> Self {
        self.max_window_bits = bits;
        self
    }

    /// Sets the largest window that the peer's messages may need, as a power of two, 8 to 15.
    ///
    /// It saves memory without `std` only: zlib-rs always has 32 KiB.
    #[must_use]
    pub const fn max_peer_window_bits(mut self, bits: u8) -> Self {
        self.max_peer_window_bits = bits;
        self
    }

    /// Sets whether each of our messages is compressed on its own: worse, but a connection at rest holds no
    /// compressor.
    #[must_use]
    pub const fn no_context_takeover(mut self, on: bool) -> Self {
        self.no_context_takeover = on;
        self
    }

    /// Sets whether the peer must compress each message on its own, so that a connection at rest holds no
    /// decompressor.
    #[must_use]
    pub const fn peer_no_context_takeover(mut self, on: bool) -> Self {
        self.peer_no_context_takeover = on;
        self
    }

    /// Sets the size from which on messages are compressed; `usize::MAX` for never.
    #[must_use]
    pub const fn threshold(mut self, bytes: usize) -> Self {
        self.threshold = bytes;
        self
    }

    /// Sets whether a client's offer lets the server limit the client's window.
    #[must_use]
    pub const fn accept_window_limit(mut self, on: bool) -> Self {
        self.accept_window_limit = on;
        self
    }

    /// Writes a client's offer, as an element of `Sec-WebSocket-Extensions` (§7.1).
    pub(crate) fn write_offer(&self, out: &mut Cursor<'_>) {
        out.put(NAME.as_bytes());
        if self.peer_no_context_takeover {
            put_name(out, SERVER_NO_CONTEXT_TAKEOVER);
        }
        // "The client informs the peer server of a hint": it lets the server hold less.
        if self.no_context_takeover {
            put_name(out, CLIENT_NO_CONTEXT_TAKEOVER);
        }
        if self.peer_window() < MAX_WINDOW_BITS {
            put_bits(out, SERVER_MAX_WINDOW_BITS, self.peer_window());
        }
        match (self.accept_window_limit, self.own_window()) {
            (false, _) => {}
            (true, MAX_WINDOW_BITS) => put_name(out, CLIENT_MAX_WINDOW_BITS),
            (true, bits) => put_bits(out, CLIENT_MAX_WINDOW_BITS, bits),
        }
    }

    /// A server's choice among the extensions that a client offers, in the client's order (§5.1):
    /// the first offer of permessage-deflate that can be accepted, and the answer to it.
    pub(crate) fn choose<'a>(
        &self,
        offers: impl IntoIterator<Item = Extension<'a>>,
    ) -> Option<(DeflateParams, DeflateAnswer)> {
        offers.into_iter().filter(|offer| offer.name() == NAME).find_map(|offer| {
            // "A server MUST decline an extension negotiation offer for this extension if": a
            // parameter is not defined for an offer, has an invalid value, or comes twice.
            let offer = Parameters::of(&offer).ok()?;
            self.accept(&offer)
        })
    }

    fn accept(&self, offer: &Parameters) -> Option<(DeflateParams, DeflateAnswer)> {
        let own_window = self.own_window().min(offer.server_window.unwrap_or(MAX_WINDOW_BITS));
        let peer_window = self.peer_window().min(match offer.client_window {
            Some(Window::Bits(bits)) => bits,
            Some(Window::Any) | None => MAX_WINDOW_BITS,
        });
        if offer.client_window.is_none() && peer_window < MAX_WINDOW_BITS {
            // "If a received extension negotiation offer doesn't have the client_max_window_bits
            // parameter, the corresponding response MUST NOT include" it: the client cannot be
            // limited.
            return None;
        }
        let answer = DeflateAnswer {
            // "A server accepts […] by including the server_no_context_takeover parameter".
            server_no_context_takeover: offer.server_no_context_takeover
                || self.no_context_takeover,
            // Saying it makes the client's hint binding.
            client_no_context_takeover: offer.client_no_context_takeover
                || self.peer_no_context_takeover,
            // Said only when asked for: a smaller window than the client counts on hurts nobody.
            server_window: offer.server_window.map(|_| own_window),
            client_window: (peer_window < MAX_WINDOW_BITS).then_some(peer_window),
        };
        let params = DeflateParams {
            compression: self.compression(own_window, !answer.server_no_context_takeover),
            inflation: Inflation {
                window_bits: peer_window,
                takeover: !answer.client_no_context_takeover,
            },
            threshold: self.threshold,
        };
        Some((params, answer))
    }

    fn own_window(&self) -> u8 {
        self.max_window_bits.clamp(MIN_WINDOW_BITS, MAX_WINDOW_BITS)
    }

    fn peer_window(&self) -> u8 {
        self.max_peer_window_bits.clamp(MIN_WINDOW_BITS, MAX_WINDOW_BITS)
    }

    fn compression(&self, window_bits: u8, takeover: bool) -> Compression {
        let (level, mem_level) = (self.level.min(9), self.mem_level.clamp(1, 9));
        Compression { level, mem_level, window_bits, takeover }
    }
}

impl Default for DeflateConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// What client and server have agreed on, seen from our end (RFC 7692 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeflateParams {
    compression: Compression,
    inflation: Inflation,
    threshold: usize,
}

impl DeflateParams {
    pub(crate) const fn new(
        compression: Compression,
        inflation: Inflation,
        threshold: usize,
    ) -> Self {
        Self { compression, inflation, threshold }
    }

    /// Our messages refer back at most two to this power bytes.
    #[must_use]
    pub const fn window_bits(&self) -> u8 {
        self.compression.window_bits
    }

    /// The peer's messages refer back at most two to this power bytes.
    #[must_use]
    pub const fn peer_window_bits(&self) -> u8 {
        self.inflation.window_bits
    }

    /// Whether our messages may refer back into earlier ones.
    #[must_use]
    pub const fn context_takeover(&self) -> bool {
        self.compression.takeover
    }

    /// Whether the peer's messages may refer back into earlier ones.
    #[must_use]
    pub const fn peer_context_takeover(&self) -> bool {
        self.inflation.takeover
    }

    /// How to compress our messages.
    pub(crate) const fn compression(&self) -> Compression {
        self.compression
    }

    /// How to decompress the peer's messages.
    pub(crate) const fn inflation(&self) -> Inflation {
        self.inflation
    }

    /// Messages of fewer bytes than this are not compressed.
    pub(crate) const fn threshold(&self) -> usize {
        self.threshold
    }

    /// A client's check of the extensions that a server has answered with, against what was offered
    /// (§5.1 and §7.1): `None` when the server uses no extension.
    ///
    /// # Errors
    /// [`NegotiationError`]: "the client MUST _Fail the WebSocket Connection_".
    pub(crate) fn of_answer<'a>(
        offered: Option<&DeflateConfig>,
        answers: impl IntoIterator<Item = Result<Extension<'a>, MalformedExtension>>,
    ) -> Result<Option<Self>, NegotiationError> {
        let mut agreed = None;
        for answer in answers {
            let answer = answer.map_err(|MalformedExtension| NegotiationError::Malformed)?;
            let offered = match offered {
                Some(offered) if answer.name() == NAME => offered,
                _ => return Err(NegotiationError::NotOffered),
            };
            if agreed.is_some() {
                return Err(NegotiationError::Repeated);
            }
            agreed = Some(Self::of_parameters(offered, &Parameters::of(&answer)?)?);
        }
        Ok(agreed)
    }

    fn of_parameters(
        offered: &DeflateConfig,
        answer: &Parameters,
    ) -> Result<Self, NegotiationError> {
        // "A server accepts an extension negotiation offer that includes [it] by including" it.
        if offered.peer_no_context_takeover && !answer.server_no_context_takeover {
            return Err(NegotiationError::Ignored);
        }
        let peer_window = match answer.server_window {
            Some(bits) if bits > offered.peer_window() => {
                return Err(NegotiationError::WindowTooLarge);
            }
            Some(bits) => bits,
            None if offered.peer_window() < MAX_WINDOW_BITS => {
                return Err(NegotiationError::Ignored);
            }
            None => MAX_WINDOW_BITS,
        };
        let own_window = match answer.client_window {
            None => offered.own_window(),
            Some(_) if !offered.accept_window_limit => return Err(NegotiationError::NotAllowed),
            // "The client_max_window_bits parameter in a response MUST have a value".
            Some(Window::Any) => return Err(NegotiationError::InvalidValue),
            // Our value was "a hint"; a server that allows more than we are going to use does no harm.
            Some(Window::Bits(bits)) => bits.min(offered.own_window()),
        };
        let own_takeover = !offered.no_context_takeover && !answer.client_no_context_takeover;
        Ok(Self {
            compression: offered.compression(own_window, own_takeover),
            inflation: Inflation {
                window_bits: peer_window,
                takeover: !answer.server_no_context_takeover,
            },
            threshold: offered.threshold,
        })
    }
}

/// A server's answer to the offer that it accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeflateAnswer {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_window: Option<u8>,
    client_window: Option<u8>,
}

impl DeflateAnswer {
    /// The length of the longest: the name, two names of 26 characters and two of 22 with two digits,
    /// and what stands between them.
    pub(crate) const MAX_LENGTH: usize = NAME.len() + 2 * (2 + 26) + 2 * (2 + 22 + 3);

    /// Writes it as an element of `Sec-WebSocket-Extensions`.
    pub(crate) fn write(&self, out: &mut Cursor<'_>) {
        out.put(NAME.as_bytes());
        if self.server_no_context_takeover {
            put_name(out, SERVER_NO_CONTEXT_TAKEOVER);
        }
        if self.client_no_context_takeover {
            put_name(out, CLIENT_NO_CONTEXT_TAKEOVER);
        }
        if let Some(bits) = self.server_window {
            put_bits(out, SERVER_MAX_WINDOW_BITS, bits);
        }
        if let Some(bits) = self.client_window {
            put_bits(out, CLIENT_MAX_WINDOW_BITS, bits);
        }
    }
}

/// Why the extensions that a server answers with do not fit what was offered (RFC 6455 §9.1,
/// RFC 7692 §7.1): always the server's fault, and the handshake fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NegotiationError {
    /// A `Sec-WebSocket-Extensions` header is not a list of names and parameters.
    Malformed,
    /// An extension that was not offered.
    NotOffered,
    /// permessage-deflate twice.
    Repeated,
    /// A parameter that permessage-deflate does not have.
    UnknownParameter,
    /// A parameter twice.
    RepeatedParameter,
    /// A parameter whose value is missing, not allowed or out of range.
    InvalidValue,
    /// `client_max_window_bits`, though the offer does not have it.
    NotAllowed,
    /// A larger window than was offered.
    WindowTooLarge,
    /// A parameter of the offer that an acceptance must repeat is missing.
    Ignored,
}

impl fmt::Display for NegotiationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => {
                "a Sec-WebSocket-Extensions header is not a list of names and parameters"
            }
            Self::NotOffered => "the server uses an extension that was not offered",
            Self::Repeated => "the server accepts permessage-deflate twice",
            Self::UnknownParameter => "the server's permessage-deflate has an unknown parameter",
            Self::RepeatedParameter => "the server's permessage-deflate has a parameter twice",
            Self::InvalidValue => {
                "a parameter of the server's permessage-deflate has no valid value"
            }
            Self::NotAllowed => "the server limits the client's window, which was not offered",
            Self::WindowTooLarge => "the server agrees to a larger window than was offered",
            Self::Ignored => "the server accepts permessage-deflate without what was asked for",
        })
    }
}

impl core::error::Error for NegotiationError {}

/// The value of `client_max_window_bits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Window {
    /// Without a value, as an offer may have it.
    Any,
    Bits(u8),
}

/// The parameters of an offer or an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Parameters {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_window: Option<u8>,
    client_window: Option<Window>,
}

impl Parameters {
    fn of(extension: &Extension<'_>) -> Result<Self, NegotiationError> {
        let mut all = Self::default();
        for param in extension.params() {
            let repeated = match (param.name, param.value) {
                (SERVER_NO_CONTEXT_TAKEOVER, None) => {
                    core::mem::replace(&mut all.server_no_context_takeover, true)
                }
                (CLIENT_NO_CONTEXT_TAKEOVER, None) => {
                    core::mem::replace(&mut all.client_no_context_takeover, true)
                }
                (SERVER_MAX_WINDOW_BITS, Some(value)) => {
                    all.server_window.replace(window_bits(value)?).is_some()
                }
                (CLIENT_MAX_WINDOW_BITS, Some(value)) => {
                    all.client_window.replace(Window::Bits(window_bits(value)?)).is_some()
                }
                (CLIENT_MAX_WINDOW_BITS, None) => all.client_window.replace(Window::Any).is_some(),
                (
                    SERVER_NO_CONTEXT_TAKEOVER
                    | CLIENT_NO_CONTEXT_TAKEOVER
                    | SERVER_MAX_WINDOW_BITS,
                    _,
                ) => return Err(NegotiationError::InvalidValue),
                _ => return Err(NegotiationError::UnknownParameter),
            };
            if repeated {
                return Err(NegotiationError::RepeatedParameter);
            }
        }
        Ok(all)
    }
}

/// "A decimal integer value without leading zeroes between 8 to 15, inclusive".
fn window_bits(value: ParamValue<'_>) -> Result<u8, NegotiationError> {
    let mut digits = value.chars();
    match (digits.next(), digits.next(), digits.next()) {
        (Some('8'), None, None) => Ok(8),
        (Some('9'), None, None) => Ok(9),
        (Some('1'), Some(unit @ '0'..='5'), None) => Ok(10 + (unit as u8 - b'0')),
        _ => Err(NegotiationError::InvalidValue),
    }
}

fn put_name(out: &mut Cursor<'_>, name: &str) {
    out.put(b"; ");
    out.put(name.as_bytes());
}

fn put_bits(out: &mut Cursor<'_>, name: &str, bits: u8) {
    put_name(out, name);
    out.put(b"=");
    if bits >= 10 {
        out.put(b"1");
    }
    out.put(&[b'0' + bits % 10]);
}
