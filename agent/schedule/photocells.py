"""Works out the active period of a program with a photocell: all day, or within a window around its on and off.

The state of a photocell comes from observe() (agent/schedule/inputs.py). An unknown state counts as dark, so that the
lamp burns. If several sensors feed a photocell, it is dark if any of them that speaks says dark. If all have been
silent for an hour, the lamp is switched by the marks of the program.
"""

from agent.schedule.cells import BELIEVED_S, CellState, darker, flickers, settled
from agent.schedule.evaluate import ProgramNight
from agent.schedule.inputs import BACKWARD_S, InputState
from agent.schedule.override import NEVER
from agent.schedule.program import Photocell

# The names of conditions (agent/schedule/conditions.py).
CONTRADICTS = "photocellContradictsSun"
SILENT = "photocellSilent"
FLICKERS = "photocellFlickers"

# Seconds by which a photocell may differ from the sun before it contradicts the sun.
_TOLERANCE_S = 3600.0
# Without a clock, light counts for this many seconds: the shortest day of the Netherlands (7 h 40 min from sunrise to
# sunset, and the bright part of the twilights). A photocell that jams keeps the street dark no longer.
_LONGEST_LIGHT_S = 28800.0
# Without a clock, light counts only after the photocell has been dark for this many seconds: a photocell that was not
# seen dark may be jammed, and a glitch is no night.
_LEAST_NIGHT_S = 3600.0


def believed(cell: "CellState", unix: float) -> bool:
    """Returns whether this state may decide: the photocell has spoken within the last hour."""
    return unix - BELIEVED_S < cell.seen <= unix + BACKWARD_S


def heard(photocell: "Photocell", inputs: "InputState", unix: float) -> "CellState | None":
    """Returns the state of this photocell now, or None if none of its sensors has spoken within the last hour."""
    found = None  # type: CellState | None
    for key in inputs.cells:
        if key.startswith(photocell.key + "@") and believed(inputs.cells[key], unix):
            cell = settled(inputs.cells[key], unix)
            found = cell if found is None else darker(found, cell)
    return found


def flickering(inputs: "InputState", unix: float) -> "list[str]":
    """Returns the sorted names of the sensors that flicker."""
    return sorted({key.partition("@")[2] for key in inputs.cells if flickers(inputs.cells[key], unix)})


def says_light(photocell: "Photocell", inputs: "InputState", unix: float) -> bool:
    """Returns whether this photocell can be believed to say light, without knowing the time of day."""
    cell = heard(photocell, inputs, unix)
    if cell is None or cell.dark or cell.other_since is None:
        return False
    return cell.since - cell.other_since >= _LEAST_NIGHT_S and -BACKWARD_S <= unix - cell.since < _LONGEST_LIGHT_S


def active(
    marks: "ProgramNight", up_since: float, inputs: "InputState", unix: float
) -> "tuple[bool, float, tuple[str, ...]]":
    """Returns whether the active period of a program with a photocell runs, since about when, and its conditions.

    `up_since` is the time of the sunrise before this day's noon (NEVER if the sun did not set before it).
    """
    photocell = marks.program.photocell
    assert photocell is not None
    cell = heard(photocell, inputs, unix)
    if cell is None:
        # Just after the state was lost, the photocell may still speak. Later, it is silent for good.
        waits = unix < inputs.begun + BELIEVED_S
        conditions = () if waits else (SILENT,)
        if not waits:
            lit, since = _by_marks(marks, unix)
            return lit, since, conditions
        if photocell.windowed:
            lit, since = _windowed(marks, None, unix)
            return lit, since, conditions
        return True, inputs.begun, conditions
    contradicts, deep = _contradiction(marks, up_since, cell, unix)
    conditions = (CONTRADICTS,) if contradicts else ()
    if photocell.windowed:
        lit, since = _windowed(marks, cell, unix)
        return lit, since, conditions
    if cell.dark:
        return unix >= cell.since + marks.program.trim_on_s or contradicts or deep, cell.since, conditions
    if contradicts or deep:
        return True, cell.since, conditions
    burned_from = cell.since if cell.other_since is None else cell.other_since
    return unix < burned_from + marks.program.min_burning_s, cell.since, conditions


def _contradiction(marks: "ProgramNight", up_since: float, cell: "CellState", unix: float) -> "tuple[bool, bool]":
    """Returns whether photocell and sun have disagreed for more than an hour, and whether it is deep night: the sun has
    been down for more than an hour, and stays down for another."""
    sun = marks.day.horizon
    if sun.white:
        down, turned, deep = False, up_since, False
    else:
        # An event that is missing in this night counts as long before it (sunset) or long after it (sunrise).
        sunset = NEVER if sun.sunset is None else sun.sunset
        sunrise = -NEVER if sun.sunrise is None else sun.sunrise
        down = sunset <= unix < sunrise
        turned = sunset if down else sunrise if unix >= sunrise else up_since
        deep = sunset + _TOLERANCE_S < unix < sunrise - _TOLERANCE_S
    agrees = cell.dark == down
    return not agrees and unix - max(cell.since, turned) > _TOLERANCE_S, deep


def _by_marks(marks: "ProgramNight", unix: float) -> "tuple[bool, float]":
    since = marks.day.start
    for begin, finish in marks.periods:
        if begin <= unix < finish:
            return True, begin
        if finish <= unix:
            since = finish
    return False, since


def _windowed(marks: "ProgramNight", cell: "CellState | None", unix: float) -> "tuple[bool, float]":
    """Returns whether the lamp is lit, and since when, if the photocell decides only within its windows around the
    switchings of the program. A photocell that is not known (None) counts as dark there."""
    photocell = marks.program.photocell
    assert photocell is not None
    since = marks.day.start
    for begin, finish in marks.periods:
        middle = (begin + finish) / 2.0
        # A period that reaches the day's noon is not switched there, so it has no window.
        opens, closes = begin, finish
        if begin > marks.day.start:
            opens, begin = begin - photocell.before_s, min(middle, begin + photocell.after_s)
        if finish < marks.day.end:
            finish, closes = max(middle, finish - photocell.before_s), finish + photocell.after_s
        if begin <= unix < finish:
            return True, begin if cell is None or cell.since > begin else max(opens, cell.since)
        if opens <= unix < begin and _dark_since(cell, opens):
            return True, opens if cell is None else max(opens, cell.since)
        if finish <= unix < closes and not _light_since(cell, finish):
            return True, begin
        if closes <= unix:
            since = closes
        elif finish <= unix and cell is not None:
            since = max(finish, cell.since)
    return False, since


def _dark_since(cell: "CellState | None", opens: float) -> bool:
    """Returns whether it was, or may have been, dark at some time since the window opened: the lamp is then on, and
    stays on."""
    return cell is None or cell.dark or cell.since > opens


def _light_since(cell: "CellState | None", opens: float) -> bool:
    """Returns whether it is known to have been light at some time since the window opened: the lamp is then off for
    good."""
    if cell is None:
        return False
    return not cell.dark or (cell.other_since is not None and cell.since > opens)
