"""One emulated street behind its interface, with the agent's luminaire control on it, on the virtual clock.

What a test judges by are the emulated lamps themselves (their levels, what their bus carried) and the events told.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from agent.hardware.serial_port import port_opener
from agent.lamps.control import LuminaireControl
from agent.lamps.dimming import Dimming
from agent.lamps.gear_health import GearHealth
from agent.lamps.luminaire import LuminaireState
from agent.lamps.questions import CYCLE_S
from agent.lamps.targets import LampTarget
from agent.records.alarms import EventLog
from drivers.dali.atx_hat import AtxHat
from drivers.dali.bus import DaliBus
from hil.devices.gear_variables import GearProfile
from hil.devices.street import Lamp, Street
from hil.virtual_time import VirtualClock, run_virtual
from protocols.dali.frames import ForwardFrame

NIGHT = 1_768_500_000.0
"""2026-01-15 18:00 UTC: the beginning of a quarter."""

# Levels of the logarithmic curve (IEC 62386-102 clause 9.3), from the standard's table.
OFF, ONE_PERCENT, HALF, SEVENTY, FULL = 0, 85, 229, 241, 254

# Frames as bytes on the bus: address byte and opcode.
BROADCAST_LEVEL = 0xFE
QUERY_STATUS, QUERY_POWER_FAILURE, QUERY_ACTUAL_LEVEL = 0x90, 0x9B, 0xA0


class Observed:
    """Keeps LuminaireObserver by writing down what it is told."""

    def __init__(self) -> None:
        self.levels: list[tuple[str, int, float]] = []
        self.availability: list[tuple[str, float | None, bool]] = []
        self.outages: list[tuple[str, float | None]] = []
        self.without_mains: list[str] = []
        """Those that were said to be away because they have no mains."""

    def level(self, name: str, level: int, fade_s: float) -> None:
        self.levels.append((name, level, fade_s))

    def available(self, name: str, since: float | None, *, available: bool, without_mains: bool = False) -> None:
        self.availability.append((name, since, available))
        if without_mains:
            self.without_mains.append(name)

    def outage(self, name: str, since: float | None) -> None:
        self.outages.append((name, since))


class LampBus:
    """Luminaires L0, L1 ... at short addresses 0, 1 ... Made by `on_the_bus`."""

    def __init__(
        self,
        clock: VirtualClock,
        street: Street,
        names: Sequence[str],
        safe_level: int,
        stagger_s: float,
        floor_level: int = 1,
    ) -> None:
        self.clock = clock
        self.street = street
        self.records: list[tuple[str, Mapping[str, object]]] = []
        self.targets = dict.fromkeys(names, LampTarget(0.0, 0.0))
        self.lamps = [LuminaireState(name, number) for number, name in enumerate(names)]
        self.events = EventLog(lambda kind, body: self.records.append((kind, body)), clock.wall)
        self.observed = Observed()
        self.until_change_s: Callable[[], float | None] = lambda: None
        """In how many seconds what sensors said will change a level, as a test has it."""
        assert street.port is not None
        # By its link where it has one: the number of a terminal that was unplugged may soon be another process's.
        opener = port_opener(str(street.port.link or street.port.path), clock)
        self.interface = AtxHat(opener, clock, lambda *_heard: None, (1,), self._foreign)
        self.dali = DaliBus(self.interface, 1, clock)
        dimming = Dimming(self.dali, self.lamps, lambda: self.targets, clock, stagger_s)
        health = GearHealth("street", self.dali, clock, self.events)
        dimming.observer = health.observer = self.observed
        self.control = LuminaireControl(
            "street",
            self.dali,
            self.lamps,
            dimming,
            health,
            safe_level,
            clock,
            self.events,
            self._until_change_s,
            floor_level=floor_level,
        )

    def _until_change_s(self) -> float | None:
        return self.until_change_s()

    def _foreign(self, channel: int, frame: ForwardFrame) -> None:
        self.dali.note_foreign(frame)
        self.control.note_foreign(frame)

    def ask_for(self, percent: float, fade_s: float = 0.0, *names: str) -> None:
        """The schedule asks for this, of all luminaires or of these."""
        for name in names or self.targets:
            self.targets[name] = LampTarget(percent, fade_s)

    async def cycle(self) -> None:
        """Once through everything that the control does in a cycle, one after the other."""
        await self.control.tell_levels()
        await self.control.look_for_lost_mains()
        await self.control.ask()

    async def cycles(self, count: int = 1) -> None:
        """So many cycles of the control, and the pause after each."""
        for _ in range(count):
            await self.cycle()
            await self.clock.sleep(CYCLE_S - self.clock.wall() % CYCLE_S)

    def drift(self, number: int, level: int) -> None:
        """A gear goes to another level, and no frame on the bus says so."""
        now, gear = self.clock.monotonic(), self.street.gear[number]
        gear.run(now)
        gear.arc.go_to(level, now)
        gear.redraw(now)

    def levels(self) -> list[int]:
        """What the lamps are at."""
        return [self.street.level(number) for number in range(len(self.street.gear))]

    def forget_frames(self) -> None:
        """`sent` counts from here."""
        self.street.bus.trace.clear()

    def sent(self) -> list[int]:
        """The 16-bit frames that the bus carried."""
        return [frame.value for frame in self.street.bus.trace]

    def level_frames(self) -> list[tuple[int, int]]:
        """The direct level commands among them: (address byte, level)."""
        return [(value >> 8, value & 0xFF) for value in self.sent() if not value & 0x100]

    def queries(self, opcode: int) -> list[int]:
        """The address bytes of the frames with this opcode."""
        return [value >> 8 for value in self.sent() if value & 0x100 and value & 0xFF == opcode and value >> 8 != 0xA3]

    def told(self, *names: str) -> list[tuple[str, str, bool]]:
        """The events of these names (all without): (name, subject, active)."""
        bodies = [body for kind, body in self.records if kind == "event"]
        found = [(str(body["name"]), str(body["subject"]), bool(body["active"])) for body in bodies]
        return [event for event in found if not names or event[0] in names]

    def texts(self) -> list[str]:
        return [str(body["text"]) for kind, body in self.records if kind == "event"]


def on_the_bus(
    story: Callable[[LampBus], Awaitable[None]],
    *,
    lamps: int = 3,
    unknown_lamps: int = 0,
    addresses: Sequence[int] | None = None,
    profile: GearProfile | None = None,
    energy_exponent: int = -1,
    safe_level: int = FULL,
    stagger_s: float = 0.0,
    floor_level: int = 1,
    link: Path | None = None,
    valid: bool = True,
    start: float = NIGHT,
) -> None:
    """Lives the story with the interface connected. The last `unknown_lamps` are on the bus, but not on the board;
    `addresses` are the gear's own where they differ from the board's."""

    async def whole(clock: VirtualClock) -> None:
        gear = range(lamps + unknown_lamps) if addresses is None else addresses
        street = Street(
            [Lamp(address, 25.0) for address in gear],
            seed=1,
            energy_exponent=energy_exponent,
            profile=profile,
            link=link,
            traffic=clock,
        )
        bus = LampBus(clock, street, [f"L{number}" for number in range(lamps)], safe_level, stagger_s, floor_level)
        async with running(bus.interface.run()):
            await bus.dali.wait_usable()
            bus.forget_frames()
            await story(bus)
        street.close()

    run_virtual(whole, start, valid=valid)


@contextlib.asynccontextmanager
async def running(*parts: Awaitable[None]) -> AsyncIterator[None]:
    """These parts run inside, and are ended after. A part that fails fails the test."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, BaseException) and not isinstance(ended, asyncio.CancelledError):
                raise ended
