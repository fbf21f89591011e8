//! permessage-deflate.

use fullduplex::handshake::*;
use fullduplex::*;

use crate::support::*;

pub(crate) fn all() {
    let config = settings();
    let mut buffer = [0; 128];
    let mut scratch = [0; 128];
    let input = hidden(Input::with_scratch(part(&mut buffer), part(&mut scratch)));
    seen(Input::needs_scratch(&input));
    seen(Input::scratch_range_of(&input, bytes()));

    let acceptance = hidden(Acceptance::new());
    let acceptance = hidden(Acceptance::deflate(acceptance, config));
    let parts =
        RequestParts { method: text(), target: text(), version: (1, 1), headers: hidden(&[]) };
    if let Ok(request) = hidden(RequestParts::check(&hidden(parts))) {
        let mut out = [0; 128];
        if let Ok((_, negotiated)) = hidden(Request::accept(&request, &acceptance, part(&mut out)))
        {
            opened(negotiated);
        }
    }
    if let Ok(uri) = hidden(Uri::parse(text())) {
        seen(ClientRequest::deflate(ClientRequest::new(uri), config));
    }
    if let Ok(request) = hidden(OwnedClientRequest::new(text())) {
        seen(OwnedClientRequest::deflate(request, config));
    }
    seen(OwnedAcceptance::deflate(OwnedAcceptance::new(), config));
    seen(EndpointConfig::deflate(EndpointConfig::new(), config));
}

fn settings() -> DeflateConfig {
    let config = hidden(DeflateConfig::new());
    let config = hidden(DeflateConfig::level(config, byte()));
    let config = hidden(DeflateConfig::mem_level(config, byte()));
    let config = hidden(DeflateConfig::max_window_bits(config, byte()));
    let config = hidden(DeflateConfig::max_peer_window_bits(config, byte()));
    let config = hidden(DeflateConfig::no_context_takeover(config, hidden(true)));
    let config = hidden(DeflateConfig::peer_no_context_takeover(config, hidden(true)));
    let config = hidden(DeflateConfig::threshold(config, number()));
    let config = hidden(DeflateConfig::accept_window_limit(config, hidden(true)));
    defaulted::<DeflateConfig>();
    key::<DeflateConfig>(&config);
    let choice = <DeflateChoice as From<Option<DeflateConfig>>>::from(hidden(Some(config)));
    let choice = hidden(choice);
    seen(<DeflateChoice as From<DeflateConfig>>::from(config));
    seen(DeflateChoice::for_endpoint(choice, hidden(Some(config))));
    defaulted::<DeflateChoice>();
    key::<DeflateChoice>(&choice);
    error::<InflateError>(hidden(InflateError::Invalid));
    error::<NegotiationError>(hidden(NegotiationError::Ignored));
    seen(<Error as From<InflateError>>::from(hidden(InflateError::Invalid)));
    config
}

fn opened(negotiated: Negotiated) {
    if let Some(params) = hidden(Negotiated::deflate(&negotiated)) {
        seen(DeflateParams::window_bits(&params));
        seen(DeflateParams::peer_window_bits(&params));
        seen(DeflateParams::context_takeover(&params));
        seen(DeflateParams::peer_context_takeover(&params));
        value::<DeflateParams>(&params);
    }
    let mut connection = hidden(Connection::new(Role::Server, negotiated, Config::new()));
    seen(Connection::deflate(&connection));
    Connection::set_compression(hidden(&mut connection), hidden(true));
    let (_, mut sender) = hidden(Connection::split(connection));
    Sender::set_compression(hidden(&mut sender), hidden(true));
}
