"""An MQTT broker inside the process (amqtt, 3.1.1 only): for the demo, and for stories on virtual time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import weakref
from collections.abc import AsyncIterator

from hil.free_port import free_port

KEEPALIVE_GRACE_S = 30 * 86_400
"""paho counts its keepalive on the machine's clock, the broker on the loop's: in a virtual night no ping is due."""


@contextlib.asynccontextmanager
async def embedded_broker(port: int = 0) -> AsyncIterator[int]:
    """A broker on the loopback interface while inside; gives its port (0: any free one)."""
    for noisy in ("amqtt", "transitions"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    from amqtt.broker import Broker  # half a second to import: only who starts a broker pays for it

    class NightBroker(Broker):  # type: ignore[misc]  # amqtt has no types
        """Without the sweep for abandoned sessions each second, which is 86,400 steps of a virtual night."""

        async def _session_monitor(self) -> None:
            return

        async def stream_connected(
            self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
        ) -> None:
            writers.add(writer)
            await super().stream_connected(reader, writer, listener_name)

    writers: weakref.WeakSet[asyncio.StreamWriter] = weakref.WeakSet()
    port = port or free_port()
    broker = NightBroker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "timeout_disconnect_delay": KEEPALIVE_GRACE_S,
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )
    await broker.start()
    try:
        yield port
    finally:
        await broker.shutdown()
        # A client that is cut off while it joins, or while the broker ends, would stay open for ever.
        for writer in list(writers):
            writer.transport.abort()
        await asyncio.sleep(0)  # in which the transports close their sockets
