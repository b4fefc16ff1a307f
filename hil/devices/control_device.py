"""Control devices on a DALI bus (IEC 62386-103): sensors that answer 24-bit commands and send events by themselves.

The bus feeds them. Without bus voltage they neither hear nor speak; once it is back, their status shows a power cycle.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import TypeVar

from hil.devices.device_addressing import MASK, TWICE, DeviceAddressing
from hil.devices.device_instances import YES, Instance, LightSensor, OccupancySensor
from hil.devices.memory_banks import MemoryBank, MemoryBanks

SEND_TWICE_S = 0.1
FRAME_S = 25 / 1200
"""Start bit and 24 bits at 1200 baud."""
RESET_DEAF_S = 0.3
QUIESCENT_S = 15 * 60.0
IDENTIFY_S = 10.0
BOOT_S = 0.1
POWER_NOTICE_S = (1.3, 5.0)
"""Bounds of the time from a start to the POWER CYCLE NOTIFICATION, if that is enabled (unverified)."""
SETTLING_S = {2: (0.0149, 0.0161), 3: (0.0163, 0.0177), 4: (0.0179, 0.0193), 5: (0.0195, 0.0211)}
"""Bounds of the time from the last edge on the bus to an event, by the event's priority."""
NOTICE_PRIORITY = 2
VERSION = 0x08
"""Version number of parts 103, 303 and 304 at version 2.0."""
EDITION_3 = 0x0C
"""A device knows QUERY AVAILABLE INSTANCE TYPES from this version of part 103 on."""
QUERY_AVAILABLE_INSTANCE_TYPES = 0x94
WHOLE_DEVICE = 0xFE

Sensor = TypeVar("Sensor", bound=Instance)
SendEvent = Callable[[Callable[[], int | None], float, Callable[[bool], None]], None]


class ControlDevice:
    """One control device with its instances. Times are loop seconds. A bus must attach the device before it is used."""

    def __init__(
        self,
        instances: Sequence[Instance],
        *,
        short_address: int | None = None,
        seed: int = 0,
        power_cycle_notification: bool = False,
        version: int = VERSION,
    ) -> None:
        self.version = version
        self.instances = tuple(instances)
        self._rng = rng = random.Random(f"{seed}/control device")
        self.addressing = DeviceAddressing(MASK if short_address is None else short_address, rng)
        self.groups = 0
        self.power_cycle_notification = power_cycle_notification
        self.power_cycle_seen = self.reset_state = False
        self.dtrs = [0, 0, 0]
        self.banks = MemoryBanks({0: _nameplate(rng)})
        self.no_answer = self.garbled_answer = False
        self.late_s = 0.0
        self.answer_delay_s = rng.uniform(0.0056, 0.0104)
        self.powered = True
        self._loop: asyncio.AbstractEventLoop
        self._send: SendEvent
        self._hears_from = self._quiet_until = self._identify_until = 0.0
        self._first_of_two: tuple[int, int, float] = (-1, -1, 0.0)
        self._waiting: set[Instance] = set()

    def attach(self, loop: asyncio.AbstractEventLoop, send_event: SendEvent) -> None:
        """Connects the device to a bus, which takes its events by `send_event`."""
        self._loop = loop
        self._send = send_event
        for number, one in enumerate(self.instances):
            one.attach(number, loop, self._speak)
            one.powered(True)

    # What happens to it

    def presence(self, moving: bool) -> None:
        """Starts or ends movement in front of the device's occupancy sensor. Raises ValueError if it has none."""
        self._sensor(OccupancySensor).presence(moving)

    def illuminance(self, value: int) -> None:
        """Sets the light at the device's light sensor, 0 to 1023. Raises ValueError outside that, or if it has none."""
        self._sensor(LightSensor).illuminance(value)

    def set_bus_voltage(self, present: bool, now: float) -> None:
        """Switches the bus voltage, which is the device's supply. Its non-volatile memory survives the loss."""
        if present == self.powered:
            return
        self.powered = present
        self.addressing.end()
        self._quiet_until = self._identify_until = 0.0
        self.dtrs = [0, 0, 0]
        if present:
            self.power_cycle_seen = True
            self._hears_from = now + BOOT_S
        for one in self.instances:
            one.powered(present)
        if present and self.power_cycle_notification:
            self._loop.call_later(self._rng.uniform(*POWER_NOTICE_S), self._notify)

    def receive(self, value: int, sequence: int, now: float) -> int | None:
        """Obeys a 24-bit forward frame, complete at `now`. Returns the answer, or None for silence.

        `sequence` counts all frames of the bus.
        """
        first, second, third = value >> 16, value >> 8 & 0xFF, value & 0xFF
        if not self.powered or now < self._hears_from or not first & 1:
            return None
        if first in (0xC1, 0xC5, 0xC7, 0xC9):
            return self._special(first, second, third, sequence, now)
        if not self._addressed(first):
            return None
        if second == WHOLE_DEVICE:
            if third < 0x30:
                if self._is_second(value, sequence, now):
                    self._configure(third, now)
                return None
            return self._query(third, now)
        return self._instance_command(value, second, third, sequence, now)

    # Its state

    def quiescent(self, now: float) -> bool:
        """Returns True while quiescent mode forbids the device to send events."""
        return now < self._quiet_until

    def identifying(self, now: float) -> bool:
        return now < self._identify_until

    def status(self, now: float) -> int:
        """Returns the answer to QUERY DEVICE STATUS. Bits: 1 quiescent, 2 no short address, 5 power cycle seen,
        6 reset state."""
        return (
            self.quiescent(now) << 1
            | (self.addressing.short_address == MASK) << 2
            | self.power_cycle_seen << 5
            | self.reset_state << 6
        )

    def _addressed(self, byte: int) -> bool:
        target, mine = byte >> 1, self.addressing.short_address
        if target < 0x40:
            return target == mine
        if target < 0x60:
            return bool(self.groups >> (target - 0x40) & 1)
        return target == 0x7F or (target == 0x7E and mine == MASK)

    def _is_second(self, value: int, sequence: int, now: float) -> bool:
        first, heard, at = self._first_of_two
        if value == first and sequence == heard + 1 and now - FRAME_S - at <= SEND_TWICE_S:
            self._first_of_two = (-1, -1, 0.0)
            return True
        self._first_of_two = (value, sequence, now)
        return False

    def _special(self, first: int, second: int, third: int, sequence: int, now: float) -> int | None:
        if first == 0xC7:
            self.dtrs[:2] = third, second
        elif first == 0xC9:
            self.dtrs[1:] = third, second
        elif first == 0xC1 and 0x30 <= second <= 0x32:
            self.dtrs[second - 0x30] = third
        elif first == 0xC1 and second <= 0x0A:
            if second in TWICE and not self._is_second(first << 16 | second << 8 | third, sequence, now):
                return None
            return self.addressing.command(second, third, now)
        return None  # no other command has an effect, not even WRITE MEMORY LOCATION: the only bank is read-only

    def _instance_command(self, value: int, byte: int, opcode: int, sequence: int, now: float) -> int | None:
        addressed = [one for one in self.instances if one.is_addressed(byte)]
        if any(one.configures(opcode) for one in addressed):
            if self._is_second(value, sequence, now):
                for one in addressed:
                    one.configure(opcode, (self.dtrs[0], self.dtrs[1], self.dtrs[2]))
                self.reset_state = False
            return None
        if opcode == QUERY_AVAILABLE_INSTANCE_TYPES:
            return self._available_types(addressed)
        answers = []
        for one in addressed:
            one.obey(opcode)
            answers.append(one.query(opcode))
        # A device sends a single backward frame. If its instances differ, part 103 defines no useful answer.
        said = {answer for answer in answers if answer is not None}
        return said.pop() if len(said) == 1 else None

    def _available_types(self, addressed: list[Instance]) -> int | None:
        """Returns the highest byte of the instance types that the single addressed instance can take.

        Each type is one bit of 32; here only the type that the instance has is set. The lower bytes go to DTR2, DTR1
        and DTR0 (the order of these bytes is unverified). Returns None if the device does not know the query.
        """
        if self.version < EDITION_3 or len(addressed) != 1:
            return None
        bits = 1 << addressed[0].type
        self.dtrs = [bits & 0xFF, bits >> 8 & 0xFF, bits >> 16 & 0xFF]
        return bits >> 24

    def _configure(self, opcode: int, now: float) -> None:
        low, middle = self.dtrs[1], self.dtrs[2]
        if opcode == 0x00:
            self._identify_until = now + IDENTIFY_S
        elif opcode == 0x01:
            self.power_cycle_seen = False
        elif opcode == 0x10:
            self._reset(now)
        elif opcode == 0x14:
            self.addressing.assign(self.dtrs[0])
        elif opcode in (0x19, 0x1A):  # ADD TO DEVICE GROUPS
            self.groups |= (low | middle << 8) << 16 * (opcode - 0x19)
            self.reset_state = False
        elif opcode in (0x1B, 0x1C):  # REMOVE FROM DEVICE GROUPS
            self.groups &= ~((low | middle << 8) << 16 * (opcode - 0x1B))
        elif opcode in (0x1D, 0x1E):  # START, STOP QUIESCENT MODE
            self._quiet_until = now + QUIESCENT_S if opcode == 0x1D else 0.0
        elif opcode in (0x1F, 0x20):
            self.power_cycle_notification = opcode == 0x1F

    def _reset(self, now: float) -> None:
        self.addressing.reset()
        self.groups = 0
        self._quiet_until = 0.0
        for one in self.instances:
            one.reset()
        self.reset_state = True
        self._hears_from = now + RESET_DEAF_S

    def _query(self, opcode: int, now: float) -> int | None:
        yes_no = {
            0x33: self.addressing.short_address == MASK,
            0x40: self.quiescent(now),
            0x45: self.power_cycle_notification,
            0x48: self.reset_state,
            0x49: False,  # APPLICATION CONTROLLER ALWAYS ACTIVE: the device has no application controller
        }
        if opcode in yes_no:
            return YES if yes_no[opcode] else None
        if 0x39 <= opcode <= 0x3B:
            return self.addressing.random(now) >> 8 * (0x3B - opcode) & 0xFF
        if 0x41 <= opcode <= 0x44:
            return self.groups >> 8 * (opcode - 0x41) & 0xFF
        if 0x36 <= opcode <= 0x38:
            return self.dtrs[opcode - 0x36]
        if opcode == 0x3C:
            return self._read_memory(now)
        if opcode == 0x47:
            return VERSION if self.dtrs[0] in {one.type for one in self.instances} else None
        answers = {
            0x30: self.status(now),
            0x34: self.version,
            0x35: len(self.instances),
            0x3E: 0,  # standard operating mode
            0x46: bool(self.instances) << 1,  # an input device, no application controller
        }
        return answers.get(opcode)

    def _read_memory(self, now: float) -> int | None:
        location, self.dtrs[0] = self.dtrs[0], min(self.dtrs[0] + 1, 0xFF)
        return self.banks.read(self.dtrs[1], location, now)

    # Its events

    def _speak(self, one: Instance) -> None:
        if one not in self._waiting and self.powered:
            self._queue(one)

    def _queue(self, one: Instance) -> None:
        info: int | None = None

        def message() -> int | None:
            nonlocal info
            if self.quiescent(self._loop.time()) or not self.powered:
                one.hush()
            info = one.take()
            return None if info is None else self._source(one) | info

        def done(through: bool) -> None:
            self._waiting.discard(one)
            if through and info is not None:
                one.told(info)
            elif info is not None and self.powered:
                one.trigger()  # the event collided with another frame: it is told again

        self._waiting.add(one)
        self._send(message, self._rng.uniform(*SETTLING_S[one.values["priority"]]), done)

    def _source(self, one: Instance) -> int:
        """Returns the upper bits of an event, which name the sender as its event scheme says.

        If the device lacks the address or group that the scheme needs, type and number of the instance name it.
        """
        scheme, short, group = one.values["scheme"], self.addressing.short_address, one.values["primary group"]
        if scheme == 1 and short != MASK:
            return short << 17 | one.type << 10
        if scheme == 2 and short != MASK:
            return short << 17 | 1 << 15 | one.number << 10
        if scheme == 3 and self.groups:
            return 1 << 23 | self._lowest_group() << 17 | one.type << 10
        if scheme == 4 and group != MASK:
            return 3 << 22 | group << 17 | one.type << 10
        return 1 << 23 | one.type << 17 | 1 << 15 | one.number << 10

    def _lowest_group(self) -> int:
        return (self.groups & -self.groups).bit_length() - 1

    def _notify(self) -> None:
        def message() -> int | None:
            if self.quiescent(self._loop.time()) or not self.powered:
                return None
            short = self.addressing.short_address
            group = 1 << 12 | self._lowest_group() << 7 if self.groups else 0
            return 0xFEE000 | group | (0 if short == MASK else 1 << 6 | short)

        def done(through: bool) -> None:
            if not through and message() is not None:
                self._send(message, settling_s, done)

        settling_s = self._rng.uniform(*SETTLING_S[NOTICE_PRIORITY])
        self._send(message, settling_s, done)

    def _sensor(self, kind: type[Sensor]) -> Sensor:
        for one in self.instances:
            if isinstance(one, kind):
                return one
        raise ValueError(f"this control device has no {kind.__name__}: give it one among its instances")


def _nameplate(rng: random.Random) -> MemoryBank:
    content = (
        bytes([0])
        + (8_719_990_000_031).to_bytes(6, "big")  # GTIN
        + bytes([1, 0])  # firmware
        + rng.getrandbits(64).to_bytes(8, "big")  # serial
        + bytes([1, 0])  # hardware
        + bytes([VERSION, 0xFF, VERSION])  # parts 101 and 103 at version 2.0; no part 102
        + bytes([1, 0, 0])  # one control device, no gear, index 0
    )
    return MemoryBank(0x1A, rom=dict(enumerate(content, 2)), lockable=False)
