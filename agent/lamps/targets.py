"""Works out the present target of each luminaire from plan, sensors and overrides; if that fails, the safe level."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agent.inputs.input_state import Inputs
from agent.inputs.overrides import Overrides
from agent.interfaces import Almanac, Clock
from agent.records.alarms import EventLog
from agent.schedule.conditions import CLOCK_UNKNOWN, CONDITIONS, UNKNOWN_LUMINAIRE
from agent.schedule.evaluate import Change
from agent.schedule.night import night_of
from agent.schedule.photocells import FLICKERS, flickering
from agent.schedule.place import Place
from agent.schedule.plan import Plan
from agent.schedule.target import SENSOR, target_of

log = logging.getLogger("lichtmast")

SAFE = "safe"
"""The reason of the safe level: the clock is unknown, the plan has failed, or it does not know the lamp."""


class LampTarget(NamedTuple):
    """The light that a lamp should give, in percent (0-100), the fade in seconds that leads to it, and the reason for
    it (agent/schedule/target.py, or SAFE).

    `ready_fade_s` is the fade in seconds to leave in the gear afterwards, so that a sensor's next rise takes one frame,
    the level; None: no sensor raises this luminaire tonight.
    """

    percent: float
    fade_s: float
    ready_fade_s: float | None = None
    reason: str = SAFE


class Tonight(NamedTuple):
    """The program that a luminaire follows now, and the next change of its level (None: none by the next noon but
    one)."""

    program: str
    change: Change | None


class Targets:
    """Asks the schedule for the target of every luminaire of the gateway. If that fails, the lamp is lit."""

    def __init__(
        self,
        names: Sequence[str],
        plan: Plan,
        almanac: Almanac,
        place: tuple[float, float],
        clock: Clock,
        events: EventLog,
        inputs: Inputs,
        overrides: Overrides,
    ) -> None:
        self._names = names
        self._plan = plan
        self._place = Place(almanac, *place)
        self._safe = LampTarget(plan.safe_percent, 0.0)
        self._clock = clock
        self._events = events
        self._inputs = inputs
        self._overrides = overrides
        self._conditions: set[tuple[str, str]] = set()
        self._twins = _twins(plan, names)

    def now(self) -> Mapping[str, LampTarget]:
        """Returns the target of each luminaire, by name, at this moment."""
        unix, valid = self._clock.wall(), self._clock.valid()
        overrides = self._overrides.current
        if overrides != self._plan.overrides:
            self._plan = self._plan.with_overrides(overrides)
            self._twins = _twins(self._plan, self._names)
        # Constant light output follows each lamp's own hours, so two lamps may differ.
        twins = {} if self._inputs.state.operating_hours else self._twins
        conditions: set[tuple[str, str]] = set()
        targets: dict[str, LampTarget] = {}
        failure = ""
        for name in self._names:
            if name in twins:
                targets[name] = targets[twins[name]]
                continue
            try:
                targets[name] = self._target(name, unix, valid, conditions)
            except Exception as error:
                # No fault in a plan may darken a street.
                log.debug("the plan of %s failed", name, exc_info=True)
                targets[name] = self._safe
                failure = failure or f"the program of {name} failed ({error}): the lamp burns at the safe level"
        conditions |= {(FLICKERS, sensor) for sensor in flickering(self._inputs.state, unix)}
        self._tell(conditions)
        if failure:
            self._events.begin("invalidProgram", "gateway", failure)
        else:
            self._events.end("invalidProgram", "gateway", "every program works again")
        return targets

    def _target(self, name: str, unix: float, valid: bool, conditions: set[tuple[str, str]]) -> LampTarget:
        plan = self._plan
        target = target_of(plan, name, self._place, self._inputs.state, unix, valid)
        for condition in target.conditions:
            conditions.add((condition, name if condition == UNKNOWN_LUMINAIRE else "gateway"))
        if CLOCK_UNKNOWN in target.conditions or UNKNOWN_LUMINAIRE in target.conditions:
            by_cell = target.percent != plan.safe_percent  # without a clock, only a photocell makes a lamp dark
            return LampTarget(target.percent, target.fade_s, reason=SENSOR if by_cell else SAFE)
        return LampTarget(target.percent, target.fade_s, self._ready_fade_s(plan, name, unix), target.reason)

    def tonight(self, name: str) -> Tonight | None:
        """Returns the program of this luminaire and its next change of level; None: the plan or the clock does not
        say. Sensors and overrides may change the level before."""
        unix = self._clock.wall()
        planned = self._plan.luminaires.get(name)
        if planned is None or not self._clock.valid():
            return None
        night = night_of(self._place, planned.calendar, self._plan.floor, unix)
        following = night_of(self._place, planned.calendar, self._plan.floor, night.end)
        held = night.change_at(unix).percent
        for change in (*night.changes, *following.changes):
            if change.unix > unix and change.percent != held:
                return Tonight(night.program.name, change)
        return Tonight(night.program.name, None)

    def _ready_fade_s(self, plan: Plan, name: str, unix: float) -> float | None:
        """Returns the fade (s) by which a sensor would raise this luminaire tonight: its path's, else its program's."""
        planned = plan.luminaires[name]
        for _, path in planned.listens:
            return path.ramp_up_s
        for dynamic in night_of(self._place, planned.calendar, plan.floor, unix).program.dynamics:
            return dynamic.ramp_up_s
        return None

    def _tell(self, conditions: set[tuple[str, str]]) -> None:
        """Makes an event of each condition that has begun, and of each that is over."""
        for name, subject in sorted(conditions - self._conditions):
            self._events.begin(name, subject, CONDITIONS[name])
        for name, subject in sorted(self._conditions - conditions):
            self._events.end(name, subject, f"no longer: {CONDITIONS[name]}")
        self._conditions = conditions


def _twins(plan: Plan, names: Sequence[str]) -> dict[str, str]:
    """Returns, for each luminaire that always has the target of an earlier one, the name of that earlier one. Most of a
    street is alike, and targets are worked out every few seconds, so this saves work. If sensors or overrides single
    luminaires out, there are no twins."""
    twins: dict[str, str] = {}
    originals: list[str] = []
    for name in names:
        planned = plan.luminaires.get(name)
        if planned is None or plan.dynamics or plan.overrides or planned.listens:
            continue
        for original in originals:
            other = plan.luminaires[original]
            if (other.calendar, other.groups, other.output) == (planned.calendar, planned.groups, planned.output):
                twins[name] = original
                break
        else:
            originals.append(name)
    return twins
