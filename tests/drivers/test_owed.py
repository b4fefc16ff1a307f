"""Owed: which question a reply belongs to, when the newest one is due, and the cost of a reply lost on the line."""

from __future__ import annotations

import contextlib

import pytest

from agent.parts.interfaces import INTERFACES
from drivers.dali.owed import LATER_BY_S, Owed
from drivers.errors import DriverError
from hil.contract.bench import LEVELS, Bench, ask, on_bench
from protocols.dali.frames import Reply


def test_a_late_reply_to_an_earlier_question_is_not_the_newest_ones() -> None:
    owed = Owed()
    assert owed.owes("version") == 0
    owed.asked("version", 10.0)
    owed.asked("version", 10.5)
    assert not owed.replied("version", 10.6)
    assert owed.owes("version") == 1
    assert owed.replied("version", 11.1)
    assert owed.owes("version") == 0


def test_a_reply_that_was_never_asked_for_counts_for_nothing() -> None:
    owed = Owed()
    assert not owed.replied("version", 1.0)
    owed.asked("version", 2.0)
    assert not owed.replied("status", 2.1)
    assert owed.owes("version") == 1


def test_a_reply_of_a_later_question_says_that_earlier_ones_of_other_kinds_were_lost() -> None:
    owed = Owed()
    for at, kind in enumerate(("added", "status", "added", "status")):
        owed.asked(kind, float(at))
    assert not owed.replied("status", 4.0)
    assert (owed.owes("added"), owed.owes("status")) == (1, 1)
    assert owed.replied("status", 5.0)
    assert (owed.owes("added"), owed.owes("status")) == (0, 0)


def test_the_newest_reply_is_given_as_long_as_the_last_one_took() -> None:
    owed = Owed()
    owed.asked("version", 10.0)
    assert owed.due(0.5) == 10.5
    owed.asked("version", 10.5)
    assert owed.due(0.5) == 11.0
    owed.replied("version", 10.8)
    assert owed.due(0.5) == pytest.approx(10.5 + 0.8 + LATER_BY_S)
    owed.replied("version", 11.3)
    owed.asked("version", 20.0)
    assert owed.due(0.5) == pytest.approx(20.0 + 0.8 + LATER_BY_S)
    owed.replied("version", 20.001)
    owed.asked("version", 30.0)
    assert owed.due(0.5) == 30.5


def test_what_does_not_come_is_given_up_only_where_the_newest_question_has_had_a_reply() -> None:
    owed = Owed()
    owed.asked("version", 10.0)
    assert not owed.give_up()
    assert owed.owes("version") == 1
    owed.asked("version", 10.5)
    owed.replied("version", 10.6)
    owed.asked("version", 11.0)
    assert not owed.give_up(), "that reply was here before the question was"
    owed.replied("version", 11.1)
    assert owed.owes("version") == 1
    assert owed.give_up()
    assert owed.owes("version") == 0


@pytest.mark.parametrize("product", [product.name for product in INTERFACES.own()])
def test_a_fence_whose_own_reply_is_lost_costs_a_moment_and_no_wrong_answer(product: str) -> None:
    async def story(bench: Bench) -> None:
        for number in range(20):
            gear = number % 5
            bench.port.lose(2)  # the answer, and the reply to the question that is put then
            with contextlib.suppress(DriverError):
                assert await ask(bench, gear) == Reply(Reply.VALUE, LEVELS[gear])
            bench.port.lose(0)
            called = bench.clock.monotonic()
            following = (gear + 1) % 5
            assert await ask(bench, following) == Reply(Reply.VALUE, LEVELS[following])
            assert bench.clock.monotonic() - called < 1.5
        assert len(bench.heard) == 1, "a reply lost is no lost cable"

    on_bench(product, story)
