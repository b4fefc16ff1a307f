"""Writes the records of all parts: one transaction a cycle, each part's state together with its records."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from agent.records.journal import Journal, JournalError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

log = logging.getLogger("lichtmast")


class Recorder:
    """Collects records until `commit`. Where the disk refuses, the log says so once; the next commit tries again."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._states: list[Callable[[], Mapping[str, object]]] = []
        self._looks: list[Callable[[], None]] = []
        self._pending = False
        self._refused = False

    def add_state(self, state: Callable[[], Mapping[str, object]]) -> None:
        """Registers a part's state: `state()` gives named values of JSON's types, which each commit writes together
        with the records."""
        self._states.append(state)

    def before_commit(self, look: Callable[[], None]) -> None:
        """Registers a call before each commit: `look()` may append what only time tells."""
        self._looks.append(look)

    def append(self, kind: str, record: Mapping[str, object] | DataclassInstance) -> None:
        """Takes one record for the next commit: its body, or an object that has what the kind's row names
        (agent/records/kinds.py)."""
        self._journal.append(kind, record)
        self._pending = True

    def changed(self) -> None:
        """Takes in that a part's state is worth a commit, even without a record."""
        self._pending = True

    async def commit(self) -> bool:
        """Writes the records and states that wait. Returns False if the disk refuses; True also if nothing waits."""
        for look in self._looks:
            look()
        if not self._pending:
            return True
        self._pending = False
        state: dict[str, object] = {}
        for part_state in self._states:
            state.update(part_state())
        try:
            await self._journal.commit(state)
        except JournalError as error:
            self._pending = True
            if not self._refused:
                log.error("%s", error)
            self._refused = True
        else:
            self._refused = False
        return not self._refused
