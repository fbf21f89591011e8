//! Tests of the comparison of calls and operations, and of which panics count as known.

use std::fs;
use std::path::PathBuf;

use super::sources::{self, Sources};
use super::{BYTES, Case, HTTPARSE, calls, complaints, matches, shown, surface};
use crate::firmware::{Frame, Image, Reference};
use crate::shell::empty_folder;

/// A crate with these files. The first one is its root.
fn crate_of(name: &str, files: &[(&str, &str)], features: &[&str]) -> Sources {
    let folder = std::env::temp_dir().join(format!("xtask-no-panic-{name}-{}", std::process::id()));
    empty_folder(&folder).unwrap();
    for (file, text) in files {
        fs::create_dir_all(folder.join(file).parent().unwrap()).unwrap();
        fs::write(folder.join(file), text).unwrap();
    }
    let root: PathBuf = folder.join(files[0].0);
    let sources = sources::parse(&root, features).unwrap();
    fs::remove_dir_all(folder).unwrap();
    sources
}

const LIBRARY: [(&str, &str); 3] = [
    (
        "lib.rs",
        "mod a; #[cfg(feature = \"more\")] pub mod b; #[cfg(test)] mod tests; \
         pub fn free() {} pub(crate) fn hidden() {}",
    ),
    (
        "a.rs",
        "#[derive(Clone, Copy, Eq, core::fmt::Debug)] pub struct Open; pub(crate) struct Shut; \
         impl Open { pub fn call(self) {} fn private() {} #[cfg(feature = \"more\")] pub fn more() {} } \
         impl Shut { pub fn call() {} } \
         impl From<&str> for Open { fn from(_: &str) -> Self { Open } } \
         impl From<Shut> for Open { fn from(_: Shut) -> Self { Open } } \
         impl core::error::Error for Open {} \
         pub trait Ours { fn ours(&self); } \
         impl<E: Ours> Ours for &mut E { fn ours(&self) {} }",
    ),
    ("b/mod.rs", "pub enum Later { One }"),
];

#[test]
fn operations_are_what_can_be_called_from_outside() {
    let operations = surface::operations(&crate_of("few", &LIBRARY, &[])).unwrap();
    let expected =
        ["&mut _: Ours", "Open: Clone", "Open: Debug", "Open: From<&str>", "Open::call", "free"];
    assert_eq!(Vec::from_iter(operations), expected);

    let operations = surface::operations(&crate_of("more", &LIBRARY, &["more"])).unwrap();
    assert!(operations.contains("Open::more"), "{operations:?}");
}

#[test]
fn an_image_calls_what_it_names_as_a_path() {
    let image = "fn helper<T: Clone + Debug>(_: &T) {} \
        fn main() { Open::call(open); <Open as From<&str>>::from(text); <&mut _ as Ours>::ours(&&mut x); \
        helper::<Open>(&open); open.method(); #[cfg(feature = \"more\")] Open::more(); }";
    let calls = calls::calls(&crate_of("image", &[("main.rs", image)], &[]));
    for called in ["Open::call", "Open: From<&str>", "&mut _: Ours", "Open: Clone", "Open: Debug"] {
        assert!(calls.contains(called), "{called} in {calls:?}");
    }
    for not_called in ["Open::method", "Open::more", "method"] {
        assert!(!calls.contains(not_called), "{not_called} in {calls:?}");
    }
}

fn frame(name: &str, place: &str) -> Frame {
    Frame { name: name.into(), place: place.into() }
}

fn reference(to: &str, from: &[Frame]) -> Reference {
    Reference { to: to.into(), from: from.to_vec() }
}

#[test]
fn code_of_others_is_known_by_its_own_file_and_not_by_who_calls_it() {
    let index = frame("index", "/rustc/1/library/core/src/slice/index.rs:1");
    let of_bytes = frame("split_to", "/registry/bytes-1.12.2/src/bytes.rs:9");
    let ours = frame("fullduplex::reader::take", "/source/crates/fullduplex/src/reader.rs:3");
    let to = "core::slice::index::slice_index_fail";
    let within = reference(to, &[index.clone(), of_bytes.clone(), ours.clone()]);
    assert!(matches(&BYTES, &within));
    assert!(!matches(&HTTPARSE, &within));
    // A closure of ours that bytes calls is our code.
    let around = reference(to, &[index, ours, of_bytes]);
    assert!(!matches(&BYTES, &around));
    assert_eq!(
        shown(&within),
        "split_to (bytes-1.12.2/src/bytes.rs:9) in fullduplex::reader::take (fullduplex/src/reader.rs:3) leads to \
         core::slice::index::slice_index_fail"
    );
}

#[test]
fn what_is_not_known_and_what_is_known_and_not_there_are_complaints() {
    let panic = "core::panicking::panic_fmt";
    let fail = "core::slice::index::slice_index_fail";
    let parser = frame("httparse::parse_headers_iter_uninit", "httparse-1/src/lib.rs:1");
    let library = frame(fail, "/rustc/1/library/core/src/slice/index.rs:1");
    let image = |references: &[Reference]| Image {
        functions: [panic.to_owned()].into(),
        references: references.to_vec(),
    };
    let case = Case { about: "it", features: &[], known: &[HTTPARSE] };
    let (known, within) = (reference(fail, &[parser]), reference(panic, &[library]));
    assert_eq!(complaints(&case, &image(&[known.clone(), within.clone()])), [""; 0]);

    let unknown = reference(fail, &[frame("ours", "a/src/b.rs:2")]);
    assert_eq!(
        complaints(&case, &image(&[known.clone(), within.clone(), unknown])),
        ["it: ours (a/src/b.rs:2) leads to core::slice::index::slice_index_fail"]
    );
    assert_eq!(
        complaints(&case, &image(&[within])),
        ["it: httparse::parse_headers_iter_uninit no longer leads to a panic"]
    );
    assert_eq!(
        complaints(&case, &image(&[known])),
        ["it: core::panicking::panic_fmt remains, but nothing refers to it"]
    );
}
