"""The journal's file in its worker thread: makes every blocking call, and replaces a file that is damaged or moved."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from agent.records.journal_errors import DamagedJournal, MovedJournal
from agent.records.journal_file import JournalFile
from agent.records.journal_moved import set_aside
from agent.records.journal_salvage import Known, Salvage, begin_anew, is_due
from agent.records.kinds import Limit

T = TypeVar("T")


class FileInThread:
    """An open journal file and the one thread that may touch it. Made by `await FileInThread.open(...)`.

    `file` is another one after `replace` and `put_back`; its attributes can be read from any thread. Errors: those of
    JournalFile.
    """

    def __init__(self, file: JournalFile, reopen: Callable[[], JournalFile], thread: ThreadPoolExecutor) -> None:
        self.file = file
        self._reopen = reopen
        self._thread = thread
        self._salvage = Salvage()

    @classmethod
    async def open(
        cls, path: Path, gateway: str, limits: Mapping[str, Limit], keep_acknowledged_s: float, now: float
    ) -> tuple[FileInThread, str | None]:
        """Opens the file, or makes it; a damaged one, or another gateway's, is set aside first. Returns the sentence
        that says what was damaged, or None. `now` is Unix time in seconds."""
        thread = ThreadPoolExecutor(1, thread_name_prefix="journal")

        def fresh() -> JournalFile:
            return JournalFile(path, gateway, limits, keep_acknowledged_s)

        def opened() -> tuple[JournalFile, str | None]:
            try:
                file = fresh()
            except DamagedJournal as damage:
                return begin_anew(path, fresh, now, damage)
            return file, " ".join([f"{path}: is damaged.", *file.findings]) if file.findings else None

        try:
            file, damage = await asyncio.get_running_loop().run_in_executor(thread, opened)
        except BaseException:
            thread.shutdown(wait=False)
            raise
        return cls(file, fresh, thread), damage

    async def do(self, work: Callable[[], T]) -> T:
        """Makes a blocking call in the thread, and returns its result."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def replace(self, damage: DamagedJournal, cursor: int, now: float) -> str:
        """Sets the damaged file aside and goes on in a new one, under a new epoch. Up to `cursor` all was acknowledged.
        Returns the sentence that says so."""

        def replaced() -> tuple[JournalFile, str]:
            known = Known(dict(self.file.state), cursor, self.file.last)
            self._salvage.close()
            self.file.close()
            return begin_anew(self.file.path, self._reopen, now, damage, known)

        self.file, text = await self.do(replaced)
        return text

    async def put_back(self, moved: MovedJournal, now: float) -> str:
        """Writes the open file, which is no longer at its path, to that path again, and goes on with that one. Returns
        the sentence that says so."""

        def put_back() -> tuple[JournalFile, str]:
            path, text = self.file.path, f"{moved} All that it held is written there again."
            if path.exists():
                text += f" What stood there was set aside as {set_aside(path, now, 'replaced')}."
            self.file.put_back()
            return self._reopen(), text

        self.file, text = await self.do(put_back)
        return text

    @property
    def salvaging(self) -> bool:
        """True while records of a damaged file are still to be taken over."""
        return is_due(self.file)

    async def salvage_some(self) -> str | None:
        """Takes over the next records; returns a sentence at the end of each damaged file."""
        return await self.do(lambda: self._salvage.some(self.file))

    async def close(self) -> None:
        """Closes the file and ends the thread."""
        await self.do(self._salvage.close)
        await self.do(self.file.close)
        self._thread.shutdown()
