"""SevenLab's open DALI USB interface as a driver: frames out, answers bound to their query by the interface's clock.

It settles the bus by itself and reports each frame with the millisecond in which it began. So an answer
belongs to a query when it began in the backward frame's window after the query's own report, however late either comes
over the line. What a missing report means is asked, not guessed: the interface says what it is, in order with all that
it had to say before; where it then has not reported even a frame that nobody must answer, the bus has no voltage.
"""

from drivers.dali.link import COMPARES, Link, unpowered
from drivers.dali.settling import SETTLE_S
from drivers.errors import BusBusy, InterfaceSilent
from protocols.dali import gear_commands
from protocols.dali.frames import ANSWER_FROM_S, COLLISION, NO_ANSWER, Reply, answered
from protocols.dali_interfaces import sevenlab as wire
from protocols.dali_interfaces.sevenlab import Report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from drivers.interfaces import Clock, Foreign, Listener, OpenPort
    from protocols.dali.frames import Transmission

OWED_S = 0.25
"""By now the interface has reported a frame and its answer, however many frames of other masters went first."""
INFORMATION_WITHIN_S = 0.5
HAND_OVER_S = 0.005
"""A frame is handed over this long before the bus has settled: until then a more urgent one can go first."""
QUIET_AFTER_NO_S = 0.047
"""Gear that answer too late begin up to 40 ms after their time (10 ms), and take 11 ms; that there was no answer is
said 15.9 ms after the query. A driver that sent its next query earlier would take that answer for the next gear's."""
PAIR_MS = 95
"""Gear take two frames as a pair up to here (IEC 62386-101, receivers)."""
TICK_MS = 1.0
"""What two times of the interface's clock may be wrong by against each other."""
SENDS = 4
"""Tries in all for a frame that collides with another master's, or of which the interface did not get the command."""

_PING = gear_commands.special("PING")
"""A frame that no gear acts on or answers: it shows only whether the bus carries frames."""


class _Sending:
    """One transmission on its way, with what the interface has reported of it."""

    def __init__(self, transmission: "Transmission") -> None:
        self.frame = transmission.frame
        self.answer = bool(transmission.answer)
        self.frames = 2 if transmission.twice else 1
        self.began_ms: "list[int]" = []
        self.spoilt = 0
        self.refused: "int | None" = None
        self.reply: "Reply | None" = None
        self.foreign = 0
        self.parted = False
        self.heard = False

    def over(self) -> bool:
        """Whether nothing more is to come."""
        if self.refused is not None:
            return True
        sent = len(self.began_ms) + self.spoilt == self.frames
        return sent and (not self.answer or bool(self.spoilt) or self.reply is not None)

    def well(self) -> bool:
        """Whether it went out as it should."""
        if self.refused is not None or self.spoilt or self.parted:
            return False
        return self.frames == 1 or self.began_ms[1] - self.began_ms[0] & 0xFFFFFFFF <= PAIR_MS

    def after_ms(self, at_ms: int) -> "float | None":
        """From the begin of our query to `at_ms`, where an answer is awaited and this comes after it."""
        if not self.answer or self.reply is not None or not self.began_ms:
            return None
        after = (at_ms - self.began_ms[0]) & 0xFFFFFFFF
        return after if self.frame.duration_s * 1000 - TICK_MS <= after < 0x80000000 else None

    def in_window(self, after_ms: float) -> bool:
        """Whether an answer to our query may begin then."""
        ended = self.frame.duration_s
        earliest = (ended + ANSWER_FROM_S) * 1000 - TICK_MS
        return bool(earliest <= after_ms <= (ended + wire.LAST_ANSWER_BEGIN_S) * 1000 + TICK_MS)


class SevenLab(Link):
    """One interface with its one bus, on whichever channel it is given."""

    PRODUCT = "SevenLab DALI interface"
    BAUD = wire.BAUD

    def __init__(
        self,
        open_port: "OpenPort",
        clock: "Clock",
        listener: "Listener",
        channels: "tuple[int, ...]" = (1,),
        foreign: "Foreign | None" = None,
    ) -> None:
        super().__init__(open_port, clock, listener, channels, foreign)
        self._channel = channels[0]
        self._reader = wire.ReportReader()
        self._sending: "_Sending | None" = None
        self._in_doubt = False
        self._last_edge = 0.0
        self._quiet_until = 0.0
        self.late_answers = 0
        self.noise_reports = 0

    async def wait_settled(self, channel: int, priority: int) -> None:
        """The interface settles the bus; the host holds a frame back until shortly before, for a more urgent one."""
        ready = max(self._last_edge + SETTLE_S[priority] - HAND_OVER_S, self._quiet_until)
        await self._clock.sleep(ready - self._clock.monotonic())

    async def transmit(self, channel: int, transmission: "Transmission", priority: int) -> "Reply":
        """As drivers.interfaces.DaliInterface says."""
        command = wire.encode(transmission, priority)
        async with self._one_at_a_time:
            for _ in range(SENDS):
                self._refuse_unpowered(channel)
                if self._in_doubt:
                    await self._fence()
                await self._clock.sleep(self._quiet_until - self._clock.monotonic())
                sending = await self._send(command, transmission)
                if sending.well():
                    return self._reply(sending)
        if sending.refused is not None:
            raise InterfaceSilent(
                "the %s refuses %r (%02X)" % (self.PRODUCT, command.decode().strip(), sending.refused)
            )
        raise BusBusy("another master on DALI bus %d collides with every frame: there must be only one" % channel)

    def _reply(self, sending: _Sending) -> "Reply":
        reply = sending.reply or NO_ANSWER
        if sending.answer and reply.kind == Reply.NO_ANSWER and sending.frame not in COMPARES:
            self._quiet_until = self._clock.monotonic() + QUIET_AFTER_NO_S
        return reply

    async def _send(self, command: bytes, transmission: "Transmission") -> _Sending:
        sending = _Sending(transmission)
        self._in_doubt = True
        self._sending = sending
        try:
            self._write(command)
            try:
                await self._until(lambda: sending.over() or self._channel in self._unpowered, OWED_S)
            except InterfaceSilent:
                if not await self._prove(sending) and not sending.spoilt:
                    await self._explain(sending)
            if not sending.over() and not sending.spoilt:
                raise unpowered(self._channel)
        finally:
            self._sending = None
        # Refused for a full queue: what is in it goes out first.
        self._in_doubt = sending.refused is not None
        return sending

    async def _prove(self, sending: _Sending) -> bool:
        """Whether the transmission is over after all; if not, nothing more is to come of it."""
        if self._reader.drop_rest():
            sending.heard = True
        await self._inform()
        return sending.over()

    async def _explain(self, sending: _Sending) -> None:
        """Raises what became of a transmission that the interface has not reported."""
        self._in_doubt = False
        if sending.foreign and not sending.began_ms:
            raise BusBusy("other masters on DALI bus %d leave no gap for a frame" % self._channel)
        await self._ask_power(self._channel)
        self._refuse_unpowered(self._channel)
        raise InterfaceSilent("what the %s said of a frame was lost on its line: check its cable" % self.PRODUCT)

    async def _greet(self) -> None:
        self._reader = wire.ReportReader()
        await self._fence()

    async def _fence(self) -> None:
        """After this, nothing that was still under way can come any more."""
        await self._clock.sleep(self._written_at + OWED_S - self._clock.monotonic())
        self._reader.drop_rest()
        await self._inform()
        self._in_doubt = False

    async def _inform(self) -> None:
        """Returns once all that the interface had to say has arrived. Raises InterfaceSilent when it says nothing."""
        await self._or_lose(self._ask_information)

    async def _ask_information(self) -> None:
        await self._ask(Report.VERSION, wire.QUERY_INFORMATION, INFORMATION_WITHIN_S)

    async def _ask_power(self, channel: int) -> None:
        """A frame that does nothing is reported where the bus carries frames, and is not where it has no voltage."""
        if self._in_doubt:
            await self._fence()
        sending = _Sending(_PING)
        self._in_doubt = True
        self._sending = sending
        try:
            self._write(wire.encode(_PING, 1))
            try:
                await self._until(lambda: sending.heard, OWED_S)
            except InterfaceSilent:
                await self._prove(sending)
        finally:
            self._sending = None
        self._in_doubt = False
        self._note_power(channel, sending.heard)

    def _received(self, content: bytes) -> None:
        now = self._clock.monotonic()
        for report in self._reader.feed(content):
            self._take(report, now)
        self._arrived.set()

    def _take(self, report: Report, now: float) -> None:
        sending = self._sending
        if report.kind == Report.VERSION:
            self._owed.replied(Report.VERSION, now)
            return
        if report.kind == Report.HEADING:
            return
        if report.kind == Report.NOISE:
            self.noise_reports += 1
        elif report.kind in (Report.FRAME, Report.BACKWARD, Report.BAD_TIMING):
            edge = now - wire.STOP_CONDITION_S - wire.RECORD_LENGTH * wire.CHARACTER_S
            self._last_edge = max(edge, self._last_edge)
        if report.kind == Report.FRAME and not report.own and self._foreign is not None:
            self._foreign(self._channel, report.content)
        if report.kind == Report.RECOVERED:
            self._note_power(self._channel, False)
            self._note_power(self._channel, True)
        elif report.kind == Report.FAILURE:
            # A timeout of which one bit was changed on the line says the same, but of a moment that we wait for.
            if sending is None or sending.after_ms(report.at_ms) is None:
                self._note_power(self._channel, False)
        elif sending is not None:
            sending.heard = True
            if report.own:
                _take_own(sending, report)
            else:
                self._take_other(sending, report)
        elif report.kind == Report.BACKWARD:
            self.late_answers += 1

    def _take_other(self, sending: _Sending, report: Report) -> None:
        if report.kind == Report.REFUSED:
            sending.refused = report.content
            return
        if report.kind == Report.FRAME:
            sending.foreign += 1
            sending.parted = sending.parted or (sending.frames == 2 and len(sending.began_ms) == 1)
        after_ms = sending.after_ms(report.at_ms)
        if after_ms is None or report.kind == Report.NOISE:
            self.late_answers += report.kind == Report.BACKWARD
        elif report.kind in (Report.BACKWARD, Report.BAD_TIMING, Report.EARLY) and sending.in_window(after_ms):
            sending.reply = answered(report.content) if report.kind == Report.BACKWARD else COLLISION
        elif report.kind in (Report.BACKWARD, Report.FRAME, Report.TIMEOUT):
            # Whatever begins on the bus ends the interface's own wait: it will not say that there was no answer.
            self.late_answers += report.kind == Report.BACKWARD
            sending.reply = NO_ANSWER


def _take_own(sending: _Sending, report: Report) -> None:
    if report.kind == Report.FRAME and report.content == sending.frame:
        sending.began_ms.append(report.at_ms)
    elif report.kind in (Report.BAD_TIMING, Report.COLLISION, Report.EARLY):
        sending.spoilt += 1
