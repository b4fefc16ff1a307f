"""Interfaces that tell the time of each frame on the bus by a clock of their own: answers are bound by that clock.

An answer belongs to a query if its time lies in the backward frame's window after the query's own time, however late
either message comes over the line. The clock counts up to CLOCK_TICKS and begins anew.

    bus        |   query   |      answer window      |
    told      t|           |t'                             (t or t': each product says which, begin or end)
               |<-- window(frame)[0] -->|            |
               |<---------- window(frame)[1] ------->|
    If a message is missing, the driver asks a question: its reply comes after all earlier messages of the interface.
"""

from drivers.dali.sender import Sender
from protocols.dali.frames import Reply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any  # noqa: TID251 - only type checkers come here

    from drivers.interfaces import Outcome
    from protocols.dali.frames import ForwardFrame, Transmission


class TimedFrame:
    """One transmission on its way, with the facts that the interface has told of it. A driver adds its product's own
    facts."""

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
        """Returns True once all frames of the transmission have gone out."""
        return len(self.sent_at) == self.frames

    def over(self) -> bool:
        """Returns True once all frames have gone out and no answer is to come any more."""
        return self.gone_out() and (not self.answer or self.reply is not None)

    def since_sent(self, tick: int) -> int:
        """Returns the ticks from the transmission's last frame to this tick; negative if the tick is earlier."""
        half = self._ticks // 2
        return (tick - self.sent_at[-1] + half) % self._ticks - half

    def awaits_answer(self) -> bool:
        """Returns True while gear may still answer the query."""
        return self.answer and self.reply is None and bool(self.sent_at)

    def in_window(self, tick: int) -> bool:
        """Returns True if an answer of this tick belongs to this query."""
        return self.awaits_answer() and self._window[0] <= self.since_sent(tick) <= self._window[1]


class ByClock(Sender):
    """A sender through an interface that tells times: `take` notes messages in `sending`, `carry` waits for them."""

    HOST_SETTLES = False
    CLOCK_TICKS = 0x10000
    SENDING = TimedFrame
    sending: "Any" = None
    """The SENDING that is under way, or None."""

    def window(self, frame: "ForwardFrame") -> "tuple[float, float]":
        """Returns the fewest and the most ticks from the tick that is told of this frame to that of an answer."""
        raise NotImplementedError

    async def carry(self, sending: "Any", content: bytes) -> "Outcome":
        """Hands the frame over and returns its Reply, or NOT_SENT; clears `in_doubt` if no more can come of the frame.

        Raises DriverError.
        """
        raise NotImplementedError

    async def send(self, channel: int, transmission: "Transmission", content: bytes) -> "Outcome":
        """Hands one frame over and returns its Reply, or NOT_SENT. Raises DriverError."""
        try:
            return await self.carry(self.begin(channel, transmission), content)
        finally:
            self.sending = None

    def begin(self, channel: int, transmission: "Transmission") -> "Any":
        """Begins a new SENDING, in which `take` notes messages from now on, and returns it."""
        self.in_doubt = True
        self.sending = self.SENDING(channel, transmission, self.window(transmission.frame), self.CLOCK_TICKS)
        return self.sending

    def hear_backward(self, channel: int, reply: Reply, tick: int) -> bool:
        """Takes a backward frame. Returns True if it is the answer to the frame that is under way."""
        if self.sending is not None and self.sending.channel == channel and self.sending.in_window(tick):
            self.sending.reply = reply
            return True
        if reply.kind == Reply.VALUE:
            self.late_answers += 1
        return False
