"""How a host talks to the ATX LED DALI HAT (AL-DALI-HAT, DALI-Pi): ASCII lines, 19200 8N1, from the vendor's examples.

Each line, either way::

    [ bus ][ letter ][ hex digits ][ \\n ]
      0-1      1         0 to 6      1       characters of 0.52 ms
    bus: no character for the first bus; 1, 2, 3 for the second, third and fourth

    host to HAT                             HAT to host
    h FFFF   send 16 bits                   J FF      the answer
    t FFFF   send 16 bits twice             N         no answer
    l FFFFFF send 24 bits                   X         several answers, or a broken one
    d        what is the bus status?        Z         the frame met another master's and did not go out
    v        which version?                 H FFFF    another master's frame of 16 bits
                                            L FFFFFF  another master's frame of 24 bits
                                            D FF      the bus status, asked for or after a change; see BusStatus
                                            V FFFF    the version, in 4 to 6 digits
    (without the spaces)

Timing, from the end of the command line::

    bus   [ forward frame ]....5.5 to 12.4 ms....[ backward frame ][ stop ]
              14.17 ms                                 7.5 ms       2.45 ms
    line                                         ^ N, 12.4 ms               ^ J, X

Faults: no line has a check sum or a number. A flipped bit may make another command or another answer, and goes
unnoticed. A lost digit makes a line of the wrong length, which is noise. A lost line end runs two lines together, and
both are noise. The HAT holds a few commands and replies to them in their order.
"""

from collections import namedtuple

from protocols.dali.frames import COLLISION, NO_ANSWER, ForwardFrame, Transmission, answered
from protocols.dali_interfaces.product import Product
from protocols.errors import ValueOutOfRange

BAUD = 19200
CHARACTER_S = 10 / BAUD
"""The time of one character on the wire: start bit, 8 data bits, stop bit."""

NO_ANSWER_AFTER_S = 0.0124
"""The HAT says N this long after the forward frame: the end of the backward frame's window."""

STOP_CONDITION_S = 0.00245
"""The silence that ends every frame; the HAT can report a frame only after it."""

LONGEST_LINE = 16
"""More characters than any line of the HAT has. A longer line is noise, dropped up to its line end."""

COMMAND_CHARACTERS = 6
"""The length of the command for a 16-bit frame: letter, four digits, line end."""

QUERY_VERSION = b"v\n"


class Line(namedtuple("Line", "kind channel content")):
    """One line from the HAT. `channel` is the bus, 1-4; `content` depends on the kind."""

    REPLY = "reply"  # content: Reply
    NOT_SENT = "not sent"  # the frame collided with another master's: send it again
    FOREIGN = "foreign"  # content: ForwardFrame of another master
    BUS_STATUS = "bus status"  # content: one of the STATUS values
    VERSION = "version"  # content: the digits as text
    NOISE = "noise"  # content: the bytes; the HAT is not known to say this


class BusStatus:
    """The first digit of the bus status."""

    NO_POWER = 0
    STUCK = 1
    POWERED = 2
    UNKNOWN = 3
    TOO_HIGH = 4


def encode(channel: int, transmission: Transmission) -> bytes:
    """Returns the command line that sends this on bus 1-4. Raises ValueOutOfRange for another bus or length.

    The HAT repeats a send-twice frame of 16 bits by itself; for one of 24 bits the host writes the line twice (see
    `lines_for`).
    """
    frame = transmission.frame
    if frame.bits == 16:
        letter = b"t" if transmission.twice else b"h"
    elif frame.bits == 24:
        letter = b"l"
    else:
        raise ValueOutOfRange("the ATX HAT cannot send %d bits" % frame.bits)
    digits: str = frame.to_bytes().hex().upper()
    return prefix(channel) + letter + digits.encode() + b"\n"


def lines_for(transmission: Transmission) -> int:
    """Returns how often the host writes the command line: 2 for a send-twice frame of 24 bits, else 1."""
    return 2 if transmission.twice and transmission.frame.bits == 24 else 1


def query_status(channel: int) -> bytes:
    """Returns the command line that asks for the status of bus 1-4; the HAT then also clears a power event."""
    return prefix(channel) + b"d\n"


def prefix(channel: int) -> bytes:
    """Returns the characters with which a command for this bus begins. Raises ValueOutOfRange for a bus beyond 1-4."""
    if not 1 <= channel <= 4:
        raise ValueOutOfRange("the ATX HAT has buses 1 to 4, not %r" % (channel,))
    return (b"", b"1", b"2", b"3")[channel - 1]


class LineReader:
    """Takes bytes in any pieces and gives lines. Noise is a line too, so that no byte is lost in silence."""

    def __init__(self) -> None:
        self._pending = b""

    def drop_rest(self) -> None:
        """Drops a line that has begun and not ended: its line end was lost, and the rest would spoil the next line."""
        self._pending = b""

    def feed(self, content: bytes) -> "list[Line]":
        """Returns the lines that these bytes complete."""
        pieces = (self._pending + content).split(b"\n")
        self._pending = pieces.pop()
        if len(self._pending) > LONGEST_LINE:
            # Keep one byte too many, so that the rest of this line is noise as well, however it arrives.
            self._pending = self._pending[: LONGEST_LINE + 1]
        return [_parse(piece) for piece in pieces if piece.strip()]


def _parse(raw: bytes) -> Line:
    if len(raw) > LONGEST_LINE:
        return Line(Line.NOISE, 1, raw)
    text = raw.strip()
    channel = 1
    if text[:1] in (b"1", b"2", b"3"):
        channel = int(text[:1]) + 1
        text = text[1:]
    letter = text[:1].upper()
    digits = text[1:]
    if letter == b"N" and not digits:
        return Line(Line.REPLY, channel, NO_ANSWER)
    if letter == b"X" and not digits:
        return Line(Line.REPLY, channel, COLLISION)
    if letter == b"Z" and not digits:
        return Line(Line.NOT_SENT, channel, None)
    if letter in _HEX_LETTERS and len(digits) == _HEX_LETTERS[letter] and _is_hex(digits):
        value = int(digits, 16)
        if letter == b"J":
            return Line(Line.REPLY, channel, answered(value))
        return Line(Line.FOREIGN, channel, ForwardFrame(4 * len(digits), value))
    # Two digits, no less: JD1 that lost its first byte must not become a status.
    if letter == b"D" and len(digits) == 2 and _is_hex(digits):
        return Line(Line.BUS_STATUS, channel, int(digits[:1], 16))
    if letter == b"V" and 4 <= len(digits) <= 6 and _is_hex(digits):
        return Line(Line.VERSION, channel, digits.decode())
    return Line(Line.NOISE, channel, raw)


_HEX_LETTERS = {b"J": 2, b"H": 4, b"L": 6}


def _is_hex(digits: bytes) -> bool:
    return all(byte in b"0123456789ABCDEFabcdef" for byte in digits)


def _messages(channel: int, transmission: Transmission, _priority: int) -> "list[bytes]":
    return [encode(channel, transmission)] * lines_for(transmission)


PRODUCT = Product(
    "atx_hat",
    title="ATX LED DALI HAT (AL-DALI-HAT, DALI-Pi), on the Raspberry Pi's header",
    driver="drivers.dali.atx_hat:AtxHat",
    emulation="hil.devices.dali_hat:DaliHat",
    baud=BAUD,
    channels=4,
    greeting=(b"\n",),  # it ends a command that was cut off in the middle
    messages=_messages,
    chatter=(b"H01FE\n", b"L010203\n", b"D21\n", b"P1610000\n"),
    checks_commands=False,
)
