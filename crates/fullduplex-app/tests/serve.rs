//! The accept loop over real sockets.

use std::net::SocketAddr;
use std::time::Duration;

use fullduplex_app::{Gate, GateLimits, Pass, asked_to_end, serve};
use fullduplex_tokio::{CloseCode, Error, Message, accept, connect};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

async fn echo(stream: TcpStream, mut pass: Pass) -> Result<(), Error> {
    let mut socket = accept(stream).await?;
    while let Some(message) = pass.recv(&mut socket).await {
        let message = message?;
        if message.is_text() {
            socket.feed(message).await?;
        }
    }
    Ok(())
}

async fn start(limits: GateLimits) -> (Gate, SocketAddr, tokio::task::JoinHandle<()>) {
    let gate = Gate::new(limits);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(serve(listener, gate.clone(), echo));
    (gate, address, serving)
}

#[tokio::test]
async fn connections_beyond_the_limit_are_dropped_and_the_others_go_on() {
    let (gate, address, serving) = start(GateLimits::new().per_address(2)).await;
    let url = format!("ws://{address}/");
    let (mut first, _) = connect(url.as_str()).await.unwrap();
    let (mut second, _) = connect(url.as_str()).await.unwrap();
    let mut third = TcpStream::connect(address).await.unwrap();
    assert_eq!(third.read(&mut [0]).await.unwrap(), 0);
    for socket in [&mut first, &mut second] {
        socket.send("hello".into()).await.unwrap();
        assert_eq!(socket.recv().await.unwrap().unwrap(), Message::text("hello"));
    }
    first.close(None).await.unwrap();
    // The server's task ends a moment after the client has its Close.
    let mut again = connect(url.as_str()).await;
    for _ in 0..100 {
        if again.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        again = connect(url.as_str()).await;
    }
    let mut others = [second, again.unwrap().0];

    let closing = tokio::spawn(async move { gate.close(Duration::from_secs(10)).await });
    for socket in &mut others {
        let Some(Ok(Message::Close(Some(close)))) = socket.recv().await else { panic!() };
        assert_eq!(close.code, CloseCode::Away);
        assert!(socket.recv().await.is_none());
    }
    let left = closing.await.unwrap();
    assert_eq!((left.ended, left.dropped), (2, 0));
    serving.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[cfg(unix)]
#[tokio::test]
async fn a_process_is_asked_to_end_by_ctrl_c_and_by_sigterm() {
    use rustix::process::{Signal, getpid, kill_process};
    use tokio::time::timeout;

    for signal in [Signal::INT, Signal::TERM] {
        let mut asked = std::pin::pin!(asked_to_end());
        let early = timeout(Duration::from_millis(1), &mut asked).await;
        assert!(early.is_err(), "nobody has asked yet");
        kill_process(getpid(), signal).unwrap();
        timeout(Duration::from_secs(10), asked).await.expect("it was asked").unwrap();
    }
}
