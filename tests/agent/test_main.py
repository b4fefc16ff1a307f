"""The command line `lichtmast`: exit codes, and one sentence for whatever went wrong."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import serial

from agent import main as command_line
from agent.commands import VERBS
from agent.errors import WrongUse
from agent.hardware.stopping import Stopped, run_until_stopped
from agent.main import DONE, FAILED, WRONG_USE, main, parser_for
from agent.version import __version__
from tests.rigs.gateway import BusOf, board_text

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts a test's own function in the place of the verb `check`."""

    def put(work: Callable[[], int], **more: str) -> None:
        module = SimpleNamespace(add_arguments=lambda parser: None, run=lambda arguments, clock: work(), **more)
        monkeypatch.setattr(command_line, "verb_module", lambda name: module)

    return put


def raising(error: BaseException) -> Callable[[], int]:
    def work() -> int:
        raise error

    return work


@pytest.mark.parametrize("code", [DONE, FAILED, WRONG_USE])
def test_a_verbs_own_exit_code(code: int, verb: Callable[..., None]) -> None:
    verb(lambda: code)
    assert main(["check"]) == code


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (WrongUse("write it so"), 2, "write it so\n"),
        (KeyboardInterrupt(), 130, "lichtmast check was stopped by SIGINT\n"),
        (Stopped(signal.SIGTERM), 143, "lichtmast check was stopped by SIGTERM\n"),
        (BrokenPipeError(), 1, ""),
        (RuntimeError("it broke"), 1, "lichtmast check failed: it broke (--debug shows where)\n"),
    ],
)
def test_each_error_is_a_sentence_and_an_exit_code(
    error: BaseException,
    code: int,
    said: str,
    verb: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    verb(raising(error))
    assert main(["check"]) == code
    assert capsys.readouterr().err == said


def test_debug_shows_where(verb: Callable[..., None]) -> None:
    verb(raising(RuntimeError("it broke")))
    with pytest.raises(RuntimeError):
        main(["--debug", "check"])


STOPS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("number", STOPS)
@pytest.mark.parametrize("kind", ["a function", "awaited", "with a loop of its own"])
def test_a_signal_unwinds_the_work_and_is_the_exit_code(
    number: signal.Signals,
    kind: str,
    verb: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    cleaned: list[str] = []

    async def wait() -> int:
        other = asyncio.ensure_future(other_part())
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), number)
        try:
            await asyncio.sleep(30)
        finally:
            other.cancel()
            await asyncio.gather(other, return_exceptions=True)
        return 0

    async def other_part() -> None:
        try:
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(0.01)  # cleaning up takes a moment
            cleaned.append("other part")

    def work() -> int:
        if kind == "with a loop of its own":
            return run_until_stopped(wait())
        try:
            os.kill(os.getpid(), number)
            time.sleep(30)
        finally:
            cleaned.append("work")
        return 0

    before = [signal.getsignal(each) for each in STOPS]
    verb(wait if kind == "awaited" else work, WHEN_STOPPED="half is done")
    assert main(["check"]) == 128 + number
    assert capsys.readouterr().err == f"lichtmast check was stopped by {number.name}: half is done\n"
    assert cleaned == ["work" if kind == "a function" else "other part"]
    assert [signal.getsignal(each) for each in STOPS] == before


@pytest.mark.parametrize("awaited", [True, False])
def test_a_verb_that_makes_an_end_of_its_own_of_a_signal(awaited: bool, verb: Callable[..., None]) -> None:
    async def wait() -> int:
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            return 0
        return 1

    def work() -> int:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(30)
        except KeyboardInterrupt:
            return 0
        return 1

    verb(wait if awaited else work)
    assert main(["check"]) == 0


def test_a_cancellation_that_no_signal_asked_for_is_no_stop(verb: Callable[..., None]) -> None:
    async def work() -> int:
        raise asyncio.CancelledError

    verb(work)
    with pytest.raises(asyncio.CancelledError):
        main(["check"])


@pytest.mark.parametrize("awaited", [True, False])
def test_what_is_ignored_from_the_start_stays_so(awaited: bool, verb: Callable[..., None]) -> None:
    """`nohup lichtmast ... &`: neither the terminal's end nor a Ctrl-C for another program is its business."""

    async def wait() -> int:
        return work()

    def work() -> int:
        for ignored in (signal.SIGINT, signal.SIGHUP):
            os.kill(os.getpid(), ignored)
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)
        except KeyboardInterrupt:
            return 7
        return 3

    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGHUP)}
    try:
        verb(wait if awaited else work)
        assert main(["check"]) == (3 if awaited else 7)  # the loop's handler waits for the loop
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_in_another_thread_there_are_no_signals(verb: Callable[..., None]) -> None:
    async def wait() -> int:
        return 1

    codes: list[int] = []
    for work in (wait, lambda: 1):
        verb(work)
        thread = threading.Thread(target=lambda: codes.append(main(["check"])))
        thread.start()
        thread.join()
    assert codes == [1, 1]


def test_a_verb_that_awaits(verb: Callable[..., None]) -> None:
    async def work() -> int:
        return 1

    verb(work)
    assert main(["check"]) == 1


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (["--version"], 0, f"lichtmast {__version__}\n"),
        (["--help"], 0, "The open edge agent for smart lamp-posts."),
        ([], 2, "the following arguments are required: VERB"),
        (["--version", "illuminate"], 0, f"lichtmast {__version__}\n"),
        (["run"], 2, "the following arguments are required: BOARD"),
        (["check", "--night", "someday", "x.toml"], 2, '"someday" is no date'),
    ],
)
def test_what_argparse_says(line: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(line)
    assert ended.value.code == code
    out, err = capsys.readouterr()
    assert said in (err if code else out)
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["chek"], "there is no verb chek: did you mean check?"),
        (["--debug", "Check", "x.toml"], "there is no verb Check: did you mean check?"),
        (["comission", "x.toml"], "there is no verb comission: did you mean commission?"),
        (["zzzz"], f"there is no verb zzzz: write one of {', '.join(sorted(VERBS))}"),
    ],
)
def test_a_misspelt_verb_is_one_sentence(line: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line) == WRONG_USE
    assert capsys.readouterr().err == f"lichtmast: {said}\n"


def test_every_verb_has_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name, summary in VERBS.items():
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        assert ended.value.code == 0
        assert summary.split()[0] in capsys.readouterr().out


def test_only_the_asked_verb_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def module(name: str) -> SimpleNamespace:
        asked.append(name)
        return SimpleNamespace(add_arguments=lambda parser: None)

    monkeypatch.setattr(command_line, "verb_module", module)
    assert isinstance(parser_for(["--debug", "run", "demo"]), argparse.ArgumentParser)
    assert asked == ["run"]


def test_a_board_with_five_errors_is_refused_with_all_of_them_and_no_port_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    board = tmp_path / "board.toml"
    text = board_text(tmp_path, [BusOf("L")])
    for right, wrong in (
        ('gateway = "mast"', 'gateway = "Mast 1"'),
        ("latitude = 51.44", "latitude = 5.47"),
        ('program = "always-full"', 'program = "allways-full"'),
        ("short_address = 0", "short_address = 64"),
        ('interface = "atx_hat"', 'interface = "atx"'),
    ):
        assert right in text
        text = text.replace(right, wrong)
    board.write_text(text)

    def opened(*_arguments: object, **_named: object) -> None:
        raise AssertionError("a port was opened")

    monkeypatch.setattr(serial, "Serial", opened)
    assert main(["run", str(board), "--state", str(tmp_path / "state")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 5
    for line in lines:
        path, number, sentence = line.split(":", 2)
        assert path == str(board)
        assert 1 <= int(number) <= len(text.splitlines())
        assert sentence
    assert not (tmp_path / "state").exists()


def test_the_console_script_as_a_process(tmp_path: Path) -> None:
    """The exit code reaches the shell, and a file that is not there is no traceback."""
    line = [sys.executable, "-m", "agent.main", "check", str(tmp_path / "nowhere.toml")]
    ended = subprocess.run(line, capture_output=True, text=True, cwd=ROOT, check=False)
    assert ended.returncode == 2
    assert "nowhere.toml: no such file or directory: give the path" in ended.stdout
    assert ended.stderr == ""
