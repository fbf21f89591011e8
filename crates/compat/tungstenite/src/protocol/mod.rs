//! The open connection: messages, settings, and the WebSocket.

mod config;
pub(crate) mod context;
pub mod frame;
pub(crate) mod message;
mod websocket;

pub use config::WebSocketConfig;
pub use context::WebSocketContext;
pub use frame::CloseFrame;
pub use message::Message;
pub use websocket::WebSocket;

/// Which end of the connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The server.
    Server,
    /// The client.
    Client,
}

impl From<Role> for fullduplex::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Server => Self::Server,
            Role::Client => Self::Client,
        }
    }
}
