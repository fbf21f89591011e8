//! A case: its name, the rule that it tests, what it sends and what it expects.

mod definition;
mod script;

pub use definition::{Case, Level, Rule, Scale};
pub use script::{
    Answered, Check, Close, Closer, Conversation, Cut, Echoes, Event, Expect, Offer, Opening,
    Piece, Refusal, Script, Split, Step, Way,
};
