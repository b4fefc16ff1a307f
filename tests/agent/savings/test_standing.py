"""The boundaries of a record that stay known: the further back they lie, the fewer they are."""

from __future__ import annotations

from agent.savings.standing import Base, thinned

DAY_S = 86_400


def test_the_further_back_the_fewer() -> None:
    for newest, kept in ((100, [0, 48, 64, 80, 88, 92, 96, 100]), (112, [0, 64, 80, 96, 100, 104, 108, 112])):
        bases = [Base(day * DAY_S, float(day)) for day in range(newest + 1)]
        assert [base.at / DAY_S for base in thinned(bases)] == kept
        assert [base.sum_wh for base in thinned(bases)] == kept


def test_ten_years_of_days_one_after_the_other() -> None:
    bases = [Base(3 * DAY_S, 0.0)]
    for day in range(4, 3653):
        bases = thinned([*bases, Base(day * DAY_S, 0.0)])
        assert (bases[0].at, bases[-1].at) == (3 * DAY_S, day * DAY_S)
        assert len(bases) <= 20


def test_no_other_hour_than_midnight_is_kept() -> None:
    bases = [Base(float(at), 0.0) for at in range(0, 9 * DAY_S, 900)]
    assert [base.at / DAY_S for base in thinned(bases)] == [0, 4, 8, 9 - 900 / DAY_S]
