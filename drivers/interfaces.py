"""The interfaces that drivers rely on and keep. Only type checkers read this file: MicroPython has no `typing`."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from protocols.dali.frames import ForwardFrame, Reply, Transmission

T = TypeVar("T")


class Clock(Protocol):
    """The clock that a driver is given."""

    def monotonic(self) -> float:
        """Returns the seconds since an arbitrary start; they never run backward."""

    async def sleep(self, seconds: float) -> None:
        """Returns after `seconds`, or at once if they are zero or negative."""

    async def wait_for(self, awaitable: Awaitable[T], seconds: float) -> T:
        """Returns the awaitable's result. After `seconds` it cancels the awaitable and raises asyncio.TimeoutError."""


class Transport(Protocol):
    """An open serial port."""

    def write(self, content: bytes) -> None:
        """Sends these bytes; does nothing on a port that is lost."""

    def close(self) -> None:
        """Closes the port at once, even if bytes are still to be sent."""


class Reader(Protocol):
    """The reading half of a product's codec: it takes bytes in any pieces and gives messages."""

    def feed(self, content: bytes) -> list[Any]:
        """Returns the messages that these bytes complete."""

    def drop_rest(self) -> object:
        """Forgets a message that has begun and not ended."""


class OpenPort(Protocol):
    """The function with which a driver opens its port, as often as it needs to."""

    def __call__(
        self,
        baud: int,
        received: Callable[[bytes], None],
        lost: Callable[[str], None],
        lines: tuple[bool, bool] | None = None,
    ) -> Awaitable[Transport]:
        """Opens the port, 8N1, at `baud`. `lines` says whether RTS and DTR are asserted (None: unused).

        Gives each piece that arrives to `received`. If the port is lost, calls `lost` once, with the reason. Raises
        PortUnavailable.
        """


Outcome = Reply | str
"""The outcome of a frame: the Reply to it, or drivers.dali.sender.NOT_SENT."""

Foreign = Callable[[int, ForwardFrame], None]
"""Hears (channel, frame) of each forward frame that another master has sent."""

Observer = Callable[[Transmission, Reply | None], None]
"""Hears each frame of a bus once it has passed, with the reply to it; None: another master has sent the frame."""

Listener = Callable[[str, int, str], None]
"""Hears (condition, channel, sentence); the conditions are drivers.dali.conditions'. Channel 0: the whole interface."""


class DaliInterface(Protocol):
    """The promises of a DALI interface to the buses that hang on it."""

    async def run(self) -> None:
        """Opens the port, watches it, and opens it again whenever it is lost; ends only when it is cancelled."""

    async def wait_usable(self, channel: int) -> None:
        """Returns once the interface answers and this bus has voltage."""

    async def wait_settled(self, channel: int, priority: int) -> None:
        """Returns as late as a frame of this priority (1-5) may be handed over, so that a more urgent frame can go
        first. Returns early if the interface settles the bus by itself."""

    async def transmit(self, channel: int, transmission: Transmission, priority: int) -> Reply:
        """Sends a frame on a bus that has settled for its priority (1-5), and returns the reply to it.

        Raises PortUnavailable, InterfaceSilent, BusUnpowered or BusBusy; the frame may or may not have gone out then.
        """
