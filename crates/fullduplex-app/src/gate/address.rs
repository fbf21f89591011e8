//! The client's address: as a proxy names it, and the network under which it is counted.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

/// The header field in which a proxy names the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum Forwarding {
    /// No field: the client is the peer of the TCP connection.
    #[default]
    None,
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// `X-Forwarded-For`, a list of addresses.
    XForwardedFor,
}

impl Forwarding {
    /// The name of the field.
    pub(super) const fn field(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Forwarded => Some("forwarded"),
            Self::XForwardedFor => Some("x-forwarded-for"),
        }
    }

    /// The client's address in the values of the field. Each proxy appends the address that connected to it. So the client
    /// is the last address which is no trusted proxy, and anything before it may be the client's invention. If all are
    /// trusted proxies, it is the first. `None` if there is no element, or if one that was read is no address.
    pub(super) fn client<'v>(
        self,
        values: impl IntoIterator<Item = &'v str>,
        trusts: impl Fn(IpAddr) -> bool,
    ) -> Option<IpAddr> {
        let values = values.into_iter();
        let addresses: Vec<Option<IpAddr>> = match self {
            Self::None => Vec::new(),
            Self::Forwarded => values.flat_map(forwarded).collect(),
            Self::XForwardedFor => {
                values.flat_map(|value| value.split(',')).map(|text| address(text.trim())).collect()
            }
        };
        let mut last = None;
        for address in addresses.into_iter().rev() {
            let address = address?;
            last = Some(address);
            if !trusts(address) {
                break;
            }
        }
        last
    }
}

/// The addresses in a value of `Forwarded`, one for each element. A value that breaks RFC 7239 §4 has no address: where its
/// elements begin is unknown, and a client must not be able to start one inside a quoted string.
fn forwarded(value: &str) -> Vec<Option<IpAddr>> {
    match elements(value) {
        // "unknown" and obfuscated identifiers (RFC 7239 §6) are no addresses.
        Some(nodes) => nodes.into_iter().map(|node| address(&node?)).collect(),
        None => vec![None],
    }
}

/// The parameter `for` of each element. RFC 7239 §4: `Forwarded = 1#forwarded-element`, `forwarded-element = [
/// forwarded-pair ] *( ";" [ forwarded-pair ] )`, `forwarded-pair = token "=" value`, `value = token / quoted-string`.
fn elements(value: &str) -> Option<Vec<Option<String>>> {
    let mut elements = Vec::new();
    let (mut node, mut is_empty) = (None, true);
    let mut rest = value;
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with([';', ',']) {
            let (name, after) = token(rest)?;
            let (text, after) = pair_value(after.strip_prefix('=')?)?;
            rest = after.trim_start_matches([' ', '\t']);
            is_empty = false;
            // "Each parameter MUST NOT occur more than once per field-value."
            if name.eq_ignore_ascii_case("for") && node.replace(text).is_some() {
                return None;
            }
        }
        match rest.chars().next() {
            Some(';') => {}
            // An empty element of a list counts for nothing (RFC 9110 §5.6.1.2).
            separator => {
                if !is_empty {
                    elements.push(node.take());
                }
                is_empty = true;
                match separator {
                    Some(',') => {}
                    Some(_) => return None,
                    None => return Some(elements),
                }
            }
        }
        rest = &rest[1..];
    }
}

/// A token (RFC 9110 §5.6.2) and what follows it.
fn token(text: &str) -> Option<(&str, &str)> {
    let is_token = |sign: char| sign.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(sign);
    let end = text.find(|sign| !is_token(sign)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// A token or a quoted string (RFC 9110 §5.6.4), unquoted, and what follows it.
fn pair_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        return token(text).map(|(token, after)| (token.to_owned(), after));
    };
    let mut unquoted = String::new();
    let mut signs = quoted.char_indices();
    while let Some((at, sign)) = signs.next() {
        match sign {
            '"' => return Some((unquoted, &quoted[at + 1..])),
            '\\' => unquoted.push(signs.next()?.1),
            sign => unquoted.push(sign),
        }
    }
    None
}

/// An address, with a port or without. An IPv6 address may be in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

/// What is counted as one address: a whole IPv4 address, or the network of this many bits of an IPv6 address.
pub(super) fn prefix(address: IpAddr, ipv6_bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(_) => {
            IpNet::new(address, ipv6_bits.min(128)).map_or(address, |network| network.network())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_client_is_the_last_that_is_no_trusted_proxy() {
        let trusts = |address: IpAddr| ip("10.0.0.0") <= address && address <= ip("10.255.255.255");
        let client = |values: &[&str]| {
            Forwarding::XForwardedFor
                .client(values.iter().copied(), trusts)
                .map(|ip| ip.to_string())
        };
        assert_eq!(client(&["192.0.2.1"]).as_deref(), Some("192.0.2.1"));
        assert_eq!(client(&["6.6.6.6, 192.0.2.1, 10.0.0.7"]).as_deref(), Some("192.0.2.1"));
        assert_eq!(client(&["6.6.6.6", "192.0.2.1"]).as_deref(), Some("192.0.2.1"));
        assert_eq!(client(&["nonsense, 192.0.2.1"]).as_deref(), Some("192.0.2.1"));
        assert_eq!(client(&["10.0.0.9, 10.0.0.7"]).as_deref(), Some("10.0.0.9"));
        assert_eq!(client(&["192.0.2.1:4711"]).as_deref(), Some("192.0.2.1"));
        assert_eq!(client(&["[2001:db8::1]:4711"]).as_deref(), Some("2001:db8::1"));
        assert_eq!(client(&["[2001:db8::1]"]).as_deref(), Some("2001:db8::1"));
        assert_eq!(client(&["::ffff:192.0.2.1"]).as_deref(), Some("192.0.2.1"));
        for unreadable in [&[][..], &[""], &["unknown"], &["192.0.2.1, x"], &["192.0.2.1,"]] {
            assert_eq!(client(unreadable), None, "{unreadable:?}");
        }
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_has_it() {
        let client = |value: &str| {
            let trusts = |address: IpAddr| address == ip("203.0.113.43");
            Forwarding::Forwarded.client([value], trusts).map(|ip| ip.to_string())
        };
        assert_eq!(
            client("for=192.0.2.60;proto=http;by=203.0.113.43").as_deref(),
            Some("192.0.2.60")
        );
        assert_eq!(
            client("For=\"[2001:db8:cafe::17]:4711\"").as_deref(),
            Some("2001:db8:cafe::17")
        );
        assert_eq!(
            client("for=6.6.6.6, for=192.0.2.43, for=203.0.113.43").as_deref(),
            Some("192.0.2.43")
        );
        assert_eq!(client("for=unknown"), None);
        assert_eq!(client("for=_hidden, for=203.0.113.43"), None);
        assert_eq!(client("proto=http"), None);
        assert_eq!(client(""), None);
        // Quoted text starts no element and no parameter: the client chooses the host that it asks for.
        for quoted in
            ["for=192.0.2.60;host=\"a,for=6.6.6.6\"", "for=192.0.2.60;host=\"a;for=6.6.6.6\""]
        {
            assert_eq!(client(quoted).as_deref(), Some("192.0.2.60"), "{quoted}");
        }
        assert_eq!(
            client("host=\"\\\",for=6.6.6.6\";for=192.0.2.60").as_deref(),
            Some("192.0.2.60")
        );
        assert_eq!(
            client("for=192.0.2.1, , for=192.0.2.60 ; proto=http,").as_deref(),
            Some("192.0.2.60")
        );
        for malformed in [
            "for=192.0.2.60;for=6.6.6.6",
            "for=\"192.0.2.60",
            "for=192.0.2.60 6.6.6.6",
            "for 192.0.2.60",
            "for=",
            "=192.0.2.60",
            "for=[::1]",
        ] {
            assert_eq!(client(malformed), None, "{malformed}");
        }
    }

    #[test]
    fn addresses_of_one_customer_count_as_one() {
        assert_eq!(prefix(ip("2001:db8:1:2:3:4:5:6"), 64), ip("2001:db8:1:2::"));
        assert_eq!(prefix(ip("2001:db8:1:2:3:4:5:6"), 200), ip("2001:db8:1:2:3:4:5:6"));
        assert_eq!(prefix(ip("192.0.2.1"), 64), ip("192.0.2.1"));
    }
}
