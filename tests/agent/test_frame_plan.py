"""Frame plans, carried out on a street of numbers: whoever is due comes to its level, and no other moves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.frame_plan import LevelFrame, plan
from protocols.dali import addresses

WANTED = st.dictionaries(
    st.integers(0, 63), st.tuples(st.sampled_from([0, 85, 254]), st.sampled_from([0.0, 8.0])), min_size=1
)


def test_nothing_due_nothing_sent() -> None:
    assert plan({0: (254, 0.0), 1: (254, 0.0)}, set()) == []


def test_all_agree() -> None:
    wanted = {0: (229, 8.0), 5: (229, 8.0), 2: (229, 8.0)}
    assert plan(wanted, {0, 2}) == [LevelFrame(addresses.BROADCAST, 229, 8.0, (0, 2, 5))]


def test_one_of_many_is_told_alone() -> None:
    assert plan({0: (229, 8.0), 5: (229, 8.0)}, {5}) == [LevelFrame(addresses.short(5), 229, 8.0, (5,))]


def test_an_equal_level_by_another_fade_is_no_agreement() -> None:
    wanted = {0: (229, 0.0), 1: (229, 8.0)}
    assert plan(wanted, {0, 1}) == [
        LevelFrame(addresses.short(0), 229, 0.0, (0,)),
        LevelFrame(addresses.short(1), 229, 8.0, (1,)),
    ]


@given(WANTED, st.data())
def test_every_plan_does_what_is_due_and_no_harm(wanted: dict[int, tuple[int, float]], data: st.DataObject) -> None:
    due = data.draw(st.sets(st.sampled_from(sorted(wanted))))
    shown: dict[int, tuple[int, float]] = {}
    frames = plan(wanted, due)
    for frame in frames:
        hears = list(wanted) if frame.address == addresses.BROADCAST else [frame.address.number]
        assert list(frame.reaches) == sorted(hears)
        shown.update(dict.fromkeys(hears, (frame.level, frame.fade_s)))
    assert due <= set(shown)
    assert all(wanted[number] == told for number, told in shown.items())
    assert len(frames) <= len(due)
