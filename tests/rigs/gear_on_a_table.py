"""Emulated gear on a table: conversations run against it at once, without bus or loop; the clock counts frames.

Take `LoneGear` for one gear, `Table` for several whose answers meet, `GearOnPaper` to choose each count that is read.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from hil.devices.dali_gear import Gear
from hil.devices.gear_variables import MASK, GearProfile
from hil.devices.power_curve import PowerCurve
from protocols.dali import addresses
from protocols.dali.frames import COLLISION, NO_ANSWER, Pause, Reply, Transmission, answered
from protocols.errors import ConversationFailed, ProtocolError

T = TypeVar("T")
Spoil = Callable[[int, Transmission, Reply], Reply | None]
FRAME_S = 0.0277
"""A forward frame with its settling time."""
SLOWEST_ANSWER_S, BACKWARD_S, SETTLE_S = 0.0105, 0.0075, 0.0135
"""What a frame costs at worst besides its own bits: the wait for its answer, the answer, the settling time."""
GEAR = addresses.short(5)
"""The address of a `LoneGear`."""


class Cut(Exception):
    """The run was ended at a frame: killed, unplugged, without power."""


class Partner:
    """Plays the host's side of a conversation; a subclass says what is answered to a transmission."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slowest_piece_s = 0.0
        """How long the longest conversation held the bus, with every answer as late as it may be."""

    def reply(self, transmission: Transmission) -> Reply:
        """The answer to a transmission, which is sent twice where it asks for that."""
        raise NotImplementedError

    def run(self, inquiry: Generator[Any, Any, T]) -> T:
        """Plays an inquiry, conversation by conversation, and returns its result."""
        try:
            piece = next(inquiry)
            while True:
                if isinstance(piece, Pause):
                    self.now += piece.seconds
                    piece = next(inquiry)
                    continue
                try:
                    result = self.talk(piece)
                except ConversationFailed as failure:
                    piece = inquiry.throw(failure)
                else:
                    piece = inquiry.send(result)
        except StopIteration as end:
            whole: T = end.value
            return whole

    def outcome(self, inquiry: Generator[Any, Any, T]) -> T | ProtocolError:
        """Plays an inquiry and returns its result, or the ProtocolError that ended it."""
        try:
            return self.run(inquiry)
        except ProtocolError as failure:
            return failure

    def talk(self, conversation: Generator[Transmission, Reply, T]) -> T:
        """Plays one conversation and returns its result."""
        took_s = 0.0
        try:
            transmission = next(conversation)
            while True:
                reply = self.reply(transmission)
                took_s += (2 if transmission.twice else 1) * (transmission.frame.duration_s + SETTLE_S)
                took_s += SLOWEST_ANSWER_S + BACKWARD_S if reply.is_yes else 0.0
                transmission = conversation.send(reply)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            self.slowest_piece_s = max(self.slowest_piece_s, took_s)


class LoneGear(Partner):
    """One gear at short address 5: it takes conversations, and frames by hand.

    `frames` holds the transmissions of the conversations. `spoil(number, transmission, reply)` may return another
    reply, which takes the true one's place; `number` counts the transmissions from 1 on.
    """

    def __init__(
        self, *, level: int = 254, profile: GearProfile | None = None, seed: int = 1, spoil: Spoil | None = None
    ) -> None:
        super().__init__()
        self.sequence = 0
        self.frames: list[Transmission] = []
        self._spoil = spoil
        self._sent = 0
        rng = random.Random(seed)
        curve = PowerCurve.seeded(rng, 25.0, 0.4, 2.5)
        self.gear = Gear(curve, self.now, rng=rng, profile=profile, short_address=5, level=level, energy_wh=1234.5678)

    def reply(self, transmission: Transmission) -> Reply:
        value = None
        for _ in range(2 if transmission.twice else 1):
            value = self.send(transmission.frame.value)
        reply = NO_ANSWER if value is None else answered(value)
        self.frames.append(transmission)
        self._sent += 1
        spoilt = self._spoil(self._sent, transmission, reply) if self._spoil else None
        return reply if spoilt is None else spoilt

    def send(self, frame: int) -> int | None:
        """Sends one frame, which is complete one frame time and settling later. Returns the answer."""
        self.now += FRAME_S
        self.sequence += 1
        return self.gear.receive(frame >> 8, frame & 0xFF, self.sequence, self.now)

    def twice(self, frame: int) -> None:
        """Sends a configuration command, which has no answer."""
        assert self.send(frame) is None
        assert self.send(frame) is None

    def configure(self, frame: int, dtr0: int) -> None:
        """Loads DTR0 and sends a configuration command that uses it."""
        self.send(0xA300 | dtr0)
        self.twice(frame)

    def wait(self, seconds: float) -> None:
        """Lets time pass."""
        self.now += seconds

    def level(self) -> int:
        """The answer to QUERY ACTUAL LEVEL."""
        answer = self.send(0x0BA0)
        assert answer is not None
        return answer

    def status(self) -> int:
        """The answer to QUERY STATUS."""
        answer = self.send(0x0B90)
        assert answer is not None
        return answer

    def read(self, bank: int, location: int) -> int | None:
        """The answer to READ MEMORY LOCATION, or None where the location is not implemented."""
        self.send(0xC300 | bank)
        self.send(0xA300 | location)
        return self.send(0x0BC5)


def specimen(seed: object, short_address: int | None, profile: GearProfile | None = None) -> Gear:
    """One gear for a `Table`; the seed gives its random numbers."""
    rng = random.Random(f"{seed}")
    curve = PowerCurve.seeded(rng, 25.0, 0.4, 2.5)
    mine = MASK if short_address is None else short_address
    return Gear(curve, 0.0, rng=rng, profile=profile and replace(profile), short_address=mine)


class Table(Partner):
    """Several gear: each frame reaches each of them, and their answers meet as they do on two wires.

    `frames` holds what was sent, a pair as two. At frame `cut_at` (counted from 0) the run ends with `Cut`.
    With `clean`, equal answers fall on each other and are read as one.
    """

    def __init__(self, gear: Sequence[Gear], *, clean: bool = False) -> None:
        super().__init__()
        self.gear = list(gear)
        self.frames: list[int] = []
        self.clean = clean
        self.cut_at: int | None = None
        self.before_frame: Callable[[int], None] = lambda _frame: None
        self.reply_of: Callable[[int, Reply], Reply] = lambda _frame, reply: reply

    def reply(self, transmission: Transmission) -> Reply:
        reply = self.reply_to_frame(transmission.frame.value)
        return self.reply_to_frame(transmission.frame.value) if transmission.twice else reply

    def addresses(self) -> list[int | None]:
        """The short address of each gear; None for a gear without one."""
        return [None if one.variables.short_address == MASK else one.variables.short_address for one in self.gear]

    def reply_to_frame(self, value: int) -> Reply:
        """What the host hears after one frame."""
        if self.cut_at is not None and len(self.frames) >= self.cut_at:
            raise Cut
        self.before_frame(value)
        self.now += FRAME_S
        self.frames.append(value)
        answers = []
        garbled = False
        for one in self.gear:
            answer = one.receive(value >> 8, value & 0xFF, len(self.frames), self.now)
            if answer is not None and not one.no_answer:
                answers.append(answer)
                garbled = garbled or one.garbled_answer
        reply = NO_ANSWER
        if answers:
            alone = len(answers) == 1 or (self.clean and len(set(answers)) == 1)
            reply = answered(answers[0]) if alone and not garbled else COLLISION
        return self.reply_of(value, reply)


class GearOnPaper(Partner):
    """One register that counts while it is read, answered from a table.

    The register has `size` bytes from `offset` on, with its scale in the byte before. `counts` tells its value at the
    n-th read.
    """

    def __init__(
        self,
        counts: Callable[[int], int],
        *,
        latches: bool = True,
        offset: int = 5,
        size: int = 6,
        scale: int | None = 0xFF,
    ) -> None:
        super().__init__()
        self.reads = 0
        self.frames: list[int] = []
        self.replies: dict[int, Reply] = {}
        """Replies instead of the true one, by number of the read."""
        self._counts = counts
        self._latches = latches
        self._latched: int | None = None
        self._offset = offset
        self._size = size
        self._scale = scale
        self._dtr0 = self._dtr1 = 0
        self._writable = False

    def reply(self, transmission: Transmission) -> Reply:
        first, second = transmission.frame.to_bytes()
        self.frames.append(transmission.frame.value)
        if first == 0xA3:
            self._dtr0 = second
        elif first == 0xC3:
            self._dtr1 = second
        elif second == 0x81 and transmission.twice:
            self._writable = True
        elif first == 0xC9 and self._writable and self._dtr0 == 2 and second == 0xAA and self._latches:
            self._latched = self._counts(self.reads)
        elif second == 0xC5:
            return self._read()
        return NO_ANSWER

    def _read(self) -> Reply:
        count = self._counts(self.reads) if self._latched is None else self._latched
        place = self._dtr0 - self._offset
        self._dtr0 += 1
        self.reads += 1
        if self.reads - 1 in self.replies:
            return self.replies[self.reads - 1]
        if self._dtr1 == 202 and place == -1 and self._scale is not None:
            return answered(self._scale)
        if self._dtr1 != 202 or not 0 <= place < self._size:
            return NO_ANSWER
        return answered(count.to_bytes(self._size, "big")[place])
