"""The input state: the little that rules need of the past (sources that are active, photocells, operating hours).

It is kept in memory and under /run, never sent. Whatever is not known of the past counts as the lit case.
"""

from collections import namedtuple

from agent.schedule.cells import BELIEVED_S, CellState, after_reading
from agent.schedule.program import LUX, PHOTOCELL, PRESENCE, TRAFFIC

TYPE_CHECKING = False

if TYPE_CHECKING:
    from agent.schedule.plan import Plan

# A clock may be set back so far without its past becoming its future.
BACKWARD_S = 60.0

# So soon a source that is active says it again: until then one whose past is lost may be active.
REPEATS_S = 60.0

# The kind of a reading that gives a luminaire's operating hours.
OPERATING_HOURS = "operating_hours"
KINDS = (PRESENCE, TRAFFIC, LUX, PHOTOCELL, OPERATING_HOURS)


class Reading(namedtuple("Reading", ("sensor", "kind", "value", "where"))):
    """What a sensor says. `where`: the luminaire or group it watches; "" for the whole gateway.

    kind "presence": 1 somebody is there, 0 nobody (a sensor that only pulses sends 1 and at once 0); "traffic": a
    count; "lux": illuminance; "photocell": 1 dark, 0 light; "operating_hours": the lamp's, of the luminaire `where`.
    """

    sensor: str
    kind: str
    value: float
    where: str


class InputState(namedtuple("InputState", ("begun", "active", "cells", "operating_hours"))):
    """`begun`: since when the past is known (Unix). `active`: input key -> (since, until) of its last activity, without
    the hold. `cells`: photocell key, "@" and the sensor's name -> CellState. `operating_hours`: luminaire -> hours.
    Nothing in it is changed."""

    begun: float
    active: "dict[str, tuple[float, float]]"
    cells: "dict[str, CellState]"
    operating_hours: "dict[str, float]"


def no_inputs(unix: float) -> "InputState":
    """The state of one who knows nothing of what was before `unix`."""
    return InputState(unix, {}, {}, {})


def observe(plan: "Plan", state: "InputState", reading: "Reading", unix: float) -> "InputState":
    """The state after this reading. A value that is no number changes nothing."""
    state = _of_now(plan, state, unix)
    value = reading.value
    if value != value or reading.kind not in KINDS:
        return state
    if reading.kind == OPERATING_HOURS:
        hours = dict(state.operating_hours)
        hours[reading.where] = float(value)
        return InputState(state.begun, state.active, state.cells, hours)
    active = dict(state.active)
    if reading.kind == PRESENCE:
        # Paths listen to every presence, whether or not a program does.
        _mark(active, PRESENCE + "@" + reading.where, value > 0, unix)
    for dynamic in plan.dynamics:
        if dynamic.source in (reading.kind, reading.sensor) and dynamic.key != PRESENCE:
            _mark(active, dynamic.key + "@" + reading.where, dynamic.holds(value), unix)
    cells = state.cells
    if reading.kind in (LUX, PHOTOCELL):
        cells = dict(cells)
        for cell in plan.photocells:
            if cell.source in (PHOTOCELL, reading.sensor):
                key = cell.key + "@" + reading.sensor
                before = cells.get(key)
                if reading.kind == PHOTOCELL:
                    dark = value > 0
                else:
                    # Between the two levels nothing changes; what was never seen counts as dark there.
                    dark = value < (cell.off_lux if before is None or before.says_dark else cell.on_lux)
                cells[key] = after_reading(before, dark, unix)
    return InputState(state.begun, active, cells, state.operating_hours)


def to_json(state: "InputState") -> "dict[str, object]":
    """What from_json reads, of JSON's own types."""
    return {
        "begun": state.begun,
        "active": {key: list(state.active[key]) for key in state.active},
        "cells": {key: list(state.cells[key]) for key in state.cells},
        "operating_hours": dict(state.operating_hours),
    }


def from_json(found: object, unix: float) -> "InputState":
    """The state that to_json wrote; where it is none, that of one who knows nothing (no_inputs)."""
    try:
        return _checked(found)
    except (TypeError, ValueError, LookupError, OverflowError):
        return no_inputs(unix)


def _checked(found: object) -> "InputState":
    if not isinstance(found, dict):
        raise TypeError
    active = {}
    for key in found["active"]:
        since, until = found["active"][key]
        active[key] = (_number(since), _number(until))
    cells = {}
    for key in found["cells"]:
        dark, since, other_since, seen, says_dark, turned, turns = found["cells"][key]
        other = None if other_since is None else _number(other_since)
        cells[key] = CellState(
            bool(dark), _number(since), other, _number(seen), bool(says_dark), _number(turned), int(_number(turns))
        )
    hours = {key: _number(found["operating_hours"][key]) for key in found["operating_hours"]}
    return InputState(_number(found["begun"]), active, cells, hours)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        raise ValueError
    return float(value)


def _mark(active: "dict[str, tuple[float, float]]", key: str, holds: bool, unix: float) -> None:
    """Notes whether a condition holds now. Without a further reading it is believed for BELIEVED_S."""
    before = active.get(key)
    running = before is not None and before[0] <= unix < before[1]
    if holds:
        since = before[0] if before is not None and running else unix
        active[key] = (since, unix + BELIEVED_S)
    elif before is not None and running:
        active[key] = (before[0], unix)
    # Inactive now says nothing of just before: what is not known stays unknown.


def _of_now(plan: "Plan", state: "InputState", unix: float) -> "InputState":
    """The state without what the clock makes impossible (it was set back) and what is over long ago."""
    latest = unix + BACKWARD_S
    if state.begun > latest:
        return InputState(unix, {}, {}, state.operating_hours)
    over = unix - plan.longest_hold_s - BELIEVED_S
    active = {}
    for key in state.active:
        since, until = state.active[key]
        if since <= latest and until >= over:
            active[key] = (since, until)
    cells = {}
    for key in state.cells:
        if state.cells[key].seen <= latest:
            cells[key] = state.cells[key]
    begun = state.begun
    if len(cells) < len(state.cells) or [key for key in state.active if state.active[key][0] > latest]:
        begun = unix
    return InputState(begun, active, cells, state.operating_hours)
