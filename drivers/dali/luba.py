"""Lunatone's LUBA interfaces (RS232 and USB) as a driver: frames out, answers bound to the frame's own `sent` event.

The interface settles the bus by itself, numbers each frame, and says everything in order with the tick of its clock. So
an answer belongs to a query when it follows the `sent` event with the query's number, and its tick lies in the backward
frame's window after that event's. That there was none is proved, not guessed: a status that the interface gives after
the window (by its own tick) comes after all that it had to say before.
"""

from drivers.dali.link import COMPARES, Link, unpowered
from drivers.errors import BusBusy, DriverError, InterfaceSilent
from protocols.dali.frames import ANSWER_FROM_S, BACKWARD_FRAME_S, COLLISION, NO_ANSWER, Reply, answered
from protocols.dali_interfaces import luba as wire
from protocols.dali_interfaces.luba import Accepted, Descriptor, Received, Refusal, Refused, Sent, Settings, Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from protocols.dali.frames import Transmission

TAKEN_WITHIN_S = 0.25
"""The interface says within milliseconds that it has taken a frame; USB and a busy host may add to it."""
REPLY_WITHIN_S = 0.5
"""A question may take longer: after a second one without a reply the port counts as lost."""
SENT_WITHIN_S = 1.0
"""A frame that has not gone out by now meets other masters' each time."""
FULL_AGAIN_AFTER_S = 0.05
FULL_TRIES = 20
ANSWER_TICKS = round((ANSWER_FROM_S + BACKWARD_FRAME_S) / wire.TICK_S) - 2
"""From the tick of `sent` to that of the answer, at least; both are told at the end of their frames."""
LAST_BEGIN_S = 0.0124
"""An answer that begins later than this after the forward frame is late (IEC 62386-101 clause 8.2, receivers)."""
WINDOW_TICKS = round((LAST_BEGIN_S + BACKWARD_FRAME_S) / wire.TICK_S) + 2
"""The same, at most, with the tick's own rounding."""
PROOF_S = (WINDOW_TICKS + 0.5) * wire.TICK_S - 16 * wire.CHARACTER_S
"""From the arrival of `sent` until the status may be asked: it and the question take that much of the window."""
REST_WITHIN_S = 0.02
"""The pieces of a message come closer together than this."""
PAIR_TICKS = round(0.095 / wire.TICK_S)
"""Gear take two frames as a pair up to here; where the second one was held up for longer, the pair begins again."""
QUIET_AFTER_SENT_S = 0.065
"""Gear that answer up to 40 ms too late have done so by now, from the arrival of `sent`. A driver that sent its next
query earlier would take that answer for the next gear's."""
GIVEN_UP_AFTER_S = 0.1
"""A frame that its caller gave up is on the bus by now, where other masters let it."""
_DESCRIPTOR, _SETTINGS, _STATUS, _ADDED = "descriptor", "settings", "status", "added"
"""What the host asks for, as the replies to it are counted."""


class _Sending:
    """One frame on its way through the interface."""

    def __init__(self, channel: int, transmission: "Transmission", noise_bytes: int) -> None:
        self.channel = channel
        self.noise_bytes = noise_bytes
        self.transmission = transmission
        self.content = transmission.frame.to_bytes()
        self.number: "int | None" = None
        self.refused: "int | None" = None
        self.ticks: "list[int]" = []
        self.reply: "Reply | None" = None

    def taken_or_not(self) -> bool:
        return self.number is not None or self.refused is not None

    def gone_out(self) -> bool:
        return len(self.ticks) == (2 if self.transmission.twice else 1)

    def note_sent(self, tick: int) -> None:
        if self.ticks and wire.ticks_between(self.ticks[-1], tick) > PAIR_TICKS:
            self.ticks = []
        self.ticks.append(tick)

    def note_received(self, received: Received) -> None:
        """What comes when an answer comes is the answer."""
        after = wire.ticks_between(self.ticks[-1], received.tick)
        if self.reply is None and received.bits in (0, 8) and ANSWER_TICKS <= after <= WINDOW_TICKS:
            self.reply = answered(received.value) if received.bits else COLLISION


class Luba(Link):
    """One LUBA interface with its lines; the promises are drivers.interfaces.DaliInterface's."""

    PRODUCT = "LUBA interface"
    BAUD = wire.BAUD
    ASK_IDLE_AFTER_S = 1.0

    _sending: "_Sending | None" = None
    _status: "Status | None" = None
    _descriptor: "Descriptor | None" = None
    _in_doubt = True
    _quiet_until = 0.0
    _sent_at = 0.0
    late_answers = 0

    async def wait_settled(self, channel: int, priority: int) -> None:
        """At once: the interface has the priority with the frame, and settles the bus itself."""

    async def transmit(self, channel: int, transmission: "Transmission", priority: int) -> Reply:
        """As drivers.interfaces.DaliInterface says, for line 1-4."""
        content = wire.encode(channel, transmission, priority)
        async with self._one_at_a_time:
            self._refuse_unpowered(channel)
            if self._in_doubt and self._transport is not None:
                await self._fence(channel)
            await self._clock.sleep(self._quiet_until - self._clock.monotonic())
            self._in_doubt = True
            try:
                reply = await self._transmit(channel, transmission, content)
            finally:
                self._sending = None
            self._in_doubt = False
            return reply

    async def _transmit(self, channel: int, transmission: "Transmission", content: bytes) -> Reply:
        sending = await self._hand_over(channel, transmission, content)
        try:
            await self._until(sending.gone_out, SENT_WITHIN_S)
        except InterfaceSilent:
            raise await self._why_not_sent(channel)
        if not transmission.answer:
            return NO_ANSWER
        try:
            await self._until(lambda: sending.reply is not None, self._sent_at + PROOF_S - self._clock.monotonic())
        except InterfaceSilent:
            await self._prove_silence(sending)
        if sending.reply is not None:
            return sending.reply
        if transmission.frame not in COMPARES:
            self._quiet_until = self._sent_at + QUIET_AFTER_SENT_S
        return NO_ANSWER

    async def _hand_over(self, channel: int, transmission: "Transmission", content: bytes) -> _Sending:
        for _ in range(FULL_TRIES):
            self._put(_ADDED, content)
            sending = self._sending = _Sending(channel, transmission, self._reader.noise_bytes)
            await self._until(sending.taken_or_not, TAKEN_WITHIN_S)
            if sending.refused is None:
                return sending
            if sending.refused == Refusal.BUS_VOLTAGE:
                self._in_doubt = False
                self._note_power(channel, False)
                raise unpowered(channel)
            if sending.refused != Refusal.BUFFER_FULL:
                raise BusBusy(
                    "the LUBA interface refuses frames for DALI bus %d (reason %d): see that nobody else uses it"
                    % (channel, sending.refused)
                )
            await self._clock.sleep(FULL_AGAIN_AFTER_S)
        raise BusBusy("the LUBA interface has no room for a frame for DALI bus %d: see who else uses it" % channel)

    async def _prove_silence(self, sending: _Sending) -> None:
        """Returns once the answer is there, or the interface has said something later than any answer could be.

        Raises InterfaceSilent where something came broken in between: that may have been the answer.
        """
        missing = 1
        while missing > 0:
            if self._reader.has_begun and not await self._rest_of_answer(sending):
                self._heard(self._reader.drop_rest())
            if sending.reply is not None:
                return
            status = await self._ask_status(sending.channel)
            missing = WINDOW_TICKS - wire.ticks_between(sending.ticks[-1], status.tick)
            await self._clock.sleep(missing * wire.TICK_S)
        if sending.reply is None and self._reader.noise_bytes != sending.noise_bytes:
            raise InterfaceSilent("the LUBA interface said something that came broken: check its cable")

    async def _rest_of_answer(self, sending: _Sending) -> bool:
        try:
            await self._until(lambda: sending.reply is not None, REST_WITHIN_S)
        except InterfaceSilent:
            return False
        return True

    async def _why_not_sent(self, channel: int) -> DriverError:
        status = await self._ask_status(channel)
        if not status.powered:
            return unpowered(channel)
        if status.entries:
            return BusBusy("another master keeps DALI bus %d busy: there must be only one" % channel)
        return InterfaceSilent("the LUBA interface did not say that a frame was sent: check its cable")

    async def _greet(self) -> None:
        self._in_doubt = True
        self._reader = wire.MessageReader()
        await self._or_lose(self._set_up)

    async def _set_up(self) -> None:
        self._heard(self._reader.drop_rest())
        await self._ask(_DESCRIPTOR, wire.query_descriptor(), REPLY_WITHIN_S)
        assert self._descriptor is not None
        await self._ask(_SETTINGS, wire.set_up(self._descriptor.has_supply), REPLY_WITHIN_S)

    async def _ask_power(self, channel: int) -> None:
        if self._in_doubt:
            await self._fence(channel)
        else:
            await self._ask_status(channel)

    async def _ask_status(self, channel: int) -> Status:
        await self._ask(_STATUS, wire.query_status(channel), REPLY_WITHIN_S)
        status = self._status
        assert status is not None
        return status

    async def _fence(self, channel: int) -> None:
        """After this nothing is under way: no frame whose caller gave up, no answer to one, no part of a message."""

        async def ask() -> Status:
            self._heard(self._reader.drop_rest())
            return await self._ask_status(channel)

        await self._clock.sleep(self._written_at + GIVEN_UP_AFTER_S - self._clock.monotonic())
        for _ in range(FULL_TRIES):
            status = await self._or_lose(ask)
            if not status.entries or not status.powered:
                self._in_doubt = False
                return
            await self._clock.sleep(FULL_AGAIN_AFTER_S)
        raise BusBusy("another master keeps DALI bus %d busy: there must be only one" % channel)

    def _received(self, content: bytes) -> None:
        self._heard(self._reader.feed(content))
        self._arrived.set()

    def _heard(self, messages: "list[object]") -> None:
        for message in messages:
            if isinstance(message, Sent):
                self._note_sent(message)
            elif isinstance(message, Received):
                self._note_received(message)
            else:
                self._note_reply(message, self._clock.monotonic())

    def _note_reply(self, message: object, now: float) -> None:
        if isinstance(message, Status):
            self._owed.replied(_STATUS, now)
            self._status = message
            self._note_power(message.channel, message.powered)
        elif isinstance(message, Descriptor):
            self._owed.replied(_DESCRIPTOR, now)
            self._descriptor = message
        elif isinstance(message, Settings):
            self._owed.replied(_SETTINGS, now)
        elif self._owed.replied(_ADDED, now) and self._sending is not None:
            if isinstance(message, Accepted):
                self._sending.number = message.number
            elif isinstance(message, Refused):
                self._sending.refused = message.reason

    def _note_sent(self, sent: Sent) -> None:
        self._sent_at = self._clock.monotonic()
        sending = self._sending
        if sending is not None and sent.number == sending.number and sent.content == sending.content:
            sending.note_sent(sent.tick)
        else:
            # A frame whose caller gave up: it may be a query, and its answer late.
            self._quiet_until = max(self._quiet_until, self._sent_at + QUIET_AFTER_SENT_S)

    def _note_received(self, received: Received) -> None:
        sending = self._sending
        if sending is not None and sending.ticks and received.channel == sending.channel:
            sending.note_received(received)
        elif received.bits == 8:
            self.late_answers += 1
        frame = received.forward_frame
        if frame is not None and self._foreign is not None:
            self._foreign(received.channel, frame)
