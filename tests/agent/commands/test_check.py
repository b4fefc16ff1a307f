"""`lichtmast check` and `lichtmast schema`, as main runs them, with a clock that stands still."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from pathlib import Path
from typing import cast

import pytest

from agent.almanac import ZoneAlmanac
from agent.commands import check, schema
from agent.config.program import load_program
from agent.interfaces import Clock
from tests.rigs.program_nights import changes_of_night

ROOT = Path(__file__).resolve().parents[3]
DEMO = ROOT / "board_configs" / "demo.toml"
NL = ZoneAlmanac("Europe/Amsterdam")


class StoppedClock:
    """A clock that shows one time, and can do nothing else: `check` neither waits nor touches a port."""

    def __init__(self, wall: float, valid: bool = True) -> None:
        self._wall = wall
        self._valid = valid

    def wall(self) -> float:
        return self._wall

    def valid(self) -> bool:
        return self._valid


def checked(*arguments: str | Path, hour: int = 15, valid: bool = True) -> int:
    parser = argparse.ArgumentParser()
    check.add_arguments(parser)
    clock = StoppedClock(NL.local_to_unix(2026, 1, 16, hour * 3600), valid)
    return asyncio.run(check.run(parser.parse_args([str(each) for each in arguments]), cast(Clock, clock)))


def test_a_good_board(capsys: pytest.CaptureFixture[str]) -> None:
    assert checked(DEMO) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{DEMO}: a good board",
        "  Demo street, Eindhoven (gateway demo): 10 luminaires, 250 W",
        "  bus street: atx_hat at ports/street, channel 1, 10 luminaires",
        "  program d60, the night that begins on 2026-01-16 (Europe/Amsterdam):",
        "    17:00  on at 100 %, fade 8 s",
        "    20:00  70 %, fade 64 s",
        "    22:00  50 %, fade 64 s",
        "    05:00  100 %, fade 8 s",
        "    08:35  off, fade 8 s",
        "  A gateway that dies by day stays dark at night: the bus supply outlives it, so each lamp keeps its last"
        " level.",
        "  After a power cut without a network the battery clock goes on. Where that is in doubt, the lamps burn at"
        " 100 %, by day too.",
    ]


@pytest.mark.parametrize(
    ("hour", "begins"), [(3, "2026-01-15"), (8, "2026-01-15"), (9, "2026-01-16"), (23, "2026-01-16")]
)
def test_tonight_is_this_night_until_it_is_over(hour: int, begins: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert checked(DEMO, hour=hour) == 0
    assert f"the night that begins on {begins}" in capsys.readouterr().out


def test_a_named_night(capsys: pytest.CaptureFixture[str]) -> None:
    assert checked(DEMO, "--night", "2026-06-21") == 0
    out = capsys.readouterr().out
    assert "the night that begins on 2026-06-21" in out
    assert (
        "    21:59  on at 70 %, fade 8 s\n    22:00  50 %, fade 64 s\n    05:00  100 %, fade 8 s\n    05:21  off" in out
    )
    for extreme in ("0001-01-01", "9999-12-31"):
        assert checked(DEMO, "--night", extreme) == 0
    with pytest.raises(SystemExit) as ended:
        checked(DEMO, "--night", "tomorrow")
    assert ended.value.code == 2
    assert '"tomorrow" is no date: write it as 2026-01-15' in capsys.readouterr().err


def test_a_clock_that_is_not_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert checked(DEMO, valid=False) == 0
    assert "this machine's clock is not set: name a night with --night YYYY-MM-DD" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("supply", "sentence"),
    [
        ("gateway", "A dead gateway takes the bus supply with it: the lamps go to their SYSTEM FAILURE LEVEL"),
        ("separate", "A gateway that dies by day stays dark at night: the bus supply outlives it"),
        ("gear", "A gateway that dies by day stays dark at night: the gear itself feeds the bus"),
    ],
)
def test_what_a_dead_gateway_means(
    supply: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "board.toml"
    path.write_text(DEMO.read_text().replace('bus_supply = "separate"', f'bus_supply = "{supply}"'))
    assert checked(path) == 0
    assert sentence in capsys.readouterr().out


def test_what_a_power_cut_without_a_network_means(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = DEMO.read_text().replace("safe_percent = 100", "safe_percent = 80")
    without = text.replace("rtc = true", "rtc = false")
    cell = tmp_path / "cell.toml"
    cell.write_text(
        '[program]\nname = "cell"\n[[step]]\nat = "sunset"\npercent = 100\n[photocell]\non_lux = 10\noff_lux = 15\n'
    )
    sensor = '[[sensor]]\nname = "sky"\nbus = "street"\ndevice = 0\nkind = "lux"\nfull_scale_lux = 1000\n'
    doubt = "the lamps burn at 80 %, by day too"
    for board, sentence in (
        (text, f"After a power cut without a network the battery clock goes on. Where that is in doubt, {doubt}."),
        (
            without,
            f"After a power cut, until a network tells the time, {doubt}: this board has no battery clock (rtc).",
        ),
        (
            without.replace('"d60"', '"cell.toml"') + sensor,
            "After a power cut, until a network tells the time, lamps with a photocell follow it, and all others burn"
            " at 80 %, by day too: this board has no battery clock (rtc).",
        ),
    ):
        path = tmp_path / "board.toml"
        path.write_text(board)
        assert checked(path) == 0
        assert capsys.readouterr().out.splitlines()[-1] == f"  {sentence}"
        assert checked(path, "--json") == 0
        assert json.loads(capsys.readouterr().out)["files"][0]["board"]["without_network"] == sentence


@pytest.mark.parametrize(
    ("sensor", "fed"),
    [
        ("", False),
        ('name = "sky"\nkind = "lux"\nfull_scale_lux = 1000\n', True),
        ('name = "sky"\nkind = "photocell"\n', True),
        ('name = "street-1"\nkind = "presence"\nat = "L01"\n', False),
    ],
)
def test_a_photocell_of_a_program_needs_a_sensor_that_feeds_it(
    sensor: str, fed: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cell.toml").write_text(
        '[program]\nname = "cell"\n[[step]]\nat = "sunset"\npercent = 100\n[photocell]\non_lux = 10\noff_lux = 15\n'
    )
    path = tmp_path / "board.toml"
    head = '[[sensor]]\nbus = "street"\ndevice = 0\n' if sensor else ""
    path.write_text(DEMO.read_text().replace('"d60"', '"cell.toml"') + head + sensor)
    checked(path)
    told = capsys.readouterr()
    said = f'{tmp_path}/cell.toml:6: no [[sensor]] of the board is "photocell" or of that kind: the program waits for'
    assert (said in told.out + told.err) is not fed


def test_every_problem_of_every_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = tmp_path / "dark.toml"
    program.write_text('[program]\nname = "dark"\n[[step]]\nat = "25:00"\npercent = 0\n')
    board = tmp_path / "board.toml"
    board.write_text(DEMO.read_text().replace('program = "d60"', 'program = "dark.toml"'))
    neither = tmp_path / "neither.toml"
    neither.write_text("[something]\n")
    assert checked(DEMO, program, board, neither) == 2
    lines = capsys.readouterr().out.splitlines()
    bad = [line for line in lines if line.startswith(f"{program}:")]
    assert len(bad) == 4  # its two problems, as a file and as the board's program
    assert bad[0].startswith(f'{program}:4: at = "25:00": write a time')
    assert bad[1].startswith(f"{program}:5: every step is 0 %")
    assert lines[-1] == (
        f"{neither}: this is neither a board nor a program nor a calendar: begin it with [board],"
        " [program] or [calendar]"
    )


def test_a_program_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert checked(ROOT / "agent" / "programs" / "d60.toml") == 0
    assert "    from 22:00         50 %, fade 64 s" in capsys.readouterr().out


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[board]\nx = \n")
    assert checked("--json", DEMO, wrong) == 2
    good, bad = json.loads(capsys.readouterr().out)["files"]
    expected = changes_of_night(load_program("d60"), NL, 51.44, 5.47, NL.local_to_unix(2026, 1, 16, 43200))
    assert [each["unix"] for each in good["night"]["changes"]] == [round(change.unix) for change in expected]
    assert good["kind"] == "board"
    assert good["problems"] == []
    assert bad["problems"] == [{"path": str(wrong), "line": 2, "text": "not valid TOML: invalid value"}]


def test_schema(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    schema.add_arguments(parser)
    for kind in ("board", "program"):
        assert asyncio.run(schema.run(parser.parse_args([kind]), cast(Clock, StoppedClock(0)))) == 0
        assert json.loads(capsys.readouterr().out)["title"] == f"Lichtmast {kind}"


@pytest.mark.parametrize("place", ["board", "program", "calendar"])
def test_a_pipe_a_device_and_100_mb_are_refused_and_never_read(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.toml"
    file = bad
    if place != "board":
        file = tmp_path / "board.toml"
        text = DEMO.read_text(encoding="utf-8")
        assert 'program = "d60"' in text
        file.write_text(text.replace('program = "d60"', f'{place} = "bad.toml"'))
    for make, said in (
        (os.mkfifo, "this is a pipe, not a file: give the path of a TOML file that can be read"),
        (lambda path: path.symlink_to("/dev/zero"), "this is a device, not a file: give the path of"),
        (lambda path: path.mkdir(), "this is a folder, not a file: give the path of a TOML file"),
        (lambda path: path.write_bytes(bytes(1024 * 1024 + 1)), "larger than 1024 KiB, which is the most that is read"),
    ):
        make(bad)
        assert checked(file) == 2
        assert f"{bad}: {said}" in capsys.readouterr().out
        bad.rmdir() if bad.is_dir() else bad.unlink()
