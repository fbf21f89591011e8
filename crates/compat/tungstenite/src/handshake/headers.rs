//! Header fields.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use httparse::{EMPTY_HEADER, Header, Status};

use super::machine::TryParse;
use crate::error::Result;

/// How many header fields a head may have.
pub const MAX_HEADERS: usize = 124;

impl TryParse for HeaderMap {
    fn try_parse(data: &[u8]) -> Result<Option<(usize, Self)>> {
        let mut fields = [EMPTY_HEADER; MAX_HEADERS];
        Ok(match httparse::parse_headers(data, &mut fields)? {
            Status::Partial => None,
            Status::Complete((len, fields)) => Some((len, to_map(fields)?)),
        })
    }
}

/// # Errors
/// When a name or a value is invalid.
pub(super) fn to_map(fields: &[Header<'_>]) -> Result<HeaderMap> {
    let mut map = HeaderMap::new();
    for field in fields {
        map.append(
            HeaderName::from_bytes(field.name.as_bytes())?,
            HeaderValue::from_bytes(field.value)?,
        );
    }
    Ok(map)
}
