//! The characters of an HTTP token (RFC 9110 §5.6.2).

/// Whether `byte` may be part of a token.
#[inline]
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    const TOKEN: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < 128_u8 {
            table[byte as usize] = byte.is_ascii_alphanumeric()
                || matches!(byte, b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+')
                || matches!(byte, b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~');
            byte += 1;
        }
        table
    };
    // The table has an entry for each of the 256 bytes.
    TOKEN[byte as usize]
}
