"""Interfaces that say of each frame what became of it, one message a frame, and not when: answers bound by arrival.

Such a product has no sequence numbers, so three things bind an answer to its query. Only one frame is ever under way;
a message that comes before the frame can have ended, or of another bus, is no answer to it; and a message that is
missing leaves a doubt, after which all that comes before the interface's identity is dropped (sender.py, the fence).

    host  |command|                                        |message: answer|
    bus           |   frame   |5.5 ms|   answer   |stop 2.45|
                              ^      ^            ^
        no reply before here -+------+            +- no answer with a value before here
"""

from drivers.dali.link import unpowered
from drivers.dali.sender import Sender
from drivers.errors import DriverError, InterfaceSilent
from protocols.dali.frames import ANSWER_FROM_S, BACKWARD_FRAME_S, Reply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from drivers.interfaces import Outcome
    from protocols.dali.frames import Transmission


class Awaited:
    """A frame on its way: whether gear may answer it, when it ends on the bus at the earliest, what became of it."""

    def __init__(self, channel: int, answer: bool, ends_at: float) -> None:
        self.channel = channel
        self.answer = answer
        self.ends_at = ends_at
        self.outcome: "Outcome | DriverError | None" = None
        self.more_to_come = False

    def over(self) -> bool:
        """Whether the interface has said what became of it."""
        return self.outcome is not None

    def in_time(self, outcome: "Outcome | DriverError", now: float) -> bool:
        """Whether a message that arrives now can be of this frame."""
        if not isinstance(outcome, Reply):
            return True
        seconds = ANSWER_FROM_S + (BACKWARD_FRAME_S if outcome.kind == Reply.VALUE else 0.0)
        return bool(now >= self.ends_at + seconds)


class ByArrival(Sender):
    """A sender through an interface that tells one outcome a frame. `take` says it by `hear`."""

    awaited: "Awaited | None" = None
    """The frame that is under way."""
    _ends_at = 0.0

    async def send(self, channel: int, transmission: "Transmission", content: bytes) -> "Outcome":
        """Hands one frame over and returns its Reply, or NOT_SENT. Raises what `exchange` does."""
        return await self.exchange(channel, transmission, content)

    def told_after_s(self, transmission: "Transmission") -> float:
        """How long, from the command's last byte, the frame is on the bus before the interface can speak of it."""
        return float(transmission.frame.duration_s)

    async def exchange(self, channel: int, transmission: "Transmission", content: bytes) -> "Outcome":
        """Writes the command and returns what the interface says of its frame.

        Raises the error that it tells, or InterfaceSilent after OWED_S.
        """
        busy_s = self.on_wire_s(content) + self.told_after_s(transmission)
        self._ends_at = self.clock.monotonic() + busy_s
        return await self._await(Awaited(channel, bool(transmission.answer), self._ends_at), content, self.OWED_S)

    async def listen_on(self, channel: int, within_s: float) -> "Outcome | None":
        """Returns what else the interface says of the frame that it has just spoken of, or None within so long."""
        try:
            return await self._await(Awaited(channel, True, self._ends_at), b"", within_s)
        except InterfaceSilent:
            self.in_doubt = False
            return None

    async def _await(self, awaited: Awaited, content: bytes, within_s: float) -> "Outcome":
        self.awaited = awaited
        self.in_doubt = True
        try:
            if content:
                self.write(content)
            await self.until(awaited.over, within_s)
        finally:
            self.awaited = None
        self.in_doubt = awaited.more_to_come
        outcome = awaited.outcome
        assert outcome is not None
        if isinstance(outcome, DriverError):
            raise outcome
        return outcome

    def hear(self, channel: int, outcome: "Outcome | DriverError", now: float, *, more_to_come: bool = False) -> bool:
        """Takes what the interface says of a frame: its Reply, NOT_SENT, or the error that `transmit` raises.

        `more_to_come`: the frame may still be under way. Returns True if this frame was waited for.
        """
        awaited = self.awaited
        if awaited is not None and awaited.channel == channel and not awaited.over() and awaited.in_time(outcome, now):
            awaited.outcome = outcome
            awaited.more_to_come = more_to_come
            return True
        if isinstance(outcome, Reply) and outcome.kind != Reply.NO_ANSWER:
            self.late_answers += 1
        return False

    def hear_no_voltage(self, channel: int, now: float, *, more_to_come: bool = False) -> None:
        """Takes that the bus has no voltage: a frame that is under way on it raises BusUnpowered."""
        self.hear(channel, unpowered(channel), now, more_to_come=more_to_come)
        self.note_power(channel, False)
