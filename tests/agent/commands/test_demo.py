"""`lichtmast demo`: the same night for the same seed, every lamp shown, and exit code 1 if a figure is not true."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import hil.night
from agent.commands.demo import DEMO_BOARD, DEMO_NIGHT
from agent.config.board import load_board
from agent.config.program import load_program
from agent.main import main
from hil.night import NightResult

_NIGHTS: list[NightResult] = []
"""Nights that were lived already, for tests that need one and do not mind which."""


@pytest.fixture(autouse=True)
def lived_nights(monkeypatch: pytest.MonkeyPatch) -> None:
    live_a_night = hil.night.live_a_night

    def lived(*arguments: Any, **named: Any) -> NightResult:
        _NIGHTS.append(live_a_night(*arguments, **named))
        return _NIGHTS[-1]

    monkeypatch.setattr(hil.night, "live_a_night", lived)


def _lived() -> NightResult:
    board = load_board(DEMO_BOARD)
    with tempfile.TemporaryDirectory() as folder:
        return hil.night.live_a_night(
            hil.night.with_luminaires(board, 2), load_program(board.program), DEMO_NIGHT, Path(folder)
        )


def demo(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Returns the exit code and the output."""
    code = main(["demo", "--luminaires", "2", "--out", str(folder), *arguments])
    return code, capsys.readouterr().out


def figures(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    code, out = demo(folder, capsys, "--json", *arguments)
    assert code == 0
    found: dict[str, Any] = json.loads(out)
    return found


@pytest.mark.system
def test_a_night_is_the_same_for_the_same_seed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, again = (figures(tmp_path, capsys, "--seed", "7") for _ in range(2))
    assert first.pop("took_s") > 0
    again.pop("took_s")
    assert first == again
    # Every lamp is there, and holds.
    assert [lamp["luminaire"] for lamp in first["luminaires"]] == ["L01", "L02"]
    for lamp in first["luminaires"]:
        assert lamp["holds"]
        assert abs(lamp["recorded_wh"] - lamp["true_wh"]) <= lamp["bound_wh"] == 0.2
        assert lamp["true_wh"] > 100
    assert first["traffic"]["records_lost"] == 0
    assert first["traffic"]["records_stored"] == first["traffic"]["records_written"] > 96 * 3
    assert first["traffic"]["settling_violations"] == 0
    assert first["events"] == []


def test_what_a_newcomer_sees(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = demo(tmp_path / "made" / "here", capsys, "--date", "2025-06-21", "--program", "always-full")
    assert code == 0
    plot = tmp_path / "made" / "here" / "lichtmast-demo-2025-06-21.svg"
    assert plot.read_text(encoding="utf-8").startswith("<svg")
    lines = out.splitlines()
    assert lines[0] == "Demo street, Eindhoven: 2 luminaires, program always-full, night of 2025-06-21"
    assert lines[-1].endswith(f"The night as a picture: {plot}")
    rows = {line[2:].split("  ")[0] for line in lines[2:-2]}
    assert rows >= {
        "burning hours",
        "baseline",
        "used by the lamps",
        "used by gateway and bus supply",
        "net saved",
        "CO2 avoided",
        "frames sent",
        "bus load",
        "records written / sent / acknowledged / lost",
        "largest error of a lamp's energy",
    }
    saved = next(line for line in lines if "net saved" in line)
    assert " -" in saved  # full power all night saves nothing, and the gateway costs


@pytest.mark.parametrize("fault", ["a lamp", "the sum", "lost", "doubled"])
def test_a_night_that_is_not_true_is_exit_code_1(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    night = _NIGHTS[0] if _NIGHTS else _lived()
    lamps, traffic, summary = night.lamps, night.traffic, night.summary
    if fault == "a lamp":
        lamps = (lamps[0], replace(lamps[1], true_wh=lamps[1].recorded_wh + 0.21))
    elif fault == "the sum":
        lamps = tuple(replace(lamp, true_wh=lamp.recorded_wh + 0.15) for lamp in lamps)
    elif fault == "lost":
        traffic = replace(traffic, records_stored=traffic.records_stored - 1)
    else:
        summary = replace(summary, duplicates=1)
    told = replace(night, lamps=lamps, traffic=traffic, summary=summary)
    monkeypatch.setattr(hil.night, "live_a_night", lambda *_arguments, **_named: told)
    code, out = demo(tmp_path, capsys, "--json")
    assert code == 1
    assert [lamp["holds"] for lamp in json.loads(out)["luminaires"]] == [True, fault != "a lamp"]
    monkeypatch.setattr(hil.night, "live_a_night", lambda *_arguments, **_named: night)
    assert demo(tmp_path, capsys)[0] == 0


def test_a_picture_that_cannot_be_written_after_all_costs_no_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    night = _NIGHTS[0] if _NIGHTS else _lived()
    monkeypatch.setattr(hil.night, "live_a_night", lambda *_arguments, **_named: night)
    (tmp_path / f"lichtmast-demo-{DEMO_NIGHT}.svg").mkdir()
    assert main(["demo", "--luminaires", "2", "--out", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert "net saved" in said.out
    assert "cannot be written (Is a directory); the results are shown above" in said.err


@pytest.mark.parametrize("count", ["0", "65", "-1", "ten", "1.5"])
def test_a_bus_takes_1_to_64(count: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["demo", "--luminaires", count])
    assert ended.value.code == 2
    assert f"a DALI bus takes 1 to 64 luminaires, not {count}" in capsys.readouterr().err


def test_bad_input_is_refused_before_the_night(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board = tmp_path / "board.toml"
    board.write_text(DEMO_BOARD.read_text().replace("count = 10", "count = 100"))
    assert main(["demo", "--board", str(board), "--out", str(tmp_path)]) == 2
    assert f"{board}:" in capsys.readouterr().err
    assert main(["demo", "--program", "d61", "--out", str(tmp_path)]) == 2
    assert "did you mean d60?" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["demo", "--date", "yesterday"])
    assert list(tmp_path.glob("*.svg")) == []
