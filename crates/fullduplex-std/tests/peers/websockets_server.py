"""A server by the library `websockets`: serves one connection, see README.md."""

import asyncio
import sys

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from websockets_report import report


async def talk(socket):
    async for message in socket:
        command, _, rest = str(message).partition(" ")
        if command == "command:fragments":
            await socket.send(["κόσ", "με", "!"])
        elif command == "command:ping":
            await (await socket.ping(rest))
            await socket.send(f"pong {rest}")
        elif command == "command:close":
            code, _, reason = rest.partition(" ")
            await socket.close(int(code), reason)
        else:
            await socket.send(message)


async def main(compression):
    done = asyncio.get_running_loop().create_future()

    async def handler(socket):
        try:
            await talk(socket)
        except ConnectionClosed:
            pass
        await socket.wait_closed()
        done.set_result(report(socket))

    def process_response(socket, request, response):
        response.headers["X-Answer"] = request.headers["X-Question"]

    async with serve(
        handler,
        "127.0.0.1",
        0,
        subprotocols=["superchat", "chat"],
        process_response=process_response,
        compression="deflate" if compression == "deflate" else None,
        max_size=None,
    ) as server:
        print("port", server.sockets[0].getsockname()[1], flush=True)
        print(await done, flush=True)


asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 15))
