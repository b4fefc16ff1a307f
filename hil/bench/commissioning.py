"""Figures of commissioning: forward frames from INITIALISE to TERMINATE, and bus time, with python-dali beside them.

Both talk to equal emulated gear on an equal emulated bus, on virtual time. Each sends a frame as soon as the bus has
settled, so the figures show the search alone, without an interface or a host.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import importlib.util
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from statistics import mean
from typing import Any, TypeVar

from hil.bench.table import Row
from hil.devices.dali_bus import Outcome, Result
from hil.devices.street import Lamp, Street
from hil.virtual_time import VirtualClock, run_virtual
from protocols.dali import addresses, gear_data, sequences
from protocols.dali.commissioning import commission
from protocols.dali.frames import COLLISION, NO_ANSWER, Pause, Reply, Transmission, answered
from protocols.dali.short_addresses import AddressPlan
from protocols.errors import ConversationFailed

T = TypeVar("T")
START_WALL = 1_766_000_000.0
SEEDS = 20
MOST_MEAN = {1: 20, 64: 3400}
MOST_WORST = {1: 20, 64: 3500}
INITIALISE, TERMINATE = 0xA5, 0xA1


@dataclass(frozen=True)
class Run:
    """The frames and seconds of a run, from the first INITIALISE to the end of TERMINATE."""

    frames: int
    bus_s: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"draws of random addresses; default {SEEDS}")


def rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """Yields each figure as soon as it is known."""
    seeds: int = max(1, arguments.seeds)
    for count in (1, 4, 16, 64):
        runs = [_ours(count, seed) for seed in range(seeds)]
        peers = [_theirs(count, seed) for seed in range(seeds)] if _has_peer() else []
        peer = "python-dali" if peers else ""
        what = f"commissioning {count} gear"
        frames = [run.frames for run in runs]
        yield Row(
            f"{what}: forward frames, mean",
            mean(frames),
            "",
            "virtual",
            MOST_MEAN.get(count),
            peer,
            mean(run.frames for run in peers) if peers else None,
            f"over {seeds} seeds; INITIALISE to TERMINATE",
        )
        yield Row(f"{what}: forward frames, worst", max(frames), "", "virtual", MOST_WORST.get(count))
        bus_s = mean(run.bus_s for run in runs)
        yield Row(
            f"{what}: bus time, mean",
            bus_s,
            "s",
            "virtual",
            None,
            peer,
            mean(run.bus_s for run in peers) if peers else None,
        )
    yield from _fail_safe(64)


def _fail_safe(count: int) -> Iterator[Row]:
    """Yields the frames before and after the search: the broadcast of the fail-safe levels, and their read-back."""

    async def story(bench: _Bench) -> tuple[int, int]:
        for name in ("SET POWER ON LEVEL", "SET SYSTEM FAILURE LEVEL"):
            await bench.talk(sequences.set_parameter(addresses.BROADCAST, name, 254))
        written = bench.frames
        for number in range(count):
            await bench.talk(gear_data.read_parameter(addresses.short(number), "power on level"))
            await bench.talk(gear_data.read_parameter(addresses.short(number), "system failure level"))
        return written, bench.frames - written

    written, read = _on_a_bus([Lamp(number, 25.0) for number in range(count)], 0, story)
    yield Row("fail-safe levels of all gear: frames to write, by broadcast", written, "", "virtual")
    yield Row(f"fail-safe levels of {count} gear: frames to read back", read, "", "virtual")


class _Bench:
    """A controller on a bus with emulated gear. `frames` counts both frames of a pair."""

    def __init__(self, street: Street) -> None:
        self.street = street
        self.frames = 0
        self._first = self._last = -1
        self._began = self._ended = 0.0

    def result(self) -> Run:
        return Run(self._last - self._first, self._ended - self._began)

    async def run(self, inquiry: Generator[Any, Any, T]) -> T:
        try:
            piece = next(inquiry)
            while True:
                result = None
                if isinstance(piece, Pause):
                    await asyncio.sleep(piece.seconds)
                else:
                    try:
                        result = await self.talk(piece)
                    except ConversationFailed as failure:
                        piece = inquiry.throw(failure)
                        continue
                piece = inquiry.send(result)
        except StopIteration as end:
            whole: T = end.value
            return whole

    async def talk(self, conversation: Generator[Transmission, Reply, T]) -> T:
        try:
            transmission = next(conversation)
            while True:
                outcome = await self.send(transmission.frame.value, transmission.twice)
                transmission = conversation.send(_reply(outcome))
        except StopIteration as end:
            whole: T = end.value
            return whole

    async def send(self, value: int, twice: bool) -> Outcome:
        for _ in range(1 + twice):
            ended: asyncio.Future[Outcome] = self.street.loop.create_future()
            self.street.bus.transmit(16, value, ended.set_result, settle=True)
            outcome = await ended
            if value >> 8 == INITIALISE and self._first < 0:
                self._first = self.frames
                self._began = outcome.ended
            self.frames += 1
            if value >> 8 == TERMINATE:
                self._last = self.frames
                self._ended = outcome.ended
        return outcome


def _reply(outcome: Outcome) -> Reply:
    if outcome.result is Result.ANSWER:
        return answered(outcome.value)
    return COLLISION if outcome.result is Result.GARBLED else NO_ANSWER


def _on_a_bus(lamps: list[Lamp], seed: int, story: Callable[[_Bench], Any]) -> Any:
    async def whole(_clock: VirtualClock) -> Any:
        street = Street(lamps, seed=seed)
        try:
            return await story(_Bench(street))
        finally:
            street.close()

    return run_virtual(whole, START_WALL)


def _ours(count: int, seed: int) -> Run:
    async def story(bench: _Bench) -> Run:
        await bench.run(commission(AddressPlan()))
        _check(bench.street, count)
        return bench.result()

    run: Run = _on_a_bus([Lamp(None, 25.0)] * count, seed, story)
    return run


def _has_peer() -> bool:
    return importlib.util.find_spec("dali") is not None


def _theirs(count: int, seed: int) -> Run:
    """Runs python-dali's own sequence. Its scan of the 64 addresses comes before INITIALISE and is not counted."""
    theirs = importlib.import_module("dali.sequences")
    frames = importlib.import_module("dali.frame")

    async def story(bench: _Bench) -> Run:
        sequence = theirs.Commissioning()
        answer = None
        try:
            while True:
                wanted = sequence.send(answer)
                answer = None
                if isinstance(wanted, theirs.sleep):
                    await asyncio.sleep(wanted.delay)
                elif not isinstance(wanted, theirs.progress):
                    outcome = await bench.send(wanted.frame.as_integer, wanted.sendtwice)
                    if wanted.response:
                        answer = wanted.response(_their_frame(frames, outcome))
        except StopIteration:
            _check(bench.street, count)
            return bench.result()

    run: Run = _on_a_bus([Lamp(None, 25.0)] * count, seed, story)
    return run


def _their_frame(frames: Any, outcome: Outcome) -> Any:
    if outcome.result is Result.ANSWER:
        return frames.BackwardFrame(outcome.value)
    return frames.BackwardFrameError(255) if outcome.result is Result.GARBLED else None


def _check(street: Street, count: int) -> None:
    """Raises RuntimeError if the run left a gear without an address of its own, as its figures would mean nothing."""
    given = sorted(gear.variables.short_address for gear in street.gear)
    if given != list(range(count)):
        raise RuntimeError(f"after commissioning the short addresses are {given}, not 0 to {count - 1}")
