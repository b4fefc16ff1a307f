"""The errors of bytes and conversations.

ProtocolError
 +- MalformedBytes        a line or frame from outside breaks its format
 +- ValueOutOfRange       the wire format cannot carry a value
 +- ConversationFailed    a sequence could not be finished
     +- NotAnswered       a gear that should answer was silent
     +- SeveralAnswered   more than one gear answered to one short address
     +- Interrupted       a frame came between two that must stay together: begin the sequence again
"""


class ProtocolError(Exception):
    """The root of all protocol errors; the text says in one sentence what is wrong."""


class MalformedBytes(ProtocolError):
    """A line or frame from outside breaks its format."""


class ValueOutOfRange(ProtocolError):
    """The wire format cannot carry a value."""


class ConversationFailed(ProtocolError):
    """A sequence could not be finished."""


class NotAnswered(ConversationFailed):
    """A gear that should answer was silent."""


class SeveralAnswered(ConversationFailed):
    """More than one gear answered where only one should: a short address is given twice."""


class Interrupted(ConversationFailed):
    """A frame of another sender came between two that must stay together.

    The bus throws it into a conversation, which may begin its sequence again.
    """
