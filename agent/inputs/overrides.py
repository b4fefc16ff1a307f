"""Overrides that an operator gave this gateway: a file in its state folder, written whole, taken up while it runs.

So they outlive a restart of the agent and of the machine. The command writes (agent/commands/override.py), the agent
reads; an override that is over is forgotten at the next write.

How long one lasts is kept by the time since the machine started, which nothing sets: a clock that was wrong when it was
given, and is set right later, neither ends nor prolongs it. After a restart of the machine there is only the wall
clock. One that is said to have been given after that restart was given by a clock that ran ahead; how long ago is then
unknown, and it is over: the program goes on, which leaves no street dark.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from agent.clock import boot_id
from agent.hardware.files import MOST_BYTES, read_plain
from agent.hardware.folder_watch import FolderWatch
from agent.interfaces import Clock
from agent.records.alarms import EventLog
from agent.schedule.override import Override, from_json, kept

FILE = "overrides.json"
FORMAT = 1
MOST = 1000
"""More than any street needs; what a file may hold at most."""
LOOKS_EVERY_S = 10.0
"""Where the kernel does not tell of a new file, and while the file cannot be read: a control cycle."""
LOOKS_ALL_THE_SAME_S = 60.0
FIRST_LOOK_WITHIN_S = 2.0
"""A disk that hangs must not keep the lamps waiting."""
JUMP_S = 1.0
"""A wall clock that moves so far against the monotonic one was set."""
MOST_S = 1e11
TOLERANCE_S = 60.0
"""So far the wall clock may have gone wrong over a restart of the machine."""


class OverridesUnreadable(ValueError):
    """The file is no list of overrides; the text says what is wrong with it."""


class Given(NamedTuple):
    """An override as it was given: in this start of the machine ("": not known), at this wall and monotonic time."""

    override: Override
    boot: str = ""
    wall: float = 0.0
    monotonic: float = 0.0

    def at(self, boot: str, wall: float, monotonic: float) -> Override | None:
        """The override by the wall clock as it is now, in this start of the machine; None: it is over."""
        if not self.boot:
            return self.override
        if self.boot != boot:
            return self.override if self.wall <= wall - monotonic + TOLERANCE_S else None
        jump_s = (wall - monotonic) - (self.wall - self.monotonic)
        return self.override.moved(jump_s) if abs(jump_s) >= JUMP_S else self.override

    def as_json(self) -> dict[str, object]:
        stamp = {"boot": self.boot, "wall": self.wall, "monotonic": self.monotonic}
        return {**self.override.as_json(), "given": stamp}


def read(state: Path) -> tuple[Given, ...]:
    """The overrides in this state folder, in the order in which they were given. Raises OverridesUnreadable."""
    path = state / FILE
    try:
        content = json.loads(read_plain(path))
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except (OSError, ValueError, RecursionError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise OverridesUnreadable(f"{path} cannot be read ({reason}): give the override again") from error
    try:
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ValueError(f'it is not of "format": {FORMAT}')
        found = content.get("overrides")
        if not isinstance(found, list) or len(found) > MOST:
            raise ValueError(f'its "overrides" are a list of at most {MOST}')
        return tuple(_given(each) for each in found)
    except ValueError as error:
        raise OverridesUnreadable(f"{path} holds no overrides ({error}): give the override again") from error


def _given(found: object) -> Given:
    override = from_json(found)
    stamp = found.get("given") if isinstance(found, dict) else None
    if stamp is None:  # of an older version
        return Given(override)
    try:
        boot, wall, monotonic = stamp["boot"], stamp["wall"], stamp["monotonic"]
        if not isinstance(boot, str) or not (0 <= wall <= MOST_S and 0 <= monotonic <= MOST_S):
            raise TypeError
        return Given(override, boot, float(wall), float(monotonic))
    except (TypeError, KeyError):
        raise ValueError('its "given" is a boot, a wall time and a monotonic time') from None


def by_the_clock(given: Sequence[Given], clock: Clock) -> tuple[Override, ...]:
    """The overrides by the wall clock as it is now."""
    boot, wall, monotonic = boot_id(), clock.wall(), clock.monotonic()
    found = (each.at(boot, wall, monotonic) for each in given)
    return tuple(each for each in found if each is not None)


def give(state: Path, override: Override, clock: Clock) -> tuple[Given, ...]:
    """Adds an override to those of this state folder, and leaves out what is over; returns all. Raises OSError where
    it cannot be written. A file that cannot be read is replaced."""
    state.mkdir(parents=True, exist_ok=True)
    with _locked(state):
        try:
            before = read(state)
        except OverridesUnreadable:
            before = ()
        boot, wall, monotonic = boot_id(), clock.wall(), clock.monotonic()
        all_given = [(each.at(boot, wall, monotonic), each) for each in before]
        all_given.append((override, Given(override, boot, wall, monotonic)))
        counts = kept(tuple(each for each, _ in all_given if each is not None), wall)
        left = [given for each, given in all_given if any(each is one for one in counts)][-MOST:]
        write(state, left)
    return tuple(left)


def write(state: Path, given: list[Given]) -> None:
    """Puts these overrides in place of those in this state folder, the oldest left out where the file would be too
    large. Raises OSError where it cannot be written."""
    while True:
        content = json.dumps({"format": FORMAT, "overrides": [each.as_json() for each in given]}).encode()
        if len(content) <= MOST_BYTES or len(given) == 1:
            break
        del given[0]
    fresh = (state / FILE).with_suffix(".new")
    fresh.unlink(missing_ok=True)  # a crash or a user may have left anything there, even a pipe
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(state / FILE)


@contextmanager
def _locked(state: Path) -> Iterator[None]:
    """Two commands at once must not each forget the other's override."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(state / f"{FILE}.lock", flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class Overrides:
    """What of the file the running agent goes by. A file that cannot be read changes nothing, and is an event.

    The file is read in a thread. `changed` is called when there are others than before.
    """

    def __init__(self, state: Path, events: EventLog, clock: Clock, changed: Callable[[], None]) -> None:
        self._state = state
        self._events = events
        self._clock = clock
        self._changed = changed
        self._given: tuple[Given, ...] = ()
        self._current: tuple[Override, ...] = ()
        self._ahead_s = 0.0
        self._seen: tuple[int, ...] | None = None
        self._news = asyncio.Event()

    @property
    def current(self) -> tuple[Override, ...]:
        """The overrides, by the wall clock as it is now."""
        if self._given and abs(self._clock.wall() - self._clock.monotonic() - self._ahead_s) >= JUMP_S:
            self._work_out()
        return self._current

    async def run(self) -> None:
        """Takes up what is given, for ever."""
        watch = FolderWatch(self._state, FILE, self._news.set)
        try:
            while True:
                self._news.clear()
                pause_s = LOOKS_ALL_THE_SAME_S if await self.look(watch) else LOOKS_EVERY_S
                with contextlib.suppress(TimeoutError):
                    await self._clock.wait_for(self._news.wait(), pause_s)
        finally:
            watch.close()

    async def first_look(self) -> None:
        """Takes up what was given before, before the lamps are told anything; unless the disk takes its time."""
        with contextlib.suppress(TimeoutError):
            await self._clock.wait_for(self.look(), FIRST_LOOK_WITHIN_S)

    async def look(self, watch: FolderWatch | None = None) -> bool:
        """Reads the file where it is another one than before. Returns whether it can be read, and `watch` tells of the
        next one."""
        try:
            watching, found = await asyncio.to_thread(self._read_another, watch)
        except OverridesUnreadable as error:
            self._seen = None  # permissions and disks are mended without a change of the file
            self._events.begin("overrideUnreadable", "gateway", f"{error}; until then nothing changes")
            return False
        self._events.end("overrideUnreadable", "gateway", "the overrides can be read again")
        if found is not None:
            self._seen, self._given = found
            before = self._current
            self._work_out()
            if self._current != before:
                self._changed()
        return watching

    def _work_out(self) -> None:
        self._ahead_s = self._clock.wall() - self._clock.monotonic()
        self._current = by_the_clock(self._given, self._clock)

    def _read_another(self, watch: FolderWatch | None) -> tuple[bool, tuple[tuple[int, ...], tuple[Given, ...]] | None]:
        """In a thread: whether the folder is watched; and the file's stamp and content, None where it is the one that
        was read last."""
        watching = watch is not None and watch.set_up()  # before the look: between them nothing can be missed
        stamp = self._stamp()
        return watching, None if stamp == self._seen else (stamp, read(self._state))

    def _stamp(self) -> tuple[int, ...]:
        try:
            found = (self._state / FILE).stat()
        except OSError:
            return ()
        return found.st_mtime_ns, found.st_size, found.st_ino
