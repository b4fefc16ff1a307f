"""Conversations that read and write pieces of memory banks: IEC 62386-102 clauses 9.10 and 11.8.

Each takes at most about 0.3 s of bus time; bank_inquiries.py makes whole readings of them. A silent location counts as
not implemented only after the gear has said how far it has counted: a lost frame would shift all that follows it.
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
"""The locations that one piece reads: two DTRs and five reads take 0.28 s at the slowest answers in a transaction."""
MOST_WRITES = 4
"""The locations that one piece writes: fewer, for it also has the two frames of ENABLE WRITE MEMORY."""
READ_TRIES = 3
HEAD_TRIES = 2
"""A bank whose location 0 is silent this many times is not there."""

PRESENT = "present"
ABSENT = "absent"


class BankHead(namedtuple("BankHead", "state last lock")):
    """The begin of a bank: `state` (PRESENT or ABSENT), the `last` location, and the `lock` byte (None: has none)."""


class Chunk(namedtuple("Chunk", "offset count")):
    """The `count` locations from `offset` on, which are read in one piece."""


def chunks(fields: "Sequence[Field]", frozen: bool) -> "list[Chunk]":
    """Returns the pieces in which these fields are read, in the table's order.

    A number that the gear measures stays in one piece, unless a latch has `frozen` it.
    """
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
    """Reads whether the gear has this bank, how far it reaches, and its lock byte.

    Raises NotAnswered if the gear is gone, SeveralAnswered, and ReadDisturbed if it keeps losing frames.
    """
    head = yield from begun_again(_read_head, address, bank)
    return head


def _read_head(address: "Address", bank: int) -> "Conversation[BankHead]":
    for _ in range(HEAD_TRIES):
        (last,) = yield from sequences.read_bank(address, bank, memory_banks.LAST_LOCATION, 1)
        if last is not None:
            break
        # The gear answers this in any case, and so tells a missing bank from a lost frame.
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
    """Reads these locations; each is a byte, or None if the gear does not implement it.

    Raises NotAnswered if the gear is gone, SeveralAnswered, and ReadDisturbed if it keeps losing frames.
    """
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
    """Writes UNLOCK, LATCH or RELEASE into the lock byte of one gear. Returns True if the gear has taken it."""
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
    """Freezes this bank at one instant in all gear that honours a broadcast (see bank_inquiries.latch_of)."""
    yield from sequences.latch(BROADCAST, bank)
    yield from sequences.close_writing(BROADCAST)


def release_all(bank: int) -> "Conversation[None]":
    """Ends what `latch_all` has begun, so that no reader gets an old value."""
    yield from sequences.write_bank(BROADCAST, bank, memory_banks.LOCK_BYTE, (memory_banks.RELEASE,))
    yield from sequences.close_writing(BROADCAST)


def _open_for_writing(address: "Address", bank: int, offset: int) -> "Conversation[None]":
    # The DTRs first: some gear takes a DTR for the end of writing.
    yield gear_commands.special("DTR1", bank)
    yield gear_commands.special("DTR0", offset)
    yield bonded(gear_commands.command(address, "ENABLE WRITE MEMORY"), Transmission.WRITING)


def write_chunk(address: "Address", bank: int, offset: int, content: bytes) -> "Conversation[Reply | None]":
    """Writes these bytes, each of which the gear repeats. Returns None, or the first reply that is another byte."""
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
