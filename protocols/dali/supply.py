"""The bus supply that is integrated in control gear, device type 49: IEC 62386-250 (DiiA part 250), its command and its
memory bank.

That type 49 is this part is known. The command's opcode has one source that can be read (wb-mqtt-dali), and gear that
did not know it would look like a supply that is off. Where the bank keeps what is (unverified): a constant each below.
"""

from collections import namedtuple

from protocols.dali import bank_access, bank_inquiries, gear_commands, gear_data
from protocols.dali.gear_errors import LastSupply
from protocols.dali.memory_banks import FLAG, NUMBER, Bank, Field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocols.dali.addresses import Address
    from protocols.dali.frames import Reply
    from protocols.dali.inquiries import Conversation, Inquiry


COMMANDS = gear_commands.extended_table((("QUERY ACTIVE POWER SUPPLY", 0xFE, "?"),))
"""Each has ENABLE DEVICE TYPE 49 directly before it."""

SUPPLY_BANK = 201
"""(unverified)"""
LAST_LOCATION = 0x06
"""(unverified)"""
BANK_VERSION = 1
"""(unverified)"""
GUARANTEED_CURRENT = 0x04
"""One byte, mA: what this supply gives at least (unverified)."""
MAXIMUM_CURRENT = 0x05
"""One byte, mA: what this supply gives at most, as into a short circuit (unverified)."""
ACTIVE = 0x06
"""One byte: 1, the supply feeds the bus; 0, it is switched off. Written while unlocked, and kept (unverified)."""

MOST_BUS_CURRENT_MA = 250
"""What all supplies of a bus may give together (IEC 62386-101 clause 6)."""
GEAR_CURRENT_MA = 2
"""What one control gear draws from the bus at most (IEC 62386-101 clause 6)."""

BANK = Bank(
    SUPPLY_BANK,
    "integrated bus supply",
    LAST_LOCATION,
    Field("bank version", 0x03, 1, NUMBER, None, 0, "", 0, None, ""),
    BANK_VERSION,
    True,
    False,
    (
        Field("guaranteed current", GUARANTEED_CURRENT, 1, NUMBER, None, 0, "mA", 0, MOST_BUS_CURRENT_MA, "MT"),
        Field("maximum current", MAXIMUM_CURRENT, 1, NUMBER, None, 0, "mA", 0, MOST_BUS_CURRENT_MA, "MT"),
        Field("active", ACTIVE, 1, FLAG, None, 0, "", 0, 1, "MTw"),
    ),
)


class Supply(namedtuple("Supply", "name present active guaranteed_ma maximum_ma")):
    """The supply of one gear. `name` is what people call the gear; None for what the gear does not say."""


class Finding(namedtuple("Finding", "name subjects text")):
    """Something to be said about a bus: its name, the gear it concerns, and one sentence with what to do."""


TOO_MANY_SUPPLIES = "tooManySupplies"
TOO_LITTLE_SUPPLY = "tooLittleSupply"
SUPPLY_UNKNOWN = "supplyUnknown"


def read_supply(address: "Address", name: str, types: "Sequence[int] | None" = None) -> "Inquiry[Supply]":
    """Whether the gear has an integrated supply, whether that feeds the bus, and its currents (None where it has no
    bank of them that is known). `types` are its device types, where they have been read. Raises what reading raises."""
    if types is None:
        types = yield gear_data.device_types(address)
    if gear_data.INTEGRATED_SUPPLY not in types:
        return Supply(name, False, False, 0, 0)
    reply = yield query_active(address)
    gear_data.one_answer(reply, address, "QUERY ACTIVE POWER SUPPLY")
    reading = yield from bank_inquiries.read_values(address, BANK, ("guaranteed current", "maximum current"))
    if reading.state != bank_access.PRESENT:
        return Supply(name, True, reply.is_yes, None, None)
    guaranteed, maximum = [value.content for value in reading.values]
    return Supply(name, True, reply.is_yes, guaranteed, maximum)


def query_active(address: "Address") -> "Conversation[Reply]":
    """Asks whether the supply feeds the bus: yes, or silence."""
    yield gear_commands.special("ENABLE DEVICE TYPE", gear_data.INTEGRATED_SUPPLY)
    reply = yield gear_commands.extended(address, COMMANDS["QUERY ACTIVE POWER SUPPLY"])
    return reply


def switch_supply(address: "Address", active: bool, supplies: "Sequence[Supply]", name: str) -> "Inquiry[None]":
    """Switches the supply of one gear on or off and reads it back; `supplies` are all of its bus, `name` its own.

    Raises LastSupply before it would switch off what alone keeps the bus alive, WriteNotTaken, and as reading.
    """
    others = [supply for supply in supplies if supply.name != name and supply.active]
    if not active and not others:
        raise LastSupply(
            "%s feeds this bus alone: switched off, it could not be reached to be switched on again" % name, address
        )
    yield from bank_inquiries.write_value(address, BANK, "active", 1 if active else 0)


def check_supplies(supplies: "Sequence[Supply]", consumption_ma: float) -> "tuple[Finding, ...]":
    """What is wrong with the currents of a bus that these supplies feed; `consumption_ma` is drawn by all on it."""
    feeding = [supply for supply in supplies if supply.present and supply.active is not False]
    findings = []
    unknown = [one.name for one in feeding if one.active is None or one.maximum_ma is None or one.guaranteed_ma is None]
    if unknown:
        text = "%s does not say what its bus supply gives: look it up in the data sheet" % ", ".join(unknown)
        findings.append(Finding(SUPPLY_UNKNOWN, tuple(unknown), text))
    total = sum([one.maximum_ma or 0 for one in feeding])
    if total > MOST_BUS_CURRENT_MA:
        off = tuple([one.name for one in feeding if one.name not in supplies_to_keep(feeding)])
        text = "the integrated supplies give up to %d mA, and a bus bears %d mA: switch off that of %s" % (
            total,
            MOST_BUS_CURRENT_MA,
            ", ".join(off),
        )
        findings.append(Finding(TOO_MANY_SUPPLIES, off, text))
    guaranteed = sum([one.guaranteed_ma or 0 for one in feeding])
    if feeding and not unknown and guaranteed < consumption_ma:
        text = (
            "the integrated supplies guarantee %d mA, and %g mA are drawn: switch on another one, or add a supply"
            % (
                guaranteed,
                consumption_ma,
            )
        )
        findings.append(Finding(TOO_LITTLE_SUPPLY, tuple([one.name for one in feeding]), text))
    return tuple(findings)


def supplies_to_keep(supplies: "Sequence[Supply]") -> "tuple[str, ...]":
    """The names of those that may feed one bus together: in the order given, as long as the sum is allowed."""
    kept, total = [], 0
    for supply in supplies:
        if supply.maximum_ma is not None and total + supply.maximum_ma <= MOST_BUS_CURRENT_MA:
            kept.append(supply.name)
            total += supply.maximum_ma
    return tuple(kept)
