"""The ATX LED DALI HAT as a driver: frames out, answers bound to their own query, a lost port opened again.

The HAT works through its commands in order and says exactly one line for each (J, N, X or Z). It has no sequence
numbers, so what binds an answer to its query is that only one command is ever under way, and that whenever its line is
missing the driver puts a fence: it asks for the version and drops all lines that come before that.
"""

import asyncio

from drivers.dali import conditions
from drivers.errors import BusBusy, BusUnpowered, DriverError, InterfaceSilent, PortUnavailable
from protocols.dali import gear_commands
from protocols.dali.frames import Reply
from protocols.dali_interfaces import atx_hat as wire
from protocols.dali_interfaces.atx_hat import BusStatus, Line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from drivers.interfaces import Clock, Listener, OpenPort, Transport
    from protocols.dali.frames import Transmission

ANSWER_TIMEOUT_S = 0.1
"""After this the HAT owes nothing more for a command; the longest (send twice) takes half of it."""
SECOND_N_WITHIN_S = 0.05
"""Some firmware says N for each of the two frames of a send-twice command."""
QUIET_AFTER_NO_S = 0.05
"""Gear that answer too late begin up to 40 ms after their time (10 ms), and take 11 ms; the HAT said N after 12 ms. A
driver that sent its next query earlier would take that answer for the next gear's."""
FENCE_TIMEOUT_S = 0.5
REOPEN_AFTER_S = 1.0
SENDS = 4
"""Tries in all for a frame that collides with another master's."""

_COMPARE = gear_commands.special("COMPARE").frame
_POWERED = (BusStatus.POWERED, BusStatus.UNKNOWN)


class AtxHat:
    """One HAT with its 1-4 buses.

    `listener(condition, channel, sentence)` hears of ports and buses that are lost and back. `run` must be running for
    anything to work; it ends only when it is cancelled, and then closes the port.
    """

    def __init__(
        self,
        open_port: "OpenPort",
        clock: "Clock",
        listener: "Listener",
        channels: "tuple[int, ...]" = (1,),
    ) -> None:
        self._open_port = open_port
        self._clock = clock
        self._listener = listener
        self._channels = channels
        self._transport: "Transport | None" = None
        self._reader = wire.LineReader()
        self._unpowered: "set[int]" = set()
        self._usable = {channel: asyncio.Event() for channel in channels}
        self._one_at_a_time = asyncio.Lock()
        self._disturbed = asyncio.Event()
        self._arrived = asyncio.Event()
        self._awaited: "tuple[str, ...]" = ()
        self._line: "Line | None" = None
        self._in_doubt = False
        self._last_edge = 0.0
        self._trouble = ""
        self._said = ""
        self.late_answers = 0
        self.noise_lines = 0

    async def run(self) -> None:
        """Opens the port, watches it, and opens it again whenever it is lost, for ever."""
        try:
            while True:
                try:
                    await self._connect()
                    await self._watch()
                except DriverError as error:
                    self._disconnect(str(error))
                await self._clock.sleep(REOPEN_AFTER_S)
        finally:
            self._close()

    async def wait_usable(self, channel: int) -> None:
        """Returns once the interface answers and this bus has voltage."""
        await self._usable[channel].wait()

    async def transmit(self, channel: int, transmission: "Transmission", settle_s: float) -> Reply:
        """As drivers.interfaces.DaliInterface says, for bus 1-4."""
        command = wire.encode(channel, transmission)
        async with self._one_at_a_time:
            for _ in range(SENDS):
                if channel in self._unpowered:
                    raise BusUnpowered("DALI bus %d has no voltage: check its supply and its wiring" % channel)
                if self._in_doubt:
                    await self._fence()
                await self._settle(settle_s - len(command) * wire.CHARACTER_S)
                line = await self._exchange(command, (Line.REPLY, Line.NOT_SENT), ANSWER_TIMEOUT_S)
                if line.kind == Line.REPLY:
                    reply: Reply = line.content
                    if transmission.twice:
                        await self._swallow(SECOND_N_WITHIN_S)
                    elif transmission.answer and reply.kind == Reply.NO_ANSWER and transmission.frame != _COMPARE:
                        await self._swallow(QUIET_AFTER_NO_S)
                    return reply
            raise BusBusy("another master on DALI bus %d collides with every frame: there must be only one" % channel)

    async def _connect(self) -> None:
        self._disturbed.clear()
        self._reader = wire.LineReader()
        self._transport = await self._open_port(wire.BAUD, self._received, self._lost)
        async with self._one_at_a_time:
            await self._fence()
            for channel in self._channels:
                await self._ask_status(channel)
        self._trouble = self._said = ""
        for channel in self._channels:
            if channel not in self._unpowered:
                self._usable[channel].set()
        self._listener(conditions.CONNECTED, 0, "the DALI interface answers")

    async def _watch(self) -> None:
        """Returns never; raises when the port is lost. Asks a bus without voltage every second whether it is back."""
        while True:
            await self._disturbed.wait()
            self._disturbed.clear()
            while self._unpowered or self._transport is None:
                if self._transport is None:
                    raise PortUnavailable(self._trouble)
                await self._clock.sleep(REOPEN_AFTER_S)
                async with self._one_at_a_time:
                    for channel in list(self._unpowered):
                        await self._ask_status(channel)

    async def _ask_status(self, channel: int) -> None:
        await self._exchange(wire.query_status(channel), (Line.BUS_STATUS,), FENCE_TIMEOUT_S)

    async def _fence(self) -> None:
        """After this, no line that was still under way can be taken for an answer."""
        try:
            await self._exchange(wire.QUERY_VERSION, (Line.VERSION,), FENCE_TIMEOUT_S)
        except InterfaceSilent:
            self._lost("the ATX DALI HAT does not answer: check its wiring and that the serial console is off")
            raise
        self._in_doubt = False

    async def _exchange(self, command: bytes, awaited: "tuple[str, ...]", timeout_s: float) -> Line:
        if self._transport is None:
            raise PortUnavailable(self._trouble or "the DALI interface is not connected")
        self._line = None
        self._arrived.clear()
        self._awaited = awaited
        self._in_doubt = True
        try:
            self._transport.write(command)
            await self._clock.wait_for(self._arrived.wait(), timeout_s)
        except asyncio.TimeoutError:
            raise InterfaceSilent("the ATX DALI HAT did not answer %r" % command.decode().strip())
        finally:
            self._awaited = ()
        if self._line is None:
            raise PortUnavailable(self._trouble)
        self._in_doubt = False
        return self._line

    async def _settle(self, seconds: float) -> None:
        left = self._last_edge + seconds - self._clock.monotonic()
        if left > 0:
            await self._clock.sleep(left)

    async def _swallow(self, seconds: float) -> None:
        """Waits for the line that may still come, and drops it."""
        self._line = None
        self._arrived.clear()
        self._awaited = (Line.REPLY,)
        try:
            await self._clock.wait_for(self._arrived.wait(), seconds)
            self.late_answers += 1
        except asyncio.TimeoutError:
            pass
        finally:
            self._awaited = ()

    def _received(self, content: bytes) -> None:
        for line in self._reader.feed(content):
            if line.kind == Line.BUS_STATUS:
                self._note_status(line.channel, line.content)
            elif line.kind == Line.NOISE:
                self.noise_lines += 1
            if line.kind in (Line.REPLY, Line.FOREIGN):
                self._last_edge = self._clock.monotonic() - _age_of_last_edge(line)
            if line.kind in self._awaited:
                self._line = line
                self._awaited = ()
                self._arrived.set()

    def _note_status(self, channel: int, status: int) -> None:
        if status in _POWERED:
            if channel in self._unpowered:
                self._unpowered.discard(channel)
                self._usable[channel].set()
                self._listener(conditions.POWERED, channel, "DALI bus %d has voltage again" % channel)
        elif channel not in self._unpowered:
            self._unpowered.add(channel)
            self._usable[channel].clear()
            self._listener(conditions.UNPOWERED, channel, "DALI bus %d has no voltage, or is shorted" % channel)
            self._disturbed.set()

    def _lost(self, reason: str) -> None:
        """The port is gone: whoever waits for a line is told at once."""
        self._trouble = reason
        self._close()
        self._arrived.set()
        self._disturbed.set()

    def _close(self) -> None:
        for usable in self._usable.values():
            usable.clear()
        transport = self._transport
        self._transport = None
        if transport is not None:
            transport.close()

    def _disconnect(self, reason: str) -> None:
        self._close()
        self._unpowered.clear()
        self._trouble = reason
        if reason != self._said:
            self._said = reason
            self._listener(conditions.LOST, 0, reason)


def _age_of_last_edge(line: Line) -> float:
    """How long ago the bus was last busy, when this line has just arrived."""
    if line.kind == Line.REPLY and line.content.kind == Reply.NO_ANSWER:
        return wire.NO_ANSWER_AFTER_S + 2 * wire.CHARACTER_S
    characters = 2  # the letter and the line end
    if line.kind == Line.FOREIGN:
        characters += int(line.content.bits) // 4
    elif line.content.kind == Reply.VALUE:
        characters += 2
    return wire.STOP_CONDITION_S + characters * wire.CHARACTER_S
