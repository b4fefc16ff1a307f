"""Events: what went wrong and when it was over, each said once. Names follow TALQ 2.7.1 where it has one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

log = logging.getLogger("lichtmast")


class EventLog:
    """Turns conditions into event records: one when a condition begins, one when it ends, none while it lasts.

    `append` takes the record's kind and body (agent/journal.py). What the operator reads is the log line beside it.
    """

    def __init__(self, append: Callable[[str, Mapping[str, object]], None], wall: Callable[[], float]) -> None:
        self._append = append
        self._wall = wall
        self._active: set[tuple[str, str]] = set()

    def begin(self, name: str, subject: str, text: str) -> None:
        """The condition holds from now on (again a call while it holds changes nothing)."""
        if (name, subject) not in self._active:
            self._active.add((name, subject))
            self._record(name, subject, text, active=True)

    def end(self, name: str, subject: str, text: str) -> None:
        """The condition is over (a call while it does not hold changes nothing)."""
        if (name, subject) in self._active:
            self._active.discard((name, subject))
            self._record(name, subject, text, active=False)

    def note(self, name: str, subject: str, text: str) -> None:
        """Something happened that has no end."""
        self._record(name, subject, text, active=True)

    def holds(self, name: str, subject: str) -> bool:
        """Whether this condition has begun and not ended."""
        return (name, subject) in self._active

    def _record(self, name: str, subject: str, text: str, *, active: bool) -> None:
        (log.warning if active else log.info)("%s: %s", subject, text)
        self._append("event", {"at": self._wall(), "name": name, "subject": subject, "active": active, "text": text})
