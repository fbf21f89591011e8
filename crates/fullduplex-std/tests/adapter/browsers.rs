//! The opening handshakes of browsers, byte for byte except for names and keys, and compressed messages after them.

use std::io::{Read, Write};
use std::net::TcpStream;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use fullduplex_std::{
    DeflateConfig, EndpointConfig, Message, MessageKind, OwnedAcceptance, WebSocket, accept_with,
};
use fullduplex_testkit::{Frame, frames};

use crate::raw::{header, read_head};
use crate::support::{bounded, sockets};

const CHROMIUM: &str = "GET /chat HTTP/1.1\r\nHost: localhost:9001\r\nConnection: Upgrade\r\n\
    Pragma: no-cache\r\nCache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) \
    AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36\r\nUpgrade: websocket\r\n\
    Origin: http://localhost:8000\r\nSec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-US,en;q=0.9\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

const FIREFOX: &str = "GET /chat HTTP/1.1\r\nHost: localhost:9001\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; \
    rv:140.0) Gecko/20100101 Firefox/140.0\r\nAccept: */*\r\nAccept-Language: en-US,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\nSec-WebSocket-Version: 13\r\nOrigin: http://localhost:8000\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Connection: keep-alive, Upgrade\r\nSec-Fetch-Dest: empty\r\nSec-Fetch-Mode: websocket\r\n\
    Sec-Fetch-Site: same-site\r\nPragma: no-cache\r\nCache-Control: no-cache\r\nUpgrade: websocket\r\n\r\n";

const SAFARI: &str = "GET /chat HTTP/1.1\r\nHost: localhost:9001\r\nOrigin: http://localhost:8000\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Pragma: no-cache\r\nCache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) \
    AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15\r\n\r\n";

/// Before permessage-deflate, Safari offered an extension that never became a standard.
const OLD_SAFARI: &str = "GET /chat HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Host: localhost:9001\r\nOrigin: http://localhost:8000\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Extensions: x-webkit-deflate-frame\r\nUser-Agent: Mozilla/5.0 (Macintosh; Intel Mac OS X \
    10_12_6) AppleWebKit/603.3.8 (KHTML, like Gecko) Version/10.1.2 Safari/603.3.8\r\n\r\n";

/// Our server after a browser has sent this request, the browser's socket, and our answer about extensions.
fn opened(
    request: &str,
    config: EndpointConfig,
) -> (WebSocket<TcpStream>, TcpStream, Option<String>) {
    let (mut near, far) = sockets();
    near.write_all(request.as_bytes()).unwrap();
    let server = accept_with(far, config, |_| Ok(Default::default())).unwrap();
    let head = read_head(&mut near);
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let answer = header(&head, "Sec-WebSocket-Extensions").map(str::to_owned);
    (server, near, answer)
}

fn answer(request: &str, deflate: Option<DeflateConfig>) -> Option<String> {
    let mut config = EndpointConfig::new();
    config.deflate = deflate;
    opened(request, config).2
}

#[test]
fn every_browser_gets_the_answer_that_its_offer_allows() {
    bounded(|| {
        let default = DeflateConfig::new();
        let fresh = default.no_context_takeover(true).peer_no_context_takeover(true);
        let fresh_answer =
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
        for request in [CHROMIUM, FIREFOX, SAFARI] {
            assert_eq!(answer(request, None), None);
            assert_eq!(answer(request, Some(default)).as_deref(), Some("permessage-deflate"));
            assert_eq!(answer(request, Some(fresh)).as_deref(), Some(fresh_answer));
        }
        // Only Chromium lets its window be limited.
        let small = default.max_peer_window_bits(10);
        let limited = "permessage-deflate; client_max_window_bits=10";
        assert_eq!(answer(CHROMIUM, Some(small)).as_deref(), Some(limited));
        assert_eq!(answer(FIREFOX, Some(small)), None);
        assert_eq!(answer(SAFARI, Some(small)), None);
        for config in [None, Some(default), Some(fresh), Some(small)] {
            assert_eq!(answer(OLD_SAFARI, config), None);
        }
    });
}

/// Safari 15.0 to 15.3 cannot read compressed messages.
#[test]
fn a_server_that_compresses_declines_it_for_one_client() {
    bounded(|| {
        for (request, compresses) in [(SAFARI, false), (FIREFOX, true)] {
            let (mut browser, far) = sockets();
            browser.write_all(request.as_bytes()).unwrap();
            let config = EndpointConfig::new().deflate(DeflateConfig::new());
            let mut server = accept_with(far, config, |request| {
                let agent = request.headers().get_str("User-Agent").unwrap_or_default();
                let acceptance = OwnedAcceptance::new();
                let is_safari = agent.contains(" Version/");
                Ok(if is_safari { acceptance.deflate(None) } else { acceptance })
            })
            .unwrap();
            let head = read_head(&mut browser);
            assert_eq!(header(&head, "Sec-WebSocket-Extensions").is_some(), compresses, "{head}");
            assert_eq!(server.deflate().is_some(), compresses);
            server.send(Message::text("a".repeat(1000))).unwrap();
            let frame = read_frame(&mut browser);
            assert_eq!(frame.rsv == 4, compresses);
            assert_eq!(frame.payload.len() < 1000, compresses);
            browser.write_all(&Frame::text("b").masked().encode()).unwrap();
            assert_eq!(server.read().unwrap(), Message::text("b"));
        }
    });
}

/// The browser's compressor and decompressor: zlib in C, as Chromium has it.
struct Zlib(Compress, Decompress);

impl Zlib {
    fn new(window_bits: u8) -> Self {
        let level = Compression::default();
        Self(
            Compress::new_with_window_bits(level, false, window_bits),
            Decompress::new_with_window_bits(false, 15),
        )
    }

    fn deflate(&mut self, data: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(data.len() + 100);
        self.0.compress_vec(data, &mut out, FlushCompress::Sync).unwrap();
        assert!(out.ends_with(&[0, 0, 0xff, 0xff]));
        out.truncate(out.len() - 4);
        out
    }

    fn inflate(&mut self, payload: &[u8], len: usize) -> Vec<u8> {
        let payload = [payload, &[0, 0, 0xff, 0xff]].concat();
        let mut out = Vec::with_capacity(len + 100);
        self.1.decompress_vec(&payload, &mut out, FlushDecompress::Sync).unwrap();
        out
    }
}

/// Reads the single frame that has to come.
fn read_frame(socket: &mut TcpStream) -> Frame {
    let mut bytes = Vec::new();
    loop {
        let mut more = [0; 65_536];
        let len = socket.read(&mut more).unwrap();
        assert!(len > 0);
        bytes.extend(&more[..len]);
        let (head, payload_len) = match bytes[..] {
            [_, len @ ..=125, ..] => (2, usize::from(len)),
            [_, 126, a, b, ..] => (4, usize::from(u16::from_be_bytes([a, b]))),
            _ => continue,
        };
        if bytes.len() >= head + payload_len {
            let [frame] = &frames(&bytes)[..] else { panic!("more than a frame") };
            return frame.clone();
        }
    }
}

#[test]
fn a_conversation_with_chromium_and_firefox_is_compressed() {
    bounded(|| {
        let default = DeflateConfig::new();
        for (request, deflate, window_bits) in [
            (CHROMIUM, default, 15),
            (CHROMIUM, default.max_peer_window_bits(10), 10),
            (FIREFOX, default, 15),
            (SAFARI, default, 15),
        ] {
            let config = EndpointConfig::new().deflate(deflate);
            let (mut server, mut browser, answer) = opened(request, config);
            assert!(answer.unwrap().starts_with("permessage-deflate"));
            let mut zlib = Zlib::new(window_bits);
            let mut lens = Vec::new();
            let text = "{\"kind\": \"hello\"}, κόσμε ".repeat(40);
            for _ in 0..3 {
                let payload = zlib.deflate(text.as_bytes());
                let frame = Frame { rsv: 4, ..Frame::text(&*payload) };
                browser.write_all(&frame.masked().encode()).unwrap();
                assert_eq!(server.read().unwrap(), Message::text(&*text));
                server.send(Message::text(&*text)).unwrap();
                let frame = read_frame(&mut browser);
                assert_eq!((frame.rsv, frame.opcode, frame.fin), (4, 1, true));
                assert!(zlib.inflate(&frame.payload, text.len()) == text.as_bytes());
                lens.push(frame.payload.len());
            }
            assert!(lens[0] < 100 && lens[1] * 2 < lens[0], "{lens:?}");
            // A browser may send any message without compression.
            browser.write_all(&Frame::text("plain").masked().encode()).unwrap();
            assert_eq!(server.read().unwrap(), Message::text("plain"));
            server.feed_fragment(MessageKind::Text, b"in ", false).unwrap();
            server.flush().unwrap();
            let first = read_frame(&mut browser);
            server.feed_fragment(MessageKind::Text, b"two", true).unwrap();
            server.flush().unwrap();
            let second = read_frame(&mut browser);
            assert_eq!((first.rsv, first.fin, second.rsv, second.fin), (4, false, 0, true));
            let payload = [first.payload, second.payload].concat();
            assert_eq!(zlib.inflate(&payload, 100), b"in two");
        }
    });
}
