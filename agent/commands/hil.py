"""`lichtmast hil [STORY...]`: runs stories of lamp-posts on emulated or real hardware; a line for each, and a report.

pytest runs them in a process of its own. A story starts an agent with its log, its signals and its event loop, and
these must not meet this command's. A story that takes its interpreter down has failed, but does not lose the report.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from agent.config.board import load_board
from agent.hardware.files import sure_of_folder
from agent.hardware.stopping import STOPS, Stopped
from agent.interfaces import Clock

EMULATED = "emulated"
PYTEST = (
    # If this command is killed, the stories and what they have started must not go on without it (prctl(2)).
    "import ctypes, signal; ctypes.CDLL(None).prctl(1, signal.SIGINT); "
    "import sys; root = sys.argv.pop(1); root in sys.path or sys.path.insert(0, root); "
    "import pytest; sys.exit(pytest.main())"
)
"""Runs pytest with this very lichtmast: `-m pytest` would take the one of the current folder."""
HIL_EXTRA = ("pytest", "amqtt")
STOPS_WITHIN_S = 30
"""A story on real lamps puts them back first."""
WHEN_STOPPED = "the stories above were told until then"
PYTEST_ENDS = {0: 0, 1: 1, 2: 1, 4: 2, 5: 2}
"""Exit codes of pytest (all passed, a failure, stopped, wrong use, no story found) and ours."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "stories",
        nargs="*",
        metavar="STORY",
        help="a file or folder of stories, or part of a story's name (default: all)",
    )
    parser.add_argument(
        "--bench",
        default=EMULATED,
        metavar="BENCH",
        help="emulated, or the board file of real lamps (default: emulated)",
    )
    parser.add_argument(
        "--report", type=Path, metavar="DIR", help="write junit.xml and a page, index.html, into this folder"
    )
    parser.add_argument("--lang", choices=("en", "nl"), help="the language of the page (default: from LANG)")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--list", action="store_true", help="print the names of the stories and run none")
    output.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace, clock: Clock) -> int:
    missing = [name for name in HIL_EXTRA if find_spec(name) is None]
    if missing:
        sys.stderr.write(f"the stories need {' and '.join(missing)}: install lichtmast[hil]\n")
        return 2
    if arguments.bench != EMULATED:
        load_board(arguments.bench)
    wrong = [story for story in arguments.stories if story.endswith(".py") and not _file_of(story).exists()]
    if wrong:
        sys.stderr.write(f"{wrong[0]}: there is no such file of stories\n")
        return 2
    if arguments.report:
        sure_of_folder(arguments.report, "--report")
    return _ended(_command_line(arguments))


def _command_line(arguments: argparse.Namespace) -> list[str]:
    import hil.stories

    paths = [story for story in arguments.stories if _file_of(story).exists()]
    names = [story for story in arguments.stories if story not in paths]
    output = "names" if arguments.list else "json" if arguments.json else "lines"
    line = [sys.executable, "-P", "-c", PYTEST, str(Path(__file__).resolve().parents[2])]
    # Stories run in the order in which they are written, one by one: real lamps can be in one story only.
    line += ["-p", "hil.pytest_plugin", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:xdist"]
    line += ["--continue-on-collection-errors", f"--bench={arguments.bench}"]
    line += [f"--story={name}" for name in names]
    if not arguments.debug:
        line.append(f"--story-output={output}")
    if arguments.report:
        line.append(f"--story-report={arguments.report}")
    if arguments.lang:
        line.append(f"--story-lang={arguments.lang}")
    return [*line, "--", *(paths or map(str, hil.stories.__path__))]


def _file_of(story: str) -> Path:
    """Returns the file of `file.py::test_name`, which is how pytest names a story in a file."""
    return Path(story.partition("::")[0])


def _ended(line: list[str]) -> int:
    """Runs pytest to its end. The first signal that asks this command to end is passed on, so that a story can still
    end its agent. After a second one, or after STOPS_WITHIN_S, pytest is killed with all that it has started."""
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
        child.append(subprocess.Popen(line, env=_environment(), start_new_session=True))  # noqa: S603 - our own line
        if asked:
            _end(child[0], politely=True)
        code = child[0].wait()
    if asked:
        raise Stopped(asked[0])
    if code not in PYTEST_ENDS:
        sys.stderr.write(f"pytest ended with {code} in the middle of a story (--debug shows which)\n")
    return PYTEST_ENDS.get(code, 1)


def _environment() -> dict[str, str]:
    """Without the settings of a pytest that runs this command: its options and workers are not for the stories."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}


def _end(process: subprocess.Popen[bytes], *, politely: bool) -> None:
    with contextlib.suppress(ProcessLookupError):
        if politely:
            process.send_signal(signal.SIGINT)
        elif process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def _hearing(ask: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Inside, `ask` hears each signal that asks for the end, except those that are ignored."""
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
