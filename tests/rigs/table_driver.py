"""A plain driver of conversations: one emulated gear on a table, without bus or loop; every frame counted and timed."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

from hil.devices.gear_variables import GearProfile
from protocols.dali import addresses
from protocols.dali.frames import NO_ANSWER, Reply, Transmission, answered
from protocols.errors import ConversationFailed, ProtocolError
from tests.rigs.lone_gear import LoneGear

T = TypeVar("T")
Spoil = Callable[[int, Transmission, Reply], Reply | None]
GEAR = addresses.short(5)
SLOWEST_ANSWER_S, BACKWARD_S, SETTLE_S = 0.0105, 0.0075, 0.0135


class Table:
    """The gear at short address 5. `spoil(number, transmission, reply)` may put another reply in a reply's place."""

    def __init__(self, *, level: int = 254, profile: GearProfile | None = None, spoil: Spoil | None = None) -> None:
        self.lone = LoneGear(level=level, profile=profile)
        self.frames: list[Transmission] = []
        self.slowest_piece_s = 0.0
        self._spoil = spoil
        self._sent = 0

    def reply(self, transmission: Transmission) -> Reply:
        value = None
        for _ in range(2 if transmission.twice else 1):
            value = self.lone.send(transmission.frame.value)
        reply = NO_ANSWER if value is None else answered(value)
        self.frames.append(transmission)
        self._sent += 1
        spoilt = self._spoil(self._sent, transmission, reply) if self._spoil else None
        return reply if spoilt is None else spoilt

    def converse(self, conversation: Generator[Transmission, Reply, T]) -> T:
        """What one conversation returns."""
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

    def inquire(self, inquiry: Generator[Generator[Transmission, Reply, Any], Any, T]) -> T:
        """What an inquiry returns, piece by piece."""
        try:
            piece = next(inquiry)
            while True:
                try:
                    result = self.converse(piece)
                except ConversationFailed as failure:
                    piece = inquiry.throw(failure)
                else:
                    piece = inquiry.send(result)
        except StopIteration as end:
            whole: T = end.value
            return whole

    def outcome(self, inquiry: Generator[Generator[Transmission, Reply, Any], Any, T]) -> T | ProtocolError:
        """The same, or the error of ours that it ended in."""
        try:
            return self.inquire(inquiry)
        except ProtocolError as failure:
            return failure
