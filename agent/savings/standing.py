"""Boundaries of a luminaire's record before which all stands for good, few of them however long the record is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

DAY_S = 86_400


class Base(NamedTuple):
    """A quarter's boundary and the sum there: what is recorded before it stands."""

    at: float
    sum_wh: float


def thinned(bases: Sequence[Base]) -> list[Base]:
    """The oldest one, the newest, and between them fewer the further back they lie: a dozen in ten years."""
    first, *middle, newest = bases
    return [first, *(base for base in middle if _is_kept(base, newest)), newest]


def _is_kept(base: Base, newest: Base) -> bool:
    days = 4
    while newest.at - base.at >= 4 * days * DAY_S:
        days *= 4
    return base.at % (days * DAY_S) == 0
