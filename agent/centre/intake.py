"""Keeps the messages that wait at the collector to be stored: one bounded queue for each gateway, taken in turn.

A gateway has at most a few batches on their way (agent/upstream/reporter.py). One that sends more, by mistake or on
purpose, delays no other gateway. A message that is dropped is not acknowledged, so that an honest sender sends it
again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque

from agent.wire.mqtt import Message

GATEWAY_MESSAGES = 16
WAITING_BYTES = 64_000_000


class Intake:
    """Takes messages as they come, and gives them out gateway by gateway in turn."""

    def __init__(self) -> None:
        self._queues: OrderedDict[str, deque[Message]] = OrderedDict()
        self._bytes = 0
        self._refused: set[str] = set()
        self._some = asyncio.Event()

    def put(self, gateway: str, message: Message) -> str | None:
        """Keeps the message and returns None, or drops it and returns the sentence that says why. Until the gateway's
        queue has been empty again, the sentence is returned once, and then ""."""
        queue = self._queues.get(gateway)
        if queue is not None and len(queue) >= GATEWAY_MESSAGES:
            problem = f"more than {GATEWAY_MESSAGES} batches of it wait to be stored; it sends them again"
        elif self._bytes + len(message.payload) > WAITING_BYTES:
            problem = f"more than {WAITING_BYTES // 1_000_000} MB wait to be stored; it sends them again"
        else:
            self._queues.setdefault(gateway, deque()).append(message)
            self._bytes += len(message.payload)
            self._some.set()
            return None
        if gateway in self._refused or queue is None:
            return ""
        self._refused.add(gateway)
        return problem

    async def take(self) -> Message:
        """Waits for a message, and returns the next one of the gateway that has waited longest for its turn."""
        while not self._queues:
            self._some.clear()
            await self._some.wait()
        gateway, queue = self._queues.popitem(last=False)
        message = queue.popleft()
        self._bytes -= len(message.payload)
        if queue:
            self._queues[gateway] = queue  # it goes to the end of the line
        else:
            self._refused.discard(gateway)
        return message
