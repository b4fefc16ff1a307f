"""The state of a luminaire's ledger that the journal keeps over a restart: to JSON and back, each value checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from agent.savings.energy_curve import Knot
from agent.savings.intervals import QUARTER_S
from agent.savings.level_history import AvailabilityStep, LevelStep
from agent.savings.register import Stand
from agent.savings.standing import Base

STATE_VERSION = 1


class StateUnreadable(ValueError):
    """A stored ledger state is damaged or of another version. The caller starts a new ledger for the luminaire."""


@dataclass(frozen=True)
class LedgerState:
    """The state from which a new process goes on. Its first knot is on record. `register_sum_wh` is the growing sum at
    the reading `believed`. `full_power` holds the sums of FullPower, and `most_w` is that of Register."""

    open_start: int | None
    knots: list[Knot]
    believed: Stand | None
    register_sum_wh: float
    reading_times: list[float]
    levels: list[LevelStep]
    availability: list[AvailabilityStep]
    full_power: tuple[float, float, float]
    most_w: float
    bases: list[Base]

    def to_json(self) -> dict[str, object]:
        """Returns the state in JSON's own types; as JSON it has a few hundred bytes."""
        register = None if self.believed is None else [*self.believed, self.register_sum_wh]
        return {
            "version": STATE_VERSION,
            "open_start": self.open_start,
            "knots": [[knot.at, knot.sum_wh, knot.metered] for knot in self.knots],
            "register": register,
            "reading_times": self.reading_times,
            "levels": [[step.at, step.start_level, step.level, step.fade_s] for step in self.levels],
            "availability": [[step.at, step.available, step.power_w] for step in self.availability],
            "full_power": list(self.full_power),
            "most_w": self.most_w,
            "bases": [list(base) for base in self.bases],
        }


def from_json(state: Mapping[str, Any]) -> LedgerState:
    """Returns the state that `to_json` wrote. Raises KeyError, TypeError, ValueError or OverflowError for anything
    else."""
    if state["version"] != STATE_VERSION:
        raise ValueError(f"version {state['version']}")
    open_start = None if state["open_start"] is None else int(state["open_start"])
    knots = [
        Knot(float(at), float(sum_wh), bool(metered), reported=number == 0)
        for number, (at, sum_wh, metered) in enumerate(state["knots"])
    ]
    believed, register_sum_wh = None, 0.0
    if state["register"] is not None:
        at, energy_wh, register_sum_wh = (float(number) for number in state["register"])
        believed = Stand(at, energy_wh)
    full_energy_wh, full_seconds, full_resolution_wh = state["full_power"]
    parsed = LedgerState(
        open_start=open_start,
        knots=knots,
        believed=believed,
        register_sum_wh=register_sum_wh,
        reading_times=[float(at) for at in state["reading_times"]],
        levels=level_steps(state["levels"]),
        availability=[
            AvailabilityStep(float(at), bool(available), None if power_w is None else float(power_w))
            for at, available, power_w in state["availability"]
        ],
        full_power=(float(full_energy_wh), float(full_seconds), float(full_resolution_wh)),
        most_w=float(state.get("most_w", 0.0)),
        bases=_bases(state, open_start, knots),
    )
    times = [knot.at for knot in parsed.knots]
    if any(at != sorted(at) or not all(map(isfinite, at)) for at in (times, parsed.reading_times)):
        raise ValueError("times out of order")
    return parsed


def level_steps(steps: Any) -> list[LevelStep]:
    """Returns the level steps of a stored ledger, or of the separate store of its levels. Raises ValueError, TypeError
    or OverflowError for anything else."""
    levels = [
        LevelStep(float(at), float(start_level), int(level), float(fade_s)) for at, start_level, level, fade_s in steps
    ]
    if not all(isfinite(step.at) for step in levels) or levels != sorted(levels, key=lambda step: step.at):
        raise ValueError("level steps out of order")
    return levels


def _bases(state: Mapping[str, Any], open_start: int | None, knots: list[Knot]) -> list[Base]:
    """Returns the bases of a stored ledger. A state of an older version has none: its base is the start of the open
    quarter."""
    if open_start is None:
        if knots:
            raise ValueError("the open quarter has no sum")
        return []
    if not knots or not abs(open_start - knots[0].at) < QUARTER_S:
        raise ValueError("the open quarter has no sum")
    stored = state.get("bases", [[open_start, knots[0].sum_wh]])
    bases = [Base(float(at), float(sum_wh)) for at, sum_wh in stored]
    if not bases or not all(isfinite(base.at) for base in bases):
        raise ValueError("what stands for good has no sum")
    return bases
