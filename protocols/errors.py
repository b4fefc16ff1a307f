"""What can be wrong with bytes and conversations.

ProtocolError
 +- MalformedBytes        a line or frame from outside breaks its format
 +- ValueOutOfRange       a value that the wire format cannot carry
 +- ConversationFailed    a sequence could not be finished
     +- NotAnswered       a gear that should answer was silent
     +- SeveralAnswered   more than one gear answered to one short address
     +- Interrupted       another frame came in between, where none may: begin the sequence again
"""


class ProtocolError(Exception):
    """The root: what is wrong, in one sentence."""


class MalformedBytes(ProtocolError):
    """Bytes from outside break their format."""


class ValueOutOfRange(ProtocolError):
    """A value that the wire format cannot carry."""


class ConversationFailed(ProtocolError):
    """A sequence could not be finished."""


class NotAnswered(ConversationFailed):
    """A gear that should answer was silent."""


class SeveralAnswered(ConversationFailed):
    """More than one gear answered where only one should: a short address is given twice."""


class Interrupted(ConversationFailed):
    """Another frame came in between, where none may. Thrown into a conversation, which may begin its sequence again."""
