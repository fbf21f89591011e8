//! Tests of recordings, and of what an image reports.

use super::recording::Recording;
use super::{Numbers, first_difference};

#[test]
fn a_recording_has_bytes_and_text_for_both_directions() {
    let recording = Recording::parse("# said\n> 81 \"a b\\r\\n\" 0a0B\n\n< ff\n> 00\n").unwrap();
    assert_eq!(recording.input, b"\x81a b\r\n\x0a\x0b\x00");
    assert_eq!(recording.output, [0xff]);
}

#[test]
fn a_line_that_makes_no_sense_is_named() {
    for line in ["> 8", "> 8g", "> \"a", "= 81", "> é"] {
        assert_eq!(Recording::parse(line).unwrap_err(), line);
    }
}

#[test]
fn bytes_that_are_missing_or_too_many_are_a_difference() {
    assert_eq!(first_difference(b"ab", b"ab"), None);
    assert_eq!(first_difference(b"ab", b"ac"), Some(1));
    assert_eq!(first_difference(b"ab", b"abc"), Some(2));
    assert_eq!(first_difference(b"abc", b"ab"), Some(2));
}

#[test]
fn the_numbers_of_an_image_are_read_among_other_lines() {
    let said = "Timer\nstack=0000000012\nconnection=0000000003\nbuffers=0000000004\n";
    let numbers = Numbers { stack: 12, buffers: 4, connection: 3 };
    assert_eq!(Numbers::of(said), Some(numbers));
    assert_eq!(Numbers::of("stack=1\n"), None);
}
