//! Header lines.

use fullduplex::headers::*;

use crate::support::*;

pub(crate) fn all() {
    let header = hidden(Header { name: text(), value: bytes() });
    seen(Header::value_str(&header));
    value::<Header<'_>>(&header);

    seen(list_contains(bytes(), text()));
    seen(is_token(bytes()));
    seen(is_header_value(bytes()));
    list_elements(bytes()).for_each(seen);
    error::<InvalidHeader>(hidden(InvalidHeader::Origin));
    list(extensions(bytes()));
}

/// Calls everything on header lines that a handshake lends.
pub(crate) fn view(headers: Headers<'_>) {
    let headers = hidden(headers);
    seen(Headers::get(&headers, text()));
    seen(Headers::get_str(&headers, text()));
    Headers::get_all(&headers, text()).for_each(seen);
    Headers::list(&headers, text()).for_each(seen);
    Headers::extensions(&headers).for_each(seen);
    seen(Headers::is_empty(&headers));
    defaulted::<Headers<'_>>();
    value::<Headers<'_>>(&headers);
    seen(<Headers<'_> as IntoIterator>::into_iter(headers));
    seen(<&Headers<'_> as IntoIterator>::into_iter(hidden(&headers)));
    let mut lines = hidden(Headers::iter(&headers));
    while let Some(line) = <HeadersIter<'_> as Iterator>::next(hidden(&mut lines)) {
        seen(line);
    }
    shown::<HeadersIter<'_>>(&lines);
    cloned::<HeadersIter<'_>>(&lines);
}

fn list(list: ExtensionList<'_>) {
    let mut list = hidden(list);
    shown::<ExtensionList<'_>>(&list);
    cloned::<ExtensionList<'_>>(&list);
    while let Some(extension) = <ExtensionList<'_> as Iterator>::next(hidden(&mut list)) {
        if let Ok(extension) = extension {
            one(extension);
        }
    }
    error::<MalformedExtension>(hidden(MalformedExtension));
}

/// Calls everything on an element of `Sec-WebSocket-Extensions`.
pub(crate) fn one(extension: Extension<'_>) {
    seen(Extension::name(&extension));
    value::<Extension<'_>>(&extension);
    let mut params = hidden(Extension::params(&extension));
    shown::<ExtensionParams<'_>>(&params);
    cloned::<ExtensionParams<'_>>(&params);
    while let Some(param) = <ExtensionParams<'_> as Iterator>::next(hidden(&mut params)) {
        value::<ExtensionParam<'_>>(&param);
        if let Some(some) = hidden(param.value) {
            ParamValue::chars(&some).for_each(seen);
            seen(<ParamValue<'_> as PartialEq<str>>::eq(&some, text()));
            value::<ParamValue<'_>>(&some);
            displayed::<ParamValue<'_>>(&some);
        }
    }
}
