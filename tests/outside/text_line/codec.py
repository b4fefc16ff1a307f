"""The host's end of the DALI interface text_line, which exists for tests only: lines of text, 115200 8N1.

Each line, either way::

    [ letter ][ value ][ check ][ \\n ]
        1        6        2       1       characters of 0.09 ms
    value: hexadecimal; check: the sum of the characters before it, modulo 256, hexadecimal

    host to interface                 interface to host
    s, t  send 16 bits, once, twice   J  the answer        Z  the frame collided
    l, m  send 24 bits, once, twice   N  no answer         P  the bus has no voltage
    ?     asks for the identity       X  a broken answer   I  the identity
                                      H, L  another master's frame of 16, 24 bits
                                      E  the command was not understood

Timing, from the end of the command::

    bus   [ forward frame ]....5.5 to 12.4 ms....[ backward frame ][ stop ]
              14.17 ms                                 7.5 ms       2.45 ms
    line                                         ^ N, 12.4 ms               ^ J, X

Faults: a flipped bit or a lost character breaks the check or the length of a line; a lost line end runs two lines
together, and both are noise.
"""

from collections import namedtuple

from protocols.dali.frames import COLLISION, NO_ANSWER, ForwardFrame, Transmission, answered
from protocols.dali_interfaces.product import Product
from protocols.errors import ValueOutOfRange

BAUD = 115200

LINES = None

LONGEST_MESSAGE = 10
"""Characters, line end included. A longer line is noise, which the reader skips."""

MESSAGE_S = 10 * LONGEST_MESSAGE / BAUD
"""Seconds that one message takes on the line, start and stop bits included."""

NO_ANSWER_AFTER_S = 0.0124
"""Seconds from the end of a forward frame until the interface says that no gear has answered."""

STOP_CONDITION_S = 0.00245
"""Seconds of idle line that end a frame. An interface must see them before it can report the frame."""


class Message(namedtuple("Message", "kind content")):
    """One message from the interface; `content` depends on the kind."""

    REPLY = "reply"  # content: Reply: an answer (protocols.dali.frames.answered), NO_ANSWER or COLLISION
    NOT_SENT = "not sent"  # the frame collided with another master's, or the command came broken: send it again
    FOREIGN = "foreign"  # content: ForwardFrame of another master, or of a sensor
    NO_VOLTAGE = "no voltage"
    IDENTITY = "identity"


def encode(channel: int, transmission: Transmission, priority: int) -> bytes:
    """Returns the line that sends this frame. Raises ValueOutOfRange for a frame of other than 16 or 24 bits."""
    frame = transmission.frame
    if frame.bits not in (16, 24):
        raise ValueOutOfRange(f"text_line cannot send {frame.bits} bits")
    letters = "st" if frame.bits == 16 else "lm"
    return _line(letters[transmission.twice], frame.value)


def first_message(pending: bytes) -> "tuple[int, Message | None]":
    """Returns the number of bytes that the first line takes, and its message; (0, None) while it is not whole yet.

    Noise may come before the line.
    """
    end = pending.find(b"\n") + 1
    return (end, _meaning(pending[:end][-LONGEST_MESSAGE:])) if end else (0, None)


def _meaning(line: bytes) -> "Message | None":
    try:
        letter, value = line[:1].decode(), int(line[1:7], 16)
    except ValueError:
        return None
    if _line(letter, value) != line:
        return None
    if letter == "J":
        return Message(Message.REPLY, answered(value & 0xFF))
    if letter in "HL":
        return Message(Message.FOREIGN, ForwardFrame(16 if letter == "H" else 24, value))
    return _SAID.get(letter)


def _line(letter: str, value: int) -> bytes:
    text = f"{letter}{value:06X}"
    return f"{text}{sum(text.encode()) & 0xFF:02X}\n".encode()


_SAID = {
    "N": Message(Message.REPLY, NO_ANSWER),
    "X": Message(Message.REPLY, COLLISION),
    "Z": Message(Message.NOT_SENT, None),
    "E": Message(Message.NOT_SENT, None),
    "P": Message(Message.NO_VOLTAGE, None),
    "I": Message(Message.IDENTITY, None),
}
QUERY_IDENTITY = _line("?", 0)


class MessageReader:
    """Reads messages from bytes that come in any pieces."""

    def __init__(self) -> None:
        self._pending = b""

    def drop_rest(self) -> None:
        """Drops a message that is not complete: it has lost a byte, and must not spoil the next message."""
        self._pending = b""

    def feed(self, content: bytes) -> "list[Message]":
        """Returns the messages that these bytes complete."""
        self._pending += content
        messages = []
        while self._pending:
            length, message = first_message(self._pending)
            if not length and len(self._pending) <= LONGEST_MESSAGE:
                break
            self._pending = self._pending[length or 1 :]
            if message is not None:
                messages.append(message)
        return messages


PRODUCT = Product(
    "text_line",
    title="Text lines, for tests",
    driver="lichtmast_text_line.driver:TextLine",
    emulation="lichtmast_text_line.emulation:TextLine",
    baud=BAUD,
    greeting=(b"\n",),
    messages=lambda channel, transmission, priority: [encode(channel, transmission, priority)],
    chatter=(_line("H", 0x01FE), _line("L", 0x010203), _line("I", 0), b"J00"),
)
