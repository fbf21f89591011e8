//! soketto, with permessage-deflate.

use futures::io::{AsyncRead, AsyncWrite, BufReader, BufWriter};
use soketto::connection::{Builder, Error};
use soketto::extension::deflate::Deflate;
use soketto::handshake::{Client, Server, ServerResponse, server};
use soketto::{Data, Mode};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

use crate::{Endpoint, LIMIT, Result, parts};

pub(crate) struct Peer;

type Buffered = BufReader<BufWriter<Compat<TcpStream>>>;

impl Endpoint for Peer {
    const AGENT: &str = "soketto";

    async fn serve(stream: TcpStream) -> Result {
        let mut server = Server::new(buffered(stream));
        server.add_extension(Box::new(Deflate::new(Mode::Server)));
        let key = server.receive_request().await?.key();
        server.send_response(&server::Response::Accept { key, protocol: None }).await?;
        echo(server.into_builder()).await
    }

    async fn echo(url: &str) -> Result {
        echo(connect(url).await?).await
    }

    async fn first_message(url: &str) -> Result<String> {
        let (_, mut receiver) = connect(url).await?.finish();
        let mut message = Vec::new();
        receiver.receive_data(&mut message).await?;
        Ok(String::from_utf8(message)?)
    }
}

fn buffered(stream: TcpStream) -> Buffered {
    BufReader::with_capacity(8 << 10, BufWriter::with_capacity(64 << 10, stream.compat()))
}

async fn connect(url: &str) -> Result<Builder<Buffered>> {
    let (address, target) = parts(url);
    let stream = TcpStream::connect(address).await?;
    let mut client = Client::new(buffered(stream), address, target);
    client.add_extension(Box::new(Deflate::new(Mode::Client)));
    match client.handshake().await? {
        ServerResponse::Accepted { .. } => Ok(client.into_builder()),
        other => Err(format!("the server refuses: {other:?}").into()),
    }
}

async fn echo<S: AsyncRead + AsyncWrite + Unpin>(mut builder: Builder<S>) -> Result {
    builder.set_max_message_size(LIMIT);
    builder.set_max_frame_size(LIMIT);
    let (mut sender, mut receiver) = builder.finish();
    let mut message = Vec::new();
    loop {
        message.clear();
        match receiver.receive_data(&mut message).await {
            Ok(Data::Binary(_)) => sender.send_binary_mut(&mut message).await?,
            Ok(Data::Text(_)) => sender.send_text(std::str::from_utf8(&message)?).await?,
            Err(Error::Closed) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        sender.flush().await?;
    }
}
