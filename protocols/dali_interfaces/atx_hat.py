"""How a host talks to the ATX LED DALI HAT (AL-DALI-HAT, DALI-Pi): ASCII lines, 19200 8N1, from the vendor's examples.

Each line, either way::

    [ bus ][ letter ][ hex digits ][ \\n ]
      0-1      1         0 to 6      1       characters of 0.52 ms
    bus: nothing for the first bus; 1, 2, 3 for the second, third and fourth

    host to HAT                             HAT to host
    hFFFF    send 16 bits                   J FF      the answer
    tFFFF    send 16 bits twice             N         no answer
    lFFFFFF  send 24 bits                   X         several answers, or a broken one
    d        what is the bus status?        Z         the frame met another master's and did not go out
    v        which version?                 H FFFF    another master's frame of 16 bits
                                            L FFFFFF  another master's frame of 24 bits
                                            D FF      the bus status, asked for or after a change
                                            V FFFF    the version
    (without the spaces)

Timing, from the end of the command line::

    bus   [ forward frame ]....5.5 to 12.4 ms....[ backward frame ][ stop ]
              14.17 ms                                 7.5 ms       2.45 ms
    line                                         ^ N, 12.4 ms               ^ J, X

Faults: no line has a check sum or a number. A flipped bit may make another command or another answer, and nothing shows
it; a lost digit makes a line of the wrong length, which is noise. A lost line end runs two lines together: both are
noise. The HAT holds a few commands, and replies to them in their order.
"""

from collections import namedtuple

from protocols.dali.frames import COLLISION, NO_ANSWER, ForwardFrame, Transmission, answered
from protocols.dali_interfaces.product import Product
from protocols.errors import ValueOutOfRange

BAUD = 19200
CHARACTER_S = 10 / BAUD
"""One character on the wire: start bit, 8 data bits, stop bit."""

NO_ANSWER_AFTER_S = 0.0124
"""The HAT says N this long after the forward frame: the end of the backward frame's window."""

STOP_CONDITION_S = 0.00245
"""What every frame ends with, and what the HAT must have seen before it can report the frame."""

LONGEST_LINE = 16
"""More than any answer has. What is longer is noise, dropped up to its line end."""

COMMAND_CHARACTERS = 6
"""Of a 16-bit frame: letter, four digits, line end."""

QUERY_VERSION = b"v\n"


class Line(namedtuple("Line", "kind channel content")):
    """One line from the HAT. `channel` is the bus, 1-4; `content` depends on the kind."""

    REPLY = "reply"  # content: Reply
    NOT_SENT = "not sent"  # the frame collided with another master's: send it again
    FOREIGN = "foreign"  # content: ForwardFrame of another master
    BUS_STATUS = "bus status"  # content: one of the STATUS values
    VERSION = "version"  # content: the digits as text
    NOISE = "noise"  # content: the bytes; nothing that the HAT is known to say


class BusStatus:
    """The HAT's first status digit."""

    NO_POWER = 0
    STUCK = 1
    POWERED = 2
    UNKNOWN = 3
    TOO_HIGH = 4


def encode(channel: int, transmission: Transmission) -> bytes:
    """The command line that sends this on bus 1-4. The HAT sends 16 bits twice by itself; a line of 24 bits goes to it
    twice (`lines_for`)."""
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
    """How often the command line goes to the HAT."""
    return 2 if transmission.twice and transmission.frame.bits == 24 else 1


def query_status(channel: int) -> bytes:
    """The command line that asks for the bus status; it also clears a power event."""
    return prefix(channel) + b"d\n"


def prefix(channel: int) -> bytes:
    """What a command for this bus begins with."""
    if not 1 <= channel <= 4:
        raise ValueOutOfRange("the ATX HAT has buses 1 to 4, not %r" % (channel,))
    return (b"", b"1", b"2", b"3")[channel - 1]


class LineReader:
    """Bytes in, lines out; noise is a line too, so that nothing is lost in silence."""

    def __init__(self) -> None:
        self._pending = b""

    def drop_rest(self) -> None:
        """What has begun and not ended is no line: its line end was lost, and must not spoil the next one."""
        self._pending = b""

    def feed(self, content: bytes) -> "list[Line]":
        """The lines that these bytes complete."""
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
