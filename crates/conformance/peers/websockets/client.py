"""An echo client over the Python package websockets, which runs all cases of a fuzzing server: client.py URL"""

import asyncio
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

AGENT = "websockets"
LIMIT = 64 << 20


async def echo(url):
    async with connect(url, max_size=LIMIT) as socket:
        async for message in socket:
            await socket.send(message)


async def main(url):
    async with connect(f"{url}/getCaseCount") as socket:
        count = int(await socket.recv())
    for case in range(1, count + 1):
        # Many cases are meant to end in a failure. The suite judges them.
        try:
            await echo(f"{url}/runCase?case={case}&agent={AGENT}")
        except (WebSocketException, OSError, EOFError):
            pass
    async with connect(f"{url}/updateReports?agent={AGENT}"):
        pass


asyncio.run(main(sys.argv[1].rstrip("/")))
