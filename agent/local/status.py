"""The status of a street, as the agent knows it: what each lamp should do and does, why, and what is wrong."""

from __future__ import annotations

from collections.abc import Sequence

from agent.config.board import Board
from agent.inputs.overrides import Overrides
from agent.interfaces import Clock
from agent.lamps.line import Line
from agent.lamps.luminaire import LuminaireState
from agent.lamps.targets import LampTarget, Targets
from agent.records.alarms import EventLog
from agent.records.journal import Journal
from agent.upstream.reporter import MqttReporter
from agent.version import __version__
from protocols.dali import levels

Row = dict[str, object]


class Status:
    """Works out the status from the parts of the agent; asks no gear, and waits for nothing."""

    def __init__(
        self,
        board: Board,
        lines: Sequence[Line],
        targets: Targets,
        overrides: Overrides,
        events: EventLog,
        journal: Journal,
        reporter: MqttReporter | None,
        clock: Clock,
    ) -> None:
        self._board = board
        self._lines = lines
        self._targets = targets
        self._overrides = overrides
        self._events = events
        self._journal = journal
        self._reporter = reporter
        self._clock = clock

    def now(self) -> Row:
        """Returns the status in JSON's own types. Times are Unix seconds, light is in percent (0-100)."""
        unix = self._clock.wall()
        targets = self._targets.now()
        return {
            "at": unix,
            "gateway": self._board.gateway,
            "name": self._board.name,
            "timezone": self._board.timezone,
            "version": __version__,
            "clock_valid": self._clock.valid(),
            "clock_synchronised": self._clock.synchronised(),
            "luminaires": [
                self._lamp(luminaire, line.name, targets[luminaire.name], unix)
                for line in self._lines
                for luminaire in line.luminaires
            ],
            "alarms": self._events.active(),
            "overrides": [each.as_json() for each in self._overrides.current if each.expires > unix],
            "journal": {"records": self._journal.last, "unsent": self._journal.depth},
            "upstream": None if self._reporter is None else {"connected": self._reporter.connected},
        }

    def _lamp(self, luminaire: LuminaireState, bus: str, target: LampTarget, unix: float) -> Row:
        condition = luminaire.condition
        answered_at = condition.last_answer_at
        tonight = self._targets.tonight(luminaire.name)
        change = tonight and tonight.change
        return {
            "name": luminaire.name,
            "bus": bus,
            "short_address": luminaire.short_address,
            "target_percent": round(target.percent, 1),
            "actual_percent": _actual_percent(luminaire),
            "reason": target.reason,
            "program": tonight and tonight.program,
            "answers": condition.answers and answered_at is not None,
            "lamp_failed": condition.lamp_failed,
            "last_answer": None if answered_at is None else round(unix - (self._clock.monotonic() - answered_at), 1),
            "next_change": None if change is None else {"at": change.unix, "percent": change.percent},
        }


def _actual_percent(luminaire: LuminaireState) -> float | None:
    """Returns the light (0-100 %) that the gear showed last. None: it has not been asked since its last command, or
    does not answer."""
    level, on_its_way = luminaire.condition.actual_level, luminaire.told.verify_at is not None
    if level is None or on_its_way or not luminaire.condition.answers:
        return None
    return round(levels.percent_of(level), 1)
