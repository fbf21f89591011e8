//! The open connection with its buffers.

use core::time::Duration;

use fullduplex::handshake::HeadLimits;
use fullduplex::*;

use crate::support::*;

pub(crate) fn all() {
    let config = hidden(EndpointConfig::new());
    let config = hidden(EndpointConfig::limits(config, hidden(Limits::new())));
    let config = hidden(EndpointConfig::timeouts(config, hidden(Timeouts::new())));
    let config = hidden(EndpointConfig::head_limits(config, hidden(HeadLimits::new())));
    let config = hidden(EndpointConfig::handshake_timeout(config, hidden(None)));
    let config = hidden(EndpointConfig::max_write_buffer_size(config, number()));
    defaulted::<EndpointConfig>();
    key::<EndpointConfig>(&config);
    let negotiated = hidden(Negotiated::without_extensions());
    let role = hidden(Role::Client);
    endpoint(hidden(Endpoint::open(role, negotiated, bytes(), &config, Unknown)));
    let (receiver, sender) = Connection::split(Connection::new(role, negotiated, Config::new()));
    writing(hidden(&mut Writer::new(sender, number(), Unknown)), hidden(&receiver));
    reading(hidden(&mut Reader::new(receiver)));
}

fn now() -> Duration {
    hidden(Duration::ZERO)
}

#[inline(never)]
pub(crate) fn endpoint(mut endpoint: Endpoint<Unknown>) {
    shown::<Endpoint<Unknown>>(&endpoint);
    seen(Endpoint::role(&endpoint));
    seen(Endpoint::poll(hidden(&mut endpoint)));
    seen(Endpoint::find(hidden(&mut endpoint)));
    seen(Endpoint::poll_owned(hidden(&mut endpoint)));
    seen(Endpoint::poll_chunk(hidden(&mut endpoint)));
    seen(Endpoint::output(hidden(&mut endpoint)));
    seen(Endpoint::handle_eof(hidden(&mut endpoint)));
    seen(Endpoint::handle_reset(hidden(&mut endpoint)));
    seen(Endpoint::poll_timeout(hidden(&mut endpoint), now()));
    seen(Endpoint::has_timeout(hidden(&mut endpoint)));
    seen(Endpoint::handle_timeout(hidden(&mut endpoint), now()));
    seen(Endpoint::expired(hidden(&mut endpoint), now()));
    seen(Endpoint::shutdown(hidden(&mut endpoint)));
    seen(Endpoint::is_at_rest(&endpoint));
    Endpoint::release(hidden(&mut endpoint));
    #[cfg(feature = "deflate")]
    seen(Endpoint::deflate(&endpoint));
    let (reader, writer) = hidden(Endpoint::split(endpoint));
    seen(Endpoint::join(reader, writer));
}

fn reading(reader: &mut Reader) {
    shown::<Reader>(reader);
    seen(Reader::receiver(reader));
    seen(Reader::receiver_mut(hidden(reader)));
    Reader::push(hidden(reader), bytes());
    seen(Reader::room(hidden(reader)));
    seen(Reader::room_buf(hidden(reader)));
    seen(Reader::room_ahead(hidden(reader), number()));
    Reader::advance(hidden(reader), number());
    seen(Reader::poll(hidden(reader)));
    seen(Reader::find(hidden(reader)));
    seen(Reader::message(hidden(reader)));
    seen(Reader::poll_owned(hidden(reader)));
    seen(Reader::poll_chunk(hidden(reader)));
    seen(Reader::is_within_message(reader));
    Reader::give_up_message(hidden(reader));
    let mut scan = hidden(CloseScan::new());
    seen(Reader::find_close(hidden(reader), hidden(&mut scan)));
    seen(CloseScan::ended(&scan));
    shown::<CloseScan>(&scan);
    defaulted::<CloseScan>();
    seen(Reader::capacity(reader));
    seen(Reader::unread(reader));
    seen(Reader::is_drained(reader));
    Reader::release(hidden(reader));
}

fn writing(writer: &mut Writer<Unknown>, receiver: &Receiver) {
    shown::<Writer<Unknown>>(writer);
    seen(Writer::sender(writer));
    seen(Writer::sender_mut(hidden(writer)));
    seen(Writer::send(hidden(writer), hidden(MessageRef::Text(text()))));
    let mut message = hidden(Message::binary(bytes().to_vec()));
    seen(Writer::send_message(hidden(writer), hidden(&mut message)));
    if let Ok(prepared) = hidden(PreparedMessage::new(MessageKind::Text, bytes())) {
        seen(Writer::send_prepared(hidden(writer), &prepared));
    }
    let (kind, last) = (hidden(MessageKind::Text), hidden(true));
    seen(Writer::send_fragment(hidden(writer), kind, bytes(), last));
    let reason = hidden(CloseFrameRef { code: CloseCode::Normal, reason: text() });
    seen(Writer::close(hidden(writer), reason));
    seen(Writer::queue_answers(hidden(writer)));
    seen(Writer::has_space(writer));
    Writer::reserve(hidden(writer));
    seen(Writer::first(writer));
    Writer::slices(hidden(writer)).for_each(seen);
    Writer::advance(hidden(writer), number());
    Writer::copy_payloads(hidden(writer));
    seen(Writer::pending(writer));
    seen(Writer::shutdown(writer, receiver));
    Writer::release(hidden(writer));
}
