"""The ATX LED DALI HAT as a driver: frames out, answers bound to their own query, a lost port opened again.

The HAT works through its commands in order and says exactly one line for each (J, N, X or Z). It has no sequence
numbers, so three things bind an answer to its query: only one command is ever under way; a line that comes before the
frame can have ended, or from another bus, is no answer to it; and whenever a line is missing the driver waits until
nothing can be owed any more and puts a fence: it asks for the version and drops all lines that come before that.
"""

from drivers.dali.link import COMPARES, Link, unpowered
from drivers.dali.settling import SETTLE_S, WITHIN_TRANSACTION
from drivers.errors import BusBusy, InterfaceSilent
from protocols.dali.frames import ANSWER_FROM_S, BACKWARD_FRAME_S, Reply
from protocols.dali_interfaces import atx_hat as wire
from protocols.dali_interfaces.atx_hat import BusStatus, Line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from drivers.interfaces import Clock, Foreign, Listener, OpenPort
    from protocols.dali.frames import Transmission

ANSWER_TIMEOUT_S = 0.1
"""After this the HAT owes nothing more for a command; the longest (send twice) takes half of it."""
SECOND_N_WITHIN_S = 0.05
"""Some firmware says N for each of the two frames of a send-twice command, some one for both: the first pairs after
connecting show which."""
LONE_LINES = 3
"""So many pairs in a row with one line each, and the firmware has one for both: a lost line must not decide it. Each
line that comes unasked after that opens the question again, for it may be a second one."""
QUIET_AFTER_NO_S = 0.05
"""Gear that answer too late begin up to 40 ms after their time (10 ms), and take 11 ms; the HAT said N after 12 ms. A
driver that sent its next query earlier would take that answer for the next gear's."""
LINE_WITHIN_S = 0.05
"""The pieces of a line come closer together than this, whatever USB and the host make of them."""
FENCE_TIMEOUT_S = 0.5
SENDS = 4
"""Tries in all for a frame that collides with another master's."""

_POWERED = (BusStatus.POWERED, BusStatus.UNKNOWN)


class AtxHat(Link):
    """One HAT with its 1-4 buses; the promises are drivers.interfaces.DaliInterface's."""

    PRODUCT = "ATX DALI HAT"
    IF_SILENT = "check its wiring and that the serial console is off"
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
        self._reader = wire.LineReader()
        self._awaited: "tuple[str, ...]" = ()
        self._awaited_channel = 1
        self._line: "Line | None" = None
        self._in_doubt = False
        self._received_at = 0.0
        self._frame_ends = 0.0
        self._last_edge = [0.0] * 5
        self._quiet_until = [0.0] * 5
        self._lone_lines = 0
        self.late_answers = 0
        self.noise_lines = 0

    async def wait_settled(self, channel: int, priority: int) -> None:
        """The HAT takes no priority: the host waits, less the time that a command takes on the wire."""
        await self._settle(channel, SETTLE_S[priority] - wire.COMMAND_CHARACTERS * wire.CHARACTER_S)

    async def transmit(self, channel: int, transmission: "Transmission", priority: int) -> Reply:
        """As drivers.interfaces.DaliInterface says, for bus 1-4."""
        command = wire.encode(channel, transmission)
        async with self._one_at_a_time:
            for _ in range(SENDS):
                self._refuse_unpowered(channel)
                if self._in_doubt:
                    await self._fence()
                line = await self._send(channel, command, transmission, priority)
                if line.kind == Line.REPLY and wire.lines_for(transmission) == 2:
                    line = await self._send(channel, command, transmission, WITHIN_TRANSACTION)
                elif line.kind == Line.REPLY and transmission.twice and self._lone_lines < LONE_LINES:
                    line = await self._second(line)
                if line.kind == Line.REPLY:
                    reply: Reply = line.content
                    if transmission.answer and reply.kind == Reply.NO_ANSWER and transmission.frame not in COMPARES:
                        self._quiet_until[channel] = self._clock.monotonic() + QUIET_AFTER_NO_S
                    return reply
            raise BusBusy("another master on DALI bus %d collides with every frame: there must be only one" % channel)

    async def _send(self, channel: int, command: bytes, transmission: "Transmission", priority: int) -> Line:
        await self._settle(channel, SETTLE_S[priority] - len(command) * wire.CHARACTER_S)
        frame_s = len(command) * wire.CHARACTER_S + transmission.frame.duration_s
        self._frame_ends = self._clock.monotonic() + frame_s
        return await self._exchange(channel, command, (Line.REPLY, Line.NOT_SENT), ANSWER_TIMEOUT_S)

    async def _greet(self) -> None:
        self._reader = wire.LineReader()
        self._lone_lines = 0
        await self._fence()

    async def _ask_power(self, channel: int) -> None:
        if self._in_doubt:
            await self._fence()
        await self._exchange(channel, wire.query_status(channel), (Line.BUS_STATUS,), FENCE_TIMEOUT_S)

    async def _fence(self) -> None:
        """After this, no line that was still under way can be taken for an answer."""
        # Commands that the HAT answers by itself may overtake one that is still on the bus.
        await self._clock.sleep(self._written_at + ANSWER_TIMEOUT_S - self._clock.monotonic())
        await self._or_lose(self._ask_version)

    async def _ask_version(self) -> None:
        self._reader.drop_rest()
        await self._ask(Line.VERSION, wire.QUERY_VERSION, FENCE_TIMEOUT_S)
        self._in_doubt = False

    async def _exchange(self, channel: int, command: bytes, awaited: "tuple[str, ...]", timeout_s: float) -> Line:
        self._listen(channel, awaited)
        try:
            self._write(command)
            await self._until(lambda: not self._awaited, timeout_s)
        finally:
            self._awaited = ()
        if self._line is None:
            raise unpowered(channel)
        self._in_doubt = False
        return self._line

    def _listen(self, channel: int, awaited: "tuple[str, ...]") -> None:
        """From now on the next line of these kinds is awaited; until it is here, one may be owed."""
        self._line = None
        self._awaited = awaited
        self._awaited_channel = channel
        self._in_doubt = True

    async def _settle(self, channel: int, seconds: float) -> None:
        ready = max(self._last_edge[channel] + seconds, self._quiet_until[channel])
        left = ready - self._clock.monotonic()
        if left > 0:
            await self._clock.sleep(left)

    async def _second(self, first: Line) -> Line:
        """The line for the second frame of a pair, where the firmware has one; else the one for both."""
        self._listen(first.channel, (Line.REPLY, Line.NOT_SENT))
        try:
            await self._until(lambda: not self._awaited, SECOND_N_WITHIN_S)
        except InterfaceSilent:
            pass
        finally:
            self._awaited = ()
        self._in_doubt = False
        self._lone_lines = self._lone_lines + 1 if self._line is None else 0
        return self._line or first

    def _received(self, content: bytes) -> None:
        now = self._clock.monotonic()
        if now - self._received_at > LINE_WITHIN_S:
            self._reader.drop_rest()
        self._received_at = now
        for line in self._reader.feed(content):
            if line.kind == Line.BUS_STATUS:
                self._note_status(line.channel, line.content)
            elif line.kind == Line.NOISE:
                self.noise_lines += 1
            elif line.kind == Line.VERSION:
                self._owed.replied(Line.VERSION, now)
            else:
                edge = now - _age_of_last_edge(line)
                self._last_edge[line.channel] = max(edge, self._last_edge[line.channel])
            if line.kind == Line.FOREIGN and self._foreign is not None:
                self._foreign(line.channel, line.content)
            if self._is_awaited(line, now):
                self._line = line
                self._awaited = ()
            elif line.kind == Line.REPLY:
                self.late_answers += 1
                self._lone_lines = 0
        self._arrived.set()

    def _is_awaited(self, line: Line, now: float) -> bool:
        if line.kind not in self._awaited or line.channel != self._awaited_channel:
            return False
        if line.kind != Line.REPLY:
            return True
        earliest = self._frame_ends + ANSWER_FROM_S
        if line.content.kind == Reply.VALUE:
            earliest += BACKWARD_FRAME_S
        return bool(now >= earliest)

    def _note_status(self, channel: int, status: int) -> None:
        powered = status in _POWERED
        if not powered and channel == self._awaited_channel and Line.REPLY in self._awaited:
            self._awaited = ()  # the frame's own line does not come any more
        self._note_power(channel, powered)


def _age_of_last_edge(line: Line) -> float:
    """How long ago the bus was last busy, when this line has just arrived."""
    if line.kind == Line.REPLY and line.content.kind == Reply.NO_ANSWER:
        return wire.NO_ANSWER_AFTER_S + 2 * wire.CHARACTER_S
    characters = 2  # the letter and the line end
    if line.kind == Line.NOT_SENT:
        return characters * wire.CHARACTER_S  # what it collided with may have gone on until now
    if line.kind == Line.FOREIGN:
        characters += int(line.content.bits) // 4
    elif line.content.kind == Reply.VALUE:
        characters += 2
    return wire.STOP_CONDITION_S + characters * wire.CHARACTER_S
