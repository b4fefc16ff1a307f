"""The source of the bus monitor: sends each frame of the agent's buses as a JSON line, on a Unix socket in the state
folder.

Only the agent's own user may listen. A reader that is too slow is dropped, so that the lamps never wait for it. While
there is no reader, a frame costs one look at an empty set.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from pathlib import Path

from agent.hardware.private_socket import private_socket
from drivers.interfaces import Observer
from protocols.dali import naming
from protocols.dali.frames import Reply, Transmission

log = logging.getLogger("lichtmast")

SOCKET = "monitor.sock"
BACKLOG_BYTES = 256 * 1024
"""A reader that is further behind than this is dropped. A full bus fills it in about a minute."""

Row = dict[str, object]


def row(at: float, bus: str, namer: naming.Namer, transmission: Transmission, reply: Reply | None) -> Row:
    """Returns one frame as monitors show it, at `at` (Unix seconds). `reply` None: it is another master's frame. The
    row's `answer` is None if the frame asks nothing."""
    frame = transmission.frame
    named = namer.name(frame)
    answer = reply if transmission.answer else None
    return {
        "at": round(at, 3),
        "bus": bus,
        "by": "another master" if reply is None else "us",
        "bits": frame.bits,
        "frame": frame.to_bytes().hex(),
        "twice": transmission.twice,
        "address": named.address,
        "command": named.command,
        "number": named.number,
        "answer": answer and answer.kind,
        "value": answer and answer.value,
        "meaning": answer and naming.reply_text(named.command, answer),
    }


class _Reader(asyncio.Protocol):
    """A process that listens. The agent ignores all that it sends."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(high=BACKLOG_BYTES)
        self._transport = transport
        self._monitor.join(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._monitor.leave(self)

    def pause_writing(self) -> None:
        self.drop()

    def drop(self) -> None:
        self._monitor.leave(self)
        if self._transport is not None:
            self._transport.abort()

    def tell(self, line: bytes) -> None:
        assert self._transport is not None
        self._transport.write(line)


class Monitor:
    """The socket and its readers. `wall` returns the time of each frame in Unix seconds."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._readers: set[_Reader] = set()
        self._namers: dict[str, naming.Namer] = {}
        self._server: asyncio.Server | None = None
        self._path: Path | None = None

    async def open(self, path: Path) -> None:
        """Listens at this path. If that is impossible, the log says so, and the agent goes on without the monitor."""
        try:
            listening = private_socket(path)
            self._server = await asyncio.get_running_loop().create_unix_server(lambda: _Reader(self), sock=listening)
        except OSError as error:
            log.warning("frames cannot be watched: the socket %s cannot be made: %s", path, error)
            return
        self._path = path

    def close(self) -> None:
        """Closes the socket, and drops its readers."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for reader in list(self._readers):
            reader.drop()
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()
            self._path = None

    @property
    def readers(self) -> int:
        """The number of processes that listen now."""
        return len(self._readers)

    def observer(self, bus: str) -> Observer:
        """Returns the observer to which the bus of this name tells its frames."""

        def observe(transmission: Transmission, reply: Reply | None) -> None:
            if self._readers:
                self._tell(bus, transmission, reply)

        return observe

    def join(self, reader: _Reader) -> None:
        """Adds a reader. The naming of frames begins anew, because it depends on earlier frames, and those went
        unseen."""
        self._namers.clear()
        self._readers.add(reader)

    def leave(self, reader: _Reader) -> None:
        """Removes a reader, if it is still there."""
        self._readers.discard(reader)

    def _tell(self, bus: str, transmission: Transmission, reply: Reply | None) -> None:
        namer = self._namers.setdefault(bus, naming.Namer())
        line = json.dumps(row(self._wall(), bus, namer, transmission, reply)).encode() + b"\n"
        for reader in list(self._readers):
            reader.tell(line)
