"""Sensors on a board's DALI buses: the keys of [[sensor]], the checks of its rows together, and the value of a row."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

from agent.config.document import Document
from agent.config.keys import Key, Type
from agent.config.problems import did_you_mean, shown
from agent.config.tables import Row, Table

NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,39}"

Kind = Literal["presence", "lux", "photocell"]

SENSOR = Table(
    "sensor",
    "an instance of a control device on a DALI bus: what passes by, or how light it is",
    (
        Key(
            "name",
            Type.TEXT,
            "its name, by which programs may ask for it: letters, digits, dots, hyphens and underscores",
            pattern=NAME,
            example='"P01"',
        ),
        Key("bus", Type.TEXT, "the name of its bus", example='"street"'),
        Key("device", Type.WHOLE, "the control device's short address", low=0, high=63),
        Key("instance", Type.WHOLE, "the instance in the device", 0, low=0, high=31),
        Key(
            "kind",
            Type.TEXT,
            "what it senses: presence (IEC 62386 part 303); lux, or a photocell's dark and light (part 304)",
            choices=("presence", "lux", "photocell"),
        ),
        Key("at", Type.TEXT, "the luminaire that it hangs at; left out: it speaks for the whole gateway", ""),
        Key(
            "full_scale_lux",
            Type.NUMBER,
            "the illuminance at the end of its range, in lux: the bus tells only a share of it; a lux sensor needs it",
            None,
            low=1,
            high=200_000,
        ),
        Key(
            "dark_percent",
            Type.NUMBER,
            "a photocell is dark below this share of its range; between the two shares nothing changes",
            2.0,
            low=0.1,
            high=99,
        ),
        Key("light_percent", Type.NUMBER, "and light from this share on", 4.0, low=0.1, high=100),
    ),
    many=True,
    required=False,
)


@dataclass(frozen=True)
class Sensor:
    """An instance of a control device (IEC 62386-103). `at` is a luminaire's name, or "" for the whole gateway.

    `full_scale_lux` is 0 if the board does not state it. The percents are shares of a photocell's range: below
    `dark_percent` it is dark, and from `light_percent` on it is light.
    """

    name: str
    bus: str
    device: int
    instance: int
    kind: Kind
    at: str
    full_scale_lux: float
    dark_percent: float
    light_percent: float


def sensors_of(rows: Sequence[Row]) -> tuple[Sensor, ...]:
    """Returns the sensors of rows that were checked."""
    return tuple(
        Sensor(
            row.text("name"),
            row.text("bus"),
            row.whole("device"),
            row.whole("instance"),
            "presence" if row.text("kind") == "presence" else "lux" if row.text("kind") == "lux" else "photocell",
            row.text("at"),
            row.number("full_scale_lux") if row.has("full_scale_lux") else 0.0,
            row.number("dark_percent"),
            row.number("light_percent"),
        )
        for row in rows
    )


def check_sensors(document: Document, rows: Sequence[Row], buses: Sequence[str], luminaires: Sequence[str]) -> None:
    """Reports names and instances that are used twice, buses and luminaires that do not exist, lux sensors without a
    scale, and photocells that are light before they are dark."""
    names: dict[Hashable, Row] = {}
    instances: dict[Hashable, Row] = {}
    for row in rows:
        if row.has("name"):
            _check_first(document, names, row.text("name"), row, "name", f"the name {shown(row.text('name'))}")
        if row.has("bus", "device", "instance"):
            place = (row.text("bus"), row.whole("device"), row.whole("instance"))
            what = f"instance {place[2]} of device {place[1]} on the bus {shown(place[0])}"
            _check_first(document, instances, place, row, "device", what)
        _check_known(document, row, "bus", buses, "[[bus]]")
        _check_known(document, row, "at", luminaires, "[[luminaire]]")
        if row.has("kind") and row.text("kind") == "lux" and "full_scale_lux" not in row.written:
            document.report(
                row.where,
                "this lux sensor has no full_scale_lux: write the illuminance at the end of its range, such as"
                " full_scale_lux = 1000 (or make it a photocell)",
            )
        if row.has("dark_percent", "light_percent") and row.number("dark_percent") > row.number("light_percent"):
            document.report(
                (*row.where, "light_percent"),
                f"light_percent = {row.number('light_percent'):g} is less than dark_percent ="
                f" {row.number('dark_percent'):g}, so the lamps would switch for ever: write a larger light_percent",
            )


def _check_known(document: Document, row: Row, key: str, names: Sequence[str], table: str) -> None:
    if row.has(key) and row.text(key) and row.text(key) not in names:
        remedy = did_you_mean(row.text(key), names) if names else f"add the {table} first"
        document.report((*row.where, key), f"there is no {table} of the name {shown(row.text(key))}: {remedy}")


def _check_first(document: Document, seen: dict[Hashable, Row], value: Hashable, row: Row, key: str, what: str) -> None:
    """Reports the row if an earlier row has this value."""
    first = seen.setdefault(value, row)
    if first is not row:
        line = document.line((*first.where, key))
        document.report((*row.where, key), f"{what} is used at line {line} already: give each sensor its own")
