"""Surveys a bus: which short addresses answer, which of them several gear have, and whether any gear has none.

IEC 62386-102 clauses 11.5 and 11.7. Each function is an Inquiry (see inquiries.py); none changes an address.
"""

from collections import namedtuple

from protocols.dali import addresses, gear_commands
from protocols.dali.commissioning import ALL, RANDOMISED_AFTER_S, YES
from protocols.dali.frames import COLLISION, Pause, Reply
from protocols.dali.short_addresses import SHORT_ADDRESSES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from typing import Any  # noqa: TID251 - only type checkers come here

    from protocols.dali.inquiries import Conversation

IN_A_PIECE = 8
"""The addresses that are asked in one piece: few enough that other callers need not wait long for the bus."""
RANDOM_ADDRESS_BYTES = ("QUERY RANDOM ADDRESS (H)", "QUERY RANDOM ADDRESS (M)", "QUERY RANDOM ADDRESS (L)")


class Survey(namedtuple("Survey", "present several nonsense any_without")):
    """The short addresses that answer (`present`), those of them where several gear were heard at once, those that
    answered with another byte than YES (`nonsense`), and whether any gear is without a short address.

    Several gear whose equal answers fall on each other are heard as one; `shared` finds them.
    """


def survey(tell: "Callable[[float], None] | None" = None) -> "Generator[Conversation[Any], Any, Survey]":
    """Asks all 64 short addresses, and the gear without one, in 65 frames. `tell` hears the share (0-1) that is
    done."""
    present: "list[int]" = []
    several: "list[int]" = []
    nonsense: "list[int]" = []
    for first in range(0, SHORT_ADDRESSES, IN_A_PIECE):
        replies = yield _present(range(first, first + IN_A_PIECE))
        for number, reply in enumerate(replies, first):
            if reply.is_heard:
                present.append(number)
            if reply == COLLISION:
                several.append(number)
            elif reply.is_heard and reply.value != YES:
                nonsense.append(number)
        if tell is not None:
            tell((first + IN_A_PIECE) / SHORT_ADDRESSES)
    without = yield _any_without()
    return Survey(tuple(present), tuple(several), tuple(nonsense), without)


def shared(numbers: "Iterable[int]") -> "Generator[Conversation[Any] | Pause, Any, tuple[int, ...]]":
    """Finds out which of these short addresses several gear have.

    All gear draws a random address and tells it when asked. Two gear with one short address hardly ever draw equal
    ones, so their answers collide.
    """
    yield _draw()
    yield Pause(RANDOMISED_AFTER_S)
    found = []
    for number in numbers:
        by_several = yield _several_random_addresses(number)
        if by_several:
            found.append(number)
    yield _end()
    return tuple(found)


def _present(numbers: "Iterable[int]") -> "Conversation[list[Reply]]":
    replies = []
    for number in numbers:
        reply = yield gear_commands.command(addresses.short(number), "QUERY CONTROL GEAR PRESENT")
        replies.append(reply)
    return replies


def _any_without() -> "Conversation[bool]":
    reply = yield gear_commands.command(addresses.BROADCAST, "QUERY MISSING SHORT ADDRESS")
    return reply.is_yes


def _draw() -> "Conversation[None]":
    yield gear_commands.special("INITIALISE", ALL)
    yield gear_commands.special("RANDOMISE")


def _end() -> "Conversation[None]":
    yield gear_commands.special("TERMINATE")


def _several_random_addresses(number: int) -> "Conversation[bool]":
    for name in RANDOM_ADDRESS_BYTES:
        reply: Reply = yield gear_commands.command(addresses.short(number), name)
        if reply == COLLISION:
            return True
    return False
