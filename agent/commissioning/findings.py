"""What commissioning found out: gear, and whatever differs from the board or is wrong. Facts only; texts.py has the
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
"""Notes are as they should be; a difference is between the bus and the board; trouble stands in the way."""


@dataclass(frozen=True)
class Finding:
    """One thing found out about `subject` (a luminaire, an address or a bus), with what its sentence tells."""

    name: str
    subject: str
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        return KINDS[self.name]


@dataclass
class FoundGear:
    """One control gear. `luminaire` is the board's name for its address, None where the board has none; `had_address`
    is what it had before this run."""

    short_address: int
    luminaire: str | None = None
    had_address: int | None = None
    is_new: bool = False
    version: tuple[int, int] | None = None
    device_types: tuple[int, ...] | None = None
    """None where the gear did not tell them."""
    settings: dict[str, int | None] = field(default_factory=dict)
    """None for what gear of its version does not have."""
    groups: tuple[int, ...] = ()
    banks: dict[str, dict[str, str | None]] = field(default_factory=dict)
    """By bank and field: the value as text with its unit; None where the gear does not tell it."""
    supply: Supply | None = None
    """The integrated bus supply of D4i gear (part 250); None where that could not be read."""

    @property
    def subject(self) -> str:
        return self.luminaire or str(self.short_address)


@dataclass
class BusRecord:
    """What was found and done on one bus. `frames` counts forward frames by stage, both of a pair. `compared`: bus and
    board were; False where one gear alone was written to."""

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
        """Whether bus and board agree, and nothing is wrong."""
        return all(finding.kind == "note" for finding in self.findings)
