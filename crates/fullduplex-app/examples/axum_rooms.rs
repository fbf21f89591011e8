//! Rooms in an axum application, for users who have logged in: `cargo run -p fullduplex-app --example axum_rooms [ADDRESS]`.
//!
//! `POST /login` with `{"name": "ann", "password": "open sesame"}` returns a cookie. With the cookie, `GET /rooms/{name}`
//! opens a WebSocket: text that is sent to it reaches all members of the room, as `{"from": "ann", "text": "hello"}`. On
//! Ctrl-C or SIGTERM, all members receive a Close with 1001.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, Request, State};
use axum::http::StatusCode;
use axum::routing::{any, post};
use axum::{Json, Router};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use fullduplex_app::{Denied, Gate, GateLimits, Member, Pass, Room, Slow, asked_to_end};
use fullduplex_tokio::{
    CloseCode, CloseFrame, Error, Message, OwnedAcceptance, OwnedRejection, PreparedMessage,
    UpgradeResponse, Upgrading, WebSocketConfig, upgrade_with,
};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;

/// How many rooms there may be.
pub(crate) const ROOMS: usize = 100;

/// How many users may be logged in. One more ends the oldest session.
pub(crate) const SESSIONS: usize = 10_000;

/// How long a session lasts.
const SESSION: Duration = Duration::from_secs(8 * 60 * 60);

/// The largest message, in bytes.
const MOST: usize = 16 << 10;

/// How many messages may wait for a member.
const WAITING: usize = 64;

#[derive(Default)]
pub(crate) struct App {
    rooms: Mutex<HashMap<String, Room>>,
    sessions: Mutex<Sessions>,
}

#[derive(Default)]
struct Sessions {
    names: HashMap<String, String>,
    /// The oldest comes first.
    ends: VecDeque<(Instant, String)>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:9004")).await?;
    println!("listening on http://{}/", listener.local_addr()?);
    let gate = Gate::new(GateLimits::new());
    tokio::spawn(serve(listener, gate.clone()));
    asked_to_end().await?;
    let left = gate.close(Duration::from_secs(10)).await;
    println!("{} connections ended in time, {} were dropped", left.ended, left.dropped);
    Ok(())
}

/// Serves until the gate closes.
pub(crate) async fn serve(listener: TcpListener, gate: Gate) -> std::io::Result<()> {
    let app = Router::new()
        .route("/login", post(login))
        // Over HTTP/2, a client asks for a WebSocket with CONNECT.
        .route("/rooms/{name}", any(enter))
        .layer(DefaultBodyLimit::max(1 << 10))
        .with_state((Arc::new(App::default()), gate.clone()))
        .into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).with_graceful_shutdown(gate.closing()).await
}

#[derive(Deserialize)]
struct Login {
    name: String,
    password: String,
}

/// `Json` requires `Content-Type: application/json`, which a page of another site cannot send unless we allow it.
async fn login(
    State((app, _)): State<(Arc<App>, Gate)>,
    jar: CookieJar,
    Json(login): Json<Login>,
) -> Result<CookieJar, StatusCode> {
    // An application looks the user up, and compares a hash of the password.
    if login.password != "open sesame" || !is_name(&login.name) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let token = app.begin_session(login.name).ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    // Behind TLS, add `.secure(true)`.
    let cookie = Cookie::build(("session", token)).path("/").http_only(true);
    Ok(jar.add(cookie.same_site(SameSite::Strict)))
}

/// Handles a request for a WebSocket. The response says what is wrong with the request.
async fn enter(
    State((app, gate)): State<(Arc<App>, Gate)>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(room): Path<String>,
    jar: CookieJar,
    mut request: Request,
) -> UpgradeResponse {
    let config = WebSocketConfig::new()
        .max_message_size(Some(MOST))
        .keepalive(Duration::from_secs(40), Duration::from_secs(20));
    let mut admitted = None;
    let (response, socket) = upgrade_with(&mut request, config, |request| {
        // A request from another site's page would carry its visitor's cookies.
        if !request.is_same_origin() {
            return Err(OwnedRejection::new(403));
        }
        let token = jar.get("session").map(Cookie::value);
        let user = token.and_then(|token| app.user(token)).ok_or(OwnedRejection::new(401))?;
        let pass = gate.enter(peer.ip()).map_err(Denied::rejection)?;
        admitted = Some((user, pass, Place::take(&app, &room)?));
        Ok(OwnedAcceptance::new())
    });
    if let (Ok(socket), Some((user, pass, place))) = (socket, admitted) {
        tokio::spawn(pass.run(|pass| talk(socket, user, pass, place)));
    }
    response
}

async fn talk(
    socket: Upgrading,
    user: String,
    mut pass: Pass,
    mut place: Place,
) -> Result<(), Error> {
    let mut socket = socket.await?; // once the response has been sent
    loop {
        tokio::select! {
            message = pass.recv(&mut socket) => match message.transpose()? {
                None => return Ok(()),
                Some(Message::Text(text)) => {
                    let said = json!({ "from": user, "text": text.as_str() }).to_string();
                    let said = PreparedMessage::text(&said);
                    place.room.send(&said).await;
                }
                Some(_) => {}
            },
            message = place.member.next() => match message {
                Some(message) if place.member.feed(&mut socket, &message).await? => {}
                _ => {
                    let reason = "you read too slowly".into();
                    return socket.close(Some(CloseFrame { code: CloseCode::Again, reason })).await;
                }
            },
        }
    }
}

/// A place in a room. Dropping it leaves the room, and the last member removes the room.
struct Place {
    // The member is dropped first, so that `_name` sees the room without it.
    member: Member,
    room: Room,
    _name: Name,
}

struct Name(Arc<App>, String);

impl Place {
    fn take(app: &Arc<App>, name: &str) -> Result<Self, OwnedRejection> {
        let mut rooms = app.rooms();
        if !is_name(name) {
            return Err(OwnedRejection::new(404));
        }
        if rooms.len() >= ROOMS && !rooms.contains_key(name) {
            return Err(OwnedRejection::new(503).body("there are too many rooms\n"));
        }
        let room = rooms.entry(name.to_owned()).or_default().clone();
        let member = room.join(WAITING, Slow::Leave);
        Ok(Self { member, room, _name: Name(app.clone(), name.to_owned()) })
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let mut rooms = self.0.rooms();
        if rooms.get(&self.1).is_some_and(|room| room.members() == 0) {
            rooms.remove(&self.1);
        }
    }
}

impl App {
    fn rooms(&self) -> MutexGuard<'_, HashMap<String, Room>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        while sessions.ends.front().is_some_and(|(end, _)| *end <= now) {
            sessions.end_oldest();
        }
        sessions
    }

    /// The token of a new session, unless the system has no random bytes.
    pub(crate) fn begin_session(&self, name: String) -> Option<String> {
        let token = format!("{:016x}{:016x}", getrandom::u64().ok()?, getrandom::u64().ok()?);
        let mut sessions = self.sessions();
        if sessions.ends.len() >= SESSIONS {
            sessions.end_oldest();
        }
        sessions.ends.push_back((Instant::now() + SESSION, token.clone()));
        sessions.names.insert(token.clone(), name);
        Some(token)
    }

    /// The user who has this token.
    pub(crate) fn user(&self, token: &str) -> Option<String> {
        self.sessions().names.get(token).cloned()
    }
}

impl Sessions {
    fn end_oldest(&mut self) {
        if let Some((_, token)) = self.ends.pop_front() {
            self.names.remove(&token);
        }
    }
}

/// Whether this may be the name of a user or of a room.
fn is_name(name: &str) -> bool {
    (1..=32).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
