"""Commissioning vectors: the same file runs under CPython and under MicroPython, and prints how many it checked.

Gear is written here from the standard in a few lines: it has a random address, a short address, and may take part.
"""

from protocols.dali.commissioning import ALL, WITHOUT_ADDRESS, commission, only
from protocols.dali.commissioning_errors import CommissioningFailed, SameRandomAddress, TooManyGear
from protocols.dali.frames import COLLISION, NO_ANSWER, Pause, Reply, answered
from protocols.dali.short_addresses import AddressPlan
from protocols.dali.survey import shared, survey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from typing import Any

NO_ADDRESS = 0xFF

# Random addresses, short addresses before, wanted, whom, frames (both of a pair), short addresses after.
RUNS = (
    ((0x123456,), (NO_ADDRESS,), (), ALL, 20, (0,)),
    ((0x123456,), (7,), (), ALL, 19, (7,)),
    ((0xFFFFFF,), (NO_ADDRESS,), (), ALL, 17, (0,)),
    ((0x000000,), (NO_ADDRESS,), (9,), ALL, 20, (9,)),
    ((0x123456, 0x123457), (NO_ADDRESS, NO_ADDRESS), (), ALL, 0, (0, 1)),
    ((0x800000, 0x7FFFFF, 0x800001), (NO_ADDRESS, 1, NO_ADDRESS), (), ALL, 0, (0, 1, 2)),
    ((0x10, 0xFFFFFE, 0xABCDEF), (5, 5, 5), (2,), only(5), 0, (5, 0, 2)),
    ((0x10, 0xFFFFFE, 0xABCDEF), (0, NO_ADDRESS, 2), (1,), WITHOUT_ADDRESS, 18, (0, 1, 2)),
)


class Gear:
    """One control gear, reduced to what a search and addressing need. RANDOMISE keeps its given random address."""

    def __init__(self, random_address: int, short_address: int) -> None:
        self.random_address = random_address
        self.short_address = short_address
        self.takes_part = self.withdrawn = False

    def hear(self, first: int, second: int, search: int) -> int | None:
        mine = self.short_address << 1 | 1 if self.short_address != NO_ADDRESS else NO_ADDRESS
        if first == 0xA5 and second in (0, mine):
            self.takes_part, self.withdrawn = True, False
        elif first & 1 and first in (0xFF, mine, 0xFD if mine == NO_ADDRESS else 0xFF):
            if second == 0x91 or (second == 0x96 and mine == NO_ADDRESS):
                return 0xFF
            if 0xC2 <= second <= 0xC4:
                return self.random_address >> (8 * (0xC4 - second)) & 0xFF
        elif first == 0xA1:
            self.takes_part = False
        elif self.takes_part and first == 0xA9:
            return 0xFF if not self.withdrawn and self.random_address <= search else None
        elif self.takes_part and first == 0xB9:
            return 0xFF if second == mine else None
        elif self.takes_part and self.random_address == search:
            if first == 0xAB:
                self.withdrawn = True
            elif first == 0xB7:
                self.short_address = NO_ADDRESS if second == NO_ADDRESS else second >> 1
            elif first == 0xBB:
                return mine
        return None


class Bus:
    """Some gear on two wires."""

    def __init__(self, random_addresses: "Sequence[int]", short_addresses: "Sequence[int]") -> None:
        self.gear = [Gear(one, short_addresses[place]) for place, one in enumerate(random_addresses)]
        self.search = 0xFFFFFF
        self.frames = 0

    def run(self, inquiry: "Generator[Any, Any, Any]") -> object:
        try:
            piece = next(inquiry)
            while True:
                result: object = None
                if not isinstance(piece, Pause):
                    result = self.talk(piece)
                piece = inquiry.throw(result) if isinstance(result, CommissioningFailed) else inquiry.send(result)
        except StopIteration as end:
            whole: object = end.value
            return whole
        except CommissioningFailed as failure:
            return type(failure)

    def talk(self, conversation: "Generator[Any, Reply, object]") -> object:
        try:
            transmission = next(conversation)
            while True:
                reply = NO_ANSWER
                for _ in range(2 if transmission.twice else 1):
                    reply = self.send(transmission.frame.value)
                transmission = conversation.send(reply)
        except StopIteration as end:
            result: object = end.value
            return result
        except CommissioningFailed as failure:
            return failure

    def send(self, value: int) -> Reply:
        self.frames += 1
        first, second = value >> 8, value & 0xFF
        if first in (0xB1, 0xB3, 0xB5):
            shift = 8 * ((0xB5 - first) // 2)
            self.search = self.search & ~(0xFF << shift) | second << shift
        answers = [one.hear(first, second, self.search) for one in self.gear]
        heard = [answer for answer in answers if answer is not None]
        return NO_ANSWER if not heard else answered(heard[0]) if len(heard) == 1 else COLLISION


def check_runs() -> int:
    for random_addresses, before, wanted, whom, frames, after in RUNS:
        bus = Bus(random_addresses, before)
        taken = [] if whom == ALL else [short for short in before if short != NO_ADDRESS]
        outcome = bus.run(commission(AddressPlan(wanted, taken, whom != ALL), whom))
        given = [one.short_address for one in bus.gear]
        assert sorted(given) == sorted(after), (random_addresses, given)
        if len(set(before)) == len(before):
            assert all(was in (NO_ADDRESS, given[place]) for place, was in enumerate(before)), given
        assert not frames or bus.frames == frames, (random_addresses, bus.frames)
        assert not troubles(outcome)
    return len(RUNS)


def troubles(outcome: object) -> "tuple[CommissioningFailed, ...]":
    return outcome.troubles  # type: ignore[attr-defined, no-any-return]  # a run that ends well returns an Outcome


def check_many() -> int:
    """Returns 64 gear, strewn evenly by a step that has no factor in common with the range."""
    strewn = [(number * 0x9E3779) % 0xFFFFFF for number in range(1, 66)]
    bus = Bus(strewn[:64], [NO_ADDRESS] * 64)
    assert not troubles(bus.run(commission(AddressPlan())))
    assert sorted([one.short_address for one in bus.gear]) == list(range(64))
    assert bus.frames < 2900, bus.frames
    bus = Bus(strewn, [NO_ADDRESS] * 65)
    assert bus.run(commission(AddressPlan())) is TooManyGear
    assert not [one for one in bus.gear if one.takes_part]
    return 2


def check_same_random_address() -> int:
    bus = Bus((0x14D1D4, 0x14D1D4, 3), (NO_ADDRESS, NO_ADDRESS, NO_ADDRESS))
    (trouble,) = troubles(bus.run(commission(AddressPlan())))
    assert isinstance(trouble, SameRandomAddress)
    assert trouble.random_address == 0x14D1D4
    assert [one.short_address for one in bus.gear] == [NO_ADDRESS, NO_ADDRESS, 0]
    return 1


def check_survey() -> int:
    bus = Bus((1, 2, 3, 4), (0, 9, 9, NO_ADDRESS))
    assert bus.run(survey()) == ((0, 9), (9,), (), True)
    assert bus.run(shared((0, 9))) == (9,)
    return 2


def check() -> int:
    """Checks every vector and returns their number. Raises AssertionError for a wrong one."""
    return check_runs() + check_many() + check_same_random_address() + check_survey()


if __name__ == "__main__":
    print(check())
