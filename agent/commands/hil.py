"""`lichtmast hil [STORY...]`: runs stories of lamp-posts on emulated or real hardware; a line for each, and a report.

pytest runs them in a process of its own (hil/pytest_child.py).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from agent.config.board import load_board
from agent.hardware.files import require_writable_folder
from agent.interfaces import Clock

EMULATED = "emulated"
WHEN_STOPPED = "the stories above were told until then"


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
    from hil.pytest_child import missing, run_pytest

    if missing():
        sys.stderr.write(f"the stories need {missing()}: install lichtmast[hil]\n")
        return 2
    if arguments.bench != EMULATED:
        load_board(arguments.bench)
    wrong = [story for story in arguments.stories if story.endswith(".py") and not _file_of(story).exists()]
    if wrong:
        sys.stderr.write(f"{wrong[0]}: there is no such file of stories\n")
        return 2
    if arguments.report:
        require_writable_folder(arguments.report, "--report")
    return run_pytest(_command_line(arguments))


def _command_line(arguments: argparse.Namespace) -> list[str]:
    import hil.stories

    paths = [story for story in arguments.stories if _file_of(story).exists()]
    names = [story for story in arguments.stories if story not in paths]
    output = "names" if arguments.list else "json" if arguments.json else "lines"
    line = ["--continue-on-collection-errors", f"--bench={arguments.bench}"]
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
