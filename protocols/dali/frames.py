"""DALI frames and what comes back: IEC 62386-101, forward frames of 16 and 24 bits, backward frames of 8 bits."""

from collections import namedtuple

from protocols.errors import ValueOutOfRange

BIT_S = 1 / 1200
"""One bit on the bus (IEC 62386-101 clause 8.1)."""

ANSWER_FROM_S = 0.0055
"""From the end of a forward frame to the earliest begin of a backward frame."""

BACKWARD_FRAME_S = 9 * BIT_S
"""How long a backward frame is on the bus, without the stop condition."""


class ForwardFrame(namedtuple("ForwardFrame", "bits value")):
    """A frame from a control device: `bits` (16 or 24) and its `value` as one number, first bit highest."""

    @property
    def duration_s(self) -> float:
        """How long the frame is on the bus: its start bit and its bits, without the stop condition."""
        return (int(self.bits) + 1) * BIT_S

    def to_bytes(self) -> bytes:
        """The frame's bytes, as they follow each other on the bus."""
        return bytes([(self.value >> shift) & 0xFF for shift in range(self.bits - 8, -1, -8)])


def forward16(first: int, second: int) -> ForwardFrame:
    """The 16-bit forward frame of two bytes. Raises ValueOutOfRange where one is no byte."""
    if not (0 <= first <= 0xFF and 0 <= second <= 0xFF):
        raise ValueOutOfRange("a 16-bit frame takes two bytes, not %r and %r" % (first, second))
    return ForwardFrame(16, (first << 8) | second)


class Transmission(namedtuple("Transmission", "frame twice answer bond")):
    """What a conversation asks of the bus: the frame, whether it goes out twice (within 100 ms), whether gear may
    answer it, and what may come between it and the conversation's next frame (`bond`)."""

    LOOSE = 0  # a level command, which touches no DTR, may pass
    TIED = 1  # nothing may: the next frame has its meaning only directly after this one
    WRITING = 2  # a level command may, but ends the gear's readiness to be written: the sequence must begin again


def bonded(transmission: Transmission, bond: int) -> Transmission:
    """The same frame with another bond to the next one."""
    return Transmission(transmission.frame, transmission.twice, transmission.answer, bond)


class Pause(namedtuple("Pause", "seconds")):
    """What an inquiry yields where gear needs time: nothing of it is sent for so long; others may use the bus."""


class Reply(namedtuple("Reply", "kind value")):
    """What came back in the answer's window: exactly one of VALUE (with `value` 0-255), NO_ANSWER, COLLISION.

    A collision is a result: on COMPARE it means yes, on any other query that several gear have answered.
    """

    NO_AS_FRAME = 0x00
    """The standard's NO is silence. Gear seen in the field says it with this frame, to COMPARE too."""

    VALUE = "value"
    NO_ANSWER = "no answer"
    COLLISION = "collision"

    @property
    def is_heard(self) -> bool:
        """Whether any gear answered at all, no matter what."""
        return bool(self.kind != self.NO_ANSWER)

    @property
    def is_yes(self) -> bool:
        """Whether any gear answered yes to a query that only means yes or silence; a lone frame of 0x00 says no."""
        return bool(self.kind != self.NO_ANSWER and self.value != self.NO_AS_FRAME)


NO_ANSWER = Reply(Reply.NO_ANSWER, None)
COLLISION = Reply(Reply.COLLISION, None)


def answered(value: int) -> Reply:
    """The reply of one clean backward frame."""
    return Reply(Reply.VALUE, value)
