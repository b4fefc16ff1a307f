"""The table of faults that a script may name: the name of each, its scope, its value, its effect.

The checks of a script, its JSON Schema and the tables of hil/faults/README.md derive from this table. A new fault is a
new row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import cast

from agent.config.schema import schema_of, table_markdown
from agent.config.tables import Key, Table, Type
from hil.devices.serial_port import SerialPort
from hil.devices.street import Street

LONGEST_S = 360_000
"""A hundred hours."""


class Scope(Enum):
    """The part of the board that a fault strikes, in the words of the docs."""

    GEAR = "`luminaire`, or `bus` for each gear on it"
    BUS = "`bus`"
    PORT = "`bus`: its port, with all buses on it"
    DEVICE = "`device` (and `bus`)"
    GATEWAY = "the gateway"


@dataclass(frozen=True)
class Spot:
    """A spot that a fault strikes: the gear or control device `number` of a street, or the whole street with -1."""

    street: Street
    number: int = -1

    @property
    def port(self) -> SerialPort:
        """The street's port; a fault of scope PORT strikes the street that has it."""
        assert self.street.port is not None
        return self.street.port


Value = float | str
Effect = Callable[[Spot, Value], None]


@dataclass(frozen=True)
class Fault:
    """One kind of fault. A fault without an `end` passes by itself, so a row with it can have no `for`."""

    name: str
    scope: Scope
    meaning: str
    begin: Effect
    end: Callable[[Spot], None] | None = None
    value: str = ""


def _count(value: Value) -> int:
    return int(value)


def _frame_value(value: Value) -> int:
    return int(str(value), 16)


def _delay_lines(spot: Spot, late_ms: Value) -> None:
    spot.port.delay_s = float(late_ms) / 1000


def _mute(spot: Spot, mute: bool) -> None:
    spot.port.mute = mute


def _plug(spot: Spot) -> None:
    spot.street.plug()


def _nonsense(spot: Spot, nonsense: bool) -> None:
    gear = spot.street.gear[spot.number]
    gear.profile = replace(gear.profile, answers_nonsense=nonsense)


def _merge_equal_answers(spot: Spot, merge: bool) -> None:
    spot.street.bus.identical_answers_come_clean = merge


FAULTS: dict[str, Fault] = {
    fault.name: fault
    for fault in (
        Fault(
            "lamp failed",
            Scope.GEAR,
            "no light; the gear answers, keeps its level and reports a lamp failure",
            lambda spot, _: spot.street.lamp_failed(spot.number),
            lambda spot: spot.street.lamp_failed(spot.number, False),
        ),
        Fault(
            "gear dead",
            Scope.GEAR,
            "neither light nor power nor an answer",
            lambda spot, _: spot.street.gear_dead(spot.number),
            lambda spot: spot.street.gear_dead(spot.number, False),
        ),
        Fault(
            "no answer",
            Scope.GEAR,
            "the gear obeys and never answers",
            lambda spot, _: spot.street.no_answer(spot.number),
            lambda spot: spot.street.no_answer(spot.number, False),
        ),
        Fault(
            "late answer",
            Scope.GEAR,
            "each answer comes this much later on the bus; 26 to 40 ms were seen in the field",
            lambda spot, late_ms: spot.street.late_answer(spot.number, float(late_ms)),
            lambda spot: spot.street.late_answer(spot.number, 0.0),
            value="late_ms",
        ),
        Fault(
            "framing error",
            Scope.GEAR,
            "its backward frames break the bit timing",
            lambda spot, _: spot.street.framing_error(spot.number),
            lambda spot: spot.street.framing_error(spot.number, False),
        ),
        Fault(
            "nonsense",
            Scope.GEAR,
            "each of its answers is a random byte",
            lambda spot, _: _nonsense(spot, True),
            lambda spot: _nonsense(spot, False),
        ),
        Fault(
            "mains",
            Scope.GEAR,
            "its mains are gone",
            lambda spot, _: spot.street.mains(False, spot.number),
            lambda spot: spot.street.mains(True, spot.number),
        ),
        Fault(
            "bus power",
            Scope.BUS,
            "the bus has no voltage: a cut wire, a supply that failed",
            lambda spot, _: spot.street.bus_power(False),
            lambda spot: spot.street.bus_power(True),
        ),
        Fault(
            "bus short",
            Scope.BUS,
            "the two wires of the bus touch",
            lambda spot, _: spot.street.bus_short(),
            lambda spot: spot.street.bus_short(False),
        ),
        Fault(
            "transmit collisions",
            Scope.BUS,
            "the next frames collide with another master's and do not go out",
            lambda spot, frames: spot.street.transmit_collisions(_count(frames)),
            value="frames",
        ),
        Fault(
            "foreign frame",
            Scope.BUS,
            "another controller sends this frame once",
            lambda spot, frame: spot.street.bus.other_controller(_frame_value(frame)),
            value="frame",
        ),
        Fault(
            "clean answers",
            Scope.BUS,
            "equal answers of several gear at once arrive as one good frame, instead of a broken one",
            lambda spot, _: _merge_equal_answers(spot, True),
            lambda spot: _merge_equal_answers(spot, False),
        ),
        Fault(
            "unplug",
            Scope.PORT,
            "the cable is pulled: the port is gone, and with it the link",
            lambda spot, _: spot.street.unplug(),
            _plug,
        ),
        Fault(
            "silent line",
            Scope.PORT,
            "the interface works, but the host hears nothing from it",
            lambda spot, _: _mute(spot, True),
            lambda spot: _mute(spot, False),
        ),
        Fault(
            "late lines",
            Scope.PORT,
            "each line from the interface arrives this much later",
            _delay_lines,
            lambda spot: _delay_lines(spot, 0.0),
            value="late_ms",
        ),
        Fault(
            "garbled lines",
            Scope.PORT,
            "a bit or two flip in each of the next lines from the interface",
            lambda spot, lines: spot.street.garbled_lines(_count(lines)),
            value="lines",
        ),
        Fault(
            "lost bytes",
            Scope.PORT,
            "each of the next lines from the interface loses a byte",
            lambda spot, lines: spot.port.lose(_count(lines)),
            value="lines",
        ),
        Fault(
            "split reads",
            Scope.PORT,
            "each of the next lines from the interface comes in two pieces, some milliseconds apart",
            lambda spot, lines: spot.port.split(_count(lines)),
            value="lines",
        ),
        Fault(
            "gateway power",
            Scope.GATEWAY,
            "the gateway's own power is gone: its interfaces are dead, and so is a bus that it feeds",
            lambda spot, _: spot.street.gateway_power(False),
            lambda spot: spot.street.gateway_power(True),
        ),
        Fault(
            "presence",
            Scope.DEVICE,
            "something moves in front of the occupancy sensor",
            lambda spot, _: spot.street.presence(spot.number, True),
            lambda spot: spot.street.presence(spot.number, False),
        ),
        Fault(
            "illuminance",
            Scope.DEVICE,
            "this is the light at the light sensor from now on",
            lambda spot, light: spot.street.illuminance(spot.number, _count(light)),
            value="light",
        ),
    )
}
"""The faults by name. Events at sensors are among them, though they are no faults, because a script has one kind of
row."""

SUBJECTS = ("luminaire", "bus", "device")
VALUES = (
    Key("late_ms", Type.NUMBER, "how much later, in milliseconds", None, low=1, high=1000, example="30"),
    Key("lines", Type.WHOLE, "how many lines, or messages, of the interface", None, low=1, high=100_000, example="3"),
    Key("frames", Type.WHOLE, "how many frames", None, low=1, high=100_000, example="2"),
    Key(
        "frame",
        Type.TEXT,
        "a 16-bit frame as four hexadecimal digits",
        None,
        pattern="[0-9A-Fa-f]{4}",
        example='"FE80"',
    ),
    Key("light", Type.WHOLE, "light, as a share of the sensor's own range", None, low=0, high=1023, example="512"),
)

TABLE = Table(
    "fault",
    "something that happens, at its time after the start",
    (
        Key("at", Type.SPAN, "when it begins, counted from the start", low=0, high=LONGEST_S, example='"00:05"'),
        Key("fault", Type.TEXT, "what happens: a name from the table of faults", example='"lamp failed"'),
        Key("for", Type.SPAN, "how long it lasts; left out, to the end", None, 0.001, LONGEST_S, example='"00:10"'),
        Key("repeat", Type.SPAN, "it begins again and again, this far apart", None, 0.01, LONGEST_S, example='"00:30"'),
        Key("luminaire", Type.TEXT, "the luminaire that it strikes, by its name", None, example='"L03"'),
        Key("bus", Type.TEXT, "the bus, by its name; a board's only bus needs no naming", None, example='"street"'),
        Key("device", Type.WHOLE, "the control device, by its short address", None, low=0, high=63),
        *VALUES,
    ),
    many=True,
)


def subjects_of(fault: Fault) -> tuple[str, ...]:
    """Returns the keys that say which part of the board this fault strikes."""
    return {Scope.GEAR: ("luminaire", "bus"), Scope.DEVICE: ("device", "bus"), Scope.GATEWAY: ()}.get(
        fault.scope, ("bus",)
    )


def keys_of(fault: Fault) -> set[str]:
    """Returns all keys that a row with this fault may have."""
    lasting = {"for"} if fault.end else set()
    return {"at", "fault", "repeat", *lasting, *subjects_of(fault), fault.value} - {""}


def fault_schema() -> dict[str, object]:
    """Returns the JSON Schema (draft 2020-12) of a fault script."""
    schema = schema_of("Lichtmast faults", (TABLE,))
    tables = cast("dict[str, dict[str, dict[str, object]]]", schema["properties"])
    row = tables[TABLE.name]["items"]
    cast("dict[str, dict[str, object]]", row["properties"])["fault"]["enum"] = list(FAULTS)
    row["allOf"] = [_rule(fault) for fault in FAULTS.values()]
    return schema


def _rule(fault: Fault) -> dict[str, object]:
    """Returns the schema rule for rows with this fault: the keys that they must have, and cannot have."""
    excluded = [key.name for key in TABLE.keys if key.name not in keys_of(fault)]
    then: dict[str, object] = {"properties": dict.fromkeys(excluded, False)}
    needed = [name for name in (fault.value, "device" if fault.scope is Scope.DEVICE else "") if name]
    if needed:
        then["required"] = needed
    if fault.scope is Scope.GEAR:
        then["oneOf"] = [{"required": ["luminaire"]}, {"required": ["bus"]}]
    if fault.end:
        then["dependentRequired"] = {"repeat": ["for"]}
    return {"if": {"properties": {"fault": {"const": fault.name}}, "required": ["fault"]}, "then": then}


def fault_markdown() -> str:
    """Returns the faults, and the keys of a script, as Markdown tables for the docs."""
    lines = ["| fault | strikes | value | ends | what happens |", "|---|---|---|---|---|"]
    for fault in FAULTS.values():
        ends = "with its `for`" if fault.end else "by itself"
        value = f"`{fault.value}`" if fault.value else ""
        lines.append(f"| `{fault.name}` | {fault.scope.value} | {value} | {ends} | {fault.meaning} |")
    return "\n".join([*lines, "", table_markdown(TABLE)])
