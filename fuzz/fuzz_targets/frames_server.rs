//! Arbitrary bytes for a server's open connection: see [`fullduplex_fuzz::frames`].
#![no_main]

use fullduplex::Role;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| fullduplex_fuzz::frames(Role::Server, input));
