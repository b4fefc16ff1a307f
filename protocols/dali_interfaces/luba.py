"""How a host talks to Lunatone's LUBA interfaces (RS232 and USB): binary messages, 38400 8N1, from the LUBA protocol.

Each message, either way::

    [ 59 ][ command ][ length ][ payload ][ check ]
      1b      1b        1b       0-23b       1b       bytes of 0.26 ms
    length: of the payload
    check:  exclusive or of command, length and payload

    host to interface                              interface to host
    32  add a frame: line, bits, mode, 4 bytes     33  added: the frame's number; or refused: the reason
    2C  what is the status of this line?           2D  status: line, tick, entries, voltage
    2A  set up: mode, events, bus supply           2B  the settings
    28  what can this product do?                  29  the descriptor
                                                   31  event: tick, line, kind, number or bits, frame

Timing::

    line  [ 32 ][ 33 number ]                                [ 31 sent, number ]  [ 31 received, 8 bits ]
    bus              [ settled for its priority ][ forward frame ]..[ backward frame ][ stop ]

The interface buffers frames, settles the bus for each and numbers it; 33 and 31 carry the number, and events the tick
of the interface's own clock, so that an answer can be told from a late one. Nothing says that no answer came.

Faults: a flipped bit breaks the check, and a lost byte shifts the message: either costs that message and no other. One
loss does not show: a 59 inside a message whose next byte is a start again (see MessageReader). A message that has begun
holds up what follows until its length is full: the reader's owner drops it when the line falls silent.
"""

from collections import namedtuple

from protocols.dali.frames import ForwardFrame, Transmission
from protocols.dali_interfaces.product import Product
from protocols.errors import ValueOutOfRange

BAUD = 38400
CHARACTER_S = 10 / BAUD
"""One character on the wire: start bit, 8 data bits, stop bit. USB is faster."""

TICK_S = 0.001
"""The unit of the interface's tick. The documents at hand do not state it: correct it here."""
TICKS = 0x10000
"""The tick counts on from 0 after this many."""

START = 0x59
LONGEST_PAYLOAD = 23

QUERY_DESCRIPTOR, DESCRIPTOR = 0x28, 0x29
SET_UP, SETTINGS = 0x2A, 0x2B
QUERY_STATUS, STATUS = 0x2C, 0x2D
EVENT = 0x31
ADD_FRAME, ADDED = 0x32, 0x33

_PAYLOADS = {DESCRIPTOR: (19, 23), SETTINGS: (2, 23), STATUS: (1, 23), EVENT: (4, 9), ADDED: (1, 2)}
"""What an interface says, and how long it may be: shortest and longest payload. No event is longer than tick, line,
status, number and a frame of 32 bits: a longer one is two messages that a broken length has run together."""

PLAIN_MODE = 0x00
"""No keep-alive PING of its own, and frames also go out in initialise and quiescent mode."""
EVENTS = 0x12
"""Which events are off: the buffer's and those of macros. Sent and received frames are told, with line and tick."""
SUPPLY_ON = 0x80
TWICE = 0x80
BUS_VOLTAGE_ERROR = 0x80

ONLY_START, FRAMING_ERROR = 62, 63
"""In place of a number of bits: nothing but a start bit, or bits that break the timing."""

PRIORITIES = (1, 2, 3, 4, 5)


class Refusal:
    """Why the interface takes no frame."""

    BUS_VOLTAGE = 1
    INITIALISE_MODE = 2
    QUIESCENT_MODE = 3
    BUFFER_FULL = 4
    NO_SUCH_LINE = 5
    SYNTAX = 6
    MACRO = 7


class Accepted(namedtuple("Accepted", "number")):
    """The frame was taken; `number` comes again when it is sent."""


class Refused(namedtuple("Refused", "reason")):
    """The frame was not taken; `reason` is one of Refusal's."""


class Sent(namedtuple("Sent", "tick channel number content")):
    """The frame of this number has gone out; `content` is its bytes. A send-twice frame is told twice."""


class Received(namedtuple("Received", "tick channel bits value")):
    """What came over the bus: a frame of so many bits, or `bits` 0 where it was no whole frame."""

    @property
    def forward_frame(self) -> "ForwardFrame | None":
        """Another master's frame, where it is one."""
        return ForwardFrame(self.bits, self.value) if self.bits in (16, 24) else None


class Status(namedtuple("Status", "tick channel entries powered")):
    """`entries` frames wait to be sent; whether the bus has voltage. An answer to the host: nothing that the interface
    had to say before it comes after it."""


class Settings(namedtuple("Settings", "mode events")):
    """The settings as they now are."""


class Descriptor(namedtuple("Descriptor", "has_supply")):
    """What the product can do: whether it has a bus supply that the host can switch."""


def encode(channel: int, transmission: Transmission, priority: int) -> bytes:
    """The message that has this frame sent on line 1-4, settled for its priority 1-5."""
    frame = transmission.frame
    if frame.bits not in (16, 24) or priority not in PRIORITIES:
        raise ValueOutOfRange("the LUBA interface cannot send %d bits at priority %r" % (frame.bits, priority))
    mode = priority | (TWICE if transmission.twice else 0)
    content = frame.to_bytes()
    return message(ADD_FRAME, bytes([_line(channel), frame.bits, mode]) + content + bytes(4 - len(content)))


def query_status(channel: int) -> bytes:
    """The message that asks after line 1-4; no bus traffic."""
    return message(QUERY_STATUS, bytes([_line(channel)]))


def query_descriptor() -> bytes:
    """The message that asks what the product can do."""
    return message(QUERY_DESCRIPTOR, b"")


def set_up(supply: bool) -> bytes:
    """The message with the settings that this driver relies on, and the switch of the product's own bus supply."""
    return message(SET_UP, bytes([PLAIN_MODE, EVENTS, SUPPLY_ON if supply else 0]))


def message(command: int, payload: bytes) -> bytes:
    """A whole message with its start and its check."""
    content = bytes([command, len(payload)]) + payload
    return bytes([START]) + content + bytes([_check(content)])


def ticks_between(earlier: int, later: int) -> int:
    """How many ticks later the second one is, less than 65536."""
    return (later - earlier) % TICKS


class MessageReader:
    """Bytes in, messages out. What does not fit is passed over byte by byte, so that a lost or broken byte costs the
    message that it belonged to and no other; `noise_bytes` counts them. (One loss cannot be seen: that of a 59 inside a
    message which the next one follows at once, because its start is then the right check. So drop what has begun.)"""

    def __init__(self) -> None:
        self._pending = b""
        self.noise_bytes = 0

    def feed(self, content: bytes) -> "list[object]":
        """The messages that these bytes complete; events that nobody needs are left out."""
        self._pending += content
        messages: "list[object]" = []
        while self._pending:
            length = _length(self._pending)
            if length > len(self._pending):
                break
            if length:
                _parse(self._pending, messages)
            else:
                self.noise_bytes += 1
            self._pending = self._pending[length or 1 :]
        return messages

    @property
    def has_begun(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._pending)

    def drop_rest(self) -> "list[object]":
        """What has begun will not end: the messages that are whole inside it."""
        messages: "list[object]" = []
        while self._pending:
            begun = self._pending
            self._pending = b""
            self.noise_bytes += 1
            messages += self.feed(begun[1:])
        return messages


def _length(pending: bytes) -> int:
    """How long the message is that begins here: 0 where none does, more than is there while it may still become one."""
    if pending[0] != START:
        return 0
    if len(pending) < 3:
        return 0 if len(pending) == 2 and pending[1] not in _PAYLOADS else 4
    bounds = _PAYLOADS.get(pending[1])
    if bounds is None or not bounds[0] <= pending[2] <= bounds[1]:
        return 0
    length = 4 + pending[2]
    if len(pending) >= length and _check(pending[1 : length - 1]) != pending[length - 1]:
        return 0
    return length


def _parse(raw: bytes, messages: "list[object]") -> None:
    command = raw[1]
    payload = raw[3 : 3 + raw[2]]
    if command == EVENT:
        _parse_event(payload, messages)
    elif command == ADDED:
        messages.append(Accepted(payload[0]) if len(payload) == 2 else Refused(payload[0]))
    elif command == STATUS and len(payload) >= 6:
        powered = not payload[5] & BUS_VOLTAGE_ERROR
        messages.append(Status(_tick(payload[1:]), payload[0] + 1, payload[4], powered))
    elif command == SETTINGS:
        messages.append(Settings(payload[0], payload[1]))
    elif command == DESCRIPTOR:
        messages.append(Descriptor(bool(payload[18] & 0x80)))


def _parse_event(payload: bytes, messages: "list[object]") -> None:
    tick, channel = _tick(payload), payload[2] + 1
    kind, info, content = payload[3] >> 6, payload[3] & 0x3F, payload[4:]
    if kind == 0 and content:
        messages.append(Sent(tick, channel, content[0], content[1:]))
    elif kind == 2 and info in (ONLY_START, FRAMING_ERROR):
        messages.append(Received(tick, channel, 0, 0))
    elif kind == 2 and info and len(content) == (info + 7) // 8:
        value = 0
        for byte in content:
            value = value << 8 | byte
        messages.append(Received(tick, channel, info, value >> (8 * len(content) - info)))


def _tick(payload: bytes) -> int:
    return payload[0] << 8 | payload[1]


def _line(channel: int) -> int:
    if not 1 <= channel <= 4:
        raise ValueOutOfRange("the LUBA interface has lines 1 to 4, not %r" % (channel,))
    return channel - 1


def _check(content: bytes) -> int:
    check = 0
    for byte in content:
        check ^= byte
    return check


def _messages(channel: int, transmission: Transmission, priority: int) -> "list[bytes]":
    return [encode(channel, transmission, priority)]


PRODUCT = Product(
    "luba",
    title="Lunatone interfaces that speak LUBA, RS232 and USB",
    driver="drivers.dali.luba:Luba",
    emulation="hil.devices.luba:Luba",
    baud=BAUD,
    channels=4,
    greeting=(set_up(True),),
    messages=_messages,
    chatter=(
        b"\x59\x31\x06\x00\x00\x00\x90\x01\x90\x36",  # a 16-bit frame received
        b"\x59\x31\x05\x00\x00\x00\x88\x7f\xc3",  # an answer received, of a time long ago
        b"\x59\x31\x07\x00\x00\x00\x10\x09\x07\xa0\x88",  # a frame sent that this host has not handed over
        b"\x59\x31\x04\x00\x00\x00\xbf\x8a",  # bits that break the timing
    ),
)
