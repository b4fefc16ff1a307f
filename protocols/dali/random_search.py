"""Finds control gear by their random addresses: it knows what each answer to COMPARE proves, and what to ask next.

IEC 62386-102 clause 11.7: gear answers COMPARE if it has not withdrawn and its 24-bit random address is at most the
search address. This module keeps the knowledge and sends no frames. It looks for the lowest random address that is
left, and asks each time the question that is expected to tell most for its frames. A question costs one frame for
COMPARE and one for each byte of the search address that changes, so most questions change one byte.
"""

import math

from protocols.dali.frames import Reply

TOP = 0xFFFFFF
"""The highest search address, which reaches all gear."""

NOWHERE = -1
"""A place below the lowest random address."""

# The knowledge of the gear between `empty_to` and `bound`.
OPEN = "nothing"
SOME = "at least one"
ONE = "one, as far as the answer tells"
MANY = "at least two"

FIRST_GUESS = 8
"""The gear that is expected on a bus of which nothing is known yet; the gear that is found soon corrects the guess."""
REACH = 0.8
"""The reach of the next question, in expected distances from one gear to the next."""
MOST_OF_BOUND = 0.6
BYTE_SHIFTS = (16, 8, 0)
LN_2 = math.log(2.0)


class RandomSearch:
    """The knowledge of one search.

    A clean YES counts as a hint that one gear answered, and a collision as a hint that several did. Both may be wrong
    on a real bus: equal answers may fall on each other, and noise may garble one. So a conclusion from them is checked
    by another question before it is believed, and a kind of hint that has misled is not used again.
    """

    def __init__(self) -> None:
        self.current = NOWHERE
        self.contradictions = 0
        self.believe_clean = True
        self.believe_collisions = True
        self.start_over()

    def start_over(self) -> None:
        """Forgets all random addresses, as after RANDOMISE; gear that has withdrawn stays away."""
        self.empty_to = NOWHERE
        self._assumed_to = NOWHERE
        self.is_over = False
        self._found = 0
        self._silent: "set[int]" = set()
        self._know_nothing()

    @property
    def bound(self) -> int:
        """The highest address that the next gear can have, if any gear is known of."""
        return self._bound

    @property
    def is_proven(self) -> bool:
        """True if gear has answered at `bound`; otherwise `bound` may be a conclusion from a collision."""
        return self.kind != OPEN and not self._concluded

    @property
    def assumed_to(self) -> int:
        """The address up to which no gear is left: that is proven up to `empty_to`, and concluded from a clean YES
        beyond it."""
        return self._assumed_to

    @property
    def candidates(self) -> "list[int]":
        """The one or two addresses that are left for the next gear, best first; empty while there are more, and after
        both were silent."""
        if self.kind == OPEN or self._bound - self._assumed_to > 2:
            return []
        left = [one for one in range(self._assumed_to + 1, self._bound + 1) if one not in self._silent]
        # Of two gear side by side the lower must come first; a single one may be tried where the search already stands.
        if len(left) == 2 and self.kind == ONE and self.current == self._bound:
            left.reverse()
        return left

    @property
    def is_narrow(self) -> bool:
        """True if only one or two addresses are left for the next gear."""
        return self.kind != OPEN and self._bound - self._assumed_to <= 2

    def question(self) -> int:
        """Returns the search address to compare with next."""
        if self.kind == OPEN and (self.current == NOWHERE or self._assumed_to >= TOP):
            return TOP
        top = self._bound if self.kind == OPEN else self._bound - 1
        density = (self._found + 1.0) / (max(0, self.empty_to) + TOP / FIRST_GUESS)
        target = min(top, max(self._assumed_to + 1, self._target(density)))
        best, most = target, 0.0
        for address in self._near(target):
            if self._assumed_to < address <= top and address != self.current:
                worth = self._worth(address, density) / (1 + self._bytes_changed(address))
                if worth > most:
                    best, most = address, worth
        return best

    def learn(self, asked: int, reply: Reply) -> None:
        """Takes the reply to COMPARE at the search address `asked`."""
        if not reply.is_yes:
            self._learn_no(asked)
        elif asked <= self.empty_to:
            # Gear answers where none was: an answer was lost, gear has come back, or another master is searching too.
            self._contradicted()
            self.start_over()
        elif asked <= self._assumed_to:
            self.believe_clean = False
            self._assumed_to = self.empty_to
            self._set(asked, SOME)
        elif reply.kind == Reply.COLLISION and self.believe_collisions:
            if self.kind == ONE:
                self.believe_clean = False
            self._set(asked, MANY)
        elif reply.kind == Reply.VALUE and self.believe_clean:
            clean_to = self._clean_to if self.kind == ONE else asked
            self._set(asked, ONE, rest=self._bound if self.kind == MANY else self._rest, clean_to=clean_to)
        else:
            self._set(asked, SOME)

    def silent(self, address: int) -> None:
        """Takes that no gear answered at this candidate."""
        self._silent.add(address)

    def found(self, address: int) -> None:
        """Takes that the lowest gear had this random address and has withdrawn."""
        kind, bound, rest, clean_to = self.kind, self._bound, self._rest, self._clean_to
        self._found += 1
        self.empty_to = self._assumed_to = address
        self._know_nothing()
        if kind == ONE:
            self._assumed_to = clean_to
            if rest is not None:
                self._set(rest, SOME, concluded=True)
        elif kind == MANY and bound > address:
            self._set(bound, SOME, concluded=True)

    def _learn_no(self, asked: int) -> None:
        if self.kind != OPEN and asked >= self._bound:
            # The gear that was believed to be there is not: a garbled answer has misled, or the gear has gone.
            if self._concluded:
                self.believe_collisions = False
            self._contradicted()
            self._assumed_to = self.empty_to
            self._know_nothing()
            return
        self.empty_to = max(self.empty_to, asked)
        self._assumed_to = max(self._assumed_to, asked)
        self.is_over = asked >= TOP

    def _contradicted(self) -> None:
        self.contradictions += 1

    def _know_nothing(self) -> None:
        self._set(TOP, OPEN)

    def _set(
        self, bound: int, kind: str, rest: int | None = None, clean_to: int = NOWHERE, concluded: bool = False
    ) -> None:
        self._bound = bound
        self.kind = kind
        self._clean_to = clean_to  # where the kind is ONE: the highest address that a single gear answered at,
        self._rest = rest  # and one at which several did (None: not known of)
        self._concluded = concluded
        self._silent = set()

    def _target(self, density: float) -> int:
        width = self._bound - self._assumed_to
        if self.kind == ONE:
            return self._assumed_to + width // 2
        return self._assumed_to + int(REACH * min(1.0 / density, MOST_OF_BOUND * width))

    def _near(self, target: int) -> "list[int]":
        """Returns addresses near the target of which one, two or three bytes change, and the end if nothing is known of
        the next gear."""
        current = max(0, self.current)
        found = []
        for shift in BYTE_SHIFTS:
            rest = current & ~(0xFF << shift)
            found.append(rest | _nearest(target - rest, shift, 0xFF) << shift)
        found.append(current & 0xFF | _nearest(target - (current & 0xFF), 8, 0xFFFF) << 8)
        found.append(current & 0xFF0000 | _nearest(target - (current & 0xFF0000), 0, 0xFFFF))
        found.append(target)
        if self.kind == OPEN:
            found.append(TOP)
        return found

    def _bytes_changed(self, address: int) -> int:
        if self.current == NOWHERE:
            return 3
        changed = address ^ self.current
        return (changed > 0xFFFF) + (changed & 0xFF00 > 0) + (changed & 0xFF > 0)

    def _worth(self, address: int, density: float) -> float:
        """Returns the bits of information that the answer at this address should give: no gear, one, or many."""
        width = self._bound - self._assumed_to
        below = address - self._assumed_to
        if self.kind == ONE:
            return _bits(below / width) + _bits(1.0 - below / width)
        # Gear is strewn evenly: the counts below and above are those of a Poisson process, given what is known.
        few, more = density * below, density * (width - below)
        none_below, none_above = math.exp(-few), math.exp(-more)
        none = none_below * none_above
        if self.kind == OPEN:
            no, one = none_below, few * none_below
        elif self.kind == SOME:
            known = max(1e-9, 1.0 - none)
            no, one = none_below * (1.0 - none_above) / known, few * none_below / known
        else:
            known = max(1e-9, 1.0 - none - (few + more) * none)
            no = none_below * (1.0 - none_above - more * none_above) / known
            one = few * none_below * (1.0 - none_above) / known
        no = min(1.0, max(0.0, no))
        if not (self.believe_clean and self.believe_collisions):
            return _bits(no) + _bits(1.0 - no)
        one = min(1.0 - no, max(0.0, one))
        return _bits(no) + _bits(one) + _bits(1.0 - no - one)


def _nearest(distance: int, shift: int, highest: int) -> int:
    """Returns the number of units of 1 << shift, 0 to `highest`, that comes nearest to the distance."""
    return max(0, min(highest, (distance + ((1 << shift) >> 1)) >> shift))


def _bits(probability: float) -> float:
    return -probability * math.log(probability) / LN_2 if 1e-9 < probability < 1.0 else 0.0
