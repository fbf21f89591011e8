//! What the application sends on a connection that is seen. Without the feature these functions must not even be compiled:
//! the compiler inlines by the number of callers.

use fullduplex::{CloseFrame, Message, MessageRef, SendError};

use crate::sending::Sending;
use crate::watch::Outbound;

impl Sending {
    #[inline(never)]
    pub(super) fn send_seen(&mut self, message: MessageRef<'_>) -> Result<(), SendError> {
        self.writer.send(message)?;
        self.watch.sent(Outbound::lent(message));
        if let MessageRef::Close(close) = message {
            self.watch.closes(close);
        }
        Ok(())
    }

    #[inline(never)]
    pub(super) fn send_message_seen(&mut self, message: &mut Message) -> Result<(), SendError> {
        let outbound = Outbound::of(message);
        self.writer.send_message(message)?;
        self.watch.sent(outbound);
        if let Message::Close(close) = message {
            self.watch.closes(close.as_ref().map(CloseFrame::as_frame_ref));
        }
        Ok(())
    }
}
