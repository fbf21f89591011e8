//! A recorded conversation: what the peer sends, and what an image must send.
//!
//! Lines that begin with `>` are the peer's, those with `<` the image's. Bytes are in hexadecimal, or text in quotes, with
//! the escapes `\r` and `\n` as in Rust.

/// The bytes of both directions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Recording {
    /// What the peer sends.
    pub(super) input: Vec<u8>,
    /// What the image must send.
    pub(super) output: Vec<u8>,
}

impl Recording {
    /// # Errors
    /// The first line that cannot be parsed.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut recording = Self::default();
        for line in text.lines().map(str::trim) {
            let (direction, bytes) = match line.split_at_checked(1) {
                None | Some(("#", _)) => continue,
                Some((">", bytes)) => (&mut recording.input, bytes),
                Some(("<", bytes)) => (&mut recording.output, bytes),
                Some(_) => return Err(line.to_owned()),
            };
            read_bytes(bytes, direction).ok_or_else(|| line.to_owned())?;
        }
        Ok(recording)
    }
}

fn read_bytes(line: &str, to: &mut Vec<u8>) -> Option<()> {
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        rest = if first == '"' {
            let (text, after) = rest.get(1..)?.split_once('"')?;
            to.extend_from_slice(text.replace("\\r", "\r").replace("\\n", "\n").as_bytes());
            after
        } else {
            let (pair, after) = rest.split_at_checked(2)?;
            to.push(u8::from_str_radix(pair, 16).ok()?);
            after
        };
        rest = rest.trim_start();
    }
    Some(())
}
