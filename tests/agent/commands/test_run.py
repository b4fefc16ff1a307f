"""`lichtmast run`: from a command line to lit lamps, even with a broken board, port or program."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from agent.commands.run import run, run_until
from agent.config.problems import ConfigError
from agent.main import parser_for
from hil.stories.records import JournalOnDisk
from tests.rigs.gateway import Gateway, at_a_gateway
from tests.rigs.lamp_bus import FULL, HALF, OFF, running


@contextlib.asynccontextmanager
async def run_command(here: Gateway, *more: str) -> AsyncIterator[None]:
    """Runs `lichtmast run BOARD --state STATE ...` while the test is inside, and stops it as SIGTERM does."""
    line = ["run", str(here.board_path), "--state", str(here.state), *more]
    stop = asyncio.Event()
    async with running(run_until(stop, parser_for(line).parse_args(line), here.clock)):
        yield
        stop.set()
        await here.clock.sleep(1.0)


def lived(story: Callable[[Gateway], Awaitable[None]], folder: Path) -> None:
    at_a_gateway(story, folder)


def journal(here: Gateway) -> JournalOnDisk:
    return JournalOnDisk(here.state / "mast.journal")


def test_lamps_are_lit_and_the_journal_is_committed_at_the_end(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        async with run_command(here):
            await here.clock.sleep(60.0)
            assert here.levels() == [FULL] * 3
        assert here.levels() == [FULL] * 3
        assert len(journal(here).bodies("reading")) == 3
        assert journal(here).bodies("event") == []

    lived(story, tmp_path)


def test_another_program_than_the_boards(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        program = tmp_path / "half.toml"
        program.write_text('[program]\nformat = 1\nname = "half"\n[[step]]\nat = "12:00"\npercent = 50\n')
        async with run_command(here, "--program", str(program)):
            await here.clock.sleep(60.0)
            assert here.levels() == [HALF] * 3

    lived(story, tmp_path)


def test_a_board_that_was_broken_means_the_last_good_one_and_an_event(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        async with run_command(here):
            await here.clock.sleep(30.0)
        here.board_path.write_text("[board\n")
        async with run_command(here):
            await here.clock.sleep(60.0)
            assert here.levels() == [FULL] * 3
        (event,) = journal(here).events("invalidConfig")
        assert (event.subject, event.active) == ("gateway", True)
        assert "the last good one is used" in event.text

    lived(story, tmp_path)


def test_a_bad_board_without_a_last_good_one_is_refused_and_opens_nothing(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        here.board_path.write_text(here.board_path.read_text().replace("count = 3", "count = 99"))
        with pytest.raises(ConfigError):
            async with run_command(here):
                await here.clock.sleep(60.0)
        assert here.levels() == [OFF] * 3
        assert here.street.statistics.forward_frames == 0
        assert not here.state.exists()

    lived(story, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_exit_code_0(number: int, tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        own_name = here.board_path.read_text().replace('"mast"', f'"mast-{os.getpid()}"')
        here.board_path.write_text(own_name)  # no other run of the tests on this machine has it
        line = ["run", str(here.board_path), "--state", str(here.state)]
        command = asyncio.ensure_future(run(parser_for(line).parse_args(line), here.clock))
        await here.clock.sleep(30.0)
        os.kill(os.getpid(), number)
        assert await command == 0
        assert here.levels() == [FULL] * 3

    before = signal.getsignal(number)
    lived(story, tmp_path)
    assert signal.getsignal(number) in (before, signal.SIG_DFL, signal.default_int_handler)


def test_the_state_folder_of_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/lichtmast")
    assert parser_for(["run", "x"]).parse_args(["run", "x"]).state == Path("/var/lib/lichtmast")
    monkeypatch.delenv("STATE_DIRECTORY")
    assert parser_for(["run", "x"]).parse_args(["run", "x"]).state == Path("state")
