"""The stories' page and its parts: sentences, durations, curves, two languages; any text stays text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.observed import Course, Frame, Observation, listening, tell
from hil.report.curve import curve_svg
from hil.report.page import page
from hil.report.story import StoryResult, StoryRun, duration_text, line_of, sentence_of
from hil.report.words import LANGUAGES, WORDS, language_of

NOON = 1765796400.0
"""2025-12-15 12:00 in Amsterdam."""
VOID = {"meta", "circle", "line"}


def seen(*courses: Course, true_levels: bool = True, clock_set: bool = False, lasted_s: float = 3600.0) -> Observation:
    frame = Frame(NOON + 1.25, "street", "01a0", "0", "QUERY ACTUAL LEVEL", "229 (0xE5): 50.5 %")
    return Observation(
        "board", "Europe/Amsterdam", NOON, NOON + lasted_s, true_levels, clock_set, True, courses, (frame,)
    )


class Balance(HTMLParser):
    """Collects the open elements and all text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    ("name", "parameters", "sentence"),
    [
        ("test_the_light_stays_on", {}, "The light stays on"),
        ("test_mains_lost", {"bus_supply": "gear"}, "Mains lost (bus supply gear)"),
        ("test_crash", {"seed": 3, "disturb": duration_text}, "Crash (seed 3, disturb duration text)"),
        ("test_", {}, ""),
    ],
)
def test_a_storys_name_is_a_sentence(name: str, parameters: dict[str, object], sentence: str) -> None:
    assert sentence_of(name, parameters) == sentence


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (3.25, "3.2 s"), (12.4, "12 s"), (180, "3 min"), (185, "3 min 5 s"), (68520, "19 h 2 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_a_story_of_which_nothing_more_is_heard_has_failed() -> None:
    assert line_of(StoryResult("file::test_x", "X")) == "failed   X: it was stopped before its end"


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "nl_NL.UTF-8"}, "nl"),
        ({"LANG": "nl_BE"}, "nl"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "nl_NL", "LC_ALL": "C"}, "en"),
        ({"LANG": "C", "LC_MESSAGES": "nl_NL"}, "nl"),
    ],
)
def test_the_language_is_the_environments(environment: dict[str, str], language: str) -> None:
    assert language_of(environment) == language


def test_both_languages_have_all_words() -> None:
    assert set(WORDS) == set(LANGUAGES)
    assert WORDS["nl"].keys() == WORDS["en"].keys()
    for key, words in WORDS["en"].items():
        assert re.findall(r"{\w+}", words) == re.findall(r"{\w+}", WORDS["nl"][key]), key


def test_lamps_that_went_the_same_way_share_a_line() -> None:
    half = ((NOON, 0.0), (NOON + 600, 0.0), (NOON + 600, 229.0), (NOON + 3600, 229.0))
    svg = curve_svg(seen(Course("L01", half), Course("L02", half), Course("L03", ((NOON, 254.0),))), WORDS["en"])
    assert svg.count('stroke-linejoin="round"') == 2 * 2
    assert "L01, L02" in svg
    # Half of the light is half way up; ten minutes of an hour are a sixth of the way to the right.
    corner = re.search(r"L(\d+\.\d),(\d+\.\d) L844\.0,\2", svg)
    assert corner
    assert float(corner[1]) == pytest.approx(44 + 800 / 6, abs=0.1)
    assert float(corner[2]) == pytest.approx((178 + 26) / 2, abs=1.0)
    assert [text for text in re.findall(r">([\d:]+)</text>", svg) if ":" in text] == [
        "12:00",
        "12:15",
        "12:30",
        "12:45",
        "13:00",
    ]


def test_a_story_that_sets_its_clock_counts_from_its_begin() -> None:
    svg = curve_svg(seen(Course("L01", ((NOON, 0.0),)), clock_set=True), WORDS["en"])
    assert "00:00" in svg
    assert "13:00" not in svg


def test_levels_that_were_read_are_marked_and_hold_until_the_next() -> None:
    read = Course("L01", ((NOON + 10, 254), (NOON + 1800, 229)))
    svg = curve_svg(seen(read, true_levels=False), WORDS["en"])
    assert svg.count("<circle") == 2
    path = re.search(r'd="(M[^"]*)"', svg)
    assert path
    heights = [point.split(",")[1] for point in path[1][1:].split(" L")]
    assert heights == ["26.0", "26.0", heights[2], heights[2]]


def test_nothing_watched_draws_nothing() -> None:
    assert curve_svg(seen(Course("L01", ())), WORDS["en"]) == ""
    assert curve_svg(seen(), WORDS["en"]) == ""


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 254)), min_size=1), st.floats(0, 1e6), st.booleans())
def test_any_course_is_drawn_on_the_paper(
    points: list[tuple[float, float]], lasted_s: float, true_levels: bool
) -> None:
    course = Course("L01", tuple((NOON + after, level) for after, level in sorted(points)))
    svg = curve_svg(seen(course, true_levels=true_levels, lasted_s=lasted_s), WORDS["en"])
    path = re.search(r'd="M([^"]*)"', svg)
    assert path
    for corner in path[1].split(" L"):
        x, y = map(float, corner.split(","))
        assert 44 <= x <= 844
        assert 26 <= y <= 178
    assert len(re.findall(r">\d\d:\d\d(?::\d\d)?</text>", svg)) <= 11


@given(st.text(st.characters()), st.sampled_from(LANGUAGES))
def test_any_text_stays_text(said: str, language: str) -> None:
    text = f"x{said}"
    story = StoryResult(text, text, "failed", text, text, 1.0, [seen(Course(text, ((NOON, 0.0),)))])
    html = page(StoryRun(text, text, NOON, 1.0, [story]), language)
    plain = page(
        StoryRun("x", "x", NOON, 1.0, [StoryResult("x", "x", "failed", "x", "x", 1.0, story.observations)]), "en"
    )
    found, expected = Balance(), Balance()
    html.encode("utf-8")
    found.feed(html)
    expected.feed(plain)
    assert found.open == []
    assert found.tags == expected.tags
    assert "QUERY ACTUAL LEVEL" in found.text
    assert "12:00:01.250" in found.text


def test_a_listener_hears_each_observation_until_it_stops_listening() -> None:
    asked = []

    def observe() -> Observation:
        asked.append(1)
        return seen()

    tell(observe)
    assert asked == []
    with listening() as first, listening() as second:
        tell(observe)
    tell(observe)
    assert len(first) == len(second) == len(asked) == 1
