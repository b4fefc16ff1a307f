"""Keeps the level steps of lamps that sensors drive, in a folder that a restart of the machine empties (/run).

The course of their levels says when people passed. So the journal, which is kept and sent, has only their energy.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.savings.level_history import LevelStep

log = logging.getLogger("lichtmast")


class LevelMemory:
    """The level steps of the quarters that are still open. If `folder` is None, nothing outlives this process."""

    def __init__(self, folder: Path | None, gateway: str) -> None:
        self._path = None if folder is None else folder / f"{gateway}.levels.json"
        self._kept: str | None = None
        self._refused = False

    def load(self) -> Mapping[str, object]:
        """Returns the steps that were kept, by luminaire. Steps that cannot be read are left out: the energy is then
        shared out more coarsely."""
        if self._path is None:
            return {}
        try:
            found = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            log.warning(
                "the course of levels in %s cannot be read (%s): quarters are shared out evenly", self._path, error
            )
            return {}
        return found if isinstance(found, dict) else {}

    def keep(self, levels: Mapping[str, Sequence[LevelStep]]) -> None:
        """Keeps these steps, by luminaire, in place of those before. The folder is in memory, so it needs no sync."""
        if self._path is None:
            return
        text = json.dumps(
            {name: [[s.at, s.start_level, s.level, s.fade_s] for s in steps] for name, steps in levels.items()}
        )
        if text == self._kept or (not levels and self._kept is None and not self._path.exists()):
            return
        fresh = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh.touch(0o600)
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(self._path)
        except OSError as error:
            if not self._refused:
                log.error("the course of levels cannot be kept in %s: %s", self._path.parent, error)
            self._refused = True
        else:
            self._kept, self._refused = text, False
