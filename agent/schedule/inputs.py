"""The input state: the little that rules need to know of the past (active sources, photocells, operating hours).

It is kept in memory and under /run, and never sent. An unknown past counts as the case in which the lamp is lit.
"""

from collections import namedtuple

from agent.schedule.cells import BELIEVED_S, CellState, after_reading
from agent.schedule.program import LUX, PHOTOCELL, PRESENCE, TRAFFIC

TYPE_CHECKING = False

if TYPE_CHECKING:
    from agent.schedule.plan import Plan

# Seconds by which a clock may be set back before earlier inputs count as lying in the future.
BACKWARD_S = 60.0

# Seconds within which an active source says so again. Until then, a source with a lost past may be active.
REPEATS_S = 60.0

# The kind of a reading that gives a luminaire's operating hours.
OPERATING_HOURS = "operating_hours"
KINDS = (PRESENCE, TRAFFIC, LUX, PHOTOCELL, OPERATING_HOURS)


class Reading(namedtuple("Reading", ("sensor", "kind", "value", "where"))):
    """A reading of a sensor. `where` is the luminaire or group that it watches, or "" for the whole gateway.

    The kind says what the value means. "presence": 1 for people there, 0 for none (a sensor that only pulses sends 1
    and at once 0). "traffic": a count. "lux": illuminance in lux. "photocell": 1 for dark, 0 for light.
    "operating_hours": the hours of the lamp of the luminaire `where`.
    """

    sensor: str
    kind: str
    value: float
    where: str


class InputState(namedtuple("InputState", ("begun", "active", "cells", "operating_hours"))):
    """The input state; it never changes, and a reading makes a new one. Times are Unix seconds.

    `begun` is the time since which the past is known. `active` has, by input key, the (since, until) of the last
    activity, without the hold. `cells` has the CellState by the photocell's key, "@" and the sensor's name.
    `operating_hours` has the hours by luminaire.
    """

    begun: float
    active: "dict[str, tuple[float, float]]"
    cells: "dict[str, CellState]"
    operating_hours: "dict[str, float]"


def no_inputs(unix: float) -> "InputState":
    """Returns the state in which nothing is known of the time before `unix`."""
    return InputState(unix, {}, {}, {})


def observe(plan: "Plan", state: "InputState", reading: "Reading", unix: float) -> "InputState":
    """Returns the state after a reading at `unix` (Unix seconds). A reading of NaN or of an unknown kind changes
    nothing."""
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
        # Paths need every presence, even if no program asks for it.
        _note(active, PRESENCE + "@" + reading.where, value > 0, unix)
    for dynamic in plan.dynamics:
        if dynamic.source in (reading.kind, reading.sensor) and dynamic.key != PRESENCE:
            _note(active, dynamic.key + "@" + reading.where, dynamic.holds(value), unix)
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
                    # Between the two levels nothing changes; a photocell that was never seen counts as dark there.
                    dark = value < (cell.off_lux if before is None or before.says_dark else cell.on_lux)
                cells[key] = after_reading(before, dark, unix)
    return InputState(state.begun, active, cells, state.operating_hours)


def to_json(state: "InputState") -> "dict[str, object]":
    """Returns the state in JSON's own types, for from_json."""
    return {
        "begun": state.begun,
        "active": {key: list(state.active[key]) for key in state.active},
        "cells": {key: list(state.cells[key]) for key in state.cells},
        "operating_hours": dict(state.operating_hours),
    }


def from_json(found: object, unix: float) -> "InputState":
    """Returns the state that to_json wrote. If `found` is no such state, returns the state in which nothing is known of
    the time before `unix`."""
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


def _note(active: "dict[str, tuple[float, float]]", key: str, holds: bool, unix: float) -> None:
    """Notes whether a condition holds now. Without a further reading, it counts as holding for BELIEVED_S."""
    before = active.get(key)
    running = before is not None and before[0] <= unix < before[1]
    if holds:
        since = before[0] if before is not None and running else unix
        active[key] = (since, unix + BELIEVED_S)
    elif before is not None and running:
        active[key] = (before[0], unix)
    # If nothing is known of a source, being inactive now tells nothing of the moment before: it stays unknown.


def _of_now(plan: "Plan", state: "InputState", unix: float) -> "InputState":
    """Returns the state without inputs that lie in the future (the clock was set back) or were over long ago."""
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
