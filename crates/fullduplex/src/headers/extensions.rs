//! Reads `Sec-WebSocket-Extensions` values in one pass, without allocation (RFC 6455 §9.1).

use core::fmt;

use super::token::is_token_byte;

/// One element of a `Sec-WebSocket-Extensions` list (RFC 6455 §9.1): a name and its parameters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Extension<'a> {
    /// A token.
    name: &'a [u8],
    /// The parameters, each with the semicolon before it. They were checked.
    params: &'a [u8],
}

impl<'a> Extension<'a> {
    /// The extension's name, such as `permessage-deflate`.
    #[must_use]
    pub fn name(&self) -> &'a str {
        text(self.name)
    }

    /// The parameters in order. A name may come twice; the extension defines what that means.
    #[must_use]
    pub const fn params(&self) -> ExtensionParams<'a> {
        ExtensionParams { rest: self.params }
    }
}

impl fmt::Debug for Extension<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name(), self.params.escape_ascii())
    }
}

/// One parameter of an extension: a name and, where there is one, a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtensionParam<'a> {
    /// The parameter's name, such as `client_max_window_bits`.
    pub name: &'a str,
    /// The value after the equals sign, or `None` if the parameter is only a name.
    pub value: Option<ParamValue<'a>>,
}

/// The value of an extension parameter: a token, which may have been quoted (RFC 6455 §9.1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ParamValue<'a> {
    /// The value without its quotation marks, but with its backslashes.
    raw: &'a str,
}

impl<'a> ParamValue<'a> {
    /// The characters of the value without the backslashes. There is at least one.
    pub fn chars(&self) -> impl Iterator<Item = char> + Clone + use<'a> {
        // An escaped character must be a token character, and a backslash is not one.
        self.raw.chars().filter(|&character| character != '\\')
    }
}

impl PartialEq<str> for ParamValue<'_> {
    fn eq(&self, other: &str) -> bool {
        self.chars().eq(other.chars())
    }
}

impl fmt::Display for ParamValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chars().try_for_each(|character| fmt::Write::write_char(f, character))
    }
}

impl fmt::Debug for ParamValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A `Sec-WebSocket-Extensions` value does not follow the grammar of RFC 6455 §9.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MalformedExtension;

impl fmt::Display for MalformedExtension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Sec-WebSocket-Extensions value is not a list of names and parameters")
    }
}

impl core::error::Error for MalformedExtension {}

/// Reads one `Sec-WebSocket-Extensions` value, element by element, in one pass (RFC 6455 §9.1).
///
/// Empty elements are skipped. At the first fault the iterator yields [`MalformedExtension`] and
/// ends.
#[must_use]
pub const fn extensions(value: &[u8]) -> ExtensionList<'_> {
    ExtensionList { rest: value }
}

/// The iterator that [`extensions`] returns.
#[derive(Clone, Debug)]
pub struct ExtensionList<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for ExtensionList<'a> {
    type Item = Result<Extension<'a>, MalformedExtension>;

    fn next(&mut self) -> Option<Self::Item> {
        while let [b',' | b' ' | b'\t', tail @ ..] = self.rest {
            self.rest = tail;
        }
        if self.rest.is_empty() {
            return None;
        }
        let element = take_extension(&mut self.rest);
        if element.is_none() {
            self.rest = &[];
        }
        Some(element.ok_or(MalformedExtension))
    }
}

impl core::iter::FusedIterator for ExtensionList<'_> {}

/// The iterator that [`Extension::params`] returns.
#[derive(Clone, Debug)]
pub struct ExtensionParams<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for ExtensionParams<'a> {
    type Item = ExtensionParam<'a>;

    fn next(&mut self) -> Option<ExtensionParam<'a>> {
        let (name, value) = take_param(&mut self.rest)??;
        let value = value.map(|raw| ParamValue { raw: text(raw) });
        Some(ExtensionParam { name: text(name), value })
    }
}

impl core::iter::FusedIterator for ExtensionParams<'_> {}

/// "extension = extension-token *( ";" extension-param )", up to the comma or the end.
fn take_extension<'a>(rest: &mut &'a [u8]) -> Option<Extension<'a>> {
    let name = take_token(rest)?;
    let params = *rest;
    while take_param(rest)?.is_some() {}
    let params = params.get(..params.len().saturating_sub(rest.len()))?;
    matches!(rest, [] | [b',', ..]).then_some(Extension { name, params })
}

/// A parameter's name, and its value with its backslashes but without its quotation marks.
type RawParam<'a> = (&'a [u8], Option<&'a [u8]>);

/// "extension-param = token [ "=" (token | quoted-string) ]" with the semicolon before it.
/// `None` means that the parameter is malformed, and `Some(None)` that no further parameter follows.
fn take_param<'a>(rest: &mut &'a [u8]) -> Option<Option<RawParam<'a>>> {
    if !take_byte(rest, b';') {
        return Some(None);
    }
    let name = take_token(rest)?;
    if !take_byte(rest, b'=') {
        return Some(Some((name, None)));
    }
    let value = if take_byte(rest, b'"') { take_quoted(rest)? } else { take_token(rest)? };
    Some(Some((name, Some(value))))
}

/// Skips white space, and takes the next byte if it is `byte`.
fn take_byte(rest: &mut &[u8], byte: u8) -> bool {
    skip_white_space(rest);
    match rest {
        [first, tail @ ..] if *first == byte => {
            *rest = tail;
            true
        }
        _ => false,
    }
}

fn take_token<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    skip_white_space(rest);
    let length = rest.iter().position(|&byte| !is_token_byte(byte)).unwrap_or(rest.len());
    let (token, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    skip_white_space(rest);
    (!token.is_empty()).then_some(token)
}

/// Takes a quoted string and its closing quotation mark. The opening one has been taken.
fn take_quoted<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let whole = *rest;
    let mut tail = whole;
    loop {
        tail = match tail {
            [b'"', after @ ..] => {
                let raw = whole.get(..whole.len().saturating_sub(tail.len()))?;
                *rest = after;
                skip_white_space(rest);
                return (!raw.is_empty()).then_some(raw);
            }
            // "The value after quoted-string unescaping MUST conform to the 'token' ABNF."
            [b'\\', byte, after @ ..] | [byte, after @ ..] if is_token_byte(*byte) => after,
            _ => return None,
        };
    }
}

fn skip_white_space(rest: &mut &[u8]) {
    while let [b' ' | b'\t', tail @ ..] = rest {
        *rest = tail;
    }
}

/// Checked bytes as text. They are token characters and backslashes, so they are ASCII.
fn text(checked: &[u8]) -> &str {
    debug_assert!(checked.is_ascii(), "{checked:?} was not checked");
    // To convert them earlier would cost a check of UTF-8 for every offer, and most servers do not read most of them.
    core::str::from_utf8(checked).unwrap_or_default()
}
