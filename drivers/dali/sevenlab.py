"""SevenLab's open DALI USB interface as a driver: see by_clock.py for what binds an answer to its query.

It settles the bus by itself and reports each frame with the millisecond in which it began. It also reports that nothing
has answered a query; but whatever begins on the bus ends its own wait, and then it does not.

    host   Q2 10 3A0\\r
    report             >10 (our frame) | :08 (answer) or :81 (timeout), or another frame: no answer is reported any more

What a missing report means is asked, not guessed: where the interface, asked what it is, has not reported even a frame
that does nothing, the bus has no voltage.
"""

from drivers.dali.by_clock import ByClock, TimedFrame
from drivers.dali.link import unpowered
from drivers.dali.sender import IDENTITY, NOT_SENT, PAIR_S, PING
from drivers.errors import BusBusy, DriverError, InterfaceSilent
from protocols.dali.frames import ANSWER_FROM_S, COLLISION, NO_ANSWER, answered
from protocols.dali_interfaces import sevenlab as wire
from protocols.dali_interfaces.sevenlab import Report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from drivers.interfaces import Outcome
    from protocols.dali.frames import ForwardFrame, Transmission

PAIR_MS = round(PAIR_S * 1000)
TICK_MS = 1.0
"""What two times of the interface's clock may be wrong by against each other."""


class _Sending(TimedFrame):
    spoilt = 0
    """So many of its frames met another master's."""
    refused: "int | None" = None
    """The code with which the command was refused."""
    foreign = 0
    """So many frames of other masters were reported meanwhile."""
    parted = False
    """Whether one of them came between the two of a pair."""
    heard = False
    """Whether anything was reported meanwhile: the bus carries frames."""

    def over(self) -> bool:
        sent = len(self.sent_at) + self.spoilt == self.frames
        return self.refused is not None or (sent and (not self.answer or bool(self.spoilt) or self.reply is not None))

    def well(self) -> bool:
        """Whether it went out as it should."""
        if self.refused is not None or self.spoilt or self.parted:
            return False
        return self.frames == 1 or 0 <= -self.since_sent(self.sent_at[0]) <= PAIR_MS


class SevenLab(ByClock):
    """One interface with its one bus, on whichever channel it is given."""

    PRODUCT = "SevenLab DALI interface"
    BAUD = wire.BAUD
    READER = wire.ReportReader
    IDENTIFY = wire.QUERY_INFORMATION
    OWED_S = 0.25  # however many frames of other masters went first
    HAND_OVER_S = 0.005
    CLOCK_TICKS = 1 << 32
    SENDING = _Sending

    noise_reports = 0
    _refused: "int | None" = None

    def encode(self, channel: int, transmission: "Transmission", priority: int) -> bytes:
        return wire.encode(transmission, priority)

    def window(self, frame: "ForwardFrame") -> "tuple[float, float]":
        ended_ms = frame.duration_s * 1000
        return (
            ended_ms + ANSWER_FROM_S * 1000 - TICK_MS,
            ended_ms + wire.LAST_ANSWER_BEGIN_S * 1000 + TICK_MS,
        )

    async def carry(self, sending: _Sending, content: bytes) -> "Outcome":
        channel = sending.channel
        self.write(content)
        if not await self.comes(lambda: sending.over() or channel in self.without_voltage, self.OWED_S):
            await self.or_lose(lambda: self.identify(channel))
            if not sending.over() and not sending.spoilt:
                await self._explain(sending)
        if not sending.over() and not sending.spoilt:
            raise unpowered(channel)
        # Refused for a full queue: what is in it goes out first.
        self._refused = sending.refused
        self.in_doubt = sending.refused is not None
        return (sending.reply or NO_ANSWER) if sending.well() else NOT_SENT

    async def _explain(self, sending: _Sending) -> None:
        """Raises what became of a transmission that the interface has not reported."""
        self.in_doubt = False
        if sending.foreign and not sending.sent_at:
            raise BusBusy("other masters on DALI bus %d leave no gap for a frame" % sending.channel)
        await self.ask_bus(sending.channel)
        self.refuse_unpowered(sending.channel)
        raise InterfaceSilent("what the %s said of a frame was lost on its line: check its cable" % self.PRODUCT)

    def failure(self, channel: int, content: bytes) -> DriverError:
        if self._refused is None:
            return super().failure(channel, content)
        command = content.decode().strip()
        return InterfaceSilent("the %s refuses %r (%02X)" % (self.PRODUCT, command, self._refused))

    def drop_rest(self) -> None:
        if self.reader.drop_rest() and self.sending is not None:
            self.sending.heard = True

    async def ask_bus(self, channel: int) -> None:
        sending = self.begin(channel, PING)
        try:
            self.write(wire.encode(PING, 1))
            if not await self.comes(lambda: sending.heard, self.OWED_S):
                await self.or_lose(lambda: self.identify(channel))
        finally:
            self.sending = None
        self.in_doubt = False
        self.note_power(channel, sending.heard)

    def take(self, report: Report, now: float) -> None:
        channel, sending = self.channels[0], self.sending
        if report.kind == Report.VERSION:
            self.replied(IDENTITY)
        if report.kind in (Report.VERSION, Report.HEADING):
            return
        if report.kind == Report.NOISE:
            self.noise_reports += 1
        elif report.kind in (Report.FRAME, Report.BACKWARD, Report.BAD_TIMING):
            self.hear_edge(channel, now - wire.STOP_CONDITION_S - wire.RECORD_LENGTH * wire.CHARACTER_S)
        if report.kind == Report.FRAME and not report.own:
            self.hear_foreign(channel, report.content)
        if report.kind == Report.RECOVERED:
            self.note_power(channel, False)
            self.note_power(channel, True)
        elif report.kind == Report.FAILURE:
            # A timeout of which one bit was changed on the line says the same, but of a moment that we wait for.
            if sending is None or not _has_ended(sending, report.at_ms):
                self.note_power(channel, False)
        elif sending is None or not report.own:
            self._take_other(sending, report)
        else:
            sending.heard = True
            if report.kind == Report.FRAME and report.content == sending.frame:
                sending.sent_at.append(report.at_ms)
            elif report.kind in (Report.BAD_TIMING, Report.COLLISION, Report.EARLY):
                sending.spoilt += 1

    def _take_other(self, sending: "_Sending | None", report: Report) -> None:
        if sending is not None:
            sending.heard = True
            if report.kind == Report.REFUSED:
                sending.refused = report.content
            elif report.kind == Report.FRAME:
                sending.foreign += 1
                sending.parted = sending.parted or (sending.frames == 2 and len(sending.sent_at) == 1)
        if report.kind in (Report.BACKWARD, Report.BAD_TIMING, Report.EARLY):
            reply = answered(report.content) if report.kind == Report.BACKWARD else COLLISION
            if self.hear_backward(self.channels[0], reply, report.at_ms):
                return
        ends_wait = report.kind in (Report.BACKWARD, Report.FRAME, Report.TIMEOUT)
        if ends_wait and sending is not None and _has_ended(sending, report.at_ms):
            sending.reply = NO_ANSWER


def _has_ended(sending: _Sending, at_ms: int) -> bool:
    """Whether the query had ended at this time, and no answer has come to it yet."""
    return sending.awaits_answer() and sending.since_sent(at_ms) >= sending.frame.duration_s * 1000 - TICK_MS
