"""Fault scripts: the faults of an emulated board and their times. A script is checked whole before it is carried out.

The rows and their keys are those of hil/faults/table.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.config.document import Document, read_document
from agent.config.problems import did_you_mean, shown
from agent.config.tables import Row, read_tables
from hil.emulated_board import EmulatedBoard, Lamps
from hil.faults.table import FAULTS, TABLE, VALUES, Fault, Scope, Spot, Value, keys_of


@dataclass(frozen=True)
class Planned:
    """One row of a script; times are seconds. A `for_s` of None means that the fault lasts to the end or passes by
    itself. A fault of a single luminaire has its `name`, and no `bus`."""

    fault: Fault
    at_s: float
    for_s: float | None = None
    repeat_s: float | None = None
    name: str = ""
    bus: str = ""
    device: int | None = None
    value: Value = 0

    def __str__(self) -> str:
        subject = self.name or ("gateway" if self.fault.scope is Scope.GATEWAY else self.bus)
        if self.device is not None:
            subject += f", device {self.device}"
        return f"{subject}: {self.fault.name}" + (f", {self.fault.value} = {self.value}" if self.fault.value else "")


def load_fault_script(path: str | Path, lamps: Lamps, devices: int = 0) -> list[Planned]:
    """Returns the script in this file, for a board with these luminaires by bus and `devices` control devices on each
    bus.

    Raises ConfigError with every problem in the script.
    """
    return read_fault_script(read_document(path), lamps, devices)


def read_fault_script(document: Document, lamps: Lamps, devices: int = 0) -> list[Planned]:
    """Returns the script in a document, for a board with these luminaires by bus and `devices` control devices on each
    bus.

    Raises ConfigError with every problem in the script.
    """
    rows = read_tables(document, (TABLE,))[TABLE.name]
    planned = [_RowCheck(document, row, lamps, devices).planned() for row in rows]
    document.refuse()
    return [one for one in planned if one is not None]


class _RowCheck:
    """The check of one row: the keys that its fault needs, and those that it cannot have."""

    def __init__(self, document: Document, row: Row, lamps: Lamps, devices: int) -> None:
        self.document = document
        self.row = row
        self.lamps = lamps
        self.devices = devices

    def planned(self) -> Planned | None:
        row = self.row
        if not row.has("fault"):
            return None
        name = row.text("fault")
        fault = FAULTS.get(name)
        if fault is None:
            self._report("fault", f"there is no fault {shown(name)}: {did_you_mean(name, FAULTS)}")
            return None
        self._check_keys(fault)
        self._check_times(fault)
        self._check_luminaire()
        bus = self._bus(fault)
        device = self._device(fault)
        if not row.has("at"):
            return None  # reported when the row was read
        return Planned(
            fault,
            row.number("at"),
            row.number("for") if row.has("for") else None,
            row.number("repeat") if row.has("repeat") else None,
            row.text("luminaire") if row.has("luminaire") else "",
            bus,
            device,
            self._value(fault),
        )

    def _report(self, key: str, text: str) -> None:
        self.document.report((*self.row.where, key) if key else self.row.where, text)

    def _check_keys(self, fault: Fault) -> None:
        """Reports each key that this fault cannot have, and a value that it lacks."""
        for key in TABLE.keys:
            if key.name in self.row.written and key.name not in keys_of(fault):
                why = "passes by itself" if key.name == "for" else f"has no {key.name}"
                self._report(key.name, f'"{fault.name}" {why}: remove this line')
        for key in VALUES:
            if key.name == fault.value and key.name not in self.row.written:
                self._report("", f'"{fault.name}" has no {key.name}: write {key.wanted()} ({key.meaning})')

    def _check_times(self, fault: Fault) -> None:
        row = self.row
        if fault.end is None or "repeat" not in row.written:
            return
        if "for" not in row.written:
            self._report("repeat", "what is repeated must end before: write how long it lasts, such as for = 5")
        elif row.has("for", "repeat") and row.number("repeat") <= row.number("for"):
            longer = f"more than the {row.number('for'):g} s of its for"
            self._report("repeat", f"it begins again before it has ended: write a repeat of {longer}")

    def _check_luminaire(self) -> None:
        names = [name for bus in self.lamps.values() for name in bus]
        if self.row.has("luminaire") and self.row.text("luminaire") not in names:
            name = self.row.text("luminaire")
            self._report("luminaire", f"there is no luminaire {shown(name)} on the board: {did_you_mean(name, names)}")

    def _bus(self, fault: Fault) -> str:
        row = self.row
        if fault.scope is Scope.GATEWAY:
            return ""
        if fault.scope is Scope.GEAR and "luminaire" in row.written:
            if "bus" in row.written:
                self._report("bus", "luminaire says already what is struck: remove this line, or that one")
            return ""
        if row.has("bus"):
            bus = row.text("bus")
            if bus not in self.lamps:
                self._report("bus", f"there is no bus {shown(bus)} on the board: {did_you_mean(bus, self.lamps)}")
            return bus
        if fault.scope is Scope.GEAR:
            if "bus" not in row.written:
                self._report("", f'"{fault.name}" strikes nothing yet: write luminaire or bus, with its name')
        elif len(self.lamps) == 1:
            return next(iter(self.lamps))
        elif "bus" not in row.written:
            self._report("", f'"{fault.name}" has no bus: write the name of one ({", ".join(self.lamps)})')
        return ""

    def _device(self, fault: Fault) -> int | None:
        if fault.scope is not Scope.DEVICE:
            return None
        if "device" not in self.row.written:
            self._report("", f'"{fault.name}" has no device: write the short address of a control device, from 0 on')
        if not self.row.has("device"):
            return None
        device = self.row.whole("device")
        if device >= self.devices:
            there = f"only {self.devices}" if self.devices else "none"
            self._report(
                "device", f"there is no control device {device}, as {there} was asked for: give --devices {device + 1}"
            )
        return device

    def _value(self, fault: Fault) -> Value:
        found = self.row.values.get(fault.value, 0)
        return found if isinstance(found, str | int | float) else 0


class FaultRun:
    """Carries a script out on an emulated board, in the running loop. `say` is called with a line for each start and
    end of a fault.

    If several rows strike a spot with one fault at a time, the fault lasts until the last of them ends. Its value is
    that of the row that began last.
    """

    def __init__(self, script: list[Planned], emulated: EmulatedBoard, say: Callable[[str], None]) -> None:
        self._script = script
        self._emulated = emulated
        self._say = say
        self._loop = asyncio.get_running_loop()
        self._began = 0.0
        self._timers: set[asyncio.TimerHandle] = set()
        self._lasting: dict[tuple[str, Spot], list[Planned]] = {}

    def start(self) -> None:
        """Starts the script's time now."""
        self._began = self._loop.time()
        for one in self._script:
            self._at(one.at_s, self._begin, one)

    def stop(self) -> None:
        """Stops the script. A fault that has begun stays."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _at(self, at_s: float, what: Callable[[float, Planned], None], one: Planned) -> None:
        def due() -> None:
            self._timers.discard(timer)
            what(at_s, one)

        timer = self._loop.call_at(self._began + at_s, due)
        self._timers.add(timer)

    def _begin(self, at_s: float, one: Planned) -> None:
        self._say(f"{moment(at_s)}  {one}")
        for spot in self._spots(one):
            one.fault.begin(spot, one.value)
            if one.fault.end:
                self._lasting.setdefault((one.fault.name, spot), []).append(one)
        if one.for_s is not None:
            self._at(at_s + one.for_s, self._end, one)
        if one.repeat_s is not None:
            self._at(at_s + one.repeat_s, self._begin, one)

    def _end(self, at_s: float, one: Planned) -> None:
        self._say(f"{moment(at_s)}  {one}: over")
        for spot in self._spots(one):
            lasting = self._lasting[one.fault.name, spot]
            lasting.remove(one)
            if lasting:
                lasting[-1].fault.begin(spot, lasting[-1].value)
            elif one.fault.end:
                one.fault.end(spot)

    def _spots(self, one: Planned) -> Iterator[Spot]:
        """Yields each spot that this row strikes."""
        emulated, scope = self._emulated, one.fault.scope
        if one.name:
            yield Spot(*emulated.place(one.name))
        elif scope is Scope.GATEWAY:
            yield from map(Spot, emulated.streets.values())
        elif scope is Scope.PORT:
            yield Spot(emulated.ports[one.bus])
        elif scope is Scope.GEAR:
            street = emulated.streets[one.bus]
            yield from (Spot(street, number) for number in range(len(street.gear)))
        else:
            yield Spot(emulated.streets[one.bus], -1 if one.device is None else one.device)


def moment(at_s: float) -> str:
    """Returns a time after the start in the form of scripts: 00:05, 01:00:00, 00:05.250."""
    milliseconds = round(at_s * 1000)
    minutes, left = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{left // 1000:02d}" + (f".{left % 1000:03d}" if left % 1000 else "")
    return (f"{hours:02d}:" if hours else "") + f"{minutes:02d}:{seconds}"
