"""A gateway in a few lines: dims the lamp at a short address and prints the level that it reads back.

    micropython dim_a_lamp.py PORT SHORT_ADDRESS LEVEL

It needs two parts beside the drivers, which are here: a serial port and a clock, as MicroPython has them.
"""

import asyncio
import sys
from time import ticks_diff, ticks_ms  # type: ignore[attr-defined]  # MicroPython's own

from drivers.dali.atx_hat import AtxHat
from drivers.dali.bus import LEVELS, TELEMETRY, DaliBus
from drivers.errors import DriverError
from protocols.dali import addresses, energy_register, sequences

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeVar

    T = TypeVar("T")

TRIES = 5
"""The number of tries: a busy machine may answer later than the driver waits."""


class Clock:
    """A clock that counts the machine's time since the start."""

    def __init__(self) -> None:
        self._last = ticks_ms()
        self._seconds = 0.0

    def monotonic(self) -> float:
        now = ticks_ms()  # this wraps round to 0 in the end: only differences count
        self._seconds += ticks_diff(now, self._last) / 1000
        self._last = now
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    async def wait_for(self, awaitable: "Awaitable[T]", seconds: float) -> "T":
        return await asyncio.wait_for(awaitable, seconds)


class Port:
    """A serial port that is set up already."""

    def __init__(self, path: str, received: "Callable[[bytes], None]", lost: "Callable[[str], None]") -> None:
        self._stream = open(path, "r+b", buffering=0)  # noqa: SIM115 - it stays open
        self._received = received
        self._lost = lost
        self._reading = asyncio.create_task(self._read(asyncio.StreamReader(self._stream)))  # type: ignore[arg-type]

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                piece = await reader.read(1)  # a blocking file would wait for all of a longer piece
                if not piece:
                    break
                self._received(piece)
        except OSError:
            pass
        self._lost("the serial port was lost: check its cable")

    def write(self, content: bytes) -> None:
        self._stream.write(content)

    def close(self) -> None:
        self._reading.cancel()
        self._stream.close()


async def dim(path: str, short_address: int, level: int) -> None:
    clock = Clock()

    async def open_port(
        baud: int, received: "Callable[[bytes], None]", lost: "Callable[[str], None]", lines: object = None
    ) -> Port:
        return Port(path, received, lost)

    def hears(condition: str, channel: int, sentence: str) -> None:
        print(condition, channel)

    driver = AtxHat(open_port, clock, hears)
    running = asyncio.create_task(driver.run())
    bus = DaliBus(driver)
    await clock.wait_for(bus.wait_usable(), 10)
    for _ in range(TRIES):
        try:
            await dim_and_read(bus, addresses.short(short_address), level)
            break
        except DriverError as error:
            print("again:", error)
    running.cancel()


async def dim_and_read(bus: DaliBus, lamp: addresses.Address, level: int) -> None:
    await bus.run(sequences.set_parameter(lamp, "SET FADE TIME", 0), LEVELS)
    await bus.run(sequences.dim(lamp, level), LEVELS)
    shown = await bus.run(sequences.query_value(lamp, "QUERY ACTUAL LEVEL"), TELEMETRY)
    energy = await bus.run(energy_register.read_whole(lamp), TELEMETRY)
    assert energy is not None
    print("level", shown)
    print("energy", energy.count)


if __name__ == "__main__":
    asyncio.run(dim(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
