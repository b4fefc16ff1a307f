"""Marks: moments of a night as an operator writes them, by the clock, by sunset and sunrise, by the sun's angle, or by
the middle of the night."""

from agent.schedule.value import Value

DAY_S = 86400
NOON_S = 43200

# The kinds of a mark.
TIME = "time"
SUNSET = "sunset"
SUNRISE = "sunrise"
SUN_BELOW = "sun below"
SUN_ABOVE = "sun above"
MIDPOINT = "midpoint"

# Civil twilight: the sun's centre 6 degrees below the horizon.
CIVIL_DEG = -6.0
# The kinds of the marks that the words "dusk" and "dawn" stand for.
_WORDS = (("dusk", SUN_BELOW), ("dawn", SUN_ABOVE))
# Astronomical twilight ends at -18; above 10 degrees no lamp is switched.
LOWEST_DEG = -18.0
HIGHEST_DEG = 10.0


class Mark(Value):
    """A moment of each night.

    For the kind "time", `offset_s` is the local clock's second of the day, 0..86399. For all other kinds, `offset_s` is
    added to the event (negative: earlier), -43200..43200. "sun below" and "sun above" are the events at which the sun's
    centre passes `angle_deg`, downward in the evening and upward in the morning. "midpoint" is the middle between
    sunset and sunrise.
    """

    FIELDS = ("kind", "offset_s", "angle_deg")

    def __init__(self, kind: str, offset_s: int, angle_deg: "float | None" = None) -> None:
        self.kind = kind
        self.offset_s = offset_s
        self.angle_deg = angle_deg

    @property
    def evening(self) -> bool:
        """True if the sun passes this mark on its way down."""
        return self.kind in (SUNSET, SUN_BELOW)

    @property
    def morning(self) -> bool:
        """True if the sun passes this mark on its way up."""
        return self.kind in (SUNRISE, SUN_ABOVE)


class MarkError(ValueError):
    """The text is no mark. The message says what to write instead."""


_ANY_MARK = (
    'write a time from "00:00" to "23:59"; or "sunset", "sunrise", "dusk", "dawn", "midpoint" or "sun below -3" with'
    ' "+HH:MM" or "-HH:MM"'
)


def parse_mark(text: str) -> "Mark":
    """Returns the mark of a text such as "22:00", "sunset+00:20", "dawn", "sun below -3" or "midpoint-02:00". Raises
    MarkError for any other text."""
    for kind in (SUNSET, SUNRISE, MIDPOINT):
        if text.startswith(kind):
            return Mark(kind, _offset(text, kind))
    for word, kind in _WORDS:
        if text.startswith(word):
            return Mark(kind, _offset(text, word), CIVIL_DEG)
    for kind in (SUN_BELOW, SUN_ABOVE):
        if text.startswith(kind):
            return _angle_mark(text, kind)
    seconds = clock_seconds(text)
    if seconds is None:
        raise MarkError(_ANY_MARK)
    return Mark(TIME, seconds)


def mark_text(mark: "Mark") -> str:
    """Returns the text of a mark, in whole minutes, as parse_mark reads it."""
    minutes = abs(mark.offset_s) // 60
    clock = "%02d:%02d" % (minutes // 60, minutes % 60)
    if mark.kind == TIME:
        return clock
    name = mark.kind
    if mark.angle_deg is not None:
        name += " %g" % mark.angle_deg
        for word, kind in _WORDS:
            if (kind, CIVIL_DEG) == (mark.kind, mark.angle_deg):
                name = word
    if minutes == 0:
        return name
    return name + ("-" if mark.offset_s < 0 else "+") + clock


def seconds_after_noon(mark: "Mark") -> int:
    """Returns the seconds (0..86399) from noon to a mark of the kind "time"."""
    return (mark.offset_s - NOON_S) % DAY_S


def clock_seconds(text: str) -> "int | None":
    """Returns the second of the day that a text "HH:MM" names, or None for any other text."""
    if len(text) != 5 or text[2] != ":":
        return None
    for place in (0, 1, 3, 4):
        if text[place] not in "0123456789":
            return None
    hours, minutes = int(text[:2]), int(text[3:])
    if hours > 23 or minutes > 59:
        return None
    return hours * 3600 + minutes * 60


def _offset(text: str, event: str) -> int:
    """Returns the seconds of the offset behind an event's name. Raises MarkError if anything else stands there."""
    rest = text[len(event) :]
    if not rest:
        return 0
    seconds = clock_seconds(rest[1:])
    if rest[0] not in "+-" or seconds is None or seconds > NOON_S:
        raise MarkError('write "%s", or "%s+HH:MM" or "%s-HH:MM" with at most 12:00' % (event, event, event))
    return seconds if rest[0] == "+" else -seconds


def _angle_mark(text: str, kind: str) -> "Mark":
    """Returns the mark of a text such as "sun below -3", with or without an offset behind the angle. Raises
    MarkError."""
    rest = text[len(kind) :]
    # The sign of the offset is the first one behind the angle's own.
    end = len(rest)
    for at in range(2, len(rest)):
        if rest[at] in "+-":
            end = at
            break
    angle = _degrees(rest[1:end]) if rest[:1] == " " else None
    if angle is None or not LOWEST_DEG <= angle <= HIGHEST_DEG:
        raise MarkError(
            'write "%s" and degrees from %d to %d, such as "%s -3" or "%s -3+00:15"'
            % (kind, LOWEST_DEG, HIGHEST_DEG, kind, kind)
        )
    return Mark(kind, _offset(text, kind + rest[:end]), angle)


def _degrees(text: str) -> "float | None":
    """Returns the number of a text such as "-3", "0" or "-0.5", or None for any other text."""
    digits = text[1:] if text[:1] == "-" else text
    whole, point, part = digits.partition(".")
    for piece in (whole, part) if point else (whole,):
        if not 1 <= len(piece) <= 2 or [sign for sign in piece if sign not in "0123456789"]:
            return None
    # "-0" is "0", so that equal marks are equal values.
    return float(text) + 0.0
