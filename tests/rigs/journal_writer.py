"""Writes into a journal until it is killed: `python -m tests.agent.journal_writer PATH`. Prints each committed count.

Record N and the state "count" = N go together in one commit, as the energy ledger's do.
"""

from __future__ import annotations

import asyncio
import sys

from agent.clock import MachineClock
from agent.records.journal import Journal


async def write(path: str) -> None:
    journal = await Journal.open(path, "gw-1", MachineClock())
    count = journal.state("count") or 0
    assert isinstance(count, int)
    while True:
        for _ in range(3):
            count += 1
            journal.append("reading", {"count": count, "filling": "x" * 500})
        await journal.commit({"count": count})
        print(count, flush=True)


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1]))
