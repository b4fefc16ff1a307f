"""Keeps account of the acknowledged sequence numbers: all up to a cursor, and ranges [first, last] beyond a hole."""

from __future__ import annotations

from collections.abc import Iterable

MOST_SPANS = 1000
"""A collector's acknowledgements leave a few holes, a flood of them thousands. Records of a range that is forgotten are
sent again."""


class Acknowledged:
    """The cursor, which only moves forward, and the ranges that it has not reached yet; these live in memory alone."""

    def __init__(self, cursor: int) -> None:
        self.cursor = cursor
        self._beyond: list[tuple[int, int]] = []  # sorted, not overlapping

    def through(self, seq: int) -> int | None:
        """Returns the end of the acknowledged range that holds this sequence number; None: it is not acknowledged."""
        if seq <= self.cursor:
            return self.cursor
        return next((until for first, until in self._beyond if first <= seq <= until), None)

    def add(self, ranges: Iterable[tuple[int, int]], last: int) -> bool:
        """Remembers the ranges as far as there are such records (1 to `last`). Returns False if none of them is new."""
        known = [(first, min(until, last)) for first, until in ranges if 0 < first <= until and first <= last]
        known = [span for span in known if not self._covers(span)]
        self._beyond = _merged(self._beyond + known)[:MOST_SPANS]
        return bool(known)

    def _covers(self, span: tuple[int, int]) -> bool:
        through = self.through(span[0])
        return through is not None and through >= span[1]

    def move_over(self, following: int | None) -> bool:
        """Moves the cursor to the end of the range that holds the record after it, `following` (None: there is none).
        Returns False if no range does."""
        covering = [span for span in self._beyond if following and span[0] <= following <= span[1]]
        if covering:
            self.cursor = max(self.cursor, covering[0][1])
        return bool(covering)

    def forget_passed(self) -> None:
        """Drops the ranges that the cursor has passed."""
        self._beyond = [span for span in self._beyond if span[1] > self.cursor]


def _merged(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged
