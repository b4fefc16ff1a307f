"""Overrides that an operator gave this gateway: a file in its state folder, written whole, taken up while it runs.

So they outlive a restart of the agent and of the machine. The command writes (agent/commands/override.py), the agent
reads; an override that is over is forgotten at the next write.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.events import EventLog
from agent.schedule.override import Override, from_json, kept

FILE = "overrides.json"
FORMAT = 1
MOST = 1000
"""More than any street needs; what a file may hold at most."""


class OverridesUnreadable(ValueError):
    """The file is no list of overrides; the text says what is wrong with it."""


def read(state: Path) -> tuple[Override, ...]:
    """The overrides in this state folder, in the order in which they were given. Raises OverridesUnreadable."""
    path = state / FILE
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, RecursionError) as error:
        raise OverridesUnreadable(f"{path} cannot be read ({error}): give the override again") from error
    try:
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ValueError(f'it is not of "format": {FORMAT}')
        found = content.get("overrides")
        if not isinstance(found, list) or len(found) > MOST:
            raise ValueError(f'its "overrides" are a list of at most {MOST}')
        return tuple(from_json(each) for each in found)
    except ValueError as error:
        raise OverridesUnreadable(f"{path} holds no overrides ({error}): give the override again") from error


def give(state: Path, override: Override, now: float) -> tuple[Override, ...]:
    """Adds an override to those of this state folder, and leaves out what is over; returns all. Raises OSError where
    it cannot be written. A file that cannot be read is replaced."""
    state.mkdir(parents=True, exist_ok=True)
    with _locked(state):
        try:
            before = read(state)
        except OverridesUnreadable:
            before = ()
        overrides = kept((*before, override), now)[-MOST:]
        content = {"format": FORMAT, "overrides": [each.as_json() for each in overrides]}
        fresh = (state / FILE).with_suffix(".new")
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(state / FILE)
    return overrides


@contextmanager
def _locked(state: Path) -> Iterator[None]:
    """Two commands at once must not each forget the other's override."""
    with (state / f"{FILE}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Overrides:
    """What of the file the running agent goes by. A file that cannot be read changes nothing, and is an event."""

    def __init__(self, state: Path, events: EventLog) -> None:
        self.current: tuple[Override, ...] = ()
        self._state = state
        self._events = events
        self._seen: tuple[int, ...] | None = None

    def take_up(self) -> tuple[Override, ...]:
        """The overrides, read again where the file is another one than before."""
        seen = self._stamp()
        if seen == self._seen:
            return self.current
        self._seen = seen
        try:
            self.current = read(self._state)
        except OverridesUnreadable as error:
            self._seen = None  # permissions and disks are mended without a change of the file
            self._events.begin("overrideUnreadable", "gateway", f"{error}; until then nothing changes")
        else:
            self._events.end("overrideUnreadable", "gateway", "the overrides can be read again")
        return self.current

    def _stamp(self) -> tuple[int, ...]:
        try:
            found = (self._state / FILE).stat()
        except OSError:
            return ()
        return found.st_mtime_ns, found.st_size, found.st_ino
