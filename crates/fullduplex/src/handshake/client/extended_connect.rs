//! The client's side of the opening handshake over HTTP/2 and HTTP/3: extended CONNECT (RFC 8441 §4 and §5, RFC 9220
//! §3). Creates the header list of a request, and checks the header list of the response. There is no key, because the
//! HTTP library matches responses to requests. The stream of the request becomes the transport.

use super::error::{EncodeRequestError, ResponseError};
use super::request::ClientRequest;
use super::response::{Outcome, Response};
use crate::handshake::negotiate::{Field, LowerCase};
use crate::headers::{Header, Headers, is_header_value, is_token};
use crate::output::{BufferTooSmall, Cursor};

type EachField<'f> = &'f mut dyn FnMut(&str, &dyn Fn(&mut Cursor<'_>));

impl<S: AsRef<str>> ClientRequest<'_, S> {
    /// Creates the fields of a request for a WebSocket over HTTP/2 or HTTP/3 (RFC 8441 §5). It calls `put` with the
    /// name, in lower case, and the value of each field, in order; the pseudo-headers come first. Each value is built
    /// in `scratch`; 4 KiB are enough for most requests.
    ///
    /// A client may send the request only to a server that has announced `SETTINGS_ENABLE_CONNECT_PROTOCOL` (RFC 8441
    /// §3). It must send it without END_STREAM, because the stream becomes the WebSocket.
    ///
    /// ```
    /// use fullduplex::Uri;
    /// use fullduplex::handshake::{ClientRequest, ConnectResponse, Outcome};
    /// use fullduplex::headers::Header;
    ///
    /// let request = ClientRequest::new(Uri::parse("wss://server.example.com/chat")?).subprotocols(&["chat"]);
    /// let mut fields = Vec::new();
    /// request.connect_fields(&mut [0; 4096], |name, value| fields.push((name.to_owned(), value.to_owned())))?;
    /// assert_eq!(fields[1], (":protocol".to_owned(), b"websocket".to_vec()));
    ///
    /// let answer = [Header { name: "sec-websocket-protocol", value: b"chat" }];
    /// match (ConnectResponse { status: 200, headers: &answer }).check(&request)? {
    ///     Outcome::Open { response, negotiated: _ } => assert_eq!(response.subprotocol(), Some("chat")),
    ///     Outcome::Refused(response) => panic!("status {}", response.status()),
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`EncodeRequestError`] when a subprotocol or header must not be sent, or when `scratch` is too small; the error
    /// says how much is needed. `put` was not called then.
    pub fn connect_fields(
        &self,
        scratch: &mut [u8],
        mut put: impl FnMut(&str, &[u8]),
    ) -> Result<(), EncodeRequestError> {
        self.validate().map_err(EncodeRequestError::InvalidHeader)?;
        LowerCase::check(self.headers).map_err(EncodeRequestError::InvalidHeader)?;
        let mut needed = 0;
        self.each_field(&mut |_, write| {
            let mut counter = Cursor::new(&mut []);
            write(&mut counter);
            needed = needed.max(counter.count());
        });
        if needed > scratch.len() {
            return Err(EncodeRequestError::BufferTooSmall(BufferTooSmall { needed }));
        }
        self.each_field(&mut |name, write| {
            let mut out = Cursor::new(scratch);
            write(&mut out);
            let value = out.into_bytes();
            debug_assert!(value.is_ok(), "the counter has counted fewer bytes");
            if let Ok(value) = value {
                put(name, value);
            }
        });
        Ok(())
    }

    /// Calls `field` for each field, with its name and a function that writes its value.
    fn each_field(&self, field: EachField<'_>) {
        let uri = &self.uri;
        field(":method", &|out| out.put(b"CONNECT"));
        field(":protocol", &|out| out.put(b"websocket"));
        // "The scheme of the target URI MUST be "https" for "wss"-schemed WebSockets and "http" for "ws"-schemed".
        field(":scheme", &|out| out.put(if uri.is_secure() { b"https" } else { b"http" }));
        field(":authority", &|out| uri.put_host(out));
        field(":path", &|out| uri.put_resource_name(out));
        field("sec-websocket-version", &|out| out.put(b"13"));
        if !self.subprotocols.is_empty() {
            field("sec-websocket-protocol", &|out| self.put_subprotocols(out));
        }
        #[cfg(feature = "deflate")]
        if let Some(deflate) = self.deflate_offer() {
            field("sec-websocket-extensions", &|out| deflate.write_offer(out));
        }
        if let Some(origin) = self.origin {
            field("origin", &|out| out.put(origin.as_bytes()));
        }
        if self.sends_credentials() {
            field("authorization", &|out| {
                out.put(b"Basic ");
                uri.put_basic_credentials(out);
            });
        }
        let mut lower = LowerCase::new();
        for (name, value) in self.headers {
            field(lower.of(name.as_ref()), &|out| out.put(value.as_ref().as_bytes()));
        }
    }
}

/// A final response to an extended CONNECT, as an HTTP library hands it out. All of it is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectResponse<'b> {
    /// `:status`.
    pub status: u16,
    /// The header fields, in order, without `:status`.
    pub headers: &'b [Header<'b>],
}

impl<'b> ConnectResponse<'b> {
    /// Checks the response to `request`. Any status from 200 to 299 opens the WebSocket (RFC 8441 §5), if the client
    /// has offered the subprotocol and the extensions.
    ///
    /// # Errors
    /// [`ResponseError`] when the response does not open the WebSocket although its status says so, or when it is not a
    /// final response of HTTP/2. The caller must reset the stream.
    pub fn check<S: AsRef<str>>(
        &self,
        request: &ClientRequest<'_, S>,
    ) -> Result<Outcome<'b>, ResponseError> {
        let is_valid = |Header { name, value }: &Header<'_>| {
            is_token(name.as_bytes()) && is_header_value(value)
        };
        // "HTTP/2 removes support for the 101 (Switching Protocols) informational status code."
        if !(200..=599).contains(&self.status) || !self.headers.iter().all(is_valid) {
            return Err(ResponseError::Connect);
        }
        let headers = Headers::from_validated_list(self.headers);
        let response = Response { head_len: 0, status: self.status, reason: "", headers };
        if self.status >= 300 {
            return Ok(Outcome::Refused(response));
        }
        let mut subprotocols = Field::default();
        for subprotocol in headers.get_all("sec-websocket-protocol") {
            subprotocols.add(subprotocol);
        }
        let negotiated = response.check_choices(subprotocols, request)?.with_stream();
        Ok(Outcome::Open { response, negotiated })
    }
}
