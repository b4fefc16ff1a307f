"""What a photocell is taken to say: dark counts after seconds, light only after minutes, and one that flickers is dark.

So neither headlights, lightning and birds nor a loose contact switch a street, and in doubt it is lit.
"""

from collections import namedtuple

# How long it must say dark, or light, before that counts.
DARK_LASTS_S = 5.0
LIGHT_LASTS_S = 300.0
# One that turns so often, never steady for LIGHT_LASTS_S in between, flickers.
FLICKERS_FROM = 10
# How long a reading is believed when no other one follows.
BELIEVED_S = 3600.0


class CellState(namedtuple("CellState", ("dark", "since", "other_since", "seen", "says_dark", "turned", "turns"))):
    """A photocell: what it counts as since when; since when it was the other before that (None: never seen so); when
    it last spoke; what it said then, since when; how often it has turned without being steady. Unix times."""

    dark: bool
    since: float
    other_since: "float | None"
    seen: float
    says_dark: bool
    turned: float
    turns: int


def settled(cell: "CellState", unix: float) -> "CellState":
    """The state with what has lasted long enough by now."""
    counts_from = settles_at(cell)
    if counts_from is None or unix < counts_from:
        return cell
    return CellState(cell.says_dark, counts_from, cell.since, cell.seen, cell.says_dark, cell.turned, cell.turns)


def settles_at(cell: "CellState") -> "float | None":
    """When what it says now will count; None: it counts."""
    if cell.says_dark == cell.dark:
        return None
    return cell.turned + (DARK_LASTS_S if cell.says_dark else LIGHT_LASTS_S)


def flickers(cell: "CellState", unix: float) -> bool:
    """Whether it has turned again and again, and not been steady since."""
    return cell.turns >= FLICKERS_FROM and unix - cell.turned < LIGHT_LASTS_S


def after_reading(before: "CellState | None", says_dark: bool, unix: float) -> "CellState":
    """The state of a photocell that says this now. Of one that was not known, or silent, light must last first."""
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
    """Of two photocells that count as one: the dark one, in doubt the one that has been dark longer, or light less."""
    if one.dark != other.dark:
        return one if one.dark else other
    if one.dark:
        return one if one.since <= other.since else other
    return one if one.since >= other.since else other
