"""Reads the full powers that a gateway has learned from its lamps' own meters out of its journal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from agent.records.reading import JournalView, NotReadable
from agent.savings.full_power import FullPower
from agent.savings.ledger import LuminaireLedger
from agent.savings.ledger_state import StateUnreadable
from agent.savings.power_model import PowerModel

_PREFIX = "ledger:"
"""The journal keeps a ledger under this prefix and the luminaire's name (agent/energy/metering.py)."""


class NoJournal(ValueError):
    """There is no journal to learn from. The message says which file was looked for."""


def learned_powers(folder: Path, gateway: str, declared: Mapping[str, PowerModel]) -> dict[str, float]:
    """Returns the full power in W of each luminaire that has been metered long enough at 100 %, by its name.

    `declared` are the luminaires' powers as the board states them. Raises NoJournal if the folder holds no journal of
    this gateway, or one that cannot be read.
    """
    path = folder / f"{gateway}.journal"
    if not path.is_file():
        raise NoJournal(f"{path}: there is no such journal: write the folder that `lichtmast run` has as --state")
    journal = JournalView(path)
    try:
        owner, states = journal.gateway, journal.states(_PREFIX)
    except NotReadable as error:
        raise NoJournal(str(error)) from error
    if owner != gateway:
        raise NoJournal(
            f"{path}: is the journal of {f'gateway {owner}' if owner else 'no gateway'}, not of {gateway}:"
            " give that gateway's own board"
        )
    found = {}
    for name, power in declared.items():
        full_power_w = _full_power_w(states.get(name), name, power)
        if full_power_w is not None:
            found[name] = full_power_w
    return found


def _full_power_w(text: str | None, name: str, power: PowerModel) -> float | None:
    """Returns the full power in W that a ledger has learned, or None if it has learned none or cannot be read."""
    try:
        state = json.loads(text or "null")
        if not isinstance(state, dict):
            return None
        # Check the whole state first: a damaged ledger has learned nothing that can be trusted.
        LuminaireLedger.from_state(state, name, power, lambda _start, _end: [])
    except (ValueError, StateUnreadable):
        return None
    full_power = FullPower(power.full_power_w, [float(each) for each in state["full_power"]])
    return full_power.power_w if full_power.source == "measured" else None
