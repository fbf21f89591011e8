//! Sends back each message, over TLS: `cargo run --example tls_server CERTIFICATE KEY [ADDRESS]`, with PEM files.

use std::sync::Arc;
use std::time::Duration;

use fullduplex_tokio::rustls::ServerConfig;
use fullduplex_tokio::rustls::pki_types::pem::PemObject;
use fullduplex_tokio::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use fullduplex_tokio::{Error, accept_tls, tls};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// How long the loop waits when it cannot accept.
const PAUSE: Duration = Duration::from_millis(100);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(certificate), Some(key)) = (arguments.next(), arguments.next()) else {
        return Err("a certificate and its private key are needed".into());
    };
    let certificates = CertificateDer::pem_file_iter(certificate)?.collect::<Result<_, _>>()?;
    let tls = tls::server_config(certificates, PrivateKeyDer::from_pem_file(key)?)?;
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let listener = TcpListener::bind(&address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            sleep(PAUSE).await; // there may be too many open files, until a connection ends
            continue;
        };
        let tls = Arc::clone(&tls);
        tokio::spawn(async move {
            match serve(stream, tls).await {
                Ok(()) => println!("{peer}: closed"),
                Err(error) => println!("{peer}: {error}"),
            }
        });
    }
}

async fn serve(stream: TcpStream, tls: Arc<ServerConfig>) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    // One call for TLS and the opening handshake, because they have one deadline.
    let mut socket = accept_tls(stream, tls).await?;
    while let Some(message) = socket.recv().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            socket.feed(message).await?;
        }
    }
    Ok(())
}
