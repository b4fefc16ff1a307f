"""Goes on in a new journal file when one is damaged: takes over the small tables at once, and the records bit by bit.

A journal may hold a year of records, and the lamps do not wait for them. What is still to be taken over stands in the
new file's own state (`SALVAGE`), so that a restart goes on with it. Blocking; for the journal's worker thread.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from agent.records.journal_errors import DamagedJournal
from agent.records.journal_file import SALVAGE, JournalFile
from agent.records.journal_moved import set_aside
from agent.records.journal_repair import FILE_ERRORS, PAGE_BYTES, Wreck
from agent.records.journal_tables import SCHEMA, TABLES

log = logging.getLogger("lichtmast")

SOME_RECORDS = 200
MOST_RUNS_SAID = 20


class Known(NamedTuple):
    """The agent's memory of a file that it had open; it is more certain than a new reading of the file."""

    state: dict[str, str]
    cursor: int
    last: int


def begin_anew(
    path: Path, reopen: Callable[[], JournalFile], now: float, damage: DamagedJournal, known: Known | None = None
) -> tuple[JournalFile, str]:
    """Sets the file at the path aside, makes a new one, and takes over the small tables as far as they can be read.
    Returns the new file and the sentence for the event. `now` is Unix time in seconds. Raises JournalError."""
    aside = set_aside(path, now)
    file = reopen()
    text = f"{damage} It was set aside as {aside}."
    if not damage.ours or aside.stat().st_size < (len(TABLES) + 1) * PAGE_BYTES:
        return file, text
    try:
        wreck = Wreck(aside, SCHEMA)
    except (*FILE_ERRORS, OSError):
        log.debug("nothing can be read of %s", aside, exc_info=True)
        return file, text
    try:
        kept, last = wreck.kept(), wreck.last()
    finally:
        wreck.close()
    if known is not None:
        kept.state.update(known.state)
        kept.marks["cursor"] = float(known.cursor)
        last = max(last, known.last)
    last = max(last, int(kept.marks.get("last", 0)))
    settled = max(kept.cursor, int(kept.marks.get("gaps_until", last)))
    jobs = [
        *_jobs(kept.state),
        {"file": aside.name, "after": 0, "last": last, "taken": 0, "settled": settled, "lost": []},
    ]
    file.take_over(kept, last, json.dumps(jobs))
    return file, f"{text} What can be read of it is taken over."


def is_due(file: JournalFile) -> bool:
    """Returns True if records of a damaged file are still to be taken over."""
    return bool(_jobs(file.state))


class Salvage:
    """Takes over the records that are still due, a few at each call."""

    def __init__(self) -> None:
        self._wreck: Wreck | None = None
        self._name = ""

    def some(self, file: JournalFile) -> str | None:
        """Takes over the next records. Returns a sentence at the end of each damaged file, else None. Raises
        JournalError."""
        job, *later = _jobs(file.state)
        try:
            wreck = self._opened(file.path.with_name(job["file"]))
        except (*FILE_ERRORS, OSError) as error:
            file.take_over_records([], json.dumps(later))
            return f"Nothing more can be read of {job['file']} ({error}); {job['taken']} records were taken over."
        rows, lost, until = wreck.records(job["after"], job["last"], SOME_RECORDS, job["settled"])
        done = until >= job["last"]
        runs = _runs_with(job["lost"], lost)
        job = {**job, "after": until, "taken": job["taken"] + len(rows), "lost": runs}
        refused = file.take_over_records(rows, json.dumps(later if done else [job, *later]))
        if not done:
            return None
        self.close()
        text = f"{job['taken'] - refused} records of {job['file']} were taken over"
        return f"{text}; these numbers could not be read: {_said(runs)}." if runs else f"{text}."

    def _opened(self, path: Path) -> Wreck:
        if self._wreck is None or self._name != path.name:
            self.close()
            self._wreck, self._name = Wreck(path, SCHEMA), path.name
        return self._wreck

    def close(self) -> None:
        """Closes the damaged file."""
        if self._wreck is not None:
            self._wreck.close()
            self._wreck = None


def _jobs(state: dict[str, str]) -> list[dict[str, Any]]:
    try:
        jobs = json.loads(state.get(SALVAGE, "[]"))
        return [
            {
                **job,
                "file": Path(str(job["file"])).name,
                **{key: int(job[key]) for key in ("after", "last", "taken", "settled")},
            }
            for job in jobs
        ]
    except (ValueError, TypeError, KeyError):
        return []


def _runs_with(runs: Iterable[list[int]], numbers: Iterable[int]) -> list[list[int]]:
    """Returns the runs [first, last] with further numbers added at their end."""
    longer = [list(run) for run in runs]
    for number in numbers:
        if longer and number == longer[-1][1] + 1:
            longer[-1][1] = number
        else:
            longer.append([number, number])
    return longer


def _said(runs: list[list[int]]) -> str:
    said = [str(first) if first == last else f"{first} to {last}" for first, last in runs[:MOST_RUNS_SAID]]
    more = sum(last - first + 1 for first, last in runs[MOST_RUNS_SAID:])
    return ", ".join(said) + (f" and {more} more" if more else "")
