//! The wire log of a case on the page.

use maud::{Markup, html};

use crate::report::frames::{Part, decode};
use crate::report::hex::spaced;
use crate::report::value::{Tested, has_wire_files};
use crate::wirelog::{Entry, Party, What};

/// How many bytes of logs the page still has room for. Each takes about three letters.
pub(super) struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(768 << 10)
    }
}

impl Budget {
    /// Takes this much, if there is enough.
    fn take(&mut self, len: usize) -> bool {
        let left = self.0.checked_sub(len);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }
}

/// How much of a log is shown.
#[derive(Clone, Copy)]
struct Extent {
    entries: usize,
    /// Of each entry.
    bytes: usize,
}

const FULL: Extent = Extent { entries: usize::MAX, bytes: usize::MAX };
const FAILED: Extent = Extent { entries: 40, bytes: 128 };
const GOOD: Extent = Extent { entries: 12, bytes: 32 };
/// The longest log that is shown in full: a page with one of 64 KiB is no longer read.
const MOST: usize = 8 << 10;
/// What an entry takes beside its bytes.
const ENTRY: usize = 32;

pub(super) fn log(tested: &Tested, name: Option<String>, budget: &mut Budget) -> Markup {
    let outcome = &tested.outcome;
    let wire = &outcome.wire;
    let size: usize = wire
        .entries()
        .iter()
        .map(|entry| match &entry.what {
            What::Bytes { kept, .. } => kept.len() + ENTRY,
            What::End | What::Reset => ENTRY,
        })
        .sum();
    let extent = if outcome.is_ok() {
        GOOD
    } else if size <= MOST && budget.take(size) {
        FULL
    } else {
        FAILED
    };
    let mut found = decode(wire, outcome.side).into_iter().peekable();
    let mut parts = |number: usize| {
        std::iter::from_fn(|| found.next_if(|found| found.entry == number))
            .map(|found| found.what)
            .collect()
    };
    let left_out = wire.entries().len().saturating_sub(extent.entries);
    html! {
        details.log open[!outcome.is_ok()] {
            summary {
                "Wire log: " (wire.len(Party::Runner)) " bytes sent, " (wire.len(Party::Subject)) " received"
            }
            pre tabindex="0" {
                @for (number, entry) in wire.entries().iter().enumerate().take(extent.entries) {
                    (title(entry))
                    @let parts: Vec<Part> = parts(number);
                    @for part in &parts {
                        span.d {
                            @match part {
                                Part::Head(head) => @for line in head.lines().take(40) {
                                    "  " (shortened(line)) "\n"
                                },
                                Part::Frame(frame) => { "  " (frame) "\n" },
                            }
                        }
                    }
                    @if !is_head(&parts, entry) { (bytes(entry, extent.bytes)) }
                }
                @if left_out > 0 { span.m { (left_out) " more, not shown here\n" } }
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

/// Whether an entry is a head, or the beginning of one, that was shown as text of which nothing is lost.
fn is_head(parts: &[Part], entry: &Entry) -> bool {
    let What::Bytes { kept, .. } = &entry.what else { return false };
    matches!(parts, [Part::Head(head)] if head.replace('\n', "\r\n").as_bytes().starts_with(kept))
}

/// A line of a head that is not too long to be read.
fn shortened(line: &str) -> String {
    const MOST: usize = 400;
    let mut letters = line.chars();
    let short: String = letters.by_ref().take(MOST).collect();
    if letters.next().is_some() { short + " ..." } else { short }
}

/// When something was sent, by whom, and what it was.
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
