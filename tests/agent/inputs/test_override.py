"""`lichtmast override`: its file, the end that it announces, and each wrong use with its remedy."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import TypeVar, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import main
from agent.clock import MachineClock
from agent.hardware.files import read_plain
from agent.hardware.folder_watch import FolderWatch
from agent.inputs import overrides
from agent.inputs.overrides import LOOKS_EVERY_S, MOST, Given, Overrides, OverridesUnreadable, give, in_force, read
from agent.interfaces import Clock
from agent.records.alarms import EventLog
from agent.schedule.override import Override
from tests.rigs.gateway import BusOf, board_text

T = TypeVar("T")

NOW = 1_768_508_000.0
"""2026-01-15 21:13:20 in the Netherlands."""

GROUPS = """
[[group]]
name = "park"

[[luminaire]]
name = "P1"
bus = "L"
short_address = 40
power_w = 25
groups = ["park"]
"""


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns the state folder of a gateway on which the agent has run."""
    folder = tmp_path / "state"
    folder.mkdir()
    text = board_text(tmp_path, [BusOf("L")], more=GROUPS).replace("[board]", '[board]\nlongest_override = "04:00"')
    (folder / "last-good-board.toml").write_text(text)
    monkeypatch.setattr(MachineClock, "wall", lambda _clock: NOW)
    monkeypatch.setattr(MachineClock, "valid", lambda _clock: True)
    return folder


def override(state: Path, *words: str) -> int:
    return main.main(["override", "--state", str(state), *words])


def test_two_hours_for_all_unless_said_otherwise(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert override(state, "--percent", "80", "--all") == 0
    assert capsys.readouterr().out == "all luminaires of mast: 80 % until 2026-01-15 23:13 (Europe/Amsterdam)\n"
    ((kept, *_),) = read(state)
    assert (kept.percent, kept.start, kept.expires, kept.luminaires, kept.groups) == (80, NOW, NOW + 7200, (), ())


def test_for_a_group_a_luminaire_and_a_time(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert override(state, "--percent", "0.5", "--group", "park", "--for", "00:30") == 0
    assert capsys.readouterr().out == (
        "park: 0.5 % until 2026-01-15 21:43 (Europe/Amsterdam)\nat night not below 10 %, the floor of this board\n"
    )
    assert override(state, "--percent", "100", "--luminaire", "L02", "--luminaire", "P1") == 0
    assert [(each.groups, each.luminaires) for each, *_ in read(state)] == [(("park",), ()), ((), ("L02", "P1"))]
    assert override(state, "--resume", "--group", "park") == 0
    assert read(state)[-1].override.percent is None
    assert capsys.readouterr().out.endswith("park: the program goes on\n")


def test_the_boards_longest_is_respected_and_said(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert override(state, "--percent", "50", "--all", "--for", "12:00") == 0
    assert capsys.readouterr().out == (
        "all luminaires of mast: 50 % until 2026-01-16 01:13 (Europe/Amsterdam)\n"
        "not longer: this board lets no override last more than 04:00\n"
    )
    assert read(state)[0].override.expires == NOW + 4 * 3600


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--percent", "50", "--group", "prak"], "there is no group prak on the board of mast: did you mean"),
        (["--percent", "50", "--luminaire", "L99"], "there is no luminaire L99 on the board of mast"),
        (["--resume", "--all", "--for", "01:00"], "--resume ends it at once: leave --for out"),
    ],
)
def test_names_that_are_not_there(
    state: Path, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert override(state, *words) == 2
    assert sentence in capsys.readouterr().err
    assert not (state / "overrides.json").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--percent", "101", "--all"], "write a number from 0 to 100, not 101"),
        (["--percent", "nan", "--all"], "write a number from 0 to 100, not nan"),
        (["--percent", "50", "--all", "--for", "2h"], "write hours and minutes such as 02:00, not 2h"),
        (["--percent", "50", "--all", "--for", "00:00"], "write hours and minutes such as 02:00, not 00:00"),
        (["--percent", "50"], "one of the arguments --all --group --luminaire is required"),
        (["--all"], "one of the arguments --percent --resume is required"),
        (["--percent", "50", "--resume", "--all"], "not allowed with argument"),
    ],
)
def test_words_that_mean_nothing(
    state: Path, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        override(state, *words)
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


def test_a_folder_in_which_no_agent_has_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert override(tmp_path, "--percent", "50", "--all") == 2
    assert f"no agent has run with the state folder {tmp_path}" in capsys.readouterr().err


def test_a_clock_that_cannot_be_believed(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(MachineClock, "valid", lambda _clock: False)
    assert override(state, "--percent", "50", "--all") == 2
    assert "set the clock first" in capsys.readouterr().err


class HandClock:
    """A clock of a machine that started when its wall clock showed 0; the test may set the wall clock."""

    def __init__(self, wall: float = 0.0) -> None:
        self.since_start = wall
        self.set_s = 0.0

    def wall(self) -> float:
        return self.since_start + self.set_s

    def monotonic(self) -> float:
        return self.since_start

    async def wait_for(self, awaitable: Awaitable[T], seconds: float) -> T:
        async with asyncio.timeout(seconds):
            return await awaitable


def at(wall: float) -> Clock:
    return cast(Clock, HandClock(wall))


def percents(given: tuple[Given, ...]) -> list[float | None]:
    return [each.override.percent for each in given]


def test_what_is_over_is_forgotten_and_what_counts_is_kept(tmp_path: Path) -> None:
    give(tmp_path, Override(10.0, 0.0, 100.0), at(0.0))
    give(tmp_path, Override(20.0, 50.0, 500.0, groups=("park",)), at(50.0))
    give(tmp_path, Override(30.0, 60.0, 70.0, luminaires=("L01",)), at(60.0))
    # L01's is over, but it holds back the park's.
    assert percents(give(tmp_path, Override(40.0, 200.0, 900.0), at(200.0))) == [20.0, 30.0, 40.0]
    assert percents(give(tmp_path, Override(50.0, 600.0, 900.0), at(600.0))) == [40.0, 50.0]
    assert tuple(each.override for each in read(tmp_path)) == (
        Override(40.0, 200.0, 900.0),
        Override(50.0, 600.0, 900.0),
    )


@given(st.binary(max_size=200))
def test_any_bytes_in_the_file_are_overrides_or_a_sentence(content: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overrides, "read_plain", lambda _path: content)
        try:
            found = read(Path())
        except OverridesUnreadable:
            return
    assert isinstance(found, tuple)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["percent", "start", "expires", "luminaires", "groups", "fade_s", "given", "boot", "wall", "monotonic"]
            ),
            inner,
            max_size=7,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_in_the_file_is_overrides_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, one: object) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "overrides.json").write_text(json.dumps({"format": 1, "overrides": [one]}))
    try:
        ((found, *_),) = read(folder)
    except OverridesUnreadable:
        return
    assert found.percent is None or 0 <= found.percent <= 100


def test_the_file_does_not_grow_for_ever(tmp_path: Path) -> None:
    for number in range(30):
        give(tmp_path, Override(10.0, float(number), 1e9, luminaires=(f"L{number}",)), at(float(number)))
    assert len(read(tmp_path)) == 30 <= MOST
    (tmp_path / "overrides.json").write_text("garbage")
    assert percents(give(tmp_path, Override(10.0, 40.0), at(40.0))) == [10.0]


def test_what_is_written_can_be_read_again_however_long_the_names(tmp_path: Path) -> None:
    """The file has a bound in bytes too: the oldest overrides are left out."""
    for number in range(5):
        names = tuple("x" * 300_000 + f"{number}" for _ in range(1))
        give(tmp_path, Override(float(number), 0.0, 1e9, luminaires=names), at(float(number)))
    assert percents(read(tmp_path)) == [2.0, 3.0, 4.0]


def test_more_than_a_file_may_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overrides, "MOST", 3)
    for number in range(5):
        give(tmp_path, Override(float(number), 0.0, 1e9, luminaires=(f"L{number}",)), at(0.0))
    assert percents(read(tmp_path)) == [2.0, 3.0, 4.0]


# The file itself


def test_it_is_on_the_disk_before_it_takes_the_place_of_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    replace, sync = Path.replace, os.fsync

    def replaced(self: Path, to: Path) -> Path:
        order.append(f"{to.name} of {len(self.read_bytes()) > 100}")
        return replace(self, to)

    def synced(number: int) -> None:
        order.append(f"fsync of {os.fstat(number).st_size > 100}")
        sync(number)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    give(tmp_path, Override(10.0, 0.0), at(0.0))
    assert order == ["fsync of True", "overrides.json of True"]


def test_two_commands_at_once_do_not_forget_each_others_override(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first command is held up between reading and writing; the second waits for it."""
    held, go_on = threading.Event(), threading.Event()
    write = overrides.write

    def slowly(state: Path, given: list[Given]) -> None:
        if not held.is_set():
            held.set()
            assert go_on.wait(10)
        write(state, given)

    monkeypatch.setattr(overrides, "write", slowly)
    first = threading.Thread(target=give, args=(tmp_path, Override(10.0, 0.0, luminaires=("L01",)), at(0.0)))
    second = threading.Thread(target=give, args=(tmp_path, Override(20.0, 0.0, luminaires=("L02",)), at(0.0)))
    first.start()
    assert held.wait(10)
    second.start()
    second.join(0.05)
    assert second.is_alive()
    go_on.set()
    first.join(10)
    second.join(10)
    assert percents(read(tmp_path)) == [10.0, 20.0]


def test_pipes_in_the_place_of_its_files_hold_nothing_up(tmp_path: Path) -> None:
    for name in ("overrides.json", "overrides.new", "overrides.json.lock"):
        os.mkfifo(tmp_path / name)
    with pytest.raises(
        OverridesUnreadable, match=r"cannot be read \(this is a pipe, not a file\): give the override again"
    ):
        read(tmp_path)
    give(tmp_path, Override(10.0, 0.0), at(0.0))
    assert percents(read(tmp_path)) == [10.0]


@pytest.mark.parametrize("content", ["[]", "3", "null", '{"format": 2, "overrides": []}', '{"overrides": []}'])
def test_what_is_no_list_of_overrides(content: str, tmp_path: Path) -> None:
    (tmp_path / "overrides.json").write_text(content)
    with pytest.raises(OverridesUnreadable, match='it is not of "format": 1'):
        read(tmp_path)


@pytest.mark.parametrize("content", ['{"format": 1}', '{"format": 1, "overrides": {}}'])
def test_overrides_that_are_no_list(content: str, tmp_path: Path) -> None:
    (tmp_path / "overrides.json").write_text(content)
    with pytest.raises(OverridesUnreadable, match='its "overrides" are a list of at most 1000'):
        read(tmp_path)


def test_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    give(tmp_path / "made" / "here", Override(10.0, 0.0), at(0.0))
    assert percents(read(tmp_path / "made" / "here")) == [10.0]


@pytest.mark.parametrize(
    "stamp",
    [3, [], {}, {"boot": 1, "wall": 0, "monotonic": 0}, {"boot": "b", "wall": 0}]
    + [{"boot": "b", "wall": wrong, "monotonic": 0} for wrong in ("x", None, -1, 1e12)]
    + [{"boot": "b", "wall": 0, "monotonic": wrong} for wrong in ("x", None, -1, 1e12)],
)
def test_a_stamp_that_is_none(stamp: object, tmp_path: Path) -> None:
    content = {"format": 1, "overrides": [{"percent": 10, "start": 0, "given": stamp}]}
    (tmp_path / "overrides.json").write_text(json.dumps(content))
    with pytest.raises(OverridesUnreadable, match='its "given" is a boot, a wall time and a monotonic time'):
        read(tmp_path)


# How long it lasts


class Machine:
    """A machine on which overrides are given. Its clock can be set, and it can be started again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.folder = folder
        self.clock = HandClock()
        self._patch = monkeypatch
        self._starts = 0
        self.starts(1000.0)

    def starts(self, wall: float) -> None:
        self.clock.since_start, self.clock.set_s = 0.0, wall
        self._starts += 1
        boot = f"start {self._starts}"
        self._patch.setattr(overrides, "boot_id", lambda: boot)

    def after(self, seconds: float) -> None:
        self.clock.since_start += seconds

    def give(self, lasting_s: float) -> None:
        now = self.clock.wall()
        give(self.folder, Override(50.0, now, now + lasting_s), cast(Clock, self.clock))

    def left_s(self) -> float | None:
        """Returns for how many seconds the override still holds; None: it is over."""
        found = in_force(read(self.folder), cast(Clock, self.clock))
        now = self.clock.wall()
        left = [each.expires - now for each in found if each.start <= now < each.expires]
        assert len(left) <= 1
        return left[0] if left else None


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    return Machine(monkeypatch, tmp_path)


@pytest.mark.parametrize("set_s", [-86_400 * 400, -7200, -3600, -1.0, 1.0, 3600, 7200, 86_400 * 400])
def test_a_clock_that_is_set_neither_ends_nor_prolongs_it(set_s: float, machine: Machine) -> None:
    machine.clock.set_s = 86_400.0 * 500
    machine.after(10.0)
    machine.give(3600.0)
    machine.after(600.0)
    machine.clock.set_s += set_s
    assert machine.left_s() == pytest.approx(3000.0)
    machine.after(2999.0)
    assert machine.left_s() == pytest.approx(1.0)
    machine.after(2.0)
    assert machine.left_s() is None
    # An override that is over by monotonic time is forgotten, even if the wrong clock says that it is still to come.
    machine.give(10.0)
    assert len(read(machine.folder)) == 1


def test_a_clock_that_is_slewed_moves_nothing(machine: Machine) -> None:
    """Otherwise every look would find other overrides than before, and tell all lamps again."""
    machine.give(3600.0)
    before = in_force(read(machine.folder), cast(Clock, machine.clock))
    machine.clock.set_s += 0.9
    assert in_force(read(machine.folder), cast(Clock, machine.clock)) == before


def test_over_a_restart_of_the_machine_the_wall_clock_counts(machine: Machine) -> None:
    machine.after(500.0)
    machine.give(3600.0)
    machine.after(100.0)
    machine.starts(machine.clock.wall() + 300.0)  # it was off for five minutes
    machine.after(50.0)
    assert machine.left_s() == pytest.approx(3600.0 - 450.0)
    machine.after(3600.0)
    assert machine.left_s() is None


def test_what_a_clock_that_ran_ahead_gave_before_a_restart_is_over_and_does_not_come_back(machine: Machine) -> None:
    machine.after(500.0)
    right = machine.clock.wall()
    machine.clock.set_s += 7200.0
    machine.give(3600.0)
    machine.starts(right + 100.0)
    for _ in range(12):
        assert machine.left_s() is None
        machine.after(900.0)
    machine.give(60.0)
    assert len(read(machine.folder)) == 1


@pytest.mark.parametrize(("ahead_s", "left_s"), [(59.0, 3600.0 - 41.0), (61.0, None)])
def test_a_clock_that_is_a_little_off_over_a_restart_is_no_clock_that_ran_ahead(
    ahead_s: float, left_s: float | None, machine: Machine
) -> None:
    machine.clock.set_s += ahead_s
    machine.give(3600.0)
    machine.clock.set_s -= ahead_s
    machine.starts(machine.clock.wall())
    machine.after(100.0)
    assert machine.left_s() == left_s


def test_an_override_of_an_older_version_goes_by_the_wall_clock(machine: Machine) -> None:
    content = {"format": 1, "overrides": [{"percent": 50, "start": 900.0, "expires": 2000.0}]}
    (machine.folder / "overrides.json").write_text(json.dumps(content))
    assert machine.left_s() == 1000.0


# The running agent


def taking_up(folder: Path, story: Callable[[Overrides, list[object]], Coroutine[None, None, None]]) -> list[object]:
    """Returns the overrides of this folder, and the list of their news: True and False for the event, or "changed"."""
    told: list[object] = []

    async def whole() -> None:
        events = EventLog(lambda _kind, body: told.append(body["active"]), lambda: NOW)
        await story(Overrides(folder, events, at(NOW), lambda: told.append("changed")), told)

    asyncio.run(whole())
    return told


def given_percents(overrides: Overrides) -> list[float | None]:
    return [each.percent for each in overrides.current]


def test_a_file_that_could_not_be_read_is_taken_up_once_it_can(tmp_path: Path) -> None:
    async def story(taken: Overrides, _told: list[object]) -> None:
        give(tmp_path, Override(80, NOW), at(NOW))

        def refused(_path: Path) -> bytes:
            raise PermissionError(13, "Permission denied")

        with pytest.MonkeyPatch.context() as disk:
            disk.setattr(overrides, "read_plain", refused)
            await taken.look()
            await taken.look()
        assert given_percents(taken) == []
        await taken.look()
        assert given_percents(taken) == [80.0]

    assert taking_up(tmp_path, story) == [True, False, "changed"]


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero"), None])
def test_what_stands_in_its_place_changes_nothing(make: Callable[[Path], object] | None, tmp_path: Path) -> None:
    async def story(taken: Overrides, _told: list[object]) -> None:
        give(tmp_path, Override(80, NOW), at(NOW))
        await taken.look()
        file = tmp_path / "overrides.json"
        file.unlink()
        if make is None:
            file.write_bytes(b" " * 1024 * 1024 + b"[]")
        else:
            make(file)
        await taken.look()
        assert given_percents(taken) == [80.0]

    assert taking_up(tmp_path, story) == ["changed", True]


def test_nothing_is_read_or_looked_at_on_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give(tmp_path, Override(80, NOW), at(NOW))
    threads: set[str] = set()
    whole, stat = read_plain, Path.stat

    def noted(path: Path) -> bytes:
        threads.add(f"read by {threading.current_thread() is threading.main_thread()}")
        return whole(path)

    def stat_noted(path: Path, **named: bool) -> os.stat_result:
        threads.add(f"stat by {threading.current_thread() is threading.main_thread()}")
        return stat(path, **named)

    async def story(taken: Overrides, _told: list[object]) -> None:
        monkeypatch.setattr(overrides, "read_plain", noted)
        monkeypatch.setattr(Path, "stat", stat_noted)
        await taken.first_look()
        assert given_percents(taken) == [80.0]

    taking_up(tmp_path, story)
    assert threads == {"read by False", "stat by False"}


def test_a_disk_that_hangs_at_the_start_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = threading.Event()
    monkeypatch.setattr(overrides, "FIRST_LOOK_WITHIN_S", 0.01)
    monkeypatch.setattr(Overrides, "_stamp", lambda _self: answers.wait(10) and ())

    async def story(taken: Overrides, _told: list[object]) -> None:
        began = time.monotonic()
        await taken.first_look()
        assert time.monotonic() - began < 8
        answers.set()

    assert taking_up(tmp_path, story) == []


def test_what_is_given_is_taken_up_at_once_and_an_unchanged_file_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Path] = []
    whole = overrides.read

    def noted(state: Path) -> tuple[Given, ...]:
        reads.append(state)
        return whole(state)

    async def story(taken: Overrides, told: list[object]) -> None:
        async def until(percents: list[float | None]) -> None:
            async with asyncio.timeout(5):
                while given_percents(taken) != percents:
                    await asyncio.sleep(0.001)

        running = asyncio.ensure_future(taken.run())
        give(tmp_path, Override(80, NOW), at(NOW))
        await until([80.0])
        (tmp_path / "other file").write_text("is nothing to it")
        give(tmp_path, Override(70, NOW, luminaires=("L01",)), at(NOW))
        await until([80.0, 70.0])
        count = len(reads)
        (tmp_path / "overrides.json").chmod(0o644)
        await asyncio.sleep(0.02)
        assert len(reads) == count
        (tmp_path / "overrides.json").unlink()
        await until([])
        # The whole folder is another one.
        tmp_path.rename(tmp_path.with_name("away"))
        give(tmp_path, Override(60, NOW), at(NOW))
        await until([60.0])
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert told == ["changed"] * 4

    monkeypatch.setattr(overrides, "read", noted)
    before = os.listdir("/proc/self/fd")
    taking_up(tmp_path, story)
    assert os.listdir("/proc/self/fd") == before


def test_where_the_kernel_does_not_tell_it_looks_each_cycle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FolderWatch, "set_up", lambda _self: False)
    waits: list[float] = []

    class Impatient(HandClock):
        async def wait_for(self, awaitable: Awaitable[T], seconds: float) -> T:
            waits.append(seconds)
            give(tmp_path, Override(80, NOW), at(NOW))
            return await super().wait_for(awaitable, 0.001)

    async def whole() -> None:
        taken = Overrides(tmp_path, EventLog(lambda *_said: None, lambda: NOW), cast(Clock, Impatient(NOW)), done.set)
        running = asyncio.ensure_future(taken.run())
        await asyncio.wait_for(done.wait(), 5)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert given_percents(taken) == [80.0]

    done = asyncio.Event()
    asyncio.run(whole())
    assert set(waits) == {LOOKS_EVERY_S} == {10.0}


def test_a_file_that_cannot_be_read_is_looked_at_each_cycle(tmp_path: Path) -> None:
    waits: list[float] = []

    class Noting(HandClock):
        async def wait_for(self, awaitable: Awaitable[T], seconds: float) -> T:
            waits.append(seconds)
            (tmp_path / "overrides.json").unlink(missing_ok=True)
            return await super().wait_for(awaitable, 0.001)

    async def whole() -> None:
        (tmp_path / "overrides.json").mkdir()
        (tmp_path / "overrides.json").rmdir()
        (tmp_path / "overrides.json").write_text("garbage")
        taken = Overrides(tmp_path, EventLog(lambda *_said: None, lambda: NOW), cast(Clock, Noting(NOW)), lambda: None)
        running = asyncio.ensure_future(taken.run())
        async with asyncio.timeout(5):
            while len(waits) < 3:
                await asyncio.sleep(0.001)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(whole())
    assert waits[0] == 10.0
    assert waits[-1] == 60.0


def test_a_watch_hears_of_its_file_and_of_its_folder_and_of_nothing_else(tmp_path: Path) -> None:
    heard: list[str] = []

    async def after(change: Callable[[], object]) -> int:
        heard.clear()
        change()
        await asyncio.sleep(0.005)
        return len(heard)

    async def whole() -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        watch = FolderWatch(folder, "mine", lambda: heard.append("changed"))
        assert not os.get_blocking(watch._descriptor)
        assert not os.get_inheritable(watch._descriptor)
        assert watch.set_up()
        assert await after(lambda: (folder / "others").write_text("x")) == 0
        assert await after(lambda: (folder / "others").replace(folder / "mine")) >= 1
        assert await after(lambda: (folder / "mine").write_text("y")) >= 1
        assert await after(lambda: (folder / "mine").chmod(0o600)) >= 1
        assert await after(lambda: (folder / "mine").replace(folder / "others")) >= 1
        assert await after(lambda: (folder / "others").unlink()) == 0
        (folder / "mine").touch()
        assert await after(lambda: (folder / "mine").unlink()) >= 1
        assert await after(lambda: folder.rename(tmp_path / "away")) >= 1
        assert await after(lambda: (tmp_path / "away").rmdir()) >= 1
        watch.close()

    asyncio.run(whole())


def test_a_watch_that_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def whole() -> None:
        watch = FolderWatch(tmp_path / "nowhere", "x", lambda: None)
        assert not watch.set_up()
        (tmp_path / "nowhere").mkdir()
        assert watch.set_up()
        watch.close()
        assert not watch.set_up()
        watch.close()

        class NoMore:
            def inotify_init1(self, _flags: int) -> int:
                return -1

        monkeypatch.setattr("ctypes.CDLL", lambda _name: NoMore())
        without = FolderWatch(tmp_path, "x", lambda: None)
        assert not without.set_up()
        without.close()

    asyncio.run(whole())
