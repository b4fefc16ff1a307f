"""The delay of a level that is due while one query fails: each query of the code's table, failing in every way.

The time is virtual, and the interface is not that of a product. It takes a frame's time for each frame, and answers
every query as gear does, except for the failing one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from agent.lamps.control import LuminaireControl
from agent.lamps.dimming import Dimming
from agent.lamps.gear_health import GearHealth
from agent.lamps.luminaire import LuminaireState
from agent.lamps.questions import CYCLE_S
from agent.lamps.targets import LampTarget
from agent.records.alarms import EventLog
from drivers.dali.bus import DaliBus
from drivers.errors import BusBusy, InterfaceSilent
from hil.bench.table import Row
from hil.virtual_time import VirtualClock, run_virtual
from protocols.dali import gear_commands
from protocols.dali.addresses import Address
from protocols.dali.frames import COLLISION, NO_ANSWER, Reply, Transmission, answered

QUERIES = [
    name
    for table in (gear_commands.COMMANDS, gear_commands.SPECIAL_COMMANDS)
    for name, row in table.items()
    if row.answer
]
"""Every query to gear in the code's tables."""

START_WALL = 1_766_000_000.0
LAMPS = 3
FRAME_S = 0.03
SILENT_S = 0.2
MOST_DELAY_MS = 60.0
CYCLES = 4
FULL, HALF = 254, 229
GARBAGE = 0x5A


def _silent() -> Reply:
    return NO_ANSWER


def _several() -> Reply:
    return COLLISION


def _nonsense() -> Reply:
    return answered(GARBAGE)


def _another_master() -> Reply:
    raise BusBusy("another master collides with every frame")


def _interface_silent() -> Reply:
    raise InterfaceSilent("the interface does not answer")


FAILURES: Mapping[str, Callable[[], Reply]] = {
    "no answer": _silent,
    "several answers": _several,
    "a wrong answer": _nonsense,
    "the bus is busy": _another_master,
    "the interface is silent": _interface_silent,
}


class Outcome(NamedTuple):
    """The outcome of some cycles with one failing query.

    `delay_ms` is the longest time from the start of a cycle to the frame of the level that was due then. `all_told` is
    True if each lamp reached each level. `asked` holds the queries that were asked, `events` the names of the events.
    """

    delay_ms: float
    all_told: bool
    asked: frozenset[str]
    events: tuple[str, ...]


class _Interface:
    """An interface with gear at short addresses 0, 1 ..., which answers from a table."""

    def __init__(self, clock: VirtualClock, failing: str, failure: str) -> None:
        self._clock = clock
        self._failing = failing
        self._failure = failure
        self.levels = [0] * LAMPS
        self.level_frames: list[tuple[float, int]] = []
        self.asked: set[str] = set()
        self._dtr2 = 0

    async def run(self) -> None: ...

    async def wait_usable(self, channel: int) -> None: ...

    async def wait_settled(self, channel: int, priority: int) -> None: ...

    async def transmit(self, channel: int, transmission: Transmission, priority: int) -> Reply:
        handed_over_at = self._clock.monotonic()
        meaning = gear_commands.meaning(transmission.frame)
        assert meaning is not None
        await self._clock.sleep(FRAME_S * (2 if transmission.twice else 1))
        if meaning.name == "DAPC":
            self.level_frames.append((handed_over_at, meaning.number))
            for number in range(LAMPS):
                if meaning.address.kind != Address.SHORT or meaning.address.number == number:
                    self.levels[number] = meaning.number
        elif meaning.name == "DTR2":
            self._dtr2 = meaning.number
        if not transmission.answer:
            return NO_ANSWER
        self.asked.add(meaning.name)
        if meaning.name == self._failing:
            if self._failure == "the interface is silent":
                await self._clock.sleep(SILENT_S)
            return FAILURES[self._failure]()
        return self._answer(meaning.name, _short_address(meaning.address))

    def _answer(self, name: str, number: int | None) -> Reply:
        if number is None:
            return NO_ANSWER
        answers = {
            "QUERY STATUS": 0x04,
            "QUERY CONTROL GEAR PRESENT": 0xFF,
            "QUERY ACTUAL LEVEL": self.levels[number],
            "QUERY MAX LEVEL": FULL,
            "QUERY MIN LEVEL": 1,
            "QUERY PHYSICAL MINIMUM": 1,
            "QUERY POWER ON LEVEL": FULL,
            "QUERY SYSTEM FAILURE LEVEL": FULL,
            "QUERY EXTENDED FADE TIME": 0,
            "QUERY CONTENT DTR2": self._dtr2,
            "QUERY GROUPS 0-7": 0,
            "QUERY GROUPS 8-15": 0,
            "QUERY SCENE LEVEL": 0xFF,
        }
        return answered(answers[name]) if name in answers else NO_ANSWER


def _short_address(address: Address | None) -> int | None:
    return address.number if address is not None and address.kind == Address.SHORT else None


def with_one_failing(query: str, failure: str, telemetry_share: float = 0.05) -> Outcome:
    """Runs CYCLES control cycles, with a new level due at each, while `query` fails in the way `failure`.

    With an empty `query`, no query fails.
    """

    async def story(clock: VirtualClock) -> Outcome:
        events: list[str] = []
        interface = _Interface(clock, query, failure)
        bus = DaliBus(interface, 1, clock, telemetry_share)
        lamps = [LuminaireState(f"L{number}", number) for number in range(LAMPS)]
        log = EventLog(lambda _kind, body: events.append(str(body["name"])), clock.wall)
        targets = {lamp.name: LampTarget(50.0, 0.0) for lamp in lamps}
        dimming = Dimming(bus, lamps, lambda: targets, clock)
        health = GearHealth("bench", bus, clock, log)
        control = LuminaireControl("bench", bus, lamps, dimming, health, FULL, clock, log)
        running = asyncio.ensure_future(control.run(lambda: None))
        worst_ms, all_told = 0.0, True
        for cycle in range(CYCLES):
            begins = clock.wall() + 2 * CYCLE_S - clock.wall() % CYCLE_S
            await clock.sleep_until(begins - 0.001)
            percent, level = (100.0, FULL) if cycle % 2 == 0 else (50.0, HALF)
            targets.update({lamp.name: LampTarget(percent, 0.0) for lamp in lamps})
            interface.level_frames.clear()
            due_at = clock.monotonic() + 0.001
            await clock.sleep(CYCLE_S / 2)
            sent = [at for at, told in interface.level_frames if told == level]
            worst_ms = max(worst_ms, 1000 * (sent[0] - due_at) if sent else 1000 * CYCLE_S)
            all_told = all_told and interface.levels == [level] * LAMPS
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return Outcome(worst_ms, all_told, frozenset(interface.asked), tuple(events))

    return run_virtual(story, START_WALL)


def rows() -> Iterator[Row]:
    """Yields the longest delay of all queries and all ways to fail."""
    log = logging.getLogger("lichtmast")
    log.disabled = True  # each failure has its event
    delays = {(query, failure): with_one_failing(query, failure).delay_ms for query in QUERIES for failure in FAILURES}
    log.disabled = False
    query, failure = max(delays, key=lambda each: delays[each])
    yield Row(
        "a level frame leaves after its cycle's begin, with any one query failing, at most",
        delays[query, failure],
        "ms",
        "virtual",
        MOST_DELAY_MS,
        note=f"{len(delays)} tried; {query}: {failure}",
    )
