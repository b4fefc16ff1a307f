"""The gateway's input state: the sensors' readings, as far as rules need them. It is kept in memory and in a folder
that a restart of the machine empties (/run), never in the journal, and never sent: the record must not say who passed a
lamp.

Lost state counts as unknown; the lamp is then lit.
"""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Callable
from pathlib import Path

from agent.hardware.files import read_plain
from agent.interfaces import Clock
from agent.schedule.cells import CellState, settles_at
from agent.schedule.inputs import REPEATS_S, InputState, Reading, from_json, no_inputs, observe, to_json
from agent.schedule.plan import Plan
from agent.schedule.program import PRESENCE

log = logging.getLogger("lichtmast")

FOLDER = Path("/run/lichtmast")
"""The folder that is used if it exists and the service names no other."""
JUMP_S = 1.0
"""A wall clock that moves this far against the monotonic one was set."""


def runtime_folder(asked: Path | None = None) -> Path | None:
    """Returns the folder that was asked for, else the service's ($RUNTIME_DIRECTORY), else FOLDER if it exists. None:
    memory only."""
    if asked is not None:
        return asked
    named = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    if named:
        return Path(named)
    return FOLDER if FOLDER.is_dir() else None


class Inputs:
    """The input state of one gateway. If `folder` is None, it is kept in memory only."""

    def __init__(self, plan: Plan, folder: Path | None, gateway: str, clock: Clock) -> None:
        self._plan = plan
        self._clock = clock
        self._holds = {(dynamic.hold_s, f"{dynamic.key}@") for program in plan.programs for dynamic in program.dynamics}
        self._holds |= {(path.hold_s, f"{PRESENCE}@") for path in plan.paths}
        self._path = None if folder is None else folder / f"{gateway}.inputs.json"
        self._refused = False
        self._ahead_s = self._wall_ahead_s()
        self._state = self._load()
        self._listeners: list[Callable[[], None]] = []

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Has `listener` called from now on: after each reading, and when lamps may have new targets for another
        reason."""
        self._listeners.append(listener)

    def tell_listeners(self) -> None:
        """Tells every listener that lamps may have new targets: a sensor or an override can change those on any bus."""
        for listener in self._listeners:
            listener()

    @property
    def state(self) -> InputState:
        """The state at this moment."""
        self._follow_clock()
        return self._state

    def observe(self, reading: Reading) -> None:
        """Takes in a reading, and tells the listeners."""
        self._state = observe(self._plan, self.state, reading, self._clock.wall())
        self._save()
        self.tell_listeners()

    def until_next_end_s(self) -> float | None:
        """Returns in how many seconds the inputs next change by themselves: an input and its hold end, or an input that
        does not count yet begins to count. None: no input will change."""
        now, state = self._clock.wall(), self.state
        # Until these times it is unknown whether an input of before this state still counts.
        ends = {state.begun + max(hold_s, REPEATS_S) for hold_s, _ in self._holds}
        for key, (_, until) in state.active.items():
            ends |= {until + hold_s for hold_s, source in self._holds if key.startswith(source)}
        ends |= {settles for settles in map(settles_at, state.cells.values()) if settles is not None}
        return min((end - now for end in ends if end > now), default=None)

    def _wall_ahead_s(self) -> float:
        return self._clock.wall() - self._clock.monotonic()

    def _follow_clock(self) -> None:
        """Moves all times with a wall clock that was set: a reading of 20 s ago stays one of 20 s ago."""
        ahead_s = self._wall_ahead_s()
        jump_s = ahead_s - self._ahead_s
        if abs(jump_s) >= JUMP_S:
            self._ahead_s = ahead_s
            self._state = _moved(self._state, jump_s)

    def _load(self) -> InputState:
        now = self._clock.wall()
        if self._path is None:
            return no_inputs(now)
        try:
            found = json.loads(read_plain(self._path))
        except FileNotFoundError:
            return no_inputs(now)
        except (OSError, ValueError, RecursionError) as error:
            log.warning("the sensors' state in %s cannot be read (%s): the lamps are lit in doubt", self._path, error)
            return no_inputs(now)
        if not isinstance(found, dict):
            return no_inputs(now)
        state = from_json(found, now)
        if self._clock.valid() and found.get("believed") is True:
            return state
        # Times of a clock that cannot be believed mean nothing. But the folder is of this start of the machine, so the
        # distances in monotonic time still hold.
        ahead_s = found.get("ahead_s")
        if isinstance(ahead_s, bool) or not isinstance(ahead_s, (int, float)) or not math.isfinite(ahead_s):
            return no_inputs(now)
        return _moved(state, self._ahead_s - ahead_s)

    def _save(self) -> None:
        """Writes the state whole, so that a crash leaves the old one or the new one. The folder is in memory, so it
        needs no sync."""
        if self._path is None:
            return
        content = {"believed": self._clock.valid(), "ahead_s": self._ahead_s, **to_json(self._state)}
        fresh = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh.unlink(missing_ok=True)  # anything may stand there, even a pipe
            fresh.touch(0o600)
            fresh.write_text(json.dumps(content), encoding="utf-8")
            fresh.replace(self._path)
        except OSError as error:
            if not self._refused:
                log.error("the sensors' state cannot be kept in %s: %s", self._path.parent, error)
            self._refused = True
        else:
            self._refused = False


def _moved(state: InputState, seconds: float) -> InputState:
    active = {key: (since + seconds, until + seconds) for key, (since, until) in state.active.items()}
    cells = {key: _moved_cell(cell, seconds) for key, cell in state.cells.items()}
    return InputState(state.begun + seconds, active, cells, state.operating_hours)


def _moved_cell(cell: CellState, seconds: float) -> CellState:
    other = None if cell.other_since is None else cell.other_since + seconds
    return CellState(
        cell.dark,
        cell.since + seconds,
        other,
        cell.seen + seconds,
        cell.says_dark,
        cell.turned + seconds,
        cell.turns,
    )
