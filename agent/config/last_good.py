"""Keeps the last good files of a gateway, so that it can go on when a later edit breaks them.

A lamp-post must not stay dark for a typing error: `check` refuses a bad file, but `run` goes on with the last good
board, its program, and all other programs and calendars of its plan.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from agent.config.board import Board, load_board, read_board
from agent.config.document import Document, content_hash, document_of, parse_document, read_content, read_document
from agent.config.plan import ProgramFiles, load_plan
from agent.config.problems import ConfigError
from agent.config.program import program_path
from agent.hardware.files import MOST_BYTES, read_plain
from agent.schedule.plan import Plan
from agent.schedule.program import Program

log = logging.getLogger("lichtmast")

BOARD_COPY = "last-good-board.toml"
"""The name, in the state folder, of the copy of the board that the agent uses."""

# The version of the file that holds all files of a plan.
FORMAT = 1
MOST_KEPT_BYTES = 32 * MOST_BYTES
"""The most bytes of the file that holds a board with all its programs and calendars; more than any gateway needs."""


@dataclass(frozen=True)
class Config:
    """A valid board with its plan and its program (that of the first luminaire, if there are several).

    `content_hash` is that of the board's file. `refused` says why the wanted files could not be used, or is empty.
    """

    board: Board
    program: Program
    content_hash: str
    plan: Plan
    refused: str = ""


class LastGood:
    """The copies of the last good files in the gateway's state folder."""

    def __init__(self, state: Path) -> None:
        self._board = state / BOARD_COPY
        self._program = state / "last-good-program.toml"
        # All files of the plan, by their paths. The two copies above are for older versions of the agent, and for the
        # case that this file does not fit the copy of the board.
        self._files = state / "last-good-files.json"

        self._fresh: dict[Path, bytes] = {}

    def load(self, board_path: str, program: str | None) -> Config:
        """Returns the board and program in these files, or the last good ones if these are bad. `program` None stands
        for the board's own program.

        Raises ConfigError if the files are bad and there are no last good ones. Writes nothing: `keep` does.
        """
        read = _Reader()
        files = ProgramFiles(read)
        try:
            board = read_board(read(board_path))
            plan = load_plan(board, program, files)
        except ConfigError as error:
            return self._fall_back(error)
        # Keep the very bytes that were found to be good: the files may change a moment later.
        content = read.contents[board_path]
        # Keep a ready program too: it may differ from the one that the board names, and lies outside the state folder.
        whole = program_path(program or board.program)
        texts = {path: read.contents[path].decode() for path in files.paths}
        kept = {"format": FORMAT, "board": content.decode(), "path": board_path, "program": program, "files": texts}
        if str(whole) not in read.contents:
            with contextlib.suppress(ConfigError):  # a board with a calendar does not need this program
                read(whole)
        self._fresh = {self._board: content, self._files: json.dumps(kept, indent=1).encode()}
        if str(whole) in read.contents:
            self._fresh[self._program] = read.contents[str(whole)]
        return Config(board, _first_program(plan), content_hash(content), plan)

    def keep(self) -> None:
        """Writes the files that `load` found to be good. Writes nothing if `load` had to return the last good ones."""
        for path, content in self._fresh.items():
            _write_whole(content, path)

    def _fall_back(self, error: ConfigError) -> Config:
        if not self._board.exists():
            raise error
        board, plan = self._kept_plan() or self._plain_plan()
        log.error("%s", error)
        refused = f"the board or program is not valid, so the last good one is used ({error.problems[0].text})"
        log.error("%s", refused)
        return Config(board, _first_program(plan), content_hash(read_content(self._board)), plan, refused)

    def _kept_plan(self) -> tuple[Board, Plan] | None:
        """Returns the board and plan of the files that were kept together, or None if they do not fit the copy of the
        board."""
        try:
            kept = json.loads(read_plain(self._files, MOST_KEPT_BYTES))
            board_text, path, program = kept["board"], str(kept["path"]), kept["program"]
            texts = {str(name): str(text) for name, text in kept["files"].items()}
            if kept["format"] != FORMAT or board_text.encode() != read_plain(self._board):
                return None

            def read(name: str | Path) -> Document:
                text = texts.get(str(name))
                return parse_document(str(name), text) if text is not None else read_document(name)

            board = read_board(parse_document(path, board_text), program_elsewhere=True)
            return board, load_plan(board, None if program is None else str(program), ProgramFiles(read))
        except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError, ConfigError) as error:
            log.warning("the last good files in %s cannot be used together: %s", self._files, error)
            return None

    def _plain_plan(self) -> tuple[Board, Plan]:
        board = load_board(self._board, program_elsewhere=self._program.exists())
        program = str(self._program) if self._program.exists() else board.program
        return board, load_plan(board, program)


class _Reader:
    """Reads documents, and keeps the bytes of each by its path."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}

    def __call__(self, path: str | Path) -> Document:
        content = self.contents[str(path)] = read_content(path)
        return document_of(str(path), content)


def _write_whole(content: bytes, path: Path) -> None:
    """Writes a file whole or not at all: a power cut must not leave half a board. Logs a failure."""
    try:
        if _has_content(path, content):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.unlink(missing_ok=True)  # a crash may have left half a file there, or a user even a pipe
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        log.error("the last good configuration cannot be kept in %s: %s", path.parent, error)


def _has_content(path: Path, content: bytes) -> bool:
    try:
        return read_plain(path, MOST_KEPT_BYTES) == content
    except OSError:
        return False


def _first_program(plan: Plan) -> Program:
    return plan.luminaires[plan.names[0]].calendar.program
