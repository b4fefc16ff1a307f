"""The output files of verbs: a verb checks before the work that it can write them, and shows the results if it cannot
after all."""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import hil.night
from agent.errors import WrongUse
from agent.hardware.files import require_writable, require_writable_folder, write_or_report
from agent.main import main, parser_for, verb_module
from tests.rigs.gateway import BusOf, Gateway, at_a_gateway, board_text


def never(*_arguments: object, **_named: object) -> Any:
    raise AssertionError("the work was begun")


def full_disk(_path: Path, *_arguments: object, **_named: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_where_it_can_be_written_and_where_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    require_writable(tmp_path / "x", "--svg")
    require_writable_folder(tmp_path / "made", "--out")
    assert write_or_report(tmp_path / "made" / "x", "é")
    assert (tmp_path / "made" / "x").read_bytes() == "é".encode()
    with pytest.raises(WrongUse) as refused:
        require_writable(tmp_path / "no" / "x", "--svg")
    assert str(refused.value) == (
        f"{tmp_path}/no/x: cannot be written (No such file or directory): name another place with --svg"
    )
    with pytest.raises(WrongUse, match=r"made/x: cannot be written \(File exists\): name another place with --out"):
        require_writable_folder(tmp_path / "made" / "x", "--out")
    assert not write_or_report(tmp_path / "made", "x")
    assert capsys.readouterr().err == (
        f"{tmp_path}/made: cannot be written (Is a directory); the results are shown above\n"
    )


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hil.night, "live_a_night", never)
    monkeypatch.setattr("hil.pytest_child.run_pytest", never)
    for name in ("preview_night", "preview_year"):
        monkeypatch.setattr(f"agent.commands.preview.{name}", never)
    monkeypatch.setattr("serial.Serial", never)
    monkeypatch.setattr("hil.emulated_board.EmulatedBoard", never)


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["demo", "--out", "FILE/out"], "--out"),
        (["hil", "--report", "FILE/out"], "--report"),
        (["preview", "d60", "--night", "2026-01-15", "--svg", "FILE/x.svg"], "--svg"),
        (["preview", "d60", "--year", "2026", "--svg", "."], "--svg"),
        (["commission", "BOARD", "--record", "FILE/out"], "--record"),
        (["commission", "BOARD", "--dry-run", "--record", "FILE"], "--record"),
        (["emulate", "BOARD", "--links", "ports", "--report", "FILE/x.json"], "--report"),
    ],
)
@pytest.mark.usefixtures("no_work")
def test_a_place_that_cannot_be_written_is_refused_before_the_work(
    words: Sequence[str],
    option: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "board.toml").write_text(board_text(tmp_path, [BusOf("L")]))
    (tmp_path / "file").touch()
    assert main([word.replace("FILE", "file").replace("BOARD", "board.toml") for word in words]) == 2
    said = capsys.readouterr()
    assert f"): name another place with {option}\n" in said.err
    assert said.out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["board.toml", "file"]


def test_a_picture_that_could_not_be_written_after_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Path, "write_text", full_disk)
    line = ["preview", "d60", "--night", "2026-01-15", "--svg", str(tmp_path / "x.svg")]
    assert main(line) == 1
    said = capsys.readouterr()
    assert "d60" in said.out
    assert "As a picture" not in said.out
    assert said.err == (f"{tmp_path}/x.svg: cannot be written (No space left on device); the results are shown above\n")
    assert main([*line, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)


def commission(here: Gateway, *words: str) -> Any:
    line = ["commission", str(here.board_path), "--lang", "en", *words]
    return verb_module("commission").run(parser_for(line).parse_args(line), here.clock)


def test_a_record_that_could_not_be_written_after_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story(here: Gateway) -> None:
        assert await commission(here, "--record", str(tmp_path / "records")) == 0
        assert len(list((tmp_path / "records").iterdir())) == 2
        assert capsys.readouterr().out.count("record: ") == 2
        monkeypatch.setattr(Path, "write_text", full_disk)
        assert await commission(here, "--record", str(tmp_path / "records")) == 1
        said = capsys.readouterr()
        assert "all gear was told to show level 254" in said.out
        assert "record: " not in said.out
        assert said.err.count("cannot be written (No space left on device)") == 2
        assert await commission(here, "--record", str(tmp_path / "records"), "--json") == 1
        assert json.loads(capsys.readouterr().out)["buses"]

    at_a_gateway(story, tmp_path)


def test_commissioning_that_is_stopped_says_what_is_done_and_records_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story(here: Gateway) -> None:
        async def stopped(*words: str) -> str:
            running = asyncio.ensure_future(commission(here, "--record", str(tmp_path / "records"), *words))
            while here.emulated.streets["B"].statistics.forward_frames < 20:
                await here.clock.sleep(0.1)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            said = capsys.readouterr()
            assert said.err.endswith("stopped; finished: A; not finished: B, C; run it again\n")
            return said.out

        out = await stopped()
        assert "A: all gear was told to show level 254 after a power cut" in out
        assert "B: all gear was told to show level 254 after a power cut" in out
        assert "C:" not in out
        assert "forward frames, 0.0 s" not in out  # B's took time too, up to the stop
        names = sorted(path.name.partition("Z")[2] for path in (tmp_path / "records").iterdir())
        assert names == ["-A.html", ".json"]
        (record,) = (tmp_path / "records").glob("*.json")
        assert [bus["bus"] for bus in json.loads(record.read_text())["buses"]] == ["A"]
        here.emulated.streets["B"].statistics.forward_frames = 0
        assert [bus["bus"] for bus in json.loads(await stopped("--json"))["buses"]] == ["A"]

    at_a_gateway(story, tmp_path, buses=[BusOf("A", 1, "one"), BusOf("B", 1, "two"), BusOf("C", 1, "three")])


def test_commissioning_that_is_stopped_at_once_records_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story(here: Gateway) -> None:
        running = asyncio.ensure_future(commission(here, "--record", str(tmp_path / "records")))
        await here.clock.sleep(0.5)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert capsys.readouterr().err.endswith("stopped; finished: none; not finished: L; run it again\n")
        assert list((tmp_path / "records").iterdir()) == []

    at_a_gateway(story, tmp_path)
