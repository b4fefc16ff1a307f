"""The refusals of `lichtmast preview`: each is a sentence and exit code 2."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agent.clock import MachineClock
from agent.main import WRONG_USE, main
from agent.records.journal import Journal
from tests.agent.preview.test_preview import DEMO, read

PART_NIGHT = """[program]
name = "part-night"
dark = true
[[step]]
at = "05:30"
percent = 100
[[step]]
at = "00:00"
percent = 0
"""


def test_dark_hours_are_shown_if_no_board_forbids_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program, board = tmp_path / "part.toml", tmp_path / "board.toml"
    program.write_text(PART_NIGHT, encoding="utf-8")
    words = (str(program), "--night", "2025-12-15")
    total = read(capsys, *words)["programs"][0]["total"]
    assert total["burning_h"] == pytest.approx(16.25 - 5.5, abs=0.02)

    assert main(["preview", *words, "--board", str(DEMO)]) == WRONG_USE
    assert "write dark_allowed = true in [board]" in capsys.readouterr().err
    text = DEMO.read_text(encoding="utf-8").replace("[board]", "[board]\ndark_allowed = true", 1)
    board.write_text(text, encoding="utf-8")
    assert read(capsys, *words, "--board", str(board))["programs"][0]["total"]["burning_h"] == pytest.approx(
        total["burning_h"], abs=0.2
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["d6"], "did you mean d60?"),
        ([], "name a program to preview"),
        (["nowhere.toml"], "nowhere.toml"),
        (["d60", "--against", "fll"], "there is no ready program of this name"),
        (["d60", "--place", "5.18,52.10"], "write --place 52.1,5.18"),
        (["d60", "--place", "here"], "is no place"),
        (["d60", "--place", "91,5"], "is no place"),
        (["d60", "--place", "nan,5"], "is no place"),
        (["d60", "--place", "1,2,3"], "is no place"),
        (["d60", "--place", "40.7,-74"], "name its own with --timezone"),
        (["d60", "--timezone", "Mars"], '"Mars" is not known'),
        (["d60", "--year", "1800"], "from 2000 to 2099"),
        (["d60", "--year", "2100"], "from 2000 to 2099"),
        (["d60", "--year", "next"], "from 2000 to 2099"),
        (["d60", "--night", "2025-02-30"], "is no date"),
        (["d60", "--night", "1970-01-01"], "from 2000 to 2099"),
        (["d60", "--price", "nan"], "euros per kWh"),
        (["d60", "--price", "-1"], "euros per kWh"),
        (["d60", "--state", "."], "--state needs --board"),
        (["d60", "--board", str(DEMO), "--state", "nowhere"], "there is no such journal"),
        (["d60", "--board", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_an_impossible_request_is_refused_with_one_sentence(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    night = [] if {"--year", "--night"} & set(words) else ["--night", "2025-12-15"]
    assert main(["preview", *words, *night]) == WRONG_USE
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err
    assert err.count("\n") == 1


def test_a_journal_of_another_gateway_teaches_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["preview", "d60", "--board", str(DEMO), "--night", "2025-12-15", "--state", str(tmp_path)]

    async def wrote() -> None:
        journal = await Journal.open(tmp_path / "demo.journal", "other", MachineClock())
        await journal.close()

    asyncio.run(wrote())
    assert main(words) == WRONG_USE
    assert "is the journal of gateway other, not of demo" in capsys.readouterr().err
    (tmp_path / "demo.journal").write_bytes(b"not a database at all, whatever its name says" * 20)
    assert main(words) == WRONG_USE
    assert "cannot be read" in capsys.readouterr().err


def test_a_picture_that_cannot_be_written_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preview", "d60", "--night", "2025-12-15", "--svg", str(tmp_path / "no" / "x.svg")]) == WRONG_USE
    assert "cannot be written" in capsys.readouterr().err
