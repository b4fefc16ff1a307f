"""Identifying: a lamp of any edition shows which one it is, and then has its level again."""

from __future__ import annotations

import pytest

from protocols.dali import addresses
from protocols.dali.frames import answered
from protocols.dali.identify import identify
from protocols.errors import NotAnswered
from tests.rigs.gear_on_a_table import Table, specimen


def test_gear_of_edition_2_flashes_by_itself() -> None:
    bus = Table([specimen(1, 5), specimen(2, 6)])
    shows: list[bool] = []
    bus.before_frame = lambda _frame: None
    bus.run(identify(addresses.short(5)))
    shows = [one.identifying(bus.now - 5.0) for one in bus.gear]
    assert shows == [True, False]
    assert not bus.gear[0].identifying(bus.now)


def test_older_gear_goes_between_full_and_lowest_light_and_back() -> None:
    bus = Table([specimen(1, 5)])
    gear = bus.gear[0]
    gear.arc.go_to(170, bus.now)
    bus.reply_of = lambda frame, reply: answered(1) if frame & 0xFF == 0x97 else reply
    seen: list[int] = []
    bus.before_frame = lambda _frame: seen.append(gear.level(bus.now))
    bus.run(identify(addresses.short(5)))
    assert {85, 170, 254} <= set(seen)
    assert gear.level(bus.now) == 170


def test_no_gear_there_is_said() -> None:
    with pytest.raises(NotAnswered):
        Table([]).run(identify(addresses.short(5)))
