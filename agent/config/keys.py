"""A key of a file: its type, range, default and meaning, and the check of a value."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import Enum

from agent.config.problems import did_you_mean, shown
from agent.schedule.marks import MarkError, parse_mark


class Type(Enum):
    """The type of a value, in the words of the error that asks for it."""

    TEXT = "a text in quotes"
    NUMBER = "a number"
    WHOLE = "a whole number"
    FLAG = "true or false"
    MARK = 'a time such as "22:00", or "sunset", "sunrise", "dusk", "dawn", "midpoint" or "sun below -3" with an offset'
    HOURS = 'hours and minutes such as "00:30"'
    SPAN = 'seconds, or a text "minutes:seconds" or "hours:minutes:seconds",'
    TEXTS = "a list of texts"
    CURVE = "a list of pairs such as [[0, 80], [20000, 100]]"


class _Required(Enum):
    REQUIRED = "required"


REQUIRED = _Required.REQUIRED

HOURS_PATTERN = "[0-9]{1,3}:[0-5][0-9]"
SPAN_PATTERN = r"(?:([0-9]{1,4}):)?([0-5]?[0-9]):([0-5][0-9](?:\.[0-9]{1,3})?)"
"""The text form of a SPAN, which may also be a number of seconds. Both are read into seconds."""
# A longer list was not written by hand.
_LONGEST_LIST = 400


@dataclass(frozen=True)
class Key:
    """A key of a table.

    `meaning` is a phrase for the schema and the docs, and `example` a value for an error to propose. `low` and `high`
    bound a number (for HOURS, in seconds). `choices` and `pattern` bound a text and each text of a list. A key with the
    default None may be left out, and then has no value.
    """

    name: str
    type: Type
    meaning: str
    default: str | int | float | tuple[()] | _Required | None = REQUIRED
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""
    example: str = ""
    beyond: str = ""  # the remedy for a value above `high`, if another number is none

    def wanted(self) -> str:
        """Returns a phrase that says what to write as the value."""
        if self.choices:
            words = (" or " if self.type is Type.TEXT else ", ").join(f'"{choice}"' for choice in self.choices)
            return words if self.type is Type.TEXT else f"a list of {words}"
        phrase = self.type.value
        if self.type is Type.HOURS and self.high is not None:
            phrase += f", at most {hours_text(self.high)}"
        elif self.low is not None and self.high is not None:
            phrase = f"{self.low:g}" if self.low == self.high else f"{phrase} from {self.low:g} to {self.high:g}"
        return phrase + (f", such as {self.example}" if self.example else "")


def format_key(newest: int) -> Key:
    """Returns the key `format`, by which a file states the version of its format: a number from 1 to `newest`. Within
    one version, changes only add."""
    return Key(
        "format",
        Type.WHOLE,
        "the version of this file's format",
        newest,
        low=1,
        high=newest,
        beyond=f"this version of Lichtmast reads up to format {newest}: update it, or write the file in that format",
    )


def hours_text(seconds: float) -> str:
    """Returns seconds as "hh:mm", rounded down to whole minutes."""
    minutes = int(seconds) // 60
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def hours_seconds(text: str) -> int:
    """Returns the seconds of a text of hours and minutes, which must match HOURS_PATTERN."""
    hours, _, minutes = text.partition(":")
    return int(hours) * 3600 + int(minutes) * 60


def default_of(key: Key) -> object:
    """Returns the default of a key in the form that the agent uses: a Mark, or seconds of HOURS."""
    if key.type is Type.MARK:
        return parse_mark(str(key.default))
    return hours_seconds(str(key.default)) if key.type is Type.HOURS else key.default


def checked(key: Key, value: object) -> tuple[object, str]:
    """Returns the value in the form that the agent uses, and "". For a wrong value, returns None and a phrase that says
    what to write."""
    wrong = f"write {key.wanted()}" + (f" ({key.meaning})" if key.pattern else "")
    if key.type is Type.FLAG:
        return (value, "") if isinstance(value, bool) else (None, wrong)
    if key.type is Type.TEXTS:
        return _checked_texts(key, value, wrong)
    if key.type is Type.CURVE:
        return _checked_curve(value, wrong)
    if key.type in (Type.TEXT, Type.MARK, Type.HOURS):
        return _checked_text(key, value, wrong)
    if key.type is Type.SPAN and isinstance(value, str):
        found = re.fullmatch(SPAN_PATTERN, value)
        if not found:
            return None, wrong
        value = int(found[1] or 0) * 3600 + int(found[2]) * 60 + float(found[3])
    # In Python a boolean is an integer; in TOML it is not.
    if isinstance(value, bool) or not isinstance(value, int if key.type is Type.WHOLE else (int, float)):
        return None, wrong
    if not math.isfinite(value) if isinstance(value, float) else False:
        return None, wrong
    if key.beyond and key.high is not None and value > key.high:
        return None, key.beyond
    if (key.low is not None and value < key.low) or (key.high is not None and value > key.high):
        return None, wrong
    return value, ""


def _checked_text(key: Key, value: object, wrong: str) -> tuple[object, str]:
    if not isinstance(value, str):
        return None, wrong
    if key.type is Type.MARK:
        try:
            return parse_mark(value), ""
        except MarkError as error:
            return None, str(error)
    if key.type is Type.HOURS:
        if not re.fullmatch(HOURS_PATTERN, value):
            return None, wrong
        seconds = hours_seconds(value)
        return (None, wrong) if key.high is not None and seconds > key.high else (seconds, "")
    if (key.choices and value not in key.choices) or not re.fullmatch(key.pattern or r"[^\x00-\x1f]+", value):
        return None, wrong
    return value, ""


def _checked_texts(key: Key, value: object, wrong: str) -> tuple[object, str]:
    if not isinstance(value, list) or not 1 <= len(value) <= _LONGEST_LIST:
        return None, wrong
    for each in value:
        if not isinstance(each, str) or not re.fullmatch(key.pattern or r"[^\x00-\x1f]+", each):
            return None, wrong
        if key.choices and each not in key.choices:
            return None, f"{shown(each)} is none of them: {did_you_mean(each, key.choices)}"
    return tuple(value), ""


def _checked_curve(value: object, wrong: str) -> tuple[object, str]:
    """Returns the pairs of hours and percent (1 to 100) of a curve, and "". The hours must grow from each pair to the
    next; for a wrong curve, returns None and a phrase that says what to write."""
    if not isinstance(value, list) or not 1 <= len(value) <= _LONGEST_LIST:
        return None, wrong
    points: list[tuple[float, float]] = []
    for pair in value:
        if not isinstance(pair, list) or len(pair) != 2:
            return None, wrong
        for number in pair:
            if isinstance(number, bool) or not isinstance(number, (int, float)) or not 0 <= number <= 1e6:
                return None, wrong
        hours, percent = float(pair[0]), float(pair[1])
        if not 1 <= percent <= 100 or (points and hours <= points[-1][0]):
            return None, f"{wrong}: hours that grow, each with a percent from 1 to 100"
        points.append((hours, percent))
    return tuple(points), ""
