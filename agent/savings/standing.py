"""Bases of a luminaire's record: boundaries before which it is final. They stay few, even in a long record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

DAY_S = 86_400


class Base(NamedTuple):
    """The boundary of a quarter (Unix seconds) and the growing sum there. The record before it is final."""

    at: float
    sum_wh: float


def thinned(bases: Sequence[Base]) -> list[Base]:
    """Returns the oldest base, the newest, and fewer and fewer between them the further back they lie: a dozen in ten
    years."""
    first, *middle, newest = bases
    return [first, *(base for base in middle if _is_kept(base, newest)), newest]


def _is_kept(base: Base, newest: Base) -> bool:
    days = 4
    while newest.at - base.at >= 4 * days * DAY_S:
        days *= 4
    return base.at % (days * DAY_S) == 0
