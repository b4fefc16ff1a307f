"""The journal: each interval, reading and event once, with a sequence number under (gateway, epoch); also the outbox.

Records are buffered in memory and written by `commit`, one transaction each, in one worker thread: an SD card's fsync
must not stall the lamps. Upstream is a cursor that acknowledgements move over the contiguous prefix they cover.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import secrets
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

from agent.interfaces import Clock
from agent.records.journal_file import (
    LIMITS,
    SALVAGE,
    DamagedJournal,
    Entry,
    JournalError,
    JournalFile,
    Limit,
    MovedJournal,
    set_aside,
)
from agent.records.journal_salvage import Known, Salvage, begin_anew, is_due

__all__ = ["LIMITS", "Journal", "JournalError", "Limit", "Record"]

# While the file cannot be written (disk full), this much waits in memory; then the oldest is given up.
BUFFER_BYTES = 2_000_000
MOST_SPANS = 1000
KEEP_ACKNOWLEDGED_S = 35 * 86_400.0

SALVAGE_AGAIN_S = 60.0
LONGEST_UNREADABLE = 1000

T = TypeVar("T")

log = logging.getLogger("lichtmast")


class Record(NamedTuple):
    """One record as it stands in the file."""

    seq: int
    kind: str
    body: dict[str, object]
    clock_valid: bool  # whether the clock could be believed when it was appended; if not, its times mean nothing


class Journal:
    """One gateway's journal. Made by `await Journal.open(...)`. For one event loop."""

    def __init__(
        self,
        file: JournalFile,
        reopen: Callable[[], JournalFile],
        thread: ThreadPoolExecutor,
        clock: Clock,
    ) -> None:
        self._file, self._reopen, self._thread = file, reopen, thread
        self._clock = clock
        self._buffer: list[Entry] = []  # appended, not yet part of a commit
        self._ready: list[Entry] = []  # part of a commit that is under way or has failed
        self._ready_state: dict[str, str] = {}
        self._buffered_bytes = 0
        self._dropped: dict[str, int] = {}
        self._failed = False  # the last write
        self._cursor = file.cursor
        self._acknowledged: list[tuple[int, int]] = []  # beyond a hole, sorted, not overlapping
        self._new_epoch: str | None = None  # begins with the next write
        self._writing = asyncio.Lock()
        self.news = asyncio.Event()  # set by new records and by acknowledgements; whoever waits for it clears it
        self.damage: dict[str, object] | None = None  # body of the event that says what was damaged
        self._damaged_records: set[int] = set()  # said
        self._salvage = Salvage()
        self._salvaging: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        path: Path | str,
        gateway: str,
        clock: Clock,
        *,
        limits: Mapping[str, Limit] = LIMITS,
        keep_acknowledged_s: float = KEEP_ACKNOWLEDGED_S,
    ) -> Journal:
        """Opens the file, or makes it. Where a row is damaged, it is left out. A file that is damaged beyond that, or
        another gateway's, is set aside and a new one made, which takes over what can be read: `damage` is then the body
        of the event that says so, which is already appended. Raises JournalError (folder,
        permissions, disk). Tells the clock the newest synchronised time that the file knows."""
        path = Path(path)
        thread = ThreadPoolExecutor(1, thread_name_prefix="journal")

        def fresh() -> JournalFile:
            return JournalFile(path, gateway, limits, keep_acknowledged_s)

        def opened() -> tuple[JournalFile, str | None]:
            try:
                file = fresh()
            except DamagedJournal as damage:
                return begin_anew(path, fresh, clock.wall(), damage)
            return file, " ".join([f"{path}: is damaged.", *file.findings]) if file.findings else None

        try:
            file, damage = await asyncio.get_running_loop().run_in_executor(thread, opened)
        except BaseException:
            thread.shutdown(wait=False)
            raise
        journal = cls(file, fresh, thread, clock)
        if file.newest_synchronised_wall is not None:
            clock.not_before(file.newest_synchronised_wall)
        if damage is not None:
            journal._report_damage(damage, journal._buffer)
        journal._salvage_if_due()
        return journal

    @property
    def epoch(self) -> str:
        """64 random bits (16 hex digits) made with the file. A file set aside means a new epoch, and so does a
        collector that holds other records under our numbers (`begin_epoch`)."""
        return self._file.epoch

    @property
    def last(self) -> int:
        """The newest committed sequence number; 0 = none yet."""
        return self._file.last

    @property
    def cursor(self) -> int:
        """Every record up to this sequence number is acknowledged (or dropped)."""
        return self._cursor

    @property
    def depth(self) -> int:
        """Sequence numbers after the cursor: at least the number of records still to be acknowledged."""
        return self._file.last - self._cursor

    @property
    def newest_synchronised_wall(self) -> float | None:
        """Unix time of the newest commit made while the clock was synchronised; None = never."""
        return self._file.newest_synchronised_wall

    def state(self, name: str) -> object:
        """The named value as last committed; None = never committed, or spoilt on the disk. Each call returns a copy
        of its own."""
        text = self._file.state.get(name)
        try:
            return None if text is None else json.loads(text)
        except (ValueError, RecursionError):
            return None  # of an older agent, without a checksum: it must not keep the agent from starting

    def append(self, kind: str, body: Mapping[str, object]) -> None:
        """Buffers one record; the next commit writes it. Raises ValueError or TypeError for what JSON cannot hold
        (NaN, bytes). The body is copied."""
        text = json.dumps(body, allow_nan=False, separators=(",", ":"))
        self._buffer.append(Entry(kind, self._clock.wall(), self._clock.valid(), text))
        self._buffered_bytes += len(text)
        # Before a write has failed nothing is given up: a caller that appends much commits in between.
        if self._failed and self._buffered_bytes > BUFFER_BYTES and not self._writing.locked():
            self._shrink()

    def _shrink(self) -> None:
        """Gives up half of what waits in memory, oldest first, and readings before anything else."""
        for spare in (lambda entry: entry.kind == "reading", lambda entry: True):
            for waiting in (self._ready, self._buffer):
                kept: list[Entry] = []
                for entry in waiting:
                    if self._buffered_bytes > BUFFER_BYTES // 2 and spare(entry):
                        self._buffered_bytes -= len(entry.body)
                        self._dropped[entry.kind] = self._dropped.get(entry.kind, 0) + 1
                    else:
                        kept.append(entry)
                waiting[:] = kept

    async def commit(self, state: Mapping[str, object] | None = None) -> None:
        """Writes what was appended, and these named values, in one transaction.

        What was appended before this call and the state given with it stand or fall together: a part whose state
        belongs to its records appends and commits without an await in between. Raises JournalError (disk full, read
        only): then all of it is kept for the next commit. Nothing new = nothing written.
        """
        self._ready += self._buffer
        self._buffer.clear()
        for name, value in (state or {}).items():
            self._ready_state[name] = json.dumps(value, allow_nan=False, separators=(",", ":"))
        # Shielded: a caller that is cancelled must not leave records written but still counted as unwritten.
        await asyncio.shield(asyncio.ensure_future(self._write_or_replace()))

    async def _write_or_replace(self) -> None:
        async with self._writing:
            self._failed = True
            try:
                await self._write()
            except MovedJournal as moved:
                await self._put_back(moved)
                await self._write()
            except DamagedJournal as damage:
                await self._replace(damage)
                await self._write()
            self._failed = False

    async def _write(self) -> None:
        if self._damaged_records:
            numbers = ", ".join(map(str, sorted(self._damaged_records)))
            text = f"{self._file.path}: the records {numbers} are damaged; they are sent as they stand."
            self._report("recordsDamaged", text, self._ready)
            self._damaged_records.clear()
        for kind, count in self._dropped.items():
            text = f"{count} {kind} records were dropped from memory because the journal could not be written."
            self._ready.append(self._event("recordsDropped", text))
        self._dropped.clear()
        entries = list(self._ready)
        state = {name: text for name, text in self._ready_state.items() if self._file.state.get(name) != text}
        cursor = self._cursor
        epoch = self._new_epoch
        if entries or state or cursor != self._file.cursor or epoch:
            now, clock_valid, synchronised = self._clock.wall(), self._clock.valid(), self._clock.synchronised()
            await self._in_thread(
                lambda: self._file.write(
                    entries,
                    state,
                    cursor,
                    now,
                    clock_valid=clock_valid,
                    synchronised=synchronised,
                    epoch=epoch,
                )
            )
        if epoch == self._new_epoch:
            self._new_epoch = None
        # Commits called while this one was under way may have added to `_ready`; `_shrink` keeps off meanwhile.
        del self._ready[: len(entries)]
        self._buffered_bytes -= sum(len(entry.body) for entry in entries)
        for name, text in state.items():
            if self._ready_state.get(name) == text:
                del self._ready_state[name]
        if entries or epoch:
            self.news.set()

    async def begin_epoch(self, why: str) -> None:
        """From now on the records that are not acknowledged, and all further ones, have the same numbers under another
        epoch, as if no collector had seen them. An event says why. Raises JournalError: the next commit does it."""
        self._new_epoch = secrets.token_hex(8)
        text = f"{why} What is not acknowledged is sent again under the new epoch {self._new_epoch}."
        self._buffer.append(self._event("sequenceConflict", text))
        await self.commit()

    async def _replace(self, damage: DamagedJournal) -> None:
        """The file turned out to be damaged while open: sets it aside and goes on in a new one, of a new epoch."""
        now = self._clock.wall()

        def replaced() -> tuple[JournalFile, str]:
            known = Known(dict(self._file.state), self._cursor, self._file.last)
            self._salvage.close()
            self._file.close()
            return begin_anew(self._file.path, self._reopen, now, damage, known)

        known_state = dict(self._file.state)
        self._file, text = await self._in_thread(replaced)
        self._cursor, self._acknowledged = self._file.cursor, []
        self._ready_state = {**known_state, **self._ready_state}
        self._ready_state.pop(SALVAGE, None)
        self._report_damage(text, self._ready)
        self._salvage_if_due()
        self.news.set()

    async def _put_back(self, moved: MovedJournal) -> None:
        """The open file is not at its path any more: writes it there again, whole, and goes on with that."""
        now = self._clock.wall()

        def put_back() -> tuple[JournalFile, str]:
            path, text = self._file.path, f"{moved} All that it held is written there again."
            if path.exists():
                text += f" What stood there was set aside as {set_aside(path, now, 'replaced')}."
            self._file.put_back()
            return self._reopen(), text

        try:
            self._file, text = await self._in_thread(put_back)
        except DamagedJournal as damage:
            await self._replace(damage)
            return
        self._report("journalReplaced", text, self._ready)

    def _salvage_if_due(self) -> None:
        if is_due(self._file) and (self._salvaging is None or self._salvaging.done()):
            self._salvaging = asyncio.ensure_future(self._take_over())

    async def _take_over(self) -> None:
        while is_due(self._file):
            try:
                async with self._writing:
                    text = await self._in_thread(lambda: self._salvage.some(self._file))
            except JournalError:  # the disk is full; what is damaged now, the next commit finds
                await self._clock.sleep(SALVAGE_AGAIN_S)
                continue
            if text is not None:
                self.report("journalRepaired", text)
        self.news.set()

    @property
    def salvaging(self) -> bool:
        """Whether records of a damaged file are still being taken over; until then none are read."""
        return is_due(self._file)

    def _report_damage(self, text: str, waiting: list[Entry]) -> None:
        self.damage = self._report("journalDamaged", text, waiting)

    def report(self, name: str, text: str) -> None:
        """An event about the journal itself, for the next commit."""
        self._report(name, text, self._buffer)

    def _report(self, name: str, text: str, waiting: list[Entry]) -> dict[str, object]:
        log.error("%s", text)
        entry = self._event(name, text)
        waiting.append(entry)
        body: dict[str, object] = json.loads(entry.body)
        return body

    def _event(self, name: str, text: str) -> Entry:
        now = self._clock.wall()
        body = json.dumps({"at": now, "name": name, "subject": "gateway", "active": True, "text": text, "notice": True})
        self._buffered_bytes += len(body)
        return Entry("event", now, self._clock.valid(), body)

    async def read_after(self, seq: int, limit: int, most_bytes: int = 1 << 40) -> list[Record]:
        """Up to `limit` committed records after this sequence number, in order, but at least one where bodies pass
        `most_bytes`. Of a damaged record the body is {"unreadable": what is left}, and an event names it. A file that
        turns out damaged is replaced here too (no records, a new epoch). Raises JournalError."""
        if self.salvaging:
            return []
        rows = await self._or_replaced(lambda file: file.read_after(seq, limit, most_bytes)) or []
        records = []
        for row in rows:
            body = _body(row.body) if row.sound else None
            if body is None:
                self._damaged_records.add(row.seq)
                body = {"unreadable": row.body[:LONGEST_UNREADABLE]}
            records.append(Record(row.seq, row.kind, body, row.clock_valid))
        return records

    async def _or_replaced(self, read: Callable[[JournalFile], T]) -> T | None:
        """What `read` gives; None where the file turned out damaged, and was replaced."""
        file = self._file
        try:
            return await self._in_thread(lambda: read(file))
        except DamagedJournal as damage:
            async with self._writing:
                if file is self._file:
                    await self._replace(damage)
            return None

    async def acknowledge(self, ranges: Iterable[tuple[int, int]], epoch: str) -> None:
        """Someone has committed these ranges [first, last]. Moves the cursor over the contiguous prefix; what lies
        beyond a hole is remembered in memory. Another epoch's ranges are ignored. The new cursor reaches the file with
        the next commit: after a crash some records are sent again, none is lost."""
        if epoch != self._file.epoch or self.salvaging:
            return
        last = self._file.last
        known = [(first, min(until, last)) for first, until in ranges if 0 < first <= until and first <= last]
        known = [span for span in known if not self._covers(span)]
        if not known:
            return
        # What is forgotten is sent again. A collector's acknowledgements leave a few holes, a flood of them thousands.
        self._acknowledged = _merged(self._acknowledged + known)[:MOST_SPANS]
        while True:
            # A dropped record leaves a gap in the numbers: the next one that exists counts.
            following = await self._or_replaced(lambda file: file.first_after(self._cursor))
            covering = [span for span in self._acknowledged if following and span[0] <= following <= span[1]]
            if epoch != self._file.epoch or not covering:
                break
            self._cursor = max(self._cursor, covering[0][1])
        self._acknowledged = [span for span in self._acknowledged if span[1] > self._cursor]
        self.news.set()

    def _covers(self, span: tuple[int, int]) -> bool:
        through = self.acknowledged_through(span[0])
        return through is not None and through >= span[1]

    def acknowledged_through(self, seq: int) -> int | None:
        """The end of the acknowledged range that holds this sequence number; None = not acknowledged."""
        if seq <= self._cursor:
            return self._cursor
        return next((until for first, until in self._acknowledged if first <= seq <= until), None)

    async def close(self) -> None:
        """Commits what is left and closes the file. Raises JournalError where that last commit fails (and closes)."""
        if self._salvaging is not None:
            self._salvaging.cancel()
            await asyncio.gather(self._salvaging, return_exceptions=True)
        try:
            await self.commit()
        finally:
            await self._in_thread(self._salvage.close)
            await self._in_thread(self._file.close)
            self._thread.shutdown()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _merged(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _body(text: str) -> dict[str, object] | None:
    """None = it is no body of ours."""
    try:
        body = json.loads(text, parse_constant=_refused, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _refused(constant: str) -> float:
    raise ValueError(constant)


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _refused(digits)
