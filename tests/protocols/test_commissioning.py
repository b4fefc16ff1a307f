"""Commissioning against emulated gear: the frames, the addresses that gear keeps, and each failure by its name."""

from __future__ import annotations

import contextlib
import random

import pytest

from hil.devices.gear_commissioning import Initialisation
from hil.devices.gear_profiles import DEAF_AFTER_PROGRAM, NEVER_SAYS_ITS_ADDRESS, NO_IS_FRAME
from hil.devices.gear_variables import MASK, GearProfile
from protocols.dali.commissioning import ALL, WITHOUT_ADDRESS, Found, Outcome, commission, only
from protocols.dali.commissioning_errors import (
    AddressNotTaken,
    AnswersContradict,
    GearVanished,
    NoIsFrame,
    NonsenseAddress,
    SameRandomAddress,
    TooManyGear,
)
from protocols.dali.frames import COLLISION, NO_ANSWER, Reply, answered
from protocols.dali.short_addresses import AddressPlan
from tests.rigs.gear_on_a_table import Cut, Table, specimen

COMPARE, WITHDRAW, TERMINATE, QUERY_SHORT_ADDRESS = 0xA900, 0xAB00, 0xA100, 0xBB00
PROGRAM, VERIFY = 0xB7, 0xB9
MOST_FRAMES = 4000


def table(
    *short_addresses: int | None, seed: int = 1, profile: GearProfile | None = None, clean: bool = False
) -> Table:
    gear = [specimen(f"{seed}/{number}", address, profile) for number, address in enumerate(short_addresses)]
    return Table(gear, clean=clean)


def commissioned(bus: Table, plan: AddressPlan | None = None, whom: int = ALL) -> Outcome:
    outcome = bus.run(commission(plan or AddressPlan(), whom))
    assert len(bus.frames) < MOST_FRAMES
    return outcome


def test_one_gear_takes_twenty_frames() -> None:
    for seed in range(20):
        bus = table(None, seed=seed)
        outcome = commissioned(bus)
        assert bus.addresses() == [0]
        assert len(bus.frames) == 20
        assert bus.frames[-1] == TERMINATE
        assert [(one.before, one.short_address) for one in outcome.found] == [(None, 0)]
        assert not outcome.troubles


def test_one_gear_keeps_its_address() -> None:
    bus = table(17)
    assert commissioned(bus).found[0][1:] == (17, 17)
    assert bus.addresses() == [17]
    assert len(bus.frames) == 19
    assert not [frame for frame in bus.frames if frame >> 8 == PROGRAM]


def test_no_gear_is_no_trouble() -> None:
    bus = table()
    assert commissioned(bus) == Outcome((), ())
    assert bus.frames[-1] == TERMINATE
    assert len(bus.frames) < 15


@pytest.mark.parametrize(("count", "mean", "worst"), [(2, 128, 140), (4, 228, 245), (16, 775, 800), (64, 2790, 2830)])
def test_frames_for_many(count: int, mean: int, worst: int) -> None:
    frames = []
    for seed in range(20 if count < 64 else 4):
        bus = table(*[None] * count, seed=seed)
        outcome = commissioned(bus)
        assert sorted(address for address in bus.addresses() if address is not None) == list(range(count))
        assert len(outcome.found) == count
        assert not outcome.troubles
        for each in (QUERY_SHORT_ADDRESS, WITHDRAW):
            assert bus.frames.count(each) >= count
        for first in (PROGRAM, VERIFY):
            assert len([frame for frame in bus.frames if frame >> 8 == first]) >= count
        frames.append(len(bus.frames))
    assert sum(frames) / len(frames) <= mean
    assert max(frames) <= worst


@pytest.mark.parametrize("seed", range(6))
def test_equal_answers_that_fall_on_each_other_cost_frames_and_nothing_else(seed: int) -> None:
    bus = table(*[None] * 12, seed=seed, clean=True)
    assert not commissioned(bus).troubles
    assert sorted(bus.addresses()) == list(range(12))  # type: ignore[type-var]  # none is None any more


@pytest.mark.parametrize("seed", range(4))
def test_some_equal_answers_fall_on_each_other(seed: int) -> None:
    bus = table(*[None] * 12, seed=seed)
    chance = random.Random(seed)
    bus.reply_of = lambda frame, reply: (
        answered(0xFF) if frame == COMPARE and reply == COLLISION and chance.random() < 0.3 else reply
    )
    assert not commissioned(bus).troubles
    assert sorted(bus.addresses()) == list(range(12))  # type: ignore[type-var]


def test_every_byte_of_the_search_address_is_sent_only_when_it_changes() -> None:
    bus = table(*[None] * 8)
    commissioned(bus)
    known: dict[int, int] = {}
    for frame in bus.frames:
        if frame >> 8 in (0xB1, 0xB3, 0xB5):
            assert known.get(frame >> 8) != frame & 0xFF
            known[frame >> 8] = frame & 0xFF


# The address's owner


def test_addresses_are_kept_and_free_ones_given() -> None:
    bus = table(3, None, 0, None, 40)
    outcome = commissioned(bus)
    assert [bus.addresses()[place] for place in (0, 2, 4)] == [3, 0, 40]
    assert {bus.addresses()[1], bus.addresses()[3]} == {1, 2}
    assert sorted((one.before, one.short_address) for one in outcome.found if one.before is not None) == [
        (0, 0),
        (3, 3),
        (40, 40),
    ]


def test_no_address_is_ever_given_twice_not_even_for_a_frame() -> None:
    bus = table(None, 1, None, 0, None, 2)

    def unique(_frame: int) -> None:
        given = [address for address in bus.addresses() if address is not None]
        assert len(given) == len(set(given))

    bus.before_frame = unique
    commissioned(bus)


def test_two_with_one_address_are_told_apart() -> None:
    bus = table(5, 5, 9)
    commissioned(bus)
    assert len(set(bus.addresses())) == 3
    assert 5 in bus.addresses()[:2]
    assert bus.addresses()[2] == 9


def test_two_with_one_address_are_told_apart_among_themselves() -> None:
    bus = table(5, 5, 9)
    plan = AddressPlan(taken=(5, 9), taken_is_complete=True)
    outcome = commissioned(bus, plan, only(5))
    assert sorted(bus.addresses()[:2]) == [0, 5]  # type: ignore[type-var]
    assert bus.addresses()[2] == 9
    assert len(outcome.found) == 2


def test_a_replaced_gear_takes_the_address_of_the_failed_one() -> None:
    bus = table(0, 1, None, 3)
    plan = AddressPlan(wanted=(2,), taken=(0, 1, 3), taken_is_complete=True)
    commissioned(bus, plan, WITHOUT_ADDRESS)
    assert bus.addresses() == [0, 1, 2, 3]
    assert len(bus.frames) == 20


def test_who_takes_no_part_cannot_say_which_addresses_are_taken() -> None:
    with pytest.raises(ValueError, match="complete"):
        commissioned(table(None), AddressPlan(), WITHOUT_ADDRESS)


# Interrupted


@pytest.mark.parametrize("before", [(None, None, None), (7, None, None), (None, 0, None), (4, 4, None)])
def test_interrupted_at_any_frame_it_ends_right_the_next_time(before: tuple[int | None, ...]) -> None:
    whole = table(*before)
    commissioned(whole)
    for cut_at in range(len(whole.frames)):
        bus = table(*before)
        bus.cut_at = cut_at
        with pytest.raises(Cut):
            commissioned(bus)
        given = bus.addresses()
        bus.cut_at = None
        bus.frames.clear()
        outcome = commissioned(bus)
        after = bus.addresses()
        assert None not in after
        assert len(set(after)) == 3
        assert not outcome.troubles
        for had, has in zip(given, after, strict=True):
            assert had is None or had == has or given.count(had) == 2


def test_mains_lost_in_the_middle_and_back() -> None:
    for cut_at in range(5, 100, 5):
        bus = table(None, 2, None)

        def blink(_frame: int, bus: Table = bus, cut_at: int = cut_at) -> None:
            if len(bus.frames) == cut_at:
                for one in bus.gear:
                    one.set_mains(False, bus.now)
                    one.set_mains(True, bus.now)

        bus.before_frame = blink
        with contextlib.suppress(AnswersContradict):
            commissioned(bus)
        bus.before_frame = lambda _frame: None
        bus.now += 5.0
        bus.frames.clear()
        assert not commissioned(bus).troubles
        assert len(set(bus.addresses())) == 3
        assert bus.addresses()[1] == 2
        assert None not in bus.addresses()


# Gear that is not as it should be


def test_gear_that_ignores_randomise_and_is_alone_at_its_random_address() -> None:
    bus = table(None, None, None)
    bus.gear[1].profile = GearProfile(ignores_randomise=True)
    bus.gear[1].variables.random_address = 0x14D1D4
    assert not commissioned(bus).troubles
    assert len(set(bus.addresses())) == 3


@pytest.mark.parametrize("constant", [0x14D1D4, 0xFFFFFF, 0])
def test_two_gear_that_keep_one_random_address_are_named(constant: int) -> None:
    bus = table(None, None, None)
    for one in bus.gear[:2]:
        one.profile = GearProfile(ignores_randomise=True)
        one.variables.random_address = constant
    outcome = commissioned(bus)
    (trouble,) = outcome.troubles
    assert isinstance(trouble, SameRandomAddress)
    assert trouble.random_address == constant
    assert bus.addresses() == [None, None, 0]


def test_two_gear_that_draw_the_same_random_address_draw_again() -> None:
    bus = table(None, None)
    drawn = [0x123456, 0x123456, 0x200000, 0x100000]
    for one in bus.gear:
        one.rng.randrange = lambda *_range: drawn.pop(0)  # type: ignore[method-assign]
    assert not commissioned(bus).troubles
    assert sorted(bus.addresses()) == [0, 1]  # type: ignore[type-var]


def test_a_gear_with_broken_frames_is_named_and_the_others_are_addressed() -> None:
    bus = table(None, None, None)
    bus.gear[1].garbled_answer = True
    outcome = commissioned(bus)
    assert [type(one) for one in outcome.troubles] == [SameRandomAddress]
    assert bus.addresses()[1] is None
    assert {bus.addresses()[0], bus.addresses()[2]} == {0, 1}


def test_a_slow_randomise_is_waited_out() -> None:
    for delay_s in (0.2, 0.5, 1.0):
        bus = table(None, None, None)
        bus.gear[2].profile = GearProfile(randomise_s=delay_s)
        assert not [one for one in commissioned(bus).troubles if not isinstance(one, GearVanished)]
        assert len(set(bus.addresses())) == 3
        assert None not in bus.addresses()


def test_a_gear_that_ignores_verify_is_addressed() -> None:
    bus = table(None, None)
    bus.reply_of = lambda frame, reply: NO_ANSWER if frame >> 8 == VERIFY else reply
    assert not commissioned(bus).troubles
    assert sorted(bus.addresses()) == [0, 1]  # type: ignore[type-var]


def test_a_gear_that_ignores_program_is_named() -> None:
    bus = table(None, None)
    stubborn = bus.gear[0]
    stubborn.commissioning.program = lambda *_arguments: None  # type: ignore[method-assign]
    outcome = commissioned(bus)
    (trouble,) = outcome.troubles
    assert isinstance(trouble, AddressNotTaken)
    assert trouble.random_address == stubborn.variables.random_address
    assert bus.addresses()[0] is None
    assert bus.addresses()[1] is not None
    assert [one.short_address for one in outcome.found].count(None) == 1


@pytest.mark.parametrize("at", range(5, 60))
def test_a_gear_that_vanishes_in_the_middle_stops_nothing(at: int) -> None:
    bus = table(None, None, None, None)
    first = min(bus.gear, key=lambda one: one.rng.random())

    def die(_frame: int) -> None:
        if len(bus.frames) == at:
            first.set_dead(True, bus.now)

    bus.before_frame = die
    outcome = commissioned(bus)
    assert all(isinstance(one, GearVanished) for one in outcome.troubles)
    alive = [one.variables.short_address for one in bus.gear if one is not first]
    assert MASK not in alive
    assert len(set(alive)) == 3


def test_a_gear_that_answers_no_query_of_its_address_is_found_by_compare() -> None:
    bus = table(None, None)
    bus.reply_of = lambda frame, reply: NO_ANSWER if frame == QUERY_SHORT_ADDRESS else reply
    assert not commissioned(bus).troubles
    assert sorted(bus.addresses()) == [0, 1]  # type: ignore[type-var]


def test_an_address_that_does_not_exist_is_named() -> None:
    bus = table(None)
    bus.reply_of = lambda frame, reply: answered(0x90) if frame == QUERY_SHORT_ADDRESS else reply
    outcome = commissioned(bus)
    assert [type(one) for one in outcome.troubles] == [NonsenseAddress]
    assert bus.addresses() == [0]


def test_65_gear_are_too_many() -> None:
    bus = table(*[None] * 65)
    with pytest.raises(TooManyGear, match="64"):
        commissioned(bus)
    assert bus.frames[-1] == TERMINATE
    given = [address for address in bus.addresses() if address is not None]
    assert sorted(given) == list(range(64))


@pytest.mark.parametrize("seed", range(8))
def test_answers_without_sense_end_by_name(seed: int) -> None:
    """The search ends even if COMPARE is answered by chance."""
    bus = table(None, None, seed=seed)
    chance = random.Random(seed)
    replies = (NO_ANSWER, answered(0xFF), COLLISION, answered(0x55))
    bus.reply_of = lambda frame, _reply: chance.choice(replies)
    try:
        commissioned(bus)
    except (AnswersContradict, TooManyGear):
        assert bus.frames[-1] == TERMINATE


def test_a_second_master_that_moves_the_search_address_is_noticed() -> None:
    bus = table(*[None] * 6)
    chance = random.Random(3)

    def meddle(_frame: int) -> None:
        if chance.random() < 0.3:
            for one in bus.gear:
                one.commissioning.search(8, chance.randrange(256), bus.now)

    bus.before_frame = meddle
    with contextlib.suppress(AnswersContradict):
        commissioned(bus)
    given = [address for address in bus.addresses() if address is not None]
    assert len(given) == len(set(given))


def test_lost_answers_leave_no_gear_out() -> None:
    for seed in range(6):
        bus = table(*[None] * 6, seed=seed)
        chance = random.Random(seed)
        bus.reply_of = lambda _frame, reply, chance=chance: (  # type: ignore[misc]
            NO_ANSWER if chance.random() < 0.01 else reply
        )
        commissioned(bus)
        assert len(set(bus.addresses())) == 6
        assert None not in bus.addresses()


def test_it_tells_of_each_gear() -> None:
    bus = table(None, None, None)
    heard: list[tuple[float, object]] = []
    bus.run(commission(AddressPlan(), tell=lambda share, news: heard.append((share, news))))
    assert [news.short_address for _, news in heard if isinstance(news, Found)] == [0, 1, 2]
    shares = [share for share, _ in heard]
    assert shares == sorted(shares)
    assert 0 < shares[-1] <= 1


@pytest.mark.parametrize("seed", range(4))
def test_one_gear_whose_no_is_a_frame_is_found_among_others(seed: int) -> None:
    bus = table(None, None, None, None, seed=seed)
    bus.gear[seed].profile = NO_IS_FRAME
    outcome = commissioned(bus)
    assert not outcome.troubles
    assert sorted(bus.addresses()) == [0, 1, 2, 3]  # type: ignore[type-var]


@pytest.mark.parametrize("seed", range(4))
def test_several_gear_whose_no_is_a_frame_are_named_soon(seed: int) -> None:
    bus = table(None, None, None, seed=seed)
    for one in bus.gear[:2]:
        one.profile = NO_IS_FRAME
    with pytest.raises(NoIsFrame, match="connect them one by one"):
        commissioned(bus)
    assert bus.frames[-1] == TERMINATE
    assert len(bus.frames) < 80
    assert bus.addresses() == [None, None, None]


def test_gear_that_is_deaf_after_program_is_waited_for() -> None:
    for count in (1, 3):
        bus = table(*[None] * count, profile=DEAF_AFTER_PROGRAM)
        assert not commissioned(bus).troubles
        assert sorted(bus.addresses()) == list(range(count))  # type: ignore[type-var]
        # Each gear takes its address the first time, so none is written twice.
        assert len([frame for frame in bus.frames if frame >> 8 == PROGRAM]) == count
        assert not [one for one in bus.gear if one.commissioning.state(bus.now) is not Initialisation.DISABLED]


def test_deaf_gear_with_one_random_address_draws_again() -> None:
    """A gear does not hear RANDOMISE while it writes to its memory that it has no short address."""
    bus = table(None, None, profile=DEAF_AFTER_PROGRAM)
    drawn = [0x123456, 0x123456, 0x200000, 0x100000]
    for one in bus.gear:
        one.rng.randrange = lambda *_range: drawn.pop(0)  # type: ignore[method-assign]
    bus.reply_of = lambda frame, reply: answered(0xFF) if frame == QUERY_SHORT_ADDRESS and reply == COLLISION else reply
    assert not commissioned(bus).troubles
    assert len(set(bus.addresses())) == 2
    assert None not in bus.addresses()


def test_gear_that_never_says_its_address_is_given_one_and_keeps_it() -> None:
    bus = table(None, None, None, profile=NEVER_SAYS_ITS_ADDRESS)
    outcome = commissioned(bus)
    assert not outcome.troubles
    assert [one.before for one in outcome.found] == [None] * 3
    assert sorted(bus.addresses()) == [0, 1, 2]  # type: ignore[type-var]


def test_only_yes_is_yes() -> None:
    """Another byte than FF to VERIFY is no proof that the address was taken."""
    bus = table(None)
    bus.reply_of = lambda frame, reply: answered(0x13) if frame >> 8 == VERIFY else reply
    bus.gear[0].commissioning.program = lambda *_arguments: None  # type: ignore[method-assign]
    outcome = commissioned(bus)
    assert [one.short_address for one in outcome.found] == [None]
    assert [type(one) for one in outcome.troubles] == [AddressNotTaken]


def test_two_that_answer_as_one_are_both_found() -> None:
    """The stronger answer covers the other: only the last COMPARE of the shortcut reveals the second gear."""
    bus = table(None, None)
    strong = bus.gear[0]

    def covered(frame: int, reply: Reply) -> Reply:
        if 0xFFC2 <= frame <= 0xFFC4 and reply == COLLISION:
            byte = (0xFFC4 - frame) * 8
            return answered(strong.variables.random_address >> byte & 0xFF)
        return reply

    bus.reply_of = covered
    assert not commissioned(bus).troubles
    assert sorted(bus.addresses()) == [0, 1]  # type: ignore[type-var]


def test_two_with_one_random_address_that_look_like_one_do_not_keep_one_short_address() -> None:
    bus = table(None, None)
    for one in bus.gear:
        one.profile = GearProfile(ignores_randomise=True)
        one.variables.random_address = 0x14D1D4
    bus.reply_of = lambda frame, reply: answered(0xFF) if frame == QUERY_SHORT_ADDRESS and reply == COLLISION else reply
    outcome = commissioned(bus)
    assert [type(one) for one in outcome.troubles] == [SameRandomAddress]
    assert bus.addresses() == [None, None]


@pytest.mark.parametrize("seed", range(6))
def test_a_gear_that_misses_frames_is_found(seed: int) -> None:
    bus = table(None, None, None, seed=seed)
    chance = random.Random(seed)
    deaf = bus.gear[1].commissioning
    hear = deaf.search
    deaf.search = lambda *frame: None if chance.random() < 0.05 else hear(*frame)  # type: ignore[method-assign]
    commissioned(bus)
    assert len(set(bus.addresses())) == 3
    assert None not in bus.addresses()


def test_a_hint_that_has_misled_is_not_taken_again() -> None:
    bus = table(*[None] * 16, clean=True)
    commissioned(bus)
    assert len(bus.frames) < 920


@pytest.mark.parametrize("seed", range(6))
def test_noise_that_looks_like_several_answers_misleads_once(seed: int) -> None:
    bus = table(*[None] * 16, seed=seed)
    bus.reply_of = lambda frame, reply: COLLISION if frame == COMPARE and reply.is_yes else reply
    assert not commissioned(bus).troubles
    assert sorted(bus.addresses()) == list(range(16))  # type: ignore[type-var]
    assert len(bus.frames) < 900
