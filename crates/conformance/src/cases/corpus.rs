//! Payloads to compress, of five kinds. They are generated, always the same, and compress about as well as real data does.

use std::sync::{Arc, LazyLock};

/// The kind of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Corpus {
    /// Records that repeat the same names.
    Json,
    /// Grey values that change little from one to the next.
    Picture,
    /// Words.
    Prose,
    /// Words between tags.
    Html,
    /// Data that cannot be compressed.
    Packed,
}

/// The amount of data of each kind: twice the largest message, so that no two successive messages
/// are alike.
const LEN: usize = 256 << 10;

const WORDS: [&str; 64] = [
    "und",
    "der",
    "die",
    "das",
    "ich",
    "nicht",
    "ein",
    "zu",
    "in",
    "ist",
    "er",
    "sie",
    "es",
    "mit",
    "sich",
    "so",
    "wie",
    "auf",
    "den",
    "dem",
    "ihr",
    "mir",
    "mich",
    "was",
    "Welt",
    "Geist",
    "Herz",
    "Leben",
    "Natur",
    "Himmel",
    "Erde",
    "Wort",
    "Sinn",
    "Kraft",
    "Tat",
    "Nacht",
    "Tag",
    "Licht",
    "Stunde",
    "Freund",
    "Teufel",
    "Herr",
    "Gott",
    "Mensch",
    "Streben",
    "irren",
    "solang",
    "strebt",
    "grau",
    "Theorie",
    "grün",
    "goldner",
    "Baum",
    "schön",
    "Augenblick",
    "verweile",
    "doch",
    "wär",
    "könnt",
    "müßt",
    "drum",
    "hab",
    "nun",
    "ach",
];

impl Corpus {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Picture => "a picture",
            Self::Prose => "prose",
            Self::Html => "HTML",
            Self::Packed => "compressed already",
        }
    }

    pub(super) const fn is_binary(self) -> bool {
        !matches!(self, Self::Json | Self::Html)
    }

    pub(super) fn data(self) -> Arc<Vec<u8>> {
        static DATA: LazyLock<[Arc<Vec<u8>>; 5]> = LazyLock::new(|| {
            [Corpus::Json, Corpus::Picture, Corpus::Prose, Corpus::Html, Corpus::Packed]
                .map(|corpus| Arc::new(corpus.make()))
        });
        DATA[self as usize].clone()
    }

    /// The payload of message `number`, which is `len` bytes of the data; the data repeats at its
    /// end.
    pub(super) fn part(self, data: &[u8], number: usize, len: usize) -> Vec<u8> {
        let begin = number * len % data.len();
        let mut part = Vec::with_capacity(len);
        let mut rest = &data[begin..];
        while part.len() < len {
            part.extend_from_slice(&rest[..rest.len().min(len - part.len())]);
            rest = data;
        }
        if !self.is_binary() {
            // Text is ASCII, so that it can be cut anywhere.
            debug_assert!(part.is_ascii());
        }
        if let Some(first) = part.first_mut()
            && self == Self::Packed
        {
            *first = number as u8;
        }
        part
    }

    fn make(self) -> Vec<u8> {
        let mut random = fastrand::Rng::with_seed(self as u64 + 1);
        let mut data: Vec<u8> = Vec::with_capacity(LEN + 256);
        let mut grey = 128u8;
        while data.len() < LEN {
            let word = WORDS[random.usize(..WORDS.len())];
            match self {
                Self::Json => data.extend(
                    format!(
                        "{{\"id\":{},\"name\":\"{}\",\"value\":{:.3},\"flags\":[{},{}],\"text\":\"{} {}\"}},\n",
                        random.u32(..),
                        WORDS[random.usize(24..49)],
                        random.f64() * 1000.0,
                        random.bool(),
                        random.bool(),
                        WORDS[random.usize(24..49)],
                        WORDS[random.usize(24..49)],
                    )
                    .bytes(),
                ),
                Self::Picture => {
                    grey = grey.wrapping_add(random.u8(..7)).wrapping_sub(3);
                    data.push(grey);
                }
                Self::Prose => {
                    data.extend(word.bytes());
                    data.push(if random.u8(..9) == 0 { b'\n' } else { b' ' });
                }
                Self::Html => data.extend(
                    format!(
                        "<tr class=\"row-{}\"><td><a href=\"/item/{}\">{}</a></td><td>{}</td></tr>\n",
                        random.u8(..2),
                        random.u16(..),
                        WORDS[random.usize(24..49)],
                        WORDS[random.usize(24..49)],
                    )
                    .bytes(),
                ),
                Self::Packed => data.push(random.u8(..)),
            }
        }
        data.truncate(LEN);
        data
    }
}
