"""The line between one client and the broker (TCP on the loopback interface), which a story can cut and take away."""

from __future__ import annotations

import asyncio
import contextlib

from hil.free_port import free_port

PIECE = 65536


class BrokerLine:
    """Carries bytes both ways between `port` and the broker's port while it is up."""

    def __init__(self, broker_port: int) -> None:
        self.port = free_port()
        self._broker_port = broker_port
        self._server: asyncio.Server | None = None
        self._carriers: set[asyncio.Task[None]] = set()

    async def up(self) -> None:
        """Opens the line, always at its own port."""
        self._server = await asyncio.start_server(self._joined, "127.0.0.1", self.port)

    async def down(self) -> None:
        """Takes the line away: connections end without a goodbye, and new ones are refused."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.cut()

    async def cut(self) -> None:
        """Ends all connections without a goodbye, while new ones get through."""
        for carrier in list(self._carriers):
            carrier.cancel()
        await asyncio.gather(*self._carriers, return_exceptions=True)

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        carrier = asyncio.ensure_future(self._carry_both_ways(reader, writer))
        self._carriers.add(carrier)
        carrier.add_done_callback(self._carriers.discard)
        await asyncio.gather(carrier, return_exceptions=True)

    async def _carry_both_ways(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._broker_port)
        try:
            await asyncio.gather(_carry(reader, far_writer), _carry(far_reader, writer))
        finally:
            for end in (writer, far_writer):
                end.transport.abort()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()
    # If one end hangs up, the other end hears it at once, as on a single connection.
    writer.close()
