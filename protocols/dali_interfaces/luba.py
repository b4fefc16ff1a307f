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
                                                   31  event: tick, line, sent or received,
                                                       number or bits, frame

Timing (the bus settles for 13.5 to 21.1 ms, by priority)::

    bus             [ settled ][ forward frame ]....5.5 to 12.4 ms....[ backward frame ][ stop ]
                                   14.17 ms                                 7.5 ms       2.45 ms
    line  [ 32 ][ 33 number ]                    ^ 31 sent, 2.45 ms                             ^ 31 received

The interface buffers frames, settles the bus for each and numbers it. 33 and 31 carry the number; 31 also carries the
tick of the interface's own clock, which tells an answer from a late one. No message says that no answer came.

Faults: a flipped bit breaks the check, and a lost byte shifts the message: either costs that message and no other. One
loss does not show: that of a 59 inside a message, if the next message follows at once (see MessageReader). A message
that has begun holds up the following ones until it is complete: the driver drops it when the line falls silent.
"""

from collections import namedtuple

from protocols.dali.frames import ForwardFrame, Transmission
from protocols.dali_interfaces.product import Product
from protocols.errors import ValueOutOfRange

BAUD = 38400
CHARACTER_S = 10 / BAUD
"""The time of one character on the wire: start bit, 8 data bits, stop bit. USB is faster."""

TICK_S = 0.001
"""The unit of the interface's tick. The documents at hand do not state it: correct it here."""
TICKS = 0x10000
"""The tick begins again from 0 after this many."""

START = 0x59
LONGEST_PAYLOAD = 23

QUERY_DESCRIPTOR, DESCRIPTOR = 0x28, 0x29
SET_UP, SETTINGS = 0x2A, 0x2B
QUERY_STATUS, STATUS = 0x2C, 0x2D
EVENT = 0x31
ADD_FRAME, ADDED = 0x32, 0x33

_PAYLOADS = {DESCRIPTOR: (19, 23), SETTINGS: (2, 23), STATUS: (1, 23), EVENT: (4, 9), ADDED: (1, 2)}
"""The messages of an interface with their shortest and longest payload. No event is longer than tick, line, status,
number and a frame of 32 bits: a longer one is two messages that a broken length has run together."""

PLAIN_MODE = 0x00
"""The interface sends no keep-alive PING of its own, and sends frames also in initialise and quiescent mode."""
EVENTS = 0x12
"""The events that are off: those of the buffer and of macros. Sent and received frames are told, with line and tick."""
SUPPLY_ON = 0x80
TWICE = 0x80
BUS_VOLTAGE_ERROR = 0x80

ONLY_START, FRAMING_ERROR = 62, 63
"""These stand in place of a number of bits: only a start bit came, or bits that break the timing."""

PRIORITIES = (1, 2, 3, 4, 5)


class Refusal:
    """The reasons for which the interface takes no frame."""

    BUS_VOLTAGE = 1
    INITIALISE_MODE = 2
    QUIESCENT_MODE = 3
    BUFFER_FULL = 4
    NO_SUCH_LINE = 5
    SYNTAX = 6
    MACRO = 7


class Accepted(namedtuple("Accepted", "number")):
    """The interface has taken the frame; `number` comes again when the frame has been sent."""


class Refused(namedtuple("Refused", "reason")):
    """The interface has not taken the frame; `reason` is one of Refusal's."""


class Sent(namedtuple("Sent", "tick channel number content")):
    """The frame of this number has gone out; `content` is its bytes. A send-twice frame is reported twice."""


class Received(namedtuple("Received", "tick channel bits value")):
    """A frame has come over the bus. It has `bits` bits; 0 stands for bits that were no whole frame."""

    @property
    def forward_frame(self) -> "ForwardFrame | None":
        """The forward frame of another master; None if this is none."""
        return ForwardFrame(self.bits, self.value) if self.bits in (16, 24) else None


class Status(namedtuple("Status", "tick channel entries powered")):
    """The status of a line: `entries` frames wait to be sent; `powered` is True if the bus has voltage.

    It answers a question of the host's: all that the interface had to say before it has arrived before it.
    """


class Settings(namedtuple("Settings", "mode events")):
    """The interface's settings after a change."""


class Descriptor(namedtuple("Descriptor", "has_supply")):
    """The abilities of the product: `has_supply` is True if it has a bus supply that the host can switch."""


def encode(channel: int, transmission: Transmission, priority: int) -> bytes:
    """Returns the message that has this frame sent on line 1-4, settled for its priority, 1-5.

    Raises ValueOutOfRange.
    """
    frame = transmission.frame
    if frame.bits not in (16, 24) or priority not in PRIORITIES:
        raise ValueOutOfRange("the LUBA interface cannot send %d bits at priority %r" % (frame.bits, priority))
    mode = priority | (TWICE if transmission.twice else 0)
    content = frame.to_bytes()
    return message(ADD_FRAME, bytes([_line(channel), frame.bits, mode]) + content + bytes(4 - len(content)))


def query_status(channel: int) -> bytes:
    """Returns the message that asks for the status of line 1-4, without traffic on the bus. Raises ValueOutOfRange."""
    return message(QUERY_STATUS, bytes([_line(channel)]))


def query_descriptor() -> bytes:
    """Returns the message that asks for the product's abilities."""
    return message(QUERY_DESCRIPTOR, b"")


def set_up(supply: bool) -> bytes:
    """Returns the message with the settings that the driver relies on; it also switches the product's bus supply."""
    return message(SET_UP, bytes([PLAIN_MODE, EVENTS, SUPPLY_ON if supply else 0]))


def message(command: int, payload: bytes) -> bytes:
    """Returns a whole message, with its start and its check."""
    content = bytes([command, len(payload)]) + payload
    return bytes([START]) + content + bytes([_check(content)])


def ticks_between(earlier: int, later: int) -> int:
    """Returns by how many ticks (0-65535) the second one is later."""
    return (later - earlier) % TICKS


class MessageReader:
    """Takes bytes in any pieces and gives messages.

    A byte that fits no message is passed over, so that a lost or broken byte costs its own message and no other;
    `noise_bytes` counts such bytes. One loss cannot be seen: that of a 59 inside a message, if the next message follows
    at once, because its start is then the right check. So drop a message that has begun when the line falls silent.
    """

    def __init__(self) -> None:
        self._pending = b""
        self.noise_bytes = 0

    def feed(self, content: bytes) -> "list[object]":
        """Returns the messages that these bytes complete; events that no driver needs are left out."""
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
        """True if a message has begun and not ended."""
        return bool(self._pending)

    def drop_rest(self) -> "list[object]":
        """Drops a message that has begun and will not end. Returns the whole messages that its bytes contain."""
        messages: "list[object]" = []
        while self._pending:
            begun = self._pending
            self._pending = b""
            self.noise_bytes += 1
            messages += self.feed(begun[1:])
        return messages


def _length(pending: bytes) -> int:
    """Returns the length of the message that begins here, or 0 if none does. While a message may still be incomplete,
    that is more than the bytes that are there."""
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
