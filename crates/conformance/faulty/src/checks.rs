//! Checks of a header, a text and a Close, each with the mistakes that accept what is wrong or refuse what is right.

use crate::deflate::Broken;
use crate::fault::{Fault, Side, Switch};
use crate::frame::{BINARY, CONTINUATION, Header, RSV1, TEXT};
use crate::utf8::Utf8;

/// Why the connection fails: the code of the Close (RFC 6455 §7.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure(pub(crate) u16);

pub(crate) const PROTOCOL: Failure = Failure(1002);
pub(crate) const NOT_UTF8: Failure = Failure(1007);
pub(crate) const TOO_LARGE: Failure = Failure(1009);

impl From<Broken> for Failure {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Stream => Self(1007),
            Broken::TooLarge => TOO_LARGE,
        }
    }
}

/// What happens to a frame whose header is valid, or is accepted by mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checked {
    Taken,
    /// Its payload is ignored.
    Skipped,
}

/// Checks of a header what does not depend on other frames.
pub(crate) fn check_header(
    header: &Header,
    side: Side,
    deflate: bool,
    switch: &Switch,
) -> Result<Checked, Failure> {
    // RFC 6455 §5.1: "The server MUST close the connection upon receiving a frame that is not masked."
    if side == Side::Server && header.key.is_none() && !switch.is(Fault::UnmaskedAccepted) {
        return Err(PROTOCOL);
    }
    // RFC 6455 §5.1: "A client MUST close a connection if it detects a masked frame."
    if side == Side::Client && header.key.is_some() && !switch.is(Fault::MaskedAccepted) {
        return Err(PROTOCOL);
    }
    // RFC 6455 §5.2: "the minimal number of bytes MUST be used to encode the length".
    if !header.minimal && !switch.is(Fault::NonMinimalLengthAccepted) {
        return Err(PROTOCOL);
    }
    // RFC 6455 §5.2: "the most significant bit MUST be 0".
    if header.len >> 63 != 0 {
        let accepted = switch.is(Fault::LengthTopBitAccepted);
        return if accepted { Ok(Checked::Skipped) } else { Err(PROTOCOL) };
    }
    check_rsv(header, deflate, switch)?;
    Ok(Checked::Taken)
}

/// RFC 6455 §5.2: a reserved bit that no extension defines fails the connection.
fn check_rsv(header: &Header, deflate: bool, switch: &Switch) -> Result<(), Failure> {
    // RFC 7692 §6: RSV1 belongs to the first frame of a message.
    let meant = if deflate && matches!(header.opcode, TEXT | BINARY) { RSV1 } else { 0 };
    let reserved = header.rsv & !meant;
    if reserved == 0
        || switch.is(Fault::RsvIgnored)
        || (reserved & RSV1 == 0 && switch.is(Fault::OnlyRsv1Checked))
        || (header.opcode & 8 != 0 && switch.is(Fault::RsvOfControlIgnored))
        || (deflate
            && (header.opcode, reserved) == (CONTINUATION, RSV1)
            && switch.is(Fault::Rsv1OnContinuationAccepted))
    {
        return Ok(());
    }
    Err(PROTOCOL)
}

#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) opcode: u8,
    pub(crate) compressed: bool,
    pub(crate) frames: usize,
    pub(crate) payload: Vec<u8>,
    pub(crate) text: Utf8,
}

impl Message {
    /// Checks the payload from this position, if it is text.
    pub(crate) fn check_text(&mut self, from: usize, switch: &Switch) -> Result<(), Failure> {
        if self.opcode != TEXT || self.text.push(&self.payload[from..], switch) {
            return Ok(());
        }
        // RFC 6455 §8.1: text that is not UTF-8 fails the connection.
        let goes_on = self.is_unchecked(switch)
            || switch.is(Fault::Utf8Late)
            || switch.is(Fault::Utf8AtEndOfFrame);
        if goes_on { Ok(()) } else { Err(NOT_UTF8) }
    }

    pub(crate) fn check_end_of_text(&self, switch: &Switch) -> Result<(), Failure> {
        if self.opcode != TEXT {
            return Ok(());
        }
        let invalid = self.text.is_invalid() && !self.is_unchecked(switch);
        // RFC 6455 §5.6: "the whole message MUST contain valid UTF-8".
        let unfinished = self.text.is_inside()
            && !switch.is(Fault::IncompleteLetterAccepted)
            && !self.is_unchecked(switch);
        let replaced = || self.payload.windows(3).any(|three| three == "\u{fffd}".as_bytes());
        if invalid || unfinished || (replaced() && switch.is(Fault::ReplacementRefused)) {
            return Err(NOT_UTF8);
        }
        Ok(())
    }

    fn is_unchecked(&self, switch: &Switch) -> bool {
        switch.is(Fault::Utf8Unchecked)
            || switch.is(Fault::Utf8Replaced)
            || (self.compressed && switch.is(Fault::CompressedTextUnchecked))
    }
}

/// The code for the reply to a Close (RFC 6455 §5.5.1, §7.4).
pub(crate) fn check_close(body: &[u8], switch: &Switch) -> Result<Option<u16>, Failure> {
    let Some((code, reason)) = body.split_first_chunk::<2>() else {
        if body.is_empty() {
            return Ok(switch.is(Fault::EmptyCloseAnsweredWith1005).then_some(1005));
        }
        let accepted = switch.is(Fault::OneByteCloseAccepted);
        return if accepted { Ok(Some(1000)) } else { Err(PROTOCOL) };
    };
    let code = u16::from_be_bytes(*code);
    match code {
        // RFC 6455 §7.4.1, and IANA's registry for 1012 to 1014.
        1000..=1003 | 1007..=1014 => {}
        3000..=4999 if switch.is(Fault::PrivateCloseCodeRefused) => return Err(PROTOCOL),
        3000..=4999 => {}
        _ if switch.is(Fault::InvalidCloseCodeAnswered) => {}
        _ if switch.is(Fault::InvalidCloseCodeAccepted) => return Ok(Some(1000)),
        _ => return Err(PROTOCOL),
    }
    if std::str::from_utf8(reason).is_err() && !switch.is(Fault::CloseReasonUnchecked) {
        return Err(NOT_UTF8);
    }
    if reason.len() == 123 && switch.is(Fault::LongestReasonRefused) {
        return Err(PROTOCOL);
    }
    Ok(Some(code))
}
