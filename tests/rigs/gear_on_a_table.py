"""Emulated gear on a table: conversations run against it at once, with a clock that counts frames and no loop."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from hil.devices.dali_gear import Gear
from hil.devices.gear_variables import MASK, GearProfile
from hil.devices.power_curve import PowerCurve
from protocols.dali.frames import COLLISION, NO_ANSWER, Pause, Reply, Transmission, answered
from protocols.errors import ConversationFailed

T = TypeVar("T")
FRAME_S = 0.0277


class Cut(Exception):
    """The run was ended at a frame: killed, unplugged, without power."""


def specimen(seed: object, short_address: int | None, profile: GearProfile | None = None) -> Gear:
    """One gear, its random numbers from the seed."""
    rng = random.Random(f"{seed}")
    curve = PowerCurve.seeded(rng, 25.0, 0.4, 2.5)
    mine = MASK if short_address is None else short_address
    return Gear(curve, 0.0, rng=rng, profile=profile and replace(profile), short_address=mine)


class Table:
    """A bus in one place: each frame reaches each gear, answers meet as they do on two wires.

    `cut_at`: the frame at which the run ends (counted from 0, pairs twice). `clean`: equal answers fall on each other.
    """

    def __init__(self, gear: Sequence[Gear], *, clean: bool = False) -> None:
        self.gear = list(gear)
        self.now = 100.0
        self.frames: list[int] = []
        self.clean = clean
        self.cut_at: int | None = None
        self.before_frame: Callable[[int], None] = lambda _frame: None
        self.reply_of: Callable[[int, Reply], Reply] = lambda _frame, reply: reply

    def run(self, inquiry: Generator[Any, Any, T]) -> T:
        """The inquiry's result."""
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

    def talk(self, conversation: Generator[Transmission, Reply, T]) -> T:
        """The conversation's result."""
        try:
            transmission = next(conversation)
            while True:
                reply = self._frame(transmission.frame.value)
                if transmission.twice:
                    reply = self._frame(transmission.frame.value)
                transmission = conversation.send(reply)
        except StopIteration as end:
            result: T = end.value
            return result

    def addresses(self) -> list[int | None]:
        """The short address of each gear."""
        return [None if one.variables.short_address == MASK else one.variables.short_address for one in self.gear]

    def _frame(self, value: int) -> Reply:
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
