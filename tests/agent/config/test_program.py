"""Program files: the ready programs, and the sentence and line of every possible mistake."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.document import parse_document
from agent.config.problems import ConfigError
from agent.config.program import load_program, read_program, ready_programs
from agent.config.schema import KINDS, MARK_PATTERN, json_schema, markdown
from agent.schedule.program import Mark, MarkError, Program, Step, parse_mark

ROOT = Path(__file__).resolve().parents[3]

GOOD = """\
[program]
name = "own"

[[step]]
at = "sunset"
percent = 100

[[step]]
at = "22:00"
percent = 50
fade_s = 64
"""


def read(text: str) -> Program:
    return read_program(parse_document("p.toml", text))


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text)
    return [str(problem) for problem in caught.value.problems]


def test_a_program_with_its_defaults() -> None:
    assert read(GOOD) == Program(
        "own",
        Mark("sunset", 0),
        Mark("sunrise", 0),
        (Step(Mark("sunset", 0), 100, 0), Step(Mark("time", 79200), 50, 64)),
        0,
    )


def test_the_ready_programs() -> None:
    assert {"d60", "always-full"} <= set(ready_programs())
    for name in ready_programs():
        assert load_program(name).name == name
    d60 = load_program("d60")
    assert [(step.at.offset_s // 3600, step.percent) for step in d60.steps] == [(5, 100), (20, 70), (22, 50)]
    with pytest.raises(ConfigError, match=r"^d6O: there is no ready program of this name: "):
        load_program("d6O")


def test_the_docs_have_every_ready_program() -> None:
    page = (ROOT / "agent" / "programs" / "README.md").read_text()
    assert [name for name in ready_programs() if f"| `{name}` |" not in page] == []


def test_a_program_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(GOOD)
    assert load_program(path) == load_program(str(path)) == read(GOOD)


def test_every_error_at_once() -> None:
    text = """\
[program]
name = "own"
on = "24:00"
[[step]]
at = "25:00"
percent = 120
[[step]]
at = "20:00"
percent = 50
fade_s = 100
[[step]]
at = "20:00"
precent = 40
"""
    mark = (
        'write a time from "00:00" to "23:59"; or "sunset", "sunrise", "dusk", "dawn", "midpoint" or "sun below -3"'
        ' with "+HH:MM" or "-HH:MM"'
    )
    assert problems(text) == [
        f'p.toml:3: on = "24:00": {mark}',
        f'p.toml:5: at = "25:00": {mark}',
        "p.toml:6: percent = 120: write a number from 0 to 100",
        "p.toml:10: fade_s = 100: write a number from 0 to 90",
        "p.toml:11: [[step]] has no percent: write a number from 0 to 100 (the level)",
        'p.toml:12: at = "20:00" is the time of the step at line 8 too: change or remove one of them',
        'p.toml:13: "precent" is no key of [[step]]: did you mean percent?',
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            GOOD.replace("100", "0").replace("50", "0.0"),
            "p.toml:6: every step is 0 %, so the street would be dark all night: give at least one step"
            " a level above 0, or write dark = true in [program] if that is meant (the board must allow it too)",
        ),
        (
            GOOD.replace('"sunset"', '"sunset+13:00"'),
            'p.toml:5: at = "sunset+13:00": write "sunset", or "sunset+HH:MM" or "sunset-HH:MM" with at most 12:00',
        ),
        (
            GOOD.replace('"22:00"', "22:00:00"),
            'p.toml:9: at = 22:00:00: write a time such as "22:00", or "sunset", "sunrise", "dusk", "dawn",'
            ' "midpoint" or "sun below -3" with an offset',
        ),
        (
            '[program]\nname = "own"\n',
            "p.toml: there is no [[step]]: add one (the level from a moment of the night on, until the next step)",
        ),
        (GOOD.replace("percent = 50", "percent = -1"), "p.toml:10: percent = -1: write a number from 0 to 100"),
    ],
)
def test_each_problem_says_where_and_what_to_write(text: str, wanted: str) -> None:
    assert problems(text) == [wanted]


@pytest.mark.parametrize(
    ("on", "off"),
    [
        ("05:00", "23:00"),
        ("22:00", "22:00"),
        ("sunrise", "sunset"),
        ("sunset+01:00", "sunset+00:30"),
        ("sunset", "sunset"),
    ],
)
def test_a_period_that_is_always_empty_is_refused(on: str, off: str) -> None:
    text = GOOD.replace('name = "own"', f'name = "own"\non = "{on}"\noff = "{off}"')
    assert problems(text) == [
        f"p.toml:4: the lamps would be switched off ({off}) before they are switched on ({on}), counted from noon:"
        ' write a later off, or an earlier on, such as on = "sunset" and off = "sunrise"'
    ]


@pytest.mark.parametrize(
    ("on", "off"), [("16:00", "08:00"), ("12:00", "12:00"), ("sunset", "00:30"), ("06:00", "sunrise")]
)
def test_other_periods_are_allowed(on: str, off: str) -> None:
    assert read(GOOD.replace('name = "own"', f'name = "own"\non = "{on}"\noff = "{off}"')).steps


@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(GOOD.splitlines()), max_size=20).map("\n".join)))
def test_any_text_is_a_program_or_a_list_of_problems(text: str) -> None:
    try:
        found = read(text)
    except ConfigError:
        return
    assert any(step.percent for step in found.steps)


@given(st.one_of(st.text(max_size=14), st.from_regex(MARK_PATTERN, fullmatch=True)))
def test_the_schema_knows_the_same_marks(text: str) -> None:
    try:
        parse_mark(text)
        good = True
    except MarkError:
        good = False
    assert good == bool(re.fullmatch(MARK_PATTERN[1:-1], text))


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_has_every_key(kind: str) -> None:
    schema = json_schema(kind)
    tables = schema["properties"]
    assert isinstance(tables, dict)
    for table in KINDS[kind]:
        one = tables[table.name]["items"] if table.many else tables[table.name]
        assert set(one["properties"]) == {key.name for key in table.keys}
        assert not one["additionalProperties"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_docs_have_every_key(kind: str) -> None:
    """The pages of keys agree with the tables. After a failure, put the printed text between the two marks."""
    page = (ROOT / ("board_configs" if kind == "board" else "agent/programs") / "KEYS.md").read_text()
    written = page.partition(f"<!-- keys of a {kind}: generated -->\n")[2]
    written = written.partition(f"<!-- end of the keys of a {kind} -->")[0]
    print(markdown(kind))
    assert written == markdown(kind)
