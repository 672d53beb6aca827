"""
Runs an API server. Commands come from standard input, as a JSON object a line, and each is answered with JSON in a line
on standard output. It ends with its standard input.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from tests.kubernetes.commands import Commands
from tests.kubernetes.server import Server


def complain(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Clients may go when they like; anything else is a mistake of ours."""
    if not isinstance(context.get("exception"), OSError):
        loop.default_exception_handler(context)


async def main() -> None:
    """Serve until standard input ends, or somebody has it come to its end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("identity", type=Path, help="PEM file with key and certificate")
    parser.add_argument("--client-ca", type=Path, help="PEM file of who vouches for clients")
    options = parser.parse_args()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(complain)
    server = Server((options.host, options.port), options.identity, options.client_ca)
    commands = Commands(server)
    print(json.dumps(server.listen()), flush=True)
    reader = asyncio.StreamReader(1 << 26)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    obeying = asyncio.create_task(obey(commands, reader))
    await asyncio.wait([obeying, asyncio.create_task(commands.isOver.wait())], return_when=asyncio.FIRST_COMPLETED)
    if obeying.done():
        obeying.result()


async def obey(commands: Commands, reader: asyncio.StreamReader) -> None:
    """Do as told, until nobody tells any more."""
    while line := await reader.readline():
        answer = await commands.perform(**json.loads(line))
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
