"""The last good board and program: what `run` goes on with when somebody breaks the files."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

import pytest

from agent.config.document import content_hash
from agent.config.last_good import LastGood
from agent.config.problems import ConfigError
from hil.stories.boards import Site

NIGHT = """[program]
format = 1
name = "{name}"

[[step]]
at = "21:00"
percent = 60
"""


class Gateway:
    """A gateway's folder of files that an installer may break, and its state folder."""

    def __init__(self, folder: Path, program: str = "d60") -> None:
        self.files = folder / "etc"
        self.files.mkdir()
        self.state = folder / "var" / "state"
        self.board = Site(program=program).write(self.files, folder / "port")

    def rename(self, name: str) -> None:
        self.board.write_text(self.board.read_text().replace('gateway = "', f'name = "{name}"\ngateway = "'))

    def break_board(self) -> None:
        self.board.write_text(self.board.read_text().replace("latitude = 51.44", 'latitude = "north"'))


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    return Gateway(tmp_path)


def test_good_files_are_used_and_kept(gateway: Gateway) -> None:
    config = LastGood(gateway.state).load(str(gateway.board), None)
    assert (config.board.path, config.program.name, config.refused) == (gateway.board, "d60", "")
    assert config.content_hash == content_hash(gateway.board)
    assert (gateway.state / "last-good-board.toml").read_bytes() == gateway.board.read_bytes()


def test_a_bad_board_without_a_last_good_one_is_refused_with_all_its_problems(gateway: Gateway) -> None:
    gateway.break_board()
    gateway.board.write_text(gateway.board.read_text().replace("count = 3", "count = 300"))
    with pytest.raises(ConfigError) as refused:
        LastGood(gateway.state).load(str(gateway.board), None)
    assert len(refused.value.problems) == 2


@pytest.mark.parametrize("how", ["broken", "gone", "not TOML"])
def test_a_bad_board_means_the_last_good_one_and_says_so(
    how: str, gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    good = LastGood(gateway.state).load(str(gateway.board), None)
    gateway.rename("never to be seen")
    if how == "broken":
        gateway.break_board()
    elif how == "gone":
        gateway.board.unlink()
    else:
        gateway.board.write_bytes(b"\xff\x00[")
    for _ in range(2):  # and again at the next start
        caplog.clear()
        config = LastGood(gateway.state).load(str(gateway.board), None)
        assert config.board.name == good.board.name == "story"
        assert config.program == good.program
        assert config.content_hash == good.content_hash
        assert config.refused.startswith("the board or program is not valid, so the last good one is used (")
        said = [line.getMessage() for line in caplog.records if line.levelno >= logging.ERROR]
        assert config.refused in said
        assert any(str(gateway.board) in sentence for sentence in said)


def test_the_newest_good_board_is_the_one_that_is_kept(gateway: Gateway) -> None:
    LastGood(gateway.state).load(str(gateway.board), None)
    gateway.rename("second")
    LastGood(gateway.state).load(str(gateway.board), None)
    gateway.break_board()
    assert LastGood(gateway.state).load(str(gateway.board), None).board.name == "second"


def test_a_program_of_the_boards_own_is_kept_with_it(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, NIGHT.format(name="mine"))
    assert LastGood(gateway.state).load(str(gateway.board), None).program.name == "mine"
    shutil.rmtree(gateway.files)
    config = LastGood(gateway.state).load(str(gateway.board), None)
    assert (config.program.name, config.program.steps[0].percent) == ("mine", 60)


def test_a_program_given_by_its_path(gateway: Gateway, tmp_path: Path) -> None:
    given = tmp_path / "given.toml"
    given.write_text(NIGHT.format(name="given"))
    assert LastGood(gateway.state).load(str(gateway.board), str(given)).program.name == "given"
    given.write_text("[program\n")
    config = LastGood(gateway.state).load(str(gateway.board), str(given))
    assert config.program.name == "given"
    assert "the last good one is used" in config.refused


def test_a_ready_program_given_by_its_name_is_what_the_gateway_goes_on_with(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, NIGHT.format(name="mine"))
    LastGood(gateway.state).load(str(gateway.board), None)
    LastGood(gateway.state).load(str(gateway.board), "always-full")
    gateway.break_board()
    # The board's own program lies beside the board, and not in the state folder.
    assert LastGood(gateway.state).load(str(gateway.board), "always-full").program.name == "always-full"


def test_a_crash_while_a_board_is_kept_leaves_the_one_before(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    LastGood(gateway.state).load(str(gateway.board), None)
    kept = gateway.state / "last-good-board.toml"
    before = kept.read_bytes()
    gateway.rename("second")

    class PowerCut(BaseException):
        pass

    def cut(*_arguments: object) -> None:
        raise PowerCut

    for where in ("os.fsync", "pathlib.Path.replace"):
        with monkeypatch.context() as patch:
            patch.setattr(where, cut)
            with pytest.raises(PowerCut):
                LastGood(gateway.state).load(str(gateway.board), None)
        assert kept.read_bytes() == before
    LastGood(gateway.state).load(str(gateway.board), None)
    assert kept.read_bytes() == gateway.board.read_bytes()


def test_what_is_kept_is_on_the_disk_before_it_takes_the_place_of_the_old(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    replace = Path.replace

    def replaced(self: Path, to: Path) -> Path:
        order.append("replace")
        return replace(self, to)

    monkeypatch.setattr(os, "fsync", lambda _number: order.append("fsync"))
    monkeypatch.setattr(Path, "replace", replaced)
    LastGood(gateway.state).load(str(gateway.board), None)
    assert order[:2] == ["fsync", "replace"]
    order.clear()
    LastGood(gateway.state).load(str(gateway.board), None)
    assert order == []  # an SD card does not take a write at each start


def test_a_state_folder_that_cannot_be_written_does_not_stop_the_lamps(
    gateway: Gateway, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "var").write_text("a file where the folder should be")
    config = LastGood(gateway.state).load(str(gateway.board), None)
    assert (config.board.gateway, config.refused) == ("story", "")
    assert any("cannot be kept" in line.getMessage() for line in caplog.records)


CALENDAR = """[calendar]
name = "own"
program = "evening.toml"

[[rule]]
program = "festival"
weekdays = ["friday"]
"""


def test_a_calendar_is_kept_with_its_programs(gateway: Gateway) -> None:
    (gateway.files / "own.toml").write_text(CALENDAR)
    (gateway.files / "evening.toml").write_text(NIGHT.format(name="evening"))
    text = gateway.board.read_text()
    gateway.board.write_text(text.replace('program = "d60"', 'calendar = "own.toml"'))
    assert 'calendar = "own.toml"' in gateway.board.read_text()
    good = LastGood(gateway.state).load(str(gateway.board), None)
    assert [program.name for program in good.plan.programs] == ["evening", "festival"]
    (gateway.files / "evening.toml").write_text("[program\n")
    config = LastGood(gateway.state).load(str(gateway.board), None)
    assert "the last good one is used" in config.refused
    shutil.rmtree(gateway.files)
    for _ in range(2):
        config = LastGood(gateway.state).load(str(gateway.board), None)
        assert config.plan.programs == good.plan.programs
        assert (config.board.path, config.program.name) == (gateway.board, "evening")
        assert config.plan.luminaires[config.plan.names[0]].calendar.rules[0].weekdays == (5,)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"format": 9}', b'{"format": 1, "board": 3, "path": 1}'])
def test_files_that_were_kept_badly_are_not_used(gateway: Gateway, content: bytes) -> None:
    LastGood(gateway.state).load(str(gateway.board), None)
    (gateway.state / "last-good-files.json").write_bytes(content)
    gateway.break_board()
    config = LastGood(gateway.state).load(str(gateway.board), None)
    assert (config.board.name, config.program.name) == ("story", "d60")
