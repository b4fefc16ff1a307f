"""The bench of the contract: one interface's driver on its emulation, in virtual time, with five gear and a sensor.

If a story fails, its error carries as a note the last messages on the serial line and the last frames on the bus.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from agent.hardware.serial_port import port_opener
from agent.parts.interfaces import INTERFACES, driver_of
from drivers.dali.bus import TELEMETRY, DaliBus
from drivers.interfaces import DaliInterface
from hil.contract.evidence import Evidence
from hil.devices.control_device import ControlDevice
from hil.devices.device_instances import OccupancySensor
from hil.devices.serial_port import SerialPort
from hil.devices.street import Lamp, Street
from hil.emulated_board import emulation_of
from hil.virtual_time import VirtualClock, run_virtual
from protocols.dali import addresses, sequences
from protocols.dali.frames import ForwardFrame, Reply
from protocols.dali_interfaces.product import Product

T = TypeVar("T")
NIGHT = 1_768_500_000.0
LEVELS = (200, 100, 170, 85, 254)
"""The levels of the bench's gear by short address. They all differ, so that the answer of a wrong gear is wrong."""
SENSOR = 5
"""The device short address of the movement sensor, which sends nothing unasked while no person passes."""
QUIETEN_S = 3.0
"""After this time a fault and its consequences are over: the port is open again, the bus was asked for its voltage."""
CONNECTED_WITHIN_S = 0.5


@dataclass
class Bench:
    """A driver on its emulated product, with gear 0, 1, 2 ... at LEVELS.

    `heard` holds (condition, channel) of all that the driver's listener has heard, and `foreign` holds (channel, frame)
    of all frames of other masters that the driver has told.
    """

    clock: VirtualClock
    street: Street
    interface: DaliInterface
    bus: DaliBus
    product: Product
    heard: list[tuple[str, int]] = field(default_factory=list)
    foreign: list[tuple[int, ForwardFrame]] = field(default_factory=list)

    @property
    def port(self) -> SerialPort:
        """The serial line, with its faults to switch on."""
        assert self.street.port is not None
        return self.street.port

    def later(self, seconds: float, act: Callable[[], object]) -> None:
        """Calls `act` after `seconds`, while the story goes on."""
        self.street.loop.call_later(seconds, act)

    def frames_of(self, value: int) -> int:
        """Returns how often a frame of this value went over the bus without a collision."""
        return sum(frame.value == value and frame.outcome.name != "COLLISION" for frame in self.street.bus.trace)


Story = Callable[[Bench], Awaitable[T]]


async def ask(bench: Bench, gear: int, name: str = "QUERY ACTUAL LEVEL") -> Reply:
    """Sends the query to the gear at this short address and returns the reply. Raises DriverError."""
    return await bench.bus.run(sequences.query(addresses.short(gear), name), TELEMETRY)


async def all_right(bench: Bench) -> None:
    """Asserts that each gear's answer is its own."""
    for gear, level in enumerate(LEVELS):
        assert await ask(bench, gear) == Reply(Reply.VALUE, level), gear


def on_bench(name: str, story: Story[T]) -> T:
    """Runs the story with the interface of this short name, half a second after its driver was started, and returns its
    result. Takes everything down at the end.

    Raises UnknownName, Unusable if a part of the interface is missing, and the story's own errors.
    """

    async def whole(clock: VirtualClock) -> T:
        with TemporaryDirectory() as folder:
            return await _with_bench(name, clock, Path(folder) / "port", story)

    return run_virtual(whole, NIGHT)


def street_of(product: Product, clock: VirtualClock, link: Path) -> Street:
    """Returns the bench's street behind the product's emulation, on a port at `link`. Call it inside the clock's
    loop."""
    lamps = [Lamp(address, 25.0, level=level) for address, level in enumerate(LEVELS)]
    devices = [ControlDevice([OccupancySensor()], short_address=SENSOR)]
    return Street(lamps, traffic=clock, link=link, devices=devices, product=emulation_of(product.name))


async def _with_bench(name: str, clock: VirtualClock, link: Path, story: Story[T]) -> T:
    product, driver = INTERFACES.find(name), driver_of(name)
    street = street_of(product, clock, link)
    heard: list[tuple[str, int]] = []
    foreign: list[tuple[int, ForwardFrame]] = []
    evidence = Evidence(street)

    def hear(condition: str, channel: int, sentence: str) -> None:
        heard.append((condition, channel))
        evidence.note(sentence)

    interface = driver(
        port_opener(str(link), clock), clock, hear, (1,), lambda channel, frame: foreign.append((channel, frame))
    )
    running = asyncio.create_task(interface.run())
    try:
        await clock.sleep(CONNECTED_WITHIN_S)
        if running.done():
            running.result()  # raises the error that ended the driver, rather than the errors that follow from it
        return await story(Bench(clock, street, interface, DaliBus(interface), product, heard, foreign))
    except Exception as error:
        error.add_note(evidence.text())
        raise
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        street.close()
