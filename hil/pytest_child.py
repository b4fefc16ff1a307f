"""pytest in a process of its own, for the commands whose work is tests: `lichtmast hil`, `lichtmast contract`.

A test starts an agent with its log, its signals and its event loop, which are not to meet the command's; and one that
takes its interpreter down is a test that failed, not a lost report.
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
"""What the extra `hil` brings."""
PYTEST = (
    # Where this command is killed, the tests and what they have started must not go on without it (prctl(2)).
    "import ctypes, signal; ctypes.CDLL(None).prctl(1, signal.SIGINT); "
    "import sys; root = sys.argv.pop(1); root in sys.path or sys.path.insert(0, root); "
    "import pytest; sys.exit(pytest.main())"
)
"""pytest with this very lichtmast: `-m pytest` would take the one of the folder that it is called in."""
STOPS_WITHIN_S = 30
"""A story on real lamps puts them back first."""
PYTEST_ENDS = {0: 0, 1: 1, 2: 1, 4: 2, 5: 2}
"""Exit codes of pytest (all passed, a failure, stopped, wrong use, no test found) and ours."""


def missing() -> str:
    """What of the extra `hil` is not installed, in words; empty where all of it is."""
    return " and ".join(name for name in EXTRA if find_spec(name) is None)


def run_pytest(arguments: Sequence[str]) -> int:
    """Runs pytest with Lichtmast's plug-in and these arguments to its end; returns the command's exit code.

    What asks this command to end is passed on, so that a story still ends its agent; where it asks once more, or
    nothing has ended after STOPS_WITHIN_S, pytest is killed with all that it has started. Raises Stopped then.
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

    # Before the child is there: what is ignored here (`nohup`) would be ignored there too, and it could not be asked.
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
    """Without the settings of a pytest that runs this command: its options and workers are not the child's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}


def _end(process: subprocess.Popen[bytes], *, politely: bool) -> None:
    with contextlib.suppress(ProcessLookupError):
        if politely:
            process.send_signal(signal.SIGINT)
        elif process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def _hearing(ask: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Inside, `ask` hears each signal that asks for the end, but for those that are ignored."""
    before = {number: signal.getsignal(number) for number in (*STOPS, signal.SIGALRM)}
    for number, handler in before.items():
        # A handler of Python's is back to the default in the child; what is ignored would stay ignored.
        signal.signal(number, _nothing if handler is signal.SIG_IGN else ask)
    try:
        yield
    finally:
        signal.alarm(0)
        for number, handler in before.items():
            signal.signal(number, handler)


def _nothing(_number: int, _frame: FrameType | None) -> None: ...
