"""Decides which of a photocell's readings count: dark counts after seconds, light only after minutes, and a photocell
that flickers counts as dark.

So headlights, lightning, birds or a loose contact do not switch a street, and in doubt the street is lit.
"""

from collections import namedtuple

# The seconds for which a photocell must say dark, or light, before it counts.
DARK_LASTS_S = 5.0
LIGHT_LASTS_S = 300.0
# A photocell flickers once it has turned this often without being steady for LIGHT_LASTS_S in between.
FLICKERS_FROM = 10
# The seconds for which a reading is believed if no other reading follows.
BELIEVED_S = 3600.0


class CellState(namedtuple("CellState", ("dark", "since", "other_since", "seen", "says_dark", "turned", "turns"))):
    """The state of a photocell. Times are Unix seconds.

    The photocell has counted as dark or light (`dark`) since `since`, and before that as the opposite since
    `other_since` (None: the opposite was never seen). It last spoke at `seen`, and has said `says_dark` since `turned`.
    It has turned `turns` times without being steady in between.
    """

    dark: bool
    since: float
    other_since: "float | None"
    seen: float
    says_dark: bool
    turned: float
    turns: int


def settled(cell: "CellState", unix: float) -> "CellState":
    """Returns the state at `unix`: a turn that has lasted long enough by then counts."""
    counts_from = settles_at(cell)
    if counts_from is None or unix < counts_from:
        return cell
    return CellState(cell.says_dark, counts_from, cell.since, cell.seen, cell.says_dark, cell.turned, cell.turns)


def settles_at(cell: "CellState") -> "float | None":
    """Returns when the photocell's newest word will count, or None if it counts already."""
    if cell.says_dark == cell.dark:
        return None
    return cell.turned + (DARK_LASTS_S if cell.says_dark else LIGHT_LASTS_S)


def flickers(cell: "CellState", unix: float) -> bool:
    """Returns whether the photocell has turned again and again, and has not been steady since."""
    return cell.turns >= FLICKERS_FROM and unix - cell.turned < LIGHT_LASTS_S


def after_reading(before: "CellState | None", says_dark: bool, unix: float) -> "CellState":
    """Returns the state of a photocell after a reading at `unix`. A photocell that was unknown or silent counts as dark
    until it has said light for long enough."""
    if before is None or unix - before.seen >= BELIEVED_S:
        return CellState(True, unix, None, unix, says_dark, unix, 0)
    cell = settled(before, unix)
    if says_dark == cell.says_dark:
        return CellState(cell.dark, cell.since, cell.other_since, unix, says_dark, cell.turned, cell.turns)
    turns = cell.turns + 1 if unix - cell.turned < LIGHT_LASTS_S else 1
    if turns >= FLICKERS_FROM and not cell.dark:
        return CellState(True, unix, cell.since, unix, says_dark, unix, turns)
    return CellState(cell.dark, cell.since, cell.other_since, unix, says_dark, unix, turns)


def darker(one: "CellState", other: "CellState") -> "CellState":
    """Returns the state that counts for two photocells together: that of a dark one before that of a light one. Of two
    dark ones, it is the one that has been dark for longer; of two light ones, the one that became light later."""
    if one.dark != other.dark:
        return one if one.dark else other
    if one.dark:
        return one if one.since <= other.since else other
    return one if one.since >= other.since else other
