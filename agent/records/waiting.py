"""Keeps in memory, for the journal's next commit, records, named values and the counts of records that were given
up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agent.records.journal_file import Entry
from agent.records.kinds import gives_way

BUFFER_BYTES = 2_000_000
"""While the file cannot be written (disk full), this much waits in memory; then the oldest is given up."""


class Waiting:
    """Records are added one by one and gathered into a commit, which takes those that earlier commits failed to write
    as well."""

    def __init__(self) -> None:
        self._added: list[Entry] = []  # not yet part of a commit
        self._gathered: list[Entry] = []  # part of a commit that is under way or has failed
        self._state: dict[str, str] = {}
        self._dropped: dict[str, int] = {}
        self._bytes = 0

    @property
    def entries(self) -> list[Entry]:
        """The records of the next write, in order."""
        return list(self._gathered)

    def add(self, entry: Entry) -> None:
        """Keeps a record for the next commit."""
        self._added.append(entry)
        self._bytes += len(entry.body)

    def add_to_commit(self, entry: Entry) -> None:
        """Keeps a record for the commit that is under way."""
        self._gathered.append(entry)
        self._bytes += len(entry.body)

    def gather(self, state: Mapping[str, str]) -> None:
        """Makes a commit of what was added, with these named values."""
        self._gathered += self._added
        self._added.clear()
        self._state.update(state)

    def restore_state(self, known: Mapping[str, str]) -> None:
        """Keeps these named values for the next write, if no newer ones wait."""
        self._state = {**known, **self._state}

    def changed_state(self, written: Mapping[str, str]) -> dict[str, str]:
        """Returns the named values that differ from what is written."""
        return {name: text for name, text in self._state.items() if written.get(name) != text}

    def written(self, entries: Iterable[Entry], state: Mapping[str, str]) -> None:
        """Forgets what is in the file now: the first records, and the named values that have not changed since."""
        entries = list(entries)
        # Commits called while this one was under way may have added more; `shrink` is not called meanwhile.
        del self._gathered[: len(entries)]
        self._bytes -= sum(len(entry.body) for entry in entries)
        for name, text in state.items():
            if self._state.get(name) == text:
                del self._state[name]

    def shrink_if_full(self) -> None:
        """Gives up half of the waiting records if they pass BUFFER_BYTES: the oldest first, and before any other
        records those of a kind that gives way."""
        if self._bytes <= BUFFER_BYTES:
            return
        for only_what_gives_way in (True, False):
            for waiting in (self._gathered, self._added):
                kept: list[Entry] = []
                for entry in waiting:
                    if self._bytes > BUFFER_BYTES // 2 and (gives_way(entry.kind) or not only_what_gives_way):
                        self._bytes -= len(entry.body)
                        self._dropped[entry.kind] = self._dropped.get(entry.kind, 0) + 1
                    else:
                        kept.append(entry)
                waiting[:] = kept

    def take_dropped(self) -> dict[str, int]:
        """Returns how many records of each kind were given up since the last call."""
        dropped, self._dropped = self._dropped, {}
        return dropped
