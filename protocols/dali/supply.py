"""The bus supply that is integrated in control gear, device type 49: IEC 62386-250 (DiiA part 250), its command and its
memory bank.

It is certain that type 49 is this part. The command's opcode has a single public source (wb-mqtt-dali), and gear that
did not know the command would look like a supply that is off. The layout of the bank is (unverified): each location
below is a constant of its own, to be corrected there.
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
"""The commands of device type 49. Each needs ENABLE DEVICE TYPE 49 directly before it."""

SUPPLY_BANK = 201
"""The number of the memory bank (unverified)."""
LAST_LOCATION = 0x06
"""The last location of the bank (unverified)."""
BANK_VERSION = 1
"""The version that the bank states (unverified)."""
GUARANTEED_CURRENT = 0x04
"""The location of the current that this supply gives at least: one byte, mA (unverified)."""
MAXIMUM_CURRENT = 0x05
"""The location of the current that this supply gives at most, as into a short circuit: one byte, mA (unverified)."""
ACTIVE = 0x06
"""The location of the switch, one byte: 1, the supply feeds the bus; 0, it is switched off. It can be written while the
bank is unlocked, and the gear keeps it (unverified)."""

MOST_BUS_CURRENT_MA = 250
"""The current that all supplies of a bus may give together (IEC 62386-101 clause 6)."""
GEAR_CURRENT_MA = 2
"""The most that one control gear draws from the bus (IEC 62386-101 clause 6)."""

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
    """The supply of one gear. `name` is the name that people have given the gear. A field that the gear does not tell
    is None."""


class Finding(namedtuple("Finding", "name subjects text")):
    """A finding about the supplies of a bus: its name, the gear that it concerns, and one sentence that also says what
    to do."""


TOO_MANY_SUPPLIES = "tooManySupplies"
TOO_LITTLE_SUPPLY = "tooLittleSupply"
SUPPLY_UNKNOWN = "supplyUnknown"


def read_supply(address: "Address", name: str, types: "Sequence[int] | None" = None) -> "Inquiry[Supply]":
    """Reads whether the gear has an integrated supply, whether that feeds the bus, and its currents in mA.

    The currents are None if the gear has no known bank of them. `types` are the gear's device types, if they have been
    read already. Raises NotAnswered, SeveralAnswered, NonsenseAnswered and ReadDisturbed.
    """
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
    """Asks whether the gear's supply feeds the bus, and returns the reply: yes, or silence."""
    yield gear_commands.special("ENABLE DEVICE TYPE", gear_data.INTEGRATED_SUPPLY)
    reply = yield gear_commands.extended(address, COMMANDS["QUERY ACTIVE POWER SUPPLY"])
    return reply


def switch_supply(address: "Address", active: bool, supplies: "Sequence[Supply]", name: str) -> "Inquiry[None]":
    """Switches the supply of one gear on or off, and reads that back.

    `supplies` are all supplies of its bus, and `name` is that of its own. Raises LastSupply rather than switch off the
    only supply that keeps the bus alive; WriteNotTaken, NotAnswered, SeveralAnswered and ReadDisturbed.
    """
    others = [supply for supply in supplies if supply.name != name and supply.active]
    if not active and not others:
        raise LastSupply(
            "%s feeds this bus alone: switched off, it could not be reached to be switched on again" % name, address
        )
    yield from bank_inquiries.write_value(address, BANK, "active", 1 if active else 0)


def check_supplies(supplies: "Sequence[Supply]", consumption_ma: float) -> "tuple[Finding, ...]":
    """Returns what is wrong with the currents of a bus that these supplies feed, and on which all gear and devices
    together draw `consumption_ma`."""
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
    """Returns the names of the supplies that may feed one bus together, taken in the order given while their sum is
    allowed."""
    kept, total = [], 0
    for supply in supplies:
        if supply.maximum_ma is not None and total + supply.maximum_ma <= MOST_BUS_CURRENT_MA:
            kept.append(supply.name)
            total += supply.maximum_ma
    return tuple(kept)
