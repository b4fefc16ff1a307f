"""[[sensor]] of a board file: the value of a good sensor, and every refusal of a wrong one."""

from __future__ import annotations

import pytest

from agent.config.board import Board
from agent.config.sensors import Sensor
from tests.agent.config.test_board import GOOD, board, problems

LINES = GOOD.count("\n")
"""The sensors stand below them: [[sensor]] at the next line, its first key one further."""
PRESENCE = """\
[[sensor]]
name = "P01"
bus = "street"
device = 7
kind = "presence"
at = "A"
"""
LUX = """\
[[sensor]]
name = "sky"
bus = "street"
device = 63
instance = 31
kind = "lux"
full_scale_lux = 1000
"""
PHOTOCELL = """\
[[sensor]]
name = "cell"
bus = "street"
device = 0
instance = 1
kind = "photocell"
dark_percent = 3.5
light_percent = 7
"""


def sensors(text: str) -> tuple[Sensor, ...]:
    found: Board = board(GOOD + text)
    return found.sensors


def test_each_kind_of_sensor() -> None:
    assert sensors(PRESENCE + LUX + PHOTOCELL) == (
        Sensor("P01", "street", 7, 0, "presence", "A", 0.0, 2.0, 4.0),
        Sensor("sky", "street", 63, 31, "lux", "", 1000, 2.0, 4.0),
        Sensor("cell", "street", 0, 1, "photocell", "", 0.0, 3.5, 7),
    )
    assert sensors("") == ()


def test_two_instances_of_a_device_and_the_same_number_on_two_buses() -> None:
    other = PRESENCE.replace("P01", "P02")
    assert [one.instance for one in sensors(PRESENCE + other.replace("device = 7", "device = 7\ninstance = 1"))] == [
        0,
        1,
    ]
    second = '[[bus]]\nname = "path"\ninterface = "luba"\nport = "/dev/ttyUSB0"\n'
    assert [one.bus for one in sensors(PRESENCE + second + other.replace("street", "path"))] == ["street", "path"]


def test_a_photocell_may_switch_at_one_share() -> None:
    (cell,) = sensors(PHOTOCELL.replace("light_percent = 7", "light_percent = 3.5"))
    assert cell.dark_percent == cell.light_percent == 3.5


@pytest.mark.parametrize(
    ("text", "line", "wanted"),
    [
        (
            PRESENCE + PHOTOCELL.replace('"cell"', '"P01"'),
            8,
            'the name "P01" is used at line {2} already: give each sensor its own',
        ),
        (
            PRESENCE + PHOTOCELL.replace("device = 0\ninstance = 1", "device = 7"),
            10,
            'instance 0 of device 7 on the bus "street" is used at line {4} already: give each sensor its own',
        ),
        (
            PRESENCE.replace('"street"', '"streat"'),
            3,
            'there is no [[bus]] of the name "streat": did you mean street?',
        ),
        (
            PRESENCE.replace('"street"', '"zzz"'),
            3,
            'there is no [[bus]] of the name "zzz": write one of street',
        ),
        (
            PRESENCE.replace('at = "A"', 'at = "B11"'),
            6,
            'there is no [[luminaire]] of the name "B11": did you mean B10?',
        ),
        (
            LUX.replace("full_scale_lux = 1000\n", ""),
            1,
            "this lux sensor has no full_scale_lux: write the illuminance at the end of its range, such as"
            " full_scale_lux = 1000 (or make it a photocell)",
        ),
        (
            PHOTOCELL.replace("light_percent = 7", "light_percent = 3.4"),
            8,
            "light_percent = 3.4 is less than dark_percent = 3.5, so the lamps would switch for ever: write a larger"
            " light_percent",
        ),
        (
            PHOTOCELL.replace("dark_percent = 3.5\nlight_percent = 7", "dark_percent = 4.5"),
            1,
            "light_percent = 4 is less than dark_percent = 4.5, so the lamps would switch for ever: write a larger"
            " light_percent",
        ),
        (
            PHOTOCELL.replace("dark_percent = 3.5\nlight_percent = 7", "light_percent = 1.9"),
            7,
            "light_percent = 1.9 is less than dark_percent = 2, so the lamps would switch for ever: write a larger"
            " light_percent",
        ),
        (
            PRESENCE.replace('"presence"', '"pressence"'),
            5,
            'kind = "pressence": write "presence" or "lux" or "photocell"',
        ),
        (PRESENCE.replace("device = 7", "device = 64"), 4, "device = 64: write a whole number from 0 to 63"),
        (PRESENCE.replace("device = 7", "device = -1"), 4, "device = -1: write a whole number from 0 to 63"),
        (PRESENCE.replace("device = 7", "device = 7.0"), 4, "device = 7.0: write a whole number from 0 to 63"),
        (LUX.replace("instance = 31", "instance = 32"), 5, "instance = 32: write a whole number from 0 to 31"),
        (LUX.replace("= 1000", "= 0.9"), 7, "full_scale_lux = 0.9: write a number from 1 to 200000"),
        (LUX.replace("= 1000", "= 200001"), 7, "full_scale_lux = 200001: write a number from 1 to 200000"),
        (PHOTOCELL.replace("= 3.5", "= 0"), 7, "dark_percent = 0: write a number from 0.1 to 99"),
        (PHOTOCELL.replace("= 3.5", "= 99.5"), 7, "dark_percent = 99.5: write a number from 0.1 to 99"),
        (PHOTOCELL.replace("= 7", "= 100.1"), 8, "light_percent = 100.1: write a number from 0.1 to 100"),
        (
            PRESENCE.replace('"P01"', '"P 1"'),
            2,
            'name = "P 1": write a text in quotes, such as "P01" (its name, by which programs may ask for it: letters,'
            " digits, dots, hyphens and underscores)",
        ),
        (PRESENCE.replace("at =", "att ="), 6, '"att" is no key of [[sensor]]: did you mean at?'),
        (
            PRESENCE.replace('kind = "presence"\n', ""),
            1,
            '[[sensor]] has no kind: write "presence" or "lux" or "photocell" (what it senses: presence (IEC 62386 part'
            " 303); lux, or a photocell's dark and light (part 304))",
        ),
        (
            PRESENCE.replace("device = 7\n", ""),
            1,
            "[[sensor]] has no device: write a whole number from 0 to 63 (the control device's short address)",
        ),
    ],
)
def test_each_refusal(text: str, line: int, wanted: str) -> None:
    """Each mistake is reported alone and with its line. {n} stands for the n-th line of the sensors."""
    numbered = wanted.format(*range(LINES, LINES + 20)) if "{" in wanted else wanted
    assert problems(GOOD + text) == [f"b.toml:{LINES + line}: {numbered}"]


def test_a_board_without_a_bus_or_a_luminaire() -> None:
    head = GOOD[: GOOD.index("[[bus]]")]
    found = problems(head + PRESENCE)
    assert 'b.toml:10: there is no [[bus]] of the name "street": add the [[bus]] first' in found
    assert 'b.toml:13: there is no [[luminaire]] of the name "A": add the [[luminaire]] first' in found


def test_a_sensor_without_its_place_is_not_said_to_stand_twice() -> None:
    """Two sensors that lack their device have that problem and no other."""
    lacking = PRESENCE.replace("device = 7\n", "")
    found = problems(GOOD + lacking + lacking.replace("P01", "P02"))
    assert [each.partition(": ")[2].partition(":")[0] for each in found] == ["[[sensor]] has no device"] * 2
