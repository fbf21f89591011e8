//! The axum application of the examples: who may enter a room, what members receive, and how the server ends.

use std::net::SocketAddr;
use std::time::Duration;

use fullduplex_app::{Gate, GateLimits};
use fullduplex_tokio::{
    CloseCode, ConnectOptions, Error, MaybeTlsStream, Message, OwnedClientRequest, WebSocketStream,
    connect_with,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

#[expect(dead_code, reason = "its `main` is for the example")]
#[path = "../examples/axum_rooms.rs"]
mod axum_rooms;

use axum_rooms::{App, ROOMS, SESSIONS};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn start() -> (Gate, SocketAddr) {
    let gate = Gate::new(GateLimits::new().per_address(ROOMS + 10));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum_rooms::serve(listener, gate.clone()));
    (gate, address)
}

/// The status of the response, and the cookie that it sets.
async fn login(address: SocketAddr, kind: &str, body: &str) -> (u16, String) {
    let request = format!(
        "POST /login HTTP/1.1\r\nHost: {address}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    let cookie = response.lines().find_map(|line| line.strip_prefix("set-cookie: "));
    (response[9..12].parse().unwrap(), cookie.unwrap_or_default().to_owned())
}

/// Logs in, and returns what a browser sends as `Cookie`.
async fn logged_in(address: SocketAddr, name: &str) -> String {
    let body = format!(r#"{{ "name": "{name}", "password": "open sesame" }}"#);
    let (status, cookie) = login(address, "application/json", &body).await;
    assert_eq!(status, 200);
    let (cookie, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(attributes, "HttpOnly; SameSite=Strict; Path=/");
    cookie.to_owned()
}

async fn enter(address: SocketAddr, room: &str, cookie: &str) -> Result<Socket, u16> {
    let origin = format!("http://{address}");
    enter_from(address, room, cookie, &origin).await
}

async fn enter_from(
    address: SocketAddr,
    room: &str,
    cookie: &str,
    origin: &str,
) -> Result<Socket, u16> {
    let request = OwnedClientRequest::new(format!("ws://{address}/rooms/{room}")).unwrap();
    let request = request.origin(origin).header("Cookie", cookie);
    match connect_with(request, &ConnectOptions::new()).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(refused)) => Err(refused.response.as_response().status()),
        Err(error) => panic!("{error}"),
    }
}

async fn hear(socket: &mut Socket) -> Message {
    let message = timeout(Duration::from_secs(10), socket.recv()).await.expect("a message");
    message.unwrap().unwrap()
}

#[tokio::test]
async fn nobody_gets_in_without_a_cookie_or_from_another_site() {
    let (gate, address) = start().await;
    let right = r#"{ "name": "ann", "password": "open sesame" }"#;
    for (kind, body, status) in [
        ("application/json", r#"{ "name": "ann", "password": "guessed" }"#, 401),
        ("application/json", r#"{ "name": "<b>", "password": "open sesame" }"#, 401),
        ("application/json", "ann", 400),
        ("text/plain", right, 415),
        ("application/json", &" ".repeat(2000), 413),
    ] {
        assert_eq!(login(address, kind, body).await, (status, String::new()), "{kind} {body}");
    }
    let cookie = logged_in(address, "ann").await;
    for (cookie, room, origin, status) in [
        ("a=b", "one", "", 401),
        ("session=0123456789abcdef0123456789abcdef", "one", "", 401),
        (cookie.as_str(), "one", "http://example.org", 403),
        (cookie.as_str(), "no%20name", "", 404),
        (cookie.as_str(), "one/two", "", 404),
    ] {
        let own = format!("http://{address}");
        let origin = if origin.is_empty() { &own } else { origin };
        let refused = enter_from(address, room, cookie, origin).await.err();
        assert_eq!(refused, Some(status), "{cookie} {room} {origin}");
    }
    assert_eq!(gate.connections(), 0);
}

#[tokio::test]
async fn two_talk_in_a_room_and_a_third_hears_nothing_of_it() {
    let (gate, address) = start().await;
    let (ann, bob) = (logged_in(address, "ann").await, logged_in(address, "bob").await);
    assert_ne!(ann, bob);
    let mut sockets = [
        enter(address, "one", &ann).await.unwrap(),
        // The header has other cookies, too.
        enter(address, "one", &format!("a=b; {bob}")).await.unwrap(),
        enter(address, "two", &bob).await.unwrap(),
    ];
    sockets[0].send("hello".into()).await.unwrap();
    for socket in &mut sockets[..2] {
        assert_eq!(hear(socket).await, Message::text(r#"{"from":"ann","text":"hello"}"#));
    }
    sockets[1].send("\"hi\"".into()).await.unwrap();
    for socket in &mut sockets[..2] {
        assert_eq!(hear(socket).await, Message::text(r#"{"from":"bob","text":"\"hi\""}"#));
    }
    // The third client hears nothing before the server's Close.
    let closing = tokio::spawn(async move { gate.close(Duration::from_secs(10)).await });
    for socket in &mut sockets {
        let Message::Close(Some(close)) = hear(socket).await else { panic!() };
        assert_eq!(close.code, CloseCode::Away);
        assert!(socket.recv().await.is_none());
    }
    let left = closing.await.unwrap();
    assert_eq!((left.ended, left.dropped), (3, 0));
    assert!(TcpStream::connect(address).await.is_err(), "nothing listens any more");
}

#[tokio::test]
async fn rooms_have_an_end_and_empty_ones_make_space() {
    let (_, address) = start().await;
    let cookie = logged_in(address, "ann").await;
    let mut sockets = Vec::new();
    for room in 0..ROOMS {
        sockets.push(enter(address, &room.to_string(), &cookie).await.unwrap());
    }
    assert_eq!(enter(address, "more", &cookie).await.err(), Some(503));
    sockets.push(enter(address, "0", &cookie).await.unwrap());
    sockets.swap_remove(1).close(None).await.unwrap();
    // The server's task ends a moment after the client has its Close.
    let entered = async {
        while enter(address, "more", &cookie).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(10), entered).await.expect("there is space");
}

#[test]
fn sessions_have_an_end() {
    let app = App::default();
    let tokens: Vec<_> =
        (0..=SESSIONS).map(|number| app.begin_session(number.to_string()).unwrap()).collect();
    assert_eq!(app.user(&tokens[0]), None);
    assert_eq!(app.user(&tokens[1]).as_deref(), Some("1"));
    assert_eq!(app.user(&tokens[SESSIONS]), Some(SESSIONS.to_string()));
}
