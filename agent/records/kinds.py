"""The kinds of record: one table tells the fields, the wire form, the bounds and the stored form of each kind.

The journal, the payloads and the collector's store take all their knowledge of a kind from `KINDS`. A new kind of
record is one row here, and the part that appends it. A collector that lacks the row cannot read a batch with such a
record, and the gateway sends it again: a new kind with SenML names comes to the collectors first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from protocols import senml

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_DAY_S = 86_400.0


class Type(NamedTuple):
    """The type of a value: `wire` as SenML carries it (protocols/senml.py), `column` as SQLite stores it."""

    wire: str
    column: str


WHOLE = Type(senml.NUMBER, "INTEGER")
NUMBER = Type(senml.NUMBER, "REAL")
NUMBER_OR_NONE = Type(senml.NUMBER_OR_NONE, "REAL")
TEXT = Type(senml.TEXT, "TEXT")
FLAG = Type(senml.BOOLEAN, "INTEGER")


class Field(NamedTuple):
    """A value in the body of a record: its key, and how it travels and is stored.

    `name` and `unit` are those of SenML (RFC 8428); a field without a name travels as part of a text. An optional field
    is not in every body; it has no name.
    """

    key: str
    type: Type
    name: str | None = None
    unit: str | None = None
    optional: bool = False


class Limit(NamedTuple):
    """How much of one kind the journal keeps while no collector acknowledges it."""

    max_bytes: int
    max_age_s: float


class Table(NamedTuple):
    """The typed table in the collector's store that holds a kind's records as rows.

    `duration_key` names the field with the seconds that a record is about, from its time on. Of two records about one
    subject whose spans overlap, only the first gets a row; a record of a clock that was not believed gets none; and a
    record of kind "void" can take a row out again. None: a record is about a moment. It gets a row with any clock,
    unless another epoch has told of it already.
    """

    name: str
    duration_key: str | None = None


@dataclass(frozen=True)
class Kind:
    """One kind of record.

    `time` is the field with the Unix time in seconds, `subject` the field that names the luminaire, bus or part (None:
    the record is about the gateway). The first of `fields` tells the kind on the wire: its SenML name is found in no
    other kind. Where no field has a name, the record travels as text. `gives_way` is True for a kind whose records are
    given up first if the disk refuses and memory runs short. `table` is None for a kind that is stored only as it
    came.
    """

    name: str
    time: Field
    subject: Field | None
    fields: tuple[Field, ...]
    limit: Limit
    gives_way: bool = False
    table: Table | None = None

    @cached_property
    def columns(self) -> tuple[Field, ...]:
        """All fields: the subject, the time, and then the rest."""
        return (*(() if self.subject is None else (self.subject,)), self.time, *self.fields)

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of a body of this kind, those of optional fields too."""
        return tuple(column.key for column in self.columns)

    @cached_property
    def shape(self) -> senml.Shape | None:
        """How the record travels value by value; None: it travels as text."""
        named = [each for each in self.fields if each.name is not None]
        return self._shape_of(named) if named else None

    @cached_property
    def complete(self) -> senml.Shape:
        """The keys that every body of this kind has, whether it travels value by value or not."""
        return self._shape_of([each for each in self.fields if not each.optional])

    def _shape_of(self, fields: Iterable[Field]) -> senml.Shape:
        shaped = tuple(senml.ShapeField(each.key, each.name, each.unit, each.type.wire) for each in fields)
        return senml.Shape(self.time.key, None if self.subject is None else self.subject.key, shaped)

    def body(self, record: object) -> dict[str, object]:
        """Returns the body of a record whose attributes are named as the fields are. Raises AttributeError if one
        that is not optional is missing."""
        return {
            each.key: getattr(record, each.key)
            for each in self.columns
            if not each.optional or getattr(record, each.key, None) is not None
        }


# Energy and events outlive readings. 64 luminaires make about 2 MB of intervals and 1 MB of readings a day.
INTERVAL = Kind(
    "interval",
    time=Field("start", WHOLE),
    subject=Field("luminaire", TEXT),
    fields=(
        Field("actual_wh", NUMBER, "energy/actual", "Wh"),
        Field("baseline_wh", NUMBER, "energy/baseline", "Wh"),
        Field("duration_s", NUMBER, "duration", "s"),
        Field("quality", TEXT, "energy/quality"),
        Field("coverage", NUMBER, "energy/coverage", "/"),
        Field("available_s", NUMBER, "available", "s"),
        Field("full_power_w", NUMBER, "power/full", "W"),
        Field("full_power_source", TEXT, "power/full/source"),
    ),
    limit=Limit(256_000_000, 400 * _DAY_S),
    table=Table("intervals", duration_key="duration_s"),
)
"""The energy that one luminaire used in a quarter of an hour, and would have used (agent/savings/intervals.py,
Interval)."""

CONTROL = Kind(
    "control",
    time=Field("start", WHOLE),
    subject=None,
    fields=(
        Field("control_wh", NUMBER, "energy/control", "Wh"),
        Field("duration_s", NUMBER, "duration", "s"),
    ),
    limit=Limit(16_000_000, 400 * _DAY_S),
    table=Table("control", duration_key="duration_s"),
)
"""The energy of the gateway and the bus supplies in a quarter of an hour (agent/savings/control.py,
ControlInterval)."""

READING = Kind(
    "reading",
    time=Field("at", NUMBER),
    subject=Field("luminaire", TEXT),
    fields=(
        Field("energy_wh", NUMBER, "energy/register", "Wh"),
        Field("resolution_wh", NUMBER, "energy/resolution", "Wh"),
        Field("level", NUMBER_OR_NONE, "level"),
        Field("status", NUMBER_OR_NONE, "status"),
    ),
    limit=Limit(32_000_000, 14 * _DAY_S),
    gives_way=True,
)
"""A gear's energy register as it was read, with the gear's level and status if they say nothing of passers-by."""

EVENT = Kind(
    "event",
    time=Field("at", NUMBER),
    subject=Field("subject", TEXT),
    fields=(
        Field("name", TEXT, "event/name"),
        Field("active", FLAG, "event/active"),
        Field("text", TEXT, "event/text"),
        Field("since", NUMBER, optional=True),
        Field("count", WHOLE, optional=True),
        Field("notice", FLAG, optional=True),
    ),
    limit=Limit(16_000_000, 400 * _DAY_S),
    table=Table("events"),
)
"""An alarm that begins, ends or is counted, or a notice (agent/records/alarms.py)."""

VOID = Kind(
    "void",
    time=Field("start", WHOLE),
    subject=Field("luminaire", TEXT),
    fields=(Field("of", TEXT), Field("until", WHOLE)),
    limit=Limit(16_000_000, 90 * _DAY_S),
)
"""Revokes the rows of one kind (`of`) and subject whose time lies in [start, until) (agent/savings/intervals.py)."""

KINDS: dict[str, Kind] = {kind.name: kind for kind in (INTERVAL, CONTROL, READING, EVENT, VOID)}
"""Every kind by its name."""

OTHER_LIMIT = Limit(16_000_000, 90 * _DAY_S)
"""The bounds of a kind that has no row in the table: an older agent's file, or a newer one's, may hold such records."""


def shapes() -> dict[str, senml.Shape]:
    """Returns the shapes of the kinds that travel value by value."""
    return {name: kind.shape for name, kind in KINDS.items() if kind.shape is not None}


def limits() -> dict[str, Limit]:
    """Returns the bounds of each kind in the journal."""
    return {name: kind.limit for name, kind in KINDS.items()}


def gives_way(name: str) -> bool:
    """Returns True if records of this kind are the first to be given up."""
    return name in KINDS and KINDS[name].gives_way


def body_of(name: str, record: Mapping[str, object] | DataclassInstance) -> Mapping[str, object]:
    """Returns the body of a record: the mapping as it is, or what the kind's row names of the object's attributes."""
    return record if isinstance(record, Mapping) else KINDS[name].body(record)
