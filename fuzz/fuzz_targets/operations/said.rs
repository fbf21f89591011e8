//! What a connection says about itself between two calls, compared with what the target has seen of it.

use std::time::Duration;

use fullduplex::{
    CloseCode, Config, Connection, Error, Negotiated, Receiver, Role, Sender, Shutdown, Timeout,
};
use fullduplex_fuzz::Oracle;

/// What the target has seen: a small model of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// A Close was written.
    pub(crate) wrote_close: bool,
    /// A Close was received.
    pub(crate) got_close: bool,
    /// A failure was returned.
    pub(crate) failed: bool,
    /// The transport has ended, or the close timeout has expired.
    pub(crate) ended: bool,
}

/// What a connection says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    role: Role,
    failure: Option<Error>,
    sent_close: Option<Option<CloseCode>>,
    peer_close: Option<Option<(u16, String)>>,
    may_send: bool,
    is_clean: bool,
    is_closed: bool,
    has_transmit: bool,
    has_timeout: bool,
    shutdown: Shutdown,
}

impl Said {
    pub(crate) fn by(conn: &Connection) -> Self {
        let peer_close = conn.peer_close();
        Self {
            role: conn.role(),
            failure: conn.failure(),
            sent_close: conn.sent_close(),
            peer_close: peer_close
                .map(|close| close.map(|it| (it.code.to_u16(), it.reason.to_owned()))),
            may_send: conn.may_send(),
            is_clean: conn.is_clean(),
            is_closed: conn.is_closed(),
            has_transmit: conn.has_transmit(),
            has_timeout: conn.has_timeout(),
            shutdown: conn.shutdown(),
        }
    }

    /// Checks that it fits what was seen, and what the connection has said `before`.
    pub(crate) fn check(&self, seen: Seen, before: &Self) {
        let is_open = !seen.wrote_close && !seen.got_close && !seen.failed;
        let may_send = self.may_send ^ Oracle::OperationsMaySend.faulty();
        Oracle::OperationsMaySend.same(may_send, is_open);
        let is_clean = self.is_clean ^ Oracle::OperationsClean.faulty();
        Oracle::OperationsClean.same(is_clean, seen.wrote_close && seen.got_close);
        let is_closed = self.is_closed ^ Oracle::OperationsClosed.faulty();
        Oracle::OperationsClosed
            .same(is_closed, self.is_clean || seen.failed && !self.has_transmit);

        // RFC 6455 §7.1.1: the server ends the connection, and the client waits for that.
        let expected = match (self.is_closed, self.is_clean, self.role) {
            _ if seen.ended => Shutdown::Both,
            (false, ..) | (true, true, Role::Client) => Shutdown::No,
            (true, true, Role::Server) => Shutdown::Both,
            (true, false, _) => Shutdown::Write,
        };
        let said = if Oracle::OperationsShutdown.faulty() { Shutdown::No } else { self.shutdown };
        Oracle::OperationsShutdown.same(said, expected);

        let stays = !Oracle::OperationsStays.faulty();
        let is_same = |before: bool, same: bool| !before || same && stays;
        Oracle::OperationsStays.holds(
            is_same(before.failure.is_some(), before.failure == self.failure)
                && is_same(before.sent_close.is_some(), before.sent_close == self.sent_close)
                && is_same(before.peer_close.is_some(), before.peer_close == self.peer_close),
            format_args!("{before:?}, then {self:?}"),
        );
    }
}

/// Splits a connection and joins it again. Both directions say the same, and the joined connection says what it has said
/// before.
pub(crate) fn split_and_join(conn: &mut Connection) {
    let before = Said::by(conn);
    let nothing = Connection::new(Role::Server, Negotiated::without_extensions(), Config::new());
    let (receiver, sender) = std::mem::replace(conn, nothing).split();
    let mut by_receiver = said_by_receiver(&receiver);
    by_receiver.1 ^= Oracle::OperationsDirections.faulty();
    Oracle::OperationsDirections.same(by_receiver, said_by_sender(&sender));
    *conn = Connection::join(receiver, sender);
    let mut after = Said::by(conn);
    after.may_send ^= Oracle::OperationsJoined.faulty();
    Oracle::OperationsJoined.same(after, before);
}

type OfBoth = (Role, bool, bool, bool, Option<Option<CloseCode>>);

fn said_by_receiver(it: &Receiver) -> OfBoth {
    (it.role(), it.may_send(), it.is_clean(), it.is_closed(), it.sent_close())
}

fn said_by_sender(it: &Sender) -> OfBoth {
    (it.role(), it.may_send(), it.is_clean(), it.is_closed(), it.sent_close())
}

/// Handles the deadlines. The connection must fail by the timeout that has expired, unless it is over already. Returns
/// whether it fails.
pub(crate) fn time_out(conn: &mut Connection, now: Duration, seen: &mut Seen) -> bool {
    let is_known = conn.failure().is_some() || conn.is_clean();
    let expired = conn.expired(now);
    seen.ended |= expired == Some(Timeout::Close);
    let expired = expired.filter(|_| !is_known && !Oracle::OperationsExpired.faulty());
    let told = conn.handle_timeout(now).err();
    Oracle::OperationsExpired.same(told, expired.map(Error::Timeout));
    told.is_some()
}

/// Asks the connection for its next deadline.
pub(crate) fn wait(conn: &mut Connection, now: Duration) {
    let has_timeout = conn.has_timeout() && !Oracle::OperationsHasTimeout.faulty();
    let deadline = conn.poll_timeout(now);
    Oracle::OperationsHasTimeout.holds(has_timeout || deadline.is_none(), "there is a deadline");
}
