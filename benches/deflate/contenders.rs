//! The contenders that compress and decompress: zlib-rs alone, and an endpoint of ours. Before they are measured, it is
//! checked that each does the work.

use fullduplex::{Message, MessageRef};
use fullduplex_benches::compression::{Setting, json, pair};
use fullduplex_benches::{READ_SIZE, Traffic};
use fullduplex_testkit::frames;
use std::hint::black_box;
use zlib_rs::{DeflateConfig, DeflateFlush, InflateFlush};

/// Processes this number of messages, in turn.
pub(crate) type Contender = Box<dyn FnMut(usize)>;

/// The end of every compressed message, which is not sent (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// The length of all messages together: several windows, but compressed it stays in the cache, as input from a socket does.
const TOTAL: usize = 256 << 10;

/// How much larger than a message the output buffer is, so that zlib-rs never reaches its end.
const SLACK: usize = 4 << 10;

/// The messages, plain and compressed.
pub(crate) struct Messages {
    pub(crate) setting: Setting,
    /// The length of each message.
    pub(crate) len: usize,
    plain: Vec<Vec<u8>>,
    /// The payload of each message, with the tail.
    compressed: Vec<Vec<u8>>,
    /// All messages as frames.
    wire: Vec<u8>,
}

impl Messages {
    pub(crate) fn new(setting: Setting, len: usize) -> Self {
        let plain: Vec<Vec<u8>> = (0..TOTAL / len).map(|number| json(len, number)).collect();
        let (mut server, _) = pair(setting);
        let mut wire = Vec::new();
        for message in &plain {
            server.writer.send(MessageRef::Binary(message)).expect("room");
            let output = server.output().expect("nothing is masked").first();
            wire.extend_from_slice(output);
            let len = output.len();
            server.writer.advance(len);
        }
        let with_tail = |payload: Vec<u8>| [payload, TAIL.to_vec()].concat();
        let compressed: Vec<Vec<u8>> =
            frames(&wire).into_iter().map(|frame| with_tail(frame.payload)).collect();
        let messages = Self { setting, len, plain, compressed, wire };
        messages.prove();
        messages
    }

    pub(crate) fn count(&self) -> usize {
        self.plain.len()
    }

    /// Checks that zlib-rs alone compresses the messages to the same size as our server, and that our client decompresses
    /// them.
    fn prove(&self) {
        let (mut deflate, mut out) = (deflate(self.setting), vec![0; 2 * self.len + SLACK]);
        let (mut by_us, mut direct) = (0, 0);
        for (message, compressed) in self.plain.iter().zip(&self.compressed) {
            direct += compress(&mut deflate, message, &mut out).len() + TAIL.len();
            by_us += compressed.len();
        }
        // A flush that has just filled its output is repeated, which adds some bytes.
        assert!(by_us.abs_diff(direct) <= direct / 1000, "{by_us} bytes are not {direct}");

        let (_, mut client) = pair(self.setting);
        let mut traffic = Traffic::of(self.wire.clone(), self.count());
        let mut expected = self.plain.iter();
        while expected.len() > 0 {
            let len = traffic.read(client.reader.room());
            client.reader.advance(len);
            while expected.len() > 0
                && let Some((message, _)) = client.poll().expect("valid frames")
            {
                let expected = expected.next().expect("it is not at its end");
                assert!(message == MessageRef::Binary(expected), "another message");
            }
        }
    }
}

fn deflate(setting: Setting) -> zlib_rs::Deflate {
    zlib_rs::Deflate::new_with_config(DeflateConfig {
        level: i32::from(setting.level),
        // A negative value means no header and checksum of RFC 1950.
        window_bits: -i32::from(setting.window_bits),
        mem_level: i32::from(setting.mem_level),
        ..DeflateConfig::default()
    })
}

#[inline(always)]
fn compress<'o>(deflate: &mut zlib_rs::Deflate, message: &[u8], out: &'o mut [u8]) -> &'o [u8] {
    let before = deflate.total_out();
    deflate.compress(message, out, DeflateFlush::SyncFlush).expect("valid settings");
    let len = (deflate.total_out() - before) as usize;
    assert!(len < out.len() && out[..len].ends_with(&TAIL), "all of it, up to the flush");
    &out[..len - TAIL.len()]
}

pub(crate) fn compressors(messages: &Messages) -> Vec<(&'static str, Contender)> {
    let plain = messages.plain.clone();
    let (mut deflate, mut out) = (deflate(messages.setting), vec![0; 2 * messages.len + SLACK]);
    let mut next = 0;
    let direct = move |count| {
        for _ in 0..count {
            black_box(compress(&mut deflate, &plain[next], &mut out));
            next = (next + 1) % plain.len();
        }
    };

    let plain = messages.plain.clone();
    let (mut server, _) = pair(messages.setting);
    let mut next = 0;
    let ours = move |count| {
        for _ in 0..count {
            server.writer.send(MessageRef::Binary(&plain[next])).expect("room");
            let len = black_box(server.output().expect("nothing is masked").first()).len();
            server.writer.advance(len);
            next = (next + 1) % plain.len();
        }
    };
    vec![("zlib-rs alone", Box::new(direct)), ("Endpoint::send", Box::new(ours))]
}

pub(crate) fn decompressors(messages: &Messages) -> Vec<(&'static str, Contender)> {
    let lens: Vec<usize> = messages.compressed.iter().map(Vec::len).collect();
    let mut traffic = Traffic::of(messages.compressed.concat(), messages.count());
    let mut inflate = zlib_rs::Inflate::new(false, 15);
    let (mut buffer, mut out) = (vec![0; 2 * READ_SIZE], vec![0; messages.len + SLACK]);
    let (mut start, mut end, mut next, wanted) = (0, 0, 0, messages.len);
    let direct = move |count| {
        for _ in 0..count {
            if end - start < lens[next] {
                buffer.copy_within(start..end, 0);
                (start, end) = (0, end - start);
                end += traffic.read(&mut buffer[end..][..READ_SIZE]);
            }
            let payload = &buffer[start..start + lens[next]];
            let before = inflate.total_out();
            inflate.decompress(payload, &mut out, InflateFlush::SyncFlush).expect("valid data");
            let len = (inflate.total_out() - before) as usize;
            assert_eq!(len, wanted, "all of it");
            black_box(&out[..len]);
            start += lens[next];
            next = (next + 1) % lens.len();
        }
    };

    let (_, mut client) = pair(messages.setting);
    let mut traffic = Traffic::of(messages.wire.clone(), messages.count());
    let lent = move |count| {
        let mut received = 0;
        loop {
            while let Some((message, _)) = client.poll().expect("valid frames") {
                black_box::<MessageRef<'_>>(message);
                received += 1;
                if received == count {
                    return;
                }
            }
            let len = traffic.read(client.reader.room());
            client.reader.advance(len);
        }
    };

    let (_, mut client) = pair(messages.setting);
    let mut traffic = Traffic::of(messages.wire.clone(), messages.count());
    let owned = move |count| {
        let mut received = 0;
        loop {
            while let Some(message) = client.poll_owned().expect("valid frames") {
                drop::<Message>(black_box(message));
                received += 1;
                if received == count {
                    return;
                }
            }
            let len = traffic.read(client.reader.room());
            client.reader.advance(len);
        }
    };
    vec![
        ("zlib-rs alone", Box::new(direct)),
        ("Endpoint::poll", Box::new(lent)),
        ("Endpoint::poll_owned", Box::new(owned)),
    ]
}
