"""A road for TCP on which everything that comes back is late: `python -m drills.lab.relay LISTEN TARGET FILE`.

FILE says by how many milliseconds; it is read again and again.
"""

import asyncio
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

CHUNK: Final = 65536
LOOK_S: Final = 0.1


class Relay:
    """Order is kept, and no more is sent than the other end can take."""

    def __init__(self, target: tuple[str, int], file: Path) -> None:
        self._target, self._file = target, file
        self._delay = 0.0

    async def watch(self) -> None:
        """Reads the delay again and again."""
        while True:
            with suppress(OSError, ValueError):
                self._delay = int(self._file.read_text()) / 1000
            await asyncio.sleep(LOOK_S)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.close()
            return
        for each in (writer, far_writer):
            each.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        there = self._carry(reader, far_writer, late=False)
        back = self._carry(far_reader, writer, late=True)
        await asyncio.gather(there, back)
        writer.close()
        far_writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, late: bool) -> None:
        packets: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(64)
        sending = asyncio.create_task(_send(packets, writer))
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                await packets.put((time.monotonic() + (self._delay if late else 0.0), data))
        await packets.put((0.0, b""))
        await sending


async def _send(packets: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter) -> None:
    while (packet := await packets.get())[1]:
        at, data = packet
        if (wait := at - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        with suppress(OSError):  # an end that is gone takes nothing; what it had to say is on its way
            writer.write(data)
            await writer.drain()
    with suppress(OSError):
        writer.write_eof()


async def main(listen: str, target: str, file: str) -> None:
    """Until it is killed."""
    host, _, port = target.rpartition(":")
    relay = Relay((host, int(port)), Path(file))
    here, _, own = listen.rpartition(":")
    server = await asyncio.start_server(relay.serve, here, int(own))
    async with server:
        await relay.watch()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
