"""The record of commissioning as sentences and as a page."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from string import Formatter

import pytest

from agent.commands.demo import DEMO_BOARD
from agent.commissioning import texts
from agent.commissioning.findings import KINDS, BusRecord, Finding, FoundGear
from agent.commissioning.page import page
from agent.commissioning.record import as_json, as_text
from agent.config.board import load_board

FACTS = {
    "address": 7,
    "new": "L07",
    "missing": "L08",
    "level": 254,
    "nominal_w": 25.0,
    "declared_w": 40.0,
    "setting": "fade time",
    "found": 1,
    "wanted": 2,
    "random_address": "14D1D4",
    "text": "said the driver",
    "lamps": "L01, L02",
    "hours": 41234,
    "starts": 3021,
}


def a_record(*findings: Finding) -> BusRecord:
    gear = FoundGear(7, "L<07>", is_new=True, settings={"power_on_level": 254, "system_failure_level": 255})
    gear.banks = {
        "gear": {"serial number": "1234", "GTIN": None, "luminaire colour": "R<D>"},
        "luminaire": {"nominal power": "25 W"},
    }
    return BusRecord(
        "street", "atx_hat", "/dev/serial0", 1, False, 1_768_500_000.0, 12.3, {"survey": 65}, [gear], [*findings]
    )


@pytest.mark.parametrize("language", texts.LANGUAGES)
@pytest.mark.parametrize("name", KINDS)
def test_each_finding_has_a_sentence_of_its_own_facts(name: str, language: str) -> None:
    said = texts.sentence(Finding(name, "L07", FACTS), language)
    assert said
    assert "{" not in said


@pytest.mark.parametrize("name", KINDS)
def test_both_languages_tell_of_the_same_address(name: str) -> None:
    english, dutch = texts._FINDINGS[name]
    if english != "{text}":
        told = [{field for _, field, _, _ in Formatter().parse(text) if field} for text in (english, dutch)]
        assert told[0] - {"text"} == told[1] - {"text"}


@pytest.mark.parametrize(
    ("environment", "language"),
    [({"LANG": "nl_NL.UTF-8"}, "nl"), ({"LANG": "C"}, "en"), ({}, "en"), ({"LC_ALL": "en_GB", "LANG": "nl_NL"}, "en")],
)
def test_the_language_is_the_environments(
    environment: dict[str, str], language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert texts.default_language() == language


class Balanced(HTMLParser):
    """A parser that fails if a tag is not closed by its own end tag."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_the_page_holds_all_and_fetches_nothing(language: str, tmp_path: Path) -> None:
    board = load_board(DEMO_BOARD)
    record = a_record(Finding("gearUnknown", "7", {"address": 7}), Finding("gearTrouble", "<b>", {"text": "a & b"}))
    content = page(board, record, language)
    parser = Balanced()
    parser.feed(content)
    assert parser.open == []
    for told in (
        "1234",
        "25 W",
        "254 (100 %)",
        "MASK",
        "L&lt;07&gt;",
        "R&lt;D&gt;",
        "a &amp; b",
        f'lang="{language}"',
        "street",
    ):
        assert told in content
    assert not re.search(r"<b>|<D>|<script|src=|href=|url\(|@import", content)
    assert "2026-01-15 19:00" in content  # by the board's own clock
    assert texts.word("none", language) not in content


def test_json_and_lines_say_what_is_wrong() -> None:
    board = load_board(DEMO_BOARD)
    right, wrong = a_record(), a_record(Finding("gearMissing", "L01", {"address": 0}))
    assert right.is_right
    assert not wrong.is_right
    buses = as_json(board, [right, wrong])["buses"]
    assert isinstance(buses, list)
    assert [bus["right"] for bus in buses] == [True, False]
    assert buses[1]["findings"][0]["sentence"].startswith("L01: the board has it at address 0")
    assert any("verschil: L01" in line for line in as_text(wrong, "nl"))


def test_a_record_in_lines_tells_each_gear_and_what_it_says_of_itself() -> None:
    record = a_record()
    record.gear.append(FoundGear(9, None, is_new=False))
    assert as_text(record, "en") == [
        "Bus street",
        "   7  L<07>, new, 25 W, serial number 1234",
        "   9  not on the board",
        "  65 forward frames, 12.3 s",
    ]
    board = load_board(DEMO_BOARD)
    assert as_json(board, [record])["board_file"] == str(DEMO_BOARD)


def test_new_gear_is_marked_on_the_page() -> None:
    assert "<td>L&lt;07&gt; (new)</td>" in page(load_board(DEMO_BOARD), a_record(), "en")


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_a_page_of_one_gear_alone_says_nothing_of_the_others(language: str) -> None:
    record = BusRecord("street", "atx_hat", "p", 1, False, 0.0, compared=False)
    record.findings.append(Finding("lampExchanged", "L07", FACTS))
    text = page(load_board(DEMO_BOARD), record, language)
    assert "41234" in text
    for word in ("none", "gear count", "gear", "details"):
        assert f">{texts.word(word, language)}<" not in text
