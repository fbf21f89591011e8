//! Plain values and their errors.

use core::time::Duration;

use fullduplex::*;

use crate::support::*;

pub(crate) fn all() {
    codes();
    headers();
    settings();
    uris();
    errors();
}

fn codes() {
    let code = hidden(CloseCode::Normal);
    seen(CloseCode::is_allowed(code));
    seen(CloseCode::to_u16(code));
    seen(CloseCode::from_u16(hidden(1)));
    seen(<CloseCode as From<u16>>::from(hidden(1)));
    seen(<u16 as From<CloseCode>>::from(code));
    seen(<u16 as From<&CloseCode>>::from(hidden(&code)));
    key::<CloseCode>(&code);
    displayed::<CloseCode>(&code);
    value::<CloseFrameRef<'_>>(hidden(&CloseFrameRef { code, reason: text() }));

    let role = hidden(Role::Client);
    seen(Role::peer(role));
    key::<Role>(&role);

    let part = hidden(Part::First);
    seen(Part::is_first(part));
    seen(Part::is_last(part));
    key::<Part>(&part);
    key::<MessageKind>(hidden(&MessageKind::Text));
    value::<Event<'_>>(hidden(&Event::Text(bytes(), part)));
    key::<Shutdown>(hidden(&Shutdown::No));

    seen(<NoEntropy as Entropy>::next_u32(&mut NoEntropy));
    seen(<&mut _ as Entropy>::next_u32(&mut &mut Unknown));
    shown::<NoEntropy>(&NoEntropy);
    cloned::<NoEntropy>(&NoEntropy);
    defaulted::<NoEntropy>();
}

fn headers() {
    seen(OpCode::from_bits(byte()));
    let opcode = hidden(OpCode::Text);
    seen(OpCode::is_control(opcode));
    key::<OpCode>(&opcode);

    let header = hidden(FrameHeader {
        fin: true,
        rsv: byte(),
        opcode,
        mask: Some([byte(); 4]),
        payload_len: 1,
    });
    seen(FrameHeader::encoded_len(&header));
    let mut out = [0; MAX_FRAME_HEADER_LEN];
    seen(FrameHeader::encode(&header, &mut out));
    seen(out);
    seen(FrameHeader::decode(bytes()));
    value::<FrameHeader>(&header);

    let mut buffer = [0; 128];
    apply_mask(part(&mut buffer), hidden([1; 4]), hidden(1));
    seen(buffer);
}

fn settings() {
    let limits = hidden(Limits::new());
    let limits = hidden(Limits::max_frame_size(limits, hidden(1)));
    let limits = hidden(Limits::max_message_size(limits, hidden(1)));
    let limits = hidden(Limits::max_fragments(limits, hidden(1)));
    defaulted::<Limits>();
    key::<Limits>(&limits);
    let timeouts = hidden(Timeouts::new());
    let (interval, wait) = (hidden(Duration::ZERO), hidden(Duration::ZERO));
    let timeouts = hidden(Timeouts::keepalive(timeouts, interval, wait));
    let timeouts = hidden(Timeouts::idle_timeout(timeouts, hidden(Some(wait))));
    let timeouts = hidden(Timeouts::close_timeout(timeouts, wait));
    defaulted::<Timeouts>();
    key::<Timeouts>(&timeouts);
    let config = hidden(Config::new());
    let config = hidden(Config::limits(config, limits));
    let config = hidden(Config::timeouts(config, timeouts));
    defaulted::<Config>();
    key::<Config>(&config);
    let negotiated = hidden(Negotiated::without_extensions());
    seen(Negotiated::is_over_stream(&negotiated));
    value::<Negotiated>(&negotiated);
}

fn uris() {
    if let Ok(uri) = hidden(Uri::parse(text())) {
        seen(Uri::as_str(&uri));
        seen(Uri::is_secure(&uri));
        seen(Uri::host(&uri));
        seen(Uri::bracketed_host(&uri));
        seen(Uri::port(&uri));
        seen(Uri::path(&uri));
        seen(Uri::query(&uri));
        seen(Uri::has_credentials(&uri));
        value::<Uri<'_>>(&uri);
        displayed::<Uri<'_>>(&uri);
    }
}

fn errors() {
    error::<BufferTooSmall>(BufferTooSmall { needed: number() });
    error::<CloseFrameError>(hidden(CloseFrameError::Code(1)));
    error::<Ended>(hidden(Ended::Reset));
    error::<EntropyError>(hidden(EntropyError));
    error::<FrameError>(hidden(FrameError::Masked));
    error::<MessageError>(hidden(MessageError::TooLarge));
    error::<SendError>(hidden(SendError::Closed));
    error::<Timeout>(hidden(Timeout::Pong));
    error::<UriError>(hidden(UriError::Port));
    let some = hidden(Error::Ended(Ended::Reset));
    seen(Error::close_code(&some));
    seen(Error::fault(&some));
    error::<Error>(some);
    key::<Fault>(hidden(&Fault::Peer));
    seen(<Error as From<FrameError>>::from(hidden(FrameError::Masked)));
    seen(<Error as From<MessageError>>::from(hidden(MessageError::TooLarge)));
    seen(<Error as From<CloseFrameError>>::from(hidden(CloseFrameError::Reason)));
    seen(<Error as From<Timeout>>::from(hidden(Timeout::Pong)));
    seen(<Error as From<Ended>>::from(hidden(Ended::Reset)));
}
