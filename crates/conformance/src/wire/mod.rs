//! What goes over the wire: frames, compressed messages, opening handshakes. It is made for judging: it encodes whatever a
//! case wants to send, and accepts from a subject only what the RFCs allow.

mod agreement;
mod deflate;
mod extensions;
mod frame;
mod http;
mod reach;

pub(crate) use agreement::{NAME as PERMESSAGE_DEFLATE, Terms, offers};
pub use deflate::{Deflate, Params};
pub(crate) use deflate::{Deflater, Inflater, MAX_MESSAGE};
pub(crate) use extensions::{Extension, extensions};
pub use frame::{Frame, LengthForm, Mask, Opcode};
pub(crate) use frame::{FrameReader, Received, first_key};
pub use http::Head;
pub(crate) use http::{accept_value, elements, head_end, is_token, missing_field};
