"""The timed two-wire bus at 1200 baud: frames, answers, collisions, settling, supply (IEC 62386-101).

A forward frame costs one timer, at its end. Gear (16 bits) and control devices (24 bits) act on the frame then, and
their answers and the times of these are known at once. Control devices also send events of their own when the bus is
idle.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from hil.devices.control_device import ControlDevice
from hil.devices.dali_gear import Gear

BIT_S = 1 / 1200
STOP_S = 0.00245
"""Stop condition: the line idle for this long after the last edge ends a frame."""
SETTLING_S = 0.0135
"""The least time from the last edge of one frame to a forward frame, within a transaction."""
TOLERANCE_S = 20e-6
BACKWARD_S = 9 * BIT_S
ANSWER_WINDOW_S = 0.0124
"""An answer that begins later than this after the forward frame comes too late for it."""
FIRST_SPECIAL, FIRST_UNADDRESSED = 0xA0, 0xFC
SEEN_AFTER_S = 0.5 * BIT_S
"""Two senders that begin within half a bit of each other have not seen each other: both frames are lost."""


def frame_s(bits: int) -> float:
    """Returns the seconds of start bit and data bits, without the stop condition: 7.5 ms for 8 bits, 14.17 ms for 16,
    20.83 ms for 24."""
    return (bits + 1) * BIT_S


DTRS = (0xA3, 0xC3, 0xC5)


class Result(Enum):
    """How a forward frame ended for its sender."""

    SILENCE = "no answer"
    ANSWER = "one backward frame"
    GARBLED = "several answers, or one that breaks the bit timing"
    COLLISION = "another sender was on the bus: the frame did not go out"
    NO_VOLTAGE = "the bus has no voltage"


class Outcome(NamedTuple):
    """The result of a forward frame. `ended` is its last edge; `free` is the end of the frame and its answer, stop
    conditions included. Both are loop seconds."""

    result: Result
    value: int
    ended: float
    free: float


class TracedFrame(NamedTuple):
    """One forward frame as a bus monitor writes it down; `time` is its end in loop seconds."""

    time: float
    bits: int
    value: int
    outcome: Result
    answer: int


_LOADED_TO_READ = (0xA3, 0xC3)
_READ_FROM_GEAR = (0x1C5, 0x1A0)
"""READ MEMORY LOCATION and QUERY ACTUAL LEVEL to any address: bit 8 tells a command from a level."""


@dataclass
class BusStatistics:
    """Counts since the start. `busy_s` is the time in which frames ran over the wires. `reading_frames` counts the
    frames that read gear: READ MEMORY LOCATION, the DTRs for it, QUERY ACTUAL LEVEL."""

    since: float
    forward_frames: int = 0
    reading_frames: int = 0
    backward_frames: int = 0
    garbled_answers: int = 0
    collisions: int = 0
    settling_violations: int = 0
    busy_s: float = 0.0

    def load(self, now: float) -> float:
        """Returns the share of the time in which the bus was busy, 0..1."""
        return self.busy_s / (now - self.since) if now > self.since else 0.0


@dataclass(eq=False)
class _LateAnswer:
    start: float
    value: int
    spoilt: bool = False


@dataclass(eq=False)
class _OnAir:
    """The forward frame sent last; `before` is the last edge that was on the bus when it was sent."""

    bits: int
    value: int
    start: float
    end: float
    before: float
    event: bool
    spoilt: bool = False


class DaliBus:
    """One bus with up to 64 gear and up to 64 control devices. Needs a running asyncio loop, real or virtual."""

    def __init__(
        self,
        gear: Sequence[Gear],
        loop: asyncio.AbstractEventLoop,
        *,
        devices: Sequence[ControlDevice] = (),
        traced_frames: int = 2000,
    ) -> None:
        if len(gear) > 64:
            raise ValueError(f"a DALI bus carries at most 64 control gear, not {len(gear)}: use another bus")
        self.gear = tuple(gear)
        self.devices = tuple(devices)
        self.loop = loop
        self.statistics = BusStatistics(loop.time())
        self.trace: deque[TracedFrame] = deque(maxlen=traced_frames)
        self.identical_answers_come_clean = False
        self.collide_next = 0
        self.voltage = True
        self.shorted = False
        self.voltage_changed: list[Callable[[], None]] = []
        self.stray_answer: list[Callable[[int], None]] = []
        self.foreign_frame: list[Callable[[int], None]] = []
        self.event_message: list[Callable[[int], None]] = []
        """Called with each 24-bit event that a control device has sent without a collision."""
        self._on_air: _OnAir | None = None
        self._last_edge = -1.0
        self._voltage_lost_at = -1.0
        self._sequence = 0
        self._by_short: dict[int, list[Gear]] | None = None
        self._late: list[_LateAnswer] = []
        self._suspicious = tuple(one for one in gear if one.profile.foreign_frames_close_writing)
        for one in gear:
            one.address_changed = self._forget_addresses
        for device in self.devices:
            device.attach(loop, self.send_event)

    @property
    def alive(self) -> bool:
        """True while the bus can carry frames."""
        return self.voltage and not self.shorted

    @property
    def last_edge(self) -> float:
        return self._last_edge

    def set_voltage(self, present: bool, *, shorted: bool = False) -> None:
        """Switches the bus supply; with `shorted` the supply is present and the line is held low."""
        was = self.alive, self.shorted
        self.voltage, self.shorted = present, shorted
        if (self.alive, self.shorted) == was:
            return
        now = self.loop.time()
        if not self.alive:
            self._voltage_lost_at = now
            self._late.clear()
        for one in self.gear:
            one.set_bus_voltage(self.alive, now)
        for device in self.devices:
            device.set_bus_voltage(self.alive, now)
        for listener in self.voltage_changed:
            listener()

    def transmit(
        self,
        bits: int,
        value: int,
        done: Callable[[Outcome], None],
        *,
        not_before: float = 0.0,
        settle: bool = False,
        event: bool = False,
    ) -> None:
        """Sends a frame as soon as the stop condition of the last one is over; with `settle`, once the bus has settled.

        The bus calls `done` at the frame's last edge. An answer may then still be on its way, until `Outcome.free`.
        """
        now = self.loop.time()
        gap_s = SETTLING_S if settle else STOP_S
        before, met = self._last_edge, False
        start = max(now, not_before, before + gap_s)
        rival = self._on_air
        if rival is not None and rival.event is not event and rival.end > now:
            alone = max(now, not_before, rival.before + gap_s)
            met = abs(alone - rival.start) <= SEEN_AFTER_S
            if met:
                start, before, rival.spoilt = alone, rival.before, True
        for late in self._late:
            if late.start <= start < late.start + BACKWARD_S + STOP_S:
                start = late.start + BACKWARD_S + STOP_S
        statistics = self.statistics
        if start - before < SETTLING_S - TOLERANCE_S and before >= 0:
            statistics.settling_violations += 1
        length_s = frame_s(bits)
        frame = _OnAir(bits, value, start, start + length_s, before, event, spoilt=met)
        statistics.forward_frames += 1
        if bits == 16 and (value & 0x1FF in _READ_FROM_GEAR or value >> 8 in _LOADED_TO_READ):
            statistics.reading_frames += 1
        statistics.busy_s += length_s
        self._last_edge = max(self._last_edge, frame.end)
        self._on_air = frame
        self.loop.call_at(frame.end, self._ended, frame, done)

    def send_event(self, message: Callable[[], int | None], settling_s: float, done: Callable[[bool], None]) -> None:
        """Sends an event of a control device as soon as the bus has been idle for `settling_s`.

        The bus calls `message` then for the event, or None if the device no longer wants to send. `done` is called with
        True if the event came through.
        """
        now = self.loop.time()
        air = self._on_air
        idle_since = self._last_edge
        if air is not None and not air.event and abs(now - air.start) <= SEEN_AFTER_S:
            idle_since = air.before  # a device cannot see a frame that began only just now, or is about to begin
        if now < idle_since + settling_s - TOLERANCE_S:
            self.loop.call_at(idle_since + settling_s, self.send_event, message, settling_s, done)
            return
        value = message() if self.alive else None
        if value is None:
            done(False)
            return

        def sent(outcome: Outcome) -> None:
            through = outcome.result is Result.SILENCE
            if through:
                for listener in self.event_message:
                    listener(value)
            done(through)

        self.transmit(24, value, sent, event=True)

    def other_controller(self, value: int) -> None:
        """Sends a 16-bit frame of another controller on this bus, which the listeners of `foreign_frame` see."""

        def seen(outcome: Outcome) -> None:
            if outcome.result not in (Result.COLLISION, Result.NO_VOLTAGE):
                for listener in self.foreign_frame:
                    listener(value)

        if self.loop.time() < self._last_edge:
            self.loop.call_at(self._last_edge + TOLERANCE_S, self.other_controller, value)
        else:
            self.transmit(16, value, seen, settle=True)

    def still_valid(self, outcome: Outcome) -> bool:
        """Returns True if the bus has kept its voltage since the forward frame ended."""
        return self._voltage_lost_at < outcome.ended

    def _ended(self, frame: _OnAir, done: Callable[[Outcome], None]) -> None:
        bits, value, end = frame.bits, frame.value, frame.end
        if not self.alive or self._voltage_lost_at >= frame.start:
            outcome = Outcome(Result.NO_VOLTAGE, 0, end, end)
        elif self._collided(frame):
            self.statistics.collisions += 1
            outcome = Outcome(Result.COLLISION, 0, end, end + STOP_S)
        elif bits == 16:
            outcome = self._deliver(value, end)
        elif bits == 24 and not frame.event:
            outcome = self._deliver_to_devices(value, end)
        else:
            self._sequence += 1
            outcome = Outcome(Result.SILENCE, 0, end, end + STOP_S)
        self.trace.append(TracedFrame(end, bits, value, outcome.result, outcome.value))
        done(outcome)

    def _collided(self, frame: _OnAir) -> bool:
        if self.collide_next and not frame.event:
            self.collide_next -= 1
            return True
        collided = frame.spoilt
        for late in self._late:
            if frame.start < late.start + BACKWARD_S and late.start < frame.end:
                late.spoilt = collided = True
        return collided

    def _deliver(self, value: int, end: float) -> Outcome:
        self._sequence += 1
        sequence, address, opcode = self._sequence, value >> 8, value & 0xFF
        for one in self._suspicious:
            if address < FIRST_SPECIAL and not one.hears(address):
                one.overheard()
        if address in DTRS:  # a shortcut for the most frequent frames, which go to all gear and have no answer
            for gear in self._meant(address):
                gear.load_dtr(address, opcode, end)
            return self._gather([], end)
        answers = [(one, one.receive(address, opcode, sequence, end)) for one in self._meant(address)]
        return self._gather([pair for pair in answers if pair[1] is not None], end)

    def _deliver_to_devices(self, value: int, end: float) -> Outcome:
        self._sequence += 1
        sequence = self._sequence
        return self._gather(((one, one.receive(value, sequence, end)) for one in self.devices), end)

    def _gather(self, answers: Iterable[tuple[Gear | ControlDevice, int | None]], end: float) -> Outcome:
        """Returns the outcome of all backward frames together."""
        starts: list[float] = []
        values: list[int] = []
        garbled = False
        for one, answer in answers:
            if answer is None or one.no_answer:
                continue
            begins = end + one.answer_delay_s + one.late_s
            if begins - end > ANSWER_WINDOW_S:
                self._answer_later(begins, answer)
                continue
            starts.append(begins)
            values.append(answer)
            garbled = garbled or one.garbled_answer
        for late in self._late:
            if end <= late.start <= end + ANSWER_WINDOW_S and not late.spoilt:
                late.spoilt = True
                starts.append(late.start)
                values.append(late.value)
        if not starts:
            return Outcome(Result.SILENCE, 0, end, end + STOP_S)
        return self._answered(starts, values, garbled, end)

    def _answered(self, starts: list[float], values: list[int], garbled: bool, end: float) -> Outcome:
        last_edge = max(starts) + BACKWARD_S
        self.statistics.backward_frames += len(starts)
        self.statistics.busy_s += last_edge - min(starts)
        self._last_edge = last_edge
        if len(starts) > 1:
            garbled = garbled or len(set(values)) > 1 or not self.identical_answers_come_clean
        if garbled:
            self.statistics.garbled_answers += 1
            return Outcome(Result.GARBLED, 0, end, last_edge + STOP_S)
        return Outcome(Result.ANSWER, values[0], end, last_edge + STOP_S)

    def _answer_later(self, start: float, value: int) -> None:
        late = _LateAnswer(start, value)
        self._late.append(late)
        self.loop.call_at(start + BACKWARD_S + STOP_S, self._late_ended, late)

    def _late_ended(self, late: _LateAnswer) -> None:
        if late not in self._late:
            return
        self._late.remove(late)
        if late.spoilt:
            return
        self.statistics.backward_frames += 1
        self.statistics.busy_s += BACKWARD_S
        self._last_edge = max(self._last_edge, late.start + BACKWARD_S)
        for listener in self.stray_answer:
            listener(late.value)

    def _meant(self, address: int) -> Sequence[Gear]:
        """Returns the gear that the frame may address; each gear decides for itself whether it does."""
        if address >= 0x80:
            return self.gear
        if self._by_short is None:
            self._by_short = {}
            for one in self.gear:
                self._by_short.setdefault(one.variables.short_address, []).append(one)
        return self._by_short.get(address >> 1, ())

    def _forget_addresses(self) -> None:
        self._by_short = None
