"""Opens each luminaire's ledger from the journal. A ledger that cannot be read is begun anew, which is an event."""

from __future__ import annotations

from agent.config.board import Board, Luminaire
from agent.interfaces import Almanac
from agent.records.alarms import EventLog
from agent.records.journal import Journal
from agent.savings.ledger import LuminaireLedger
from agent.savings.ledger_state import StateUnreadable
from agent.savings.power_model import PowerModel
from agent.schedule.evaluate import burning_spans
from agent.schedule.place import Cache


class Ledgers:
    """Opens the ledgers of one gateway."""

    def __init__(self, board: Board, almanac: Almanac, journal: Journal, events: EventLog) -> None:
        self._board = board
        self._almanac = almanac
        self._journal = journal
        self._events = events
        self._cache = Cache()
        self._declared = {luminaire.name: luminaire for luminaire in board.luminaires}

    def of(self, name: str) -> LuminaireLedger:
        """Returns the ledger of the luminaire of this name. Raises KeyError if the board has no such luminaire."""
        declared = self._declared[name]
        state = self._journal.state(f"ledger:{name}")
        if isinstance(state, dict):
            try:
                return LuminaireLedger.from_state(
                    state, name, _power_model(declared), self._burning_spans, baseline_power=self._board.baseline.power
                )
            except StateUnreadable as error:
                self._events.note("ledgerUnreadable", name, str(error))
        return LuminaireLedger(
            name, _power_model(declared), self._burning_spans, baseline_power=self._board.baseline.power
        )

    def _burning_spans(self, start: float, end: float) -> list[tuple[float, float]]:
        board = self._board
        on, off = board.baseline.on, board.baseline.off
        return burning_spans(on, off, self._almanac, board.latitude, board.longitude, start, end, self._cache)


def _power_model(declared: Luminaire) -> PowerModel:
    return PowerModel(declared.power_w, declared.min_power_w, declared.standby_w)
