"""One DALI bus: runs conversations with gear as transactions, the most urgent first, and lets level commands pass.

IEC 62386-101 clause 8 gives forward frames five priorities, by the time that they let the bus settle. A transaction
begins with its own priority and goes on with priority 1, so that no other master cuts in. Within this gateway a dimming
command must not wait for a whole reading: `send` passes between two frames of a conversation, where its bonds allow.
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
"""One reading in so many is the one that has waited longest, whatever its priority: however small the share is and
however many ask for telemetry, discovery has its turn."""


class _Waiter:
    """One caller in the queue: a conversation waits for the bus (`transmission` None), a level command for any gap."""

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

    `telemetry_share` (0-1) is the most of the time that readings and discovery may take of the bus, however many ask:
    after each such conversation the next one, which is the most urgent then, waits until the share is kept. Without a
    clock there is no limit.
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
        """The conversation's result. Between its frames nothing goes out on this bus but level commands that pass.

        Raises what the conversation raises, or a DriverError; the conversation is then closed where it stands.
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
        """One frame that touches no DTR, such as a level: it passes between the frames of a running conversation."""
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
        """Another master's frame was seen: where it changes a DTR, the conversation that relies on one begins again."""
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
                    # Seen while our frame was under way, it may have come before it: the answer is then another one's.
                    if not (relied_on_dtr and self._dtr_changed):
                        transmission = conversation.send(reply)
                        continue
                bond, relies_on_dtr = Transmission.LOOSE, False
                transmission = conversation.throw(Interrupted("another frame came in between"))
        except StopIteration as end:
            result: T = end.value
            return result

    async def _let_pass(self) -> bool:
        """Sends the level command that waits longest, if one does."""
        passing = [waiter for waiter in self._waiting if waiter.transmission is not None]
        if not passing:
            return False
        waiter = min(passing, key=lambda one: one.order)
        self._waiting.remove(waiter)
        try:
            waiter.reply = await self._transmit(waiter.transmission, waiter.order[0])
        except asyncio.CancelledError:
            if not waiter.given_up:
                self._waiting.append(waiter)  # the one that let it pass is cancelled: it gets its own turn
            raise
        except Exception as error:  # noqa: BLE001 - the waiter raises it; one that is not told would wait for ever
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
        """Returns when the bus is the waiter's, or its transmission has been sent for it."""
        self._waiting.append(waiter)
        if not self._taken:
            self._hand_over()
        try:
            await waiter.turn.wait()
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            elif waiter.reply is None and waiter.error is None and waiter.turn.is_set():
                self._hand_over()  # the bus was handed over in the same moment: pass it on
            waiter.given_up = True
            raise

    def _hand_over(self) -> None:
        """Gives the bus, which is free, to the most urgent waiter; to a reading only where the share allows one."""
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
        """The share allows a reading again after so long: those that wait get the bus, if it is free."""
        await clock.sleep(wait_s)
        self._gate = None
        if not self._taken:
            self._hand_over()
