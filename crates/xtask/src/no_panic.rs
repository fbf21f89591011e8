//! `cargo xtask no-panic`: checks that an image that calls every public operation of the core contains no panic.
//!
//! The image is linked with optimisation, and with values that the compiler cannot know. The calls of `core::panicking` that
//! remain are those that the compiler could not rule out. The chore prints the code that leads to them, and fails unless
//! this code is in a list, with a reason. It also compares the calls in the image's sources with the public operations in
//! the core's sources.

mod calls;
mod sources;
mod surface;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::firmware::{self, Build, Frame, Image, Reference};
use crate::shell::{Outcome, fail, root};

const PACKAGE: &str = "image-operations";

/// The compiler merges equal instructions from several places, and then no longer knows which of the places they came from.
/// These flags keep them apart.
const APART: &str = "-Cllvm-args=-enable-tail-merge=0 -Cllvm-args=-simplifycfg-sink-common=false \
                     -Cllvm-args=-simplifycfg-hoist-common=false";

/// An image, and the panics that are known to remain in it.
struct Case {
    about: &'static str,
    features: &'static [&'static str],
    known: &'static [Known],
}

/// Foreign code that can reach a panic as far as the compiler can see.
struct Known {
    /// The start of the name of the function, or of its file: `package-`, which is followed by the version.
    code: &'static str,
    reason: &'static str,
}

const CASES: [Case; 3] = [
    Case {
        about: "without features",
        features: &[],
        known: &[HTTPARSE, BASE64, IRI_STRING, NET, CHARACTER],
    },
    Case {
        about: "with Debug",
        features: &["debug", "seeded-panic"],
        known: &[HTTPARSE, BASE64, IRI_STRING, NET, TEXT, CHARACTER, DURATION, FIELDS, SEEDED],
    },
    Case {
        about: "with alloc and deflate",
        features: &["alloc", "deflate"],
        known: &[HTTPARSE, BASE64, IRI_STRING, NET, CHARACTER, MEMORY, SIZE, BYTES, MINIZ],
    },
];

/// Shows that the chore can fail: if it did not find this panic, it would report the entry as
/// stale.
const SEEDED: Known = Known {
    code: "image_operations::seeded_panic",
    reason: "is there on purpose, and must be found",
};

/// A package with only one such place.
const HTTPARSE: Known = Known {
    code: "httparse::parse_headers_iter_uninit",
    reason: "cuts a header value after its last visible byte, whose place it has just found",
};

const BASE64: Known = Known {
    code: "base64-",
    reason: "checks its table, and the length of its output, which it has computed before",
};

const IRI_STRING: Known = Known {
    code: "iri-string-",
    reason: "cuts text after a character that it has just found in it",
};

const NET: Known = Known {
    code: "<core::net::",
    reason: "cuts arrays of eight groups and its own buffers, and prints only what fits into it",
};

const TEXT: Known = Known {
    code: "<str as core::fmt::Debug>::fmt",
    reason: "cuts text between characters that it has just found in it",
};

const CHARACTER: Known = Known {
    code: "core::unicode::printable",
    reason: "looks up in its own tables whether a character can be printed",
};

const DURATION: Known = Known {
    code: "<core::time::Duration as core::fmt::Debug>::fmt",
    reason: "divides by powers of ten, and cuts its own buffer of nine digits",
};

const FIELDS: Known = Known {
    code: "<core::fmt::Formatter>::debug_struct_fields_finish",
    reason: "compares the numbers of names and values, both of which `derive` has written",
};

const MEMORY: Known = Known {
    code: "__rustc::__rdl_alloc_error_handler",
    reason: "is the allocator's: there is no memory left",
};

const SIZE: Known = Known {
    code: "alloc::raw_vec::capacity_overflow",
    reason: "is the allocator's: more than half of all addresses were asked for",
};

const BYTES: Known = Known {
    code: "bytes-",
    reason: "checks what it and its caller guarantee: ranges, layouts, reference counts",
};

const MINIZ: Known = Known {
    code: "miniz_oxide-",
    reason: "checks every index into its tables and windows, because it has no unsafe code either",
};

/// Builds the images and looks for panics in them.
pub(crate) fn run() -> Outcome {
    firmware::add_target(firmware::TARGET)?;
    let mut found = Vec::new();
    for case in &CASES {
        found.extend(missing(case)?);
        found.extend(complaints(case, &build(case.features)?));
    }
    if found.is_empty() { Ok(()) } else { fail(format!("no-panic:\n  {}", found.join("\n  "))) }
}

/// Prints which panics remain in an image, and returns what is wrong with it.
fn complaints(case: &Case, image: &Image) -> Vec<String> {
    let about = case.about;
    let (known, unknown): (Vec<_>, Vec<_>) = panics(image)
        .into_iter()
        .partition(|panic| case.known.iter().any(|entry| matches(entry, panic)));
    let left: Vec<&String> = image.functions.iter().filter(|name| is_panicking(name)).collect();
    let names: Vec<&str> = left.iter().map(|name| name.as_str()).collect();
    println!("no-panic: {about}: these functions of core::panicking remain: {}", names.join(", "));
    let mut complaints = Vec::new();
    for entry in case.known {
        let Known { code, reason } = entry;
        match known.iter().filter(|panic| matches(entry, panic)).count() {
            0 => complaints.push(format!("{about}: {code} no longer leads to a panic")),
            places => println!("no-panic:   from {code} ({places} times), which {reason}"),
        }
    }
    // Several places in one function may print the same.
    let unknown: BTreeSet<String> = unknown.into_iter().map(shown).collect();
    complaints.extend(unknown.iter().map(|panic| format!("{about}: {panic}")));
    for name in left {
        if !image.references.iter().any(|reference| reference.to == *name) {
            complaints.push(format!("{about}: {name} remains, but nothing refers to it"));
        }
    }
    complaints
}

fn build(features: &[&str]) -> Outcome<Image> {
    let path = firmware::build(&Build {
        package: PACKAGE,
        program: PACKAGE,
        profile: "release",
        features: &features.join(","),
        flags: APART,
    })?;
    firmware::read_image(&path)
}

/// The operations that the core has with these features, but that the image does not call.
fn missing(case: &Case) -> Outcome<Vec<String>> {
    let core = sources::parse(&root().join("crates/fullduplex/src/lib.rs"), case.features)?;
    let image = sources::parse(&firmware::folder().join("operations/src/main.rs"), case.features)?;
    let operations = surface::operations(&core)?;
    let calls = calls::calls(&image);
    let about = case.about;
    println!("no-panic: {about}: {} operations", operations.len());
    let missing: BTreeSet<&String> = operations.difference(&calls).collect();
    Ok(missing.iter().map(|name| format!("{about}: the image does not call {name}")).collect())
}

/// The places from which a panic can be reached, except for those within the standard library's own panic code.
fn panics(image: &Image) -> Vec<&Reference> {
    let leads_to_panic = |reference: &&Reference| {
        is_machinery(&reference.to)
            && !reference.from.last().is_some_and(|from| is_machinery(&from.name))
    };
    image.references.iter().filter(leads_to_panic).collect()
}

/// Whether a function does nothing but panic.
fn is_machinery(name: &str) -> bool {
    is_panicking(name)
        || ["core::slice::", "core::str::", "core::option::", "core::result::", "core::cell::"]
            .iter()
            .any(|start| name.starts_with(start))
            && name.contains("_fail")
}

/// Whether a function is part of `core::panicking`, or the panic handler.
fn is_panicking(name: &str) -> bool {
    name.contains("core::panicking::") || name.contains("rust_begin_unwind")
}

/// Whether a panic is reached from this code. If this code was called by other code, a file matches only if it is the
/// innermost one outside of the standard library.
fn matches(entry: &Known, panic: &Reference) -> bool {
    let innermost = panic.from.iter().find(|frame| !is_of_library(frame));
    panic.from.iter().any(|frame| frame.name.starts_with(entry.code))
        || innermost.is_some_and(|frame| file_of(frame).starts_with(entry.code))
}

fn is_of_library(frame: &Frame) -> bool {
    ["/library/core/", "/library/alloc/"].iter().any(|folder| frame.place.contains(folder))
}

/// The file of a function, starting with its package. If the compiler has merged several places there is no file, but the
/// package is the first word of the function's name.
fn file_of(frame: &Frame) -> &str {
    short(&frame.place)
}

/// The code that leads to a panic. Inlined functions of the standard library are left out, unless there are no others.
fn shown(panic: &Reference) -> String {
    let is_ours = |frame: &&Frame| !is_of_library(frame);
    let all = || panic.from.iter();
    let frames: Vec<&Frame> = if all().any(|frame| is_ours(&frame)) {
        all().filter(is_ours).collect()
    } else {
        all().collect()
    };
    let from: Vec<String> =
        frames.iter().map(|frame| format!("{} ({})", frame.name, short(&frame.place))).collect();
    if from.is_empty() {
        return format!("a table names {}", panic.to);
    }
    format!("{} leads to {}", from.join(" in "), panic.to)
}

/// The path of a source file, starting with its package.
fn short(place: &str) -> &str {
    let at = place.rfind("/src/").unwrap_or(0);
    let package = place.get(..at).and_then(|before| before.rfind('/'));
    package.and_then(|slash| place.get(slash + 1..)).unwrap_or(place)
}
