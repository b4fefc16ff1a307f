"""Makes a luminaire show which one it is: by IDENTIFY DEVICE (IEC 62386-102 clause 11.4), older gear by flashing."""

from protocols.dali import gear_commands, gear_data, sequences
from protocols.dali.frames import Pause, Reply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any  # noqa: TID251 - only type checkers come here

    from protocols.dali.addresses import Address
    from protocols.dali.inquiries import Conversation

KNOWS_IDENTIFY = (2, 0)
"""Gear has IDENTIFY DEVICE from this version (major, minor) of part 102 on."""
IDENTIFY_S = 10.0
"""IDENTIFY DEVICE ends by itself after this time."""
FLASHES = 5
FLASH_S = 1.0


def identify(address: "Address") -> "Generator[Conversation[Any] | Pause, Any, None]":
    """Makes the lamp at this short address show itself for 10 s; afterwards it has its level again.

    Raises NotAnswered and SeveralAnswered.
    """
    version = yield gear_data.version(address)
    if version >= KNOWS_IDENTIFY:
        yield _once(address, "IDENTIFY DEVICE")
        yield Pause(IDENTIFY_S)
        return
    level = yield sequences.query_value(address, "QUERY ACTUAL LEVEL")
    for _ in range(FLASHES):
        for name in ("RECALL MAX LEVEL", "RECALL MIN LEVEL"):
            yield _once(address, name)
            yield Pause(FLASH_S)
    if level != gear_commands.MASK:
        yield sequences.dim(address, level)


def _once(address: "Address", name: str) -> "Conversation[Reply]":
    reply = yield gear_commands.command(address, name)
    return reply
