"""The DALI SCI2 RS232 interface as a driver: see by_arrival.py for what binds an answer to its query.

The interface holds one command, numbers nothing and takes no priority. It says NO before the answer's window has ended,
so an answer may follow:

    bus     |  query  |        10 ms         |  answer, begun in 10.0 to 12.4 ms  |
    SCI2                                 NO -+                            answer -+ within WINDOW_AFTER_NO_S

The datasheet's model leaves pairs to the host, and has one error for a broken answer and for a frame that collided,
which comes sooner. What the host knows of a bus without voltage it knows by a frame that cannot go out.
"""

from drivers.dali.by_arrival import ByArrival
from drivers.dali.sender import IDENTITY, NOT_SENT, PING
from drivers.dali.settling import SETTLE_S
from drivers.errors import BusUnpowered, InterfaceSilent
from protocols.dali.frames import ANSWER_FROM_S, COLLISION, NO_ANSWER
from protocols.dali_interfaces import sci2 as wire
from protocols.dali_interfaces.sci2 import Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from drivers.interfaces import Outcome
    from protocols.dali.frames import Transmission

WINDOW_AFTER_NO_S = 0.0165
"""An answer that began up to 2.4 ms after the interface's NO is in by then."""


class Sci2(ByArrival):
    """One interface with its one bus; the promises are drivers.interfaces.DaliInterface's. The datasheet's layout."""

    PRODUCT = "DALI SCI2 interface"
    BAUD = wire.BAUD
    LINES = wire.LINES
    READER = wire.MessageReader
    IDENTIFY = wire.QUERY_IDENTITY
    HAND_OVER_S = wire.MESSAGE_S
    ASK_IDLE_AFTER_S = 1.0
    LAYOUT = wire.DATASHEET

    def encode(self, channel: int, transmission: "Transmission", priority: int) -> bytes:
        return wire.encode(transmission, self.LAYOUT)

    def makes_pair(self, transmission: "Transmission") -> bool:
        return bool(self.LAYOUT.flags_twice)

    def told_after_s(self, transmission: "Transmission") -> float:
        frame_s = float(transmission.frame.duration_s)
        if transmission.twice and self.LAYOUT.flags_twice:
            return frame_s + SETTLE_S[1] + frame_s
        return frame_s

    async def send(self, channel: int, transmission: "Transmission", content: bytes) -> "Outcome":
        self.drop_rest()  # there is no start mark: what a lost byte has left would spoil the next message
        outcome = await self.exchange(channel, transmission, content)
        if outcome == NO_ANSWER and transmission.answer:
            return await self.listen_on(channel, WINDOW_AFTER_NO_S) or outcome
        return outcome

    async def ask_bus(self, channel: int) -> None:
        await self.settle(channel, wire.PROBE, 5)
        try:
            await self.send(channel, PING, wire.PROBE)
        except BusUnpowered:
            return
        self.note_power(channel, True)

    def take(self, message: Message, now: float) -> None:
        channel = self.channels[0]
        if message.kind == Message.IDENTITY:
            self.replied(IDENTITY)
        elif message.kind == Message.NO_VOLTAGE:
            self.hear_no_voltage(channel, now)
        elif message.kind == Message.NOT_UNDERSTOOD:
            self.hear(channel, InterfaceSilent(WRONG_MODEL), now)
        else:
            self.hear_edge(channel, now - _age_of_last_edge(message))
            if message.kind == Message.FOREIGN:
                self.hear_foreign(channel, message.content)
            elif message.kind == Message.NOT_SENT:
                self.hear(channel, NOT_SENT, now)
            elif message.content == COLLISION and not self._is_broken_answer(now):
                self.hear(channel, NOT_SENT, now, more_to_come=True)  # or it spoke of something else on the bus
            else:
                self.hear(channel, message.content, now)

    def _is_broken_answer(self, now: float) -> bool:
        """Whether an error that may mean a collided frame too is a garbled answer to the query."""
        if self.LAYOUT.tells_collision or self.awaited is None:
            return True
        return self.awaited.answer and now >= self.awaited.ends_at + ANSWER_FROM_S + wire.MESSAGE_S


class Sci2Newer(Sci2):
    """The newer models: send-twice is a flag, 24-bit frames, and an error of its own for a frame that collided."""

    LAYOUT = wire.NEWER


WRONG_MODEL = "this DALI SCI2 does not understand the driver: name its other model in the board"


def _age_of_last_edge(message: Message) -> float:
    """How long ago the bus was last busy, when this message has just arrived."""
    if message.content == NO_ANSWER:
        return wire.NO_ANSWER_AFTER_S + wire.MESSAGE_S
    if message.kind == Message.NOT_SENT:
        return wire.MESSAGE_S  # what it collided with may have gone on until now
    return wire.STOP_CONDITION_S + wire.MESSAGE_S
