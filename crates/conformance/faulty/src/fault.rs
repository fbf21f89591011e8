//! The mistakes, and the switch that selects one of them.

use std::cell::Cell;
use std::str::FromStr;

/// Which side of the connection an endpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// It accepts the opening handshake.
    Server,
    /// It begins the opening handshake.
    Client,
}

macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal for $sides:ident,)+) => {
        /// A mistake that an endpoint can be made to make.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Fault {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Fault {
            /// All mistakes.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name on the command line.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// A sentence that describes it.
            #[must_use]
            pub fn mistake(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($doc),+).trim_ascii(),)+
                }
            }

            /// Whether an endpoint on this side can make it.
            #[must_use]
            pub const fn is_for(self, side: Side) -> bool {
                match self {
                    $(Self::$variant => sides::$sides(side),)+
                }
            }
        }
    };
}

/// The sides that a mistake is for.
#[allow(non_snake_case)]
mod sides {
    use super::Side;

    pub(super) const fn Both(_: Side) -> bool {
        true
    }

    pub(super) const fn Server(side: Side) -> bool {
        matches!(side, Side::Server)
    }

    pub(super) const fn Client(side: Side) -> bool {
        matches!(side, Side::Client)
    }
}

faults! {
    // Masks (RFC 6455 §5.1, §5.3).
    /// A server takes frames that are not masked.
    UnmaskedAccepted = "unmasked-accepted" for Server,
    /// A client takes frames that are masked.
    MaskedAccepted = "masked-accepted" for Client,
    /// A server masks its frames, and a client does not.
    WrongMasking = "wrong-masking" for Both,
    /// A client sets the mask bit and sends a key, and does not mask the payload.
    PayloadNotMasked = "payload-not-masked" for Client,
    /// The masking key starts again with each read, even in the middle of a payload.
    MaskRestarts = "mask-restarts" for Server,

    // Reserved bits and opcodes (RFC 6455 §5.2).
    /// Reserved bits are not checked.
    RsvIgnored = "rsv-ignored" for Both,
    /// Only RSV1 is checked, and RSV2 and RSV3 are not.
    OnlyRsv1Checked = "only-rsv1-checked" for Both,
    /// Reserved bits of control frames are not checked.
    RsvOfControlIgnored = "rsv-of-control-ignored" for Both,
    /// A frame with a reserved opcode is skipped.
    ReservedOpcodeIgnored = "reserved-opcode-ignored" for Both,
    /// A frame with a reserved opcode of data is taken for a binary message.
    ReservedOpcodeAsBinary = "reserved-opcode-as-binary" for Both,
    /// A frame with a reserved opcode of control is taken for a Ping.
    ReservedOpcodeAsPing = "reserved-opcode-as-ping" for Both,

    // Lengths (RFC 6455 §5.2).
    /// A length of 16 bits is read with its low byte first.
    Length16LittleEndian = "length16-little-endian" for Both,
    /// A length of 16 bits is read as a signed number, and 32768 is negative.
    Length16Signed = "length16-signed" for Both,
    /// A length of 64 bits is cut to its low 32 bits.
    Length64CutTo32 = "length64-cut-to32" for Both,
    /// A length of 64 bits is cut to its low 16 bits.
    Length64CutTo16 = "length64-cut-to16" for Both,
    /// A length in more bytes than it needs is taken.
    NonMinimalLengthAccepted = "non-minimal-length-accepted" for Both,
    /// A length with its highest bit set is taken, and the payload is waited for.
    LengthTopBitAccepted = "length-top-bit-accepted" for Both,
    /// A length of 125 is sent in 16 bits.
    Length125In16Bits = "length125-in16-bits" for Both,
    /// A length of 65535 is sent in 64 bits.
    Length65535In64Bits = "length65535-in64-bits" for Both,
    /// A message of 65536 bytes or more is refused, where 65536 should be the limit.
    LimitOffByOne = "limit-off-by-one" for Both,
    /// A message in more than 1000 frames is refused.
    FewFragmentsTaken = "few-fragments-taken" for Both,

    // Reads.
    /// An incomplete header is dropped at the end of a read.
    PartialHeaderDropped = "partial-header-dropped" for Both,
    /// Only the first of the frames in one read is seen.
    OneFramePerRead = "one-frame-per-read" for Both,
    /// A payload is assumed to come whole in the same read as its header.
    ShortReadTaken = "short-read-taken" for Both,
    /// What comes in the same read as the end of the handshake's head is lost.
    BytesBehindHeadLost = "bytes-behind-head-lost" for Both,
    /// The head of the handshake must come in one read.
    SplitHeadRefused = "split-head-refused" for Both,
    /// The opening handshake fails, and the connection stays open without an answer.
    BadHandshakeUnanswered = "bad-handshake-unanswered" for Both,
    /// The connection is taken for open, whatever comes in place of the peer's half of the opening handshake.
    HeadUnread = "head-unread" for Both,
    /// A malformed list in `Sec-WebSocket-Protocol` or `Sec-WebSocket-Extensions` is taken.
    ListUnchecked = "list-unchecked" for Both,
    /// The end of the input is not noticed, and the connection stays open.
    EndOfInputIgnored = "end-of-input-ignored" for Both,
    /// A reset of the TCP connection is not noticed, and the connection is kept.
    ResetIgnored = "reset-ignored" for Both,
    /// A reset is not noticed while the rest of a message or of a frame is awaited.
    ResetInsideMessageIgnored = "reset-inside-message-ignored" for Both,

    // Fragments (RFC 6455 §5.4).
    /// A control frame without FIN is taken as if it were whole.
    FragmentedControlAccepted = "fragmented-control-accepted" for Both,
    /// A control frame with a payload of more than 125 bytes is taken.
    LongControlAccepted = "long-control-accepted" for Both,
    /// A continuation frame with nothing to continue begins a text message.
    ContinuationAsText = "continuation-as-text" for Both,
    /// A continuation frame with nothing to continue is skipped.
    ContinuationIgnored = "continuation-ignored" for Both,
    /// A new message inside of a fragmented one is appended to it.
    DataInsideMessageAppended = "data-inside-message-appended" for Both,
    /// A new message inside of a fragmented one replaces it.
    DataInsideMessageReplaces = "data-inside-message-replaces" for Both,
    /// Each fragment is taken for a message.
    FragmentAsMessage = "fragment-as-message" for Both,
    /// FIN is ignored on a continuation frame without a payload.
    EmptyLastFragmentIgnored = "empty-last-fragment-ignored" for Both,
    /// A Ping ends the fragmented message that it comes in.
    PingEndsMessage = "ping-ends-message" for Both,
    /// The payload of a Ping is added to the fragmented message that it comes in.
    PingJoinsMessage = "ping-joins-message" for Both,

    // Pings and Pongs (RFC 6455 §5.5.2, §5.5.3).
    /// A Ping is not answered.
    PongMissing = "pong-missing" for Both,
    /// A Ping without a payload is not answered.
    EmptyPingIgnored = "empty-ping-ignored" for Both,
    /// A Pong has no payload.
    PongEmpty = "pong-empty" for Both,
    /// A Pong has at most 124 bytes of the Ping.
    PongCut = "pong-cut" for Both,
    /// The payload of a Ping is taken for text, and sent back as UTF-8.
    PongAsText = "pong-as-text" for Both,
    /// A Ping inside of a fragmented message is answered after the message.
    PongLate = "pong-late" for Both,
    /// A Ping is answered twice.
    TwoPongs = "two-pongs" for Both,
    /// A Pong is answered with a Pong.
    PongToPong = "pong-to-pong" for Both,
    /// A Pong that answers no Ping is a fault.
    UnaskedPongRefused = "unasked-pong-refused" for Both,

    // Text (RFC 6455 §5.6, §8.1).
    /// Text is not checked.
    Utf8Unchecked = "utf8-unchecked" for Both,
    /// Text is only checked when the message is whole.
    Utf8Late = "utf8-late" for Both,
    /// Text is only checked when the frame is whole.
    Utf8AtEndOfFrame = "utf8-at-end-of-frame" for Both,
    /// Each fragment of a text message must be UTF-8 by itself.
    Utf8PerFragment = "utf8-per-fragment" for Both,
    /// Text that ends in the middle of a character is taken.
    IncompleteLetterAccepted = "incomplete-letter-accepted" for Both,
    /// Characters in more bytes than they need are taken.
    OverlongAccepted = "overlong-accepted" for Both,
    /// Surrogates of UTF-16 are taken.
    SurrogatesAccepted = "surrogates-accepted" for Both,
    /// Sequences of four bytes beyond U+10FFFF are taken.
    BeyondUnicodeAccepted = "beyond-unicode-accepted" for Both,
    /// Sequences of five and six bytes are taken, which UTF-8 had before RFC 3629.
    LongSequencesAccepted = "long-sequences-accepted" for Both,
    /// Noncharacters are a fault.
    NoncharactersRefused = "noncharacters-refused" for Both,
    /// Text with U+FFFD is a fault, because a lenient decoder would put it in place of a fault.
    ReplacementRefused = "replacement-refused" for Both,
    /// What is not UTF-8 is replaced by U+FFFD.
    Utf8Replaced = "utf8-replaced" for Both,
    /// Text ends with its first NUL.
    NulEndsText = "nul-ends-text" for Both,
    /// A byte order mark at the beginning of text is removed.
    ByteOrderMarkRemoved = "byte-order-mark-removed" for Both,

    // Messages.
    /// Text is sent back as binary.
    TextAsBinary = "text-as-binary" for Both,
    /// Binary is sent back as text.
    BinaryAsText = "binary-as-text" for Both,
    /// An empty message is not sent back.
    EmptyMessageLost = "empty-message-lost" for Both,

    // The closing handshake (RFC 6455 §5.5.1, §7).
    /// The code of a failure is 1000.
    FailsWith1000 = "fails-with1000" for Both,
    /// The code of a failure is 1006, which must not be sent.
    FailsWith1006 = "fails-with1006" for Both,
    /// The code for text that is not UTF-8 is 1002.
    TextFailsWith1002 = "text-fails-with1002" for Both,
    /// After a Close that reports a failure, frames are still answered.
    FailureEndsNothing = "failure-ends-nothing" for Both,
    /// A Close is not answered, and the connection stays open.
    CloseNotAnswered = "close-not-answered" for Both,
    /// A Close is answered by the end of the TCP connection.
    TcpClosedWithoutClose = "tcp-closed-without-close" for Both,
    /// A Close without a code is answered with code 1005, which must not be sent.
    EmptyCloseAnsweredWith1005 = "empty-close-answered-with1005" for Both,
    /// A Close with a code that must not be sent is answered with that code.
    InvalidCloseCodeAnswered = "invalid-close-code-answered" for Both,
    /// A Close with a code that must not be sent is answered with code 1000.
    InvalidCloseCodeAccepted = "invalid-close-code-accepted" for Both,
    /// A Close with a code that libraries or applications use is a fault.
    PrivateCloseCodeRefused = "private-close-code-refused" for Both,
    /// A Close with a body of one byte is answered like one with code 1000.
    OneByteCloseAccepted = "one-byte-close-accepted" for Both,
    /// The reason of a Close is not checked.
    CloseReasonUnchecked = "close-reason-unchecked" for Both,
    /// The longest reason of a Close is a fault.
    LongestReasonRefused = "longest-reason-refused" for Both,
    /// A Close with a reason is answered with only the reason, whose first two bytes are read as the code.
    CloseReasonWithoutCode = "close-reason-without-code" for Both,
    /// A Close with a code other than 1000 is answered with code 1006, which must not be sent.
    AbnormalCloseAnsweredWith1006 = "abnormal-close-answered-with1006" for Both,
    /// A Close inside of a fragmented message is a fault.
    CloseInsideMessageRefused = "close-inside-message-refused" for Both,
    /// A message after the Close is sent back.
    DataBehindCloseEchoed = "data-behind-close-echoed" for Both,
    /// A Ping after the Close is answered.
    PingBehindCloseAnswered = "ping-behind-close-answered" for Both,
    /// A server leaves it to the client to close the TCP connection.
    TcpLeftOpen = "tcp-left-open" for Server,
    /// A client closes the TCP connection after its Close, and does not wait for the server.
    TcpClosedFirst = "tcp-closed-first" for Client,

    // Compression (RFC 7692).
    /// Messages are compressed although that was not negotiated.
    CompressedUnasked = "compressed-unasked" for Both,
    /// A message is decompressed without the messages before it, although context takeover was negotiated.
    InflateContextDropped = "inflate-context-dropped" for Both,
    /// A message is compressed with the messages before it, although no context takeover was
    /// negotiated.
    DeflateContextKept = "deflate-context-kept" for Both,
    /// Messages are compressed with the largest window, whatever was negotiated.
    WindowTooLarge = "window-too-large" for Both,
    /// The last four bytes of a compressed message, 00 00 ff ff, are sent.
    TailSent = "tail-sent" for Both,
    /// A compressed message ends with a block that has BFINAL set, and no block after it.
    BfinalSent = "bfinal-sent" for Both,
    /// RSV1 is set on each frame of a compressed message.
    Rsv1OnContinuation = "rsv1-on-continuation" for Both,
    /// RSV1 is not set on compressed messages.
    Rsv1Missing = "rsv1-missing" for Both,
    /// RSV1 is set, and the message is not compressed.
    Rsv1Uncompressed = "rsv1-uncompressed" for Both,
    /// A compressed message without a payload has no byte at all instead of one.
    EmptyCompressedWrong = "empty-compressed-wrong" for Both,
    /// Pongs are compressed like messages.
    PongCompressed = "pong-compressed" for Both,
    /// A message that is not compressed is a fault once compression was negotiated.
    UncompressedRefused = "uncompressed-refused" for Both,
    /// RSV1 on a continuation frame is taken once compression was negotiated.
    Rsv1OnContinuationAccepted = "rsv1-on-continuation-accepted" for Both,
    /// A compressed text message is not checked for UTF-8.
    CompressedTextUnchecked = "compressed-text-unchecked" for Both,
    /// The part of a broken message that can be decompressed is taken for the message.
    BrokenStreamAccepted = "broken-stream-accepted" for Both,
    /// Nothing is decompressed after a block with BFINAL.
    BfinalEndsMessage = "bfinal-ends-message" for Both,
    /// Each frame of a compressed message is decompressed as if it were a message.
    FragmentsInflatedAlone = "fragments-inflated-alone" for Both,

    // How a server handles a request (RFC 6455 §4.2).
    /// `Sec-WebSocket-Accept` is computed from the decoded key.
    AcceptOfDecodedKey = "accept-of-decoded-key" for Server,
    /// A response without `Upgrade` and `Connection`.
    ResponseWithoutUpgrade = "response-without-upgrade" for Server,
    /// A subprotocol is chosen that was not offered.
    SubprotocolInvented = "subprotocol-invented" for Server,
    /// An extension is accepted that was not offered.
    ExtensionInvented = "extension-invented" for Server,
    /// A method other than GET is taken.
    MethodUnchecked = "method-unchecked" for Server,
    /// HTTP/1.0 is taken.
    Http10Accepted = "http10-accepted" for Server,
    /// HTTP/1.2 is refused instead of being read as HTTP/1.1.
    Http12Refused = "http12-refused" for Server,
    /// The target of the request may be anything.
    TargetUnchecked = "target-unchecked" for Server,
    /// The content of the request is read as frames.
    ContentAsFrames = "content-as-frames" for Server,
    /// `Host` may be missing, and may be anything.
    HostUnchecked = "host-unchecked" for Server,
    /// `Upgrade` is not checked.
    UpgradeUnchecked = "upgrade-unchecked" for Server,
    /// `Connection` is not checked.
    ConnectionUnchecked = "connection-unchecked" for Server,
    /// `Connection` must be `Upgrade` and nothing else.
    ConnectionIsNoList = "connection-is-no-list" for Both,
    /// Field names are compared case-sensitively.
    FieldNamesCaseSensitive = "field-names-case-sensitive" for Both,
    /// `websocket` and `Upgrade` are compared case-sensitively.
    TokensCaseSensitive = "tokens-case-sensitive" for Both,
    /// `Sec-WebSocket-Version` is not checked.
    VersionUnchecked = "version-unchecked" for Server,
    /// Another version is refused without a field that names the right one.
    VersionNotNamed = "version-not-named" for Server,
    /// `Sec-WebSocket-Key` may be missing.
    KeyMissingAccepted = "key-missing-accepted" for Server,
    /// `Sec-WebSocket-Key` may be anything.
    KeyUnchecked = "key-unchecked" for Server,

    // Negotiation of compression by a server (RFC 7692 §5, §7.1).
    /// The server accepts all offers of compression instead of one.
    AllOffersAccepted = "all-offers-accepted" for Server,
    /// Only the first offer of compression is read.
    OnlyFirstOfferRead = "only-first-offer-read" for Server,
    /// `server_no_context_takeover` is not answered.
    NoTakeoverNotAnswered = "no-takeover-not-answered" for Server,
    /// `server_max_window_bits` is not answered.
    WindowNotAnswered = "window-not-answered" for Server,
    /// `client_max_window_bits` is answered where it was not offered.
    ClientWindowUnasked = "client-window-unasked" for Server,
    /// An offer with an unknown or repeated parameter is accepted.
    OddOfferAccepted = "odd-offer-accepted" for Server,
    /// An offer with an impossible window is accepted.
    OddWindowAccepted = "odd-window-accepted" for Server,

    // A client's request, and how the client handles a response (RFC 6455 §4.1).
    /// The request is HTTP/1.0.
    RequestHttp10 = "request-http10" for Client,
    /// The request has no `Host`.
    RequestWithoutHost = "request-without-host" for Client,
    /// The request has no `Upgrade`.
    RequestWithoutUpgrade = "request-without-upgrade" for Client,
    /// The request has no `Sec-WebSocket-Key`.
    RequestWithoutKey = "request-without-key" for Client,
    /// The key of the request has 8 bytes.
    RequestWithShortKey = "request-with-short-key" for Client,
    /// The request has version 8.
    RequestOfVersion8 = "request-of-version8" for Client,
    /// The request has no `Sec-WebSocket-Version`.
    RequestWithoutVersion = "request-without-version" for Client,
    /// An interim response, such as one with status 100, is refused.
    InterimResponseRefused = "interim-response-refused" for Client,
    /// A response with a folded field is refused.
    FoldedFieldRefused = "folded-field-refused" for Client,
    /// The status of the response is not checked.
    StatusUnchecked = "status-unchecked" for Client,
    /// A response of HTTP/1.0 is taken.
    ResponseHttp10Accepted = "response-http10-accepted" for Client,
    /// `Upgrade` in the response is not checked.
    ResponseUpgradeUnchecked = "response-upgrade-unchecked" for Client,
    /// `Connection` in the response is not checked.
    ResponseConnectionUnchecked = "response-connection-unchecked" for Client,
    /// `Sec-WebSocket-Accept` is not checked.
    AcceptUnchecked = "accept-unchecked" for Client,
    /// `Sec-WebSocket-Accept` is compared without regard to case.
    AcceptCaseIgnored = "accept-case-ignored" for Client,
    /// `Sec-WebSocket-Accept` may be missing.
    AcceptMissingAccepted = "accept-missing-accepted" for Client,
    /// A subprotocol that was not offered is taken.
    SubprotocolUnchecked = "subprotocol-unchecked" for Client,
    /// An extension that was not offered is taken.
    ExtensionUnchecked = "extension-unchecked" for Client,
    /// Parameters of compression in the response are not checked.
    DeflateAnswerUnchecked = "deflate-answer-unchecked" for Client,
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|fault| fault.name() == name);
        found.copied().ok_or_else(|| format!("there is no fault `{name}`"))
    }
}

/// Mistakes that an endpoint had an opportunity to make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Occasions([u64; Fault::ALL.len().div_ceil(64)]);

impl Occasions {
    /// Whether this mistake is one of them.
    #[must_use]
    pub const fn contains(&self, fault: Fault) -> bool {
        self.0[fault as usize / 64] & 1 << (fault as usize % 64) != 0
    }

    const fn with(mut self, fault: Fault) -> Self {
        self.0[fault as usize / 64] |= 1 << (fault as usize % 64);
        self
    }
}

/// A switch that selects one mistake, or none.
#[derive(Debug)]
pub(crate) struct Switch {
    fault: Option<Fault>,
    asked: Cell<Occasions>,
}

impl Switch {
    pub(crate) fn new(fault: Option<Fault>) -> Self {
        Self { fault, asked: Cell::default() }
    }

    /// Whether the endpoint makes this mistake now. Callers only ask where the mistake would change something.
    pub(crate) fn is(&self, fault: Fault) -> bool {
        self.asked.set(self.asked.get().with(fault));
        self.fault == Some(fault)
    }

    pub(crate) fn occasions(&self) -> Occasions {
        self.asked.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_that_of_the_variant_in_words() {
        for fault in Fault::ALL {
            let mut words = String::new();
            for letter in format!("{fault:?}").chars() {
                if letter.is_ascii_uppercase() && !words.is_empty() {
                    words.push('-');
                }
                words.push(letter.to_ascii_lowercase());
            }
            assert_eq!(fault.name(), words);
            assert_eq!(fault.name().parse(), Ok(*fault));
        }
    }

    #[test]
    fn each_mistake_is_one_of_at_least_one_side_and_is_said_in_one_sentence() {
        for fault in Fault::ALL {
            assert!(fault.is_for(Side::Server) || fault.is_for(Side::Client), "{fault:?}");
            assert!(fault.mistake().ends_with('.'), "{fault:?}");
        }
    }
}
