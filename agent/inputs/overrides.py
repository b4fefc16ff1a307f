"""Overrides that an operator gave this gateway. They are kept in a file in its state folder.

So they outlive a restart of the agent and of the machine. The command (agent/commands/override.py) writes the file
whole, and the running agent reads it; an override that is over is left out at the next write.

An override lasts by the time since the machine started, which nothing sets. If the wall clock was wrong when the
override was given, and is set right later, that neither ends nor prolongs it. After a restart of the machine there is
only the wall clock. If an override bears a time after that restart, a clock that ran ahead gave it, and its age is
unknown. Such an override is over: the program goes on, which leaves no street dark.
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
"""The most overrides that a file may hold; no street needs so many."""
LOOKS_EVERY_S = 10.0
"""The pause between looks, one control cycle, while the kernel does not tell of new files or the file cannot be
read."""
LOOKS_ALL_THE_SAME_S = 60.0
"""The pause between looks while the kernel tells of new files."""
FIRST_LOOK_WITHIN_S = 2.0
"""The first look ends after this time: a disk that hangs must not keep the lamps waiting."""
JUMP_S = 1.0
"""A wall clock that moves this far against the monotonic one was set."""
MOST_S = 1e11
TOLERANCE_S = 60.0
"""The wall clock may be wrong by this much after a restart of the machine."""


class OverridesUnreadable(ValueError):
    """Raised for a file that holds no list of overrides. The text says why, and what to do."""


class Given(NamedTuple):
    """An override, the start of the machine in which it was given ("": unknown), and the wall and monotonic time
    then."""

    override: Override
    boot: str = ""
    wall: float = 0.0
    monotonic: float = 0.0

    def at(self, boot: str, wall: float, monotonic: float) -> Override | None:
        """Returns the override with its times by the present wall clock; None if it is over. `boot`, `wall` and
        `monotonic` are the present ones."""
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
    """Returns the overrides of this state folder in the order in which they were given. Raises OverridesUnreadable."""
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
    if stamp is None:  # an older version wrote it
        return Given(override)
    try:
        boot, wall, monotonic = stamp["boot"], stamp["wall"], stamp["monotonic"]
        if not isinstance(boot, str) or not (0 <= wall <= MOST_S and 0 <= monotonic <= MOST_S):
            raise TypeError
        return Given(override, boot, float(wall), float(monotonic))
    except (TypeError, KeyError):
        raise ValueError('its "given" is a boot, a wall time and a monotonic time') from None


def in_force(given: Sequence[Given], clock: Clock) -> tuple[Override, ...]:
    """Returns those overrides that are not over, with their times by the present wall clock."""
    boot, wall, monotonic = boot_id(), clock.wall(), clock.monotonic()
    found = (each.at(boot, wall, monotonic) for each in given)
    return tuple(each for each in found if each is not None)


def give(state: Path, override: Override, clock: Clock) -> tuple[Given, ...]:
    """Adds an override to those of this state folder, and leaves out those that are over. Returns all that are left. A
    file that cannot be read is replaced. Raises OSError if the file cannot be written."""
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
    """Replaces the overrides of this state folder. Leaves out the oldest ones if the file would be too large. Raises
    OSError if the file cannot be written."""
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
    """Locks the file of overrides, so that of two commands at once neither loses the other's override."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(state / f"{FILE}.lock", flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class Overrides:
    """The overrides that the running agent obeys. A file that cannot be read changes nothing, and is an event.

    The file is read in a thread. `changed` is called when the overrides differ from those before.
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
        """The overrides that are not over, with their times by the present wall clock."""
        if self._given and abs(self._clock.wall() - self._clock.monotonic() - self._ahead_s) >= JUMP_S:
            self._work_out()
        return self._current

    async def run(self) -> None:
        """Takes up each new override, for ever."""
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
        """Takes up the overrides of before this start, so that the lamps' first levels obey them. Gives up after 2
        s."""
        with contextlib.suppress(TimeoutError):
            await self._clock.wait_for(self.look(), FIRST_LOOK_WITHIN_S)

    async def look(self, watch: FolderWatch | None = None) -> bool:
        """Reads the file if it has changed. Returns whether `watch` will tell of the next change; False also if the
        file cannot be read."""
        try:
            watching, found = await asyncio.to_thread(self._read_another, watch)
        except OverridesUnreadable as error:
            self._seen = None  # so it is read again: permissions and disks are mended without a change of the file
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
        self._current = in_force(self._given, self._clock)

    def _read_another(self, watch: FolderWatch | None) -> tuple[bool, tuple[tuple[int, ...], tuple[Given, ...]] | None]:
        """Returns whether the folder is watched, and the file's stamp and content (None: unchanged since it was last
        read). Waits for the disk, so it runs in a thread."""
        watching = watch is not None and watch.set_up()  # before the look, so that no change between the two is missed
        stamp = self._stamp()
        return watching, None if stamp == self._seen else (stamp, read(self._state))

    def _stamp(self) -> tuple[int, ...]:
        try:
            found = (self._state / FILE).stat()
        except OSError:
            return ()
        return found.st_mtime_ns, found.st_size, found.st_ino
