"""lichtmast override: what it writes, until when it says, and each wrong use with its remedy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import main
from agent.clock import MachineClock
from agent.events import EventLog
from agent.overrides import MOST, Overrides, OverridesUnreadable, give, read
from agent.schedule.override import Override
from tests.agent.gateway import BusOf, board_text

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
    """The state folder of a gateway whose agent has run."""
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
    (kept,) = read(state)
    assert (kept.percent, kept.start, kept.expires, kept.luminaires, kept.groups) == (80, NOW, NOW + 7200, (), ())


def test_for_a_group_a_luminaire_and_a_time(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert override(state, "--percent", "0.5", "--group", "park", "--for", "00:30") == 0
    assert capsys.readouterr().out == (
        "park: 0.5 % until 2026-01-15 21:43 (Europe/Amsterdam)\nat night not below 10 %, the floor of this board\n"
    )
    assert override(state, "--percent", "100", "--luminaire", "L02", "--luminaire", "P1") == 0
    assert [(each.groups, each.luminaires) for each in read(state)] == [(("park",), ()), ((), ("L02", "P1"))]
    assert override(state, "--resume", "--group", "park") == 0
    assert read(state)[-1].percent is None
    assert capsys.readouterr().out.endswith("park: the program goes on\n")


def test_the_boards_longest_is_respected_and_said(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert override(state, "--percent", "50", "--all", "--for", "12:00") == 0
    assert capsys.readouterr().out == (
        "all luminaires of mast: 50 % until 2026-01-16 01:13 (Europe/Amsterdam)\n"
        "not longer: this board lets no override last more than 04:00\n"
    )
    assert read(state)[0].expires == NOW + 4 * 3600


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


def test_what_is_over_is_forgotten_and_what_counts_is_kept(tmp_path: Path) -> None:
    give(tmp_path, Override(10.0, 0.0, 100.0), 0.0)
    give(tmp_path, Override(20.0, 50.0, 500.0, groups=("park",)), 50.0)
    give(tmp_path, Override(30.0, 60.0, 70.0, luminaires=("L01",)), 60.0)
    # L01's is over, but it holds back the park's.
    assert [each.percent for each in give(tmp_path, Override(40.0, 200.0, 900.0), 200.0)] == [20.0, 30.0, 40.0]
    assert [each.percent for each in give(tmp_path, Override(50.0, 600.0, 900.0), 600.0)] == [40.0, 50.0]
    assert read(tmp_path) == (Override(40.0, 200.0, 900.0), Override(50.0, 600.0, 900.0))


@given(st.binary(max_size=200))
def test_any_bytes_in_the_file_are_overrides_or_a_sentence(content: bytes) -> None:
    class Folder:
        def __truediv__(self, name: str) -> Folder:
            return self

        def read_bytes(self) -> bytes:
            return content

    try:
        found = read(Folder())  # type: ignore[arg-type]
    except OverridesUnreadable:
        return
    assert isinstance(found, tuple)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["percent", "start", "expires", "luminaires", "groups", "fade_s", "x"]), inner, max_size=7
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_in_the_file_is_overrides_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, one: object) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "overrides.json").write_text(json.dumps({"format": 1, "overrides": [one]}))
    try:
        (found,) = read(folder)
    except OverridesUnreadable:
        return
    assert found.percent is None or 0 <= found.percent <= 100


def test_the_file_does_not_grow_for_ever(tmp_path: Path) -> None:
    for number in range(30):
        give(tmp_path, Override(10.0, float(number), 1e9, luminaires=(f"L{number}",)), float(number))
    assert len(read(tmp_path)) == 30 <= MOST
    (tmp_path / "overrides.json").write_text("garbage")
    assert give(tmp_path, Override(10.0, 40.0), 40.0) == (Override(10.0, 40.0),)


def test_a_file_that_could_not_be_read_is_taken_up_once_it_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    overrides = Overrides(tmp_path, EventLog(lambda _kind, body: told.append(body["active"]), lambda: NOW))
    (given,) = give(tmp_path, Override(80, NOW), NOW)

    def refused(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as disk:
        disk.setattr(Path, "read_bytes", refused)
        assert [overrides.take_up(), overrides.take_up()] == [(), ()]
    assert overrides.take_up() == (given,)
    assert told == [True, False]
