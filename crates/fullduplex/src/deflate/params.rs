//! Negotiation of permessage-deflate (RFC 7692 §5 and §7.1): the client's offer, the server's response, and the
//! parameters that both have agreed on.

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

/// How to negotiate permessage-deflate (RFC 7692), and how to compress.
///
/// A value that is out of range is replaced by the nearest value in it.
///
/// # Memory
/// Before the first compressed message, a connection holds 288 bytes of state. After that, it depends on context
/// takeover, which means that a message may refer back to earlier messages. With context takeover, a connection holds
/// this many bytes, as measured:
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
/// Without context takeover, a connection holds no compressor or decompressor between messages. With `std`, they go
/// into a pool of the thread, and the next message of any of its connections uses them. The pools hold at most four of
/// a kind for each thread and 64 in all, with any number of connections. Without `std`, they stay with the connection
/// until [`Connection::release`](crate::Connection::release): a single busy connection then allocates nothing for a
/// message, and a caller with several connections knows which ones are idle.
///
/// The level makes no difference. To save memory, a connection can receive compressed messages and never send one: set
/// a [`threshold`](Self::threshold) of `usize::MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct DeflateConfig {
    /// How hard to compress, 0 (not at all) to 9 (smallest).
    pub level: u8,
    /// How much memory the compressor takes, 1 to 9. It has no effect without `std`.
    pub mem_level: u8,
    /// The window for our own messages, as a power of two, 8 to 15: they refer back at most that many bytes. It is
    /// smaller if the peer asks for less.
    pub max_window_bits: u8,
    /// The window for the peer's messages, as a power of two, 8 to 15. Below 15, a server declines an offer that does
    /// not allow it to limit the client's window (§7.1.2.2).
    pub max_peer_window_bits: u8,
    /// Whether each of our messages is compressed on its own.
    pub no_context_takeover: bool,
    /// Whether the peer must compress each message on its own.
    pub peer_no_context_takeover: bool,
    /// Messages with fewer bytes than this are sent uncompressed. A message that is sent in fragments is compressed,
    /// because its size is not known when it begins.
    pub threshold: usize,
    /// Whether a client's offer has the parameter `client_max_window_bits`, which allows the server to limit the window
    /// for the client's messages (§7.1.2.2).
    pub accept_window_limit: bool,
}

/// Whether one request or acceptance uses permessage-deflate (RFC 7692), and how.
///
/// A server may not know before the request comes: some clients fail with compressed messages, and a response may have
/// secrets next to data that an attacker chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DeflateChoice {
    /// As the configuration of the endpoint says; where there is none, not at all.
    #[default]
    AsConfigured,
    /// Not at all.
    Off,
    /// In this way.
    On(DeflateConfig),
}

impl DeflateChoice {
    /// What to do at an endpoint with this configuration: `None` uses no compression.
    #[must_use]
    pub const fn for_endpoint(self, configured: Option<DeflateConfig>) -> Option<DeflateConfig> {
        match self {
            Self::AsConfigured => configured,
            Self::Off => None,
            Self::On(config) => Some(config),
        }
    }
}

impl From<DeflateConfig> for DeflateChoice {
    fn from(config: DeflateConfig) -> Self {
        Self::On(config)
    }
}

/// `None` is [`Off`](DeflateChoice::Off).
impl From<Option<DeflateConfig>> for DeflateChoice {
    fn from(config: Option<DeflateConfig>) -> Self {
        config.map_or(Self::Off, Self::On)
    }
}

/// Above this level of zlib's, each further percent costs a third more time (JSON, 300 bytes to 64 KiB). zlib's own
/// default is 6.
const DEFAULT_LEVEL: u8 = 4;

/// With this and [`DEFAULT_WINDOW_BITS`], a compressor takes 165 KB instead of zlib's 380 KB, and messages of JSON get
/// no larger. Python's websockets has the same defaults.
const DEFAULT_MEM_LEVEL: u8 = 5;
const DEFAULT_WINDOW_BITS: u8 = 12;

/// A shorter message fits into one packet either way. npm's ws has 1024, without context takeover.
const DEFAULT_THRESHOLD: usize = 128;

impl DeflateConfig {
    /// Level 4, memory level 5 and a window of 4 KiB for our own messages, and any window for the peer's. Both ends use
    /// context takeover, which every peer supports and which compresses best. Messages below 128 bytes are not
    /// compressed.
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

    /// Sets how much memory the compressor takes, 1 to 9. It has no effect without `std`.
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
    /// It saves memory only without `std`, because zlib-rs always takes a window of 32 KiB.
    #[must_use]
    pub const fn max_peer_window_bits(mut self, bits: u8) -> Self {
        self.max_peer_window_bits = bits;
        self
    }

    /// Sets whether each of our messages is compressed on its own. They get larger, but an idle connection holds no
    /// compressor.
    #[must_use]
    pub const fn no_context_takeover(mut self, on: bool) -> Self {
        self.no_context_takeover = on;
        self
    }

    /// Sets whether the peer must compress each message on its own, so that an idle connection holds no decompressor.
    #[must_use]
    pub const fn peer_no_context_takeover(mut self, on: bool) -> Self {
        self.peer_no_context_takeover = on;
        self
    }

    /// Sets the size from which messages are compressed; `usize::MAX` for never.
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
        // "The client informs the peer server of a hint": the server can then hold less memory.
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

    /// A server's choice among the extensions that a client offers. It accepts the first offer of permessage-deflate
    /// that it can, in the client's order (§5.1), and returns the response with it.
    pub(crate) fn choose<'a>(
        &self,
        offers: impl IntoIterator<Item = Extension<'a>>,
    ) -> Option<(DeflateParams, DeflateResponse)> {
        offers.into_iter().filter(|offer| offer.name() == NAME).find_map(|offer| {
            // "A server MUST decline an extension negotiation offer for this extension if": a
            // parameter is not defined for an offer, has an invalid value, or comes twice.
            let offer = Parameters::of(&offer).ok()?;
            self.accept(&offer)
        })
    }

    fn accept(&self, offer: &Parameters) -> Option<(DeflateParams, DeflateResponse)> {
        let own_window = self.own_window().min(offer.server_window.unwrap_or(MAX_WINDOW_BITS));
        let peer_window = self.peer_window().min(match offer.client_window {
            Some(Window::Bits(bits)) => bits,
            Some(Window::Any) | None => MAX_WINDOW_BITS,
        });
        if offer.client_window.is_none() && peer_window < MAX_WINDOW_BITS {
            // "If a received extension negotiation offer doesn't have the client_max_window_bits
            // parameter, the corresponding response MUST NOT include" it: we cannot limit this client.
            return None;
        }
        let response = DeflateResponse {
            // "A server accepts […] by including the server_no_context_takeover parameter".
            server_no_context_takeover: offer.server_no_context_takeover
                || self.no_context_takeover,
            // The response makes the client's hint binding.
            client_no_context_takeover: offer.client_no_context_takeover
                || self.peer_no_context_takeover,
            // Only in reply to the same parameter: a window smaller than the client expects does no harm.
            server_window: offer.server_window.map(|_| own_window),
            client_window: (peer_window < MAX_WINDOW_BITS).then_some(peer_window),
        };
        let params = DeflateParams {
            compression: self.compression(own_window, !response.server_no_context_takeover),
            inflation: Inflation {
                window_bits: peer_window,
                takeover: !response.client_no_context_takeover,
            },
            threshold: self.threshold,
        };
        Some((params, response))
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

    /// The window for our messages, as a power of two: they refer back at most that many bytes.
    #[must_use]
    pub const fn window_bits(&self) -> u8 {
        self.compression.window_bits
    }

    /// The window for the peer's messages, as a power of two: they refer back at most that many bytes.
    #[must_use]
    pub const fn peer_window_bits(&self) -> u8 {
        self.inflation.window_bits
    }

    /// Whether our messages may refer back to earlier ones.
    #[must_use]
    pub const fn context_takeover(&self) -> bool {
        self.compression.takeover
    }

    /// Whether the peer's messages may refer back to earlier ones.
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

    /// Messages with fewer bytes than this are not compressed.
    pub(crate) const fn threshold(&self) -> usize {
        self.threshold
    }

    /// Checks the extensions in a server's response against the client's offer (§5.1 and §7.1). Returns `None` when the
    /// server uses no extension.
    ///
    /// # Errors
    /// [`NegotiationError`]: "the client MUST _Fail the WebSocket Connection_".
    pub(crate) fn of_response<'a>(
        offered: Option<&DeflateConfig>,
        extensions: impl IntoIterator<Item = Result<Extension<'a>, MalformedExtension>>,
    ) -> Result<Option<Self>, NegotiationError> {
        let mut agreed = None;
        for extension in extensions {
            let extension = extension.map_err(|MalformedExtension| NegotiationError::Malformed)?;
            let offered = match offered {
                Some(offered) if extension.name() == NAME => offered,
                _ => return Err(NegotiationError::NotOffered),
            };
            if agreed.is_some() {
                return Err(NegotiationError::Repeated);
            }
            agreed = Some(Self::of_parameters(offered, &Parameters::of(&extension)?)?);
        }
        Ok(agreed)
    }

    fn of_parameters(
        offered: &DeflateConfig,
        response: &Parameters,
    ) -> Result<Self, NegotiationError> {
        // "A server accepts an extension negotiation offer that includes [it] by including" it.
        if offered.peer_no_context_takeover && !response.server_no_context_takeover {
            return Err(NegotiationError::Ignored);
        }
        let peer_window = match response.server_window {
            Some(bits) if bits > offered.peer_window() => {
                return Err(NegotiationError::WindowTooLarge);
            }
            Some(bits) => bits,
            None if offered.peer_window() < MAX_WINDOW_BITS => {
                return Err(NegotiationError::Ignored);
            }
            None => MAX_WINDOW_BITS,
        };
        let own_window = match response.client_window {
            None => offered.own_window(),
            Some(_) if !offered.accept_window_limit => return Err(NegotiationError::NotAllowed),
            // "The client_max_window_bits parameter in a response MUST have a value".
            Some(Window::Any) => return Err(NegotiationError::InvalidValue),
            // Our value was "a hint": a server may allow a larger window than we use.
            Some(Window::Bits(bits)) => bits.min(offered.own_window()),
        };
        let own_takeover = !offered.no_context_takeover && !response.client_no_context_takeover;
        Ok(Self {
            compression: offered.compression(own_window, own_takeover),
            inflation: Inflation {
                window_bits: peer_window,
                takeover: !response.server_no_context_takeover,
            },
            threshold: offered.threshold,
        })
    }
}

/// A server's response to the offer that it accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeflateResponse {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_window: Option<u8>,
    client_window: Option<u8>,
}

impl DeflateResponse {
    /// The length of the longest response: the extension's name, two parameters with names of 26 characters, and two
    /// with names of 22 characters and values of two digits, with the punctuation between them.
    pub(crate) const MAX_LENGTH: usize = NAME.len() + 2 * (2 + 26) + 2 * (2 + 22 + 3);

    /// Writes the response as an element of `Sec-WebSocket-Extensions`.
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

/// Why the extensions in a server's response do not fit the client's offer (RFC 6455 §9.1, RFC 7692 §7.1). It is
/// always the server's fault, and the handshake fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
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
    /// `client_max_window_bits`, although the offer does not have it.
    NotAllowed,
    /// A larger window than was offered.
    WindowTooLarge,
    /// A parameter of the offer that the response must repeat is missing.
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
    /// The parameter has no value, which is allowed in an offer.
    Any,
    Bits(u8),
}

/// The parameters of an offer or a response.
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
