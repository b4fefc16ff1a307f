"""The DALI SCI2 RS232 interface as a driver: frames out one at a time, answers bound to their own query.

The interface holds one command, numbers nothing and takes no priority. So, as with every such product: only one command
is ever under way; what comes before its frame can have ended is no answer to it; and whenever an answer is missing the
driver waits until nothing can be owed any more, asks the interface to identify itself, and drops all that comes before.
"""

from drivers.dali.link import COMPARES, Link, unpowered
from drivers.dali.settling import SETTLE_S
from drivers.errors import BusBusy, InterfaceSilent
from protocols.dali.frames import ANSWER_FROM_S, BACKWARD_FRAME_S, COLLISION, NO_ANSWER, Reply
from protocols.dali_interfaces import sci2 as wire
from protocols.dali_interfaces.sci2 import Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from protocols.dali.frames import Transmission

ANSWER_TIMEOUT_S = 0.1
"""After this the interface owes nothing more for a command; the longest takes half of it."""
IDENTITY_WITHIN_S = 0.5
WINDOW_AFTER_NO_S = 0.0165
"""The interface says NO 10 ms after the frame; an answer that began up to 2.4 ms later is in by then."""
QUIET_AFTER_FRAME_S = 0.065
"""Gear that answer up to 40 ms too late have done so by now, from the end of the query. A driver that sent its next
query earlier would take that answer for the next gear's."""
PAIR_S = 0.095
"""Gear take two frames as a pair up to here; where the second one was held up for longer, the pair begins again."""
SENDS = 4
"""Tries in all for a frame that collides with another master's."""
ASK_SETTLE_S = SETTLE_S[5]


class Sci2(Link):
    """One interface with its one bus; the promises are drivers.interfaces.DaliInterface's. The datasheet's layout."""

    PRODUCT = "DALI SCI2 interface"
    BAUD = wire.BAUD
    LINES = wire.LINES
    ASK_IDLE_AFTER_S = 1.0
    LAYOUT = wire.DATASHEET

    _in_doubt = True
    _awaited: "tuple[str, ...]" = ()
    _message: "Message | None" = None
    _frame_ends = 0.0
    _last_edge = 0.0
    _quiet_until = 0.0
    late_answers = 0

    async def wait_settled(self, channel: int, priority: int) -> None:
        """The interface takes no priority: the host waits, less the time that a command takes on the wire."""
        await self._settle(SETTLE_S[priority])

    async def transmit(self, channel: int, transmission: "Transmission", priority: int) -> Reply:
        """As drivers.interfaces.DaliInterface says; this product has one bus."""
        content = wire.encode(transmission, self.LAYOUT)
        async with self._one_at_a_time:
            self._refuse_unpowered(channel)
            if transmission.twice and not self.LAYOUT.flags_twice:
                return await self._send_pair(channel, transmission, content, priority)
            for _ in range(SENDS):
                message = await self._send(channel, transmission, content, SETTLE_S[priority])
                if message.kind == Message.REPLY:
                    reply: Reply = message.content
                    return reply
            raise _busy(channel)

    async def _send_pair(self, channel: int, transmission: "Transmission", content: bytes, priority: int) -> Reply:
        """Twice within 100 ms, which this model leaves to the host."""
        first: "float | None" = None
        for _ in range(2 * SENDS):
            message = await self._send(channel, transmission, content, SETTLE_S[1 if first else priority])
            if message.kind != Message.REPLY:
                continue
            if first is not None and self._last_edge - first <= PAIR_S:
                return NO_ANSWER
            first = self._last_edge
        raise _busy(channel)

    async def _send(self, channel: int, transmission: "Transmission", content: bytes, settle_s: float) -> Message:
        """What came of one frame: a REPLY, or NOT_SENT. Raises BusUnpowered, InterfaceSilent, PortUnavailable."""
        if self._in_doubt and self._transport is not None:
            await self._fence()
        await self._settle(settle_s)
        self._frame_ends = self._clock.monotonic() + wire.MESSAGE_S + transmission.frame.duration_s
        if transmission.twice and self.LAYOUT.flags_twice:
            self._frame_ends += SETTLE_S[1] + transmission.frame.duration_s
        message = await self._exchange(content, _OUTCOMES, ANSWER_TIMEOUT_S)
        if message.kind == Message.NO_VOLTAGE:
            raise unpowered(channel)
        if message.kind == Message.NOT_UNDERSTOOD:
            raise InterfaceSilent("this DALI SCI2 does not understand the driver: name its other model in the board")
        if message.content == COLLISION and not self.LAYOUT.tells_collision:
            message = self._answer_or_collision(transmission, message)
        if message.content == NO_ANSWER and transmission.answer:
            message = await self._answer_after_no(transmission, message)
        return message

    def _answer_or_collision(self, transmission: "Transmission", message: Message) -> Message:
        """This model has one error for a broken answer and for a frame that collided, which comes sooner."""
        soonest = self._frame_ends + ANSWER_FROM_S + wire.MESSAGE_S
        if transmission.answer and self._clock.monotonic() >= soonest:
            return message
        self._in_doubt = True  # or it spoke of something else on the bus, and the frame is still under way
        return Message(Message.NOT_SENT, None)

    async def _answer_after_no(self, transmission: "Transmission", no: Message) -> Message:
        """The answer that began after the interface's NO and still in time; or NO, and then quiet for late gear."""
        edge = self._last_edge
        self._listen((Message.REPLY,))
        try:
            await self._until(lambda: self._message is not None, WINDOW_AFTER_NO_S)
        except InterfaceSilent:
            if transmission.frame not in COMPARES:
                self._quiet_until = edge + QUIET_AFTER_FRAME_S
            self._in_doubt = False
            return no
        finally:
            self._awaited = ()
        self._in_doubt = False
        return self._message or no

    async def _settle(self, seconds: float) -> None:
        ready = max(self._last_edge + seconds - wire.MESSAGE_S, self._quiet_until)
        await self._clock.sleep(ready - self._clock.monotonic())

    async def _greet(self) -> None:
        self._reader = wire.MessageReader()
        await self._fence()

    async def _ask_power(self, channel: int) -> None:
        if self._in_doubt:
            await self._fence()
        await self._settle(ASK_SETTLE_S)
        # A bus without voltage is known only by a frame that cannot go out.
        self._frame_ends = self._clock.monotonic() + wire.MESSAGE_S + wire.PROBE_S
        message = await self._exchange(wire.PROBE, _OUTCOMES, ANSWER_TIMEOUT_S)
        self._note_power(channel, message.kind != Message.NO_VOLTAGE)

    async def _fence(self) -> None:
        """After this, no message that was still under way can be taken for an answer."""
        # What the interface answers by itself may overtake a command that is still on the bus.
        await self._clock.sleep(self._written_at + ANSWER_TIMEOUT_S - self._clock.monotonic())
        await self._or_lose(self._ask_identity)

    async def _ask_identity(self) -> None:
        self._reader.drop_rest()
        await self._ask(Message.IDENTITY, wire.QUERY_IDENTITY, IDENTITY_WITHIN_S)
        self._in_doubt = False

    async def _exchange(self, content: bytes, awaited: "tuple[str, ...]", timeout_s: float) -> Message:
        self._reader.drop_rest()
        self._listen(awaited)
        try:
            self._write(content)
            await self._until(lambda: self._message is not None, timeout_s)
        finally:
            self._awaited = ()
        message = self._message
        assert message is not None
        self._in_doubt = False
        return message

    def _listen(self, awaited: "tuple[str, ...]") -> None:
        """From now on the next message of these kinds is awaited; until it is here, one may be owed."""
        self._message = None
        self._awaited = awaited
        self._in_doubt = True

    def _received(self, content: bytes) -> None:
        now = self._clock.monotonic()
        for message in self._reader.feed(content):
            if message.kind == Message.IDENTITY:
                self._owed.replied(Message.IDENTITY, now)
                self._arrived.set()
            elif message.kind == Message.NO_VOLTAGE:
                self._note_power(self._channels[0], False)
            elif message.kind in (Message.REPLY, Message.NOT_SENT, Message.FOREIGN):
                self._last_edge = max(self._last_edge, now - _age_of_last_edge(message))
            if message.kind == Message.FOREIGN and self._foreign is not None:
                self._foreign(self._channels[0], message.content)
            if message.kind in self._awaited and self._in_time(message, now):
                self._message = message
                self._awaited = ()
                self._arrived.set()
            elif message.kind == Message.REPLY and message.content != NO_ANSWER:
                self.late_answers += 1

    def _in_time(self, message: Message, now: float) -> bool:
        if message.kind != Message.REPLY or message.content == COLLISION:
            return True
        earliest = self._frame_ends + ANSWER_FROM_S
        if message.content != NO_ANSWER:
            earliest += BACKWARD_FRAME_S
        return bool(now >= earliest)


class Sci2Newer(Sci2):
    """The newer models: send-twice is a flag, 24-bit frames, and an error of its own for a frame that collided."""

    LAYOUT = wire.NEWER


_OUTCOMES = (Message.REPLY, Message.NOT_SENT, Message.NO_VOLTAGE, Message.NOT_UNDERSTOOD)


def _busy(channel: int) -> BusBusy:
    return BusBusy("another master collides with every frame on DALI bus %d: there must be only one" % channel)


def _age_of_last_edge(message: Message) -> float:
    """How long ago the bus was last busy, when this message has just arrived."""
    if message.content == NO_ANSWER:
        return wire.NO_ANSWER_AFTER_S + wire.MESSAGE_S
    if message.kind == Message.NOT_SENT:
        return wire.MESSAGE_S  # what it collided with may have gone on until now
    return wire.STOP_CONDITION_S + wire.MESSAGE_S
