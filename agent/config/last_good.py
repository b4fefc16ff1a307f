"""The last board and program that were good: what a gateway goes on with when somebody breaks its files.

A lamp-post must not stay dark for a typing error: `check` refuses a bad file, `run` goes on with the last good ones:
the board, its program, and whatever other programs and calendars its plan was made of.
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
"""The board that the agent of this state folder goes by."""

# The format of the file that holds all files of a plan.
FORMAT = 1
MOST_KEPT_BYTES = 32 * MOST_BYTES
"""What the file that holds all others may have: a board, and more programs and calendars than any gateway has."""


@dataclass(frozen=True)
class Config:
    """A board, its plan and its program (the first luminaire's, where there are several), all valid. `refused` says why
    the files asked for are not these, or is empty."""

    board: Board
    program: Program
    content_hash: str
    plan: Plan
    refused: str = ""


class LastGood:
    """The copies in the gateway's state folder."""

    def __init__(self, state: Path) -> None:
        self._board = state / BOARD_COPY
        self._program = state / "last-good-program.toml"
        # All files of the plan by their paths. The two above are what an older version reads, and what is left to go
        # on with where this one does not belong to them.
        self._files = state / "last-good-files.json"

        self._fresh: dict[Path, bytes] = {}

    def load(self, board_path: str, program: str | None) -> Config:
        """The board and program asked for (`program` None: the board's own), or the last good ones. Raises ConfigError
        where the files are bad and there are no last good ones. It writes nothing: `keep` does."""
        read = _Reader()
        files = ProgramFiles(read)
        try:
            board = read_board(read(board_path))
            plan = load_plan(board, program, files)
        except ConfigError as error:
            return self._fall_back(error)
        # What was found to be good, byte by byte, and not what stands in the files a moment later.
        content = read.contents[board_path]
        # A ready program too: the board's own may be another, and lies where the copy of the board does not reach.
        whole = program_path(program or board.program)
        texts = {path: read.contents[path].decode() for path in files.paths}
        kept = {"format": FORMAT, "board": content.decode(), "path": board_path, "program": program, "files": texts}
        if str(whole) not in read.contents:
            with contextlib.suppress(ConfigError):  # a board with a calendar may do without it
                read(whole)
        self._fresh = {self._board: content, self._files: json.dumps(kept, indent=1).encode()}
        if str(whole) in read.contents:
            self._fresh[self._program] = read.contents[str(whole)]
        return Config(board, _first_program(plan), content_hash(content), plan)

    def keep(self) -> None:
        """Writes what `load` found to be good; nothing where it gave the last good one itself."""
        for path, content in self._fresh.items():
            _keep(content, path)

    def _fall_back(self, error: ConfigError) -> Config:
        if not self._board.exists():
            raise error
        board, plan = self._kept_plan() or self._plain_plan()
        log.error("%s", error)
        refused = f"the board or program is not valid, so the last good one is used ({error.problems[0].text})"
        log.error("%s", refused)
        return Config(board, _first_program(plan), content_hash(read_content(self._board)), plan, refused)

    def _kept_plan(self) -> tuple[Board, Plan] | None:
        """The board and the plan of the files that were kept together; None where they do not belong to the board."""
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
    """Reads documents, and remembers the bytes of each."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}

    def __call__(self, path: str | Path) -> Document:
        content = self.contents[str(path)] = read_content(path)
        return document_of(str(path), content)


def _keep(content: bytes, path: Path) -> None:
    """Written whole or not at all: a power cut must not leave half a board."""
    try:
        if _stands_already(content, path):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.unlink(missing_ok=True)  # a crash or a user may have left anything there, even a pipe
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        log.error("the last good configuration cannot be kept in %s: %s", path.parent, error)


def _stands_already(content: bytes, path: Path) -> bool:
    try:
        return read_plain(path, MOST_KEPT_BYTES) == content
    except OSError:
        return False


def _first_program(plan: Plan) -> Program:
    return plan.luminaires[plan.names[0]].calendar.program
