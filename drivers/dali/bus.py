"""One DALI bus: it runs conversations with gear as transactions, the most urgent first, and lets level commands pass.

IEC 62386-101 clause 8 gives forward frames five priorities, by the time for which they let the bus settle. A
transaction begins with its own priority and goes on with priority 1, so that no other master cuts in. Within this
gateway a dimming command must not wait for a whole reading: the frame of `send` passes between two frames of a
conversation, if their bond allows it.
"""

import asyncio

from drivers.dali.settling import WITHIN_TRANSACTION
from protocols.dali import gear_commands
from protocols.dali.frames import Transmission
from protocols.errors import Interrupted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator

    from drivers.interfaces import Clock, DaliInterface, Observer, T
    from protocols.dali.frames import ForwardFrame, Reply


LEVELS = 2
CONFIGURATION = 3
TELEMETRY = 4
DISCOVERY = 5
LONGEST_WAIT_EVERY = 4
"""Each reading of this number in turn is the one that has waited longest, of any priority. So discovery has its turn
even if the share is small and many callers ask for telemetry."""


class _Waiter:
    """One caller in the queue: a conversation (`transmission` None) waits for the bus, a level command for any gap."""

    def __init__(self, priority: int, number: int, transmission: "Transmission | None") -> None:
        self.order = (priority, number)
        self.transmission = transmission
        self.limited = transmission is None and priority >= TELEMETRY
        self.turn = asyncio.Event()
        self.given_up = False
        self.reply: "Reply | None" = None
        self.error: "Exception | None" = None


class DaliBus:
    """A bus on one channel of an interface.

    `telemetry_share` (above 0, up to 1) is the largest share of the time for which readings and discovery may occupy
    the bus. After each such conversation, the next one waits until the share is kept; the most urgent then goes first.
    Without a clock there is no limit.
    """

    def __init__(
        self, interface: "DaliInterface", channel: int = 1, clock: "Clock | None" = None, telemetry_share: float = 1.0
    ) -> None:
        self._interface = interface
        self._channel = channel
        self._clock = clock
        self._telemetry_share = telemetry_share
        self._telemetry_from = 0.0
        self._gate: "asyncio.Task[None] | None" = None
        self._passed_s = 0.0
        self._readings = 0
        self._waiting: "list[_Waiter]" = []
        self._arrivals = 0
        self._taken = False
        self._dtr_changed = False
        self.frames_sent = 0
        self.observer: "Observer | None" = None

    async def wait_usable(self) -> None:
        """Returns once the interface answers and the bus has voltage."""
        await self._interface.wait_usable(self._channel)

    async def run(self, conversation: "Generator[Transmission, Reply, T]", priority: int) -> "T":
        """Runs the conversation and returns its result. Between its frames only level commands go out on this bus.

        Raises the conversation's own errors, or a DriverError, which closes the conversation.
        """
        await self._acquire(_Waiter(priority, self._number(), None))
        began = self._now()
        self._passed_s = 0.0
        try:
            return await self._converse(conversation, priority)
        finally:
            conversation.close()
            if priority >= TELEMETRY:
                used_s = self._now() - began - self._passed_s
                self._telemetry_from = self._now() + used_s * (1 / self._telemetry_share - 1)
            self._hand_over()

    async def send(self, transmission: "Transmission", priority: int = LEVELS) -> "Reply":
        """Sends one frame that touches no DTR, such as a level, and returns the reply to it. Raises DriverError.

        The frame may pass between two frames of a running conversation.
        """
        waiter = _Waiter(priority, self._number(), transmission)
        await self._acquire(waiter)
        if waiter.error is not None:
            raise waiter.error
        if waiter.reply is not None:
            return waiter.reply
        try:
            return await self._transmit(transmission, priority)
        finally:
            self._hand_over()

    def note_foreign(self, frame: "ForwardFrame") -> None:
        """Takes a frame of another master. If it changes a DTR, a running conversation that relies on one is
        interrupted."""
        meaning = gear_commands.meaning(frame)
        if meaning is not None and meaning.name in gear_commands.CHANGE_DTRS:
            self._dtr_changed = True
        if self.observer is not None:
            self.observer(Transmission(frame, False, False, Transmission.LOOSE), None)

    async def _converse(self, conversation: "Generator[Transmission, Reply, T]", priority: int) -> "T":
        relies_on_dtr = False
        bond = Transmission.LOOSE
        try:
            transmission = next(conversation)
            while True:
                waited_from = self._now()
                await self._interface.wait_settled(self._channel, priority)
                passed = bond != Transmission.TIED and await self._let_pass()
                if passed:
                    self._passed_s += self._now() - waited_from
                if passed and bond != Transmission.WRITING:
                    continue
                if not relies_on_dtr:
                    self._dtr_changed = False
                if not passed and not self._dtr_changed:
                    relied_on_dtr = relies_on_dtr
                    reply = await self._transmit(transmission, priority)
                    priority = WITHIN_TRANSACTION
                    bond = transmission.bond
                    relies_on_dtr = relied_on_dtr or gear_commands.loads_dtr(transmission.frame)
                    # A foreign frame seen while ours was under way may have come before it, and has spoilt the answer.
                    if not (relied_on_dtr and self._dtr_changed):
                        transmission = conversation.send(reply)
                        continue
                bond, relies_on_dtr = Transmission.LOOSE, False
                transmission = conversation.throw(Interrupted("another frame came in between"))
        except StopIteration as end:
            result: T = end.value
            return result

    async def _let_pass(self) -> bool:
        """Sends the most urgent of the level commands that wait. Returns True if there was one."""
        passing = [waiter for waiter in self._waiting if waiter.transmission is not None]
        if not passing:
            return False
        waiter = min(passing, key=lambda one: one.order)
        self._waiting.remove(waiter)
        try:
            waiter.reply = await self._transmit(waiter.transmission, waiter.order[0])
        except asyncio.CancelledError:
            if not waiter.given_up:
                self._waiting.append(waiter)  # the conversation that let it pass is cancelled: it gets its own turn
            raise
        except Exception as error:  # noqa: BLE001 - the waiter raises it; without it, the waiter would wait for ever
            waiter.error = error
        waiter.turn.set()
        return True

    async def _transmit(self, transmission: "Transmission | None", priority: int) -> "Reply":
        assert transmission is not None
        reply = await self._interface.transmit(self._channel, transmission, priority)
        self.frames_sent += 2 if transmission.twice else 1
        if self.observer is not None:
            self.observer(transmission, reply)
        return reply

    def _now(self) -> float:
        return self._clock.monotonic() if self._clock else 0.0

    def _number(self) -> int:
        self._arrivals += 1
        return self._arrivals

    async def _acquire(self, waiter: _Waiter) -> None:
        """Returns when the bus belongs to the waiter, or when the waiter's transmission has passed."""
        self._waiting.append(waiter)
        if not self._taken:
            self._hand_over()
        try:
            await waiter.turn.wait()
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            elif waiter.reply is None and waiter.error is None and waiter.turn.is_set():
                self._hand_over()  # the bus was handed over at this very moment: pass it on
            waiter.given_up = True
            raise

    def _hand_over(self) -> None:
        """Gives the free bus to the most urgent waiter; a reading gets it only if the share allows that."""
        wait_s = self._telemetry_from - self._now()
        ready = [waiter for waiter in self._waiting if wait_s <= 0 or not waiter.limited]
        self._taken = bool(ready)
        if ready:
            waiter = min(ready, key=lambda one: one.order)
            if waiter.limited:
                self._readings += 1
                if self._readings % LONGEST_WAIT_EVERY == 0:
                    waiter = min(ready, key=lambda one: one.order[1])
            self._waiting.remove(waiter)
            waiter.turn.set()
        elif self._waiting and self._clock and self._gate is None:
            self._gate = asyncio.create_task(self._open_gate(self._clock, wait_s))

    async def _open_gate(self, clock: "Clock", wait_s: float) -> None:
        """Waits until the share allows a reading again, and then hands over the bus if it is free."""
        await clock.sleep(wait_s)
        self._gate = None
        if not self._taken:
            self._hand_over()
