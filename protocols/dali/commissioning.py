"""Finds control gear and gives each a short address: IEC 62386-102 clauses 9.14 and 11.7 (special commands).

`commission` is an Inquiry (see inquiries.py) that also yields Pauses. It keeps the addresses that gear already has. It
may end at any frame and be run again: it gives an address only if no other gear has it.
"""

from collections import namedtuple

from protocols.dali import addresses, gear_commands
from protocols.dali.commissioning_errors import (
    AddressNotTaken,
    AnswersContradict,
    GearVanished,
    NoIsFrame,
    NonsenseAddress,
    SameRandomAddress,
    TooManyGear,
)
from protocols.dali.frames import COLLISION, NO_ANSWER, Pause, Reply
from protocols.dali.random_search import BYTE_SHIFTS, NOWHERE, TOP, RandomSearch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any, TypeVar  # noqa: TID251 - only type checkers come here

    from protocols.dali.addresses import Address
    from protocols.dali.commissioning_errors import CommissioningFailed
    from protocols.dali.inquiries import Conversation
    from protocols.dali.short_addresses import AddressPlan

    News = "Found | CommissioningFailed"
    Tell = Callable[[float, "Found | CommissioningFailed"], None]
    T = TypeVar("T")
    Steps = Generator["Conversation[Any] | Pause", Any, T]

ALL = 0x00
WITHOUT_ADDRESS = 0xFF
"""The gear that INITIALISE reaches: all, or those without a short address. For one gear write `only(address)`."""

MASK = 0xFF
YES = 0xFF

RANDOMISED_AFTER_S = 0.1
"""Gear has its new random address this long after RANDOMISE."""
HEARS_AGAIN_AFTER_S = 0.35
"""Some gear is deaf for 0.3 s after PROGRAM SHORT ADDRESS, while it writes its memory."""
PROGRAM_TRIES = 2
MOST_RANDOMISATIONS = 3
"""Gear that still share a random address after this many draws do not obey RANDOMISE."""
MOST_CONTRADICTIONS = 8
MOST_QUESTIONS = 120
"""A gear is found after about 20 questions; only answers that make no sense lead to this many."""

_SEARCHADDR = {16: "SEARCHADDRH", 8: "SEARCHADDRM", 0: "SEARCHADDRL"}


class Found(namedtuple("Found", "random_address before short_address")):
    """A gear that was found: its random address, the short address that it had `before` (None: none), and the one that
    it has now (None: it could not be given one)."""


class Heard(namedtuple("Heard", "random_address answer")):
    """A gear that has been told apart: its random address and its reply to QUERY SHORT ADDRESS."""


class Outcome(namedtuple("Outcome", "found troubles")):
    """The gear in the order in which they were found, and the `troubles` with some (each a CommissioningFailed)."""


def only(address: int) -> int:
    """Returns the data byte with which INITIALISE reaches only the gear with this short address, 0-63."""
    return address << 1 | 1


def commission(plan: "AddressPlan", whom: int = ALL, tell: "Tell | None" = None) -> "Steps[Outcome]":
    """Finds the gear that INITIALISE(`whom`) reaches, and gives them addresses by the plan. Returns an Outcome.

    A single gear takes 20 frames. If `whom` is not ALL, the plan must know all addresses in use, because gear that is
    not initialised does not answer for its own. `tell(share, news)` hears of each gear and each trouble, with the share
    (0-1) of the search that is done. Raises TooManyGear, NoIsFrame and AnswersContradict after it has ended the gear's
    initialisation; raises ValueError if the plan must be complete and is not.
    """
    if whom != ALL and not plan.taken_is_complete:
        raise ValueError("gear that takes no part cannot say which addresses are taken: make the plan complete")
    work = _Commissioning(plan, tell)
    yield work.begin(whom)
    yield Pause(RANDOMISED_AFTER_S)
    try:
        alone = yield from work.one_alone(_reached(whom))
        while not alone and not work.search.is_over:
            heard = yield work.next_gear()
            if heard is not None:
                yield from work.settle(heard)
    except (TooManyGear, NoIsFrame, AnswersContradict) as failure:
        yield work.end()
        raise failure
    yield work.end()
    return Outcome(tuple(work.found), tuple(work.troubles))


def _reached(whom: int) -> "Address":
    if whom == ALL:
        return addresses.BROADCAST
    return addresses.UNADDRESSED if whom == WITHOUT_ADDRESS else addresses.short(whom >> 1)


class _Commissioning:
    """The conversations of one run, and what they have found."""

    def __init__(self, plan: "AddressPlan", tell: "Tell | None") -> None:
        self.search = RandomSearch()
        self.found: "list[Found]" = []
        self.troubles: "list[CommissioningFailed]" = []
        self._plan = plan
        self._tell = tell
        self._randomisations = 0
        self._seems_alone = False
        self._no_is_frame = False

    def begin(self, whom: int) -> "Conversation[None]":
        yield gear_commands.special("INITIALISE", whom)
        yield gear_commands.special("RANDOMISE")

    def end(self) -> "Conversation[None]":
        yield gear_commands.special("TERMINATE")

    def one_alone(self, reached: "Address") -> "Steps[bool]":
        """Tries the shortcut for a single gear, which is asked for its random address. Returns True if it was the only
        gear.

        Two gear with equal answers are heard as one, so a last COMPARE decides.
        """
        heard = yield self._hear_alone(reached)
        if heard is None:
            return False
        self._seems_alone = True
        drawn_again = yield from self.settle(heard)
        self._seems_alone = False
        if drawn_again:
            return False
        others = yield self._compare(TOP)
        if others.is_yes:
            self.search.start_over()
            self.search.learn(TOP, others)
            return False
        return True

    def _hear_alone(self, reached: "Address") -> "Conversation[Heard | None]":
        address = 0
        for byte in "HML":
            reply = yield gear_commands.command(reached, "QUERY RANDOM ADDRESS (%s)" % byte)
            if reply.kind != Reply.VALUE:
                if reply == COLLISION:
                    self.search.learn(TOP, COLLISION)
                return None
            address = address << 8 | reply.value
        here = yield from self._compare(address)
        if not here.is_yes:
            return None
        answer = yield from self._query(address)
        return Heard(address, answer) if answer.kind == Reply.VALUE else None

    def next_gear(self) -> "Conversation[Heard | None]":
        """Returns the gear with the lowest random address; None if no gear is left or the search must begin again."""
        search = self.search
        for _ in range(MOST_QUESTIONS):
            if search.contradictions > MOST_CONTRADICTIONS:
                break
            if search.is_over:
                return None
            if not search.is_narrow:
                yield from self._ask(search.question())
                continue
            for address in search.candidates:
                reply = yield from self._query(address)
                if reply.is_yes:
                    return Heard(address, reply)
                search.silent(address)
            mute = yield from self._doubt()
            if mute is not None:
                return Heard(mute, NO_ANSWER)
        raise AnswersContradict(
            "the answers of the gear on this bus contradict each other near random address %06X: disconnect every other"
            " controller, check the bus for a bad contact, and run this again" % (search.bound,),
            search.bound,
        )

    def _doubt(self) -> "Conversation[int | None]":
        """Asks again for the answers that have led to an address at which no gear is.

        Returns the random address of a gear that answers COMPARE and nothing else, or None if there is none.
        """
        search = self.search
        bound, was_proven = search.bound, search.is_proven
        search.current = NOWHERE  # perhaps a gear has missed a frame: all three bytes are sent again
        here = yield from self._ask(bound)
        if not here.is_yes:
            if was_proven:
                self._trouble(
                    GearVanished(
                        "a gear with random address %06X or one less answered and then no more: check its connection"
                        " and its mains, and run this again" % bound,
                        bound,
                    )
                )
            return None
        if search.assumed_to > NOWHERE:
            below = yield from self._ask(search.assumed_to)
            if below.is_yes:
                return None
        for address in range(search.empty_to + 1, bound + 1):
            here = yield from self._ask(address)
            if not here.is_yes:
                continue
            if address == 0 and here == COLLISION:
                # Hardly any gear draws 0, and never several: a no that is a frame has met another.
                raise NoIsFrame(
                    "several gear on this bus say no with a frame, so that no search can tell gear apart: connect them"
                    " one by one, and run this for each"
                )
            return address
        return None

    def settle(self, heard: Heard) -> "Steps[bool]":
        """Lets this gear keep its short address, or gives it one. Returns True if gear has drawn new random addresses
        instead."""
        address, answer = heard
        if answer == COLLISION:
            drawn_again = yield from self._shared(address)
            return drawn_again
        before = self._had(address, answer)
        if before is not None and self._plan.keeps(before):
            yield self._keep(address, before)
            self._tell_of(Found(address, before, before))
            return False
        wanted = yield self._free_address(address)
        taken = yield from self._program(address, wanted)
        if taken is None:
            # Two gear took it, with the same random address: neither may keep it.
            yield self._forget(address)
            yield Pause(HEARS_AGAIN_AFTER_S)
            drawn_again = yield from self._shared(address)
            return drawn_again
        yield self._withdraw(address)
        self._tell_of(Found(address, before, wanted if taken else None))
        return False

    def _keep(self, address: int, short_address: int) -> "Conversation[None]":
        yield from self._point_to(address)
        yield gear_commands.special("VERIFY SHORT ADDRESS", only(short_address))
        yield from self._withdraw(address)

    def _forget(self, address: int) -> "Conversation[None]":
        yield from self._point_to(address)
        yield gear_commands.special("PROGRAM SHORT ADDRESS", MASK)

    def _had(self, address: int, answer: Reply) -> int | None:
        if answer.kind == Reply.NO_ANSWER or answer.value == MASK:
            return None
        before: int = answer.value >> 1
        if answer.value & 0x81 == 1:
            return before
        self._trouble(
            NonsenseAddress(
                "the gear with random address %06X says that its short address is 0x%02X, which is none: it is given a"
                " new one; replace the gear if this comes again" % (address, answer.value),
                address,
            )
        )
        return None

    def _free_address(self, address: int) -> "Conversation[int]":
        """Returns a short address that no gear has. Raises TooManyGear."""
        yield from self._point_to(address)
        while True:
            wanted = self._plan.next_free()
            if wanted is None:
                raise TooManyGear(
                    "no short address is left for the gear with random address %06X: a bus takes 64, put the others on"
                    " another bus" % address,
                    address,
                )
            if self._plan.taken_is_complete or self._seems_alone:
                return wanted
            reply = yield gear_commands.special("VERIFY SHORT ADDRESS", only(wanted))
            if not reply.is_yes:
                return wanted
            self._plan.take(wanted)

    def _program(self, address: int, wanted: int) -> "Steps[bool | None]":
        """Programs the short address and verifies it. Returns True if the gear has taken it, None if several gear
        have."""
        self._plan.give(wanted)
        for _ in range(PROGRAM_TRIES):
            taken: "bool | None" = yield self._program_once(address, wanted)
            if taken is not False:
                return taken
            yield Pause(HEARS_AGAIN_AFTER_S)
            here = yield self._is_here(address)
            if not here:
                self._trouble(
                    GearVanished(
                        "the gear with random address %06X vanished while it was given short address %d: check its"
                        " connection and its mains, and run this again" % (address, wanted),
                        address,
                        wanted,
                    )
                )
                return False
            taken = yield self._has(wanted)
            if taken is not False:
                return taken
        self._trouble(
            AddressNotTaken(
                "the gear with random address %06X does not keep short address %d: switch its mains off and on and run"
                " this again, and replace it if it goes on" % (address, wanted),
                address,
                wanted,
            )
        )
        return False

    def _program_once(self, address: int, wanted: int) -> "Conversation[bool | None]":
        yield from self._point_to(address)
        yield gear_commands.special("PROGRAM SHORT ADDRESS", only(wanted))
        taken = yield from self._has(wanted)
        return taken

    def _has(self, wanted: int) -> "Conversation[bool | None]":
        """Returns True if the gear at the search address has this short address, None if several gear have it."""
        verified: Reply = yield gear_commands.special("VERIFY SHORT ADDRESS", only(wanted))
        if verified.value == YES:
            return True
        if verified == COLLISION and not self._no_is_frame:
            return None
        # Some gear keeps the address and ignores VERIFY. And a NO that is a frame may fall on another gear's YES.
        now: Reply = yield gear_commands.special("QUERY SHORT ADDRESS")
        if not now.is_heard:
            # Other gear never says its address, but answers at it.
            now = yield gear_commands.command(addresses.short(wanted), "QUERY CONTROL GEAR PRESENT")
            return None if now == COLLISION else bool(now.value == YES)
        return None if now == COLLISION else bool(now.value == only(wanted))

    def _is_here(self, address: int) -> "Conversation[bool]":
        self.search.current = NOWHERE  # the gear may have missed a frame: all three bytes are sent again
        reply = yield from self._compare(address)
        return bool(reply.is_yes)

    def _shared(self, address: int) -> "Steps[bool]":
        """Lets several gear with this random address draw new ones. Returns False if they have drawn too often already;
        that is then a trouble, and they are left out."""
        if self._randomisations < MOST_RANDOMISATIONS:
            self._randomisations += 1
            yield self._draw_again()
            yield Pause(RANDOMISED_AFTER_S)
            self.search.start_over()
            return True
        self._trouble(
            SameRandomAddress(
                "several gear keep the random address %06X, or one there answers with broken frames: connect them one"
                " by one and run this again for each" % address,
                address,
            )
        )
        yield self._withdraw(address)
        return False

    def _draw_again(self) -> "Conversation[None]":
        yield gear_commands.special("RANDOMISE")

    def _withdraw(self, address: int) -> "Conversation[None]":
        yield from self._point_to(address)
        yield gear_commands.special("WITHDRAW")
        self.search.found(address)

    def _ask(self, address: int) -> "Conversation[Reply]":
        reply = yield from self._compare(address)
        self.search.learn(address, reply)
        return reply

    def _compare(self, address: int) -> "Conversation[Reply]":
        yield from self._point_to(address)
        reply: Reply = yield gear_commands.special("COMPARE")
        self._no_is_frame = self._no_is_frame or reply.value == Reply.NO_AS_FRAME
        return reply

    def _query(self, address: int) -> "Conversation[Reply]":
        yield from self._point_to(address)
        reply: Reply = yield gear_commands.special("QUERY SHORT ADDRESS")
        return reply

    def _point_to(self, address: int) -> "Conversation[None]":
        """Sets the search address; only the bytes that change are sent."""
        for shift in BYTE_SHIFTS:
            byte = address >> shift & 0xFF
            if self.search.current == NOWHERE or self.search.current >> shift & 0xFF != byte:
                yield gear_commands.special(_SEARCHADDR[shift], byte)
        self.search.current = address

    def _trouble(self, failure: "CommissioningFailed") -> None:
        self.troubles.append(failure)
        self._news(failure)

    def _tell_of(self, found: Found) -> None:
        self.found.append(found)
        self._news(found)

    def _news(self, news: "Found | CommissioningFailed") -> None:
        if self._tell is not None:
            self._tell((self.search.empty_to + 1) / (TOP + 1), news)
