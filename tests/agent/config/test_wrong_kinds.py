"""A file in the place of another is called what it is: one message each, with what to do."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.clock import MachineClock
from agent.config.board import load_board
from agent.config.calendar import load_calendar
from agent.config.checked import check_file
from agent.config.problems import ConfigError, did_you_mean
from agent.config.program import READY, load_program
from agent.main import main
from tests.rigs.gateway import BusOf, board_text

PROGRAM = (READY / "d60.toml").read_text()
CALENDAR = '[calendar]\nname = "centre"\nprogram = "d60"\n'
NO_BOARD = "give the board's file, which has [board], [[bus]] and [[luminaire]]"
NO_PROGRAM = "give a ready program's name, or the file of a program, which has [program] and [[step]]"
NO_CALENDAR = "give the calendar's file, which has [calendar] and [[rule]]"
NO_TOML = "not a TOML file: give the path of the .toml file itself"
NO_FILE = "not a file: give the path of a TOML file that can be read"


def refused(load: Callable[[Path], object], path: Path) -> str:
    with pytest.raises(ConfigError) as error:
        load(path)
    return str(error.value)


@pytest.mark.parametrize(
    ("load", "content", "said"),
    [
        (load_board, PROGRAM, f": this is a program, not a board: {NO_BOARD}"),
        (load_board, CALENDAR, f": this is a calendar, not a board: {NO_BOARD}"),
        (load_board, "", f": this file is empty: begin it with [board], or {NO_BOARD}"),
        (load_program, "# later", f": this file is empty: begin it with [program], or {NO_PROGRAM}"),
        (load_program, CALENDAR, f": this is a calendar, not a program: {NO_PROGRAM}"),
        (load_program, '[board]\nname = "a"\n', f": this is a board, not a program: {NO_PROGRAM}"),
        (load_calendar, PROGRAM, f": this is a program, not a calendar: {NO_CALENDAR}"),
        (load_calendar, "[[bus]]\n", f": this is a board, not a calendar: {NO_CALENDAR}"),
        (
            load_program,
            PROGRAM.replace("[program]", "[programm]"),
            "no table [programm]: did you mean [program]?",
        ),
        (load_program, PROGRAM.replace("[[step]]", "[[Step]]"), "there is no table [[Step]]: did you mean [[step]]?"),
        (
            load_calendar,
            CALENDAR.replace("[cal", "\n[Cal"),
            ":2: there is no table [Calendar]: did you mean [calendar]?",
        ),
    ],
)
def test_another_kind_of_file(load: Callable[[Path], object], content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(content)
    found = refused(load, path)
    assert found.startswith(f"{path}:")
    assert found.endswith(said)
    assert "\n" not in found


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("[board]", "[bord]", "there is no table [bord]: did you mean [board]?"),
        ("[[luminaire]]", "[[luminair]]", "there is no table [[luminair]]: did you mean [[luminaire]]?"),
        ("[[bus]]", "[[Bus]]", "there is no table [[Bus]]: did you mean [[bus]]?"),
    ],
)
def test_a_misspelt_header_of_a_board_is_one_message(right: str, wrong: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "b.toml"
    text = board_text(tmp_path, [BusOf("L")])
    path.write_text(text.replace(right, wrong))
    line = text[: text.index(right)].count("\n") + 1
    assert refused(load_board, path) == f"{path}:{line}: {said}"
    assert [str(each) for each in check_file(str(path), None, MachineClock()).problems] == [f"{path}:{line}: {said}"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x89PNG\r\n\x1a\n\0", f"this is a PNG picture, {NO_TOML}"),
        (b"\xff\xd8\xff\xe0", f"this is a JPEG picture, {NO_TOML}"),
        (b"%PDF-1.7\n", f"this is a PDF document, {NO_TOML}"),
        (b"PK\x03\x04", f"this is a ZIP archive, {NO_TOML}"),
        (b'<?xml version="1.0"?>\n<svg xmlns="x">', f"this is an SVG drawing, {NO_TOML}"),
        (b"<svg>", f"this is an SVG drawing, {NO_TOML}"),
        (b"\n<!DOCTYPE html>\n<html>", f"this is an HTML page, {NO_TOML}"),
        (b"<gpx>", f"this is an XML file, {NO_TOML}"),
        (b'{"board": 1}', f"this is a JSON file, {NO_TOML}"),
        (b'[\n {"board": 1}]', f"this is a JSON file, {NO_TOML}"),
        (b"# nothing\n", "this file is empty: begin it with [board], [program] or [calendar], or give another file"),
        (b"", "this file is empty: begin it with [board], [program] or [calendar], or give another file"),
    ],
)
def test_a_file_that_is_none_of_ours(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(content)
    found = check_file(str(path), None, MachineClock()).problems
    assert [str(each) for each in found] == [f"{path}: {said}"]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (os.mkdir, "this is a folder"),
        (os.mkfifo, "this is a pipe"),
        (lambda path: path.symlink_to("/dev/zero"), "this is a device"),
    ],
)
def test_no_file_at_all(make: Callable[[Path], None], said: str, tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    make(path)
    assert refused(load_board, path) == f"{path}: {said}, {NO_FILE}"


def test_a_calendar_in_a_calendar(tmp_path: Path) -> None:
    (tmp_path / "inner.toml").write_text(CALENDAR)
    outer = tmp_path / "outer.toml"
    outer.write_text(CALENDAR.replace("d60", "inner.toml"))
    assert refused(load_calendar, outer) == (
        f'{outer}:3: program = "inner.toml" cannot be used: this is a calendar, not a program: {NO_PROGRAM}'
    )


@pytest.mark.parametrize("line", [["run", "--state"], ["emulate", "--links"], ["commission"]])
def test_a_verb_that_needs_a_board(line: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = READY / "d60.toml"
    folder = [str(tmp_path / "made")] if len(line) > 1 else []
    assert main([*line, *folder, str(path)]) == 2
    assert f"{path}: this is a program, not a board: {NO_BOARD}\n" in capsys.readouterr().err


def test_the_nearest_word() -> None:
    assert did_you_mean("ATX-Hat", ["atx_hats", "atx_hat"]) == "did you mean atx_hat?"
    assert did_you_mean("Power W", ["power", "power_w"]) == "did you mean power_w?"
    assert did_you_mean("zzz", ["b", "a"]) == "write one of a, b"
    assert did_you_mean("zzz", []) == "there is none yet, so add it first"
