"""An MQTT broker inside the process (amqtt, 3.1.1 only): for the demo, and for stories on virtual time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import weakref
from collections.abc import AsyncIterator

from hil.free_port import free_port

KEEPALIVE_GRACE_S = 30 * 86_400
"""paho counts its keepalive on the machine's clock and the broker on the loop's, so a client sends no ping in a virtual
night. The broker must wait that long."""


@contextlib.asynccontextmanager
async def embedded_broker(port: int = 0) -> AsyncIterator[int]:
    """Runs a broker on the loopback interface inside the `with`, and yields its port. With `port` 0 it takes any free
    one."""
    for noisy in ("amqtt", "transitions"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    from amqtt.broker import Broker  # the import takes half a second, so only a started broker pays for it

    class NightBroker(Broker):  # type: ignore[misc]  # amqtt has no types
        """A broker without the search for abandoned sessions each second, which takes 86,400 steps of a virtual day."""

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
        # Without this, a client that is cut off while it joins, or while the broker ends, would stay open for ever.
        for writer in list(writers):
            writer.transport.abort()
        await asyncio.sleep(0)  # gives the transports a turn to close their sockets
