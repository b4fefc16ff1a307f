"""Conversations that read the energy register of gear: DiiA part 252 (IEC 62386-252), memory bank 202.

The bytes are read highest first, and the register may count on between two of them. If a carry passes through them
meanwhile, the reading is torn. The lowest byte comes last and is small after such a carry, so a reading that ends in a
larger byte is whole. Otherwise the bytes are read again; the next carry is then far off, and the second reading is
whole. A register that counts too fast for that is latched, which freezes all of its bytes.

READ MEMORY LOCATION counts DTR0 on in the gear that it is addressed to, and in no other (IEC 62386-102 clause 11.8). So
one load of the DTRs, which all gear hear, is enough for several gear, each of which is then read once.
"""

import math
from collections import namedtuple

from protocols.dali import gear_commands, memory_banks, sequences
from protocols.dali.frames import Reply
from protocols.dali.gear_errors import BankMissing
from protocols.dali.inquiries import begun_again
from protocols.errors import ConversationFailed, Interrupted, NotAnswered, SeveralAnswered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocols.dali.addresses import Address
    from protocols.dali.inquiries import Conversation

MOST_POWER_W = 1000.0
"""More than any luminaire draws: this bounds how far a register can have counted."""
READING_TAKES_S = 1.0
"""More than it takes to read the bytes of a register, with the level commands that may pass in between."""
LATCH_FROM_COUNTS = 128
"""If a register may count on by this many while it is read, no lowest byte proves a whole reading: it is latched."""

LOW_BYTES = 2
LOW_MODULUS = 1 << (8 * LOW_BYTES)
MOST_COUNTED_ON = LOW_MODULUS // 2
"""A larger rise of the low bytes is not taken for one: it may be a carry or a reset."""
LOW_MASKS = (LOW_MODULUS - 1, LOW_MODULUS - 2)
"""The low bytes of MASK and TMASK: only the whole register tells these from a number."""

_BANK = memory_banks.ACTIVE_ENERGY_BANK
_FIELD = memory_banks.ACTIVE_ENERGY
_SCALE_OFFSET = memory_banks.ACTIVE_ENERGY.scale_offset
_LOW_OFFSET = memory_banks.ACTIVE_ENERGY.offset + memory_banks.ACTIVE_ENERGY.size - LOW_BYTES


class EnergyRegister(namedtuple("EnergyRegister", "count exponent")):
    """An energy register as read: `count` steps, each of 10 to the power of `exponent` (-6 to 6) Wh."""

    @property
    def resolution_wh(self) -> float:
        """One step, in Wh."""
        return float(10.0**self.exponent)

    @property
    def energy_wh(self) -> float:
        """The energy in Wh. The count is exact; rounding removes what a binary fraction adds to it."""
        return float(round(self.count * self.resolution_wh, max(0, -self.exponent)))

    @property
    def is_fine(self) -> bool:
        """True if the register may count so fast that it must be latched to be read."""
        return _most_counts(self.exponent) >= LATCH_FROM_COUNTS

    def low_bytes_tell(self, elapsed_s: float) -> bool:
        """Returns True if the two low bytes are enough to know where the register stands `elapsed_s` seconds later."""
        most_counts = MOST_POWER_W * elapsed_s / 3600.0 / self.resolution_wh
        return not self.is_fine and most_counts <= MOST_COUNTED_ON

    def counted_on(self, low: int) -> "EnergyRegister | None":
        """Returns the register once its low bytes are `low` (0-65535), or None if only the whole register can tell.

        A carry into the upper bytes is never inferred, because a register that was reset looks alike. Such a carry
        comes once in 65,536 steps, and the whole register is read then.
        """
        rise = low - self.count % LOW_MODULUS
        if not 0 <= rise <= MOST_COUNTED_ON or low in LOW_MASKS:
            return None
        return EnergyRegister(self.count + rise, self.exponent)


def read_whole(address: "Address", latch: bool = False) -> "Conversation[EnergyRegister | None]":
    """Reads the whole register with its scale, never torn; None if it holds MASK (unknown) or TMASK (not available).

    `latch` latches the register in any case and releases it again. That is for a register that is known to count fast
    or is in doubt: another master may have left it latched, so that it shows an old count. Raises BankMissing if the
    gear is silent about its scale or states one that part 252 does not allow; NotAnswered, SeveralAnswered,
    Interrupted.
    """
    exponent = 0
    content: "list[int]" = []
    if not latch:
        exponent, content = yield from _untorn(address)
    if latch or _most_counts(exponent) >= LATCH_FROM_COUNTS:
        yield from sequences.latch(address, _BANK)
        try:
            exponent, content = yield from _untorn(address)
        except ConversationFailed as failure:
            yield from _release(address)
            raise failure
        yield from _release(address)
    count = memory_banks.number(content).value
    return None if count is None else EnergyRegister(count, exponent)


def read_on(gear: "Sequence[tuple[Address, EnergyRegister]]") -> "Conversation[list[EnergyRegister | None]]":
    """Reads where the registers of several gear stand now, in order, by their two low bytes and their last readings.

    Pass only gear whose `low_bytes_tell`. None stands for gear that must be read whole: it was silent, its answers
    collided, or its low bytes have wrapped. Raises Interrupted if another master keeps changing the DTRs.
    """
    found: "list[EnergyRegister | None]" = []
    loaded, interrupted = False, 0
    while len(found) < len(gear):
        address, known = gear[len(found)]
        try:
            if not loaded:
                yield from _load(_LOW_OFFSET)
                loaded = True
            low = yield from _low_bytes(address)
            if low is not None and low % 0x100 <= _most_counts(known.exponent):
                yield from _load(_LOW_OFFSET)
                low = yield from _low_bytes(address)
        except Interrupted:
            loaded, interrupted = False, interrupted + 1
            if interrupted == sequences.TRIES:
                raise Interrupted("another master keeps changing the DTRs while energy registers are read")
            continue
        found.append(None if low is None else known.counted_on(low))
    return found


def _most_counts(exponent: int) -> int:
    """Returns the number of steps that the register can count on by while it is read."""
    return math.ceil(MOST_POWER_W * READING_TAKES_S / 3600.0 / 10.0**exponent)


def _load(offset: int) -> "Conversation[None]":
    yield gear_commands.special("DTR1", _BANK)
    yield gear_commands.special("DTR0", offset)


def _untorn(address: "Address") -> "Conversation[tuple[int, list[int]]]":
    """Reads the scale and the bytes, the bytes twice if a carry may have torn them.

    A register that counts fast must be latched; if the gear ignores the latch, its reading may be torn.
    """
    exponent, content = yield from begun_again(_scale_and_bytes, address)
    if content[-1] <= _most_counts(exponent) < LATCH_FROM_COUNTS:
        exponent, content = yield from begun_again(_scale_and_bytes, address)
    return exponent, content


def _scale_and_bytes(address: "Address") -> "Conversation[tuple[int, list[int]]]":
    gear = "%s %d" % (address.kind, address.number)
    yield from _load(_SCALE_OFFSET)
    content: "list[int]" = []
    for _ in range(1 + _FIELD.size):
        reply = yield gear_commands.command(address, "READ MEMORY LOCATION")
        if reply.kind == Reply.COLLISION:
            raise SeveralAnswered("several gear answer as %s" % gear)
        if reply.kind == Reply.NO_ANSWER:
            if not content:
                raise BankMissing("%s does not report its energy (bank 202)" % gear, address)
            raise NotAnswered("%s did not answer the whole energy reading" % gear)
        content.append(reply.value)
    exponent = memory_banks.exponent(content[0])
    if exponent is None:
        raise BankMissing("%s states a scale of its energy that is not valid (bank 202)" % gear, address)
    return exponent, content[1:]


def _low_bytes(address: "Address") -> "Conversation[int | None]":
    low = 0
    for _ in range(LOW_BYTES):
        reply = yield gear_commands.command(address, "READ MEMORY LOCATION")
        if reply.kind != Reply.VALUE:
            return None
        low = (low << 8) | reply.value
    return low


def _release(address: "Address") -> "Conversation[None]":
    """Releases the bank: while it stayed latched, every reader that does not latch would get this old value."""
    yield from sequences.write_bank(address, _BANK, memory_banks.LOCK_BYTE, (memory_banks.RELEASE,))
    yield from sequences.close_writing(address)
