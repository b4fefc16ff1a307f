"""What every interface on a serial port does alike: open it, watch it, open it again, and say once what happened.

A driver inherits it, says how the interface is greeted and how a bus is asked for its voltage, and takes what arrives.
"""

import asyncio

from drivers.dali import conditions
from drivers.dali.owed import Owed
from drivers.errors import BusBusy, BusUnpowered, DriverError, InterfaceSilent, PortUnavailable
from protocols.dali import device_commands, gear_commands

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from drivers.interfaces import Clock, Foreign, Listener, OpenPort, T, Transport

COMPARES = (gear_commands.special("COMPARE").frame, device_commands.special("COMPARE").frame)
"""No answer to these means no: it is as usual as an answer, and no reason to wait for a late one."""
REOPEN_AFTER_S = 1.0
"""A lost port is tried, and a bus without voltage asked, this often."""


class Link:
    """One interface with its port and its buses.

    `listener(condition, channel, sentence)` hears of ports and buses that are lost and back. `run` must be running for
    anything to work; it ends only when it is cancelled, and then closes the port.
    """

    PRODUCT = "DALI interface"
    IF_SILENT = "check its cable and its supply"
    BAUD = 0
    LINES: "tuple[bool, bool] | None" = None
    """RTS and DTR, asserted or not, where the product needs them."""
    ASK_IDLE_AFTER_S: "float | None" = None
    """A bus on which nothing was sent for so long is asked for its voltage; None: this product says it unasked."""

    def __init__(
        self,
        open_port: "OpenPort",
        clock: "Clock",
        listener: "Listener",
        channels: "tuple[int, ...]" = (1,),
        foreign: "Foreign | None" = None,
    ) -> None:
        self._open_port = open_port
        self._clock = clock
        self._listener = listener
        self._channels = channels
        self._foreign = foreign
        self._transport: "Transport | None" = None
        self._unpowered: "set[int]" = set()
        self._usable = {channel: asyncio.Event() for channel in channels}
        self._one_at_a_time = asyncio.Lock()
        self._disturbed = asyncio.Event()
        self._arrived = asyncio.Event()
        self._owed = Owed()
        self._written_at = 0.0
        self._trouble = ""
        self._told_lost = False

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

    async def _greet(self) -> None:
        """The driver's: makes sure that the product answers, and sets it up. Raises InterfaceSilent."""
        raise NotImplementedError

    async def _ask_power(self, channel: int) -> None:
        """The driver's: asks whether this bus has voltage; what comes back reaches `_note_power`."""
        raise NotImplementedError

    def _received(self, content: bytes) -> None:
        """The driver's: bytes from the interface, in any pieces."""
        raise NotImplementedError

    def _write(self, content: bytes) -> None:
        if self._transport is None:
            raise PortUnavailable(self._trouble or "the DALI interface is not connected")
        self._written_at = self._clock.monotonic()
        self._transport.write(content)

    async def _until(self, condition: "Callable[[], bool]", seconds: float) -> None:
        """Returns once the condition holds, looked at after each arrival.

        Raises InterfaceSilent when it does not within `seconds`, and PortUnavailable as soon as the port is lost.
        """
        until = self._clock.monotonic() + seconds
        while not condition():
            if self._transport is None:
                raise PortUnavailable(self._trouble)
            self._arrived.clear()
            try:
                await self._clock.wait_for(self._arrived.wait(), max(0.0, until - self._clock.monotonic()))
            except asyncio.TimeoutError:
                raise InterfaceSilent("the %s does not answer: %s" % (self.PRODUCT, self.IF_SILENT))

    def _put(self, kind: str, question: bytes) -> None:
        """Writes a question that the interface answers by itself; it owes the reply until that is here."""
        self._write(question)
        self._owed.asked(kind, self._written_at)

    async def _ask(self, kind: str, question: bytes, within_s: float) -> None:
        """Puts the question and returns with its own reply: no earlier one's, and nothing from before it is to come.

        Raises InterfaceSilent when none is here within `within_s`, or by the time that replies are known to take.
        """
        self._put(kind, question)
        while self._owed.owes(kind):
            await self._next_reply(kind, self._owed.due(within_s) - self._clock.monotonic())

    async def _next_reply(self, kind: str, within_s: float) -> None:
        owed = self._owed.owes(kind)
        try:
            await self._until(lambda: self._owed.owes(kind) < owed, within_s)
        except InterfaceSilent:
            if not self._owed.give_up():
                raise

    async def _or_lose(self, attempt: "Callable[[], Awaitable[T]]") -> "T":
        """What the attempt brings. One answer may be broken on the line; when the second one is missing too, the port
        counts as lost, and this raises InterfaceSilent."""
        try:
            return await attempt()
        except InterfaceSilent:
            pass
        try:
            return await attempt()
        except InterfaceSilent as error:
            self._lost(str(error))
            raise

    async def _connect(self) -> None:
        self._disturbed.clear()
        self._owed = Owed()
        if self.LINES is None:
            self._transport = await self._open_port(self.BAUD, self._received, self._lost)
        else:
            self._transport = await self._open_port(self.BAUD, self._received, self._lost, self.LINES)
        async with self._one_at_a_time:
            await self._greet()
            for channel in self._channels:
                await self._ask_power(channel)
        self._trouble = ""
        self._told_lost = False
        for channel in self._channels:
            if channel not in self._unpowered:
                self._usable[channel].set()
        self._listener(conditions.CONNECTED, 0, "the DALI interface answers")

    async def _watch(self) -> None:
        """Returns never; raises when the port is lost. Asks a bus without voltage every second whether it is back."""
        while True:
            self._disturbed.clear()
            if self._transport is None:
                raise PortUnavailable(self._trouble)
            if self._unpowered:
                await self._clock.sleep(REOPEN_AFTER_S)
            elif await self._disturbed_within(self.ASK_IDLE_AFTER_S):
                continue
            for channel in self._channels:
                await self._ask_again(channel)

    async def _disturbed_within(self, seconds: "float | None") -> bool:
        if seconds is None:
            await self._disturbed.wait()
            return True
        try:
            await self._clock.wait_for(self._disturbed.wait(), seconds)
        except asyncio.TimeoutError:
            return False
        return True

    async def _ask_again(self, channel: int) -> None:
        idle_s = self._clock.monotonic() - self._written_at
        if self._transport is None or (channel not in self._unpowered and idle_s < (self.ASK_IDLE_AFTER_S or idle_s)):
            return
        async with self._one_at_a_time:
            try:
                await self._ask_power(channel)
            except (InterfaceSilent, BusBusy):
                pass  # asked again in a moment; an interface that is really silent loses its port

    def _note_power(self, channel: int, powered: bool) -> None:
        """The bus has voltage, or has none; the listener hears of each change."""
        if channel not in self._usable:
            return
        if not powered and channel not in self._unpowered:
            self._unpowered.add(channel)
            self._usable[channel].clear()
            self._listener(conditions.UNPOWERED, channel, "DALI bus %d has no voltage, or is shorted" % channel)
            self._disturbed.set()
        elif powered and channel in self._unpowered:
            self._unpowered.discard(channel)
            self._usable[channel].set()
            self._listener(conditions.POWERED, channel, "DALI bus %d has voltage again" % channel)

    def _refuse_unpowered(self, channel: int) -> None:
        if self._transport is not None and channel in self._unpowered:
            raise unpowered(channel)

    def _lost(self, reason: str) -> None:
        """The port is gone: whoever waits for an answer is told at once."""
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
        self._trouble = reason
        if not self._told_lost:
            self._told_lost = True
            self._listener(conditions.LOST, 0, reason)


def unpowered(channel: int) -> BusUnpowered:
    """What a transmission on a bus without voltage raises."""
    return BusUnpowered("DALI bus %d has no voltage: check its supply and its wiring" % channel)
