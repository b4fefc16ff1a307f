"""Whole fields of memory banks, read and written in pieces: IEC 62386-102 clause 9.10, latching as in parts 252, 253.

Each function is an Inquiry (see inquiries.py): the caller runs its pieces and lets others onto the bus in between.
"""

from collections import namedtuple

from protocols.dali import memory_banks
from protocols.dali.bank_access import (
    ABSENT,
    MOST_LOCATIONS,
    MOST_WRITES,
    PRESENT,
    READ_TRIES,
    Chunk,
    chunks,
    read_chunk,
    read_head,
    set_lock,
    write_chunk,
)
from protocols.dali.bank_values import NOT_IMPLEMENTED, OTHER_VERSION, UNSTEADY, read_value, without, write_content
from protocols.dali.gear_errors import BankMissing, BankVersionUnknown, WriteNotTaken
from protocols.errors import ConversationFailed, ValueOutOfRange

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocols.dali.addresses import Address
    from protocols.dali.bank_access import BankHead
    from protocols.dali.bank_values import Value
    from protocols.dali.inquiries import Inquiry
    from protocols.dali.memory_banks import Bank, Field


NO_LATCH = "no latch"
OWN_LATCH = "own latch"
BROADCAST_LATCH = "broadcast latch"

LATCH_BY_GTIN: "dict[int, str]" = {}
"""Models seen in the field: NO_LATCH, or BROADCAST_LATCH for a model that honours a latch for all gear at once."""
LATCH = OWN_LATCH
"""The latch of all other models: parts 252 and 253 ask for one, but leave open whether gear honours a broadcast."""


MOST_COUNTED = 60
"""A counter may have counted on by this much before it is read back: on a busy bus that takes seconds."""


class BankReading(namedtuple("BankReading", "bank state version values")):
    """A bank as read: its `state` (PRESENT, ABSENT or OTHER_VERSION), the `version` that it states (None: it states
    none), and its `values` in the table's order."""

    def value(self, name: str) -> "Value":
        """Returns the value of this name. Raises KeyError."""
        for value in self.values:
            if value.name == name:
                found: "Value" = value
                return found
        raise KeyError(name)

    def require(self, address: "Address") -> "BankReading":
        """Returns this reading. Raises BankMissing if the bank is not there, BankVersionUnknown if this table does not
        describe its version."""
        gear = "%s %d" % (address.kind, address.number)
        if self.state == ABSENT:
            raise BankMissing("%s has no memory bank %d (%s)" % (gear, self.bank.number, self.bank.name), address)
        if self.state == OTHER_VERSION:
            raise BankVersionUnknown(
                "memory bank %d of %s states version %r and only %d is known: read it with its maker's tool"
                % (self.bank.number, gear, self.version, self.bank.version),
                address,
            )
        return self


def latch_of(gtin: int | None) -> str:
    """Returns how to latch gear of this GTIN: OWN_LATCH, BROADCAST_LATCH or NO_LATCH. None stands for unknown gear."""
    return LATCH if gtin is None else LATCH_BY_GTIN.get(gtin, LATCH)


def read_values(
    address: "Address", bank: "Bank", names: "Sequence[str] | None" = None, latch: str = LATCH
) -> "Inquiry[BankReading]":
    """Reads the fields of these names (None: all) of a bank, in pieces.

    OWN_LATCH latches the bank and releases it again. BROADCAST_LATCH expects that `latch_all` went before, and latches
    a gear that did not honour it. Without a latch, a measured number is read until it proves to be whole.
    Raises NotAnswered, SeveralAnswered, ReadDisturbed; a bank that is missing or of another version is a result.
    """
    wanted = [field for field in bank.fields if names is None or field.name in names]
    head = yield read_head(address, bank.number)
    if head.state == ABSENT:
        return BankReading(bank, ABSENT, None, _states(wanted, NOT_IMPLEMENTED))
    state, version = PRESENT, None
    if bank.version_field is not None and bank.version_field.locations[-1] <= head.last:
        raw = yield read_chunk(address, bank.number, Chunk(bank.version_field.offset, bank.version_field.size))
        version = _version(raw)
        state = PRESENT if version == bank.version else OTHER_VERSION
    readable = [
        field
        for field in wanted
        if field.locations[-1] <= head.last and (state == PRESENT or field.offset < bank.version_field.offset)
    ]
    content: "dict[int, int | None]" = {}
    unsteady: "list[str]" = []
    if readable:
        frozen, owned = yield from _freeze(address, bank, head, latch)
        try:
            for chunk in chunks(readable, frozen):
                raw = yield read_chunk(address, bank.number, chunk)
                content.update(dict(zip(range(chunk.offset, chunk.offset + chunk.count), raw)))
            if not frozen:
                unsteady = yield from _steady(address, bank, readable, content)
        except ConversationFailed as failure:
            if owned:
                yield set_lock(address, bank.number, memory_banks.RELEASE)
            raise failure
        if owned:
            yield set_lock(address, bank.number, memory_banks.RELEASE)
    values = []
    for field in wanted:
        if field.name in unsteady:
            values.append(without(field, UNSTEADY))
        elif field in readable:
            values.append(read_value(field, content))
        else:
            values.append(without(field, NOT_IMPLEMENTED if field.locations[-1] > head.last else OTHER_VERSION))
    return BankReading(bank, state, version, tuple(values))


def _version(raw: "Sequence[int | None]") -> int | None:
    version = 0
    for byte in raw:
        if byte is None:
            return None
        version = (version << 8) | byte
    return version


def _states(fields: "Sequence[Field]", state: str) -> "tuple[Value, ...]":
    return tuple([without(field, state) for field in fields])


def _freeze(address: "Address", bank: "Bank", head: "BankHead", latch: str) -> "Inquiry[tuple[bool, bool]]":
    """Latches the bank if that is wanted and needed. Returns two truths: the bank's numbers stand still, and this call
    has latched them, so that the caller must release them."""
    if not bank.latches:
        return True, False
    latched = head.lock == memory_banks.LATCH
    if latch == BROADCAST_LATCH and latched:
        return True, False
    if latch == NO_LATCH:
        if latched:  # another master has forgotten its latch, so the numbers are old
            yield set_lock(address, bank.number, memory_banks.RELEASE)
        return False, False
    taken = yield set_lock(address, bank.number, memory_banks.LATCH)
    return taken, taken


def _steady(
    address: "Address", bank: "Bank", fields: "Sequence[Field]", content: "dict[int, int | None]"
) -> "Inquiry[list[str]]":
    """Reads the upper bytes of measured numbers again, and corrects `content`. Returns the names of the fields that
    never stand still.

    The bytes are read highest first. If a carry went through them meanwhile, the upper bytes differ when they are read
    again; if they are equal, the first reading was whole.
    """
    unsteady = []
    for field in fields:
        if "m" not in field.flags or field.size == 1:
            continue
        for _ in range(READ_TRIES):
            upper = yield read_chunk(address, bank.number, Chunk(field.offset, field.size - 1))
            if upper == [content[at] for at in field.locations[:-1]]:
                break
            raw = yield read_chunk(address, bank.number, Chunk(field.offset, field.size))
            content.update(dict(zip(field.locations, raw)))
        else:
            unsteady.append(field.name)
    return unsteady


def write_value(address: "Address", bank: "Bank", name: str, value: "int | str") -> "Inquiry[None]":
    """Writes one field in pieces and reads it back; a bank that had to be unlocked is always locked again.

    Raises ValueOutOfRange for a value that the field cannot hold, WriteNotTaken if another one reads back, and
    NotAnswered, SeveralAnswered and ReadDisturbed.
    """
    field = bank.field(name)
    content = write_content(field, value)
    if address.kind != address.SHORT:
        raise ValueOutOfRange("a memory bank is written in one gear at a time, so that it can be read back")
    # A field that needs no key may still stand in a latched bank, which would go on showing the old value.
    opened = yield set_lock(address, bank.number, memory_banks.UNLOCK if "w" in field.flags else memory_banks.RELEASE)
    if not opened:
        raise _not_taken(address, bank, name, None)
    try:
        for at in range(0, field.size, MOST_WRITES):
            piece = content[at : at + MOST_WRITES]
            refused = yield write_chunk(address, bank.number, field.offset + at, piece)
            if refused is not None:
                raise _not_taken(address, bank, name, refused.value)
    except ConversationFailed as failure:
        yield set_lock(address, bank.number, memory_banks.RELEASE)
        raise failure
    if "w" in field.flags:
        yield set_lock(address, bank.number, memory_banks.RELEASE)
    if "m" in field.flags:
        yield from _counts_on(address, bank, field, content)
        return
    for at in range(0, field.size, MOST_LOCATIONS):
        chunk = Chunk(field.offset + at, min(MOST_LOCATIONS, field.size - at))
        found = yield read_chunk(address, bank.number, chunk)
        for place, byte in enumerate(found):
            if byte != content[at + place]:
                raise _not_taken(address, bank, name, byte)


def _counts_on(address: "Address", bank: "Bank", field: "Field", content: bytes) -> "Inquiry[None]":
    """Returns if the counter stands where it was written, or up to MOST_COUNTED further. Raises WriteNotTaken.

    It is read READ_TRIES times, for a carry may tear a reading.
    """
    value = int.from_bytes(content, "big")
    found: "list[int | None]" = [None]
    for _ in range(READ_TRIES):
        found = yield read_chunk(address, bank.number, Chunk(field.offset, field.size))
        whole = bytes([byte for byte in found if byte is not None])
        if len(whole) == field.size and value <= int.from_bytes(whole, "big") <= value + MOST_COUNTED:
            return
    raise _not_taken(address, bank, field.name, found[-1])


def _not_taken(address: "Address", bank: "Bank", name: str, found: int | None) -> WriteNotTaken:
    return WriteNotTaken(
        "%s %d does not take %s into memory bank %d (%s): it is protected by its maker, or not there"
        % (
            address.kind,
            address.number,
            name,
            bank.number,
            "no answer" if found is None else "it says 0x%02X" % found,
        ),
        address,
        found,
    )
