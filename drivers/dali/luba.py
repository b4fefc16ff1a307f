"""Lunatone's LUBA interfaces (RS232 and USB) as a driver: see by_clock.py for what binds an answer to its query.

The interface has a queue, settles the bus, tries a frame that collided again, and repeats a pair that took too long,
all by itself. It numbers each frame that it takes, and tells the tick at which each frame ended.

    host   add frame                                                         query status (tick?)
    LUBA             taken, number | sent, number, tick | received, tick |                        status, tick
                     refused, why                        <- WINDOW_TICKS ->

It does not say that nothing has answered. That is proved: a status of a tick after the window comes after all that the
interface had to say before.
"""

from drivers.dali.by_clock import ByClock, TimedFrame
from drivers.dali.link import unpowered
from drivers.dali.sender import NOT_SENT, PAIR_S, QUEUE_AGAIN_S, QUEUE_TRIES
from drivers.dali.settling import SETTLE_S
from drivers.errors import BusBusy, DriverError, InterfaceSilent
from protocols.dali.frames import ANSWER_FROM_S, BACKWARD_FRAME_S, COLLISION, NO_ANSWER, answered
from protocols.dali_interfaces import luba as wire
from protocols.dali_interfaces.luba import Accepted, Descriptor, Received, Refusal, Refused, Sent, Settings, Status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from drivers.interfaces import Outcome
    from protocols.dali.frames import ForwardFrame, Transmission

TAKEN_WITHIN_S = 0.25
"""The interface says within milliseconds that it has taken a frame; USB and a busy host may add to it."""
SENT_WITHIN_S = 1.0
"""A frame that has not gone out by now meets other masters' each time."""
LAST_BEGIN_S = 0.0124
"""An answer that begins later than this after the forward frame is late (IEC 62386-101 clause 8.2, receivers)."""
WINDOW_TICKS = (
    round((ANSWER_FROM_S + BACKWARD_FRAME_S) / wire.TICK_S) - 2,
    round((LAST_BEGIN_S + BACKWARD_FRAME_S) / wire.TICK_S) + 2,
)
"""From the tick of `sent` to that of the answer, with the ticks' own rounding; both are those of the frames' ends."""
PROOF_S = (WINDOW_TICKS[1] + 0.5) * wire.TICK_S - 16 * wire.CHARACTER_S
"""From the arrival of `sent` until the status may be asked: it and the question take that much of the window."""
REST_WITHIN_S = 0.02
"""The pieces of a message come closer together than this."""
PAIR_TICKS = round(PAIR_S / wire.TICK_S)
_DESCRIPTOR, _SETTINGS, _STATUS, _ADDED = "descriptor", "settings", "status", "added"
"""What the host asks for, as the replies to it are counted."""


class _Sending(TimedFrame):
    number: "int | None" = None
    refused: "int | None" = None
    noise_bytes = 0
    """What the line had garbled when the frame was handed over."""

    def taken_or_not(self) -> bool:
        return self.number is not None or self.refused is not None

    def note_sent(self, tick: int) -> None:
        if self.sent_at and self.since_sent(tick) > PAIR_TICKS:
            self.sent_at = []  # the interface begins the pair again
        self.sent_at.append(tick)


class Luba(ByClock):
    """One LUBA interface with its lines 1-4; the promises are drivers.interfaces.DaliInterface's."""

    PRODUCT = "LUBA interface"
    BAUD = wire.BAUD
    READER = wire.MessageReader
    HAND_OVER_S = SETTLE_S[5]  # at once: the interface has the priority with the frame
    ASK_IDLE_AFTER_S = 1.0
    CLOCK_TICKS = wire.TICKS
    SENDING = _Sending
    SENDS = QUEUE_TRIES

    reader: wire.MessageReader
    _status: "Status | None" = None
    _descriptor: "Descriptor | None" = None

    async def greet(self) -> None:
        self.reader = self.READER()
        self.in_doubt = True
        await self.or_lose(self._set_up)

    async def _set_up(self) -> None:
        self.drop_rest()
        await self.ask(_DESCRIPTOR, wire.query_descriptor())
        assert self._descriptor is not None
        await self.ask(_SETTINGS, wire.set_up(self._descriptor.has_supply))

    def encode(self, channel: int, transmission: "Transmission", priority: int) -> bytes:
        return wire.encode(channel, transmission, priority)

    def window(self, frame: "ForwardFrame") -> "tuple[float, float]":
        return WINDOW_TICKS

    async def carry(self, sending: _Sending, content: bytes) -> "Outcome":
        sending.noise_bytes = self.reader.noise_bytes
        self.put(_ADDED, content)
        await self.until(sending.taken_or_not, TAKEN_WITHIN_S)
        if sending.refused is not None:
            return await self._refuse(sending.channel, sending.refused)
        if not await self.comes(sending.gone_out, SENT_WITHIN_S):
            raise await self._why_not_sent(sending.channel)
        proof_at = self.last_edge(sending.channel) + PROOF_S
        if not await self.comes(sending.over, proof_at - self.clock.monotonic()):
            await self._prove_silence(sending)
        self.in_doubt = False
        return sending.reply or NO_ANSWER

    async def _refuse(self, channel: int, reason: int) -> "Outcome":
        if reason == Refusal.BUFFER_FULL:
            self.in_doubt = False
            await self.clock.sleep(QUEUE_AGAIN_S)
            return NOT_SENT
        if reason == Refusal.BUS_VOLTAGE:
            self.in_doubt = False
            self.note_power(channel, False)
            raise unpowered(channel)
        raise BusBusy(
            "the LUBA interface refuses frames for DALI bus %d (reason %d): see that nobody else uses it"
            % (channel, reason)
        )

    def failure(self, channel: int, content: bytes) -> DriverError:
        return BusBusy("the LUBA interface has no room for a frame for DALI bus %d: see who else uses it" % channel)

    async def _why_not_sent(self, channel: int) -> DriverError:
        status = await self._ask_status(channel)
        if not status.powered:
            return unpowered(channel)
        if status.entries:
            return BusBusy("another master keeps DALI bus %d busy: there must be only one" % channel)
        return InterfaceSilent("the LUBA interface did not say that a frame was sent: check its cable")

    async def _prove_silence(self, sending: _Sending) -> None:
        """Returns once the answer is there, or the interface has said something later than any answer could be.

        Raises InterfaceSilent where something came broken in between: that may have been the answer.
        """
        missing = 1
        while missing > 0:
            if self.reader.has_begun and not await self.comes(sending.over, REST_WITHIN_S):
                self.drop_rest()
            if sending.over():
                return
            status = await self._ask_status(sending.channel)
            missing = WINDOW_TICKS[1] - sending.since_sent(status.tick)
            await self.clock.sleep(missing * wire.TICK_S)
        if not sending.over() and self.reader.noise_bytes != sending.noise_bytes:
            raise InterfaceSilent("the LUBA interface said something that came broken: check its cable")

    async def identify(self, channel: int) -> bool:
        self.drop_rest()
        status = await self._ask_status(channel)
        return not (status.entries and status.powered)

    async def ask_power(self, channel: int) -> None:
        if self.in_doubt:
            await self.clear_doubt(channel)  # which asks for the status
        else:
            await self._ask_status(channel)

    async def _ask_status(self, channel: int) -> Status:
        await self.ask(_STATUS, wire.query_status(channel))
        assert self._status is not None
        return self._status

    def drop_rest(self) -> None:
        for message in self.reader.drop_rest():
            self.take(message, self.clock.monotonic())

    def take(self, message: object, now: float) -> None:
        sending = self.sending
        if isinstance(message, Sent):
            self.hear_edge(message.channel, now)
            if sending is not None and message.number == sending.number and message.content == sending.frame.to_bytes():
                sending.note_sent(message.tick)
            else:
                self.keep_quiet(message.channel)  # its caller gave up: it may be a query, and its answer late
        elif isinstance(message, Received):
            if message.bits in (0, 8):
                reply = answered(message.value) if message.bits else COLLISION
                self.hear_backward(message.channel, reply, message.tick)
            elif message.forward_frame is not None:
                self.hear_foreign(message.channel, message.forward_frame)
        elif isinstance(message, Status):
            self.replied(_STATUS)
            self._status = message
            self.note_power(message.channel, message.powered)
        elif isinstance(message, Descriptor):
            self.replied(_DESCRIPTOR)
            self._descriptor = message
        elif isinstance(message, Settings):
            self.replied(_SETTINGS)
        elif self.replied(_ADDED) and sending is not None:
            if isinstance(message, Accepted):
                sending.number = message.number
            elif isinstance(message, Refused):
                sending.refused = message.reason
