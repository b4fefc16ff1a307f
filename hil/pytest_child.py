"""pytest in a process of its own, for the commands that run tests: `lichtmast hil` and `lichtmast contract`.

A test starts an agent with its log, its signals and its event loop, which must not mix with those of the command. A
test that takes its interpreter down then counts as a failed test, and the report is not lost.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from agent.hardware.stopping import STOPS, Stopped

EXTRA = ("pytest", "amqtt")
"""The packages that the extra `hil` brings."""
PYTEST = (
    # If this command is killed, the tests and their processes must not go on without it (prctl(2)).
    "import ctypes, signal; ctypes.CDLL(None).prctl(1, signal.SIGINT); "
    "import sys; root = sys.argv.pop(1); root in sys.path or sys.path.insert(0, root); "
    "import pytest; sys.exit(pytest.main())"
)
"""Runs pytest with this very lichtmast; `-m pytest` would import the lichtmast of the current folder."""
STOPS_WITHIN_S = 30
"""The tests get this long to stop, because a story on real lamps first puts the lamps back."""
PYTEST_ENDS = {0: 0, 1: 1, 2: 1, 4: 2, 5: 2}
"""Exit codes of pytest (all passed, a failure, stopped, wrong use, no test found), and the command's exit codes."""


def missing() -> str:
    """Returns the packages of the extra `hil` that are not installed, in words; empty if all of them are."""
    return " and ".join(name for name in EXTRA if find_spec(name) is None)


def run_pytest(arguments: Sequence[str]) -> int:
    """Runs pytest with Lichtmast's plug-in and these arguments to its end. Returns the command's exit code.

    A signal that asks this command to end is passed on, so that a story can still end its agent. After a second signal,
    or after STOPS_WITHIN_S, pytest is killed with all its processes. Raises Stopped after any such signal.
    """
    line = [sys.executable, "-P", "-c", PYTEST, str(Path(__file__).resolve().parents[1])]
    # Tests run in the order in which they are written, one by one: real lamps can be in one story only.
    line += ["-p", "hil.pytest_plugin", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:xdist", *arguments]
    asked: list[int] = []
    child: list[subprocess.Popen[bytes]] = []

    def ask(number: int, _frame: FrameType | None) -> None:
        asked.append(number)
        if number != signal.SIGALRM and len(asked) == 1:
            signal.alarm(STOPS_WITHIN_S)
        for process in child:
            _end(process, politely=len(asked) == 1)

    # Before the child starts: it would inherit an ignored signal (`nohup`), and could then not be asked to end.
    with _hearing(ask):
        child.append(subprocess.Popen(line, env=_environment(), start_new_session=True))
        if asked:
            _end(child[0], politely=True)
        code = child[0].wait()
    if asked:
        raise Stopped(asked[0])
    if code not in PYTEST_ENDS:
        sys.stderr.write(f"pytest ended with {code} in the middle of a test (--debug shows which)\n")
    return PYTEST_ENDS.get(code, 1)


def _environment() -> dict[str, str]:
    """Returns the environment without the settings of a pytest that runs this command, which are not for the child."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}


def _end(process: subprocess.Popen[bytes], *, politely: bool) -> None:
    with contextlib.suppress(ProcessLookupError):
        if politely:
            process.send_signal(signal.SIGINT)
        elif process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def _hearing(ask: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Calls `ask` inside the `with` for each signal that asks for the end, unless the process ignores that signal."""
    before = {number: signal.getsignal(number) for number in (*STOPS, signal.SIGALRM)}
    for number, handler in before.items():
        # The child gets the default in place of a Python handler, but it would inherit an ignored signal.
        signal.signal(number, _nothing if handler is signal.SIG_IGN else ask)
    try:
        yield
    finally:
        signal.alarm(0)
        for number, handler in before.items():
            signal.signal(number, handler)


def _nothing(_number: int, _frame: FrameType | None) -> None: ...
