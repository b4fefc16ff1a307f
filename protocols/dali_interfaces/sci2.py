"""How a host talks to the DALI SCI2 RS232 interface (Lunatone, Tridonic 24166096): five bytes each way, 38400 8N1.

Each message::

    host to interface   [ control ][ high ][ middle ][ low ][ check ]
    interface to host   [ status  ][ high ][ middle ][ low ][ check ]
                            1b        1b      1b       1b      1b       bytes of 0.26 ms
    check: exclusive or of the other four
    a 16-bit frame lies in middle and low; only in the commands of the newer models it lies in high and middle

    control                                 status
    80  tell what others send               60  OK: the identity, asked for
    40  identify; no frame goes out         61  NO: no answer
    10  send twice (newer models)           62  the answer, in low
    02  8 bits: with 40, for the identity   63  another master's frame of 16 bits
    03  a frame of 16 bits                  64  another master's frame of 24 bits (68: newer models)
    08  a frame of 24 bits (newer models)   67  an error, in low (Fault)

Timing, from the end of the command::

    bus   [ forward frame ]....5.5 to 12.4 ms....[ backward frame ][ stop ]
              14.17 ms                                 7.5 ms       2.45 ms
    line                             ^ NO, 10 ms                            ^ the answer

NO comes before the backward frame's window ends: an answer that begins in the last 2.4 ms follows the NO. The interface
holds one command, numbers no frames and takes no priority: the host settles the bus. RTS and DTR supply it.

Faults: a flipped bit breaks the check. There is no start mark: a lost byte shifts the following ones, and the reader
passes over single bytes until five fit again. Error 3 is a broken answer and, in the older model, also a frame that
collided.
"""

from collections import namedtuple

from protocols.dali.frames import BIT_S, COLLISION, NO_ANSWER, ForwardFrame, Transmission, answered
from protocols.dali_interfaces.product import Product
from protocols.errors import ValueOutOfRange

BAUD = 38400
LINES = (True, False)
"""RTS is asserted and DTR is not: the two lines feed the interface."""
CHARACTER_S = 10 / BAUD
"""The time of one character on the wire: start bit, 8 data bits, stop bit."""
SIZE = 5
MESSAGE_S = SIZE * CHARACTER_S

NO_ANSWER_AFTER_S = 0.01
"""The interface says NO this long after the forward frame, which is before the backward frame's window ends."""

STOP_CONDITION_S = 0.00245
"""The silence that ends every frame; the interface can report a frame only after it."""

MONITOR = 0x80
IDENTIFY = 0x40
SEND_TWICE = 0x10
SEND_8, SEND_16, SEND_24 = 2, 3, 8

STATUS_ID = 0x60
OK, NO, BACKWARD_8, FRAME_16, FRAME_24, DSI, ERROR, FRAME_24_NEWER = 0, 1, 2, 3, 4, 5, 7, 8


class Fault:
    """The low byte of an error."""

    CHECK = 1
    BUS_SHORT = 2
    RECEIVE = 3
    UNKNOWN_COMMAND = 4
    COLLISION = 5


class Layout(namedtuple("Layout", "flags_twice sends_24_bits left_aligned tells_collision")):
    """The form of a model's messages, four truths: send-twice is a flag (else it is the host's task); the model sends
    24-bit frames; a shorter frame lies in the first bytes of a command (else in the last); the model tells a frame that
    collided from a broken answer."""


DATASHEET = Layout(False, False, False, False)
NEWER = Layout(True, True, True, True)

QUERY_IDENTITY = bytes([MONITOR | IDENTIFY | SEND_8, 0, 0, 0, MONITOR | IDENTIFY | SEND_8])
"""A question that the interface answers with OK, without traffic on the bus."""

PROBE = bytes([MONITOR | SEND_16, 0xAD, 0xAD, 0x00, MONITOR | SEND_16])
"""A 16-bit frame that moves no gear in either layout: PING, or PING with a second byte that no gear knows. In the wrong
layout any other frame would address other gear."""
PROBE_S = 17 * BIT_S


class Message(namedtuple("Message", "kind content")):
    """One message from the interface; `content` depends on the kind."""

    REPLY = "reply"  # content: Reply
    NOT_SENT = "not sent"  # the frame collided with another master's, or the command came broken: send it again
    FOREIGN = "foreign"  # content: ForwardFrame of another master
    NO_VOLTAGE = "no voltage"
    IDENTITY = "identity"
    NOT_UNDERSTOOD = "not understood"  # this model has no such command


def encode(transmission: Transmission, layout: Layout = DATASHEET) -> bytes:
    """Returns the message that sends this frame, once or (if the model can) twice. Raises ValueOutOfRange for a frame
    that the model cannot send."""
    frame = transmission.frame
    if frame.bits == 16:
        mode, padding = SEND_16, b"\x00"
    elif frame.bits == 24 and layout.sends_24_bits:
        mode, padding = SEND_24, b""
    else:
        raise ValueOutOfRange("this DALI SCI2 model cannot send %d bits" % frame.bits)
    control = MONITOR | mode
    if transmission.twice and layout.flags_twice:
        control |= SEND_TWICE
    content = frame.to_bytes()
    content = content + padding if layout.left_aligned else padding + content
    return _checked(bytes([control]) + content)


class MessageReader:
    """Takes bytes in any pieces and gives messages.

    There is no start mark. A byte with which no message of the interface begins is passed over, so that a lost byte
    costs one message; `noise_bytes` counts such bytes.
    """

    def __init__(self) -> None:
        self._pending = b""
        self.noise_bytes = 0

    def drop_rest(self) -> None:
        """Drops a message that has begun and not ended: a byte was lost, and the rest would spoil the next one."""
        self.noise_bytes += len(self._pending)
        self._pending = b""

    def feed(self, content: bytes) -> "list[Message]":
        """Returns the messages that these bytes complete."""
        self._pending += content
        messages = []
        while self._pending:
            if _can_begin(self._pending):
                if len(self._pending) < SIZE:
                    break
                message = _parse(self._pending[:SIZE])
                if message is not None:
                    messages.append(message)
                    self._pending = self._pending[SIZE:]
                    continue
            self._pending = self._pending[1:]
            self.noise_bytes += 1
        return messages


def _can_begin(pending: bytes) -> bool:
    """Returns True if a message may begin with these bytes: those of its three that it does not use are 0."""
    if pending[0] & 0xF0 != STATUS_ID or pending[0] & 0x0F not in _USED:
        return False
    unused = 3 - _USED[pending[0] & 0x0F]
    return not any(pending[1 : 1 + unused])


_USED = {OK: 0, NO: 0, BACKWARD_8: 1, FRAME_16: 2, FRAME_24: 3, FRAME_24_NEWER: 3, DSI: 3, ERROR: 1}
"""The number of the three bytes that each status uses; it uses the last ones."""

_FAULTS = {
    Fault.CHECK: Message(Message.NOT_SENT, None),
    Fault.UNKNOWN_COMMAND: Message(Message.NOT_UNDERSTOOD, None),
    Fault.BUS_SHORT: Message(Message.NO_VOLTAGE, None),
    Fault.RECEIVE: Message(Message.REPLY, COLLISION),
    Fault.COLLISION: Message(Message.NOT_SENT, None),
}


def _parse(raw: bytes) -> "Message | None":
    if _checked(raw[:4]) != raw:
        return None
    status = raw[0] & 0x0F
    if status == OK:
        return Message(Message.IDENTITY, None)
    if status == NO:
        return Message(Message.REPLY, NO_ANSWER)
    if status == BACKWARD_8:
        return Message(Message.REPLY, answered(raw[3]))
    if status == FRAME_16:
        return Message(Message.FOREIGN, ForwardFrame(16, raw[2] << 8 | raw[3]))
    if status in (FRAME_24, FRAME_24_NEWER):
        return Message(Message.FOREIGN, ForwardFrame(24, raw[1] << 16 | raw[2] << 8 | raw[3]))
    return _FAULTS.get(raw[3]) if status == ERROR else None


def _checked(content: bytes) -> bytes:
    check = 0
    for byte in content:
        check ^= byte
    return content + bytes([check])


def _messages_in(layout: Layout, transmission: Transmission) -> "list[bytes]":
    by_host = transmission.twice and not layout.flags_twice
    return [encode(transmission, layout)] * (2 if by_host else 1)


_CHATTER = (b"\x63\x00\x01\xfe\x9c", b"\x64\x01\x02\x03\x64", b"\x60\x00\x00\x00\x60", b"\x00\xff")

PRODUCT = Product(
    "sci2",
    title="DALI SCI2 RS232 (Lunatone, Tridonic 24166096), after its datasheet",
    driver="drivers.dali.sci2:Sci2",
    emulation="hil.devices.sci2:Sci2",
    baud=BAUD,
    lines=LINES,
    messages=lambda _channel, transmission, _priority: _messages_in(DATASHEET, transmission),
    chatter=_CHATTER,
    sends_24_bits=False,
)

NEWER_PRODUCT = Product(
    "sci2_2",
    title="DALI SCI2 RS232, newer models: send-twice and 24 bits",
    driver="drivers.dali.sci2:Sci2Newer",
    emulation="hil.devices.sci2:Sci2Newer",
    baud=BAUD,
    lines=LINES,
    messages=lambda _channel, transmission, _priority: _messages_in(NEWER, transmission),
    chatter=_CHATTER,
)
