"""Surveys of a bus, against emulated gear."""

from __future__ import annotations

from protocols.dali.frames import answered
from protocols.dali.survey import shared, survey
from tests.rigs.gear_on_a_table import Table, specimen


def table(*short_addresses: int | None, clean: bool = False) -> Table:
    return Table([specimen(number, address) for number, address in enumerate(short_addresses)], clean=clean)


def test_who_answers_and_whether_any_has_no_address() -> None:
    bus = table(3, 63, None)
    assert bus.run(survey()) == ((3, 63), (), (), True)
    assert len(bus.frames) == 65
    assert table(0).run(survey()).any_without is False
    assert table().run(survey()) == ((), (), (), False)


def test_several_at_one_address_are_heard_where_their_answers_collide() -> None:
    assert table(3, 3, 4).run(survey()) == ((3, 4), (3,), (), False)
    assert table(3, 3, 4, clean=True).run(survey()) == ((3, 4), (), (), False)


def test_another_byte_than_yes_is_told() -> None:
    bus = table(3, 4)
    bus.reply_of = lambda frame, reply: answered(0x42) if frame == 0x0791 else reply
    assert bus.run(survey()).nonsense == (3,)


def test_several_at_one_address_are_told_by_their_random_addresses() -> None:
    bus = table(3, 4, 3, 9, clean=True)
    assert bus.run(shared((3, 4, 9))) == (3,)
    assert bus.addresses() == [3, 4, 3, 9]
    assert bus.frames[-1] == 0xA100


def test_it_tells_how_far_it_is() -> None:
    heard: list[float] = []
    table(1).run(survey(heard.append))
    assert heard == [number / 8 for number in range(1, 9)]
