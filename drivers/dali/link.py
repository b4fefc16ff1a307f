"""The port of a DALI interface: opens it, watches it, opens it again when it is lost, and says each change once.

`Link` also puts the host's questions to the interface and knows which buses have no voltage. What happens to a frame
stands in sender.py, where a writer of a driver begins to read.

            open the port          greet, ask each bus for its voltage
   closed ----------------> open ---------------------------------------> usable (a bus with voltage)
     ^  ^                    |                                              |  ^
     |  +-- no answer, twice-+                              no voltage told |  | voltage told; asked each second
     |                                                                      v  |
     +------- the port is lost, or no answer twice ---------------------- unpowered
     (tried again after REOPEN_AFTER_S; LOST is told once, CONNECTED each time)
"""

import asyncio

from drivers.dali import conditions
from drivers.dali.owed import Owed
from drivers.errors import BusBusy, BusUnpowered, DriverError, InterfaceSilent, PortUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from drivers.interfaces import Clock, Foreign, Listener, OpenPort, T, Transport

REPLY_WITHIN_S = 0.5
"""An interface that is there answers a question of the host's in milliseconds; USB and a busy host may add to that."""
REOPEN_AFTER_S = 1.0
"""A lost port is tried, and a bus without voltage asked, this often."""


class Link:
    """One interface with its port and its buses.

    `listener(condition, channel, sentence)` hears of ports and buses that are lost and back; `foreign(channel, frame)`,
    where it is given, hears other masters' frames. `run` must be running for anything to work; it ends only when it is
    cancelled, and then closes the port. `without_voltage` holds the channels that are known to have none.
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
        self.clock = clock
        self.channels = channels
        self.foreign = foreign
        self._listener = listener
        self._transport: "Transport | None" = None
        self.without_voltage: "set[int]" = set()
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
                await self.clock.sleep(REOPEN_AFTER_S)
        finally:
            self._close()

    async def wait_usable(self, channel: int) -> None:
        """Returns once the interface answers and this bus has voltage."""
        await self._usable[channel].wait()

    async def greet(self) -> None:
        """Makes sure that the product answers, and sets it up. Raises InterfaceSilent."""
        raise NotImplementedError

    async def ask_power(self, channel: int) -> None:
        """Asks whether this bus has voltage, and gives the answer to `note_power`."""
        raise NotImplementedError

    def received(self, content: bytes) -> None:
        """Takes bytes from the interface, in any pieces."""
        raise NotImplementedError

    @property
    def is_open(self) -> bool:
        """Whether the port is open."""
        return self._transport is not None

    def write(self, content: bytes) -> None:
        """Writes to the port. Raises PortUnavailable where it is closed."""
        if self._transport is None:
            raise PortUnavailable(self._trouble or "the DALI interface is not connected")
        self._written_at = self.clock.monotonic()
        self._transport.write(content)

    async def comes(self, condition: "Callable[[], bool]", seconds: float) -> bool:
        """Returns True once the condition holds, which is looked at after each `wake`; False after `seconds`.

        Raises PortUnavailable as soon as the port is lost.
        """
        until = self.clock.monotonic() + seconds
        while not condition():
            if self._transport is None:
                raise PortUnavailable(self._trouble)
            self._arrived.clear()
            try:
                await self.clock.wait_for(self._arrived.wait(), max(0.0, until - self.clock.monotonic()))
            except asyncio.TimeoutError:
                return False
        return True

    async def until(self, condition: "Callable[[], bool]", seconds: float) -> None:
        """Returns once the condition holds. Raises InterfaceSilent after `seconds`, else as `comes` does."""
        if not await self.comes(condition, seconds):
            raise InterfaceSilent("the %s does not answer: %s" % (self.PRODUCT, self.IF_SILENT))

    def wake(self) -> None:
        """Has those who wait in `until` look at their condition: something has arrived."""
        self._arrived.set()

    def put(self, kind: str, question: bytes) -> None:
        """Writes a question that the interface answers by itself; it owes the reply until `replied`."""
        self.write(question)
        self._owed.asked(kind, self._written_at)

    def replied(self, kind: str) -> bool:
        """Notes that a reply of this kind is here. Returns True if it is the newest question's own."""
        return self._owed.replied(kind, self.clock.monotonic())

    async def ask(self, kind: str, question: bytes, within_s: float = REPLY_WITHIN_S) -> None:
        """Puts the question and returns with its own reply: nothing from before it is to come any more.

        Raises InterfaceSilent when none is here within `within_s`, or by the time that replies are known to take.
        """
        self.put(kind, question)
        while self._owed.owes(kind):
            await self._next_reply(kind, self._owed.due(within_s) - self.clock.monotonic())

    async def _next_reply(self, kind: str, within_s: float) -> None:
        owed = self._owed.owes(kind)
        try:
            await self.until(lambda: self._owed.owes(kind) < owed, within_s)
        except InterfaceSilent:
            if not self._owed.give_up():
                raise

    async def or_lose(self, attempt: "Callable[[], Awaitable[T]]") -> "T":
        """Returns what the attempt brings. It is made twice, for one answer may be broken on the line; when the second
        one is missing too, the port counts as lost, and this raises InterfaceSilent."""
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
            self._transport = await self._open_port(self.BAUD, self.received, self._lost)
        else:
            self._transport = await self._open_port(self.BAUD, self.received, self._lost, self.LINES)
        async with self._one_at_a_time:
            await self.greet()
            for channel in self.channels:
                await self.ask_power(channel)
        self._trouble = ""
        self._told_lost = False
        for channel in self.channels:
            if channel not in self.without_voltage:
                self._usable[channel].set()
        self._listener(conditions.CONNECTED, 0, "the DALI interface answers")

    async def _watch(self) -> None:
        """Returns never; raises when the port is lost. Asks a bus without voltage every second whether it is back."""
        while True:
            self._disturbed.clear()
            if self._transport is None:
                raise PortUnavailable(self._trouble)
            if self.without_voltage:
                await self.clock.sleep(REOPEN_AFTER_S)
            elif await self._disturbed_within(self.ASK_IDLE_AFTER_S):
                continue
            for channel in self.channels:
                await self._ask_again(channel)

    async def _disturbed_within(self, seconds: "float | None") -> bool:
        if seconds is None:
            await self._disturbed.wait()
            return True
        try:
            await self.clock.wait_for(self._disturbed.wait(), seconds)
        except asyncio.TimeoutError:
            return False
        return True

    async def _ask_again(self, channel: int) -> None:
        idle_s = self.clock.monotonic() - self._written_at
        in_use = channel not in self.without_voltage and idle_s < (self.ASK_IDLE_AFTER_S or idle_s)
        if in_use or not self.is_open:
            return
        async with self._one_at_a_time:
            try:
                await self.ask_power(channel)
            except (InterfaceSilent, BusBusy):
                pass  # asked again in a moment; an interface that is really silent loses its port

    def note_power(self, channel: int, powered: bool) -> None:
        """Notes that the bus has voltage, or has none; the listener hears of each change."""
        if channel not in self._usable:
            return
        if not powered and channel not in self.without_voltage:
            self.without_voltage.add(channel)
            self._usable[channel].clear()
            self._listener(conditions.UNPOWERED, channel, "DALI bus %d has no voltage, or is shorted" % channel)
            self._disturbed.set()
        elif powered and channel in self.without_voltage:
            self.without_voltage.discard(channel)
            self._usable[channel].set()
            self._listener(conditions.POWERED, channel, "DALI bus %d has voltage again" % channel)

    def refuse_unpowered(self, channel: int) -> None:
        """Raises BusUnpowered where the bus is known to have no voltage."""
        if self.is_open and channel in self.without_voltage:
            raise unpowered(channel)

    def _lost(self, reason: str) -> None:
        """Closes the port; those who wait for an answer hear of it at once."""
        self._trouble = reason
        self._close()
        self.wake()
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
    """The error that a transmission on a bus without voltage raises."""
    return BusUnpowered("DALI bus %d has no voltage: check its supply and its wiring" % channel)
