//! Clients that stay connected, over streams in memory and tokio's paused clock.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fullduplex_app::{Backoff, Event, Stay, Verdict, verdict};
use fullduplex_tokio::{
    CloseCode, CloseFrame, ConnectOptions, Error, Message, OwnedAcceptance, OwnedClientRequest,
    OwnedRejection, Request, WebSocketConfig, WebSocketStream, accept_with, client, connect_with,
};
use tokio::io::{DuplexStream, duplex};
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};

type Socket = WebSocketStream<DuplexStream>;

/// What the server does with a connection.
#[derive(Clone)]
enum Server {
    /// No server is there.
    Gone,
    Refuses(OwnedRejection),
    /// Accepts, sends this text, and ends without a Close after this time.
    Says(&'static str, Duration),
    Closes(u16),
    Echoes,
}

/// A connect function to servers that do these things in turn. After the last one, no server is there.
fn connect_to(servers: impl IntoIterator<Item = Server>) -> impl FnMut() -> Connecting {
    let servers = Arc::new(Mutex::new(servers.into_iter().collect::<VecDeque<_>>()));
    move || {
        let server = servers.lock().unwrap().pop_front().unwrap_or(Server::Gone);
        Box::pin(async move {
            if matches!(server, Server::Gone) {
                return Err(io::Error::from(io::ErrorKind::ConnectionRefused).into());
            }
            let (near, far) = duplex(4096);
            tokio::spawn(serve(near, server));
            let request = OwnedClientRequest::new("ws://example.com/")?;
            Ok(client(request, far).await?.0)
        })
    }
}

type Connecting = std::pin::Pin<Box<dyn Future<Output = fullduplex_tokio::Result<Socket>> + Send>>;

async fn serve(stream: DuplexStream, server: Server) {
    let decide = |server: &Server| match server {
        Server::Refuses(rejection) => Err(rejection.clone()),
        _ => Ok(OwnedAcceptance::new()),
    };
    let accepted = accept_with(stream, WebSocketConfig::new(), |_| decide(&server)).await;
    let Ok(mut socket) = accepted else { return };
    match server {
        Server::Says(text, after) => {
            socket.send(text.into()).await.unwrap();
            tokio::time::sleep(after).await;
            drop(socket.into_inner());
        }
        Server::Closes(code) => {
            let code = CloseCode::from_u16(code);
            let _ = socket.close(Some(CloseFrame { code, reason: "".into() })).await;
        }
        Server::Echoes => {
            while let Some(Ok(message)) = socket.recv().await {
                if message.is_text() {
                    socket.send(message).await.unwrap();
                }
            }
        }
        Server::Gone | Server::Refuses(_) => {}
    }
}

/// The next event, in words.
async fn next<C: fullduplex_app::Connect>(client: &mut Stay<C>) -> String {
    let event = timeout(Duration::from_secs(10_000), client.next()).await.expect("it goes on");
    match event {
        None => "end".into(),
        Some(Event::Connecting { failures }) => format!("connecting {failures}"),
        Some(Event::Open) => "open".into(),
        Some(Event::Message(Message::Text(text))) => format!("text {text}"),
        Some(Event::Message(Message::Close(close))) => {
            format!("close {:?}", close.map(|close| close.code.to_u16()))
        }
        Some(Event::Message(_)) => "message".into(),
        Some(Event::Lost { error, .. }) => format!("lost {}", error.is_some()),
        Some(Event::GaveUp { error }) => format!("gave up {}", error.is_some()),
        Some(_) => "?".into(),
    }
}

#[tokio::test(start_paused = true)]
async fn it_connects_again_and_says_each_change() {
    let says = Server::Says("hello", Duration::from_secs(60));
    let servers = [Server::Gone, Server::Gone, says, Server::Closes(1001), Server::Echoes];
    let mut client = Stay::new(connect_to(servers), Backoff::new());
    let mut seen = Vec::new();
    for _ in 0..14 {
        seen.push(next(&mut client).await);
    }
    assert_eq!(
        seen,
        [
            "connecting 0",
            "lost true",
            "connecting 1",
            "lost true",
            "connecting 2",
            "open",
            // That connection lasted: the failures before it are forgotten.
            "text hello",
            "lost true",
            "connecting 1",
            "open",
            "close Some(1001)",
            "lost false",
            // That connection did not last.
            "connecting 2",
            "open",
        ]
    );
    client.send("are you there?".into()).await.unwrap();
    assert_eq!(next(&mut client).await, "text are you there?");
    client.close(None).await.unwrap();
    assert_eq!(next(&mut client).await, "end");
}

#[tokio::test(start_paused = true)]
async fn waits_grow_and_stay_below_the_most() {
    let backoff = Backoff::new().between(Duration::from_secs(1), Duration::from_secs(20));
    let mut longest = vec![Duration::ZERO; 8];
    for _ in 0..200 {
        let mut client = Stay::new(connect_to([]), backoff);
        for longest in &mut longest {
            assert!(next(&mut client).await.starts_with("connecting"));
            let Some(Event::Lost { retry_in, .. }) = client.next().await else { panic!() };
            let begun = Instant::now();
            *longest = retry_in.max(*longest);
            // The client waits as long as the event says.
            timeout(retry_in.saturating_sub(Duration::from_millis(2)), client.next())
                .await
                .expect_err("too early");
            assert!(begun.elapsed() <= retry_in);
        }
    }
    for (waited, most) in longest.into_iter().zip([1, 2, 4, 8, 16, 20, 20, 20]) {
        let most = Duration::from_secs(most);
        assert!(waited <= most && waited > most * 4 / 5, "{waited:?} of {most:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn it_gives_up_where_another_try_is_useless() {
    for (status, goes_on) in [
        (301, false),
        (302, true),
        (303, true),
        (304, false),
        (307, true),
        (308, false),
        (400, false),
        (401, false),
        (403, false),
        (404, false),
        (426, false),
        (408, true),
        (425, true),
        (429, true),
        (500, true),
        (502, true),
        (503, true),
    ] {
        let refuses = Server::Refuses(OwnedRejection::new(status));
        let mut client = Stay::new(connect_to([refuses]), Backoff::new());
        assert_eq!(next(&mut client).await, "connecting 0");
        let expected = if goes_on { "lost true" } else { "gave up true" };
        assert_eq!(next(&mut client).await, expected, "{status}");
        assert_eq!(next(&mut client).await, if goes_on { "connecting 1" } else { "end" });
    }
    let wrong =
        || async { Err::<Socket, _>(OwnedClientRequest::new("http//:").unwrap_err().into()) };
    let mut client = Stay::new(wrong, Backoff::new());
    assert_eq!(next(&mut client).await, "connecting 0");
    assert_eq!(next(&mut client).await, "gave up true");
    // An invalid header field would fail again the next time.
    let bad_header = || async {
        let request = OwnedClientRequest::new("ws://example.com/")?.header("X-A", "b\r\nc: d");
        Ok(fullduplex_tokio::client(request, duplex(10).0).await?.0)
    };
    let mut client = Stay::new(bad_header, Backoff::new());
    assert_eq!(next(&mut client).await, "connecting 0");
    assert_eq!(next(&mut client).await, "gave up true");
}

/// The login page of a network may redirect in a circle, which is gone soon as well.
#[tokio::test]
async fn redirects_that_are_for_now_are_tried_again_even_if_they_were_followed() {
    for (status, expected) in [(302, Verdict::Retry), (301, Verdict::GiveUp)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let redirects = async {
            loop {
                let stream = listener.accept().await.unwrap().0;
                let redirect =
                    |_: &Request<'_>| Err(OwnedRejection::new(status).header("Location", "/again"));
                let rejected = accept_with(stream, WebSocketConfig::new(), redirect).await;
                rejected.expect_err("a redirect");
            }
        };
        let options = ConnectOptions::new().max_redirects(2);
        let error = tokio::select! {
            opened = connect_with(url, &options) => opened.expect_err("too many redirects"),
            () = redirects => unreachable!("it never ends"),
        };
        assert!(matches!(error, Error::Redirect(_)), "{error:?}");
        assert_eq!(verdict(&error), expected, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn it_waits_as_long_as_the_server_asks_for_but_not_for_ever() {
    for (asked, least, most) in
        [("100", 100, 101), ("Fri, 31 Dec 1999 23:59:59 GMT", 0, 1), ("99999999999999", 3600, 3601)]
    {
        let busy = OwnedRejection::new(503).header("Retry-After", asked);
        let mut client = Stay::new(connect_to([Server::Refuses(busy)]), Backoff::new());
        next(&mut client).await;
        let Some(Event::Lost { retry_in, .. }) = client.next().await else { panic!() };
        assert!((least..=most).contains(&retry_in.as_secs()), "{asked}: {retry_in:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_so_many_failures_it_gives_up() {
    let closes = [Server::Closes(1013), Server::Closes(1013)];
    let mut client = Stay::new(connect_to(closes), Backoff::new().max_failures(2));
    let mut seen = Vec::new();
    while seen.last().is_none_or(|last| last != "end") {
        seen.push(next(&mut client).await);
    }
    let round = ["open", "close Some(1013)"];
    let expected = [
        &["connecting 0"][..],
        &round,
        &["lost false", "connecting 1"],
        &round,
        &["gave up false", "end"],
    ];
    assert_eq!(seen, expected.concat());
    // The loss of a connection is the first failure.
    let lost = [Server::Closes(1013), Server::Echoes];
    let mut client = Stay::new(connect_to(lost), Backoff::new().max_failures(1));
    for expected in ["connecting 0", "open", "close Some(1013)", "gave up false", "end"] {
        assert_eq!(next(&mut client).await, expected);
    }
}

/// A task that holds `&Stay` over an await can be spawned, as long as the application's own types allow it.
#[test]
fn it_is_send_and_sync() {
    fn is_send_and_sync<T: Send + Sync>(_: &T) {}
    type Ready = std::future::Ready<fullduplex_tokio::Result<Socket>>;
    let connect = || -> Ready { std::future::ready(Err(Error::AlreadyClosed)) };
    let client = Stay::new(connect, Backoff::new());
    is_send_and_sync(&client);
    is_send_and_sync(&client.judged_by(|_| Verdict::GiveUp));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_when_waiting_for_the_next_event_is_given_up() {
    let says = Server::Says("hello", Duration::from_secs(60));
    let mut client = Stay::new(connect_to([Server::Gone, says]), Backoff::new());
    let mut seen = Vec::new();
    while seen.last().is_none_or(|last| last != "text hello") {
        // This is what a `select!` does if its other branch is always ready.
        match timeout(Duration::from_micros(1), next(&mut client)).await {
            Ok(event) => seen.push(event),
            Err(_) => tokio::task::yield_now().await,
        }
    }
    assert_eq!(seen, ["connecting 0", "lost true", "connecting 1", "open", "text hello"]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_can_be_cut_short_and_without_a_connection_nothing_is_sent() {
    let far = Backoff::new().between(Duration::from_secs(1 << 20), Duration::from_secs(1 << 20));
    let mut client = Stay::new(connect_to([Server::Gone, Server::Echoes]), far);
    next(&mut client).await;
    assert!(matches!(client.send("a".into()).await, Err(Error::AlreadyClosed)));
    assert_eq!(next(&mut client).await, "lost true");
    let begun = Instant::now();
    client.hurry();
    assert_eq!(next(&mut client).await, "connecting 1");
    assert_eq!(next(&mut client).await, "open");
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert!(client.socket().is_some());
}

#[tokio::test(start_paused = true)]
async fn the_application_may_judge_by_itself() {
    let servers = [401, 503].map(|status| Server::Refuses(OwnedRejection::new(status)));
    let judge = |error: &Error| match error {
        Error::Http(refused) if refused.response.as_response().status() == 401 => Verdict::Retry,
        _ => Verdict::GiveUp,
    };
    let mut client = Stay::new(connect_to(servers), Backoff::new()).judged_by(judge);
    let mut seen = Vec::new();
    while seen.last().is_none_or(|last| last != "end") {
        seen.push(next(&mut client).await);
    }
    assert_eq!(seen, ["connecting 0", "lost true", "connecting 1", "gave up true", "end"]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_may_be_as_long_as_time_itself() {
    let busy = OwnedRejection::new(503).header("Retry-After", "99999999999999999999");
    let ever = Backoff::new().between(Duration::MAX, Duration::MAX).max_retry_after(Duration::MAX);
    let mut client = Stay::new(connect_to([Server::Refuses(busy)]), ever);
    assert_eq!(next(&mut client).await, "connecting 0");
    assert_eq!(next(&mut client).await, "lost true");
}
