"""One accelerated night of a board's emulated street: the whole path, from bytes on a serial port to a collector.

The agent, the emulated devices, an embedded broker and a collector run in one process, on one virtual clock. The result
reports the records that the collector received, beside the true values of the emulated lamps.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from agent.almanac import ZoneAlmanac
from agent.app import running
from agent.centre.collect import collect
from agent.centre.reading import StoreView
from agent.config.board import Board, Luminaire
from agent.records.journal import Journal
from agent.records.kinds import CONTROL, EVENT, INTERVAL, READING
from agent.savings.summary import Summary, summarise
from agent.schedule.plan import plain_plan
from agent.schedule.program import Program
from hil.embedded_broker import embedded_broker
from hil.emulated_board import EmulatedBoard
from hil.virtual_time import VirtualClock, run_virtual

NOON_S = 43_200
AFTERWARDS_S = 120.0
"""Time for the last sweep, which comes after noon and closes the last quarter."""
LAST_ACKNOWLEDGEMENT_S = 600.0


@dataclass(frozen=True)
class LampTruth:
    """The recorded energy of one lamp beside the lamp's own integral, in Wh, over the same UTC quarters."""

    luminaire: str
    recorded_wh: float
    true_wh: float
    bound_wh: float

    @property
    def error_wh(self) -> float:
        return self.recorded_wh - self.true_wh

    @property
    def holds(self) -> bool:
        return abs(self.error_wh) <= self.bound_wh


@dataclass(frozen=True)
class Traffic:
    """Counts of the records on their way up and of the frames on the buses.

    `frames_a_reading` is the mean over all readings on record. It counts each frame that reads memory or a level, for
    any purpose.
    """

    frames_sent: int
    frames_a_reading: float
    bus_load: float
    settling_violations: int
    records_written: int
    records_sent: int
    records_acknowledged: int
    records_stored: int

    @property
    def records_lost(self) -> int:
        return self.records_written - self.records_stored


@dataclass(frozen=True)
class NightResult:
    """A night from noon to noon. `powers` and `levels` are pairs of Unix seconds and W or % of light, one a minute."""

    board: Board
    program: Program
    start: float
    end: float
    summary: Summary
    traffic: Traffic
    lamps: tuple[LampTruth, ...]
    events: tuple[str, ...]
    powers: tuple[tuple[float, float], ...]
    levels: tuple[tuple[float, float], ...]
    took_s: float

    @property
    def total_error_wh(self) -> float:
        return sum(lamp.error_wh for lamp in self.lamps)

    @property
    def total_bound_wh(self) -> float:
        return len(self.lamps) * RESOLUTION_WH


RESOLUTION_WH = 0.1
"""The emulated gear's energy registers count in tenths of a watt-hour."""


def with_luminaires(board: Board, count: int) -> Board:
    """Returns the board with `count` luminaires (1-64) like its first one, on its first bus."""
    first = board.luminaires[0]

    def numbered(number: int) -> Luminaire:
        return replace(first, name=f"L{number + 1:02d}", bus=board.buses[0].name, short_address=number)

    return replace(board, buses=board.buses[:1], luminaires=tuple(numbered(number) for number in range(count)))


def live_a_night(
    board: Board,
    program: Program,
    night: date,
    folder: Path,
    *,
    seed: int = 1,
    progress: Callable[[float], None] = lambda share: None,
) -> NightResult:
    """Lives the night that begins at noon of this date.

    `folder` takes the journal, the store and the port links. `progress` is called with the share that is done, 0..1.
    The result depends on nothing but the arguments and the seed, except for `took_s`.
    """
    began = time.perf_counter()
    almanac = ZoneAlmanac(board.timezone)
    start = almanac.local_to_unix(night.year, night.month, night.day, NOON_S)
    next_day = date.fromordinal(night.toordinal() + 1)
    end = almanac.local_to_unix(next_day.year, next_day.month, next_day.day, NOON_S)
    result = run_virtual(lambda clock: _Night(board, program, folder, seed, clock, start, end, progress).live(), start)
    return replace(result, took_s=time.perf_counter() - began)


class _Night:
    def __init__(
        self,
        board: Board,
        program: Program,
        folder: Path,
        seed: int,
        clock: VirtualClock,
        start: float,
        end: float,
        progress: Callable[[float], None],
    ) -> None:
        buses = tuple(replace(bus, port=str(folder / Path(bus.port).name)) for bus in board.buses)
        self.board = replace(board, buses=buses)
        self.program = program
        self.folder = folder
        self.seed = seed
        self.clock = clock
        self.start = start
        self.end = end
        self.progress = progress

    async def live(self) -> NightResult:
        emulated = EmulatedBoard(self.board, seed=self.seed, traffic=self.clock)
        async with embedded_broker() as port:
            store = self.folder / "collected.sqlite"
            collector = asyncio.create_task(collect("127.0.0.1", port, store, self.clock))
            if self.board.upstream:
                self.board = replace(self.board, upstream=replace(self.board.upstream, host="127.0.0.1", port=port))
            plan = plain_plan(self.program, [each.name for each in self.board.luminaires], self.board.safe_percent)
            async with running(self.board, plan, self.folder, self.clock, "demo") as agent:
                await self._watch_the_night()
                if agent.reporter:
                    await self._until_acknowledged(agent.journal)
                # Counted before the clean stop. The stop writes no record.
                written, acknowledged = agent.journal.last, agent.journal.cursor
                sent = agent.reporter.sent if agent.reporter else 0
            collector.cancel()
            await asyncio.gather(collector, return_exceptions=True)
        emulated.close()
        return self._result(emulated, store, written, sent, acknowledged)

    async def _watch_the_night(self) -> None:
        while self.clock.wall() < self.end:
            self.progress((self.clock.wall() - self.start) / (self.end - self.start))
            await self.clock.sleep(min(1800.0, self.end - self.clock.wall()))
        await self.clock.sleep(AFTERWARDS_S)
        self.progress(1.0)

    async def _until_acknowledged(self, journal: Journal) -> None:
        for _ in range(int(LAST_ACKNOWLEDGEMENT_S)):
            if not journal.depth:
                return
            await self.clock.sleep(1.0)

    def _result(self, emulated: EmulatedBoard, store: Path, written: int, sent: int, acknowledged: int) -> NightResult:
        collected = StoreView(store)
        intervals = list(collected.bodies(INTERVAL.name))
        summary = summarise(intervals, collected.bodies(CONTROL.name), self.board.country)
        events = [str(body["text"]) for body in collected.bodies(EVENT.name)]
        readings = sum(1 for _ in collected.bodies(READING.name))
        statistics = [street.statistics for street in emulated.streets.values()]
        traffic = Traffic(
            frames_sent=sum(one.forward_frames for one in statistics),
            frames_a_reading=sum(one.reading_frames for one in statistics) / max(1, readings),
            bus_load=sum(street.bus_load() for street in emulated.streets.values()) / len(emulated.streets),
            settling_violations=sum(one.settling_violations for one in statistics),
            records_written=written,
            records_sent=sent,
            records_acknowledged=acknowledged,
            records_stored=collected.count,
        )
        return NightResult(
            board=self.board,
            program=self.program,
            start=self.start,
            end=self.end,
            summary=summary,
            traffic=traffic,
            lamps=tuple(self._lamp_truths(emulated, intervals)),
            events=tuple(events),
            powers=tuple(self._sum_by_minute(emulated, lambda street, number, at: street.power_w_at(number, at))),
            levels=tuple(self._mean_light_by_minute(emulated)),
            took_s=0.0,
        )

    def _lamp_truths(self, emulated: EmulatedBoard, intervals: list[dict[str, object]]) -> Iterator[LampTruth]:
        for luminaire in self.board.luminaires:
            street, number = emulated.place(luminaire.name)
            true_wh = recorded_wh = 0.0
            for body in intervals:
                if body["luminaire"] == luminaire.name:
                    begins = float(str(body["start"])) - self.start
                    ends = begins + float(str(body["duration_s"]))
                    true_wh += street.energy_wh_at(number, ends) - street.energy_wh_at(number, begins)
                    recorded_wh += float(str(body["actual_wh"]))
            yield LampTruth(luminaire.name, recorded_wh, true_wh, 2 * RESOLUTION_WH)

    def _sum_by_minute(self, emulated: EmulatedBoard, value: Callable[..., float]) -> Iterator[tuple[float, float]]:
        places = [emulated.place(luminaire.name) for luminaire in self.board.luminaires]
        for minute in range(int(self.end - self.start) // 60 + 1):
            at = 60.0 * minute
            yield self.start + at, sum(value(street, number, at) for street, number in places)

    def _mean_light_by_minute(self, emulated: EmulatedBoard) -> Iterator[tuple[float, float]]:
        count = len(self.board.luminaires)
        for at, light in self._sum_by_minute(emulated, lambda street, number, at: street.light_at(number, at)):
            yield at, 100.0 * light / count
