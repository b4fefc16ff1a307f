"""`lichtmast emulate`: the board's devices as serial ports, and their report at the end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from agent.config.board import load_board
from agent.main import main
from hil.emulated_board import EmulatedBoard, lamps_of
from hil.virtual_time import VirtualClock, run_virtual
from tests.rigs.emulated import emulate
from tests.rigs.gateway import BusOf, board_text
from tests.rigs.lamp_bus import NIGHT

BUSES = [BusOf("A", 2, "one"), BusOf("B", 1, "one", channel=2), BusOf("C", 1, "two")]


@pytest.fixture
def board(tmp_path: Path) -> Path:
    path = tmp_path / "board.toml"
    path.write_text(board_text(tmp_path / "ports", BUSES))
    return path


def test_a_link_for_each_port_while_it_runs_and_a_report_at_the_end(board: Path, tmp_path: Path) -> None:
    links = tmp_path / "made" / "here"
    with emulate(board, links) as emulator:
        ports = tmp_path / "ports"
        assert emulator.said == [
            f"{ports / 'one'} is emulated at {links / 'one'}",
            f"{ports / 'two'} is emulated at {links / 'two'}",
            "Ctrl-C ends it",
        ]
        assert sorted(link.name for link in links.iterdir()) == ["one", "two"]
        assert all(link.is_symlink() and link.resolve().is_char_device() for link in links.iterdir())
        seen = emulator.report()
    assert list(links.iterdir()) == []
    assert seen.keys() == {"A", "B", "C"}
    assert [len(seen[bus]["levels"]) for bus in "ABC"] == [2, 1, 1]
    assert [level for bus in seen.values() for level in bus["levels"]] == [0] * 4
    assert {(bus["first_level_at"], bus["forward_frames"]) for bus in seen.values()} == {(None, 0)}


def test_a_bad_board_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("[board]\n")
    assert main(["emulate", str(bad), "--links", str(tmp_path / "ports")]) == 2
    assert f"{bad}:" in capsys.readouterr().err
    assert list(tmp_path.glob("ports/*")) == []


def test_a_bad_fault_script_is_refused_before_a_port_is_made(
    board: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "faults.toml"
    bad.write_text('[[fault]]\nat = 1\nfault = "mains"\nluminaire = "A09"\n[[fault]]\nat = 1\nfault = "presence"\n')
    line = ["emulate", str(board), "--links", str(tmp_path / "made"), "--faults", str(bad), "--devices", "1"]
    assert main(line) == 2
    assert capsys.readouterr().err.splitlines() == [
        f'{bad}:4: there is no luminaire "A09" on the board: did you mean A02?',
        f'{bad}:5: "presence" has no bus: write the name of one (A, B, C)',
        f'{bad}:5: "presence" has no device: write the short address of a control device, from 0 on',
    ]
    assert not (tmp_path / "made").exists()


def test_faults_happen_in_real_time_and_are_said(board: Path, tmp_path: Path) -> None:
    script = tmp_path / "faults.toml"
    script.write_text(
        '[[fault]]\nat = 0\nfault = "unplug"\nbus = "C"\n'
        '[[fault]]\nat = 0.1\nfault = "lamp failed"\nluminaire = "B-64"\nfor = 0.1\n'
    )
    links = tmp_path / "links"
    with emulate(board, links, "--faults", str(script), "--gear", "64", "--devices", "64") as emulator:
        assert emulator.process.stdout is not None
        said = [emulator.process.stdout.readline().rstrip() for _ in range(3)]
        assert said == ["00:00  C: unplug", "00:00.100  B-64: lamp failed", "00:00.200  B-64: lamp failed: over"]
        assert [link.name for link in links.iterdir()] == ["one"]
        assert [len(bus["levels"]) for bus in emulator.report().values()] == [64, 64, 64]


@pytest.mark.parametrize("words", [["--gear", "0"], ["--gear", "65"], ["--gear", "x"], ["--devices", "9" * 5000]])
def test_a_count_that_no_bus_carries_is_refused(
    board: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["emulate", str(board), "--links", str(tmp_path / "made"), *words])
    assert ended.value.code == 2
    assert "to 64: a bus carries no more" in capsys.readouterr().err


def built(story: Callable[[VirtualClock], Awaitable[None]]) -> None:
    run_virtual(story, NIGHT)


def test_each_luminaire_has_its_place(board: Path, tmp_path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        emulated = EmulatedBoard(load_board(board), links=tmp_path, traffic=clock)
        places = {name: emulated.place(name) for name in ("A01", "A02", "B01", "C01")}
        assert [number for _, number in places.values()] == [0, 1, 0, 0]
        assert places["A02"][0] is emulated.streets["A"]
        assert emulated.streets["A"].hat is emulated.streets["B"].hat is not emulated.streets["C"].hat
        with pytest.raises(KeyError):
            emulated.place("D01")
        emulated.close()
        assert not (tmp_path / "one").is_symlink()

    built(story)


def test_a_seed_makes_the_lamps(board: Path, tmp_path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        powers = []
        for seed in (1, 1, 2):
            emulated = EmulatedBoard(load_board(board), links=tmp_path, seed=seed, traffic=clock)
            powers.append([emulated.streets["A"].full_power_w(number) for number in range(2)])
            emulated.close()
        assert powers[0] == powers[1] != powers[2]
        assert powers[0][0] != powers[0][1]

    built(story)


def test_the_report_says_when_the_first_lamp_was_commanded(board: Path, tmp_path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        await clock.sleep(5.0)
        began = clock.wall()
        emulated = EmulatedBoard(load_board(board), links=tmp_path, traffic=clock)
        street = emulated.streets["A"]
        await clock.sleep(1.0)
        street.bus.other_controller(0xFF90)  # a query
        street.bus.other_controller(0xA300)  # a special command
        await clock.sleep(1.0)
        street.bus.other_controller(0xFEFE)
        await clock.sleep(1.0)
        report = emulated.report(began)["A"]
        assert isinstance(report, dict)
        assert report["first_level_at"] == pytest.approx(NIGHT + 5.0 + 2.0, abs=0.1)
        assert report["levels"] == [254, 254]
        assert report["forward_frames"] == 3
        emulated.close()

    built(story)


def test_other_gear_than_the_boards_has_no_address_yet(board: Path, tmp_path: Path) -> None:
    boards = load_board(board)
    new, bare = lamps_of(boards, gear=2), lamps_of(boards, unaddressed=True)
    assert [list(bus) for bus in new.values()] == [["A-01", "A-02"], ["B-01", "B-02"], ["C-01", "C-02"]]
    assert [list(bus) for bus in bare.values()] == [["A01", "A02"], ["B01"], ["C01"]]
    assert [lamp.short_address for lamp in lamps_of(boards)["A"].values()] == [0, 1]

    async def story(clock: VirtualClock) -> None:
        for lamps in (new, bare):
            emulated = EmulatedBoard(boards, links=tmp_path, traffic=clock, lamps=lamps, devices=3)
            for name, street in emulated.streets.items():
                assert {gear.variables.short_address for gear in street.gear} == {255}
                assert len(street.gear) == len(lamps[name])
                assert [device.addressing.short_address for device in street.devices] == [0, 1, 2]
            emulated.close()

    built(story)
