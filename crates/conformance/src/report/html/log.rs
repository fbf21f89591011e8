//! The wire log of a case on the page.

use maud::{Markup, html};

use crate::report::frames::{Part, decode};
use crate::report::hex::spaced;
use crate::report::value::{Tested, has_wire_files};
use crate::verdict::Outcome;
use crate::wirelog::{Entry, Party, What, WireLog};

/// How many characters of logs the page still has space for: a browser must open it quickly, even on a phone.
pub(super) struct Budget {
    /// For cases that are not OK.
    bad: usize,
    /// For the others.
    good: usize,
}

/// The number of characters for each of the two.
const LETTERS: usize = 1536 << 10;
/// The most characters of one log.
const MOST: usize = 32 << 10;

impl Default for Budget {
    fn default() -> Self {
        Self { bad: LETTERS, good: LETTERS }
    }
}

impl Budget {
    /// How much of a log is shown: more while there is much space, so that some is left for the last logs.
    fn extents(&self, is_ok: bool) -> &'static [Extent] {
        match self.bad {
            _ if is_ok => &[BEGINNING],
            left if left > LETTERS / 3 * 2 => &[FULL, LARGE, BEGINNING],
            left if left > LETTERS / 3 => &[LARGE, BEGINNING],
            _ => &[BEGINNING],
        }
    }

    /// Takes this number of characters, if there are enough and they are not too many for one log.
    fn take(&mut self, is_ok: bool, letters: usize) -> bool {
        let budget = if is_ok { &mut self.good } else { &mut self.bad };
        let left = budget.checked_sub(letters).filter(|_| letters <= MOST);
        *budget = left.unwrap_or(*budget);
        left.is_some()
    }
}

/// How much of a log is shown.
#[derive(Clone, Copy)]
struct Extent {
    entries: usize,
    /// The bytes of each entry.
    bytes: usize,
}

const FULL: Extent = Extent { entries: usize::MAX, bytes: usize::MAX };
const LARGE: Extent = Extent { entries: 40, bytes: 128 };
const BEGINNING: Extent = Extent { entries: 12, bytes: 32 };

pub(super) fn log(tested: &Tested, name: Option<String>, budget: &mut Budget) -> Markup {
    let outcome = &tested.outcome;
    let (wire, is_ok) = (&outcome.wire, outcome.is_ok());
    let extents = budget.extents(is_ok).iter();
    // A log that would be too long is not formatted at all.
    let size = kept(wire);
    let shown = extents
        .filter(|extent| size <= MOST || extent.bytes != usize::MAX)
        .map(|extent| (entries(outcome, *extent), extent.entries))
        .find(|(shown, _)| budget.take(is_ok, shown.0.len()));
    let left_out = match &shown {
        Some((_, entries)) => wire.entries().len().saturating_sub(*entries),
        None => wire.entries().len(),
    };
    html! {
        details.log open[!is_ok] {
            summary {
                "Wire log: " (wire.len(Party::Runner)) " bytes sent, " (wire.len(Party::Subject)) " received"
            }
            pre tabindex="0" {
                @if let Some((shown, _)) = shown { (shown) }
                @if left_out > 0 {
                    span.m {
                        (left_out) " more, not shown here"
                        @if has_wire_files(outcome) && name.is_some() { ": the files have all that was kept" }
                        "\n"
                    }
                 }
            }
            @if let Some(name) = name {
                p.files {
                    "Files: " a href=(format!("{name}.json")) { "JSON" }
                    @if has_wire_files(outcome) {
                        ", " a href=(format!("{name}.hex.txt")) { "hex" }
                        ", " a href=(format!("{name}.pcap")) { "pcap for Wireshark" }
                    }
                }
            }
        }
    }
}

/// How many bytes the log has kept.
fn kept(wire: &WireLog) -> usize {
    let bytes = wire.entries().iter().map(|entry| match &entry.what {
        What::Bytes { kept, .. } => kept.len(),
        What::End | What::Reset => 0,
    });
    bytes.sum()
}

/// The entries of a log that the page shows.
fn entries(outcome: &Outcome, extent: Extent) -> Markup {
    let wire = &outcome.wire;
    let mut found = decode(wire, outcome.side).into_iter().peekable();
    let mut parts = |number: usize| {
        std::iter::from_fn(|| found.next_if(|found| found.entry == number))
            .map(|found| found.what)
            .collect()
    };
    html! {
        @for (number, entry) in wire.entries().iter().enumerate().take(extent.entries) {
            (title(entry))
            @let parts: Vec<Part> = parts(number);
            @for part in parts.iter().take(extent.entries) {
                span.d {
                    @match part {
                        Part::Head(head) => @for line in head.lines().take(40) {
                            "  " (shortened(line)) "\n"
                        },
                        Part::Frame(frame) => { "  " (frame) "\n" },
                    }
                }
            }
            @if parts.len() > extent.entries {
                span.m { "  " (parts.len() - extent.entries) " frames more\n" }
            }
            @if !is_head(&parts, entry) { (bytes(entry, extent.bytes)) }
        }
    }
}

/// Whether an entry is a head, or the beginning of one, and was shown as text without loss.
fn is_head(parts: &[Part], entry: &Entry) -> bool {
    let What::Bytes { kept, .. } = &entry.what else { return false };
    matches!(parts, [Part::Head(head)] if head.replace('\n', "\r\n").as_bytes().starts_with(kept))
}

/// A line of a head, shortened if it is too long to be read.
fn shortened(line: &str) -> String {
    const MOST: usize = 400;
    let mut letters = line.chars();
    let short: String = letters.by_ref().take(MOST).collect();
    if letters.next().is_some() { short + " ..." } else { short }
}

/// The time, the sender, and the meaning of an entry.
fn title(entry: &Entry) -> Markup {
    let (class, way, who) = match entry.from {
        Party::Runner => ("o", "→", "runner"),
        Party::Subject => ("i", "←", "subject"),
    };
    let at = entry.at.as_secs_f64();
    let what = match &entry.what {
        What::Bytes { len: 1, .. } => "1 byte".to_owned(),
        What::Bytes { len, .. } => format!("{len} bytes"),
        What::End => "end of the TCP connection".to_owned(),
        What::Reset => "the TCP connection was reset".to_owned(),
    };
    html! { span class=(class) { (format!("{way} {who} {at:.6} s  {what}\n")) } }
}

fn bytes(entry: &Entry, most: usize) -> Markup {
    let What::Bytes { len, kept } = &entry.what else { return html! {} };
    let shown = &kept[..kept.len().min(most)];
    html! {
        @for (line, bytes) in shown.chunks(16).enumerate() {
            (format!(" {:04x} {}\n", line * 16, spaced(bytes)))
        }
        @if shown.len() < *len {
            span.m { "  " (len - shown.len()) " bytes more\n" }
        }
    }
}
