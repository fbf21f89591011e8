"""An echo server over the Python package websockets: server.py PORT"""

import asyncio
import sys

from websockets.asyncio.server import serve

LIMIT = 64 << 20


async def echo(socket):
    async for message in socket:
        await socket.send(message)


async def main():
    async with serve(echo, "127.0.0.1", int(sys.argv[1]), max_size=LIMIT) as server:
        await server.serve_forever()


asyncio.run(main())
