"""Interfaces that tell when each frame was on the bus, by a clock of their own: answers bound by that clock.

An answer belongs to a query when its time lies in the backward frame's window after the query's own time, however late
either message comes over the line. The clock counts up to CLOCK_TICKS and begins anew.

    bus        |   query   |      answer window      |
    told      t|           |t'                             (t or t': each product says which, begin or end)
               |<-- window(frame)[0] -->|            |
               |<---------- window(frame)[1] ------->|
    a message that is missing: ask a question, whose reply comes after all that the interface had to say before
"""

from drivers.dali.sender import Sender
from protocols.dali.frames import Reply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any  # noqa: TID251 - only type checkers come here

    from drivers.interfaces import Outcome
    from protocols.dali.frames import ForwardFrame, Transmission


class TimedFrame:
    """One transmission on its way, with what the interface has told of it. A product adds what else it tells."""

    def __init__(self, channel: int, transmission: "Transmission", window: "tuple[float, float]", ticks: int) -> None:
        self.channel = channel
        self.frame = transmission.frame
        self.answer = bool(transmission.answer)
        self.frames = 2 if transmission.twice else 1
        self.sent_at: "list[int]" = []
        """The tick of each frame that has gone out."""
        self.reply: "Reply | None" = None
        self._window = window
        self._ticks = ticks

    def gone_out(self) -> bool:
        """Whether all its frames have gone out."""
        return len(self.sent_at) == self.frames

    def over(self) -> bool:
        """Whether nothing more is to come."""
        return self.gone_out() and (not self.answer or self.reply is not None)

    def since_sent(self, tick: int) -> int:
        """How many ticks after its last frame this one is; negative before it."""
        half = self._ticks // 2
        return (tick - self.sent_at[-1] + half) % self._ticks - half

    def awaits_answer(self) -> bool:
        """Whether gear may still answer it."""
        return self.answer and self.reply is None and bool(self.sent_at)

    def in_window(self, tick: int) -> bool:
        """Whether an answer of this tick is an answer to it."""
        return self.awaits_answer() and self._window[0] <= self.since_sent(tick) <= self._window[1]


class ByClock(Sender):
    """A sender through an interface that tells times. `carry` waits for what `take` notes in `sending`."""

    HOST_SETTLES = False
    CLOCK_TICKS = 0x10000
    SENDING = TimedFrame
    sending: "Any" = None
    """The SENDING that is under way, or None."""

    def window(self, frame: "ForwardFrame") -> "tuple[float, float]":
        """From the tick told of this frame to that of an answer: at least and at most, in ticks."""
        raise NotImplementedError

    async def carry(self, sending: "Any", content: bytes) -> "Outcome":
        """Hands the frame over and returns its Reply, or NOT_SENT; clears `in_doubt` where nothing more can come.

        Raises DriverError.
        """
        raise NotImplementedError

    async def send(self, channel: int, transmission: "Transmission", content: bytes) -> "Outcome":
        """Hands one frame over and returns its Reply, or NOT_SENT. Raises what `carry` does."""
        try:
            return await self.carry(self.begin(channel, transmission), content)
        finally:
            self.sending = None

    def begin(self, channel: int, transmission: "Transmission") -> "Any":
        """Returns a new SENDING, of which `take` hears from now on."""
        self.in_doubt = True
        self.sending = self.SENDING(channel, transmission, self.window(transmission.frame), self.CLOCK_TICKS)
        return self.sending

    def hear_backward(self, channel: int, reply: Reply, tick: int) -> bool:
        """Takes what has come from gear. Returns True if it is the answer to the frame that is under way."""
        if self.sending is not None and self.sending.channel == channel and self.sending.in_window(tick):
            self.sending.reply = reply
            return True
        if reply.kind == Reply.VALUE:
            self.late_answers += 1
        return False
