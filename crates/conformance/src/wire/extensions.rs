//! The syntax of `Sec-WebSocket-Extensions` (RFC 6455 §9.1).

use super::http::{is_token, is_token_byte};

/// One element of the list: an extension that is offered or accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extension {
    pub(crate) name: String,
    /// Names and values, in order. A quoted value is stored unescaped.
    pub(crate) params: Vec<(String, Option<String>)>,
}

/// The extensions in all lines of the field, in order; none if there is no such line. The error says what is wrong.
pub(crate) fn extensions<'v>(
    values: impl Iterator<Item = &'v str>,
) -> Result<Vec<Extension>, String> {
    let mut list = Vec::new();
    let mut lines = 0;
    for value in values {
        lines += 1;
        list_of(value, &mut list).ok_or_else(|| {
            format!("its Sec-WebSocket-Extensions `{value}` is malformed (RFC 6455 §9.1)")
        })?;
    }
    if lines > 0 && list.is_empty() {
        // "extension-list = 1#extension"
        return Err("its Sec-WebSocket-Extensions is empty (RFC 6455 §9.1)".into());
    }
    Ok(list)
}

/// Appends the elements of one value. `None` if it is malformed. Empty elements are ignored (RFC 9110 §5.6.1.2).
fn list_of(value: &str, list: &mut Vec<Extension>) -> Option<()> {
    let mut rest = Rest(value);
    loop {
        if rest.eat(',') {
            continue;
        }
        if rest.0.is_empty() {
            return Some(());
        }
        let mut extension = Extension { name: rest.token()?.into(), params: Vec::new() };
        while rest.eat(';') {
            let name = rest.token()?.to_owned();
            let value = if rest.eat('=') { Some(rest.value()?) } else { None };
            extension.params.push((name, value));
        }
        list.push(extension);
        if !rest.0.is_empty() && !rest.0.starts_with(',') {
            return None;
        }
    }
}

/// The rest of a value that is not read yet. Whitespace is allowed between all parts ("implied
/// *LWS").
struct Rest<'v>(&'v str);

impl<'v> Rest<'v> {
    fn skip_space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    fn eat(&mut self, letter: char) -> bool {
        self.skip_space();
        let found = self.0.strip_prefix(letter);
        self.0 = found.unwrap_or(self.0);
        self.skip_space();
        found.is_some()
    }

    fn token(&mut self) -> Option<&'v str> {
        self.skip_space();
        let end = self.0.bytes().position(|byte| !is_token_byte(byte)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        self.skip_space();
        (!token.is_empty()).then_some(token)
    }

    /// "token | quoted-string"; "the value after quoted-string unescaping MUST conform to the 'token' ABNF".
    fn value(&mut self) -> Option<String> {
        let Some(mut inner) = self.0.strip_prefix('"').map(str::chars) else {
            return self.token().map(Into::into);
        };
        let mut value = String::new();
        loop {
            match inner.next()? {
                '"' => break,
                '\\' => value.push(inner.next()?),
                letter => value.push(letter),
            }
        }
        self.0 = inner.as_str();
        self.skip_space();
        is_token(&value).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<String> {
        let list = extensions([value].into_iter()).ok()?;
        let params = |extension: &Extension| {
            let of = |(name, value): &(String, Option<String>)| match value {
                Some(value) => format!(" {name}={value}"),
                None => format!(" {name}"),
            };
            extension.params.iter().map(of).collect::<String>()
        };
        Some(list.iter().map(|one| format!("[{}{}]", one.name, params(one))).collect())
    }

    #[test]
    fn lists_are_read_with_any_whitespace_and_with_quoted_values() {
        let read = |value| read(value).unwrap();
        assert_eq!(read("a"), "[a]");
        assert_eq!(read(" a ; b = 1 ;c , ,d;e=\"f\\g\"\t,"), "[a b=1 c][d e=fg]");
        assert_eq!(read("a, a;b;b"), "[a][a b b]");
    }

    #[test]
    fn malformed_lists_are_refused() {
        for value in [
            "",
            " , ",
            "a;",
            "a;;b",
            "a; =1",
            "a; b=",
            "a b",
            "a; b=\"",
            "a; b=\"c d\"",
            "a; b=\"\"",
            "\"a\"",
            "a/b",
        ] {
            assert_eq!(read(value), None, "{value}");
        }
    }

    #[test]
    fn without_the_field_there_are_no_extensions() {
        assert_eq!(extensions(std::iter::empty()), Ok(Vec::new()));
    }
}
