"""A newcomer at the broker, which is told the retained state of the gateway (MQTT 3.1.1, 3.3.1.3)."""

from __future__ import annotations

import asyncio

from agent.hardware.world import world_of
from agent.interfaces import Clock
from agent.wire import payloads
from agent.wire.mqtt import Broker, Link, Session
from hil.stories.boards import GATEWAY


async def retained_state(broker_port: int, clock: Clock) -> str:
    """Returns the retained state of the gateway, "online" or "offline". Waits until the broker has one."""
    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def listen(session: Session) -> None:
        await session.subscribe(payloads.topic(GATEWAY, "state"))
        async for message in session.messages():
            if not told.done():
                told.set_result(str(payloads.decode_facts(message.payload)["state"]))

    link = Link(Broker("127.0.0.1", broker_port, "newcomer"), clock, lambda back, sentence: None)
    listening = asyncio.create_task(link.run(listen))
    try:
        with world_of(clock).waiting_for_the_world("the retained state"):
            return await told
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
