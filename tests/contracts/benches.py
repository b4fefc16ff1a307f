"""The emulated bench of each DALI interface in drivers/catalogue.py: one line here joins another to the contract."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, TypeVar

from agent.hardware.serial_port import port_opener
from drivers import catalogue
from drivers.dali.bus import DaliBus
from drivers.interfaces import DaliInterface
from hil.devices.control_device import ControlDevice
from hil.devices.device_instances import OccupancySensor
from hil.devices.luba import Luba
from hil.devices.sci2 import Sci2, Sci2Newer
from hil.devices.serial_port import SerialPort
from hil.devices.sevenlab import SevenLab
from hil.devices.street import Lamp, Street
from hil.virtual_time import VirtualClock, run_virtual
from protocols.dali.frames import ForwardFrame

T = TypeVar("T")
NIGHT = 1_768_500_000.0
LEVELS = (200, 100, 170, 85, 254)
"""What the bench's gear show, by short address: no two the same, so that a wrong gear's answer is a wrong answer."""


class Product(NamedTuple):
    """What the contract must know of one product: its emulation on a port at `link`, and what it says unasked."""

    emulate: Callable[[Sequence[Lamp], VirtualClock, Path], Street]
    chatter: tuple[bytes, ...]


def _devices() -> list[ControlDevice]:
    """A movement sensor at device short address 5; it says nothing unasked, for nobody passes."""
    return [ControlDevice([OccupancySensor()], short_address=5)]


def _atx_hat(lamps: Sequence[Lamp], clock: VirtualClock, link: Path) -> Street:
    return Street(lamps, traffic=clock, link=link, devices=_devices())


def _luba(lamps: Sequence[Lamp], clock: VirtualClock, link: Path) -> Street:
    return Street(lamps, traffic=clock, link=link, devices=_devices(), product=Luba)


def _sci2(lamps: Sequence[Lamp], clock: VirtualClock, link: Path) -> Street:
    return Street(lamps, traffic=clock, link=link, devices=_devices(), product=Sci2)


def _sci2_newer(lamps: Sequence[Lamp], clock: VirtualClock, link: Path) -> Street:
    return Street(lamps, traffic=clock, link=link, devices=_devices(), product=Sci2Newer)


def _sevenlab(lamps: Sequence[Lamp], clock: VirtualClock, link: Path) -> Street:
    return Street(lamps, traffic=clock, link=link, devices=_devices(), product=SevenLab)


LUBA_CHATTER = (
    bytes.fromhex("59310600000090019036"),  # a 16-bit frame received
    bytes.fromhex("593105000000887fc3"),  # an answer received, of a time long ago
    bytes.fromhex("593107000000100907a088"),  # a frame sent that nobody here has handed over
    bytes.fromhex("593104000000bf8a"),  # bits that break the timing
)
SCI2_CHATTER = (bytes.fromhex("630001fe9c"), bytes.fromhex("6401020364"), bytes.fromhex("6000000060"), b"\x00\xff")
SEVENLAB_CHATTER = (
    b"{0000012c:10 000001fe}\r\n",  # another master's frame
    b"{0000012c:08 0000007f}\r\n",  # an answer of long ago
    b"{0000012c>10 0000a900}\r\n",  # a frame sent that nobody here has handed over
    b"{0000012c:83 0004e203}\r\n",  # bits that break the timing
    b"{0000012c:90 00000000}\r\n",
)

BENCHES = {
    "atx_hat": Product(_atx_hat, (b"H01FE\n", b"L010203\n", b"D21\n", b"P1610000\n")),
    "luba": Product(_luba, LUBA_CHATTER),
    "sci2": Product(_sci2, SCI2_CHATTER),
    "sci2_2": Product(_sci2_newer, SCI2_CHATTER),
    "sevenlab": Product(_sevenlab, SEVENLAB_CHATTER),
}


@dataclass
class Bench:
    """An interface's driver on its emulated product, with gear 0, 1, 2 ... at LEVELS. `heard` is what its listener has
    heard, `foreign` other masters' frames with their channel."""

    clock: VirtualClock
    street: Street
    interface: DaliInterface
    bus: DaliBus
    product: Product
    heard: list[tuple[str, int]] = field(default_factory=list)
    foreign: list[tuple[int, ForwardFrame]] = field(default_factory=list)

    @property
    def port(self) -> SerialPort:
        assert self.street.port is not None
        return self.street.port

    def later(self, seconds: float, act: Callable[[], object]) -> None:
        """Does this after so long, whatever the story is at."""
        self.street.loop.call_later(seconds, act)

    def frames_of(self, value: int) -> int:
        """How often this frame went over the bus and met nobody else's."""
        return sum(frame.value == value and frame.outcome.name != "COLLISION" for frame in self.street.bus.trace)


def on_bench(name: str, story: Callable[[Bench], Awaitable[T]]) -> T:
    """Runs the story on virtual time, with the driver connected; everything is taken down at the end."""

    async def whole(clock: VirtualClock) -> T:
        with TemporaryDirectory() as folder:
            return await _with_bench(name, clock, Path(folder) / "port", story)

    return run_virtual(whole, NIGHT)


async def _with_bench(name: str, clock: VirtualClock, link: Path, story: Callable[[Bench], Awaitable[T]]) -> T:
    product = BENCHES[name]
    lamps = [Lamp(address, 25.0, level=level) for address, level in enumerate(LEVELS)]
    street = product.emulate(lamps, clock, link)
    heard: list[tuple[str, int]] = []
    foreign: list[tuple[int, ForwardFrame]] = []
    driver = catalogue.load(name)
    interface: DaliInterface = driver(
        port_opener(str(link), clock),
        clock,
        lambda condition, channel, _sentence: heard.append((condition, channel)),
        (1,),
        lambda channel, frame: foreign.append((channel, frame)),
    )
    running = asyncio.create_task(interface.run())
    try:
        await clock.sleep(0.5)
        return await story(Bench(clock, street, interface, DaliBus(interface), product, heard, foreign))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        street.close()
