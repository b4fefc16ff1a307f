"""The command line `lichtmast`: exit codes, and one sentence for whatever went wrong."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import serial

from agent import main as command_line
from agent.commands import VERBS
from agent.main import DONE, FAILED, WRONG_USE, WrongUse, main, parser_for
from agent.version import __version__
from tests.agent.gateway import BusOf, board_text

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], int]], None]:
    """Puts a test's own function in the place of the verb `check`."""

    def put(work: Callable[[], int]) -> None:
        module = SimpleNamespace(add_arguments=lambda parser: None, run=lambda arguments, clock: work())
        monkeypatch.setattr(command_line, "verb_module", lambda name: module)

    return put


def raising(error: BaseException) -> Callable[[], int]:
    def work() -> int:
        raise error

    return work


@pytest.mark.parametrize("code", [DONE, FAILED, WRONG_USE])
def test_a_verbs_own_exit_code(code: int, verb: Callable[[Callable[[], int]], None]) -> None:
    verb(lambda: code)
    assert main(["check"]) == code


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (WrongUse("write it so"), 2, "write it so\n"),
        (KeyboardInterrupt(), 0, ""),
        (BrokenPipeError(), 1, ""),
        (RuntimeError("it broke"), 1, "lichtmast check failed: it broke (--debug shows where)\n"),
    ],
)
def test_each_error_is_a_sentence_and_an_exit_code(
    error: BaseException,
    code: int,
    said: str,
    verb: Callable[[Callable[[], int]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    verb(raising(error))
    assert main(["check"]) == code
    assert capsys.readouterr().err == said


def test_debug_shows_where(verb: Callable[[Callable[[], int]], None]) -> None:
    verb(raising(RuntimeError("it broke")))
    with pytest.raises(RuntimeError):
        main(["--debug", "check"])


def test_a_verb_that_awaits(verb: Callable[[Callable[[], int]], None]) -> None:
    async def work() -> int:
        return 1

    verb(work)  # type: ignore[arg-type]  # a verb may be a coroutine function as well
    assert main(["check"]) == 1


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (["--version"], 0, f"lichtmast {__version__}\n"),
        (["--help"], 0, "The open edge agent for smart lamp-posts."),
        ([], 2, "the following arguments are required: VERB"),
        (["illuminate"], 2, "invalid choice: 'illuminate'"),
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
