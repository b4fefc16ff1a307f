"""Conversations with control gear as generators: each yields a Transmission and receives the Reply to it.

So the same code runs on asyncio, on MicroPython and in a plain test. What a generator returns is its result; it raises
NotAnswered or SeveralAnswered where a gear does not play its part.
"""

from collections import namedtuple

from protocols.dali import gear_commands, memory_banks
from protocols.dali.frames import Reply, Transmission, bonded
from protocols.errors import Interrupted, NotAnswered, SeveralAnswered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from protocols.dali.addresses import Address

    Conversation = Generator[Transmission, Reply, object]


TRIES = 5
"""Times that a sequence is begun which others interrupt."""


def query(address: "Address", name: str, number: int = 0) -> "Generator[Transmission, Reply, Reply]":
    """One query by the standard's name; returns the reply as it is."""
    reply = yield gear_commands.command(address, name, number)
    return reply


def query_value(address: "Address", name: str, number: int = 0) -> "Generator[Transmission, Reply, int]":
    """One query that exactly one gear must answer; returns the byte."""
    reply = yield gear_commands.command(address, name, number)
    return _value(reply, address, name)


def dim(address: "Address", level: int) -> "Generator[Transmission, Reply, None]":
    """To this level, 0-254, with the gear's own fade."""
    yield gear_commands.level(address, level)


def set_parameter(address: "Address", name: str, value: int) -> "Generator[Transmission, Reply, None]":
    """A configuration command that takes its value from DTR0, such as SET FADE TIME or SET POWER ON LEVEL. Begins again
    where another master changed DTR0 in the middle."""
    yield from _set_alike(address, (name,), value)


def set_no_fade(address: "Address") -> "Generator[Transmission, Reply, None]":
    """FADE TIME 0 and EXTENDED FADE TIME 0, so that levels are taken at once: with FADE TIME 0 alone gear fades for as
    long as its stored EXTENDED FADE TIME says, up to 16 minutes. Gear of edition 1 does not know the second one."""
    yield from _set_alike(address, ("SET FADE TIME", "SET EXTENDED FADE TIME"), 0)


def _set_alike(address: "Address", names: "Sequence[str]", value: int) -> "Generator[Transmission, Reply, None]":
    for _ in range(TRIES):
        try:
            yield gear_commands.special("DTR0", value)
            for name in names:
                yield gear_commands.command(address, name)
        except Interrupted:
            continue
        return
    raise Interrupted(
        "another master keeps changing DTR0 before %s %d has taken %s" % (address.kind, address.number, names[0])
    )


def load_dtr(number: int, value: int) -> "Generator[Transmission, Reply, None]":
    """Puts a value into DTR0, DTR1 or DTR2 of all gear."""
    yield gear_commands.special("DTR%d" % number, value)


def read_bank(
    address: "Address", bank: int, offset: int, count: int
) -> "Generator[Transmission, Reply, list[int | None]]":
    """`count` locations of a memory bank from `offset` on; None for a location that is not implemented (or was not
    answered: the bus cannot tell these apart). Begins again where another master changed a DTR in the middle."""
    for _ in range(TRIES):
        try:
            content = yield from _read_locations(address, bank, offset, count)
        except Interrupted:
            continue
        return content
    raise Interrupted("another master keeps changing the DTRs while %s %d is read" % (address.kind, address.number))


def _read_locations(
    address: "Address", bank: int, offset: int, count: int
) -> "Generator[Transmission, Reply, list[int | None]]":
    yield gear_commands.special("DTR1", bank)
    yield gear_commands.special("DTR0", offset)
    content: "list[int | None]" = []
    for _ in range(count):
        reply = yield gear_commands.command(address, "READ MEMORY LOCATION")
        if reply.kind == Reply.COLLISION:
            raise SeveralAnswered("several gear answer as %s %d" % (address.kind, address.number))
        content.append(reply.value)
    return content


def write_bank(
    address: "Address", bank: int, offset: int, content: "Sequence[int]"
) -> "Generator[Transmission, Reply, None]":
    """Writes these bytes from `offset` on, without an answer. A level command that passes closes the gear for writing:
    then the sequence begins again."""
    for _ in range(TRIES):
        try:
            yield from _write_locations(address, bank, offset, content)
        except Interrupted:
            continue
        return
    raise Interrupted("level commands keep passing while %s %d is written" % (address.kind, address.number))


def _write_locations(
    address: "Address", bank: int, offset: int, content: "Sequence[int]"
) -> "Generator[Transmission, Reply, None]":
    # The DTRs first: they outlast a level command that passes, and the gear is open for writing for as short as can be.
    yield gear_commands.special("DTR1", bank)
    yield gear_commands.special("DTR0", offset)
    yield bonded(gear_commands.command(address, "ENABLE WRITE MEMORY"), Transmission.WRITING)
    for byte in content[:-1]:
        yield bonded(gear_commands.special("WRITE MEMORY LOCATION - NO REPLY", byte), Transmission.WRITING)
    yield gear_commands.special("WRITE MEMORY LOCATION - NO REPLY", content[-1])


def latch(address: "Address", bank: int) -> "Generator[Transmission, Reply, None]":
    """Freezes the bank's contents for reading, until they are latched again."""
    yield from write_bank(address, bank, memory_banks.LOCK_BYTE, (memory_banks.LATCH,))


def close_writing(address: "Address") -> "Generator[Transmission, Reply, None]":
    """One query, which ends the write-enabled state: a gear that is left open takes the next gear's bytes too."""
    yield gear_commands.command(address, "QUERY MISSING SHORT ADDRESS")


class EnergyRegister(namedtuple("EnergyRegister", "count mask")):
    """The energy register's own count, or None with the mask that stood in its place."""


LATCH_FROM_COUNTS = 128
"""A register that may count on by this many while it is read has no byte that proves a whole reading: latch it."""


def read_energy(address: "Address", most_counts: int) -> "Generator[Transmission, Reply, EnergyRegister]":
    """The active energy register (bank 202), never torn.

    `most_counts` is the most that the register can count while six bytes are read (at least 1). A reading is torn
    where a carry passes through the bytes between two of their reads. The lowest byte is read last, so after a carry it
    is at most `most_counts`: a reading whose lowest byte is higher is whole. Otherwise it is read once more: the one
    that is not torn is the higher, and two in a row cannot be torn. A register too fine for that is latched first.
    """
    if most_counts >= LATCH_FROM_COUNTS:
        yield from latch(address, memory_banks.ACTIVE_ENERGY_BANK)
        try:
            content = yield from _energy_bytes(address)
        except (NotAnswered, SeveralAnswered) as failure:
            yield from _release(address)
            raise failure
        yield from _release(address)
        return EnergyRegister(*memory_banks.number(content))
    content = yield from _energy_bytes(address)
    if content[-1] <= most_counts:
        again = yield from _energy_bytes(address)
        content = max(content, again)
    return EnergyRegister(*memory_banks.number(content))


def _release(address: "Address") -> "Generator[Transmission, Reply, None]":
    """A bank that stays latched would go on giving this value to all who read it without latching."""
    yield from write_bank(address, memory_banks.ACTIVE_ENERGY_BANK, memory_banks.LOCK_BYTE, (memory_banks.RELEASE,))
    yield from close_writing(address)


def read_exponent(address: "Address", offset: int) -> "Generator[Transmission, Reply, int | None]":
    """The decimal exponent at this location of bank 202 (it never changes); None where it is not valid."""
    content = yield from read_bank(address, memory_banks.ACTIVE_ENERGY_BANK, offset, 1)
    if content[0] is None:
        raise NotAnswered("%s %d does not report energy (bank 202)" % (address.kind, address.number))
    return memory_banks.exponent(content[0])


def _energy_bytes(address: "Address") -> "Generator[Transmission, Reply, list[int]]":
    field = memory_banks.ACTIVE_ENERGY
    content = yield from read_bank(address, memory_banks.ACTIVE_ENERGY_BANK, field.offset, field.size)
    whole = [byte for byte in content if byte is not None]
    if len(whole) < field.size:
        raise NotAnswered("%s %d did not answer the whole energy reading" % (address.kind, address.number))
    return whole


def _value(reply: Reply, address: "Address", name: str) -> int:
    if reply.kind == Reply.COLLISION:
        raise SeveralAnswered("several gear answer %s as %s %d" % (name, address.kind, address.number))
    if reply.kind == Reply.NO_ANSWER:
        raise NotAnswered("%s %d does not answer %s" % (address.kind, address.number, name))
    value: int = reply.value
    return value
