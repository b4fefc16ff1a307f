"""The last good board and program, with which `run` goes on when an edit breaks the files."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.config.document import content_hash
from agent.config.last_good import Config, LastGood
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

    def load(self, program: str | None = None) -> Config:
        """Returns the configuration with which the agent starts, and keeps it for the next start."""
        last_good = LastGood(self.state)
        config = last_good.load(str(self.board), program)
        last_good.keep()
        return config

    def rename(self, name: str) -> None:
        self.board.write_text(self.board.read_text().replace('gateway = "', f'name = "{name}"\ngateway = "'))

    def break_board(self) -> None:
        self.board.write_text(self.board.read_text().replace("latitude = 51.44", 'latitude = "north"'))


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    return Gateway(tmp_path)


def test_good_files_are_used_and_kept(gateway: Gateway) -> None:
    config = gateway.load()
    assert (config.board.path, config.program.name, config.refused) == (gateway.board, "d60", "")
    assert config.content_hash == content_hash(gateway.board.read_bytes())
    assert (gateway.state / "last-good-board.toml").read_bytes() == gateway.board.read_bytes()


def test_a_bad_board_without_a_last_good_one_is_refused_with_all_its_problems(gateway: Gateway) -> None:
    gateway.break_board()
    gateway.board.write_text(gateway.board.read_text().replace("count = 3", "count = 300"))
    with pytest.raises(ConfigError) as refused:
        gateway.load()
    assert len(refused.value.problems) == 2


@pytest.mark.parametrize("how", ["broken", "gone", "not TOML"])
def test_a_bad_board_means_the_last_good_one_and_says_so(
    how: str, gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    good = gateway.load()
    gateway.rename("never to be seen")
    if how == "broken":
        gateway.break_board()
    elif how == "gone":
        gateway.board.unlink()
    else:
        gateway.board.write_bytes(b"\xff\x00[")
    for _ in range(2):  # and again at the next start
        caplog.clear()
        config = gateway.load()
        assert config.board.name == good.board.name == "story"
        assert config.program == good.program
        assert config.content_hash == good.content_hash
        assert config.refused.startswith("the board or program is not valid, so the last good one is used (")
        said = [line.getMessage() for line in caplog.records if line.levelno >= logging.ERROR]
        assert config.refused in said
        assert any(str(gateway.board) in sentence for sentence in said)


def test_the_newest_good_board_is_the_one_that_is_kept(gateway: Gateway) -> None:
    gateway.load()
    gateway.rename("second")
    gateway.load()
    gateway.break_board()
    assert gateway.load().board.name == "second"


def test_a_program_of_the_boards_own_is_kept_with_it(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, NIGHT.format(name="mine"))
    assert gateway.load().program.name == "mine"
    shutil.rmtree(gateway.files)
    config = gateway.load()
    assert (config.program.name, config.program.steps[0].percent) == ("mine", 60)


def test_a_program_given_by_its_path(gateway: Gateway, tmp_path: Path) -> None:
    given = tmp_path / "given.toml"
    given.write_text(NIGHT.format(name="given"))
    assert gateway.load(str(given)).program.name == "given"
    given.write_text("[program\n")
    config = gateway.load(str(given))
    assert config.program.name == "given"
    assert "the last good one is used" in config.refused


def test_the_gateway_goes_on_with_a_ready_program_given_by_its_name(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, NIGHT.format(name="mine"))
    gateway.load()
    gateway.load("always-full")
    gateway.break_board()
    # The board's own program lies beside the board, and not in the state folder.
    assert gateway.load("always-full").program.name == "always-full"


def test_a_crash_while_a_board_is_kept_leaves_the_one_before(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway.load()
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
                gateway.load()
        assert kept.read_bytes() == before
    gateway.load()
    assert kept.read_bytes() == gateway.board.read_bytes()


def test_a_new_copy_is_on_the_disk_before_it_replaces_the_old(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    replace = Path.replace

    def replaced(self: Path, to: Path) -> Path:
        order.append("replace")
        return replace(self, to)

    monkeypatch.setattr(os, "fsync", lambda _number: order.append("fsync"))
    monkeypatch.setattr(Path, "replace", replaced)
    gateway.load()
    assert order[:2] == ["fsync", "replace"]
    order.clear()
    gateway.load()
    assert order == []  # an SD card does not take a write at each start


def test_a_state_folder_that_cannot_be_written_does_not_stop_the_lamps(
    gateway: Gateway, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "var").write_text("a file where the folder should be")
    config = gateway.load()
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
    good = gateway.load()
    assert [program.name for program in good.plan.programs] == ["evening", "festival"]
    (gateway.files / "evening.toml").write_text("[program\n")
    config = gateway.load()
    assert "the last good one is used" in config.refused
    shutil.rmtree(gateway.files)
    for _ in range(2):
        config = gateway.load()
        assert config.plan.programs == good.plan.programs
        assert (config.board.path, config.program.name) == (gateway.board, "evening")
        assert config.plan.luminaires[config.plan.names[0]].calendar.rules[0].weekdays == (5,)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"format": 9}', b'{"format": 1, "board": 3, "path": 1}'])
def test_files_that_were_kept_badly_are_not_used(gateway: Gateway, content: bytes) -> None:
    gateway.load()
    (gateway.state / "last-good-files.json").write_bytes(content)
    gateway.break_board()
    config = gateway.load()
    assert (config.board.name, config.program.name) == ("story", "d60")


def test_without_the_files_that_belong_together_the_kept_program_is_used(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, NIGHT.format(name="mine"))
    gateway.load()
    (gateway.state / "last-good-files.json").write_text("garbage")
    shutil.rmtree(gateway.files)
    assert gateway.load().program.name == "mine"


def test_a_board_with_a_calendar_keeps_its_own_program_too(tmp_path: Path) -> None:
    """The agent goes on with it if the files that belong together cannot be used."""
    gateway = Gateway(tmp_path)
    (gateway.files / "own.toml").write_text('[calendar]\nname = "own"\nprogram = "always-full"\n')
    text = gateway.board.read_text()
    gateway.board.write_text(text.replace('program = "d60"', 'calendar = "own.toml"'))
    gateway.load()
    assert "[program]" in (gateway.state / "last-good-program.toml").read_text()


def test_loading_writes_nothing(gateway: Gateway) -> None:
    """Another agent may be running on this state folder. The command checks that after loading and before keeping."""
    LastGood(gateway.state).load(str(gateway.board), None)
    assert not gateway.state.exists()


def test_the_checked_bytes_are_kept_and_not_those_of_a_later_edit(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, NIGHT.format(name="mine"))
    last_good = LastGood(gateway.state)
    good = last_good.load(str(gateway.board), None)
    gateway.break_board()
    (gateway.files / "program.toml").write_text("[program\n")
    last_good.keep()
    config = gateway.load()
    assert (config.content_hash, config.program) == (good.content_hash, good.program)


@pytest.mark.parametrize("name", ["last-good-board.toml", "last-good-files.json", "last-good-program.toml"])
def test_a_pipe_in_the_place_of_a_copy_holds_nothing_up(gateway: Gateway, name: str) -> None:
    gateway.load()
    kept = gateway.state / name
    kept.unlink()
    os.mkfifo(kept)
    os.mkfifo(kept.with_suffix(".new"))
    gateway.load()
    assert kept.is_file()
    kept.unlink()
    os.mkfifo(kept)
    gateway.break_board()
    if "board" in name:
        with pytest.raises(ConfigError, match="this is a pipe, not a file"):
            gateway.load()
    else:
        assert gateway.load().board.name == "story"


def test_files_that_are_nested_without_end_are_not_used(gateway: Gateway) -> None:
    gateway.load()
    (gateway.state / "last-good-files.json").write_text("[" * 100_000)
    gateway.break_board()
    assert gateway.load().program.name == "d60"


@pytest.mark.parametrize("name", ["board.toml", "program.toml"])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_a_pipe_a_folder_or_a_device_in_a_files_place_means_the_last_good_one(
    name: str, make: Callable[[Path], object], tmp_path: Path
) -> None:
    gateway = Gateway(tmp_path, NIGHT.format(name="mine"))
    gateway.load()
    (gateway.files / name).unlink()
    make(gateway.files / name)
    config = gateway.load()
    assert config.program.name == "mine"
    assert "the last good one is used (" in config.refused
    assert ", not a file: give the path of a TOML file" in config.refused
