"""Frame plans, carried out on a street of numbers: each luminaire that is due comes to its level, and no other
moves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.lamps.frame_plan import LevelFrame, StoredInGear, TargetLevel, plan
from protocols.dali import addresses, gear_commands
from protocols.dali.addresses import Address

LEVELS = st.sampled_from([0, 85, 254])
WANTED = st.dictionaries(
    st.integers(0, 63), st.builds(TargetLevel, LEVELS, st.sampled_from([0.0, 8.0])), min_size=1, max_size=12
)


def brief(frames: list[LevelFrame]) -> list[tuple[str, int | None, dict[int, int]]]:
    return [(frame.address.kind, frame.address.number, dict(frame.level_of)) for frame in frames]


def test_nothing_due_nothing_sent() -> None:
    assert plan({0: TargetLevel(254, 0.0), 1: TargetLevel(254, 0.0)}, set()) == []


def test_all_agree() -> None:
    targets = dict.fromkeys((0, 5, 2), TargetLevel(229, 8.0))
    (frame,) = plan(targets, {0, 2})
    assert frame.address == addresses.BROADCAST
    assert frame.transmission == gear_commands.level(addresses.BROADCAST, 229)
    assert (frame.fade_s, dict(frame.level_of)) == (8.0, {0: 229, 2: 229, 5: 229})


def test_one_of_many_is_told_alone() -> None:
    (frame,) = plan({0: TargetLevel(229, 8.0), 5: TargetLevel(229, 8.0)}, {5})
    assert (frame.address, dict(frame.level_of)) == (addresses.short(5), {5: 229})


def test_an_equal_level_by_another_fade_is_no_agreement() -> None:
    frames = plan({0: TargetLevel(229, 0.0), 1: TargetLevel(229, 8.0)}, {0, 1})
    assert [(frame.address, frame.fade_s) for frame in frames] == [(addresses.short(0), 0.0), (addresses.short(1), 8.0)]


def test_a_group_serves_its_members_where_all_of_them_agree() -> None:
    targets = {0: TargetLevel(229, 0.0), 1: TargetLevel(229, 0.0), 2: TargetLevel(229, 0.0), 3: TargetLevel(254, 0.0)}
    assert brief(plan(targets, {0, 1, 2}, StoredInGear({4: {0, 1, 2}}))) == [("group", 4, {0: 229, 1: 229, 2: 229})]
    # A group to which luminaire 3 belongs too cannot be used.
    assert len(plan(targets, {0, 1, 2}, StoredInGear({4: {0, 1, 2, 3}}))) == 3


def test_a_scene_serves_luminaires_of_different_levels() -> None:
    targets = {0: TargetLevel(229, 8.0), 1: TargetLevel(254, 8.0), 2: TargetLevel(85, 8.0)}
    scene = {0: 229, 1: 254, 2: 255}
    (shared, alone) = plan(targets, {0, 1, 2}, StoredInGear(scenes={7: scene}))
    assert shared.transmission == gear_commands.command(addresses.BROADCAST, "GO TO SCENE", 7)
    assert (shared.address, shared.fade_s, dict(shared.level_of)) == (addresses.BROADCAST, 8.0, {0: 229, 1: 254})
    assert alone.address == addresses.short(2)
    assert len(plan(targets, {0, 1, 2}, StoredInGear(scenes={7: {**scene, 2: 86}}))) == 3
    # Gear whose scene was never read is taken as not moved by it.
    assert brief(plan(targets, {0, 1}, StoredInGear(scenes={7: {0: 229, 1: 254}}))) == [
        ("broadcast", 0, {0: 229, 1: 254})
    ]


def test_one_by_one_is_one_by_one() -> None:
    targets = dict.fromkeys(range(4), TargetLevel(254, 0.0))
    assert [frame.address for frame in plan(targets, {0, 1, 3}, one_by_one=True)] == [
        addresses.short(0),
        addresses.short(1),
        addresses.short(3),
    ]


def carried_out(frame: LevelFrame, targets: dict[int, TargetLevel], stored: StoredInGear) -> dict[int, int]:
    """Returns the levels that a frame really gives the luminaires of a bus, by its bytes and their stored settings."""
    if frame.address.kind == Address.SHORT:
        hearers = {frame.address.number}
    elif frame.address.kind == Address.GROUP:
        hearers = set(stored.groups[frame.address.number])
    else:
        hearers = set(targets)
    for scene, levels in stored.scenes.items():
        if frame.transmission == gear_commands.command(frame.address, "GO TO SCENE", scene):
            return {number: levels[number] for number in hearers if levels[number] != gear_commands.MASK}
    level = frame.transmission.frame.to_bytes()[1]
    assert frame.transmission == gear_commands.level(frame.address, level)
    return dict.fromkeys(hearers, level)


@given(WANTED, st.booleans(), st.data())
def test_every_plan_does_what_is_due_and_no_harm(
    targets: dict[int, TargetLevel], one_by_one: bool, data: st.DataObject
) -> None:
    lamps = st.sampled_from(sorted(targets))
    due = data.draw(st.sets(lamps))
    scene = st.fixed_dictionaries(dict.fromkeys(sorted(targets), LEVELS | st.just(gear_commands.MASK)))
    stored = StoredInGear(
        data.draw(st.dictionaries(st.integers(0, 15), st.sets(lamps), max_size=4)),
        data.draw(st.dictionaries(st.integers(0, 15), scene, max_size=4)),
    )
    frames = plan(targets, due, stored, one_by_one=one_by_one)
    shown: dict[int, int] = {}
    for frame in frames:
        done = carried_out(frame, targets, stored)
        assert done == dict(frame.level_of)
        assert all(targets[number] == TargetLevel(level, frame.fade_s) for number, level in done.items())
        shown.update(done)
    assert due <= set(shown)
    assert len(frames) <= len(due)
    if one_by_one:
        assert len(frames) == len(due)


@given(WANTED)
def test_luminaires_that_agree_need_one_frame(targets: dict[int, TargetLevel]) -> None:
    agreed = dict.fromkeys(targets, TargetLevel(254, 0.0))
    assert len(plan(agreed, set(agreed))) == 1


def test_a_scene_serves_only_luminaires_of_one_fade() -> None:
    targets = {0: TargetLevel(229, 0.0), 1: TargetLevel(254, 8.0)}
    frames = plan(targets, {0, 1}, StoredInGear(scenes={7: {0: 229, 1: 254}}))
    assert [frame.address for frame in frames] == [addresses.short(0), addresses.short(1)]


def test_groups_and_scenes_together() -> None:
    """One group has a single member, one agrees, and in one each member has a level of its own in a scene."""
    targets = dict(
        enumerate(
            [
                TargetLevel(85, 0.0),
                TargetLevel(229, 0.0),
                TargetLevel(229, 0.0),
                TargetLevel(10, 0.0),
                TargetLevel(20, 0.0),
            ]
        )
    )
    stored = StoredInGear({0: {0}, 1: {1, 2}, 2: {3, 4}}, {5: {3: 10, 4: 20, 0: 1, 1: 1, 2: 1}})
    frames = plan(targets, set(targets), stored)
    assert brief(frames) == [
        ("group", 1, {1: 229, 2: 229}),
        ("group", 2, {3: 10, 4: 20}),
        ("short", 0, {0: 85}),
    ]
    assert frames[1].transmission == gear_commands.command(addresses.group(2), "GO TO SCENE", 5)


def test_two_groups_are_fewer_than_the_largest_and_two_lamps() -> None:
    targets = {**dict.fromkeys(range(6), TargetLevel(229, 0.0)), 6: TargetLevel(254, 0.0)}
    groups = {0: {0, 1, 2, 3}, 1: {0, 1, 4}, 2: {2, 3, 5}}
    frames = plan(targets, set(range(6)), StoredInGear(groups))
    assert [frame.address for frame in frames] == [addresses.group(1), addresses.group(2)]


def test_more_combinations_than_one_can_look_at() -> None:
    """A good plan comes at once, not the best one in a year: 32 overlapping frames have four thousand million
    subsets."""
    targets = {**dict.fromkeys(range(63), TargetLevel(229, 0.0)), 63: TargetLevel(1, 0.0)}
    overlapping = [{(2 * first + step * step) % 63 for step in range(5)} for first in range(32)]
    groups = dict(enumerate(overlapping[::2]))
    scenes = {
        scene: {lamp: 229 if lamp in moved else gear_commands.MASK for lamp in targets}
        for scene, moved in enumerate(overlapping[1::2])
    }
    frames = plan(targets, set(range(63)), StoredInGear(groups, scenes))
    assert {number for frame in frames for number in frame.reaches} == set(range(63))
    assert len(frames) <= 24
