"""DALI frames and the replies to them: IEC 62386-101, forward frames of 16 and 24 bits, backward frames of 8 bits."""

from collections import namedtuple

from protocols.errors import ValueOutOfRange

BIT_S = 1 / 1200
"""One bit on the bus (IEC 62386-101 clause 8.1)."""

ANSWER_FROM_S = 0.0055
"""The shortest time from the end of a forward frame to the begin of a backward frame."""

BACKWARD_FRAME_S = 9 * BIT_S
"""The time that a backward frame takes on the bus, without the stop condition."""


class ForwardFrame(namedtuple("ForwardFrame", "bits value")):
    """A frame from a control device: `bits` (16 or 24), and its `value` as one number whose highest bit comes first."""

    @property
    def duration_s(self) -> float:
        """The seconds that the frame takes on the bus: its start bit and its bits, without the stop condition."""
        return (int(self.bits) + 1) * BIT_S

    def to_bytes(self) -> bytes:
        """Returns the frame's bytes in the order in which they go over the bus."""
        return bytes([(self.value >> shift) & 0xFF for shift in range(self.bits - 8, -1, -8)])


def forward16(first: int, second: int) -> ForwardFrame:
    """Returns the 16-bit forward frame of two bytes. Raises ValueOutOfRange if either is not 0 to 255."""
    if not (0 <= first <= 0xFF and 0 <= second <= 0xFF):
        raise ValueOutOfRange("a 16-bit frame takes two bytes, not %r and %r" % (first, second))
    return ForwardFrame(16, (first << 8) | second)


class Transmission(namedtuple("Transmission", "frame twice answer bond")):
    """A frame that a conversation asks the bus to send.

    `twice` says whether it goes out twice (within 100 ms), `answer` whether gear may answer it, and `bond` which frames
    may come between it and the conversation's next frame.
    """

    LOOSE = 0  # a level command may pass, for it touches no DTR
    TIED = 1  # no frame may pass: the next frame has its meaning only directly after this one
    WRITING = 2  # a level command may pass, but it closes the gear for writing: the sequence must begin again


def bonded(transmission: Transmission, bond: int) -> Transmission:
    """Returns this transmission with another bond (LOOSE, TIED or WRITING) to the next frame."""
    return Transmission(transmission.frame, transmission.twice, transmission.answer, bond)


class Pause(namedtuple("Pause", "seconds")):
    """A wait of `seconds`, which an inquiry yields when gear needs time. Other callers may use the bus meanwhile."""


class Reply(namedtuple("Reply", "kind value")):
    """The outcome of the answer window: exactly one of VALUE (with `value` 0-255), NO_ANSWER and COLLISION.

    A collision is a result, not an error: to COMPARE it means yes, to any other query that several gear have answered.
    """

    NO_AS_FRAME = 0x00
    """The standard's NO is silence, but some gear in the field says it with this frame, to COMPARE too."""

    VALUE = "value"
    NO_ANSWER = "no answer"
    COLLISION = "collision"

    @property
    def is_heard(self) -> bool:
        """True if any gear answered at all, with a byte or with a collision."""
        return bool(self.kind != self.NO_ANSWER)

    @property
    def is_yes(self) -> bool:
        """True if any gear answered yes to a yes-or-no query. Silence means no, and so does a lone frame of 0x00."""
        return bool(self.kind != self.NO_ANSWER and self.value != self.NO_AS_FRAME)


NO_ANSWER = Reply(Reply.NO_ANSWER, None)
COLLISION = Reply(Reply.COLLISION, None)


def answered(value: int) -> Reply:
    """Returns the reply that one clean backward frame with this byte (0-255) makes."""
    return Reply(Reply.VALUE, value)
