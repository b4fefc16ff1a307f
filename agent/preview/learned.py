"""The full powers that a gateway has learned from its lamps' own meters: read from its journal, without touching it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from agent.savings.full_power import FullPower
from agent.savings.ledger import LuminaireLedger
from agent.savings.ledger_state import StateUnreadable
from agent.savings.power_model import PowerModel

# Under which names the journal keeps the ledgers (agent/energy/metering.py).
_PREFIX = "ledger:"


class NoJournal(ValueError):
    """There is no journal to learn from; the message says where it was looked for."""


def learned_powers(folder: Path, gateway: str, declared: Mapping[str, PowerModel]) -> dict[str, float]:
    """Full power in W by luminaire name, of those that have been metered long enough at 100 %.

    Raises NoJournal where the folder holds no journal of this gateway.
    """
    path = folder / f"{gateway}.journal"
    if not path.is_file():
        raise NoJournal(f"{path}: there is no such journal: write the folder that `lichtmast run` has as --state")
    try:
        # Read-only: a running agent goes on writing, and nothing is made or changed.
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=10)) as connection:
            owner = connection.execute("SELECT gateway FROM identity").fetchone()
            rows = connection.execute("SELECT name, value FROM state WHERE name LIKE ?", (f"{_PREFIX}%",)).fetchall()
    except sqlite3.Error as error:
        raise NoJournal(f"{path}: cannot be read ({error}): check the file and its permissions") from error
    if owner is None or owner[0] != gateway:
        whose = owner[0] if owner else "nobody"
        raise NoJournal(f"{path}: is the journal of gateway {whose}, not of {gateway}: give that gateway's own board")
    states = {str(name).removeprefix(_PREFIX): str(value) for name, value in rows}
    found = {}
    for name, power in declared.items():
        full_power_w = _full_power_w(states.get(name), name, power)
        if full_power_w is not None:
            found[name] = full_power_w
    return found


def _full_power_w(text: str | None, name: str, power: PowerModel) -> float | None:
    """What one ledger has learned; None where it has not, or cannot be read."""
    try:
        state = json.loads(text or "null")
        if not isinstance(state, dict):
            return None
        # It checks the whole state: what is damaged has taught nothing.
        LuminaireLedger.from_state(state, name, power, lambda _start, _end: [])
    except (ValueError, StateUnreadable):
        return None
    full_power = FullPower(power.full_power_w, [float(each) for each in state["full_power"]])
    return full_power.power_w if full_power.source == "measured" else None
