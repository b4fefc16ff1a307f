"""Chooses the place of a gateway's journal: its state folder, or a spare place if the disk refuses that, because the
lamps must burn.

A spare journal ends with the agent. If the centre has not acknowledged all of it by then, it is brought into the state
folder, or stays where it is if that is still refused, and the log says so. Otherwise it is cleared away.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from agent.interfaces import Clock
from agent.records.journal import Journal, JournalError

log = logging.getLogger("lichtmast")

OPENS_WITHIN_S = 30.0
"""The lamps wait this long for the journal, because they are metered from the first moment on. They do not wait for a
disk that hangs."""
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder with a random name is made in it
"""The last resort: this folder takes files even when no disk does any more."""


@contextlib.asynccontextmanager
async def journal_in(state: Path, gateway: str, clock: Clock, *, sends: bool) -> AsyncIterator[Journal]:
    """Yields the journal, and closes it afterwards. `sends` is True if a centre acknowledges its records. Raises
    JournalError if there is no place for a journal at all."""
    spare = None
    try:
        journal = await _journal(state, gateway, clock)
    except (JournalError, OSError) as error:
        journal, spare = await _spare_journal(gateway, clock, error)
    try:
        yield journal
    finally:
        left = journal.depth if sends else 0
        await journal.close()
        if spare is not None:
            _clear(spare, journal_path(state, gateway), left)


def journal_path(folder: Path, gateway: str) -> Path:
    """Returns the path of the gateway's journal in this folder."""
    return folder / f"{gateway}.journal"


async def _journal(state: Path, gateway: str, clock: Clock) -> Journal:
    state.mkdir(parents=True, exist_ok=True)
    path = journal_path(state, gateway)
    if path.exists() and not path.is_file():
        # A pipe would hold up the opening for ever.
        raise JournalError(f"{path}: this is not a file: remove it")
    try:
        return await clock.wait_for(Journal.open(path, gateway, clock), OPENS_WITHIN_S)
    except TimeoutError:
        raise JournalError(f"{path}: it does not open within {OPENS_WITHIN_S:g} s: look at its disk") from None


async def _spare_journal(gateway: str, clock: Clock, why: Exception) -> tuple[Journal, Path]:
    for folder in (None, MEMORY):
        try:
            spare = Path(tempfile.mkdtemp(prefix="lichtmast-", dir=folder))
        except OSError as error:
            log.error("%s", error)
            continue
        try:
            journal = await Journal.open(journal_path(spare, gateway), gateway, clock)
        except (JournalError, OSError) as error:
            log.error("%s", error)
            shutil.rmtree(spare, ignore_errors=True)
            continue
        journal.report("journalUnusable", f"{why}; records are kept in {spare} until the agent is started again.")
        return journal, spare
    raise JournalError(f"{why}; and there is no other place for records: free some space") from why


def _clear(spare: Path, path: Path, left: int) -> None:
    """Removes the spare folder. Where `left` records are not acknowledged, the journal goes to the state folder first,
    or stays."""
    if left:
        aside = path.with_name(f"{path.name}.spare-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
        try:
            if aside.exists():
                raise FileExistsError(errno.EEXIST, "File exists", str(aside))
            shutil.move(spare / path.name, aside)
        except OSError:
            log.error("%d records that the centre has not acknowledged are left in %s", left, spare)
            return
        log.error("%d records that the centre has not acknowledged are left in %s", left, aside)
    shutil.rmtree(spare, ignore_errors=True)
