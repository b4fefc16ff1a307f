"""Conversations that read and write pieces of memory banks: IEC 62386-102 clauses 9.10 and 11.8.

Each is at most about 0.3 s of bus time; bank_inquiries.py makes whole readings of them. A silent location is never
taken for an unimplemented one before the gear has said how far it has counted: a lost frame would shift what follows.
"""

from collections import namedtuple

from protocols.dali import gear_commands, memory_banks, sequences
from protocols.dali.addresses import BROADCAST
from protocols.dali.frames import Reply, Transmission, bonded
from protocols.dali.gear_errors import ReadDisturbed
from protocols.dali.inquiries import begun_again
from protocols.errors import SeveralAnswered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocols.dali.addresses import Address
    from protocols.dali.inquiries import Conversation
    from protocols.dali.memory_banks import Field


MOST_LOCATIONS = 5
"""Locations in one piece: two DTRs and five reads are 0.28 s at the slowest answer within a transaction."""
MOST_WRITES = 4
"""The same for a piece that writes: it has two frames of ENABLE WRITE MEMORY more."""
READ_TRIES = 3
HEAD_TRIES = 2
"""Silence at location 0, twice: the bank is not there."""

PRESENT = "present"
ABSENT = "absent"


class BankHead(namedtuple("BankHead", "state last lock")):
    """Whether a gear has a bank (PRESENT or ABSENT), the bank's last location, and its lock byte (None: has none)."""


class Chunk(namedtuple("Chunk", "offset count")):
    """Locations that are read in one piece."""


def chunks(fields: "Sequence[Field]", frozen: bool) -> "list[Chunk]":
    """The pieces in which these fields are read, in the table's order. A number that is being measured stays in one
    piece, unless it is `frozen` by a latch."""
    found: "list[Chunk]" = []
    for offset, count, whole in _parts(fields, frozen):
        if found and found[-1].offset + found[-1].count == offset:
            room = MOST_LOCATIONS - found[-1].count
            taken = count if count <= room else 0 if whole else max(0, room)
            found[-1] = Chunk(found[-1].offset, found[-1].count + taken)
            offset, count = offset + taken, count - taken
        while count > 0:
            taken = count if whole else min(count, MOST_LOCATIONS)
            found.append(Chunk(offset, taken))
            offset, count = offset + taken, count - taken
    return found


def _parts(fields: "Sequence[Field]", frozen: bool) -> "list[tuple[int, int, bool]]":
    parts = []
    for field in fields:
        if field.scale_offset is not None:
            parts.append((field.scale_offset, 1, True))
        parts.append((field.offset, field.size, "m" in field.flags and not frozen))
    return parts


def read_head(address: "Address", bank: int) -> "Conversation[BankHead]":
    """Whether the gear has this bank, how far it reaches, and its lock byte. Raises as read_chunk does."""
    head = yield from begun_again(_read_head, address, bank)
    return head


def _read_head(address: "Address", bank: int) -> "Conversation[BankHead]":
    for _ in range(HEAD_TRIES):
        (last,) = yield from sequences.read_bank(address, bank, memory_banks.LAST_LOCATION, 1)
        if last is not None:
            break
        # A gear that is there answers this, and so tells silence from absence.
        counted = yield from sequences.query_value(address, "QUERY CONTENT DTR0")
        if counted == memory_banks.LAST_LOCATION + 1:
            return BankHead(ABSENT, None, None)
    if last is None:
        return BankHead(ABSENT, None, None)
    if last < memory_banks.LOCK_BYTE or bank == 0:
        return BankHead(PRESENT, last, None)
    (lock,) = yield from _read_chunk(address, bank, Chunk(memory_banks.LOCK_BYTE, 1))
    return BankHead(PRESENT, last, lock)


def read_chunk(address: "Address", bank: int, chunk: Chunk) -> "Conversation[list[int | None]]":
    """These locations, None where nothing is implemented. Raises NotAnswered where the gear is gone, SeveralAnswered,
    and ReadDisturbed where it keeps losing frames."""
    content = yield from begun_again(_read_chunk, address, bank, chunk)
    return content


def _read_chunk(address: "Address", bank: int, chunk: Chunk) -> "Conversation[list[int | None]]":
    for _ in range(READ_TRIES):
        content = yield from sequences.read_bank(address, bank, chunk.offset, chunk.count)
        if None not in content:
            return content
        counted = yield from sequences.query_value(address, "QUERY CONTENT DTR0")
        if counted == min(chunk.offset + chunk.count, 0xFF):
            return content
    raise ReadDisturbed(
        "%s %d has counted other locations of memory bank %d than were read: look for another master and for a bad line"
        % (address.kind, address.number, bank),
        address,
    )


def set_lock(address: "Address", bank: int, value: int) -> "Conversation[bool]":
    """Writes UNLOCK, LATCH or RELEASE into the lock byte of one gear; whether the gear has taken it."""
    taken = yield from begun_again(_set_lock, address, bank, value)
    return taken


def _set_lock(address: "Address", bank: int, value: int) -> "Conversation[bool]":
    yield from _open_for_writing(address, bank, memory_banks.LOCK_BYTE)
    reply = yield gear_commands.special("WRITE MEMORY LOCATION", value)
    if value == memory_banks.RELEASE:
        yield from sequences.close_writing(address)
    if reply.kind == Reply.COLLISION:
        raise SeveralAnswered("several gear answer as %s %d" % (address.kind, address.number))
    return bool(reply.value == value)


def latch_all(bank: int) -> "Conversation[None]":
    """Freezes the bank of all gear on the bus at one instant, where they honour it (see latch_of)."""
    yield from sequences.latch(BROADCAST, bank)
    yield from sequences.close_writing(BROADCAST)


def release_all(bank: int) -> "Conversation[None]":
    """Ends latch_all, so that nobody reads an old value."""
    yield from sequences.write_bank(BROADCAST, bank, memory_banks.LOCK_BYTE, (memory_banks.RELEASE,))
    yield from sequences.close_writing(BROADCAST)


def _open_for_writing(address: "Address", bank: int, offset: int) -> "Conversation[None]":
    # The DTRs first: some gear takes a DTR for the end of writing.
    yield gear_commands.special("DTR1", bank)
    yield gear_commands.special("DTR0", offset)
    yield bonded(gear_commands.command(address, "ENABLE WRITE MEMORY"), Transmission.WRITING)


def write_chunk(address: "Address", bank: int, offset: int, content: bytes) -> "Conversation[Reply | None]":
    """Writes these bytes, each answered by the gear; None, or the first reply that is not the byte written."""
    refused = yield from begun_again(_write_chunk, address, bank, offset, content)
    return refused


def _write_chunk(address: "Address", bank: int, offset: int, content: bytes) -> "Conversation[Reply | None]":
    yield from _open_for_writing(address, bank, offset)
    for place, byte in enumerate(content):
        transmission = gear_commands.special("WRITE MEMORY LOCATION", byte)
        if place < len(content) - 1:
            transmission = bonded(transmission, Transmission.WRITING)
        reply: Reply = yield transmission
        if reply.kind == Reply.COLLISION:
            raise SeveralAnswered("several gear answer as %s %d" % (address.kind, address.number))
        if reply.value != byte:
            return reply
    return None
