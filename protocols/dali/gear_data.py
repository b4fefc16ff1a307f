"""Conversations that read and set the data of one control gear: IEC 62386-102 clauses 9.2 to 9.18 and 11.4, 11.5.

The data are device types, groups, scenes, limits, fail-safe levels, fades and versions. Each value that is written is
read back. Functions that need more than about 0.3 s of bus time are Inquiries (see inquiries.py).
"""

from collections import namedtuple

from protocols.dali import gear_commands, sequences
from protocols.dali.extended_fade import HIGHEST_CODE
from protocols.dali.frames import Reply
from protocols.dali.gear_errors import NonsenseAnswered, WriteNotTaken
from protocols.dali.inquiries import begun_again
from protocols.errors import SeveralAnswered, ValueOutOfRange

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocols.dali.addresses import Address
    from protocols.dali.inquiries import Conversation, Inquiry


LED = 6
INTEGRATED_SUPPLY = 49
LUMINAIRE_DATA = 50
ENERGY_REPORTING = 51
DIAGNOSTICS = 52

MORE_THAN_ONE_TYPE = 0xFF
"""The answer to QUERY DEVICE TYPE of gear with several types, which QUERY NEXT DEVICE TYPE then lists."""
NO_MORE_TYPES = 0xFE
"""The last answer to QUERY NEXT DEVICE TYPE; as an answer to QUERY DEVICE TYPE it says that the gear has none."""

EDITION_2 = (2, 0)
"""From this version of part 102 on, gear has QUERY NEXT DEVICE TYPE, extended fades and long serial numbers."""
EDITION_1_TYPES = range(9)
"""Parts 201 to 209: the types that gear of edition 1 can have."""

MOST_TYPES = 16
"""More than any gear implements. No other frame can use the bus while a gear lists its types."""

MOST_QUERIES = 6
"""The queries in one piece: they take 0.28 s at the slowest answers."""
MOST_CHANGES = 4
"""The commands in one piece, each sent twice: they take 0.23 s."""


def device_types(address: "Address") -> "Conversation[tuple[int, ...]]":
    """Reads the device types 0-253 (parts 2xx) that the gear implements, in ascending order.

    Raises NotAnswered, SeveralAnswered, and NonsenseAnswered if the answers do not ascend, are too many, or end before
    they have begun. Gear before edition 2 cannot list several types: see `read_device_types`.
    """
    name = "QUERY DEVICE TYPE"
    first = yield from sequences.query_value(address, name)
    if first == NO_MORE_TYPES:
        return ()
    if first != MORE_THAN_ONE_TYPE:
        return (first,)
    types: "list[int]" = []
    name = "QUERY NEXT DEVICE TYPE"
    while True:
        following = yield from sequences.query_value(address, name)
        if following == NO_MORE_TYPES and types:
            return tuple(types)
        if following >= NO_MORE_TYPES or (types and following <= types[-1]) or len(types) == MOST_TYPES:
            raise NonsenseAnswered(
                "%s %d lists its device types as %s and then 0x%02X, which cannot be:"
                " switch its mains off and on, and replace it if it goes on"
                % (address.kind, address.number, types, following),
                address,
            )
        types.append(following)


def read_device_types(address: "Address", version: "tuple[int, int]") -> "Inquiry[tuple[int, ...]]":
    """Reads the device types 0-253 of gear whose version of part 102 is known, in ascending order.

    Gear before edition 2 cannot list its types, so it is asked for each type of that time. Raises NotAnswered,
    SeveralAnswered and NonsenseAnswered.
    """
    if version >= EDITION_2:
        types = yield device_types(address)
        return tuple(types)
    first = yield sequences.query_value(address, "QUERY DEVICE TYPE")
    if first != MORE_THAN_ONE_TYPE:
        return () if first == NO_MORE_TYPES else (first,)
    found = []
    for device_type in EDITION_1_TYPES:
        implemented = yield part_version(address, device_type)
        if implemented is not None:
            found.append(device_type)
    return tuple(found)


def version(address: "Address") -> "Conversation[tuple[int, int]]":
    """Reads the version of part 102 that the gear implements, (major, minor); (1, 0) for gear before DALI-2.

    Raises NotAnswered and SeveralAnswered.
    """
    answer = yield from sequences.query_value(address, "QUERY VERSION NUMBER")
    return (1, 0) if answer == 1 else (answer >> 2, answer & 3)


def part_version(address: "Address", device_type: int) -> "Conversation[tuple[int, int] | None]":
    """Reads the version, (major, minor), of the part of this device type; None if the gear does not implement it.

    Raises SeveralAnswered.
    """
    yield gear_commands.special("ENABLE DEVICE TYPE", device_type)
    reply = yield from sequences.query(address, "QUERY EXTENDED VERSION NUMBER")
    answer = one_answer(reply, address, "QUERY EXTENDED VERSION NUMBER")
    if answer is None:
        return None
    return (answer, 0) if answer < 4 else (answer >> 2, answer & 3)


def one_answer(reply: Reply, address: "Address", name: str) -> int | None:
    """Returns the byte of a reply to the query of this name, or None for no answer. Raises SeveralAnswered."""
    if reply.kind == Reply.COLLISION:
        raise SeveralAnswered("several gear answer %s as %s %d" % (name, address.kind, address.number))
    value: int | None = reply.value
    return value


# Parameters


class Parameter(namedtuple("Parameter", "name set query shift mask lowest highest")):
    """A value that a gear keeps: its commands, its place in the answer (`shift`, `mask`), and its valid range."""


_PARAMETERS = (
    ("max level", "SET MAX LEVEL", "QUERY MAX LEVEL", 0, 0xFF, 1, 254),
    ("min level", "SET MIN LEVEL", "QUERY MIN LEVEL", 0, 0xFF, 1, 254),
    ("power on level", "SET POWER ON LEVEL", "QUERY POWER ON LEVEL", 0, 0xFF, 0, 255),
    ("system failure level", "SET SYSTEM FAILURE LEVEL", "QUERY SYSTEM FAILURE LEVEL", 0, 0xFF, 0, 255),
    ("fade time", "SET FADE TIME", "QUERY FADE TIME/FADE RATE", 4, 0x0F, 0, 15),
    ("fade rate", "SET FADE RATE", "QUERY FADE TIME/FADE RATE", 0, 0x0F, 1, 15),
    ("extended fade time", "SET EXTENDED FADE TIME", "QUERY EXTENDED FADE TIME", 0, 0xFF, 0, HIGHEST_CODE),
)
PARAMETERS = {row[0]: Parameter(*row) for row in _PARAMETERS}


class Settings(
    namedtuple(
        "Settings",
        "physical_min_level min_level max_level power_on_level system_failure_level fade_time fade_rate"
        " extended_fade_time",
    )
):
    """The settings of a gear: levels 0-254 (MASK 255: last level, or no change), and fades as codes. The extended fade
    time is None for gear that has none, which is gear before edition 2."""


def read_parameter(address: "Address", name: str) -> "Conversation[int]":
    """Reads the parameter of this name in PARAMETERS. Raises NotAnswered, SeveralAnswered, and KeyError."""
    row = PARAMETERS[name]
    answer = yield from sequences.query_value(address, row.query)
    return (answer >> int(row.shift)) & int(row.mask)


def write_parameter(address: "Address", name: str, value: int) -> "Conversation[None]":
    """Sets a parameter of one gear and reads it back.

    Raises ValueOutOfRange, and WriteNotTaken if the gear keeps another value, such as its own lowest level.
    """
    row = PARAMETERS[name]
    if not row.lowest <= value <= row.highest:
        raise ValueOutOfRange("%s is %d to %d, not %r" % (name, row.lowest, row.highest, value))
    found = yield from begun_again(_write_parameter, address, row, value)
    if found != value:
        raise WriteNotTaken(
            "%s %d keeps %s at %d and does not take %d: choose a value that it has"
            % (address.kind, address.number, name, found, value),
            address,
            found,
        )


def _write_parameter(address: "Address", row: Parameter, value: int) -> "Conversation[int]":
    yield from sequences.set_parameter(address, row.set, value)
    found = yield from read_parameter(address, row.name)
    return found


class FailSafeLevels(namedtuple("FailSafeLevels", "power_on_level system_failure_level")):
    """The levels that a gear takes when its mains comes back and when the bus fails; None for a query that it did not
    answer."""


FAIL_SAFE_TRIES = 2


def read_fail_safe_levels(address: "Address") -> "Conversation[FailSafeLevels]":
    """Reads both fail-safe levels of one gear. Raises SeveralAnswered; silence is a result."""
    found = []
    for name in ("QUERY POWER ON LEVEL", "QUERY SYSTEM FAILURE LEVEL"):
        reply = yield from sequences.query(address, name)
        found.append(one_answer(reply, address, name))
    return FailSafeLevels(*found)


def write_fail_safe_levels(address: "Address", level: int) -> "Inquiry[FailSafeLevels]":
    """Sets both fail-safe levels of one gear to this level, 0-255, and returns those that it keeps in the end.

    A level that is right already is not set. Some firmware takes each of the two commands for the other, so both go out
    if one alone did not help. Raises SeveralAnswered.
    """
    found = yield read_fail_safe_levels(address)
    for tries in range(FAIL_SAFE_TRIES):
        if found == FailSafeLevels(level, level):
            break
        if tries or found.power_on_level != level:
            yield sequences.set_parameter(address, "SET POWER ON LEVEL", level)
        if tries or found.system_failure_level != level:
            yield sequences.set_parameter(address, "SET SYSTEM FAILURE LEVEL", level)
        found = yield read_fail_safe_levels(address)
    kept: FailSafeLevels = found
    return kept


def read_settings(address: "Address", version: "tuple[int, int]" = EDITION_2) -> "Inquiry[Settings]":
    """Reads all Settings of gear with this version of part 102. Raises NotAnswered and SeveralAnswered."""
    physical, lowest, highest = yield read_limits(address)
    safe = yield _values(address, ("QUERY POWER ON LEVEL", "QUERY SYSTEM FAILURE LEVEL"), (0, 0))
    fade_time, fade_rate, extended = yield from read_fades(address, version)
    return Settings(physical, lowest, highest, safe[0], safe[1], fade_time, fade_rate, extended)


def read_limits(address: "Address") -> "Conversation[tuple[int, int, int]]":
    """Reads physical minimum, MIN LEVEL and MAX LEVEL. Raises NotAnswered and SeveralAnswered."""
    found = yield from _values(address, ("QUERY PHYSICAL MINIMUM", "QUERY MIN LEVEL", "QUERY MAX LEVEL"), (0, 0, 0))
    return (found[0], found[1], found[2])


def read_fades(address: "Address", version: "tuple[int, int]") -> "Inquiry[tuple[int, int, int | None]]":
    """Reads fade time, fade rate and extended fade time as codes; the last is None if the version has none.

    Raises NotAnswered and SeveralAnswered.
    """
    names = ["QUERY FADE TIME/FADE RATE"]
    if version >= EDITION_2:
        names.append("QUERY EXTENDED FADE TIME")
    found = yield _values(address, names, [0] * len(names))
    return (found[0] >> 4, found[0] & 0x0F, found[1] if len(found) > 1 else None)


def _values(address: "Address", names: "Sequence[str]", numbers: "Sequence[int]") -> "Conversation[list[int]]":
    found = []
    for name, number in zip(names, numbers):
        value = yield from sequences.query_value(address, name, number)
        found.append(value)
    return found


# Groups and scenes


def read_groups(address: "Address") -> "Conversation[tuple[int, ...]]":
    """Reads the groups, 0-15, that the gear is in. Raises NotAnswered and SeveralAnswered."""
    low, high = yield from _values(address, ("QUERY GROUPS 0-7", "QUERY GROUPS 8-15"), (0, 0))
    return tuple([number for number in range(16) if (low | high << 8) >> number & 1])


def write_groups(address: "Address", groups: "Sequence[int]") -> "Inquiry[None]":
    """Puts one gear into these groups, 0-15, and takes it out of all others; only the changes are sent.

    Raises ValueOutOfRange, and WriteNotTaken if the gear is then in other groups.
    """
    for number in groups:
        if not 0 <= number <= 15:
            raise ValueOutOfRange("a group address is 0 to 15, not %r" % (number,))
    before = yield read_groups(address)
    changes = [("ADD TO GROUP", number) for number in sorted(set(groups) - set(before))]
    changes += [("REMOVE FROM GROUP", number) for number in sorted(set(before) - set(groups))]
    if not changes:
        return
    for at in range(0, len(changes), MOST_CHANGES):
        yield _commands(address, changes[at : at + MOST_CHANGES])
    after = yield read_groups(address)
    if set(after) != set(groups):
        raise WriteNotTaken(
            "%s %d is in the groups %s and not in %s: try again, and replace it if it goes on"
            % (address.kind, address.number, list(after), sorted(set(groups))),
            address,
            None,
        )


def _commands(address: "Address", commands: "Sequence[tuple[str, int]]") -> "Conversation[None]":
    for name, number in commands:
        yield gear_commands.command(address, name, number)


def read_scenes(address: "Address") -> "Inquiry[tuple[int, ...]]":
    """Reads the levels of scenes 0 to 15; MASK (255) says that the gear is not in that scene.

    Raises NotAnswered and SeveralAnswered.
    """
    levels: "list[int]" = []
    for first in range(0, 16, MOST_QUERIES):
        numbers = range(first, min(16, first + MOST_QUERIES))
        found = yield _values(address, ["QUERY SCENE LEVEL"] * len(numbers), numbers)
        levels += found
    return tuple(levels)


def write_scene(address: "Address", number: int, level: int) -> "Conversation[None]":
    """Sets the level of a scene in one gear, 0-254, or takes the gear out of it (MASK, 255), and reads it back.

    Raises ValueOutOfRange and WriteNotTaken.
    """
    if not 0 <= level <= gear_commands.MASK:
        raise ValueOutOfRange("a scene level is 0 to 254, or 255 for none, not %r" % (level,))
    found = yield from begun_again(_write_scene, address, number, level)
    if found != level:
        raise WriteNotTaken(
            "%s %d keeps %d in scene %d and does not take %d: try again, and replace it if it goes on"
            % (address.kind, address.number, found, number, level),
            address,
            found,
        )


def _write_scene(address: "Address", number: int, level: int) -> "Conversation[int]":
    if level == gear_commands.MASK:
        yield gear_commands.command(address, "REMOVE FROM SCENE", number)
    else:
        yield gear_commands.special("DTR0", level)
        yield gear_commands.command(address, "SET SCENE", number)
    found = yield from sequences.query_value(address, "QUERY SCENE LEVEL", number)
    return found


def is_present(address: "Address") -> "Conversation[bool]":
    """Returns True if any gear answers to this address."""
    reply = yield from sequences.query(address, "QUERY CONTROL GEAR PRESENT")
    return reply.is_heard
