"""Single values of the files that people write: how they are shown, which are refused, and which the schema allows."""

from __future__ import annotations

import re
from typing import Any

import pytest

from agent.almanac import ZoneAlmanac
from agent.config.calendar import read_calendar
from agent.config.darkness import darkest_night, trimmed_steps
from agent.config.document import parse_document
from agent.config.problems import ConfigError, shown
from agent.config.program import read_program
from agent.config.schema import json_schema
from agent.schedule.place import Place
from tests.agent.config.test_board import GOOD, board, problems


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (True, "true"),
        (False, "false"),
        ("d60", '"d60"'),
        (51.5, "51.5"),
        ("a\nb", '"a?b"'),
        ("x" * 58, f'"{"x" * 58}"'),
        ("x" * 59, f'"{"x" * 56}...'),
    ],
)
def test_a_value_is_shown_as_its_writer_would_know_it(value: object, wanted: str) -> None:
    assert shown(value) == wanted
    assert len(wanted) <= 60


LAST_KEY = "power_w = 40\n"
CURVE_LINE = GOOD.count("\n") + 1


@pytest.mark.parametrize(
    "curve",
    [
        "[]",
        "80",
        "[[0]]",
        "[[0, 80, 90]]",
        "[0, 80]",
        '[["0", 80]]',
        '[[0, "80"]]',
        "[[true, 80]]",
        "[[0, true]]",
        "[[-1, 80]]",
        "[[0, 80], [1000001, 90]]",
        "[[nan, 80]]",
        "[[0, 0.9]]",
        "[[0, 100.1]]",
        "[[0, 80], [0, 90]]",
        "[[100, 80], [50, 90]]",
    ],
)
def test_a_depreciation_that_is_none(curve: str) -> None:
    (found,) = problems(f"{GOOD}depreciation = {curve}\n")
    assert found.startswith(f"b.toml:{CURVE_LINE}: depreciation = ")
    assert "such as [[0, 80], [20000, 100]]" in found


@pytest.mark.parametrize("curve", ["[[0, 1]]", "[[0, 80], [0.5, 100]]", "[[1000000, 99.5]]"])
def test_a_depreciation_at_its_bounds(curve: str) -> None:
    assert board(f"{GOOD}depreciation = {curve}\n").luminaires


@pytest.mark.parametrize(
    ("date", "wanted"),
    [
        ("02-29", (0, 2, 29)),
        ("2028-02-29", (2028, 2, 29)),
        ("12-31", (0, 12, 31)),
        ("2026-02-29", None),
        ("04-31", None),
        ("13-01", None),
        ("00-10", None),
        ("01-00", None),
    ],
)
def test_dates_of_a_calendar(date: str, wanted: tuple[int, int, int] | None) -> None:
    text = f'[calendar]\nname = "c"\n[[rule]]\nprogram = "always-full"\ndates = ["{date}"]\n'
    if wanted:
        assert read_calendar(parse_document("c.toml", text)).rules[0].dates == (wanted,)
        return
    with pytest.raises(ConfigError) as caught:
        read_calendar(parse_document("c.toml", text))
    assert str(caught.value) == f'c.toml:5: "{date}" is no date: write month and day such as "12-24"'


def test_the_dark_hours_and_the_trimmed_steps_are_told_in_local_time() -> None:
    """The lamps go off at half past three by the local clock, and not by UTC."""
    text = (
        '[program]\nname = "own"\ndark = true\non = "sunset"\noff = "03:30"\n[[step]]\nat = "sunset"\npercent = 100\n'
        '[[step]]\nat = "05:00"\npercent = 50\n'
    )
    program = read_program(parse_document("own.toml", text))
    found = darkest_night(program, Place(ZoneAlmanac("Europe/Amsterdam"), 51.44, 5.47))
    assert found is not None
    day, begin, end = re.fullmatch(r"(\S+) from (\S+) to (\S+)", found).groups()  # type: ignore[union-attr]
    assert begin == "03:30"
    # Midwinter, when civil twilight begins latest: half past seven, winter time.
    assert day[:7] in ("2026-12", "2026-01")
    assert "07:50" <= end <= "08:15"
    trimmed = trimmed_steps(program, Place(ZoneAlmanac("Europe/Amsterdam"), 51.44, 5.47))
    assert trimmed.keys() == {1}
    nights, first, last = trimmed[1]
    assert (nights, str(first), str(last)) == (365, "2026-01-01", "2026-12-31")


def test_the_schema_of_a_board() -> None:
    """The schema has all that an editor needs to help: types, the bounds of the field, and no other keys."""
    schema: Any = json_schema("board")
    assert (schema["type"], schema["additionalProperties"]) == ("object", False)
    assert schema["required"] == ["board", "bus", "luminaire"]
    own = schema["properties"]["board"]
    assert (own["type"], own["additionalProperties"]) == ("object", False)
    assert set(own["required"]) == {"gateway", "latitude", "longitude", "bus_supply", "gateway_power_w"}
    keys = own["properties"]
    assert {name: keys["latitude"][name] for name in ("type", "minimum", "maximum")} == {
        "type": "number",
        "minimum": -90,
        "maximum": 90,
    }
    assert keys["bus_supply"]["enum"] == ["gear", "separate", "gateway"]
    assert keys["gateway"]["pattern"] == "^([a-z0-9-]{1,40})$"
    assert keys["dark_allowed"]["type"] == "boolean"
    assert keys["dark_allowed"]["default"] is False
    assert keys["longest_override"]["default"] == "24:00"
    assert re.search(keys["longest_override"]["pattern"], "12:30")
    assert not re.search(keys["longest_override"]["pattern"], "12:60")
    lamp = schema["properties"]["luminaire"]
    assert (lamp["type"], lamp["minItems"], lamp["items"]["type"]) == ("array", 1, "object")
    assert lamp["items"]["properties"]["depreciation"] | {"description": ""} == {
        "description": "",
        "type": "array",
        "minItems": 1,
        "items": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
    }
    groups = lamp["items"]["properties"]["groups"]
    assert (groups["type"], groups["minItems"], groups["items"]["type"]) == ("array", 1, "string")
    mark = schema["properties"]["baseline"]["properties"]["on"]
    assert mark["default"] == "sunset"
    assert re.search(mark["pattern"], "sunset-00:30")
    assert not re.search(mark["pattern"], "sunset-13:00")
