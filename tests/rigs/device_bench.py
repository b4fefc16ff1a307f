"""Runs our 24-bit conversations against emulated control devices, straight on their bus."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import TypeVar

from hil.devices.control_device import ControlDevice
from hil.devices.dali_bus import DaliBus, Outcome, Result
from hil.virtual_time import VirtualClock, run_virtual
from protocols.dali.frames import COLLISION, NO_ANSWER, ForwardFrame, Reply, Transmission, answered

T = TypeVar("T")
NIGHT = 1_768_500_000.0


class DeviceBench:
    """`cut_after` frames the host vanishes; `events` are those that came through."""

    def __init__(self, devices: list[ControlDevice]) -> None:
        self.devices = devices
        self.loop = asyncio.get_running_loop()
        self.bus = DaliBus((), self.loop, devices=devices)
        self.events: list[ForwardFrame] = []
        self.bus.event_message.append(lambda value: self.events.append(ForwardFrame(24, value)))
        self.frames = 0
        self.names: list[Transmission] = []

    async def run(self, conversation: Generator[Transmission, Reply, T], *, cut_after: int | None = None) -> T | None:
        """The conversation's result; None where it was cut."""
        left = cut_after
        try:
            transmission = next(conversation)
            while left is None or left > 0:
                left = None if left is None else left - 1
                transmission = conversation.send(await self._transmit(transmission))
        except StopIteration as ended:
            result: T = ended.value
            return result
        conversation.close()
        return None

    async def _transmit(self, transmission: Transmission) -> Reply:
        self.names.append(transmission)
        for _ in range(2 if transmission.twice else 1):
            outcome = await self._frame(int(transmission.frame.value))
        if outcome.result is Result.ANSWER:
            return answered(outcome.value)
        return COLLISION if outcome.result is Result.GARBLED else NO_ANSWER

    async def _frame(self, value: int) -> Outcome:
        while True:
            self.frames += 1
            done: asyncio.Future[Outcome] = self.loop.create_future()
            self.bus.transmit(24, value, done.set_result, settle=True)
            outcome = await done
            await asyncio.sleep(max(0.0, outcome.free - self.loop.time()))
            if outcome.result is not Result.COLLISION:
                return outcome


def with_devices(devices: list[ControlDevice], story: Callable[[DeviceBench], Awaitable[T]]) -> T:
    """The story's result, on virtual time."""

    async def whole(_clock: VirtualClock) -> T:
        return await story(DeviceBench(devices))

    return run_virtual(whole, NIGHT)
