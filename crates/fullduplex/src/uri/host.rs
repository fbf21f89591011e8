//! The host of a URL: a name or an IP address, read and written as the URL standard does (§3.5 and §3.6).

#[cfg(feature = "alloc")]
use alloc::string::String;
use core::fmt::{self, Write};
use core::net::{Ipv4Addr, Ipv6Addr};

use super::error::UriError;

/// A parsed host. It is printed in its normal form, but a name keeps its case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Host<'a> {
    Name(&'a str),
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

impl<'a> Host<'a> {
    /// Reads a host in ASCII, with nothing percent-encoded.
    pub(super) fn parse(text: &'a str) -> Result<Self, UriError> {
        // "If input starts with U+005B ([), then: if input does not end with U+005D (]), return failure. Return the
        // result of IPv6 parsing input with its leading [ and trailing ] removed."
        if let Some(rest) = text.strip_prefix('[') {
            let address = rest.strip_suffix("]").and_then(|address| address.parse().ok());
            return address.map(Self::V6).ok_or(UriError::Host);
        }
        if text.is_empty() || !text.bytes().all(is_in_name) {
            return Err(UriError::Host);
        }
        // "If asciiDomain ends in a number, then return the result of IPv4 parsing asciiDomain."
        if ends_in_a_number(text) {
            return ipv4(text).map(Self::V4).ok_or(UriError::Host);
        }
        Ok(Self::Name(text))
    }

    /// Appends the normal form of the host, in lower case.
    #[cfg(feature = "alloc")]
    pub(super) fn append_to(&self, out: &mut String) {
        let begin = out.len();
        match self {
            Self::Name(name) => out.push_str(name),
            // Writing to a string cannot fail.
            address => _ = write!(out, "{address}"),
        }
        if let Some(host) = out.get_mut(begin..) {
            host.make_ascii_lowercase();
        }
    }

    /// Whether `text` is the normal form of this host, apart from the case of letters. The host must be parsed from
    /// `text`.
    pub(super) fn is_written_as(&self, text: &str) -> bool {
        let mut expected = Expected(text);
        matches!(self, Self::Name(_)) || write!(expected, "{self}").is_ok() && expected.0.is_empty()
    }
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(address) => address.fmt(f),
            // The standard library prints the last 32 bits of such an address as an IPv4 address; the URL standard does
            // not.
            Self::V6(address) if address.to_ipv4_mapped().is_some() => {
                let [.., high, low] = address.segments();
                write!(f, "[::ffff:{high:x}:{low:x}]")
            }
            Self::V6(address) => write!(f, "[{address}]"),
        }
    }
}

/// A writer that compares what is written with the expected text, and ignores the case of letters. It holds the part of
/// the text that is still expected.
struct Expected<'a>(&'a str);

impl Write for Expected<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        match self.0.split_at_checked(text.len()) {
            Some((head, rest)) if head.eq_ignore_ascii_case(text) => self.0 = rest,
            _ => return Err(fmt::Error),
        }
        Ok(())
    }
}

/// "reg-name = *( unreserved / pct-encoded / sub-delims )" (RFC 3986 §3.2.2): what a `Host` header may contain (RFC
/// 9110 §7.2). The URL standard allows four more characters: `"`, `` ` ``, `{` and `}`.
const fn is_in_name(byte: u8) -> bool {
    matches!(
        byte,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9'
            | b'-' | b'.' | b'_' | b'~'
            | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
    )
}

/// "If last is not the empty string and contains only ASCII digits, then return true. If parsing last as an IPv4
/// number does not return failure, then return true."
fn ends_in_a_number(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    // This searches bytes, because in so short a text a search for a character costs more.
    let last = match name.bytes().rposition(|byte| byte == b'.') {
        Some(dot) => name.get(dot + 1..).unwrap_or_default(),
        None => name,
    };
    ipv4_number(last.as_bytes()).is_some()
        || !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit())
}

/// One to four numbers with dots between them, and an optional dot at the end. The last number fills all remaining
/// bytes.
fn ipv4(name: &str) -> Option<Ipv4Addr> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let count = 1 + name.bytes().filter(|byte| *byte == b'.').count();
    // "If parts's size is greater than 4, return failure."
    let bits_of_last = 8 * (1 + 4_usize.checked_sub(count)?);
    let mut address = 0;
    for (index, part) in name.as_bytes().split(|byte| *byte == b'.').enumerate() {
        let number = ipv4_number(part)?;
        let (bits, shift) = if index + 1 == count {
            (bits_of_last, 0)
        } else {
            (8, 8 * 3_usize.checked_sub(index)?)
        };
        // "If any but the last item in numbers is greater than 255, then return failure. If the last item in numbers
        // is greater than or equal to 256^(5 − numbers's size), then return failure."
        if number >> bits != 0 {
            return None;
        }
        address |= number << shift;
    }
    u32::try_from(address).ok().map(Ipv4Addr::from)
}

/// A number in decimal, in hexadecimal after `0x`, or in octal after `0`. A number that is too large for an address
/// stays too large.
fn ipv4_number(text: &[u8]) -> Option<u64> {
    let (digits, radix) = match text {
        [] => return None,
        // "If input is the empty string, then return (0, true)": `0x` without digits is zero.
        [b'0', b'x' | b'X', digits @ ..] => (digits, 16),
        [b'0', digits @ ..] if !digits.is_empty() => (digits, 8),
        _ => (text, 10),
    };
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = u64::from(char::from(*digit).to_digit(radix)?);
        Some(number.saturating_mul(u64::from(radix)).saturating_add(digit))
    })
}
