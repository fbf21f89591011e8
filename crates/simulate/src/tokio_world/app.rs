//! The application at one end: one task, or two for halves. It does what it is told, and receives in between.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use fullduplex::SendError;
use fullduplex_tokio::{
    CloseCode, CloseFrame, Error, Message, PreparedMessage, Result, WebSocketReceiver,
    WebSocketSender, WebSocketStream,
};

use super::desk::{Desk, counted};
use super::wire::Wire;
use crate::between::{End, both};
use crate::memory::uncounted;
use crate::plan::{Act, How, Invariant, Kind, Mutant, Take};

/// For payloads of at least this length, it can be seen whether a `send` that was dropped has taken
/// the message.
const TELLING: usize = 2000;

/// Receives once, from the WebSocket or from its receiving half.
macro_rules! receive {
    ($desk:expr, $socket:expr) => {
        match $desk.take.get() {
            Take::Owned => {
                $desk.give_up();
                match $socket.recv().await {
                    Some(Ok(message)) => {
                        $desk.give((&message).into());
                        true
                    }
                    Some(Err(error)) => {
                        late(&$desk, &error).await;
                        $desk.fail(&error);
                        true
                    }
                    None => false,
                }
            }
            Take::Lent | Take::Found => {
                $desk.give_up();
                match $socket.recv_ref().await {
                    Some(Ok(message)) => {
                        $desk.give(message.into());
                        true
                    }
                    Some(Err(error)) => {
                        late(&$desk, &error).await;
                        $desk.fail(&error);
                        true
                    }
                    None => false,
                }
            }
            Take::Chunks => match $socket.recv_chunk().await {
                Some(Ok(chunk)) => {
                    $desk.give((&chunk).into());
                    true
                }
                Some(Err(error)) => {
                    late(&$desk, &error).await;
                    $desk.fail(&error);
                    true
                }
                None => false,
            },
        }
    };
}

/// Why waiting has ended.
enum Woken {
    /// Something was received, and there may be more.
    Received,
    /// The connection is over.
    End,
    /// There is something else to do.
    Told,
}

/// Receives until there is something else to do, which drops a call that waits.
async fn receive_or(
    desk: &Desk,
    place: usize,
    told: impl Fn() -> bool,
    receive: impl Future<Output = bool>,
) -> Woken {
    let mut receive = pin!(receive);
    poll_fn(|cx| {
        if told() {
            return Poll::Ready(Woken::Told);
        }
        desk.wait(place, cx);
        if !desk.reading.get() {
            desk.receiving_since.set(None);
            return Poll::Pending;
        }
        if desk.receiving_since.get().is_none() {
            desk.receiving_since.set(Some(desk.now()));
        }
        receive.as_mut().poll(cx).map(|more| if more { Woken::Received } else { Woken::End })
    })
    .await
}

/// Polls until the application loses patience. Then the future is dropped, and the result is
/// `None`.
async fn patiently<T>(desk: &Desk, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = desk.impatience.take();
    poll_fn(|cx| {
        if let Poll::Ready(done) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(done));
        }
        if desk.hurries.get() || left == Some(1) {
            return Poll::Ready(None);
        }
        left = left.map(|left| left - 1);
        desk.wait(0, cx);
        Poll::Pending
    })
    .await
}

enum Socket {
    Whole(WebSocketStream<Wire>),
    Halves(WebSocketSender<Wire>),
    Gone,
}

/// The task of the receiving half.
async fn receiving(desk: Rc<Desk>, mut receiver: WebSocketReceiver<Wire>) {
    loop {
        if desk.wants_half.get() {
            *desk.half.borrow_mut() = Some(receiver);
            desk.receiving_since.set(None);
            desk.wake();
            return;
        }
        let received = async { receive!(desk, receiver) };
        match receive_or(&desk, 1, || desk.wants_half.get(), received).await {
            Woken::Received | Woken::Told => {}
            Woken::End => break,
        }
    }
    desk.receiving_since.set(None);
    desk.end.set(Some(End::of(receiver.receiver())));
    desk.wake();
}

/// Delays the report of a timeout, for a mutant.
async fn late(desk: &Desk, error: &Error) {
    let mutant = desk.between.borrow().mutant;
    if mutant == Some(Mutant::LateTimer) && error.is_timeout() {
        tokio::time::sleep(std::time::Duration::from_secs(1000)).await;
    }
}

/// The task of an application: it does what it is told, and receives in between.
pub(super) async fn application(desk: Rc<Desk>, socket: WebSocketStream<Wire>, halves: bool) {
    desk.opened.set(true);
    let mut socket = Socket::Whole(socket);
    if halves {
        socket = split(&desk, socket);
    }
    loop {
        let act = desk.acts.borrow_mut().pop_front();
        if let Some(act) = act {
            socket = perform(&desk, socket, act).await;
            continue;
        }
        match &mut socket {
            Socket::Whole(whole) => {
                let has_act = || !desk.acts.borrow().is_empty();
                let woken = {
                    let received = async { receive!(desk, whole) };
                    receive_or(&desk, 0, has_act, received).await
                };
                note_state(&desk, whole.pending_bytes(), whole.can_send());
                if let Woken::End = woken {
                    desk.receiving_since.set(None);
                    desk.end.set(Some(End::of(whole.receiver())));
                    socket = Socket::Gone;
                }
            }
            Socket::Halves(sender) => {
                note_state(&desk, sender.pending_bytes(), sender.can_send());
                if desk.end.get().is_some() {
                    socket = Socket::Gone;
                    continue;
                }
                poll_fn(|cx| {
                    let done = desk.end.get().is_some() || !desk.acts.borrow().is_empty();
                    desk.wait(0, cx);
                    if done { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
            }
            Socket::Gone => return,
        }
    }
}

fn note_state(desk: &Desk, pending: usize, can_send: bool) {
    desk.pending.set(pending);
    desk.can_send.set(can_send);
}

fn split(desk: &Rc<Desk>, socket: Socket) -> Socket {
    let Socket::Whole(whole) = socket else { return socket };
    desk.note("split");
    desk.in_halves.set(true);
    desk.receiving_since.set(None);
    desk.wants_half.set(false);
    let (sender, receiver) = whole.into_split();
    tokio::task::spawn_local(counted(desk.clone(), receiving(desk.clone(), receiver)));
    Socket::Halves(sender)
}

/// Asks for the receiving half. Returns `None` if the connection was over before.
async fn fetch_half(desk: &Desk) -> Option<WebSocketReceiver<Wire>> {
    desk.wants_half.set(true);
    desk.wake();
    let half = poll_fn(|cx| {
        desk.wait(0, cx);
        let half = desk.half.borrow_mut().take();
        match half {
            Some(half) => Poll::Ready(Some(half)),
            None if desk.end.get().is_some() => Poll::Ready(None),
            None => Poll::Pending,
        }
    })
    .await;
    desk.wants_half.set(false);
    half
}

/// Checks that an error of a call that sends has a reason.
fn explain(desk: &Desk, error: &Error, could_send: bool, can_send: bool) {
    let within = {
        let mut between = desk.between.borrow_mut();
        both(&mut between.flows, desk.side).0.is_within_message()
    };
    let is_broken = {
        let mut between = desk.between.borrow_mut();
        both(&mut between.pipes, desk.side).0.is_broken()
    };
    let is_explained = match error {
        Error::Send(SendError::MessageUnfinished) => within,
        Error::Send(SendError::CloseCode(_) | SendError::ReasonTooLong) => true,
        Error::Send(SendError::Closed) | Error::AlreadyClosed | Error::ConnectionClosed => {
            !could_send || !can_send
        }
        Error::Io(_) => is_broken,
        // The receiver returns the same error, and it is checked there.
        Error::Protocol(_) => true,
        _ => false,
    };
    if !is_explained {
        desk.breaks(Invariant::Failure, || {
            format!("{error:?} for a call that sends, could send: {could_send}, can: {can_send}")
        });
    }
    desk.note(match error {
        Error::Send(SendError::MessageUnfinished) => "refused: unfinished",
        Error::Io(_) => "refused: transport",
        Error::Protocol(_) => "refused: failed",
        _ => "refused: closed",
    });
}

/// How many bytes the sending direction has taken so far.
fn taken(desk: &Desk, pending: usize) -> u64 {
    let mut between = desk.between.borrow_mut();
    both(&mut between.flows, desk.side).0.offset() + pending as u64
}

/// Runs a sending method of the WebSocket or of its sending half.
macro_rules! on_either {
    ($socket:expr, $it:ident => $call:expr) => {
        match &mut $socket {
            Socket::Whole($it) => Some($call),
            Socket::Halves($it) => Some($call),
            Socket::Gone => None,
        }
    };
}

fn pending_of(socket: &mut Socket) -> usize {
    on_either!(*socket, it => it.pending_bytes()).unwrap_or(0)
}

fn can_send(socket: &mut Socket) -> bool {
    on_either!(*socket, it => it.can_send()).unwrap_or(false)
}

fn with_flow<T>(desk: &Desk, f: impl FnOnce(&mut crate::flow::Flow) -> T) -> T {
    uncounted(|| {
        let mut between = desk.between.borrow_mut();
        f(both(&mut between.flows, desk.side).0)
    })
}

fn message_of(kind: Kind, payload: &'static [u8]) -> Message {
    match std::str::from_utf8(payload) {
        Ok(text) if kind == Kind::Text => Message::text(text),
        _ => Message::Binary(Bytes::copy_from_slice(payload)),
    }
}

async fn perform(desk: &Rc<Desk>, mut socket: Socket, act: Act) -> Socket {
    if !matches!(socket, Socket::Halves(_)) {
        desk.receiving_since.set(None);
    }
    match act {
        Act::Send(kind, len, How::Prepared) => {
            let payload = with_flow(desk, |flow| flow.next_message(kind, len));
            let Ok(message) = PreparedMessage::new(kind.into(), payload) else { return socket };
            let fed = on_either!(socket, it => patiently(desk, it.feed_prepared(&message)).await);
            fed_message(desk, &mut socket, fed.flatten(), kind, payload.len(), "send prepared");
        }
        Act::Send(kind, len, how) => send(desk, &mut socket, kind, len, how).await,
        Act::Feed(kind, len) => {
            let payload = with_flow(desk, |flow| flow.next_message(kind, len));
            let fed =
                on_either!(socket, it => patiently(desk, it.feed(message_of(kind, payload))).await);
            fed_message(desk, &mut socket, fed.flatten(), kind, payload.len(), "feed");
        }
        Act::Fragment(kind, len, last) => {
            let (kind, payload) = with_flow(desk, |flow| flow.next_fragment(kind, len, last));
            let could_send = can_send(&mut socket);
            let fed = on_either!(socket, it => {
                patiently(desk, it.feed_fragment(kind.into(), payload, last)).await
            });
            match fed.flatten() {
                Some(Ok(())) => {
                    with_flow(desk, |flow| flow.sent_fragment(kind, payload.len(), last));
                    desk.note("send fragment");
                }
                Some(Err(error)) => {
                    let can_send = can_send(&mut socket);
                    explain(desk, &error, could_send, can_send);
                }
                None => desk.note("future dropped"),
            }
        }
        Act::Ping(len) | Act::Pong(len) => {
            let ping = matches!(act, Act::Ping(_));
            let payload = with_flow(desk, |flow| flow.next_control(ping, len));
            let data = Bytes::copy_from_slice(&payload);
            let message = if ping { Message::Ping(data) } else { Message::Pong(data) };
            let could_send = can_send(&mut socket);
            let fed = on_either!(socket, it => patiently(desk, it.feed(message)).await);
            match fed.flatten() {
                Some(Ok(())) => {
                    with_flow(desk, |flow| flow.sent_control(if ping { 9 } else { 10 }, &payload));
                    desk.note(if ping { "send ping" } else { "send pong" });
                }
                Some(Err(error)) => {
                    let can_send = can_send(&mut socket);
                    explain(desk, &error, could_send, can_send);
                }
                None => desk.note("future dropped"),
            }
            uncounted(|| drop(payload));
        }
        Act::Flush => {
            let could_send = can_send(&mut socket);
            let flushed = on_either!(socket, it => patiently(desk, it.flush()).await);
            match flushed.flatten() {
                Some(Ok(())) => desk.note("flush"),
                Some(Err(error)) => {
                    let can_send = can_send(&mut socket);
                    explain(desk, &error, could_send, can_send);
                }
                None => desk.note("future dropped"),
            }
        }
        Act::Close(code, reason) => close(desk, &mut socket, code, reason, false).await,
        Act::CloseAndWait(code) => close(desk, &mut socket, code, 0, true).await,
        Act::Compression(on) => {
            on_either!(socket, it => it.set_compression(on));
            desk.note("compression on or off");
        }
        Act::Prefer(take) => {
            desk.take.set(take);
            // A call that waits keeps its way of receiving until it is made again.
            desk.wake();
        }
        Act::Impatient(polls) => desk.impatience.set(Some(polls.max(1))),
        Act::Pause => {
            desk.reading.set(false);
            desk.note("pause");
        }
        Act::Resume(_) => {
            desk.reading.set(true);
            desk.wake();
        }
        Act::Split => socket = split(desk, socket),
        Act::Join => {
            socket = match socket {
                Socket::Halves(sender) => match fetch_half(desk).await {
                    None => Socket::Gone,
                    Some(receiver) => match receiver.reunite(sender) {
                        Ok(whole) => {
                            desk.note("join");
                            desk.in_halves.set(false);
                            Socket::Whole(whole)
                        }
                        Err(_) => {
                            desk.breaks(Invariant::Failure, || "the halves do not fit".into());
                            Socket::Gone
                        }
                    },
                },
                other => other,
            }
        }
        Act::Drop => {
            if let Socket::Halves(_) = socket {
                let half = fetch_half(desk).await;
                desk.dropped.set(desk.end.get().is_none());
                drop(half);
            } else {
                desk.dropped.set(desk.end.get().is_none());
            }
            desk.note("drop");
            desk.receiving_since.set(None);
            socket = Socket::Gone;
        }
        _ => {}
    }
    let (pending, can_send) = (pending_of(&mut socket), can_send(&mut socket));
    note_state(desk, pending, can_send);
    socket
}

fn fed_message(
    desk: &Desk,
    socket: &mut Socket,
    fed: Option<Result<()>>,
    kind: Kind,
    len: usize,
    name: &'static str,
) {
    match fed {
        Some(Ok(())) => {
            with_flow(desk, |flow| flow.sent_message(kind, len));
            desk.note(name);
        }
        Some(Err(error)) => {
            let can_send = can_send(socket);
            explain(desk, &error, can_send, can_send);
        }
        // The documentation says that a call dropped before it is ready has taken nothing.
        None => desk.note("future dropped"),
    }
}

/// Sends a message, in one call or in two.
async fn send(desk: &Desk, socket: &mut Socket, kind: Kind, len: u32, how: How) {
    let payload = with_flow(desk, |flow| flow.next_message(kind, len));
    let (may_compress, space) = {
        let mut between = desk.between.borrow_mut();
        let space = both(&mut between.pipes, desk.side).0.space();
        (both(&mut between.flows, desk.side).0.may_compress(), space)
    };
    let message = message_of(kind, payload);
    let shared = (how == How::Shared).then(|| message.clone());
    let Socket::Whole(whole) = socket else {
        let fed = match socket {
            Socket::Halves(it) if how == How::Lent => {
                patiently(desk, it.feed_ref(message.as_message_ref())).await
            }
            Socket::Halves(it) => patiently(desk, it.feed(message)).await,
            _ => return,
        };
        let was_fed = matches!(fed, Some(Ok(())));
        fed_message(desk, socket, fed, kind, payload.len(), name_of(how));
        if was_fed && let Socket::Halves(it) = socket {
            let could_send = it.can_send();
            if let Some(Err(error)) = patiently(desk, it.flush()).await {
                let can_send = it.can_send();
                explain(desk, &error, could_send, can_send);
            }
        }
        drop(shared);
        return;
    };
    // A `send` that is dropped may have taken the message. For a large message without compression, the number of bytes
    // shows it. A message for which there is space does not wait.
    let tells = payload.len() >= TELLING && !may_compress;
    let cannot_wait = whole.pending_bytes() == 0 && space > payload.len() + 200;
    let is_refused = with_flow(desk, |flow| flow.is_within_message());
    if !tells && !cannot_wait || is_refused {
        let fed = patiently(desk, whole.feed(message)).await;
        fed_message(desk, socket, fed, kind, payload.len(), "feed");
        return;
    }
    let could_send = whole.can_send();
    let before = taken(desk, whole.pending_bytes());
    with_flow(desk, |flow| flow.sent_message(kind, payload.len()));
    let sent = patiently(desk, whole.send(message)).await;
    let was_taken = if tells {
        taken(desk, whole.pending_bytes()) >= before + payload.len() as u64
    } else {
        // A message that cannot wait was taken unless it was refused; an error of the transport comes after it was taken.
        matches!(sent, Some(Ok(()) | Err(Error::Io(_))))
    };
    if !was_taken {
        with_flow(desk, crate::flow::Flow::unsend);
    }
    match sent {
        Some(Ok(())) if !was_taken => {
            desk.breaks(Invariant::Order, || "a message that was sent was not taken".into());
        }
        Some(Ok(())) => desk.note(name_of(how)),
        Some(Err(error)) => {
            let can_send = whole.can_send();
            explain(desk, &error, could_send, can_send);
        }
        None => desk.note("send dropped"),
    }
    drop(shared);
}

fn name_of(how: How) -> &'static str {
    match how {
        How::Lent => "send lent",
        How::Owned => "send owned",
        How::Shared => "send shared",
        How::Prepared => "send prepared",
    }
}

async fn close(desk: &Desk, socket: &mut Socket, code: u16, reason: u8, waits: bool) {
    let text = "r".repeat(usize::from(reason));
    let could_send = can_send(socket);
    let payload =
        if code == 1005 { Vec::new() } else { [&code.to_be_bytes(), text.as_bytes()].concat() };
    let frame = (code != 1005)
        .then(|| CloseFrame { code: CloseCode::from_u16(code), reason: text.as_str().into() });
    let is_sendable = code == 1005 || CloseCode::from_u16(code).is_allowed() && reason <= 123;
    if could_send && is_sendable {
        with_flow(desk, |flow| flow.intend_close(&payload));
    }
    let closed = match socket {
        // `close(None)` sends 1000.
        Socket::Whole(it) if waits && code != 1005 => {
            // `close` discards messages that it has no room for.
            both(&mut desk.between.borrow_mut().flows, desk.side).1.taint();
            patiently(desk, it.close(frame)).await
        }
        Socket::Whole(it) => patiently(desk, it.send(Message::Close(frame))).await,
        Socket::Halves(it) if code == 1005 => patiently(desk, it.feed(Message::Close(None))).await,
        Socket::Halves(it) => patiently(desk, it.close(frame)).await,
        Socket::Gone => None,
    };
    match closed {
        Some(Ok(())) => desk.note(match (code, waits) {
            (1005, _) => "close without a code",
            (_, true) => "close and wait",
            _ => "close",
        }),
        Some(Err(error)) => {
            let can = can_send(socket);
            explain(desk, &error, could_send, can);
        }
        None => desk.note("future dropped"),
    }
}
