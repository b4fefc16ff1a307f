"""The journal: each record once, with a sequence number under (gateway, epoch); also the outbox.

Records are buffered in memory and written by `commit`, one transaction each, in one worker thread: an SD card's fsync
must not stall the lamps. Upstream is a cursor that acknowledgements move over the contiguous prefix they cover.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from agent.interfaces import Clock
from agent.records import alarms, kinds
from agent.records.acknowledged import Acknowledged
from agent.records.journal_errors import DamagedJournal, JournalError, MovedJournal
from agent.records.journal_file import SALVAGE, Entry, JournalFile
from agent.records.journal_thread import FileInThread
from agent.records.kinds import EVENT, Limit
from agent.records.record import Record, decoded, encoded
from agent.records.waiting import Waiting

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["Journal", "JournalError", "Limit", "Record"]

KEEP_ACKNOWLEDGED_S = 35 * 86_400.0

SALVAGE_AGAIN_S = 60.0
LONGEST_UNREADABLE = 1000

T = TypeVar("T")

log = logging.getLogger("lichtmast")


class Journal:
    """One gateway's journal. Made by `await Journal.open(...)`. For one event loop.

    `news` is set by new records and by acknowledgements; the caller that waits for it clears it. `damage` is the body
    of the event that tells of the damage; None: there was none.
    """

    def __init__(self, thread: FileInThread, clock: Clock) -> None:
        self._thread = thread
        self._clock = clock
        self._waiting = Waiting()
        self._failed = False  # whether the last write failed
        self._acknowledged = Acknowledged(self._file.cursor)
        self._new_epoch: str | None = None  # it begins with the next write
        self._writing = asyncio.Lock()
        self.news = asyncio.Event()
        self.damage: dict[str, object] | None = None
        self._damaged_records: set[int] = set()  # found, and not yet reported
        self._salvaging: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        path: Path | str,
        gateway: str,
        clock: Clock,
        *,
        limits: Mapping[str, Limit] | None = None,
        keep_acknowledged_s: float = KEEP_ACKNOWLEDGED_S,
    ) -> Journal:
        """Opens the file, or makes it. Where a row is damaged, it is left out. A file that is damaged beyond that, or
        another gateway's, is set aside and a new one made, which takes over what can be read: `damage` is then the body
        of the event that says so, which is already appended. Tells the clock the newest synchronised time that the file
        knows. `limits` bounds each kind (None: as agent/records/kinds.py says). Raises JournalError (folder,
        permissions, disk)."""
        path, limits = Path(path), kinds.limits() if limits is None else limits
        thread, damage = await FileInThread.open(path, gateway, limits, keep_acknowledged_s, clock.wall())
        journal = cls(thread, clock)
        if journal.newest_synchronised_wall is not None:
            clock.not_before(journal.newest_synchronised_wall)
        if damage is not None:
            journal.damage = journal._report("journalDamaged", damage, journal._waiting.add)
        journal._salvage_if_due()
        return journal

    @property
    def _file(self) -> JournalFile:
        return self._thread.file

    @property
    def epoch(self) -> str:
        """64 random bits (16 hexadecimal digits), made with the file. A file that is set aside means a new epoch, and
        so does a collector that holds other records under these numbers (`begin_epoch`)."""
        return self._file.epoch

    @property
    def last(self) -> int:
        """The newest committed sequence number; 0: there is none yet."""
        return self._file.last

    @property
    def cursor(self) -> int:
        """Every record up to this sequence number is acknowledged (or dropped)."""
        return self._acknowledged.cursor

    @property
    def depth(self) -> int:
        """How many sequence numbers lie after the cursor: at least as many as records wait to be acknowledged."""
        return self._file.last - self._acknowledged.cursor

    @property
    def newest_synchronised_wall(self) -> float | None:
        """Unix time of the newest commit made while the clock was synchronised; None: there was none."""
        return self._file.newest_synchronised_wall

    def state(self, name: str) -> object:
        """Returns the named value as last committed; None: it was never committed, or is spoilt on the disk. Each call
        returns a new copy."""
        text = self._file.state.get(name)
        try:
            return None if text is None else json.loads(text)
        except (ValueError, RecursionError):
            return None  # an older agent wrote it without a checksum: it must not keep the agent from starting

    def append(self, kind: str, record: Mapping[str, object] | DataclassInstance) -> None:
        """Buffers one record, which the next commit writes. `record` is its body, or an object that has what the kind's
        row names (agent/records/kinds.py); it is encoded at once. Raises ValueError or TypeError for what JSON cannot
        hold (NaN, bytes)."""
        text = encoded(kinds.body_of(kind, record))
        self._waiting.add(Entry(kind, self._clock.wall(), self._clock.valid(), text))
        # Before a write has failed nothing is given up: a caller that appends much commits in between.
        if self._failed and not self._writing.locked():
            self._waiting.shrink_if_full()

    async def commit(self, state: Mapping[str, object] | None = None) -> None:
        """Writes the appended records, and these named values, in one transaction. Writes nothing if nothing is new.

        What was appended before this call and the state given with it stand or fall together: a part whose state
        belongs to its records appends and commits without an await in between. Raises JournalError (disk full, read
        only): then all of it is kept for the next commit.
        """
        texts = {
            name: json.dumps(value, allow_nan=False, separators=(",", ":")) for name, value in (state or {}).items()
        }
        self._waiting.gather(texts)
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
        waiting = self._waiting
        if self._damaged_records:
            numbers = ", ".join(map(str, sorted(self._damaged_records)))
            text = f"{self._file.path}: the records {numbers} are damaged; they are sent as they stand."
            self._report("recordsDamaged", text, waiting.add_to_commit)
            self._damaged_records.clear()
        for kind, count in waiting.take_dropped().items():
            text = f"{count} {kind} records were dropped from memory because the journal could not be written."
            waiting.add_to_commit(self._notice("recordsDropped", text))
        entries, state = waiting.entries, waiting.changed_state(self._file.state)
        cursor, epoch = self._acknowledged.cursor, self._new_epoch
        if entries or state or cursor != self._file.cursor or epoch:
            now, clock_valid, synchronised = self._clock.wall(), self._clock.valid(), self._clock.synchronised()
            await self._thread.do(
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
        waiting.written(entries, state)
        if entries or epoch:
            self.news.set()

    async def begin_epoch(self, why: str) -> None:
        """Puts the records that are not acknowledged, and all further ones, under a new epoch, as if they had never
        been sent. They keep their numbers. An event says why. Raises JournalError; the next commit then does it."""
        self._new_epoch = secrets.token_hex(8)
        text = f"{why} What is not acknowledged is sent again under the new epoch {self._new_epoch}."
        self._waiting.add(self._notice("sequenceConflict", text))
        await self.commit()

    async def _replace(self, damage: DamagedJournal) -> None:
        """Sets aside the open file, which turned out to be damaged, and goes on in a new one, under a new epoch."""
        known_state = dict(self._file.state)
        text = await self._thread.replace(damage, self._acknowledged.cursor, self._clock.wall())
        self._acknowledged = Acknowledged(self._file.cursor)
        known_state.pop(SALVAGE, None)
        self._waiting.restore_state(known_state)
        self.damage = self._report("journalDamaged", text, self._waiting.add_to_commit)
        self._salvage_if_due()
        self.news.set()

    async def _put_back(self, moved: MovedJournal) -> None:
        """Writes the open file, which is no longer at its path, to that path again, and goes on with that one."""
        try:
            text = await self._thread.put_back(moved, self._clock.wall())
        except DamagedJournal as damage:
            await self._replace(damage)
            return
        self._report("journalReplaced", text, self._waiting.add_to_commit)

    def _salvage_if_due(self) -> None:
        if self.salvaging and (self._salvaging is None or self._salvaging.done()):
            self._salvaging = asyncio.ensure_future(self._take_over())

    async def _take_over(self) -> None:
        while self.salvaging:
            try:
                async with self._writing:
                    text = await self._thread.salvage_some()
            except JournalError:  # the disk is full; the next commit finds further damage
                await self._clock.sleep(SALVAGE_AGAIN_S)
                continue
            if text is not None:
                self.report("journalRepaired", text)
        self.news.set()

    @property
    def salvaging(self) -> bool:
        """True while records of a damaged file are being taken over; until that is over no records are read."""
        return self._thread.salvaging

    def report(self, name: str, text: str) -> None:
        """Appends a notice about the journal, and writes it into the log."""
        self._report(name, text, self._waiting.add)

    def _report(self, name: str, text: str, keep: Callable[[Entry], None]) -> dict[str, object]:
        log.error("%s", text)
        entry = self._notice(name, text)
        keep(entry)
        return decoded(entry.body) or {}

    def _notice(self, name: str, text: str) -> Entry:
        now = self._clock.wall()
        body = alarms.notice(now, name, "gateway", text)
        return Entry(EVENT.name, now, self._clock.valid(), encoded(body))

    async def read_after(self, seq: int, limit: int, most_bytes: int = 1 << 40) -> list[Record]:
        """Returns up to `limit` committed records after this sequence number, in order; fewer, but at least one, where
        their bodies pass `most_bytes`. Of a damaged record the body is {"unreadable": what is left}, and an event names
        it. A file that turns out damaged is replaced (no records, a new epoch). Raises JournalError."""
        if self.salvaging:
            return []
        rows = await self._or_replaced(lambda file: file.read_after(seq, limit, most_bytes)) or []
        records = []
        for row in rows:
            body = decoded(row.body) if row.sound else None
            if body is None:
                self._damaged_records.add(row.seq)
                body = {"unreadable": row.body[:LONGEST_UNREADABLE]}
            records.append(Record(row.seq, row.kind, body, row.clock_valid))
        return records

    async def _or_replaced(self, read: Callable[[JournalFile], T]) -> T | None:
        """Returns what `read` gives; None if the file turned out damaged, and was replaced."""
        file = self._file
        try:
            return await self._thread.do(lambda: read(file))
        except DamagedJournal as damage:
            async with self._writing:
                if file is self._file:
                    await self._replace(damage)
            return None

    async def acknowledge(self, ranges: Iterable[tuple[int, int]], epoch: str) -> None:
        """Takes in that a collector has committed these ranges [first, last]. Moves the cursor over the contiguous
        prefix; what lies beyond a hole is remembered in memory. Another epoch's ranges are ignored. The new cursor
        reaches the file with the next commit: after a crash some records are sent again, none is lost."""
        if epoch != self._file.epoch or self.salvaging:
            return
        if not self._acknowledged.add(ranges, self._file.last):
            return
        while True:
            # A dropped record leaves a gap in the numbers: the next one that exists counts.
            following = await self._or_replaced(lambda file: file.first_after(self._acknowledged.cursor))
            if epoch != self._file.epoch or not self._acknowledged.move_over(following):
                break
        self._acknowledged.forget_passed()
        self.news.set()

    def acknowledged_through(self, seq: int) -> int | None:
        """Returns the end of the acknowledged range that holds this sequence number; None: it is not acknowledged."""
        return self._acknowledged.through(seq)

    async def close(self) -> None:
        """Commits what is left and closes the file. Raises JournalError if that last commit fails (and closes)."""
        if self._salvaging is not None:
            self._salvaging.cancel()
            await asyncio.gather(self._salvaging, return_exceptions=True)
        try:
            await self.commit()
        finally:
            await self._thread.close()
