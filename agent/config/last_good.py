"""The last board and program that were good: what a gateway goes on with when somebody breaks its files.

A lamp-post must not stay dark for a typing error: `check` refuses a bad file, `run` goes on with the last good one.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from agent.config.board import Board, load_board
from agent.config.document import content_hash
from agent.config.problems import ConfigError
from agent.config.program import READY, is_path, load_program
from agent.schedule.program import Program

log = logging.getLogger("lichtmast")


@dataclass(frozen=True)
class Config:
    """A board and its program, both valid. `refused` says why the files asked for are not these, or is empty."""

    board: Board
    program: Program
    content_hash: str
    refused: str = ""


class LastGood:
    """The copies in the gateway's state folder."""

    def __init__(self, state: Path) -> None:
        self._board = state / "last-good-board.toml"
        self._program = state / "last-good-program.toml"

    def load(self, board_path: str, program: str | None) -> Config:
        """The board and program asked for (`program` None: the board's own), or the last good ones. Raises ConfigError
        where the files are bad and there are no last good ones."""
        try:
            board = load_board(board_path)
            asked = program or board.program
            config = Config(board, load_program(asked), content_hash(board_path))
        except ConfigError as error:
            return self._fall_back(error)
        self._keep(Path(board_path).read_bytes(), self._board)
        # A ready program too: the board's own may be another, and lies where the copy of the board does not reach.
        program_path = Path(asked) if is_path(asked) else READY / f"{asked}.toml"
        self._keep(program_path.read_bytes(), self._program)
        return config

    def _fall_back(self, error: ConfigError) -> Config:
        if not self._board.exists():
            raise error
        board = load_board(self._board, program_elsewhere=self._program.exists())
        program = load_program(self._program if self._program.exists() else board.program)
        log.error("%s", error)
        refused = f"the board or program is not valid, so the last good one is used ({error.problems[0].text})"
        log.error("%s", refused)
        return Config(board, program, content_hash(self._board), refused)

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
