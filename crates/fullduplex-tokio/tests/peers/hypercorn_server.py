"""An echo on Hypercorn, an HTTP server that takes WebSockets over HTTP/2: see README.md."""

import asyncio
import socket

from hypercorn.asyncio import serve
from hypercorn.config import Config


async def echo(scope, receive, send):
    """An application as ASGI has it."""
    if scope["type"] != "websocket":
        raise NotImplementedError(scope["type"])
    assert scope["http_version"] == "2", scope
    assert (scope["path"], scope["query_string"]) == ("/chat", b"a=b"), scope
    assert (await receive())["type"] == "websocket.connect"
    chosen = "chat" if "chat" in scope["subprotocols"] else None
    await send({"type": "websocket.accept", "subprotocol": chosen})
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "bytes": event.get("bytes"), "text": event.get("text")})


async def main():
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"port {listener.getsockname()[1]}", flush=True)
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.errorlog = None
    await serve(echo, config)


asyncio.run(main())
