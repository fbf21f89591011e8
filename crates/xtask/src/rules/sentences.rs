//! The sentences of the RFCs that demand something, and the search for the sentence that a
//! quotation is from.
//!
//! A quotation matches a sentence if its pieces, which are separated by `...`, occur in it literally and in this order. It
//! covers the words that it repeats. A sentence is covered if all of its key words are covered. So a row proves nothing
//! about a clause that it does not quote.

/// The fewest words of a quotation that is not a whole sentence. Shorter ones would match too many sentences.
const FEWEST_WORDS: usize = 5;

/// The fewest words of a piece that covers something. A key word alone is not enough.
const FEWEST_TOGETHER: usize = 3;

/// The RFCs, each with its file of sentences.
const LISTS: [(u32, &str); 3] = [
    (6455, include_str!("rfc6455.txt")),
    (7692, include_str!("rfc7692.txt")),
    (8441, include_str!("rfc8441.txt")),
];

/// A section number, which is compared number by number.
pub(super) type Section = Vec<u32>;

/// One sentence of an RFC.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sentence {
    pub(super) rfc: u32,
    pub(super) section: Section,
    /// The sentence, or a summary in our words.
    pub(super) text: String,
    /// Whether the words are the RFC's.
    pub(super) is_literal: bool,
    words: Vec<String>,
}

/// All sentences of the lists.
///
/// # Errors
/// One sentence for each line that is not a sentence of an RFC, or is in the wrong place.
pub(super) fn all() -> Result<Vec<Sentence>, Vec<String>> {
    let mut sentences = Vec::new();
    let mut complaints = Vec::new();
    for (rfc, list) in LISTS {
        match parse(rfc, list) {
            Ok(more) => sentences.extend(more),
            Err(more) => complaints.extend(more),
        }
    }
    if complaints.is_empty() { Ok(sentences) } else { Err(complaints) }
}

/// Parses a list. A line has `§`, the section, a space and the sentence; lines that begin with `#` are comments. A line that
/// begins with `~` has a sentence in our words.
pub(super) fn parse(rfc: u32, list: &str) -> Result<Vec<Sentence>, Vec<String>> {
    let mut sentences: Vec<Sentence> = Vec::new();
    let mut complaints = Vec::new();
    for (number, line) in list.lines().enumerate().map(|(at, line)| (at + 1, line)) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut complain = |what: &str| complaints.push(format!("rfc{rfc}.txt:{number}: {what}"));
        let Some((section, text)) = line.split_once(' ') else {
            complain("no space behind the section");
            continue;
        };
        let Some(section) = read_section(section) else {
            complain("the line does not begin with a section");
            continue;
        };
        let (text, is_literal) =
            text.strip_prefix('~').map_or((text, true), |paraphrase| (paraphrase, false));
        let sentence = Sentence { rfc, section, text: text.into(), is_literal, words: words(text) };
        if sentence.words.is_empty() || text.contains('"') {
            complain("no sentence without double quotation marks");
        }
        if let Some(last) = sentences.last()
            && sentence.section < last.section
        {
            complain("its section comes before the one above");
        }
        if sentences.contains(&sentence) {
            complain("the sentence is there already");
        }
        sentences.push(sentence);
    }
    if complaints.is_empty() { Ok(sentences) } else { Err(complaints) }
}

/// `§`, and numbers with dots between them.
pub(super) fn read_section(text: &str) -> Option<Section> {
    text.strip_prefix('§')?.split('.').map(section_part).collect()
}

fn section_part(part: &str) -> Option<u32> {
    let is_number = !part.starts_with('0') && part.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { part.parse().ok() } else { None }
}

/// The section as an RFC writes it, such as `5.5.1`.
pub(super) fn dotted(section: &[u32]) -> String {
    section.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
}

impl Sentence {
    /// Which of its words the quotation repeats; `None` if it does not match this sentence.
    fn covered_by(&self, quotation: &Quotation) -> Option<Vec<bool>> {
        let mut covered = vec![false; self.words.len()];
        let mut begin = 0;
        for piece in &quotation.pieces {
            let rest = self.words.get(begin..)?;
            begin += rest.windows(piece.len()).position(|window| window == piece)?;
            let covers = piece.len() >= FEWEST_TOGETHER;
            covered.get_mut(begin..begin + piece.len())?.fill(covers);
            begin += piece.len();
        }
        let count: usize = quotation.pieces.iter().map(Vec::len).sum();
        (count >= FEWEST_WORDS.min(self.words.len())).then_some(covered)
    }

    /// Whether enough words are covered: all of its key words, or any word if it has no key word in capitals.
    fn is_covered(&self, covered: &[bool]) -> bool {
        let mut of_key_words = self.key_words().map(|at| covered.get(at) == Some(&true)).peekable();
        match of_key_words.peek() {
            Some(_) => of_key_words.all(|covered| covered),
            None => covered.contains(&true),
        }
    }

    /// The positions of its key words (RFC 2119 §1 to §4).
    fn key_words(&self) -> impl Iterator<Item = usize> {
        let before = |at: usize| at.checked_sub(1).and_then(|before| self.words.get(before));
        let is_verb = |word: &str| matches!(word, "MUST" | "SHALL" | "SHOULD");
        self.words.iter().enumerate().filter_map(move |(at, word)| {
            let negates = word == "NOT" && before(at).is_some_and(|word| is_verb(word));
            let is_key_word = is_verb(word) || matches!(&**word, "REQUIRED" | "RECOMMENDED");
            (is_key_word || negates).then_some(at)
        })
    }
}

/// What a row quotes of a sentence.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Quotation {
    pieces: Vec<Vec<String>>,
}

impl Quotation {
    /// The quotations in a text: the parts in double quotation marks. `None` if a quotation mark is missing.
    pub(super) fn all_of(text: &str) -> Option<Vec<Self>> {
        let parts: Vec<&str> = text.split('"').collect();
        (!parts.len().is_multiple_of(2))
            .then(|| parts.into_iter().skip(1).step_by(2).map(Self::new).collect())
    }

    fn new(text: &str) -> Self {
        let pieces = text.split("...").map(words).filter(|piece| !piece.is_empty());
        Self { pieces: pieces.collect() }
    }

    /// The number of the one sentence that it matches.
    fn origin(&self, sentences: &[Sentence], rfc: u32, section: &[u32]) -> Result<usize, Origin> {
        let of_section = |sentence: &&Sentence| sentence.rfc == rfc && sentence.section == section;
        let sentences = sentences.iter().enumerate().filter(|(_, it)| of_section(it));
        let mut found = sentences.filter(|(_, it)| it.covered_by(self).is_some());
        match (found.next(), found.next()) {
            (Some((at, _)), None) => Ok(at),
            (None, _) => Err(Origin::Nowhere),
            (Some(_), Some(_)) => Err(Origin::Several),
        }
    }
}

impl std::fmt::Display for Quotation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pieces: Vec<String> = self.pieces.iter().map(|piece| piece.join(" ")).collect();
        f.write_str(&pieces.join(" ... "))
    }
}

/// Why a quotation has no sentence.
enum Origin {
    Nowhere,
    Several,
}

/// Which words of each sentence are covered.
#[derive(Debug)]
pub(super) struct Coverage<'s> {
    sentences: &'s [Sentence],
    covered: Vec<Vec<bool>>,
}

impl<'s> Coverage<'s> {
    pub(super) fn new(sentences: &'s [Sentence]) -> Self {
        let covered = sentences.iter().map(|it| vec![false; it.words.len()]).collect();
        Self { sentences, covered }
    }

    /// Adds what a quotation covers. Returns its sentence.
    ///
    /// # Errors
    /// Why it matches no sentence, as the rest of a sentence.
    pub(super) fn add(
        &mut self,
        quotation: &Quotation,
        rfc: u32,
        section: &[u32],
    ) -> Result<&'s Sentence, String> {
        let at = quotation.origin(self.sentences, rfc, section).map_err(|why| {
            let place = format!("of RFC {rfc} §{}", dotted(section));
            match why {
                Origin::Nowhere => format!(
                    "no sentence {place} says, in {FEWEST_WORDS} words or more: {quotation}"
                ),
                Origin::Several => format!("several sentences {place} say: {quotation}"),
            }
        })?;
        let sentence = &self.sentences[at];
        let words = sentence.covered_by(quotation).unwrap_or_default();
        for (sum, more) in self.covered[at].iter_mut().zip(words) {
            *sum |= more;
        }
        Ok(sentence)
    }

    /// The sentences with a key word that no row quotes.
    pub(super) fn lacking(&self) -> impl Iterator<Item = &'s Sentence> {
        let each = self.sentences.iter().zip(&self.covered);
        each.filter(|(sentence, covered)| !sentence.is_covered(covered))
            .map(|(sentence, _)| sentence)
    }
}

/// The words of a text, without punctuation. Text in brackets is left out: references such as `[RFC2616]`, and explanations
/// in a quotation.
fn words(text: &str) -> Vec<String> {
    let outside = text.split('[').enumerate().map(|(at, part)| match part.split_once(']') {
        Some((_, behind)) if at > 0 => behind,
        _ => part,
    });
    let is_sign = |sign| matches!(sign, '.' | ',' | ';' | ':' | '(' | ')');
    let words = outside.flat_map(str::split_whitespace).map(|word| word.trim_matches(is_sign));
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
