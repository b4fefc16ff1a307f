"""The input instances of control devices: occupancy (IEC 62386-303) and light sensors (-304) with their triggers.

An instance decides when an event is due and what it says; its device frames the event and sends it on the bus. Reset
values that no public text confirms are marked "unverified".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

MASK = 0xFF
GROUPS = frozenset((*range(32), MASK))
YES = 0xFF

SETTINGS: dict[int, tuple[str, frozenset[int]]] = {
    0x61: ("priority", frozenset(range(2, 6))),
    0x64: ("primary group", GROUPS),
    0x65: ("group 1", GROUPS),
    0x66: ("group 2", GROUPS),
    0x67: ("scheme", frozenset(range(5))),
}
"""Opcode: the setting that it takes from DTR0, and the accepted values. These commands must come twice."""
ENABLE, DISABLE, SET_EVENT_FILTER = 0x62, 0x63, 0x68
QUERIES = {0x84: "priority", 0x88: "primary group", 0x89: "group 1", 0x8A: "group 2", 0x8B: "scheme"}
BYTE = frozenset(range(256))


class Instance:
    """The part of an instance that all types share. Times are loop seconds. `attach` must be called first."""

    type = 0
    resolution = 0
    settings: dict[int, tuple[str, frozenset[int]]] = {}
    queries: dict[int, str] = {}
    reset_values: dict[str, int] = {}
    event_filter_reset = 0

    def __init__(self) -> None:
        self.number = 0
        self.enabled = True
        self.values: dict[str, int] = {}
        self.event_filter = 0
        self._loop: asyncio.AbstractEventLoop
        self._speak: Callable[[Instance], None]
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._dead_until = 0.0
        self._latched = b""
        self._due = False
        self.reset()

    def attach(self, number: int, loop: asyncio.AbstractEventLoop, speak: Callable[[Instance], None]) -> None:
        """Gives the instance its number in the device. The instance calls `speak` when an event is due."""
        self.number = number
        self._loop = loop
        self._speak = speak

    def reset(self) -> None:
        """Obeys RESET: all settings go back to their reset values, but the instance stays enabled or disabled."""
        self.values = {"priority": 4, "primary group": MASK, "group 1": MASK, "group 2": MASK, "scheme": 0}
        self.values.update(self.reset_values)
        self.event_filter = self.event_filter_reset

    def powered(self, on: bool) -> None:
        """Switches the power. All timers end; with power, the report timer starts again."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._dead_until = 0.0
        self._due = False
        if on:
            self._restart_report()

    def is_addressed(self, byte: int) -> bool:
        """Returns True if a command with this instance byte addresses this instance."""
        if byte < 0x20:
            return byte == self.number
        if 0x80 <= byte < 0xA0:
            return byte & 0x1F in (self.values["primary group"], self.values["group 1"], self.values["group 2"])
        if 0xC0 <= byte < 0xE0:
            return byte & 0x1F == self.type
        return byte == 0xFF

    def configure(self, opcode: int, dtrs: tuple[int, int, int]) -> None:
        """Obeys a configuration command that has come twice."""
        if opcode in (ENABLE, DISABLE):
            self.enabled = opcode == ENABLE
        elif opcode == SET_EVENT_FILTER:
            self.event_filter = dtrs[0] | dtrs[1] << 8 | dtrs[2] << 16
        else:
            found = SETTINGS.get(opcode) or self.settings.get(opcode)
            if found is not None and dtrs[0] in found[1]:
                self.values[found[0]] = dtrs[0]

    def configures(self, opcode: int) -> bool:
        """Returns True if this opcode is a configuration command, which must come twice."""
        return opcode in (ENABLE, DISABLE, SET_EVENT_FILTER) or opcode in SETTINGS or opcode in self.settings

    def query(self, opcode: int) -> int | None:
        """Returns the answer to a query, or None for NO."""
        name = QUERIES.get(opcode) or self.queries.get(opcode)
        if name is not None:
            return self.values[name]
        if opcode == 0x80:
            return self.type
        if opcode == 0x81:
            return self.resolution
        if opcode == 0x83:  # QUERY INSTANCE STATUS: no error; active
            return self.enabled << 1
        if opcode == 0x86:
            return YES if self.enabled else None
        if opcode in (0x8C, 0x8D):
            return self._next_input_byte(first=opcode == 0x8C)
        if 0x90 <= opcode <= 0x92:
            return self.event_filter >> 8 * (opcode - 0x90) & 0xFF
        return None

    def obey(self, opcode: int) -> None:
        """Obeys an instruction of this instance type that comes once."""

    def input_value(self) -> int:
        """Returns the sensed value, `resolution` bits wide."""
        raise NotImplementedError

    def info(self) -> int:
        """Returns the ten bits of event information for an event that is sent now."""
        raise NotImplementedError

    def take(self) -> int | None:
        """Returns the information of the event that is due, or None if none is due any more. Any later change makes a
        new event."""
        said = self.info() if self._due and self.enabled else None
        self._due = False
        return said

    def told(self, _info: int) -> None:
        """Notes that the event has gone over the bus: the deadtime and the report time begin."""
        self._dead_until = self._loop.time() + self.values["deadtime"] * 0.05
        self._restart_report()
        if self._due:
            self.trigger()

    def hush(self) -> None:
        """Drops the event that waits, because the device must be quiet."""
        self._due = False

    def report(self) -> None:
        """Acts when the report time has passed without an event."""
        raise NotImplementedError

    def trigger(self) -> None:
        """Makes an event due: at once, or when the deadtime is over."""
        self._due = True
        left = self._dead_until - self._loop.time()
        if left > 0:
            self._start("deadtime", left, lambda: self._speak(self))
        else:
            self._speak(self)

    def _start(self, timer: str, seconds: float, then: Callable[[], None]) -> None:
        self._stop(timer)
        self._timers[timer] = self._loop.call_later(seconds, then)

    def _stop(self, timer: str) -> None:
        running = self._timers.pop(timer, None)
        if running is not None:
            running.cancel()

    def _restart_report(self) -> None:
        self._stop("report")
        if self.values["report"]:
            self._start("report", float(self.values["report"]), self._report)

    def _report(self) -> None:
        self._restart_report()
        self.report()

    def _next_input_byte(self, *, first: bool) -> int | None:
        """Returns one byte of the input value, highest bits first, or None after the last one.

        QUERY INPUT VALUE (`first`) latches the value; QUERY INPUT VALUE LATCH reads its further bytes. The bits repeat
        to fill whole bytes.
        """
        if first:
            bits = f"{self.input_value():0{self.resolution}b}"
            length = -(-self.resolution // 8)
            filled = (bits * (8 * length // self.resolution + 1))[: 8 * length]
            self._latched = int(filled, 2).to_bytes(length, "big")
        head, self._latched = self._latched[:1], self._latched[1:]
        return head[0] if head else None


class OccupancySensor(Instance):
    """Instance type 3, a movement sensor: occupied while something moves, and for the hold time after that."""

    type = 3
    resolution = 2
    settings = {
        0x21: ("hold", frozenset(range(255))),
        0x22: ("report", BYTE),
        0x23: ("deadtime", BYTE),
    }
    queries = {0x2C: "deadtime", 0x2D: "hold", 0x2E: "report"}
    reset_values = {"hold": 90, "report": 20, "deadtime": 2}
    """15 min, 20 s, 100 ms (unverified)."""
    OCCUPIED, VACANT, REPEAT, MOVEMENT, NO_MOVEMENT = 1, 2, 4, 8, 16
    event_filter_reset = OCCUPIED | VACANT
    """OCCUPIED and VACANT (unverified)."""
    SHORTEST_HOLD_S = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.moving = self.occupied = False
        self._catching = self._repeat = False

    def presence(self, moving: bool) -> None:
        """Starts or ends movement in front of the sensor."""
        if moving == self.moving:
            return
        newly_occupied = moving and not self.occupied
        self.moving, self.occupied = moving, self.occupied or moving
        if moving:
            self._tell(self.MOVEMENT | (self.OCCUPIED if newly_occupied else 0))
            self._stop("hold")
        else:
            self._tell(self.NO_MOVEMENT)
            self._start("hold", max(self.SHORTEST_HOLD_S, 10.0 * self.values["hold"]), self._vacate)

    def powered(self, on: bool) -> None:
        super().powered(on)
        self.occupied = self.occupied and self.moving
        self._catching = False

    def obey(self, opcode: int) -> None:
        if opcode == 0x20:  # CATCH MOVEMENT
            self._catching = not self.event_filter & self.MOVEMENT
        elif opcode == 0x24 and "hold" in self._timers:  # CANCEL HOLD TIMER
            self._stop("hold")
            self._vacate()

    def query(self, opcode: int) -> int | None:
        if opcode == 0x2F:
            return YES if self._catching else None
        return super().query(opcode)

    def input_value(self) -> int:
        return self.moving | self.occupied << 1

    def info(self) -> int:
        return self.moving | self.occupied << 1 | self._repeat << 2 | 1 << 3

    def report(self) -> None:
        if self.event_filter & self.REPEAT and not self._due:
            self._repeat = True
            self.trigger()

    def _vacate(self) -> None:
        self._timers.pop("hold", None)
        self.occupied = False
        self._tell(self.VACANT)

    def _tell(self, triggers: int) -> None:
        caught = self._catching and bool(triggers & self.MOVEMENT)
        if caught or self.event_filter & triggers:
            self._catching = self._catching and not caught
            self._repeat = False
            self.trigger()


class LightSensor(Instance):
    """Instance type 4, a light sensor: ten bits relative to its range, told after a change beyond the hysteresis."""

    type = 4
    resolution = 10
    settings = {
        0x30: ("report", BYTE),
        0x31: ("hysteresis", frozenset(range(26))),
        0x32: ("deadtime", BYTE),
        0x33: ("least hysteresis", BYTE),
    }
    queries = {0x3C: "least hysteresis", 0x3D: "deadtime", 0x3E: "report", 0x3F: "hysteresis"}
    reset_values = {"report": 30, "deadtime": 30, "hysteresis": 5, "least hysteresis": 10}
    event_filter_reset = 1
    """30 s, 1.5 s, 5 %, 10 counts at ten bits, and the only event of this type: the values of open firmware."""

    def __init__(self) -> None:
        super().__init__()
        self.value = 0
        self._last_told = 0

    def illuminance(self, value: int) -> None:
        """Sets the light at the sensor, 0 to 1023. Raises ValueError outside that range."""
        if not 0 <= value < 1 << self.resolution:
            raise ValueError(f"relative illuminance is 0 to 1023, not {value}: scale it to the sensor's range")
        self.value = value
        band = max(self.values["least hysteresis"], self.values["hysteresis"] * self._last_told / 100)
        if abs(value - self._last_told) >= max(band, 1):
            self._tell()

    def input_value(self) -> int:
        return self.value

    def info(self) -> int:
        return self.value

    def told(self, info: int) -> None:
        self._last_told = info
        super().told(info)

    def report(self) -> None:
        self._tell()

    def _tell(self) -> None:
        if self.event_filter & 1:
            self.trigger()
