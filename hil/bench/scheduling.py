"""Figures of the bus scheduler, for each interface: rate, latency of a level command in a sweep, late answers, frames.

The time is virtual, so the figures show the scheduling and the bus. The processor time beside them is the host's, for
the driver, the scheduler and the emulated street together.
"""

from __future__ import annotations

import asyncio
import functools
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

from agent.hardware.serial_port import port_opener
from agent.lamps.frame_plan import StoredInGear, TargetLevel, plan
from agent.parts.interfaces import INTERFACES, driver_of
from drivers.dali.bus import LEVELS, TELEMETRY, DaliBus
from drivers.errors import DriverError
from hil.bench.table import Row, percentile
from hil.devices.street import Lamp, Street
from hil.emulated_board import emulation_of
from hil.virtual_time import VirtualClock, run_virtual
from protocols.dali import addresses, gear_commands, memory_banks, sequences
from protocols.dali.frames import Reply
from protocols.errors import ConversationFailed

T = TypeVar("T")

GEAR = 64
START_WALL = 1_766_000_000.0
BUS_LIMIT = 34.4
"""16-bit frames a second at priority 2: each takes 14.17 ms, and 14.9 ms of settling."""
LEAST_RATE = {"atx_hat": 29.0}
"""Least frames a second. The HAT's N comes 12.4 ms after each frame; the others must reach 95 % of the bus limit."""
MOST_LATENCY_MS = {"atx_hat": 95.0}
RATE_S = 20.0
SWEEP_S = 600.0
LATE_S = 60.0


def rows() -> Iterator[Row]:
    """Yields all figures, interface by interface."""
    for product in INTERFACES.own():
        yield _rate(product.name)
        yield from _latency(product.name)
        yield from _late_answers(product.name)
    yield from _planner()


class _Bench:
    """A street of 64 gear behind one emulated interface, and the bus of the driver that speaks to it."""

    def __init__(self, street: Street, bus: DaliBus, clock: VirtualClock) -> None:
        self.street = street
        self.bus = bus
        self.clock = clock

    def frame_end(self, value: int) -> float:
        """Returns the loop time at which the newest frame of this value ended on the emulated bus."""
        return next(frame.time for frame in reversed(self.street.bus.trace) if frame.value == value)


def _on_a_street(name: str, story: Callable[[_Bench], Awaitable[T]]) -> T:
    async def whole(clock: VirtualClock) -> T:
        with tempfile.TemporaryDirectory(prefix="lichtmast-bench-") as folder:
            port = Path(folder) / "dali"
            lamps = [Lamp(number, 25.0) for number in range(GEAR)]
            street = Street(lamps, link=port, traffic=clock, seed=1, product=emulation_of(name))
            driver = driver_of(name)(port_opener(str(port), clock), clock, lambda *_told: None, (1,), None)
            running = asyncio.create_task(driver.run())
            bus = DaliBus(driver, 1, clock)
            await bus.wait_usable()
            try:
                return await story(_Bench(street, bus, clock))
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                street.close()

    return run_virtual(whole, START_WALL)


def _rate(name: str) -> Row:
    async def story(bench: _Bench) -> float:
        before, began = bench.street.statistics.forward_frames, bench.clock.monotonic()

        async def keep_sending(number: int) -> None:
            while bench.clock.monotonic() < began + RATE_S:
                await bench.bus.send(gear_commands.level(addresses.short(number), 100))

        # Two senders, so that a frame is always waiting.
        await asyncio.gather(keep_sending(1), keep_sending(2))
        frames = bench.street.statistics.forward_frames - before
        return frames / (bench.clock.monotonic() - began)

    used = time.process_time()
    rate = _on_a_street(name, story)
    cpu_ms = 1000 * (time.process_time() - used) / (rate * RATE_S)
    least = LEAST_RATE.get(name, 0.95 * BUS_LIMIT)
    return Row(
        f"{name}: level frames a second, priority 2", rate, "/s", "virtual", least, least=True, note=_cpu_note(cpu_ms)
    )


def _latency(name: str) -> Iterator[Row]:
    async def alone(bench: _Bench) -> float:
        return await _sweep_for(bench, SWEEP_S / 4) / (SWEEP_S / 4)

    async def with_commands(bench: _Bench) -> tuple[float, list[float]]:
        latencies: list[float] = []
        commands = asyncio.create_task(_poisson(bench, latencies))
        read = await _sweep_for(bench, SWEEP_S)
        commands.cancel()
        await asyncio.gather(commands, return_exceptions=True)
        return read / SWEEP_S, latencies

    rate_alone = _on_a_street(name, alone)
    used = time.process_time()
    rate, latencies = _on_a_street(name, with_commands)
    cpu_ms = 1000 * (time.process_time() - used) / (rate * SWEEP_S * 13)
    bound = MOST_LATENCY_MS.get(name, 75.0)
    what = f"{name}: level command in a sweep of {GEAR} gear's latched energy"
    p99 = percentile(latencies, 99)
    yield Row(f"{what}, p99", p99, "ms", "virtual", bound, note=f"{len(latencies)} commands, {_cpu_note(cpu_ms)}")
    yield Row(
        f"{name}: the sweep's rate beside it, of its rate alone",
        100 * rate / rate_alone,
        "%",
        "virtual",
        95.0,
        least=True,
    )


async def _sweep_for(bench: _Bench, seconds: float) -> int:
    """Reads latched energy, gear after gear, for this many seconds. Returns the number of readings."""
    ends = bench.clock.monotonic() + seconds
    energy = memory_banks.ACTIVE_ENERGY
    count = 0
    while bench.clock.monotonic() < ends:
        address = addresses.short(count % GEAR)
        await bench.bus.run(sequences.latch(address, memory_banks.ACTIVE_ENERGY_BANK), TELEMETRY)
        reading = sequences.read_bank(address, memory_banks.ACTIVE_ENERGY_BANK, energy.offset, energy.size)
        await bench.bus.run(reading, TELEMETRY)
        count += 1
    return count


async def _poisson(bench: _Bench, latencies: list[float]) -> None:
    rng = random.Random(1)
    number = 0
    while True:
        await bench.clock.sleep(rng.expovariate(1.0))
        number += 1
        transmission = gear_commands.level(addresses.short(number % GEAR), 1 + number % 254)
        called = bench.clock.monotonic()
        await bench.bus.send(transmission, LEVELS)
        latencies.append(1000 * (bench.frame_end(transmission.frame.value) - called))


def _late_answers(name: str) -> Iterator[Row]:
    def on_the_line(street: Street, late: bool) -> None:
        assert street.port is not None
        street.port.delay_s = 0.026 if late else 0.0

    def on_the_bus(street: Street, late: bool) -> None:
        for number in range(GEAR):
            street.late_answer(number, 30.0 if late else 0.0)

    for where, disturb in (("on the serial line", on_the_line), ("on the bus", on_the_bus)):
        wrong, right_afterwards = _on_a_street(name, functools.partial(_ask_late_gear, disturb))
        yield Row(f"{name}: answers late {where}: given to the wrong gear", wrong, "", "virtual", 0)
        what = f"{name}: answers late {where}: right on the first query after"
        yield Row(what, 100 * right_afterwards, "%", "virtual", 100.0, least=True)


async def _ask_late_gear(disturb: Callable[[Street, bool], None], bench: _Bench) -> tuple[int, float]:
    """Returns the number of answers given to the wrong gear, and the share that is right once the delay is over.

    Each gear has a level of its own, so that its answer identifies it.
    """
    for number in range(GEAR):
        await bench.bus.send(gear_commands.level(addresses.short(number), 100 + number))
    wrong = 0
    disturb(bench.street, True)
    ends = bench.clock.monotonic() + LATE_S
    number = 0
    while bench.clock.monotonic() < ends:
        number = (number + 1) % GEAR
        wrong += await _asked(bench, number) not in (100 + number, None)
    disturb(bench.street, False)
    right = [await _asked(bench, number) == 100 + number for number in range(GEAR)]
    return wrong, sum(right) / GEAR


async def _asked(bench: _Bench, number: int) -> int | None:
    try:
        reply = await bench.bus.run(sequences.query(addresses.short(number), "QUERY ACTUAL LEVEL"), TELEMETRY)
    except (DriverError, ConversationFailed):
        return None
    value: int | None = reply.value if reply.kind == Reply.VALUE else None
    return value


def _planner() -> Iterator[Row]:
    all_gear = set(range(GEAR))
    same = dict.fromkeys(all_gear, TargetLevel(229, 8.0))
    groups = StoredInGear({group: {number for number in all_gear if number % 4 == group} for group in range(4)})
    by_group = {number: TargetLevel(150 + 20 * (number % 4), 8.0) for number in all_gear}
    each = {number: TargetLevel(100 + number, 8.0) for number in all_gear}
    scene = StoredInGear(scenes={3: {number: target.level for number, target in each.items()}})
    for what, targets, stored in (
        ("all alike", same, StoredInGear()),
        ("four groups, a level each", by_group, groups),
        ("a level of its own each, stored as a scene", each, scene),
    ):
        frames = len(plan(targets, all_gear, stored))
        yield Row(
            f"frames from one step to the next, {GEAR} luminaires {what}",
            frames,
            "frames",
            peer="single",
            peer_value=GEAR,
        )


def _cpu_note(cpu_ms: float) -> str:
    return f"host: {cpu_ms:.2f} CPU ms a frame with its emulator"
