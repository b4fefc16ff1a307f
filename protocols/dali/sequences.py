"""Conversations with control gear as generators: each yields a Transmission and receives the Reply to it.

So the same code runs on asyncio, on MicroPython and in a plain test. What a generator returns is its result; it raises
NotAnswered or SeveralAnswered where a gear does not play its part.
"""

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


def _value(reply: Reply, address: "Address", name: str) -> int:
    if reply.kind == Reply.COLLISION:
        raise SeveralAnswered("several gear answer %s as %s %d" % (name, address.kind, address.number))
    if reply.kind == Reply.NO_ANSWER:
        raise NotAnswered("%s %d does not answer %s" % (address.kind, address.number, name))
    value: int = reply.value
    return value
