"""Locks between agents: if two need one lock, the second is refused before it has touched anything."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from agent.commands.run import run, run_until
from agent.hardware import locks
from agent.hardware.locks import AlreadyRuns, Claims, agent_at_port, holder
from agent.main import parser_for, verb_module
from drivers.errors import PortUnavailable
from hil.stories.records import JournalOnDisk
from tests.rigs.gateway import Gateway, at_a_gateway
from tests.rigs.lamp_bus import FULL, running

ROOT = Path(__file__).resolve().parents[3]
OURS = f"test-{os.getpid()}"
"""No other run of the tests on this machine claims this."""


def inside_a_loop(work: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(work())


def claim_all(claims: Claims, folder: Path) -> None:
    claims.gateway(OURS, "broker:1883")
    claims.port(str(folder / "port"))
    claims.state_folder(folder / "state")


def test_each_claim_is_refused_while_it_is_held_and_given_back_at_the_end(tmp_path: Path) -> None:
    pid = f"another agent (pid {os.getpid()})"

    async def work() -> None:
        with Claims() as first, Claims() as second:
            claim_all(first, tmp_path)
            assert (tmp_path / "state").is_dir()
            with pytest.raises(AlreadyRuns) as refused:
                second.gateway(OURS, "broker:1883")
            assert str(refused.value) == (
                f"{pid} already runs as gateway {OURS}: stop that one first, or give this one a name of its own"
                " ([board], gateway)"
            )
            with pytest.raises(AlreadyRuns) as refused:
                second.port(str(tmp_path / "x" / ".." / "port"))
            assert str(refused.value).startswith(f"{pid} already has the serial port {tmp_path}/x/../port: stop that ")
            with pytest.raises(AlreadyRuns) as refused:
                second.state_folder(tmp_path / "state")
            assert str(refused.value) == (
                f"{pid} already runs on the state folder {tmp_path}/state: stop that one first, or give this one"
                " another folder (--state)"
            )
            # The name at another broker, another port and another folder are free.
            second.gateway(OURS, "broker:1884")
            second.gateway(f"{OURS}-2", "broker:1883")
            second.port(str(tmp_path / "other"))
            second.state_folder(tmp_path / "other")
        with Claims() as third:
            claim_all(third, tmp_path)

    inside_a_loop(work)


def test_a_refusal_and_an_end_leave_nothing_open(tmp_path: Path) -> None:
    async def work() -> None:
        before = os.listdir("/proc/self/fd")
        with Claims() as first:
            first.state_folder(tmp_path / "made" / "here")
            first.gateway(OURS, "")
            held = os.listdir("/proc/self/fd")
            with Claims() as second:
                with pytest.raises(AlreadyRuns):
                    second.state_folder(tmp_path / "made" / "here")
                with pytest.raises(AlreadyRuns):
                    second.gateway(OURS, "")
            assert os.listdir("/proc/self/fd") == held
        assert os.listdir("/proc/self/fd") == before
        with socket.socket(socket.AF_UNIX) as listening:  # who asked may be gone before he is let go of
            listening.setblocking(False)
            locks._let_go(listening)

    inside_a_loop(work)


def test_what_a_longer_number_left_behind_is_not_read_as_the_pid(tmp_path: Path) -> None:
    async def work() -> None:
        (tmp_path / locks.FILE).write_text("1234567890123\n")
        with Claims() as claims:
            claims.state_folder(tmp_path)
            assert (tmp_path / locks.FILE).read_text() == f"{os.getpid()}\n"

    inside_a_loop(work)


def test_a_port_has_several_names(tmp_path: Path) -> None:
    async def work() -> None:
        (tmp_path / "device").touch()
        (tmp_path / "serial0").symlink_to(tmp_path / "device")
        with Claims() as first, Claims() as second:
            first.port(str(tmp_path / "device"))
            with pytest.raises(AlreadyRuns):
                second.port(str(tmp_path / "serial0"))

    inside_a_loop(work)


def test_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    """SIGKILL ends the process: the kernel gives the lock back, and no file that is left over blocks the next agent."""
    program = (
        "import asyncio, sys, pathlib; sys.path.insert(0, sys.argv[1])\n"
        "from tests.agent.hardware.test_locks import claim_all\n"
        "from agent.hardware.locks import Claims\n"
        "async def hold():\n"
        "    claims = Claims(); claim_all(claims, pathlib.Path(sys.argv[2])); print('held', flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "import tests.agent.hardware.test_locks as here; here.OURS = sys.argv[3]; asyncio.run(hold())\n"
    )
    line = [sys.executable, "-c", program, str(ROOT), str(tmp_path), OURS]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"

        async def refused() -> None:
            with Claims() as claims:
                said = rf"another agent \(pid {process.pid}\) already"
                with pytest.raises(AlreadyRuns, match=said):
                    claims.gateway(OURS, "broker:1883")
                with pytest.raises(AlreadyRuns, match=said):
                    claims.port(str(tmp_path / "port"))
                with pytest.raises(AlreadyRuns, match=said):
                    claims.state_folder(tmp_path / "state")

        inside_a_loop(refused)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()

    async def free() -> None:
        with Claims() as claims:
            claim_all(claims, tmp_path)

    inside_a_loop(free)


def test_who_asks_does_not_use_the_answer_up() -> None:
    """A service that is started again and again for hours is refused each time with the pid."""

    async def work() -> None:
        with Claims() as claims:
            claims.gateway(OURS, "")
            for _ in range(100):
                assert holder(f"gateway {OURS} at ") == os.getpid()
                await asyncio.sleep(0)
                await asyncio.sleep(0)
        assert holder(f"gateway {OURS} at ") is None

    inside_a_loop(work)


def test_a_stranger_who_has_the_name_does_not_keep_the_street_dark(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        with Claims() as stranger, Claims() as claims:
            stranger.gateway(OURS, "")
            monkeypatch.setattr(locks, "_CREDENTIALS", Stranger())
            claims.gateway(OURS, "")
        assert f"the gateway {OURS} at  cannot be locked against a second agent" in caplog.text
        # A process that has only bound the address, and does not listen, is no agent either.
        with socket.socket(socket.AF_UNIX) as squatter, Claims() as claims:
            squatter.bind(locks._address(f"gateway {OURS} at "))
            claims.gateway(OURS, "")

    class Stranger:
        size = 12

        def unpack(self, _answer: bytes) -> tuple[int, int, int]:
            return os.getpid(), os.geteuid() + 1, 0

    inside_a_loop(work)


def test_roots_agent_is_an_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        with Claims() as claims:
            claims.gateway(OURS, "")
            mine = os.geteuid()
            monkeypatch.setattr(os, "geteuid", lambda: mine + 1000)
            assert holder(f"gateway {OURS} at ") == (os.getpid() if mine == 0 else None)

    inside_a_loop(work)


@pytest.mark.parametrize("what", ["folder", "pipe", "link", "file for a folder"])
def test_a_lock_file_that_cannot_be_had_does_not_keep_the_street_dark(
    what: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = tmp_path / "state"
    if what == "file for a folder":
        state.touch()
    else:
        state.mkdir()
        if what == "folder":
            (state / "agent.lock").mkdir()
        elif what == "pipe":
            os.mkfifo(state / "agent.lock")
        else:
            (state / "agent.lock").symlink_to(tmp_path / "elsewhere")

    async def work() -> None:
        with Claims() as claims:
            claims.state_folder(state)

    inside_a_loop(work)
    assert f"the state folder {state} cannot be locked against a second agent: " in caplog.text
    assert not (tmp_path / "elsewhere").exists()


def test_the_lock_file_belongs_to_its_user_alone_and_a_removed_one_locks_nothing(tmp_path: Path) -> None:
    (tmp_path / "agent.lock").write_text("a longer line that an older version has left there\n")
    (tmp_path / "agent.lock").chmod(0o600)

    async def work() -> None:
        with Claims() as first:
            first.state_folder(tmp_path)
            assert (tmp_path / "agent.lock").stat().st_mode & 0o777 == 0o600
            assert (tmp_path / "agent.lock").read_text() == f"{os.getpid()}\n"
        # Between opening and locking, another agent's clean-up takes the file away: the next look finds the new one.
        (tmp_path / "agent.lock").write_text("123456789\n")
        whole = fcntl.flock
        seen: list[int] = []

        def late(descriptor: int, how: int) -> None:
            if not seen:
                (tmp_path / "agent.lock").unlink()
            seen.append(descriptor)
            whole(descriptor, how)

        with pytest.MonkeyPatch.context() as patch, Claims() as claims, Claims() as other:
            patch.setattr(fcntl, "flock", late)
            claims.state_folder(tmp_path)
            assert len(seen) == 2
            with pytest.raises(AlreadyRuns):
                other.state_folder(tmp_path)

    inside_a_loop(work)


def tree(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("shared", ["state folder", "port", "gateway name"])
def test_the_second_agent_is_refused_and_the_first_goes_on(
    shared: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story(here: Gateway) -> None:
        text = here.board_path.read_text().replace('"mast"', f'"{OURS}"')
        here.board_path.write_text(text)
        line = ["run", str(here.board_path), "--state", str(here.state)]
        stop = asyncio.Event()
        first = run_until(stop, parser_for(line).parse_args(line), here.clock, only_of_its_name=True)
        async with running(first):
            await here.clock.sleep(1005.0)
            before, frames = tree(here.state), here.street.statistics.forward_frames
            state = here.state if shared == "state folder" else tmp_path / "second"
            other = tmp_path / "other.toml"
            other.write_text(
                text.replace(str(tmp_path / "port"), str(tmp_path / ("port" if shared == "port" else "port-2")))
                .replace(f'"{OURS}"', f'"{OURS}"' if shared == "gateway name" else f'"{OURS}-2"')
                .replace("safe_percent = 100", "safe_percent = 90")
            )
            again = ["run", str(other), "--state", str(state)]
            began = here.clock.wall()
            assert await run(parser_for(again).parse_args(again), here.clock) == 1
            said = capsys.readouterr().err
            assert said.startswith(f"another agent (pid {os.getpid()}) already ")
            assert said.count("\n") == 1
            assert here.clock.wall() == began
            assert tree(here.state) == before
            assert here.street.statistics.forward_frames == frames
            assert not (tmp_path / "second").exists()
            await here.clock.sleep(1005.0)
            assert here.levels() == [FULL] * 3
            stop.set()
            await here.clock.sleep(1.0)
        journal = JournalOnDisk(here.state / f"{OURS}.journal")
        assert journal.is_sound()
        assert journal.sequence() == list(range(1, journal.last + 1))
        # The first has given everything back.
        stop.set()
        await run_until(stop, parser_for(line).parse_args(line), here.clock, only_of_its_name=True)

    at_a_gateway(story, tmp_path)


@pytest.mark.parametrize(
    "verb", [["dali", "BOARD", "0", "OFF"], ["commission", "BOARD"], ["monitor", "BOARD", "--state", "elsewhere"]]
)
def test_a_tool_keeps_its_hands_off_the_ports_of_an_agent(
    verb: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """This holds even if the agent has just lost its port, because the port may come back at any moment."""

    async def story(here: Gateway) -> None:
        board = here.board_path
        port = str(tmp_path / "port")
        line = ["run", str(board), "--state", str(here.state)]
        stop = asyncio.Event()
        async with running(run_until(stop, parser_for(line).parse_args(line), here.clock)):
            await here.clock.sleep(15.0)
            here.street.unplug()
            frames = here.street.statistics.forward_frames
            began = here.clock.wall()
            words = [str(board) if word == "BOARD" else word for word in verb]
            try:
                assert await verb_module(verb[0]).run(parser_for(words).parse_args(words), here.clock) == 1
                said = capsys.readouterr().err
            except PortUnavailable as error:  # which the command line says, with exit code 1
                said = f"{error}\n"
            assert said == f"another agent (pid {os.getpid()}) has the serial port {port}: stop it first\n"
            assert here.clock.wall() == began
            assert here.street.statistics.forward_frames == frames
            stop.set()
            await here.clock.sleep(1.0)
        assert agent_at_port(port) is None

    at_a_gateway(story, tmp_path)
