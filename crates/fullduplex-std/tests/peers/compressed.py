"""A server or client by the library `websockets` that compresses, see README.md."""

import asyncio
import random
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)

from websockets_report import report


def parameters(text):
    for parameter in text.split():
        name, _, value = parameter.partition("=")
        yield name, int(value) if value else True


def agreed(socket, role):
    (extension,) = socket.protocol.extensions
    assert isinstance(extension, PerMessageDeflate)
    local = (not extension.local_no_context_takeover, extension.local_max_window_bits)
    remote = (not extension.remote_no_context_takeover, extension.remote_max_window_bits)
    server, client = (local, remote) if role == "server" else (remote, local)
    return f"agreed {server[0]} {server[1]} {client[0]} {client[1]}".lower()


def lines(size):
    text = "".join(f'{{"id": {i * i}, "name": "κόσμε {i % 7}"}}\n' for i in range(size // 25))
    return text[: size * 2 // 3]


async def echo(socket):
    async for message in socket:
        if message == "command:fragments":
            await socket.send([lines(3000), lines(200), "!"])
        else:
            await socket.send(message)


async def run_server(options):
    done = asyncio.get_running_loop().create_future()

    async def handler(socket):
        try:
            await echo(socket)
        except ConnectionClosed:
            pass
        await socket.wait_closed()
        done.set_result((agreed(socket, "server"), report(socket)))

    extensions = [ServerPerMessageDeflateFactory(**dict(parameters(options)))]
    async with serve(
        handler, "127.0.0.1", 0, compression=None, extensions=extensions, max_size=None
    ) as server:
        print("port", server.sockets[0].getsockname()[1], flush=True)
        for line in await done:
            print(line, flush=True)


async def run_client(options, url):
    extensions = [ClientPerMessageDeflateFactory(**dict(parameters(options)))]
    async with connect(
        url, compression=None, extensions=extensions, max_size=None, proxy=None
    ) as socket:
        print(agreed(socket, "client"), flush=True)
        noise = random.Random(1)
        small = lines(2000)
        messages = [small, small, "hi", noise.randbytes(65536), lines(65536), small.encode()]
        messages += [lines(1 << 20), lines(1 << 20).encode(), b"", "", small]
        for message in messages:
            await socket.send(message)
            assert await socket.recv() == message
        await socket.send([lines(3000), lines(200), "!"])
        assert await socket.recv() == lines(3000) + lines(200) + "!"
        await socket.send([noise.randbytes(3000), b"", b"x"])
        assert len(await socket.recv()) == 3001
        await socket.send("command:fragments")
        assert await socket.recv() == small * 3
        await socket.close(1000, "")
        await socket.wait_closed()
        print(report(socket), flush=True)


role, options, *rest = sys.argv[1:]
run = run_server if role == "server" else run_client
asyncio.run(asyncio.wait_for(run(options, *rest), 15))
