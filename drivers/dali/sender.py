"""Sends frames through a DALI interface: the work that all drivers share, and how to write one for a new product.

The life of a transmission, in `Sender.transmit`:

    transmit --> no voltage known? -----------------------------------------------------------> BusUnpowered
       |
       v
    in doubt? --> fence: wait until the interface owes nothing more (OWED_S after the last byte written), drop a
       |          message that has begun, ask the interface to identify itself. Its reply comes after all earlier
       |          messages. (No reply, twice: the port counts as lost. Frames wait in the interface: asked again.)
       v
    quiet?    --> wait: gear may still give an answer late, and it would be taken for the next gear's
       v
    settle    --> wait by priority, if that is the host's task (HOST_SETTLES)
       v
    [in doubt] send --> Reply -------> no doubt. NO_ANSWER to a query: quiet until 65 ms after its last edge
       |        |
       |        +-----> NOT_SENT ----> again, SENDS tries in all, then BusBusy
       |                               (a pair that the host makes: again until both came within 95 ms)
       +-> raises, or the caller gave up: the doubt stays, and the next transmission begins with the fence

The bus after a query's last edge (IEC 62386-101 clause 8.2):

    ms   0       5.5            12.4                       50         61       65
    -----|--------|==============|--------------------------|==========|--------|----> next frame
      query    an answer may begin      late gear begin up to here    and end

**A driver of a new product** is one class. Its base depends on how an answer is bound to its query:

  by_arrival.ByArrival  the interface gives no times: a message before the frame can have ended is no answer
  by_clock.ByClock      it tells when each frame was on the bus: an answer lies in the query's window by that clock

The class gives constants (PRODUCT, BAUD, LINES, IF_SILENT, ASK_IDLE_AFTER_S of Link; READER, IDENTIFY and the others
below), and fills in, with the codec of protocols/dali_interfaces/ at hand:

  encode                the bytes that send a transmission
  take                  acts on one message of the codec's. It calls `replied`, `note_power`, `hear_edge` and
                        `hear_foreign`; with ByArrival also `hear` and `hear_no_voltage`, with ByClock `hear_backward`
  ask_bus               asks whether a bus has voltage
  carry, window         with ByClock only: `carry` hands a frame over and waits for the notes of `take`; `window` bounds
                        the time of an answer

The peculiarities of a product go into `send`, `makes_pair`, `identify`, `drop_rest`, `failure` or `greet`; the
docstring of each tells what it does for a product that has none.
"""

from drivers.dali.link import REPLY_WITHIN_S, Link
from drivers.dali.settling import SETTLE_S, WITHIN_TRANSACTION
from drivers.errors import BusBusy, DriverError
from protocols.dali import device_commands, gear_commands
from protocols.dali.frames import NO_ANSWER, Reply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any  # noqa: TID251 - only type checkers come here

    from drivers.interfaces import Clock, Foreign, Listener, OpenPort, Outcome, Reader
    from protocols.dali.frames import ForwardFrame, Transmission

NOT_SENT = "not sent"
"""The outcome of a frame that met another master's, or that the interface did not take: it is sent again."""
IDENTITY = "identity"
"""The kind of question by which `identify` learns that all earlier messages have arrived."""
PING = gear_commands.special("PING")
"""A frame that no gear acts on or answers: it shows only whether the bus carries frames."""
COMPARES = (gear_commands.special("COMPARE").frame, device_commands.special("COMPARE").frame)
"""The frames to which silence is the usual answer and means no: it is no reason to wait for a late one."""
QUIET_AFTER_EDGE_S = 0.065
"""This long after a query's last edge, gear that answer up to 40 ms too late (after 10 ms) have answered. A driver that
sent its next query earlier would take that answer for the next gear's."""
PAIR_S = 0.095
"""Gear take two frames within this time for a pair (IEC 62386-101, receivers); a pair that took longer begins again."""
QUEUE_TRIES = 20
"""The number of times that an interface is asked again if its own queue is full, or not empty after a doubt."""
QUEUE_AGAIN_S = 0.05
"""The time between two of these questions."""


class Sender(Link):
    """One interface with its buses; it keeps the promises of drivers.interfaces.DaliInterface."""

    READER: "type[Reader]"
    """The codec's reader; a new one is made whenever the port is opened."""
    IDENTIFY = b""
    """A question that the interface answers by itself, after all its earlier messages; `take` calls
    `replied(IDENTITY)`."""
    OWED_S = 0.1
    """This long after the last byte written, the interface owes nothing more for a frame."""
    HOST_SETTLES = True
    """True if the host waits until the bus has settled for a frame's priority; False if the interface does."""
    HAND_OVER_S = 0.0
    """A frame is handed over this long before the bus has settled: the command's time on the wire, or the interface's
    own. Until then a more urgent frame can go first."""
    SENDS = 4
    """The number of tries for a frame that comes back as NOT_SENT."""

    def __init__(
        self,
        open_port: "OpenPort",
        clock: "Clock",
        listener: "Listener",
        channels: "tuple[int, ...]" = (1,),
        foreign: "Foreign | None" = None,
    ) -> None:
        super().__init__(open_port, clock, listener, channels, foreign)
        self.reader = self.READER()
        self.in_doubt = True
        """True while a message, an answer or a frame may still come that does not belong to the current frame."""
        self.late_answers = 0
        """The number of answers that came in no query's window."""
        self._last_edge: "dict[int, float]" = {}
        self._quiet_until: "dict[int, float]" = {}

    def encode(self, channel: int, transmission: "Transmission", priority: int) -> bytes:
        """Returns the bytes that send this. Raises ValueOutOfRange for a frame that the product cannot send."""
        raise NotImplementedError

    async def send(self, channel: int, transmission: "Transmission", content: bytes) -> "Outcome":
        """Hands one frame over and returns its Reply, or NOT_SENT. Raises DriverError.

        `in_doubt` stays True until no more can come of the frame.
        """
        raise NotImplementedError

    async def ask_bus(self, channel: int) -> None:
        """Asks whether the bus has voltage, and gives the answer to `note_power`. The caller has cleared any doubt."""
        raise NotImplementedError

    def take(self, message: "Any", now: float) -> None:
        """Takes one message of the codec's, which has just arrived."""
        raise NotImplementedError

    def makes_pair(self, transmission: "Transmission") -> bool:
        """Returns True if the interface repeats this send-twice frame by itself, as here; False if the host must."""
        return True

    async def ask(self, kind: str, question: bytes, within_s: float = REPLY_WITHIN_S) -> None:
        """Puts the question and returns when its own reply has arrived; a question without its reply leaves a doubt.

        Raises InterfaceSilent if no reply comes in time, and PortUnavailable.
        """
        in_doubt = self.in_doubt
        self.in_doubt = True
        await super().ask(kind, question, within_s)
        self.in_doubt = in_doubt

    def drop_rest(self) -> None:
        """Forgets a message that has begun: it will not end."""
        self.reader.drop_rest()

    async def identify(self, channel: int) -> bool:
        """Returns once all earlier messages have arrived: True, or False if frames for this bus still wait in the
        interface."""
        self.drop_rest()
        await self.ask(IDENTITY, self.IDENTIFY)
        return True

    def failure(self, channel: int, content: bytes) -> DriverError:
        """Returns the error for a frame that was NOT_SENT in all its tries."""
        return BusBusy("another master on DALI bus %d collides with every frame: there must be only one" % channel)

    async def wait_settled(self, channel: int, priority: int) -> None:
        """Returns as late as a frame of this priority (1-5) may be handed over, so that a more urgent one can go
        first."""
        await self._settle(channel, SETTLE_S[priority] - self.HAND_OVER_S)

    async def transmit(self, channel: int, transmission: "Transmission", priority: int) -> Reply:
        """Sends a frame on a bus that has settled for its priority (1-5), and returns the reply to it.

        Raises PortUnavailable, InterfaceSilent, BusUnpowered or BusBusy; the frame may or may not have gone out then.
        Raises ValueOutOfRange for a frame that the product cannot send.
        """
        content = self.encode(channel, transmission, priority)
        async with self._one_at_a_time:
            if transmission.twice and not self.makes_pair(transmission):
                return await self._transmit_pair(channel, transmission, content, priority)
            for _ in range(self.SENDS):
                outcome = await self._try(channel, transmission, content, priority)
                if isinstance(outcome, Reply):
                    if outcome == NO_ANSWER and transmission.answer and transmission.frame not in COMPARES:
                        self.keep_quiet(channel)
                    return outcome
            raise self.failure(channel, content)

    async def _transmit_pair(self, channel: int, transmission: "Transmission", content: bytes, priority: int) -> Reply:
        first: "float | None" = None
        for _ in range(2 * self.SENDS):
            settled = priority if first is None else WITHIN_TRANSACTION
            if await self._try(channel, transmission, content, settled) == NOT_SENT:
                continue
            if first is not None and self.last_edge(channel) - first <= PAIR_S:
                return NO_ANSWER
            first = self.last_edge(channel)
        raise self.failure(channel, content)

    async def _try(self, channel: int, transmission: "Transmission", content: bytes, priority: int) -> "Outcome":
        self.refuse_unpowered(channel)
        await self.clear_doubt(channel)
        await self.settle(channel, content, priority)
        return await self.send(channel, transmission, content)

    async def clear_doubt(self, channel: int) -> None:
        """Returns once no message, answer or frame from before can still be under way.

        Raises InterfaceSilent, PortUnavailable, and BusBusy if frames keep waiting in the interface.
        """
        if not (self.in_doubt and self.is_open):
            return
        # The interface's own reply may overtake a frame that is still on the bus.
        await self.clock.sleep(self._written_at + self.OWED_S - self.clock.monotonic())
        for _ in range(QUEUE_TRIES):
            if await self.or_lose(lambda: self.identify(channel)):
                self.in_doubt = False
                return
            await self.clock.sleep(QUEUE_AGAIN_S)
        raise BusBusy("another master keeps DALI bus %d busy: there must be only one" % channel)

    async def settle(self, channel: int, content: bytes, priority: int) -> None:
        """Returns when these bytes may be written, so that their frame begins when the bus has settled and no late
        answer is due."""
        await self._settle(channel, SETTLE_S[priority] - self.on_wire_s(content) if self.HOST_SETTLES else 0.0)

    async def _settle(self, channel: int, seconds: float) -> None:
        ready = max(self.last_edge(channel) + seconds, self._quiet_until.get(channel, 0.0))
        wait_s = ready - self.clock.monotonic()
        if wait_s > 0:  # mostly the bus has settled long ago
            await self.clock.sleep(wait_s)

    async def greet(self) -> None:
        self.reader = self.READER()
        self.in_doubt = True
        await self.clear_doubt(self.channels[0])

    async def ask_power(self, channel: int) -> None:
        await self.clear_doubt(channel)
        await self.ask_bus(channel)

    def received(self, content: bytes) -> None:
        now = self.clock.monotonic()
        for message in self.reader.feed(content):
            self.take(message, now)
        self.wake()

    def hear_edge(self, channel: int, at: float) -> None:
        """Notes that the bus was busy until `at`; settling and quiet count from there."""
        self._last_edge[channel] = max(at, self.last_edge(channel))

    def last_edge(self, channel: int) -> float:
        """Returns the time until which the bus was busy, as far as the driver has heard."""
        return self._last_edge.get(channel, 0.0)

    def hear_foreign(self, channel: int, frame: "ForwardFrame") -> None:
        """Passes another master's frame on to `foreign`."""
        if self.foreign is not None:
            self.foreign(channel, frame)

    def keep_quiet(self, channel: int) -> None:
        """Holds back all frames on this bus while gear may still answer the last frame."""
        self._quiet_until[channel] = self.last_edge(channel) + QUIET_AFTER_EDGE_S

    def on_wire_s(self, content: bytes) -> float:
        """Returns the seconds that these bytes take on the serial line, 8N1."""
        return len(content) * 10 / self.BAUD
