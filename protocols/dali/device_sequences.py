"""Conversations with control devices (IEC 62386-103, -303, -304): presence, addresses, settings, quiescent mode.

Each is a generator that yields a Transmission and receives the Reply to it. Each setting is read back. Events of other
devices take time on the bus and can collide with these frames, so a long conversation is best run inside `quietly`.
"""

from collections import namedtuple

from protocols.dali import device_addresses, device_commands
from protocols.dali.device_addresses import BROADCAST
from protocols.dali.device_commands import NO_SHORT_ADDRESS, UNADDRESSED_DEVICES
from protocols.dali.frames import Reply
from protocols.errors import ConversationFailed, NotAnswered, SeveralAnswered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence
    from typing import TypeVar  # noqa: TID251  # never executed: only type checkers come here

    from protocols.dali.device_addresses import DeviceAddress, Instances
    from protocols.dali.device_commands import Command, Setting
    from protocols.dali.frames import Transmission

    T = TypeVar("T")
    Conversation = Generator[Transmission, Reply, T]


class SettingRefused(ConversationFailed):
    """A control device keeps another value than the one that it was given."""


class Present(namedtuple("Present", "single several")):
    """The short addresses that answer: those of a `single` device, and those at which `several` answer at once."""


class Instance(namedtuple("Instance", "number type resolution enabled")):
    """One instance: its type (3 occupancy, 4 light), the bits of its input value, and whether it sends events."""


class Device(namedtuple("Device", "status capabilities instances")):
    """A control device as it describes itself; the bits of `status` are those of Status."""


class Status:
    """Bits of QUERY DEVICE STATUS."""

    INPUT_DEVICE_ERROR = 0x01
    QUIESCENT = 0x02
    NO_SHORT_ADDRESS = 0x04
    APPLICATION_ACTIVE = 0x08
    APPLICATION_CONTROLLER_ERROR = 0x10
    POWER_CYCLE_SEEN = 0x20
    RESET_STATE = 0x40


INSTANCES_AT_MOST = 32
ROUNDS = 5
"""The most rounds of a search: it begins anew if two random addresses are equal or a device vanishes in the middle."""


def quietly(conversation: "Conversation[T]") -> "Conversation[T]":
    """Runs the conversation with all control devices in quiescent mode, so that no event comes between its frames.

    Returns what the conversation returns. If a driver's error breaks it off, the devices stay quiet for at most 15
    minutes and then speak again by themselves.
    """
    yield device_commands.device(BROADCAST, "START QUIESCENT MODE")
    failure = None
    try:
        result = yield from conversation
    except ConversationFailed as failed:
        failure = failed
    yield device_commands.device(BROADCAST, "STOP QUIESCENT MODE")
    if failure is not None:
        raise failure
    return result


def find_devices(numbers: "Iterable[int]" = range(64)) -> "Conversation[Present]":
    """Finds out which of these short addresses (0-63) belong to control devices."""
    single, several = [], []
    for number in numbers:
        reply = yield device_commands.device(device_addresses.short(number), "QUERY DEVICE STATUS")
        if reply.kind == Reply.VALUE:
            single.append(number)
        elif reply.kind == Reply.COLLISION:
            several.append(number)
    return Present(single, several)


def read_device(address: "DeviceAddress") -> "Conversation[Device]":
    """Reads status, capabilities and instances of one device.

    Raises NotAnswered, SeveralAnswered, and ConversationFailed if the device claims more than 32 instances.
    """
    status = yield from query_value(address, "QUERY DEVICE STATUS")
    capabilities = yield from query_value(address, "QUERY DEVICE CAPABILITIES")
    count = yield from query_value(address, "QUERY NUMBER OF INSTANCES")
    if count > INSTANCES_AT_MOST:
        raise ConversationFailed("%s says that it has %d instances; 32 is the most" % (_name(address), count))
    instances = []
    for number in range(count):
        one = device_addresses.instance(number)
        kind = yield from query_instance(address, one, "QUERY INSTANCE TYPE")
        resolution = yield from query_instance(address, one, "QUERY RESOLUTION")
        enabled = yield device_commands.instance(address, one, "QUERY INSTANCE ENABLED")
        instances.append(Instance(number, kind, resolution, enabled.is_yes))
    return Device(status, capabilities, tuple(instances))


def query_value(address: "DeviceAddress", name: str) -> "Conversation[int]":
    """Asks a device, of which exactly one must answer, and returns the byte. Raises NotAnswered and SeveralAnswered."""
    reply = yield device_commands.device(address, name)
    return _value(reply, address, name)


def query_instance(
    address: "DeviceAddress", instances: "Instances", name: str, commands: "dict[str, Command] | None" = None
) -> "Conversation[int]":
    """Asks instances of a device, of which exactly one must answer, and returns the byte.

    `commands` is the table of the instance type that has the query; None: it is a query to instances of any type.
    Raises NotAnswered and SeveralAnswered.
    """
    reply = yield device_commands.instance(address, instances, name, commands)
    return _value(reply, address, name)


def write_setting(
    address: "DeviceAddress",
    instances: "Instances",
    setting: "Setting",
    value: float,
    commands: "dict[str, Command] | None" = None,
) -> "Conversation[None]":
    """Sets an event priority, scheme, group, timer or hysteresis (in the setting's unit), and reads it back.

    Raises ValueOutOfRange, SettingRefused, NotAnswered and SeveralAnswered.
    """
    count = setting.count(value)
    yield device_commands.special("DTR0", count)
    yield device_commands.instance(address, instances, setting.set, commands)
    kept = yield from query_instance(address, instances, setting.query, commands)
    _same(address, setting.set, kept, count)


def read_setting(
    address: "DeviceAddress", instances: "Instances", setting: "Setting", commands: "dict[str, Command] | None" = None
) -> "Conversation[float]":
    """Reads a setting and returns it in its unit. Raises NotAnswered and SeveralAnswered."""
    count = yield from query_instance(address, instances, setting.query, commands)
    return float(count * setting.unit)


def write_event_filter(
    address: "DeviceAddress", instances: "Instances", triggers: int, width: int = 1
) -> "Conversation[None]":
    """Sets which events an instance sends, and reads that back. Raises SettingRefused.

    `triggers` are bits of the Filter of the instance's type, which is `width` (1-3) bytes wide.
    """
    content = [(triggers >> 8 * place) & 0xFF for place in range(3)]
    if width > 1:
        yield device_commands.special("DTR2:DTR1", content[2], content[1])
    yield device_commands.special("DTR0", content[0])
    yield device_commands.instance(address, instances, "SET EVENT FILTER")
    for place in range(width):
        kept = yield from query_instance(address, instances, _EVENT_FILTER[place])
        _same(address, "SET EVENT FILTER", kept, content[place])


_EVENT_FILTER = ("QUERY EVENT FILTER 0-7", "QUERY EVENT FILTER 8-15", "QUERY EVENT FILTER 16-23")


def enable_instance(address: "DeviceAddress", instances: "Instances", enabled: bool) -> "Conversation[None]":
    """Lets an instance send events or stops it, and reads that back; in either case it can be asked for its value.

    Raises SettingRefused.
    """
    name = "ENABLE INSTANCE" if enabled else "DISABLE INSTANCE"
    yield device_commands.instance(address, instances, name)
    reply = yield device_commands.instance(address, instances, "QUERY INSTANCE ENABLED")
    _same(address, name, int(reply.is_yes), int(enabled))


def notify_power_cycles(address: "DeviceAddress", enabled: bool) -> "Conversation[None]":
    """Lets a device send a notice when it has started, or stops it, and reads that back. Raises SettingRefused."""
    name = "ENABLE POWER CYCLE NOTIFICATION" if enabled else "DISABLE POWER CYCLE NOTIFICATION"
    yield device_commands.device(address, name)
    reply = yield device_commands.device(address, "QUERY POWER CYCLE NOTIFICATION")
    _same(address, name, int(reply.is_yes), int(enabled))


def join_device_group(address: "DeviceAddress", group: int) -> "Conversation[None]":
    """Makes a device a member of this device group, 0-31, and reads that back. Raises SettingRefused."""
    half, bit = group // 16, 1 << group % 16
    yield device_commands.special("DTR2:DTR1", bit >> 8, bit & 0xFF)
    yield device_commands.device(address, ("ADD TO DEVICE GROUPS 0-15", "ADD TO DEVICE GROUPS 16-31")[half])
    byte = yield from query_value(address, _DEVICE_GROUPS[group // 8])
    _same(address, "ADD TO DEVICE GROUPS", byte >> group % 8 & 1, 1)


_DEVICE_GROUPS = (
    "QUERY DEVICE GROUPS 0-7",
    "QUERY DEVICE GROUPS 8-15",
    "QUERY DEVICE GROUPS 16-23",
    "QUERY DEVICE GROUPS 24-31",
)


def read_input_value(address: "DeviceAddress", instances: "Instances", resolution: int) -> "Conversation[int]":
    """Reads the input value of an instance, a number of `resolution` bits (from QUERY RESOLUTION)."""
    value = yield from query_instance(address, instances, "QUERY INPUT VALUE")
    bits = 8
    while bits < resolution:
        byte = yield from query_instance(address, instances, "QUERY INPUT VALUE LATCH")
        value, bits = value << 8 | byte, bits + 8
    return value >> bits - resolution


def forget_address(address: "DeviceAddress") -> "Conversation[None]":
    """Takes the short address away from all devices that have it: the way out if several have one address."""
    yield device_commands.special("DTR0", NO_SHORT_ADDRESS)
    yield device_commands.device(address, "SET SHORT ADDRESS")


def give_addresses(free: "Sequence[int]") -> "Conversation[list[int]]":
    """Gives each control device without a short address one of these, and returns the addresses that it has given.

    Run it inside `quietly`. If it is broken off, it can be run again: a device that has an address takes no part.
    Raises ConversationFailed if the addresses do not suffice or random addresses stay equal, and SettingRefused.
    """
    given: "list[int]" = []
    failure = None
    yield device_commands.special("TERMINATE")
    yield device_commands.special("INITIALISE", UNADDRESSED_DEVICES)
    try:
        for _ in range(ROUNDS):
            alike = yield from _address_round(free, given)
            if not alike:
                break
        else:
            failure = ConversationFailed("control devices draw the same random address again and again")
    except ConversationFailed as failed:
        failure = failed
    yield device_commands.special("TERMINATE")
    if failure is not None:
        raise failure
    return given


def _address_round(free: "Sequence[int]", given: "list[int]") -> "Conversation[bool]":
    """Gives addresses until no device is left without. Returns True if random addresses must be drawn anew."""
    yield device_commands.special("RANDOMISE")
    # A device needs up to 100 ms for its new address: the three bytes of the search address take as long.
    search = _Search()
    while True:
        found = yield from search.lowest()
        if found is None:
            return search.lost
        if len(given) == len(free):
            raise ConversationFailed(
                "no short address is left for a further control device: %d are in use or given" % (64 - len(free))
                if len(free) < 64
                else "a bus has short addresses for 64 control devices, and here are more"
            )
        short = free[len(given)]
        yield device_commands.special("PROGRAM SHORT ADDRESS", short)
        reply = yield device_commands.special("VERIFY SHORT ADDRESS", short)
        if reply.kind == Reply.COLLISION:
            yield device_commands.special("PROGRAM SHORT ADDRESS", NO_SHORT_ADDRESS)
            return True
        if reply.kind == Reply.NO_ANSWER:
            raise SettingRefused("the control device with random address %06X does not take %d" % (found, short))
        given.append(short)
        yield device_commands.special("WITHDRAW")


class _Search:
    """A binary search that knows the devices' search address, and so sends only the bytes that change."""

    def __init__(self) -> None:
        self._sent: "list[int | None]" = [None, None, None]
        self.lost = False

    def lowest(self) -> "Conversation[int | None]":
        """Returns the lowest random address that answers COMPARE, and selects it; None if no device answers.

        Each step clears one bit while all lower bits are set, so that mostly one byte changes. `lost` is True if a
        device answered at first and none at the end.
        """
        self.lost = False
        if not (yield from self._compare(0xFFFFFF)):
            return None
        address = 0xFFFFFF
        for bit in range(23, -1, -1):
            lower = address & ~(1 << bit)
            if (yield from self._compare(lower)):
                address = lower
        self.lost = not (yield from self._compare(address))
        return None if self.lost else address

    def _compare(self, address: int) -> "Conversation[bool]":
        for place, name in enumerate(("SEARCHADDRH", "SEARCHADDRM", "SEARCHADDRL")):
            byte = (address >> 8 * (2 - place)) & 0xFF
            if self._sent[place] != byte:
                yield device_commands.special(name, byte)
                self._sent[place] = byte
        reply = yield device_commands.special("COMPARE")
        return bool(reply.is_yes)


def _value(reply: Reply, address: "DeviceAddress", name: str) -> int:
    if reply.kind == Reply.COLLISION:
        raise SeveralAnswered("several answer %s as %s" % (name, _name(address)))
    if reply.kind == Reply.NO_ANSWER:
        raise NotAnswered("%s does not answer %s" % (_name(address), name))
    value: int = reply.value
    return value


def _same(address: "DeviceAddress", name: str, kept: int, wanted: int) -> None:
    if kept != wanted:
        raise SettingRefused("%s keeps %d after %s with %d" % (_name(address), kept, name, wanted))


def _name(address: "DeviceAddress") -> str:
    return (
        "control device %d" % address.number if address.kind == address.SHORT else "control device (%s)" % address.kind
    )
