"""Vectors of control devices: one file for CPython and for MicroPython, which prints how many it checked."""

from protocols.dali import (
    device_addresses,
    device_commands,
    device_events,
    device_sequences,
    light_sensor,
    occupancy,
)
from protocols.dali.device_events import Event, PowerCycle, Scheme
from protocols.dali.frames import COLLISION, NO_ANSWER, ForwardFrame, Reply, answered
from protocols.errors import ConversationFailed, ValueOutOfRange

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from protocols.dali.frames import Transmission

SEVEN = device_addresses.short(7)
LIGHT = device_addresses.instance(1)

COMMANDS = (
    (device_commands.device(SEVEN, "QUERY DEVICE STATUS"), 0x0FFE30, False, True),
    (device_commands.device(device_addresses.group(18), "IDENTIFY DEVICE"), 0xA5FE00, True, False),
    (device_commands.device(device_addresses.BROADCAST, "START QUIESCENT MODE"), 0xFFFE1D, True, False),
    (device_commands.device(device_addresses.UNADDRESSED, "RESET"), 0xFDFE10, True, False),
    (device_commands.instance(SEVEN, LIGHT, "SET EVENT SCHEME"), 0x0F0167, True, False),
    (device_commands.instance(SEVEN, device_addresses.ALL_INSTANCES, "DISABLE INSTANCE"), 0x0FFF63, True, False),
    (
        device_commands.instance(
            device_addresses.BROADCAST, device_addresses.instance_type(3), "SET HOLD TIMER", occupancy.COMMANDS
        ),
        0xFFC321,
        True,
        False,
    ),
    (device_commands.instance(SEVEN, LIGHT, "QUERY HYSTERESIS", light_sensor.COMMANDS), 0x0F013F, False, True),
    (device_commands.special("INITIALISE", device_commands.EVERY_DEVICE), 0xC101FF, True, False),
    (device_commands.special("COMPARE"), 0xC10300, False, True),
    (device_commands.special("DTR1:DTR0", 0x12, 0x34), 0xC71234, False, False),
)

EVENTS = (
    (0x86840B, Event(Scheme.INSTANCE, None, 1, None, None, 3, 11)),
    (0x0E0C0B, Event(Scheme.DEVICE, 7, None, None, None, 3, 11)),
    (0x0E86BC, Event(Scheme.DEVICE_INSTANCE, 7, 1, None, None, None, 700)),
    (0xA412BC, Event(Scheme.DEVICE_GROUP, None, None, 18, None, 4, 700)),
    (0xD212BC, Event(Scheme.INSTANCE_GROUP, None, None, None, 9, 4, 700)),
    (0xFEE047, PowerCycle(7, None)),
    (0xFEF1C7, PowerCycle(7, 3)),
)
NO_EVENTS = (0x0FFE30, 0xC08000, 0xFCE000)


class Devices:
    """Some devices with short and random addresses, reduced to what a search needs."""

    def __init__(self, randoms: "Sequence[int]") -> None:
        self.left = list(randoms)
        self.shorts: list[int] = []
        self.search = 0

    def reply(self, transmission: "Transmission") -> Reply:
        found = device_commands.meaning(transmission.frame)
        assert found is not None, transmission
        if found.name == "COMPARE":
            here = sum(1 for address in self.left if address <= self.search)
            return (NO_ANSWER, answered(0xFF), COLLISION)[min(here, 2)]
        shifts = {"SEARCHADDRH": 16, "SEARCHADDRM": 8, "SEARCHADDRL": 0}
        if found.name in shifts:
            shift = shifts[found.name]
            self.search = self.search & ~(0xFF << shift) | found.data[0] << shift
        elif found.name == "PROGRAM SHORT ADDRESS" and self.search in self.left:
            self.shorts.append(found.data[0])
        elif found.name == "VERIFY SHORT ADDRESS":
            return answered(0xFF) if found.data[0] in self.shorts else NO_ANSWER
        elif found.name == "WITHDRAW":
            self.left.remove(self.search)
        return NO_ANSWER


def finish(devices: Devices, conversation: "Generator[Transmission, Reply, list[int]]") -> "list[int]":
    """Runs the conversation and returns its result."""
    transmission = next(conversation)
    while True:
        try:
            transmission = conversation.send(devices.reply(transmission))
        except StopIteration as end:
            result: list[int] = end.value
            return result


def check() -> int:
    """Checks every vector and returns their number. Raises AssertionError for a wrong one."""
    count = 0
    for transmission, value, twice, answer in COMMANDS:
        assert transmission.frame == ForwardFrame(24, value), (hex(value), transmission)
        assert (transmission.twice, transmission.answer) == (twice, answer), transmission
        meaning = device_commands.meaning(transmission.frame, occupancy.COMMANDS, light_sensor.COMMANDS)
        assert meaning is not None, transmission
        count += 1
    for value, event in EVENTS:
        assert device_events.decode(ForwardFrame(24, value)) == event, hex(value)
        assert device_events.encode(event) == ForwardFrame(24, value), hex(value)
        count += 1
    for value in NO_EVENTS:
        assert device_events.decode(ForwardFrame(24, value)) is None, hex(value)
        count += 1
    typed = device_events.decode(ForwardFrame(24, 0x0E86BC), {(7, 1): light_sensor.INSTANCE_TYPE})
    assert isinstance(typed, Event), typed
    assert typed.instance_type == 4, typed
    assert occupancy.decode(11) == occupancy.Occupancy(True, True, False, True)
    assert occupancy.Occupancy(True, True, False, True).info() == 11
    assert occupancy.HOLD_TIMER.count(900) == 90
    try:
        light_sensor.HYSTERESIS.count(26)
    except ValueOutOfRange:
        count += 1
    for randoms in ((), (0x000000,), (0xFFFFFE, 0x123456, 0x123457, 0x12FFFF)):
        devices = Devices(randoms)
        given = finish(devices, device_sequences.quietly(device_sequences.give_addresses(range(64))))
        assert given == list(range(len(randoms))), given
        count += 1
    try:
        finish(Devices((1, 2)), device_sequences.quietly(device_sequences.give_addresses([5])))
    except ConversationFailed:
        count += 1
    return count


if __name__ == "__main__":
    print(check())
