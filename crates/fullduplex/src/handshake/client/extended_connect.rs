//! The client's side of the opening handshake of HTTP/2 and HTTP/3: extended CONNECT (RFC 8441 §4 and §5, RFC 9220
//! §3). A header list goes out, and the one that comes back is checked: nothing of it is a secret of this handshake,
//! for the HTTP library has matched response and request. The stream of the request becomes the transport.

use super::error::{EncodeRequestError, ResponseError};
use super::request::ClientRequest;
use super::response::{Outcome, Repeatable, Response};
use crate::handshake::negotiate::LowerCase;
use crate::headers::{Header, Headers, is_header_value, is_token};
use crate::output::{BufferTooSmall, Cursor};

type EachField<'f> = &'f mut dyn FnMut(&str, &dyn Fn(&mut Cursor<'_>));

impl<S: AsRef<str>> ClientRequest<'_, S> {
    /// Gives the fields that ask for the WebSocket over HTTP/2 or HTTP/3 to `put`, names in lower case and values, in
    /// order, the pseudo-headers first (RFC 8441 §5). Each value is put together in `scratch`, 4 KiB are enough for
    /// most.
    ///
    /// A client sends it only to a server that has announced `SETTINGS_ENABLE_CONNECT_PROTOCOL` (RFC 8441 §3), and
    /// without END_STREAM: the stream goes on as the WebSocket.
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
    /// [`EncodeRequestError`] when a subprotocol or header must not be sent, or when `scratch` is too small (it says
    /// how much is needed). Nothing was `put` then.
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
            needed = needed.max(counter.finish().unwrap_or_else(|short| short.needed));
        });
        if needed > scratch.len() {
            return Err(EncodeRequestError::BufferTooSmall(BufferTooSmall { needed }));
        }
        self.each_field(&mut |name, write| {
            let mut out = Cursor::new(scratch);
            write(&mut out);
            let length = out.finish().unwrap_or_default();
            put(name, scratch.get(..length).unwrap_or_default());
        });
        Ok(())
    }

    /// Gives each field to `field`: its name, and what writes its value.
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
        if let Some(deflate) = &self.deflate {
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

/// A final response to an extended CONNECT, as an HTTP library hands it out: nothing of it is taken for granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectResponse<'b> {
    /// `:status`.
    pub status: u16,
    /// The header fields behind it, in order.
    pub headers: &'b [Header<'b>],
}

impl<'b> ConnectResponse<'b> {
    /// Checks the response to `request`: any status of 200 to 299 opens the WebSocket (RFC 8441 §5), if subprotocol
    /// and extensions are some that were offered.
    ///
    /// # Errors
    /// [`ResponseError`] when it does not open the WebSocket although it says so, or when it is no final response of
    /// HTTP/2. The stream is to be reset.
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
        let mut subprotocols = Repeatable::default();
        for subprotocol in headers.get_all("sec-websocket-protocol") {
            subprotocols.add(subprotocol);
        }
        let negotiated = response.check_choices(&subprotocols, request)?.with_stream();
        Ok(Outcome::Open { response, negotiated })
    }
}
