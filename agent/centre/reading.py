"""Reads the collector's store from another process: read-only, while the collector runs or after it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from agent.records.kinds import KINDS
from agent.records.reading import read_only


class StoreView:
    """Reads one store. Each call sees what is committed at that moment. Raises sqlite3.Error if there is no file, or
    no store in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def bodies(self, kind: str) -> Iterator[dict[str, Any]]:
        """Yields the bodies of the records of this kind as they came, in the order in which each gateway wrote them."""
        for (text,) in read_only(self.path, "SELECT body FROM records WHERE kind = ? ORDER BY seq", kind):
            yield json.loads(text)

    def rows(self, kind: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
        """Returns these columns of the kind's typed table, in the order in which each gateway wrote the records;
        "gateway", "epoch" and "seq" are columns too. Raises ValueError for a kind without a table and for other
        columns."""
        table = KINDS[kind].table if kind in KINDS else None
        if table is None or not {"gateway", "epoch", "seq", *KINDS[kind].keys}.issuperset(columns):
            raise ValueError(f"{kind}: the store has no table with the columns {', '.join(columns)}")
        query = f"SELECT {', '.join(columns)} FROM {table.name} ORDER BY seq"  # noqa: S608 - names from the code
        return read_only(self.path, query)

    def sequences(self) -> dict[str, list[int]]:
        """Returns the sequence numbers of all records by epoch, each in order."""
        found: dict[str, list[int]] = {}
        for epoch, seq in read_only(self.path, "SELECT epoch, seq FROM records ORDER BY epoch, seq"):
            found.setdefault(epoch, []).append(seq)
        return found

    @property
    def count(self) -> int:
        """How many records it holds."""
        return int(read_only(self.path, "SELECT count(*) FROM records")[0][0])
