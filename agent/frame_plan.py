"""Which frames bring luminaires to their levels: broadcast where all agree, single addresses otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import NamedTuple

from protocols.dali import addresses
from protocols.dali.addresses import Address


class LevelFrame(NamedTuple):
    """One level command, the short addresses that it is meant for, and the fade that it should take."""

    address: Address
    level: int
    fade_s: float
    reaches: tuple[int, ...]


def plan(wanted: Mapping[int, tuple[int, float]], due: Set[int]) -> list[LevelFrame]:
    """The frames that bring every luminaire in `due` to its wanted (level, fade in s).

    `wanted` holds every short address of the bus, so that a broadcast never moves a luminaire elsewhere than it
    belongs. A luminaire that is there already takes no harm from hearing its level again.
    """
    if not due:
        return []
    if len(due) > 1 and len(set(wanted.values())) == 1:
        level, fade_s = next(iter(wanted.values()))
        return [LevelFrame(addresses.BROADCAST, level, fade_s, tuple(sorted(wanted)))]
    return [LevelFrame(addresses.short(number), *wanted[number], (number,)) for number in sorted(due)]
