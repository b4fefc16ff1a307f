"""What drivers are given, and what they promise. Only type checkers read this file: MicroPython has no `typing`."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from protocols.dali.frames import ForwardFrame, Reply, Transmission

T = TypeVar("T")


class Clock(Protocol):
    """Time, as much of it as a driver needs."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never runs backward."""

    async def sleep(self, seconds: float) -> None:
        """Returns after `seconds` (at once where they are zero or negative)."""

    async def wait_for(self, awaitable: Awaitable[T], seconds: float) -> T:
        """The awaitable's result; raises asyncio.TimeoutError, and cancels it, after `seconds`."""


class Transport(Protocol):
    """An open serial port."""

    def write(self, content: bytes) -> None:
        """Sends these bytes; on a port that is lost, does nothing."""

    def close(self) -> None:
        """Closes the port at once, whatever it has still to send."""


class Reader(Protocol):
    """A product's codec for what arrives: bytes in, messages out."""

    def feed(self, content: bytes) -> list[Any]:
        """The messages that these bytes complete."""

    def drop_rest(self) -> object:
        """Forgets a message that has begun and not ended."""


class OpenPort(Protocol):
    """How a driver opens its port, as often as it needs to."""

    def __call__(
        self,
        baud: int,
        received: Callable[[bytes], None],
        lost: Callable[[str], None],
        lines: tuple[bool, bool] | None = None,
    ) -> Awaitable[Transport]:
        """Opens the port, 8N1, with RTS and DTR asserted or not where `lines` says so. Gives each piece that arrives
        to `received`; tells `lost`, once and with the reason, that the port is lost. Raises PortUnavailable."""


Outcome = Reply | str
"""What has become of a frame: what came back, or drivers.dali.sender.NOT_SENT."""

Foreign = Callable[[int, ForwardFrame], None]
"""Hears (channel, frame) of each forward frame that another master has sent."""

Observer = Callable[[Transmission, Reply | None], None]
"""Hears each frame of a bus as it has passed, with what came back; None: another master has sent it."""

Listener = Callable[[str, int, str], None]
"""Hears (condition, channel, sentence); the conditions are drivers.dali.conditions'. Channel 0: the whole interface."""


class DaliInterface(Protocol):
    """What a bus needs of the interface that it hangs on."""

    async def run(self) -> None:
        """Opens the port, watches it, opens it again whenever it is lost; ends only by being cancelled."""

    async def wait_usable(self, channel: int) -> None:
        """Returns once the interface answers and this bus has voltage."""

    async def wait_settled(self, channel: int, priority: int) -> None:
        """Returns when a frame of this priority (1-5) may be handed over: so late that a more urgent one can still go
        first. At once where the interface settles the bus by itself."""

    async def transmit(self, channel: int, transmission: Transmission, priority: int) -> Reply:
        """Sends on a bus, settled for its priority (1-5); returns what came back.

        Raises PortUnavailable, InterfaceSilent, BusUnpowered or BusBusy; the frame may then have gone out or not.
        """
