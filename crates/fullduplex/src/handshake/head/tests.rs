use super::*;

// The tests run where there is a heap, whatever the crate is built for.
extern crate std;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nX:\tb \x80\xff\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 101\r\nUpgrade: websocket\r\n\r\n";

/// Scans `bytes` in pieces, whose sizes `next` returns. Returns the result, and after how many bytes it came.
fn scan(
    kind: HeadKind,
    max_size: usize,
    bytes: &[u8],
    mut next: impl FnMut(usize) -> usize,
) -> (Result<Option<usize>, HeadError>, usize) {
    let mut scanner = HeadScanner::new(kind, max_size);
    let mut received = 0;
    loop {
        let verdict = scanner.poll(&bytes[..received]);
        if verdict != Ok(None) || received == bytes.len() {
            return (verdict, received);
        }
        received = next(received).clamp(received + 1, bytes.len());
    }
}

/// The result for `bytes`. It must be the same for every split, and come as early as possible.
fn verdict(kind: HeadKind, max_size: usize, bytes: &[u8]) -> Result<Option<usize>, HeadError> {
    let (whole, _) = scan(kind, max_size, bytes, |_| bytes.len());
    let (one_by_one, earliest) = scan(kind, max_size, bytes, |received| received + 1);
    assert_eq!(one_by_one, whole);
    for split in 0..bytes.len() {
        let (halves, _) =
            scan(
                kind,
                max_size,
                bytes,
                |received| if received < split { split } else { bytes.len() },
            );
        assert_eq!(halves, whole, "split at {split}");
        if split < earliest {
            let (part, _) = scan(kind, max_size, &bytes[..split], |_| split);
            assert_eq!(part, Ok(None), "cut off at {split}");
        }
    }
    whole
}

fn request(bytes: &[u8]) -> Result<Option<usize>, HeadError> {
    verdict(HeadKind::Request, DEFAULT_MAX_HEAD_SIZE, bytes)
}

#[test]
fn a_head_is_found_with_and_without_bytes_behind_it() {
    assert_eq!(request(REQUEST), Ok(Some(REQUEST.len())));
    let mut longer = [0x81; 80];
    longer[..REQUEST.len()].copy_from_slice(REQUEST);
    assert_eq!(request(&longer), Ok(Some(REQUEST.len())));
    assert_eq!(request(&REQUEST[..REQUEST.len() - 1]), Ok(None));
    assert_eq!(request(b""), Ok(None));
    assert_eq!(
        verdict(HeadKind::Response, DEFAULT_MAX_HEAD_SIZE, RESPONSE),
        Ok(Some(RESPONSE.len()))
    );
}

fn response(bytes: &[u8]) -> Result<Option<usize>, HeadError> {
    verdict(HeadKind::Response, DEFAULT_MAX_HEAD_SIZE, bytes)
}

#[test]
fn one_empty_line_before_a_head_is_skipped_and_no_more() {
    assert_eq!(request(b"\r\nGET / HTTP/1.1\r\n\r\n"), Ok(Some(20)));
    assert_eq!(response(b"\r\nHTTP/1.1 101\r\n\r\n"), Ok(Some(18)));
    for head in [request, response] {
        assert_eq!(head(b"\r\n"), Ok(None));
        // What follows the empty line is checked as if there were no empty line.
        for byte in [b'\r', b'\n', 0, 0x16, b' ', 0xff] {
            assert_eq!(head(&[b'\r', b'\n', byte]), Err(HeadError::NotHttp { byte }), "{byte}");
        }
        assert_eq!(head(b"\rG"), Err(HeadError::BareCarriageReturn));
    }
}

#[test]
fn a_first_line_that_can_no_longer_become_one_of_http_is_refused_at_that_byte() {
    use HeadError::{FirstLine, Version};
    for (start, byte, error) in [
        // HTTP/0.9, and protocols in which the client begins with a line of text.
        ("GET /", b'\r', FirstLine),
        ("GET", b'\r', FirstLine),
        ("SSH-2.0-OpenSSH_9.2", b'\r', FirstLine),
        ("SSH-2.0-OpenSSH_9.2", b'\n', HeadError::BareLineFeed),
        ("EHLO mail.example.com", b'\r', FirstLine),
        ("USER guest ", b'0', FirstLine),
        ("OPTIONS rtsp://a.example/b ", b'R', FirstLine),
        ("INVITE sip:bob@b.example ", b'S', FirstLine),
        ("PROXY TCP4 ", b'1', FirstLine),
        ("*1", b'\r', FirstLine),
        ("G", b'(', FirstLine),
        ("GET", b'\t', FirstLine),
        ("GET ", b' ', FirstLine),
        ("GET /a", b'\t', FirstLine),
        ("GET /a", 0x7f, HeadError::ControlCharacter { byte: 0x7f }),
        ("GET / ", b'h', FirstLine),
        ("GET / ", b' ', FirstLine),
        ("GET / HTTP", b'\r', FirstLine),
        ("GET / HTTP/", b'v', FirstLine),
        ("GET / HTTP/", b'.', FirstLine),
        ("GET / HTTP/1.", b'x', FirstLine),
        ("GET / HTTP/1.1", b' ', FirstLine),
        ("PRI * HTTP/", b'2', Version),
        ("GET / HTTP/", b'0', Version),
        ("GET / HTTP/1", b'\r', Version),
        ("GET / HTTP/1", b'0', Version),
        ("GET / HTTP/1.", b'2', Version),
        ("GET / HTTP/1.1", b'0', Version),
        ("GET / HTTP/1.0", b'.', Version),
        ("an-endless-method-like-this-one_", b'a', HeadError::MethodTooLong),
    ] {
        assert_eq!(request(start.as_bytes()), Ok(None), "{start}");
        let line = [start.as_bytes(), &[byte]].concat();
        assert_eq!(request(&line), Err(error), "{}", line.escape_ascii());
    }
    for (start, byte, error) in [
        ("H", b'E', FirstLine),
        ("HTTP/1.1", b'\r', FirstLine),
        ("HTTP/1.1 ", b'0', FirstLine),
        ("HTTP/1.1 ", b' ', FirstLine),
        ("HTTP/1.1 10", b'\r', FirstLine),
        ("HTTP/1.1 101", b'0', FirstLine),
        ("HTTP/1.1 101", b'\t', FirstLine),
        ("HTTP/1.1 101", 0, HeadError::ControlCharacter { byte: 0 }),
        ("HTTP/", b'2', Version),
        ("HTTP/1", b' ', Version),
        ("HTTP/1.", b'2', Version),
        ("HTTP/1.1", b'1', Version),
    ] {
        assert_eq!(response(start.as_bytes()), Ok(None), "{start}");
        let line = [start.as_bytes(), &[byte]].concat();
        assert_eq!(response(&line), Err(error), "{}", line.escape_ascii());
    }
}

#[test]
fn a_folded_line_is_refused_at_its_white_space_and_can_be_unfolded() {
    for white_space in [" ", "\t"] {
        for (kind, first) in
            [(HeadKind::Request, "GET / HTTP/1.1"), (HeadKind::Response, "HTTP/1.1 200 OK")]
        {
            let head = |lines: &str| head_of(first, lines, white_space);
            let check = |bytes: &[u8]| verdict(kind, DEFAULT_MAX_HEAD_SIZE, bytes);
            // There is no header line before the first one that it could continue.
            assert_eq!(check(&head("~X: a")), Err(HeadError::HeaderName));
            assert_eq!(check(&head("X: a\r\n~b")), Err(HeadError::FoldedLine));
            assert_eq!(check(&head("X:\r\n~b")), Err(HeadError::FoldedLine));
        }
    }
    let mut folded = *b"HTTP/1.1 200 OK\r\nX: a\r\n \r\n\tb\r\nY:\r\n\r\n\r\n z";
    let mut scanner = HeadScanner::new(HeadKind::Response, DEFAULT_MAX_HEAD_SIZE);
    let mut folds = 0;
    while scanner.poll(&folded) == Err(HeadError::FoldedLine) {
        scanner.unfold(&mut folded);
        folds += 1;
    }
    assert_eq!(folds, 2);
    assert_eq!(&folded, b"HTTP/1.1 200 OK\r\nX: a     \tb\r\nY:\r\n\r\n\r\n z");
    assert_eq!(scanner.poll(&folded), Ok(Some(folded.len() - 4)));
}

/// A head with these lines, in which each `~` is replaced by `white_space`.
fn head_of(first: &str, lines: &str, white_space: &str) -> std::vec::Vec<u8> {
    std::format!("{first}\r\n{}\r\n\r\n", lines.replace('~', white_space)).into_bytes()
}

#[test]
fn a_peer_that_does_not_speak_http_is_refused_at_its_first_byte() {
    assert_eq!(request(b"\x16\x03\x01\0\xc8\x01"), Err(HeadError::NotHttp { byte: 0x16 }));
    for byte in [0, b' ', b'\n', b':', 0x80, 0xff] {
        assert_eq!(request(&[byte]), Err(HeadError::NotHttp { byte }));
    }
    assert_eq!(
        verdict(HeadKind::Response, DEFAULT_MAX_HEAD_SIZE, b"SSH-2.0-x\r\n"),
        Err(HeadError::NotHttp { byte: b'S' })
    );
}

#[test]
fn faults_are_refused_at_the_byte_that_is_at_fault() {
    assert_eq!(request(b"GET / HTTP/1.1\nHost: a"), Err(HeadError::BareLineFeed));
    assert_eq!(request(b"GET / HTTP/1.1\r\n\n"), Err(HeadError::BareLineFeed));
    assert_eq!(request(b"GET / HTTP/1.1\r\nX: a\rb"), Err(HeadError::BareCarriageReturn));
    assert_eq!(request(b"GET / HTTP/1.1\r\r\n"), Err(HeadError::BareCarriageReturn));
    assert_eq!(request(b"GET / HTTP/1.1\r\n\rX"), Err(HeadError::BareCarriageReturn));
    assert_eq!(request(b"GET / HTTP/1.1\rX"), Err(HeadError::BareCarriageReturn));
    assert_eq!(request(b"\rGET"), Err(HeadError::BareCarriageReturn));
    for byte in (0..0x20).chain([0x7f]).filter(|byte| !matches!(byte, b'\t' | b'\r' | b'\n')) {
        let error = Err(HeadError::ControlCharacter { byte });
        assert_eq!(request(&[b'G', byte, b'G']), error);
        assert_eq!(request(&[b"GET / HTTP/1.1\r\n", &[byte][..]].concat()), error);
    }
}

#[test]
fn a_head_of_exactly_the_limit_is_taken_and_a_longer_one_is_not() {
    let size = REQUEST.len();
    assert_eq!(verdict(HeadKind::Request, size, REQUEST), Ok(Some(size)));
    assert_eq!(verdict(HeadKind::Request, size - 1, REQUEST), Err(HeadError::TooLarge));
    assert_eq!(verdict(HeadKind::Request, 10, REQUEST), Err(HeadError::FirstLineTooLong));
    assert_eq!(verdict(HeadKind::Request, 0, REQUEST), Err(HeadError::FirstLineTooLong));
    // A fault within the limit comes first. A fault beyond it is not seen.
    assert_eq!(verdict(HeadKind::Request, 4, b"GET\n /"), Err(HeadError::BareLineFeed));
    assert_eq!(verdict(HeadKind::Request, 3, b"GET\n /"), Err(HeadError::FirstLineTooLong));
}

#[test]
fn input_that_shrinks_harms_nobody() {
    let mut scanner = HeadScanner::new(HeadKind::Request, 100);
    assert_eq!(scanner.poll(&REQUEST[..20]), Ok(None));
    assert_eq!(scanner.poll(&REQUEST[..10]), Ok(None));
    assert_eq!(scanner.poll(REQUEST), Ok(Some(REQUEST.len())));
    assert_eq!(scanner.poll(&REQUEST[..10]), Ok(None));
    assert_eq!(scanner.poll(REQUEST), Ok(Some(REQUEST.len())));
}

#[test]
fn first_lines_and_headers_are_refused_with_the_part_at_fault() {
    let parse = |head: &[u8]| {
        let mut slots = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        match request(head) {
            Ok(end) => {
                assert_eq!(end, Some(head.len()));
                parse_request(head, &HeadLimits::new(), &mut slots).err()
            }
            Err(error) => Some(error),
        }
    };
    for (head, error) in [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".as_slice(), None),
        (b"GET /\xff HTTP/1.1\r\n\r\n", Some(HeadError::FirstLine)),
        (b"GET / HTTP/2.0\r\n\r\n", Some(HeadError::Version)),
        (b"PRI * HTTP/2.0\r\n\r\n", Some(HeadError::Version)),
        (b"\r\nGET / HTTP/3\r\n\r\n", Some(HeadError::Version)),
        (b"GET / HTTP\r\n\r\n", Some(HeadError::FirstLine)),
        (b"GET / FTP/1.1\r\n\r\n", Some(HeadError::FirstLine)),
        (b"GET / a HTTP/1.1\r\n\r\n", Some(HeadError::FirstLine)),
        (b"GET  / HTTP/1.1\r\n\r\n", Some(HeadError::FirstLine)),
        (b"GET / HTTP/1.1 \r\n\r\n", Some(HeadError::FirstLine)),
        (b"GET\r\n\r\n", Some(HeadError::FirstLine)),
        (b"GET /\r\n\r\n", Some(HeadError::FirstLine)),
        (b"G(T / HTTP/1.1\r\n\r\n", Some(HeadError::FirstLine)),
        (b"GET / HTTP/1.1\r\nX : a\r\n\r\n", Some(HeadError::HeaderName)),
        (b"GET / HTTP/1.1\r\nX Y: a\r\n\r\n", Some(HeadError::HeaderName)),
        (b"GET / HTTP/1.1\r\n: a\r\n\r\n", Some(HeadError::HeaderName)),
        (b"GET / HTTP/1.1\r\nX\r\n\r\n", Some(HeadError::HeaderName)),
        (b"GET / HTTP/1.1\r\n X: a\r\n\r\n", Some(HeadError::HeaderName)),
        (b"GET / HTTP/1.1\r\nX: a\r\n folded\r\n\r\n", Some(HeadError::FoldedLine)),
        (b"GET / HTTP/1.1\r\nX:\r\n\tfolded\r\n\r\n", Some(HeadError::FoldedLine)),
    ] {
        assert_eq!(parse(head), error, "{}", head.escape_ascii());
    }
}

#[test]
fn header_lines_are_counted_against_the_limit_and_the_cap() {
    let head = b"GET / HTTP/1.1\r\na: 1\r\nb: 2\r\nc: 3\r\n\r\n";
    for (max_headers, good) in [(0, false), (2, false), (3, true), (usize::MAX, true)] {
        let limits = HeadLimits { max_headers, ..HeadLimits::new() };
        let mut slots = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let error = parse_request(head, &limits, &mut slots).err();
        assert_eq!(error, (!good).then_some(HeadError::TooManyHeaders), "{max_headers}");
    }
}

#[test]
fn status_lines_are_taken_apart() {
    let parse = |head: &[u8]| {
        let mut slots = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let end = response(head)?;
        assert_eq!(end, Some(head.len()));
        parse_response(head, &HeadLimits::new(), &mut slots)
            .map(|response| (response.status, response.reason.len(), response.minor_version))
    };
    assert_eq!(parse(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), Ok((101, 19, 1)));
    assert_eq!(parse(b"HTTP/1.1 101\r\n\r\n"), Ok((101, 0, 1)));
    assert_eq!(parse(b"HTTP/1.0 404 \xff\r\n\r\n"), Ok((404, 0, 0)));
    assert_eq!(parse(b"HTTP/2 200\r\n\r\n"), Err(HeadError::Version));
    assert_eq!(parse(b"HTTP/1.1 099 x\r\n\r\n"), Err(HeadError::FirstLine));
    assert_eq!(parse(b"HTTP/1.1 10\r\n\r\n"), Err(HeadError::FirstLine));
    assert_eq!(parse(b"HTTP/1.1 1010\r\n\r\n"), Err(HeadError::FirstLine));
    assert_eq!(parse(b"HALLO\r\n\r\n"), Err(HeadError::FirstLine));
    assert_eq!(parse(b"\r\nHTTP/1.1 999\r\n\r\n"), Ok((999, 0, 1)));
}

#[test]
fn interim_responses_are_told_from_final_ones() {
    for (line, interim) in [
        ("HTTP/1.1 100 Continue", true),
        ("\r\nHTTP/1.0 103", true),
        ("HTTP/1.1 110", true),
        ("HTTP/1.1 199", true),
        ("HTTP/1.1 101 Switching Protocols", false),
        ("\r\nHTTP/1.1 101", false),
        ("HTTP/1.1 200 100", false),
    ] {
        assert_eq!(is_interim(line.as_bytes()), interim, "{line}");
    }
}
