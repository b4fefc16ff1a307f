"""A control program as a value: when the lamp burns, and at which level from when (names as in TALQ 2.7.1)."""

from collections import namedtuple

DAY_S = 86400
NOON_S = 43200

# The kinds of a mark.
TIME = "time"
SUNSET = "sunset"
SUNRISE = "sunrise"


class Mark(namedtuple("Mark", ("kind", "offset_s"))):
    """A moment of each night.

    kind "time": `offset_s` is the local clock's second of the day, 0..86399. kinds "sunset" and "sunrise": `offset_s`
    is added to that event (negative: earlier), -43200..43200.
    """

    kind: str
    offset_s: int


class Step(namedtuple("Step", ("at", "percent", "fade_s"))):
    """From this mark on: the level in percent (0..100), reached by a fade of so many seconds."""

    at: "Mark"
    percent: float
    fade_s: float


class Program(namedtuple("Program", ("name", "on", "off", "steps", "fade_s"))):
    """Lit from `on` to `off` at the level of the latest step; dark otherwise.

    Before the night's first step the last one of the night holds (a fixed time holds until the next and wraps round
    the day, which runs from noon to noon). `fade_s`: the fade of switching on and off.
    """

    name: str
    on: "Mark"
    off: "Mark"
    steps: "tuple[Step, ...]"
    fade_s: float


class MarkError(ValueError):
    """The text is no mark; the message says what to write instead."""


def parse_mark(text: str) -> "Mark":
    """The mark that "22:00", "sunset", "sunset+00:20" or "sunrise-01:30" writes. Raises MarkError."""
    for kind in (SUNSET, SUNRISE):
        if text == kind:
            return Mark(kind, 0)
        if text.startswith(kind):
            sign = text[len(kind)]
            seconds = _clock_seconds(text[len(kind) + 1 :])
            if sign not in "+-" or seconds is None or seconds > NOON_S:
                raise MarkError('write "%s", or "%s+HH:MM" or "%s-HH:MM" with at most 12:00' % (kind, kind, kind))
            return Mark(kind, seconds if sign == "+" else -seconds)
    seconds = _clock_seconds(text)
    if seconds is None:
        raise MarkError('write a time from "00:00" to "23:59", or "sunset" or "sunrise" with "+HH:MM" or "-HH:MM"')
    return Mark(TIME, seconds)


def mark_text(mark: "Mark") -> str:
    """The mark as parse_mark reads it, in whole minutes."""
    minutes = abs(mark.offset_s) // 60
    clock = "%02d:%02d" % (minutes // 60, minutes % 60)
    if mark.kind == TIME:
        return clock
    if minutes == 0:
        return mark.kind
    return mark.kind + ("-" if mark.offset_s < 0 else "+") + clock


def seconds_after_noon(mark: "Mark") -> int:
    """Where a mark of the kind "time" lies in the day that runs from noon to noon: 0..86399."""
    return (mark.offset_s - NOON_S) % DAY_S


def _clock_seconds(text: str) -> "int | None":
    """The second of the day that "HH:MM" names; None for anything else."""
    if len(text) != 5 or text[2] != ":":
        return None
    for place in (0, 1, 3, 4):
        if text[place] not in "0123456789":
            return None
    hours, minutes = int(text[:2]), int(text[3:])
    if hours > 23 or minutes > 59:
        return None
    return hours * 3600 + minutes * 60
