"""A client by the library `websockets`: talks to a server of ours, see README.md."""

import asyncio
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from websockets_report import report


async def main(url, closer, compression):
    async with connect(
        url,
        subprotocols=["chat", "unknown"],
        additional_headers={"X-Question": "who?"},
        compression="deflate" if compression == "deflate" else None,
        max_size=None,
        proxy=None,
    ) as socket:
        assert socket.subprotocol == "chat", socket.subprotocol
        assert socket.response.headers["X-Answer"] == "who?"
        assert socket.protocol.extensions == [], socket.protocol.extensions
        for text in ["Hello", "", "κόσμε — 日本語 🦀" * 100]:
            await socket.send(text)
            assert await socket.recv() == text
        for size in [0, 125, 126, 65_535, 65_536, 1 << 20]:
            data = bytes(i % 251 for i in range(size))
            await socket.send(data)
            assert await socket.recv() == data
        await socket.send(["κόσ", "με", " in ", "fragments"])
        assert await socket.recv() == "κόσμε in fragments"
        await socket.send([b"\x00\x01", b"", b"\x02"])
        assert await socket.recv() == b"\x00\x01\x02"
        await socket.send("command:fragments")
        assert await socket.recv() == "κόσμε!"
        await (await socket.ping("are you there?"))
        await socket.send("command:ping and you?")
        assert await socket.recv() == "pong and you?"
        if closer == "client":
            await socket.close(4001, "done here")
        else:
            await socket.send("command:close 4002 enough")
            try:
                await socket.recv()
                raise AssertionError("no Close")
            except ConnectionClosed:
                pass
        await socket.wait_closed()
        print(report(socket), flush=True)


asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 15))
