//! All groups of the section, and their titles.

use super::{clients, servers, subprotocols};
use crate::case::Case;

pub(in crate::cases) fn cases() -> Vec<Case> {
    [subprotocols::cases(), servers::cases(), clients::cases()].into_iter().flatten().collect()
}

/// The title of a group of section N.
pub(in crate::cases) fn group_title(group: &str) -> &'static str {
    match group {
        "N.1" => "Subprotocols that a server is offered",
        "N.2" => "Subprotocols that a client gets",
        "N.3" => "Offers of permessage-deflate that are right",
        "N.4" => "Offers of permessage-deflate that must be declined",
        "N.5" => "Malformed lists of extensions to a server",
        "N.6" => "Responses with permessage-deflate that are right",
        "N.7" => "Responses with extensions that must be refused",
        _ => "",
    }
}
