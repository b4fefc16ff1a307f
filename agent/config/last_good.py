"""The last board and program that were good: what a gateway goes on with when somebody breaks its files.

A lamp-post must not stay dark for a typing error: `check` refuses a bad file, `run` goes on with the last good ones:
the board, its program, and whatever other programs and calendars its plan was made of.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from agent.config.board import Board, load_board, read_board
from agent.config.document import Document, content_hash, parse_document, read_document
from agent.config.plan import ProgramFiles, load_plan
from agent.config.problems import ConfigError
from agent.config.program import program_path
from agent.schedule.plan import Plan
from agent.schedule.program import Program

log = logging.getLogger("lichtmast")

BOARD_COPY = "last-good-board.toml"
"""The board that the agent of this state folder goes by."""

# The format of the file that holds all files of a plan.
FORMAT = 1


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

    def load(self, board_path: str, program: str | None) -> Config:
        """The board and program asked for (`program` None: the board's own), or the last good ones. Raises ConfigError
        where the files are bad and there are no last good ones."""
        files = ProgramFiles()
        try:
            board = load_board(board_path)
            plan = load_plan(board, program, files)
            config = Config(board, _first_program(plan), content_hash(board_path), plan)
        except ConfigError as error:
            return self._fall_back(error)
        content = Path(board_path).read_bytes()
        self._keep(content, self._board)
        # A ready program too: the board's own may be another, and lies where the copy of the board does not reach.
        self._keep(program_path(program or board.program).read_bytes(), self._program)
        texts = {path: Path(path).read_text(encoding="utf-8") for path in files.paths}
        kept = {"format": FORMAT, "board": content.decode(), "path": board_path, "program": program, "files": texts}
        self._keep(json.dumps(kept, indent=1).encode(), self._files)
        return config

    def _fall_back(self, error: ConfigError) -> Config:
        if not self._board.exists():
            raise error
        board, plan = self._kept_plan() or self._plain_plan()
        log.error("%s", error)
        refused = f"the board or program is not valid, so the last good one is used ({error.problems[0].text})"
        log.error("%s", refused)
        return Config(board, _first_program(plan), content_hash(self._board), plan, refused)

    def _kept_plan(self) -> tuple[Board, Plan] | None:
        """The board and the plan of the files that were kept together; None where they do not belong to the board."""
        try:
            kept = json.loads(self._files.read_bytes())
            board_text, path, program = kept["board"], str(kept["path"]), kept["program"]
            texts = {str(name): str(text) for name, text in kept["files"].items()}
            if kept["format"] != FORMAT or board_text.encode() != self._board.read_bytes():
                return None

            def read(name: str | Path) -> Document:
                text = texts.get(str(name))
                return parse_document(str(name), text) if text is not None else read_document(name)

            board = read_board(parse_document(path, board_text), program_elsewhere=True)
            return board, load_plan(board, None if program is None else str(program), ProgramFiles(read))
        except (OSError, ValueError, KeyError, AttributeError, TypeError, ConfigError) as error:
            log.warning("the last good files in %s cannot be used together: %s", self._files, error)
            return None

    def _plain_plan(self) -> tuple[Board, Plan]:
        board = load_board(self._board, program_elsewhere=self._program.exists())
        program = str(self._program) if self._program.exists() else board.program
        return board, load_plan(board, program)

    def _keep(self, content: bytes, path: Path) -> None:
        """Written whole or not at all: a power cut must not leave half a board."""
        try:
            if path.exists() and path.read_bytes() == content:
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_suffix(".new")
            with fresh.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError as error:
            log.error("the last good configuration cannot be kept in %s: %s", path.parent, error)


def _first_program(plan: Plan) -> Program:
    return plan.luminaires[plan.names[0]].calendar.program
