"""Puts conversations together: begins them again after an interruption, and runs long ones in pieces.

IEC 62386-102 clause 9.10: the DTRs and the write-enabled state belong to the master that used them last. An Inquiry is
a generator of conversations. It yields them one after the other, each of at most about 0.3 s of bus time, receives the
result of each, and returns its own. The caller that runs it lets others onto the bus between the pieces.
"""

from protocols.dali.sequences import TRIES
from protocols.errors import ConversationFailed, Interrupted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any, TypeVar  # noqa: TID251 - only type checkers come here

    from protocols.dali.frames import Reply, Transmission

    T = TypeVar("T")
    Conversation = Generator[Transmission, Reply, T]
    Inquiry = Generator[Generator[Transmission, Reply, Any], Any, T]


def begun_again(begin: "Callable[..., Conversation[T]]", *arguments: object) -> "Conversation[T]":
    """Returns the result of the conversation begin(*arguments), which begins anew each time that it is interrupted.

    Raises Interrupted after TRIES interruptions, which are too many for chance.
    """
    for _ in range(TRIES):
        try:
            result = yield from begin(*arguments)
        except Interrupted:
            continue
        return result
    raise Interrupted("other frames keep coming between those of a sequence: let the other master rest, then try again")


def in_one(inquiry: "Inquiry[T]") -> "Conversation[T]":
    """Runs the inquiry as one conversation and returns its result, for a bus that no other caller waits for.

    The error of a piece that fails is thrown into the inquiry, so that it can leave the gear as it was.
    """
    try:
        piece = next(inquiry)
        while True:
            outcome = yield from _outcome(piece)
            piece = inquiry.throw(outcome) if isinstance(outcome, ConversationFailed) else inquiry.send(outcome)
    except StopIteration as end:
        whole: "T" = end.value
        return whole


def _outcome(conversation: "Conversation[T]") -> "Conversation[T | ConversationFailed]":
    try:
        result = yield from conversation
    except ConversationFailed as failure:
        return failure
    return result
