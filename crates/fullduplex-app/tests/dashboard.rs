//! The dashboard of the examples: a thousand subscribers over real sockets, where a hundred do not read; and its page in a
//! browser.
#![cfg(target_os = "linux")]

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use fullduplex_app::{Gate, GateLimits, serve};
use fullduplex_testkit::browser::{Browser, skipped};
use fullduplex_testkit::resident;
use fullduplex_tokio::{Error, Message, WebSocketStream, client, connect};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

#[expect(dead_code, reason = "its `main` is for the example")]
#[path = "../examples/dashboard/main.rs"]
mod dashboard;

use dashboard::Dashboard;

const SUBSCRIBERS: usize = 1000;

/// How many subscribers read nothing until the end.
const SILENT: usize = 100;

const SYMBOLS: usize = 300;

const UPDATES: i64 = 250;

const ANYWHERE: &str = "127.0.0.1:0";

type Socket = WebSocketStream<TcpStream>;

async fn start(address: &str, symbols: usize) -> (Arc<Dashboard>, Gate, String) {
    let dashboard = Arc::new(Dashboard::new(symbols).unwrap());
    let gate = Gate::new(GateLimits::new().per_address(SUBSCRIBERS));
    let listener = dashboard::listen(address.parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = dashboard.clone();
    let handle = move |stream, pass| dashboard::connection(stream, pass, serving.clone());
    tokio::spawn(serve(listener, gate.clone(), handle));
    (dashboard, gate, address)
}

async fn subscribe(address: &str) -> Socket {
    let stream = TcpSocket::new_v4().unwrap();
    // Otherwise the kernel keeps some 100 KiB of each connection, or some MiB, for a page that does not read.
    stream.set_recv_buffer_size(16 << 10).unwrap();
    let stream = stream.connect(address.parse().unwrap()).await.unwrap();
    let (mut socket, _) = client(format!("ws://{address}/prices"), stream).await.unwrap();
    let symbols: Value = hear(&mut socket).await;
    assert_eq!(symbols["symbols"].as_array().unwrap().len(), SYMBOLS);
    assert_eq!(hear(&mut socket).await, json!([]));
    socket
}

async fn hear(socket: &mut Socket) -> Value {
    serde_json::from_str(socket.recv().await.unwrap().unwrap().to_text().unwrap()).unwrap()
}

/// Reads to the last update, and returns how many came. Checks that each one is newer than the one before.
async fn read_all(mut socket: Socket) -> usize {
    let (mut count, mut before) = (0, 0);
    while before < UPDATES {
        let Message::Text(text) = socket.recv().await.unwrap().unwrap() else { continue };
        let first = text.as_str().trim_start_matches('[').split(',').next().unwrap();
        let update = first.parse().unwrap();
        assert!(update > before, "{update} after {before}");
        (count, before) = (count + 1, update);
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_pages_get_the_prices_and_those_that_do_not_read_cost_little() {
    // Both ends of each connection are in this process, so it needs many file descriptors.
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    let (dashboard, gate, address) = start(ANYWHERE, SYMBOLS).await;
    let (mut reading, mut silent) = (Vec::new(), Vec::new());
    for number in 0..SUBSCRIBERS {
        let socket = subscribe(&address).await;
        if number % (SUBSCRIBERS / SILENT) == 0 {
            silent.push(socket);
        } else {
            reading.push(tokio::spawn(read_all(socket)));
        }
    }
    assert_eq!(gate.connections(), SUBSCRIBERS);
    let (begun, before, mut most) = (Instant::now(), resident(), 0);
    for number in 1..=UPDATES {
        dashboard.publish(&vec![number; SYMBOLS]).await.unwrap();
        sleep(Duration::from_millis(20)).await;
        most = most.max(resident());
    }
    let mut least = usize::MAX;
    for reading in reading {
        let count = timeout(Duration::from_secs(60), reading).await.expect("the newest").unwrap();
        least = least.min(count);
    }
    let took = begun.elapsed();
    println!("{least} of {UPDATES} updates at least in {took:?}, {} bytes more", most - before);
    assert!(took < Duration::from_secs(60));
    // If updates come faster than a busy machine reads, newer ones replace older ones.
    assert!(least >= 10, "{least}");
    // This process holds the buffers of the pages that read as well.
    let bound = SILENT * 2 * dashboard::BUFFER + (4 << 20);
    assert!(most - before < bound, "{} bytes of {bound}", most - before);
    // A page that begins to read now gets the updates that were under way, and then the newest.
    for socket in silent {
        let count = timeout(Duration::from_secs(10), read_all(socket)).await.expect("the newest");
        assert!(count < UPDATES as usize, "no update was left out");
    }
}

#[tokio::test]
async fn pages_of_other_sites_get_nothing_and_pages_may_not_send() {
    let (_, _, address) = start(ANYWHERE, SYMBOLS).await;
    for (path, origin, status) in [("prices", "http://example.org", 403), ("other", "", 404)] {
        let url = format!("ws://{address}/{path}");
        let mut request = fullduplex_tokio::OwnedClientRequest::new(url).unwrap();
        if !origin.is_empty() {
            request = request.origin(origin);
        }
        let Err(Error::Http(refused)) = connect(request).await else { panic!() };
        assert_eq!(refused.response.as_response().status(), status);
    }
    let mut socket = subscribe(&address).await;
    socket.send(Message::text("mine")).await.unwrap();
    let Some(Ok(Message::Close(Some(close)))) = socket.recv().await else { panic!() };
    assert_eq!(close.code, fullduplex_tokio::CloseCode::Size);
}

/// Waits until the page contains this text, and returns the whole text.
fn wait(browser: &mut Browser, text: &str) -> String {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let page = browser.eval("document.body.innerText").to_string();
        if page.contains(text) {
            return page;
        }
        assert!(Instant::now() < end, "no {text} in {page}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_page_shows_prices_and_how_old_they_are_and_comes_back() {
    let Some(mut browser) = Browser::start(&[]) else { return skipped() };
    // Orders to the dashboard: to publish an update, or to end all connections.
    let (order, mut orders) = tokio::sync::mpsc::unbounded_channel::<Option<Vec<i64>>>();
    let (tell, told) = channel();
    thread::spawn(move || {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let (mut dashboard, mut gate, address) = start(ANYWHERE, 2).await;
            tell.send(address.clone()).unwrap();
            while let Some(order) = orders.recv().await {
                if let Some(prices) = order {
                    dashboard.publish(&prices).await.unwrap();
                    continue;
                }
                gate.close(Duration::from_secs(5)).await;
                (dashboard, gate, _) = start(&address, 2).await;
            }
        });
    });
    browser.open(&format!("http://{}/", told.recv().unwrap()));
    wait(&mut browser, "live");
    order.send(Some(vec![12_345, 100])).unwrap();
    wait(&mut browser, "123.45");
    order.send(Some(vec![12_340, 100])).unwrap();
    wait(&mut browser, "123.40");
    let class = "[...document.querySelectorAll('td + td')].map((it) => it.className).join()";
    assert_eq!(browser.eval(class), json!("down,"));
    wait(&mut browser, "no prices for 3 s");
    assert_eq!(browser.eval("document.getElementById('table').className"), json!("old"));
    order.send(None).unwrap();
    wait(&mut browser, "not connected: 1001");
    wait(&mut browser, "live");
    order.send(Some(vec![1, 2])).unwrap();
    wait(&mut browser, "0.02");
}
