"""One DALI bus: runs conversations with gear as transactions, the most urgent first.

IEC 62386-101 clause 8 (and -103 clause 9.6) gives forward frames five priorities by the time that they let the bus
settle: a transaction begins with its own priority and goes on with priority 1, so that nobody cuts in.
"""

import asyncio
import heapq

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator

    from drivers.interfaces import DaliInterface, T
    from protocols.dali.frames import Reply, Transmission


SETTLE_S = (0.0, 0.0135, 0.0149, 0.0163, 0.0179, 0.0195)
"""From the last edge of the frame before, by priority 1-5: the shortest time of each band."""

WITHIN_TRANSACTION = 1
LEVELS = 2
CONFIGURATION = 3
TELEMETRY = 4
DISCOVERY = 5


class DaliBus:
    """A bus on one channel of an interface."""

    def __init__(self, interface: "DaliInterface", channel: int = 1) -> None:
        self._interface = interface
        self._channel = channel
        self._waiting: "list[tuple[int, int, asyncio.Event]]" = []
        self._arrivals = 0
        self._taken = False
        self.frames_sent = 0

    async def wait_usable(self) -> None:
        """Returns once the interface answers and the bus has voltage."""
        await self._interface.wait_usable(self._channel)

    async def run(self, conversation: "Generator[Transmission, Reply, T]", priority: int) -> "T":
        """The conversation's result. Nothing else goes out on this bus between its frames.

        Raises what the conversation raises, or a DriverError; the conversation is then closed where it stands.
        """
        await self._acquire(priority)
        try:
            settle_s = SETTLE_S[priority]
            transmission = next(conversation)
            while True:
                reply = await self._interface.transmit(self._channel, transmission, settle_s)
                self.frames_sent += 2 if transmission.twice else 1
                settle_s = SETTLE_S[WITHIN_TRANSACTION]
                transmission = conversation.send(reply)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            conversation.close()
            self._release()

    async def _acquire(self, priority: int) -> None:
        if not self._taken:
            self._taken = True
            return
        turn = asyncio.Event()
        self._arrivals += 1
        heapq.heappush(self._waiting, (priority, self._arrivals, turn))
        try:
            await turn.wait()
        except asyncio.CancelledError:
            if turn.is_set():  # the bus was handed over in the same moment: pass it on
                self._release()
            else:
                # By hand: a rebuilt heap is cheap here, and removal in place is not heapq's to give.
                self._waiting = [entry for entry in self._waiting if entry[2] is not turn]
                heapq.heapify(self._waiting)
            raise

    def _release(self) -> None:
        if self._waiting:
            heapq.heappop(self._waiting)[2].set()
        else:
            self._taken = False
