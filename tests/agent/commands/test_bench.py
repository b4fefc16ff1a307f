"""`lichtmast bench`: rows that hold or not, the table that people read, and the exit code."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.commands import bench
from agent.commands.demo import DEMO_BOARD
from agent.config.board import load_board
from agent.main import main
from hil.bench import night
from hil.bench.processes import cpu_s, end, lichtmast, memory_mib
from hil.bench.table import Row, as_json, as_text, percentile


@pytest.mark.parametrize(
    ("value", "bound", "holds"),
    [(4.9, 5.0, True), (5.0, 5.0, True), (5.1, 5.0, False), (0, 0, True), (1, 0, False), (None, 5.0, False)],
)
def test_a_bound_is_the_most_that_is_allowed(value: float | None, bound: float, holds: bool) -> None:
    assert Row("figure", value, "s", bound=bound).holds is holds


@pytest.mark.parametrize(("value", "holds"), [(5.1, True), (5.0, True), (4.9, False), (None, False)])
def test_or_the_least(value: float | None, holds: bool) -> None:
    row = Row("figure", value, "/s", bound=5.0, least=True)
    assert row.holds is holds
    assert ">= 5" in as_text([row])[1]


@pytest.mark.parametrize("value", [None, 0.0, 1e9])
def test_without_a_bound_every_value_holds(value: float | None) -> None:
    assert Row("figure", value, "s").holds


def test_the_table_as_text() -> None:
    rows = [
        Row("a night takes", 3.14159, "s", "real", 5.0),
        Row("records lost", 2, "", "virtual", 0, note="of 100"),
        Row("decode", 123.456, "us", "real", peer="python-dali", peer_value=456.0),
        Row("not measured", None, "ms", bound=8.0),
    ]
    assert as_text(rows) == [
        "        figure         value  unit  clock    asked  peer             note",
        "ok      a night takes  3.14   s     real     <= 5",
        "MISSED  records lost   2            virtual  <= 0                    of 100",
        "ok      decode         123.5  us    real            python-dali 456",
        "MISSED  not measured   -      ms    -        <= 8",
    ]


def test_the_table_as_json() -> None:
    (first,) = as_json([Row("a", 2.0, "s", "real", 1.0)])
    assert first == {
        "name": "a",
        "value": 2.0,
        "unit": "s",
        "clock": "real",
        "bound": 1.0,
        "peer": "",
        "peer_value": None,
        "note": "",
        "least": False,
        "holds": False,
    }


def test_percentiles() -> None:
    assert percentile([], 99) is None
    assert percentile([7.0], 99) == 7.0
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert percentile(range(1000), 99) in (989, 990)
    assert percentile([1.0, 2.0], 100) == 2.0
    assert percentile([1.0, 2.0], 0) == 1.0


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.floats(0, 100))
def test_at_least_that_share_lies_at_or_below_a_percentile(values: list[float], percent: float) -> None:
    found = percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) >= len(values) * percent / 100 - 1e-9


@pytest.mark.parametrize(("value", "code"), [(4.0, 0), (6.0, 1)])
def test_the_command(
    value: float, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    minutes = []

    def rows(arguments: object) -> Iterator[Row]:
        minutes.append(arguments.minutes)  # type: ignore[attr-defined]
        yield Row("first", value, "s", "real", 5.0)
        yield Row("second", 1.0, "s")

    monkeypatch.setattr(bench, "GROUPS", ("night",))
    monkeypatch.setattr(night, "rows", rows)
    assert main(["bench", "night", "--minutes", "2.5"]) == code
    assert capsys.readouterr().out.splitlines()[1].split()[:3] == ["MISSED" if code else "ok", "first", f"{value:g}"]
    assert main(["bench", "--json"]) == code
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == ["first", "second"]
    assert minutes == [2.5, 10.0]
    with pytest.raises(SystemExit) as ended:
        main(["bench", "day"])
    assert ended.value.code == 2


def test_only_frames_inside_a_transaction_are_bound_by_the_turnaround() -> None:
    pairs = [(0.004, "h01C5"), (0.006, "h03C5"), (0.018, "hFF9B"), (0.040, "h0190"), (0.030, "hFEFE")]
    inside, every = night._turnarounds(pairs)
    assert (inside.value, inside.bound, inside.note) == (6.0, 8.0, "2 frames inside transactions")
    assert (every.value, every.bound) == (40.0, None)
    none, _ = night._turnarounds([])
    assert not none.holds


def test_the_boards_copy_has_this_broker_and_these_ports(tmp_path: Path) -> None:
    copy = tmp_path / "board.toml"
    copy.write_text(night._board_on(12345, tmp_path / "ports"))
    board, original = load_board(copy), load_board(DEMO_BOARD)
    assert board.upstream is not None
    assert (board.upstream.host, board.upstream.port) == ("127.0.0.1", 12345)
    assert board.buses[0].port == str(tmp_path / "ports" / "street")
    assert board.luminaires == original.luminaires


def test_the_board_of_four_buses_has_64_luminaires_at_one_port(tmp_path: Path) -> None:
    copy = tmp_path / "board.toml"
    copy.write_text(night._four_buses_on(12345, tmp_path / "ports"))
    board = load_board(copy)
    assert board.upstream is not None
    assert [(bus.port, bus.channel) for bus in board.buses] == [
        (str(tmp_path / "ports" / "street"), channel) for channel in (1, 2, 3, 4)
    ]
    assert [sum(one.bus == bus.name for one in board.luminaires) for bus in board.buses] == [16, 16, 16, 16]


def test_a_process_is_measured_and_ended(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with lichtmast(["--version"], log) as process:
        process.wait()
    assert log.read_text().startswith("lichtmast ")
    end(process)  # it has ended already
    before = cpu_s(os.getpid())
    assert before > 0
    assert sum(range(3_000_000)) > 0
    assert before <= cpu_s(os.getpid()) < before + 60
    now_mib, peak_mib = memory_mib(os.getpid())
    assert 5 < now_mib <= peak_mib < 10_000
