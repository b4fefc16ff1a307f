"""How a host talks to SevenLab's open DALI USB interface: ASCII, 500000 8N1, from its commands.md and messages.md.

A command, and a record of what happened::

    host to interface   [ letter ][ priority ][ space ][ bits ][ sign ][ value ][ \\r ]
                            1          1          1      1-2      1      1-8      1     characters of 0.02 ms
    letter: S sends, Q sends and reports on the answer; bits and value: hexadecimal; sign: space once, + twice
    ?  asks for the version; it takes no line end and overtakes frames that wait

    interface to host   {  [ millisecond ][ mark ][ code ][ space ][ value ]  }
                        1        8           1       2       1        8       1     characters, hexadecimal
    millisecond: of the interface's own clock, when the frame began
    mark:        > a frame of the host's, : any other record
    code:        10, 18 a frame of 16 or 24 bits; 08 an answer; 81 no answer; 82, 83 bits of bad timing;
                 84 to 86 a collision; 87 a frame that came too early; 90 idle; 91 the bus is low; 92 it is back;
                 A0 to A4 the command was refused

    {0000012c>10 0000ff90}

Timing: the interface settles the bus for the frame's priority and buffers commands::

    bus   [ forward frame ][ stop ]...up to 13.4 ms...[ backward frame ][ stop ]
    line                          ^ {..>10 ..}        ^ {..:81 ..}              ^ {..:08 ..}

Faults: no record has a check sum. Each number has all its digits, so a lost character makes a record of the wrong
length, which is noise. A flipped bit in an answer goes unnoticed. One in a frame of the host's shows, for the interface
reports the frame that it has sent.
"""

from collections import namedtuple

from protocols.dali.frames import ForwardFrame, Transmission
from protocols.dali_interfaces.product import Product
from protocols.errors import ValueOutOfRange

BAUD = 500_000
CHARACTER_S = 10 / BAUD
"""The time of one character on the wire: start bit, 8 data bits, stop bit."""

STOP_CONDITION_S = 0.00245
"""The silence that ends every frame; the interface reports a frame only after it."""

LAST_ANSWER_BEGIN_S = 0.0134
"""The interface takes an answer that begins up to this long after the query (IEC 62386-101 table 20)."""

TIMEOUT_AFTER_S = STOP_CONDITION_S + LAST_ANSWER_BEGIN_S
"""The time from the query's last edge until the interface reports that no gear has answered."""

RECORD_LENGTH = 22
"""The characters of a record with its braces; every number in it has all its digits, so that a lost one shows."""

LONGEST_LINE = 60
"""More characters than any record or line of text has. A longer one is noise."""

QUERY_INFORMATION = b"?"
"""The command that is answered with lines of text; it takes no line end, and overtakes frames that wait."""

_COMMAND_ERRORS = (0xA0, 0xA1, 0xA2, 0xA3, 0xA4)


class Report(namedtuple("Report", "kind at_ms own content")):
    """One report of the interface. `at_ms` is the interface's clock, 32 bits; `own` is True for the host's frames and
    False for all others; `content` depends on the kind."""

    FRAME = "frame"  # content: ForwardFrame
    BACKWARD = "backward"  # content: the byte
    TIMEOUT = "timeout"  # no gear has answered the query
    BAD_TIMING = "bad timing"  # content: microseconds of a bit that is too long or too short: several spoke at once
    COLLISION = "collision"  # content: the code; another master's frame met ours
    EARLY = "early"  # a frame began before the bus had settled
    IDLE = "idle"
    FAILURE = "failure"  # the bus is low
    RECOVERED = "recovered"
    REFUSED = "refused"  # content: the code; the command was not carried out
    VERSION = "version"  # content: the firmware's version as text
    HEADING = "heading"  # the line of text before the version
    NOISE = "noise"  # content: the bytes; the interface is not known to say this


_CODES = {
    0x81: Report.TIMEOUT,
    0x82: Report.BAD_TIMING,
    0x83: Report.BAD_TIMING,
    0x84: Report.COLLISION,
    0x85: Report.COLLISION,
    0x86: Report.COLLISION,
    0x87: Report.EARLY,
    0x90: Report.IDLE,
    0x91: Report.FAILURE,
    0x92: Report.RECOVERED,
}
_WITHOUT_DATA = (Report.TIMEOUT, Report.FAILURE)


def encode(transmission: Transmission, priority: int) -> bytes:
    """Returns the command that sends this, settled for its priority (1-5); of a query, the interface also reports that
    no gear has answered. Raises ValueOutOfRange."""
    frame = transmission.frame
    if not 1 <= priority <= 5:
        raise ValueOutOfRange("a priority is 1 to 5, not %r" % (priority,))
    if not 1 <= frame.bits <= 32 or not 0 <= frame.value < 1 << frame.bits:
        raise ValueOutOfRange("the SevenLab interface cannot send %d in %d bits" % (frame.value, frame.bits))
    if transmission.twice and transmission.answer:
        raise ValueOutOfRange("a frame that goes out twice has no answer of its own")
    letter = "Q" if transmission.answer else "S"
    sign = "+" if transmission.twice else " "
    return ("%s%d %X%s%X\r" % (letter, priority, frame.bits, sign, frame.value)).encode()


class ReportReader:
    """Takes bytes in any pieces and gives reports. Noise is a report too, so that no byte is lost in silence."""

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, content: bytes) -> "list[Report]":
        """Returns the reports that these bytes complete."""
        reports = []
        for place in range(len(content)):
            byte = content[place : place + 1]
            whole = b""
            if byte == b"{" or byte == b"\n":
                whole, self._pending = self._pending, (byte if byte == b"{" else b"")
            elif byte == b"}":
                whole, self._pending = self._pending + byte, b""
            elif len(self._pending) <= LONGEST_LINE:
                self._pending += byte
            if whole.strip():
                reports.append(_parse(whole))
        return reports

    def drop_rest(self) -> bool:
        """Drops a report that has begun and not ended. Returns True if there was one."""
        began = bool(self._pending.strip())
        self._pending = b""
        return began


def _parse(raw: bytes) -> Report:
    if raw[:1] == b"{" and raw[-1:] == b"}":
        return _record(raw) or _noise(raw)
    text = raw.strip()
    if text[:8] == b"Version " and all(byte in b"0123456789." for byte in text[8:]):
        return Report(Report.VERSION, 0, False, text[8:].decode())
    if text[:18] == b"DALI USB interface":
        return Report(Report.HEADING, 0, False, None)
    return _noise(raw)


def _noise(raw: bytes) -> Report:
    return Report(Report.NOISE, 0, False, raw)


def _record(raw: bytes) -> Report | None:
    at, mark, length, space, content = raw[1:9], raw[9:10], raw[10:12], raw[12:13], raw[13:-1]
    if len(raw) != RECORD_LENGTH or mark not in (b":", b">") or space != b" " or not _is_hex(at + length + content):
        return None
    return _meaning(int(at, 16), mark == b">", int(length, 16), int(content, 16))


def _meaning(at_ms: int, own: bool, length: int, value: int) -> Report | None:
    """Returns the report in a record, or None if the record contradicts itself: a digit was changed on the line."""
    if length in (16, 24):
        return Report(Report.FRAME, at_ms, own, ForwardFrame(length, value)) if value >> length == 0 else None
    if length == 8:
        return Report(Report.BACKWARD, at_ms, own, value) if value <= 0xFF else None
    if length in _COMMAND_ERRORS:
        return Report(Report.REFUSED, at_ms, own, length) if value == 0 and not own else None
    kind = _CODES.get(length)
    if kind is None or (kind in _WITHOUT_DATA and value):
        return None
    if kind == Report.BAD_TIMING:
        # The microseconds stand above the number of the bit; there are always some.
        return Report(kind, at_ms, own, value >> 8) if value >> 8 else None
    return Report(kind, at_ms, own, length)


def _is_hex(digits: bytes) -> bool:
    return all(byte in b"0123456789ABCDEFabcdef" for byte in digits)


PRODUCT = Product(
    "sevenlab",
    title="SevenLab DALI USB",
    driver="drivers.dali.sevenlab:SevenLab",
    emulation="hil.devices.sevenlab:SevenLab",
    baud=BAUD,
    greeting=(b"\r",),  # it ends a command that was cut off in the middle
    messages=lambda _channel, transmission, priority: [encode(transmission, priority)],
    chatter=(
        b"{0000012c:10 000001fe}\r\n",  # another master's frame
        b"{0000012c:08 0000007f}\r\n",  # an answer of long ago
        b"{0000012c>10 0000a900}\r\n",  # a frame sent that this host has not handed over
        b"{0000012c:83 0004e203}\r\n",  # bits that break the timing
        b"{0000012c:90 00000000}\r\n",
    ),
)
