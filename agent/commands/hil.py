"""`lichtmast hil [STORY...]`: the stories of lamp-posts, on emulated or on real hardware; a line a story, and a report.

pytest runs them in a process of its own: a story starts an agent with its log, its signals and its event loop, which
are not to meet this command's; and one that takes its interpreter down is a story that failed, not a lost report.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from agent.config.board import load_board
from agent.interfaces import Clock

EMULATED = "emulated"
PYTEST = (
    "import sys; root = sys.argv.pop(1); root in sys.path or sys.path.insert(0, root); "
    "import pytest; sys.exit(pytest.main())"
)
"""pytest with this very lichtmast: `-m pytest` would take the one of the folder that it is called in."""
HIL_EXTRA = ("pytest", "amqtt")
PYTEST_ENDS = {0: 0, 1: 1, 2: 1, 4: 2, 5: 2}
"""Exit codes of pytest (all passed, a failure, stopped, wrong use, no story found) and ours."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "stories",
        nargs="*",
        metavar="STORY",
        help="a file or folder of stories, or part of a story's name; default: all",
    )
    parser.add_argument(
        "--bench", default=EMULATED, metavar="BENCH", help="emulated (default), or the board file of real lamps"
    )
    parser.add_argument("--report", type=Path, metavar="DIR", help="write DIR/junit.xml and DIR/index.html, a page")
    parser.add_argument("--lang", choices=("en", "nl"), help="language of the page (default: from LANG)")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--list", action="store_true", help="print the stories' names; run none")
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
    return _ended(_command_line(arguments))


def _command_line(arguments: argparse.Namespace) -> list[str]:
    import hil.stories

    paths = [story for story in arguments.stories if _file_of(story).exists()]
    names = [story for story in arguments.stories if story not in paths]
    output = "names" if arguments.list else "json" if arguments.json else "lines"
    line = [sys.executable, "-P", "-c", PYTEST, str(Path(__file__).resolve().parents[2])]
    line += ["-p", "hil.pytest_plugin", "-p", "no:cacheprovider"]
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
    """The file of `file.py::test_name`, as pytest writes one story of a file."""
    return Path(story.partition("::")[0])


def _ended(line: list[str]) -> int:
    """Runs pytest to its end. Ctrl-C and the like are passed on, so that a story still ends its agent."""
    child = subprocess.Popen(line, start_new_session=True)  # noqa: S603 - this interpreter, and paths as arguments
    with _passing_signals_to(child):
        code = child.wait()
    if code not in PYTEST_ENDS:
        sys.stderr.write(f"pytest ended with {code} in the middle of a story (--debug shows which)\n")
    return PYTEST_ENDS.get(code, 1)


@contextlib.contextmanager
def _passing_signals_to(child: subprocess.Popen[bytes]) -> Iterator[None]:
    before = {
        number: signal.signal(number, lambda *_: child.send_signal(signal.SIGINT))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
