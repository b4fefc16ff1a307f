"""The findings of commissioning: the gear, differences from the board, and faults. They are facts; texts.py has the
sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from protocols.dali.supply import Supply

Kind = Literal["note", "difference", "trouble"]

KINDS: dict[str, Kind] = {
    "addressGiven": "note",
    "whichLamp": "note",
    "noEnergyReport": "note",
    "unaddressed": "note",
    "failSafeWritten": "note",
    "lightLimited": "note",
    "lampExchanged": "note",
    "gearMissing": "difference",
    "gearUnknown": "difference",
    "whichReplaced": "difference",
    "nominalPowerDiffers": "difference",
    "settingDiffers": "difference",
    "addressShared": "trouble",
    "gearTrouble": "trouble",
    "nonsenseAnswered": "trouble",
    "gearVanished": "trouble",
    "nonsenseAddress": "trouble",
    "addressNotTaken": "trouble",
    "sameRandomAddress": "trouble",
    "tooManyGear": "trouble",
    "noIsFrame": "trouble",
    "answersContradict": "trouble",
    "busLost": "trouble",
    "tooManySupplies": "trouble",
    "tooLittleSupply": "trouble",
    "supplyUnknown": "note",
}
"""The kind of each finding. A note tells of a bus as it should be, a difference is one between the bus and the board,
and trouble keeps the work from being done."""


@dataclass(frozen=True)
class Finding:
    """A finding about `subject` (a luminaire, an address or a bus), with the facts that its sentence tells."""

    name: str
    subject: str
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """The kind of this finding, as KINDS has it."""
        return KINDS[self.name]


@dataclass
class FoundGear:
    """One control gear. `luminaire` is the board's name for its address (None: the board has no luminaire there).
    `had_address` is its short address before this run (None: it had none)."""

    short_address: int
    luminaire: str | None = None
    had_address: int | None = None
    is_new: bool = False
    version: tuple[int, int] | None = None
    device_types: tuple[int, ...] | None = None
    """None if the gear did not tell them."""
    settings: dict[str, int | None] = field(default_factory=dict)
    """The value by the name of the setting; None for a setting that gear of its version does not have."""
    groups: tuple[int, ...] = ()
    banks: dict[str, dict[str, str | None]] = field(default_factory=dict)
    """By bank and field: the value as text with its unit; None if the gear does not tell it."""
    supply: Supply | None = None
    """The integrated bus supply of D4i gear (part 250); None if that could not be read."""

    @property
    def subject(self) -> str:
        """The name of the luminaire, or the short address if the board has no name for it."""
        return self.luminaire or str(self.short_address)


@dataclass
class BusRecord:
    """The record of one bus. `began` is in Unix seconds. `frames` counts forward frames by stage; a pair that is sent
    twice counts as two. `compared` tells that bus and board were compared; it is False if only one gear was written
    to."""

    bus: str
    interface: str
    port: str
    channel: int
    dry_run: bool
    began: float
    took_s: float = 0.0
    frames: dict[str, int] = field(default_factory=dict)
    gear: list[FoundGear] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    compared: bool = True

    @property
    def is_right(self) -> bool:
        """True if bus and board agree and there is no trouble."""
        return all(finding.kind == "note" for finding in self.findings)
