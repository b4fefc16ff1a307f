"""Plans the frames that bring luminaires to their levels: the fewest of broadcast, scenes, groups, single addresses.

A frame is used only if its level is the target level of every luminaire that hears it, so no lamp ever moves elsewhere
on its way. A lamp that is at its target already takes no harm from hearing its level again.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import NamedTuple

from protocols.dali import addresses, gear_commands
from protocols.dali.addresses import Address
from protocols.dali.frames import Transmission

SEARCHED_SETS = 5_000
"""The search tries this many combinations, then takes the best one so far. The groups of a street need a few dozen."""


class TargetLevel(NamedTuple):
    """The level (0-254) that a luminaire should show, and the fade in seconds that leads to it."""

    level: int
    fade_s: float


class LevelFrame(NamedTuple):
    """One frame, the level that it brings each short address to, and the fade that it needs the gear to have."""

    address: Address
    transmission: Transmission
    fade_s: float
    level_of: Mapping[int, int]

    @property
    def reaches(self) -> Set[int]:
        """The short addresses that this frame brings to their target levels."""
        return self.level_of.keys()


@dataclass(frozen=True)
class StoredInGear:
    """The groups and scenes that were read from gear, on which frames can rely (scene level 255: no change)."""

    groups: Mapping[int, Set[int]] = field(default_factory=dict)  # group address -> short addresses
    scenes: Mapping[int, Mapping[int, int]] = field(default_factory=dict)  # scene -> short address -> level


NOTHING_STORED = StoredInGear()


def plan(
    targets: Mapping[int, TargetLevel],
    due: Set[int],
    stored: StoredInGear = NOTHING_STORED,
    *,
    one_by_one: bool = False,
) -> list[LevelFrame]:
    """Returns the fewest frames that bring every luminaire in `due` to its target level.

    `targets` holds every short address of the bus. With `one_by_one` each luminaire gets a frame of its own, as a
    staggered switch-on needs it.
    """
    shared = [] if one_by_one else _shared_frames(targets, due, stored)
    chosen = _fewest(shared, frozenset(due))
    left = sorted(due - {number for frame in chosen for number in frame.reaches})
    return [*chosen, *(_level_frame(addresses.short(number), targets[number], {number}) for number in left)]


def _shared_frames(targets: Mapping[int, TargetLevel], due: Set[int], stored: StoredInGear) -> list[LevelFrame]:
    """Returns each frame that brings at least two due luminaires to their targets and moves none away from its own."""
    all_addresses = frozenset(targets)
    listeners = [(addresses.BROADCAST, all_addresses)]
    listeners += [
        (addresses.group(number), frozenset(members) & all_addresses) for number, members in stored.groups.items()
    ]
    frames = []
    for address, members in listeners:
        agreed = {targets[number] for number in members}
        if len(members & due) < 2:
            continue
        if len(agreed) == 1:
            frames.append(_level_frame(address, next(iter(agreed)), members))
        elif len({target.fade_s for target in agreed}) == 1:
            frames += _scene_frames(address, members, targets, stored)
    return frames


def _scene_frames(
    address: Address, members: Set[int], targets: Mapping[int, TargetLevel], stored: StoredInGear
) -> list[LevelFrame]:
    frames = []
    for scene, levels in stored.scenes.items():
        shown = {number: levels.get(number, gear_commands.MASK) for number in members}
        moved = {number: level for number, level in shown.items() if level != gear_commands.MASK}
        if moved and all(level == targets[number].level for number, level in moved.items()):
            fade_s = next(targets[number].fade_s for number in moved)
            transmission = gear_commands.command(address, "GO TO SCENE", scene)
            frames.append(LevelFrame(address, transmission, fade_s, moved))
    return frames


def _level_frame(address: Address, target: TargetLevel, reaches: Set[int]) -> LevelFrame:
    level_of = dict.fromkeys(sorted(reaches), target.level)
    return LevelFrame(address, gear_commands.level(address, target.level), target.fade_s, level_of)


def _fewest(frames: list[LevelFrame], due: frozenset[int]) -> list[LevelFrame]:
    """Returns the frames of a smallest cover of `due`; a luminaire that none of them reaches costs a frame as well."""
    covers = [(frame, due.intersection(frame.reaches)) for frame in frames]
    useful = [(frame, cover) for frame, cover in covers if not any(cover < other for _, other in covers)]
    useful.sort(key=lambda pair: -len(pair[1]))
    best: list[LevelFrame] = []
    best_cost = len(due)
    looked_at = 0

    def search(start: int, taken: list[LevelFrame], uncovered: frozenset[int]) -> None:
        nonlocal best, best_cost, looked_at
        looked_at += 1
        cost = len(taken) + len(uncovered)
        if cost < best_cost:
            best, best_cost = list(taken), cost
        for index in range(start, len(useful)):
            if looked_at > SEARCHED_SETS or len(taken) + 1 >= best_cost:
                return
            frame, cover = useful[index]
            if len(cover & uncovered) > 1:
                search(index + 1, [*taken, frame], uncovered - cover)

    search(0, [], due)
    return best
