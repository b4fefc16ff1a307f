"""Conversations with control gear as generators: each yields a Transmission and receives the Reply to it.

So this code runs on asyncio, on MicroPython and in a plain test. A generator returns the result of its conversation; it
raises NotAnswered or SeveralAnswered if a gear does not play its part.
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
"""The number of times that a sequence is begun if other masters interrupt it."""


def query(address: "Address", name: str, number: int = 0) -> "Generator[Transmission, Reply, Reply]":
    """Sends one query, by the standard's name, and returns the reply as it is."""
    reply = yield gear_commands.command(address, name, number)
    return reply


def query_value(address: "Address", name: str, number: int = 0) -> "Generator[Transmission, Reply, int]":
    """Sends one query, which exactly one gear must answer; returns the byte. Raises NotAnswered, SeveralAnswered."""
    reply = yield gear_commands.command(address, name, number)
    return _value(reply, address, name)


def dim(address: "Address", level: int) -> "Generator[Transmission, Reply, None]":
    """Dims the gear to this level, 0-254, with its own fade."""
    yield gear_commands.level(address, level)


def set_parameter(address: "Address", name: str, value: int) -> "Generator[Transmission, Reply, None]":
    """Sends a configuration command that takes its value from DTR0, such as SET FADE TIME or SET POWER ON LEVEL.

    Begins again if another master changes DTR0 in the middle; raises Interrupted after TRIES of these.
    """
    yield from _set_alike(address, (name,), value)


def set_no_fade(address: "Address") -> "Generator[Transmission, Reply, None]":
    """Sets FADE TIME 0 and EXTENDED FADE TIME 0, so that the gear takes levels at once.

    With FADE TIME 0 alone, gear fades for its stored EXTENDED FADE TIME, which may be 16 minutes. Gear of edition 1
    ignores the second command. Raises Interrupted.
    """
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
    """Reads `count` locations of a memory bank from `offset` on.

    A location is None if the gear does not implement it or its answer was lost: the bus cannot tell these apart. Begins
    again if another master changes a DTR in the middle. Raises SeveralAnswered and Interrupted.
    """
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
    """Writes these bytes from `offset` on; the gear does not answer.

    A level command that passes closes the gear for writing; the sequence then begins again. Raises Interrupted.
    """
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
    # The DTRs come first: they outlast a level command that passes, and so the gear is open for writing only briefly.
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
    """Ends the write-enabled state by one query: gear that is left open would take bytes meant for the next gear."""
    yield gear_commands.command(address, "QUERY MISSING SHORT ADDRESS")


def _value(reply: Reply, address: "Address", name: str) -> int:
    if reply.kind == Reply.COLLISION:
        raise SeveralAnswered("several gear answer %s as %s %d" % (name, address.kind, address.number))
    if reply.kind == Reply.NO_ANSWER:
        raise NotAnswered("%s %d does not answer %s" % (address.kind, address.number, name))
    value: int = reply.value
    return value
