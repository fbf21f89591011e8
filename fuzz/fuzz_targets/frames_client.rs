//! Arbitrary bytes for a client's open connection: see [`fullduplex_fuzz::frames`].
#![no_main]

use fullduplex::Role;
use fullduplex_fuzz::Measured;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: Measured<&[u8]>| fullduplex_fuzz::frames(Role::Client, &input));
