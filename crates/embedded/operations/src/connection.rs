//! The open connection over the caller's buffers.

use core::time::Duration;

use fullduplex::*;

use crate::support::*;

pub(crate) fn all() {
    input();
    let config = hidden(Config::new());
    let negotiated = hidden(Negotiated::without_extensions());
    let mut connection = hidden(Connection::new(hidden(Role::Client), negotiated, config));
    both(&mut connection);
    let (mut receiver, mut sender) = hidden(Connection::split(connection));
    receiving(&mut receiver, &sender);
    sending(&mut sender);
    signals(&mut receiver, &mut sender);
    seen(Connection::join(receiver, sender));
}

fn input() {
    let mut buffer = [0; 128];
    let input = hidden(Input::new(part(&mut buffer)));
    seen(Input::consumed(&input));
    seen(Input::remaining(&input));
    seen(Input::is_empty(&input));
    seen(Input::range_of(&input, bytes()));
    shown::<Input<'_>>(&input);
}

fn now() -> Duration {
    hidden(Duration::ZERO)
}

fn both(connection: &mut Connection) {
    shown::<Connection>(connection);
    seen(Connection::role(connection));
    seen(Connection::sent_close(connection));
    seen(Connection::failure(connection));
    seen(Connection::may_send(connection));
    seen(Connection::is_clean(connection));
    seen(Connection::is_closed(connection));
    seen(Connection::shutdown(connection));
    let mut buffer = [0; 128];
    let mut input = hidden(Input::new(part(&mut buffer)));
    seen(Connection::poll_event(hidden(connection), hidden(&mut input)));
    seen(Connection::control_payload(connection));
    seen(Connection::peer_close(connection));
    seen(Connection::handle_eof(hidden(connection)));
    seen(Connection::handle_reset(hidden(connection)));
    seen(Connection::poll_timeout(hidden(connection), now()));
    seen(Connection::has_timeout(connection));
    seen(Connection::handle_timeout(hidden(connection), now()));
    seen(Connection::expired(hidden(connection), now()));
    Connection::handle_unread_input(hidden(connection));
    Connection::handle_write_progress(hidden(connection));

    let out = &mut [0; 128];
    seen(Connection::send_text(hidden(connection), text(), part(out), Unknown));
    seen(Connection::send_binary(hidden(connection), bytes(), part(out), Unknown));
    let (kind, last) = (hidden(MessageKind::Text), hidden(true));
    let sent =
        Connection::send_fragment(hidden(connection), kind, bytes(), last, part(out), Unknown);
    seen(sent);
    seen(Connection::text_header(hidden(connection), text()));
    if let Ok(header) = hidden(Connection::binary_header(hidden(connection), number())) {
        value::<HeaderBytes>(&header);
        seen(<HeaderBytes as core::ops::Deref>::deref(&header));
        seen(<HeaderBytes as AsRef<[u8]>>::as_ref(&header));
    }
    seen(Connection::mask_text(hidden(connection), part(out), Unknown));
    seen(Connection::mask_binary(hidden(connection), part(out), Unknown));
    seen(Connection::send_ping(hidden(connection), bytes(), part(out), Unknown));
    seen(Connection::send_pong(hidden(connection), bytes(), part(out), Unknown));
    let code = hidden(CloseCode::Normal);
    seen(Connection::close(hidden(connection), code, text(), part(out), Unknown));
    seen(Connection::poll_transmit(hidden(connection), part(out), Unknown));
    seen(Connection::has_transmit(connection));
    #[cfg(feature = "alloc")]
    {
        let mut out = alloc::vec::Vec::new();
        let out = hidden(&mut out);
        seen(Connection::append_text(hidden(connection), text(), out, Unknown));
        seen(Connection::append_binary(hidden(connection), bytes(), out, Unknown));
        seen(Connection::append_fragment(hidden(connection), kind, bytes(), last, out, Unknown));
        Connection::release(hidden(connection));
    }
}

fn receiving(receiver: &mut Receiver, sender: &Sender) {
    shown::<Receiver>(receiver);
    seen(Receiver::role(receiver));
    seen(Receiver::sent_close(receiver));
    seen(Receiver::failure(receiver));
    seen(Receiver::message_size(receiver));
    seen(Receiver::may_send(receiver));
    seen(Receiver::is_clean(receiver));
    seen(Receiver::is_closed(receiver));
    seen(Receiver::has_ended(receiver));
    seen(Receiver::shutdown(receiver));
    let mut buffer = [0; 128];
    let mut input = hidden(Input::new(part(&mut buffer)));
    seen(Receiver::poll_event(hidden(receiver), hidden(&mut input)));
    seen(Receiver::control_payload(receiver));
    seen(Receiver::peer_close(receiver));
    seen(Receiver::handle_eof(hidden(receiver)));
    seen(Receiver::handle_reset(hidden(receiver)));
    seen(Receiver::poll_timeout(hidden(receiver), now()));
    seen(Receiver::has_timeout(receiver));
    seen(Receiver::handle_timeout(hidden(receiver), now()));
    seen(Receiver::expired(hidden(receiver), now()));
    Receiver::handle_unread_input(hidden(receiver));
    Receiver::handle_write_progress(hidden(receiver));
    #[cfg(feature = "deflate")]
    seen(Receiver::deflate_with(receiver, sender));
    #[cfg(not(feature = "deflate"))]
    seen(sender);
    #[cfg(feature = "alloc")]
    Receiver::release(hidden(receiver));
}

fn sending(sender: &mut Sender) {
    shown::<Sender>(sender);
    seen(Sender::role(sender));
    seen(Sender::sent_close(sender));
    seen(Sender::has_failed(sender));
    seen(Sender::may_send(sender));
    seen(Sender::is_clean(sender));
    seen(Sender::is_closed(sender));

    let out = &mut [0; 128];
    seen(Sender::send_text(hidden(sender), text(), part(out), Unknown));
    seen(Sender::send_binary(hidden(sender), bytes(), part(out), Unknown));
    let (kind, last) = (hidden(MessageKind::Text), hidden(true));
    seen(Sender::send_fragment(hidden(sender), kind, bytes(), last, part(out), Unknown));
    seen(Sender::text_header(hidden(sender), text()));
    seen(Sender::binary_header(hidden(sender), number()));
    seen(Sender::mask_text(hidden(sender), part(out), Unknown));
    seen(Sender::mask_binary(hidden(sender), part(out), Unknown));
    seen(Sender::send_ping(hidden(sender), bytes(), part(out), Unknown));
    seen(Sender::send_pong(hidden(sender), bytes(), part(out), Unknown));
    let code = hidden(CloseCode::Normal);
    seen(Sender::close(hidden(sender), code, text(), part(out), Unknown));
    seen(Sender::poll_transmit(hidden(sender), part(out), Unknown));
    seen(Sender::has_transmit(sender));
    #[cfg(feature = "alloc")]
    {
        let mut out = alloc::vec::Vec::new();
        let out = hidden(&mut out);
        seen(Sender::append_text(hidden(sender), text(), out, Unknown));
        seen(Sender::append_binary(hidden(sender), bytes(), out, Unknown));
        seen(Sender::append_fragment(hidden(sender), kind, bytes(), last, out, Unknown));
        Sender::release(hidden(sender));
    }
}

fn signals(receiver: &mut Receiver, sender: &mut Sender) {
    Signals::exchange(hidden(receiver), hidden(sender));
    seen(Receiver::has_signals(receiver));
    seen(Sender::has_signals(sender));
    if let (Some(mut some), Some(later)) =
        (hidden(Receiver::signals(hidden(receiver))), hidden(Receiver::signals(hidden(receiver))))
    {
        shown::<Signals>(&some);
        Signals::merge(hidden(&mut some), later);
        Sender::handle_signals(hidden(sender), some);
    }
    if let Some(some) = hidden(Sender::signals(hidden(sender))) {
        Receiver::handle_signals(hidden(receiver), some);
    }
}
