//! Rules that are tested by cases in several files.

use crate::case::Rule;

pub(super) const UNKNOWN_OPCODE: Rule = Rule::must(
    "RFC 6455 §5.2",
    "If an unknown opcode is received, the receiving endpoint MUST _Fail the WebSocket Connection_.",
);
pub(super) const CONTROL: Rule = Rule::must(
    "RFC 6455 §5.5",
    "All control frames MUST have a payload length of 125 bytes or less and MUST NOT be fragmented.",
);
pub(super) const UNSOLICITED: Rule = Rule::must(
    "RFC 6455 §5.5.3",
    "A Pong frame MAY be sent unsolicited. A response to an unsolicited Pong frame is not expected.",
);
pub(super) const UTF8: Rule = Rule::must(
    "RFC 6455 §8.1",
    "When an endpoint is to interpret a byte stream as UTF-8 but finds that the byte stream is not, in fact, a valid \
     UTF-8 stream, that endpoint MUST _Fail the WebSocket Connection_.",
);
pub(super) const WHOLE_UTF8: Rule = Rule::must(
    "RFC 6455 §5.6",
    "A particular text frame might include a partial UTF-8 sequence; however, the whole message MUST contain valid UTF-8.",
);
pub(super) const ANSWER: Rule = Rule::must(
    "RFC 6455 §5.5.1",
    "If an endpoint receives a Close frame and did not previously send a Close frame, the endpoint MUST send a Close \
     frame in response.",
);
pub(super) const SEGMENTS: Rule = Rule::must(
    "RFC 9293 §2.2",
    "TCP provides a byte stream: how it is cut into segments means nothing.",
);
pub(super) const FRAGMENTS: Rule = Rule::must(
    "RFC 6455 §5.4",
    "A fragmented message consists of a single frame with the FIN bit clear and an opcode other than 0, followed by zero \
     or more frames with the FIN bit clear and the opcode set to 0, and terminated by a single frame with the FIN bit set \
     and an opcode of 0.",
);
pub(super) const BETWEEN: Rule = Rule::must(
    "RFC 6455 §5.4",
    "Control frames MAY be injected in the middle of a fragmented message. An endpoint MUST be capable of handling \
     control frames in the middle of a fragmented message.",
);
pub(super) const AFTER_CLOSE: Rule = Rule::must(
    "RFC 6455 §1.4",
    "After receiving a control frame indicating the connection should be closed, a peer discards any further data \
     received.",
);
pub(super) const STOP: Rule = Rule::must(
    "RFC 6455 §7.1.7",
    "An endpoint MUST NOT continue to attempt to process data from the remote endpoint after being instructed to _Fail \
     the WebSocket Connection_.",
);
pub(super) const LIST: Rule = Rule::must(
    "RFC 9110 §5.6.1.2",
    "A recipient MUST parse and ignore a reasonable number of empty list elements; §5.3: several lines of a field are \
     one list.",
);
pub(super) const HEAD: Rule = Rule::must(
    "RFC 9112 §2.1",
    "A message is a start-line, field lines that each end with CRLF, and an empty line: how TCP cuts it into parts means \
     nothing.",
);
pub(super) const BARE_LF: Rule = Rule::may(
    "RFC 9112 §2.2",
    "Although the line terminator is the sequence CRLF, a recipient MAY recognize a single LF as a line terminator.",
);
pub(super) const BARE_CR: Rule = Rule::must(
    "RFC 9112 §2.2",
    "A recipient of a bare CR MUST consider that element to be invalid or replace each bare CR with SP: it does not end a \
     line.",
);
pub(super) const NUL: Rule = Rule::must(
    "RFC 9110 §5.5",
    "A recipient of CR, LF, or NUL within a field value MUST either reject the message or replace each of those characters \
     with SP.",
);
pub(super) const ACCEPT_ONCE: Rule = Rule::must(
    "RFC 6455 §11.3.3",
    "The Sec-WebSocket-Accept header field MUST NOT appear more than once in an HTTP response.",
);
pub(super) const KEY_ONCE: Rule = Rule::must(
    "RFC 6455 §11.3.1",
    "The Sec-WebSocket-Key header field MUST NOT appear more than once in an HTTP request.",
);
pub(super) const SUBPROTOCOL_NOT_ASKED: Rule = Rule::must(
    "RFC 6455 §4.1",
    "If the response indicates the use of a subprotocol that was not present in the client's handshake, the client MUST \
     _Fail the WebSocket Connection_.",
);
pub(super) const EXTENSION_NOT_OFFERED: Rule = Rule::must(
    "RFC 6455 §4.1",
    "If the response indicates the use of an extension that was not present in the client's handshake, the client MUST \
     _Fail the WebSocket Connection_.",
);
pub(super) const QUOTED: Rule = Rule::must(
    "RFC 6455 §9.1",
    "extension-param = token [ \"=\" (token | quoted-string) ]: a quoted value means what it means without the quotes.",
);
pub(super) const WHITESPACE: Rule = Rule::must(
    "RFC 6455 §9.1",
    "Note that this section is using ABNF syntax from RFC 2616, including the \"implied *LWS rule\".",
);
pub(super) const NAME_CASE: Rule = Rule::info(
    "RFC 6455 §9.1",
    "Any extension-token used MUST be a registered token; nothing says that its case means nothing.",
);
pub(super) const MALFORMED: Rule = Rule::must(
    "RFC 6455 §9.1",
    "If a value is received during negotiation that does not conform to the ABNF, the recipient of such malformed data MUST \
     immediately _Fail the WebSocket Connection_.",
);
pub(super) const GRAMMAR: Rule = Rule::should(
    "RFC 9112 §2.2",
    "When a server receives a sequence of octets that does not match the HTTP-message grammar, the server SHOULD respond \
     with a 400 (Bad Request) response and close the connection.",
);
