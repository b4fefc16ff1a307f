"""The collector's store after a gateway's clock was wrong: void quarters no longer count, in any order of arrival."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import permutations
from pathlib import Path

import pytest

from agent.centre.store import Store
from agent.records.journal import Record

EPOCH = "0123456789abcdef"
QUARTER = 900
AT = 1_768_500_000


def interval(seq: int, start: int, wh: float, luminaire: str = "L01") -> Record:
    body: dict[str, object] = {
        "luminaire": luminaire, "start": start, "duration_s": QUARTER, "actual_wh": wh, "baseline_wh": 6.25,
        "quality": "metered", "coverage": 1.0, "available_s": 900.0, "full_power_w": 25.0,
        "full_power_source": "declared",
    }  # fmt: skip
    return Record(seq, "interval", body, clock_valid=True)


def control(seq: int, start: int, wh: float) -> Record:
    return Record(seq, "control", {"start": start, "duration_s": QUARTER, "control_wh": wh}, clock_valid=True)


def void(seq: int, start: object, until: object, luminaire: object = "L01", of: str = "interval") -> Record:
    return Record(seq, "void", {"of": of, "luminaire": luminaire, "start": start, "until": until}, clock_valid=True)


@contextmanager
def store_in(folder: Path) -> Iterator[Store]:
    with closing(Store(folder / "store.sqlite")) as store:
        yield store


def rows(folder: Path, table: str, value: str) -> list[tuple[int, float]]:
    with closing(sqlite3.connect(folder / "store.sqlite")) as database:
        return database.execute(f"SELECT start, {value} FROM {table} ORDER BY start").fetchall()


RECORDS = [
    interval(1, AT, 1.0),
    interval(2, AT + QUARTER, 2.0),
    interval(3, AT + 2 * QUARTER, 3.0),
    void(4, AT + QUARTER, AT + 3 * QUARTER),
    interval(5, AT + QUARTER, 5.0),
]


@pytest.mark.parametrize("order", list(permutations(range(1, 5))), ids=str)
def test_void_quarters_are_taken_out_and_the_right_ones_count(order: Sequence[int], tmp_path: Path) -> None:
    with store_in(tmp_path) as store:
        for index in (0, *order, *order):  # all of it twice
            store.write("mast", EPOCH, [RECORDS[index]], 0.0)
    assert rows(tmp_path, "intervals", "actual_wh") == [(AT, 1.0), (AT + QUARTER, 5.0)]
    with closing(sqlite3.connect(tmp_path / "store.sqlite")) as database:
        assert database.execute("SELECT count(*) FROM records").fetchone() == (5,)


@pytest.mark.parametrize("day_first", [True, False])
def test_a_day_and_one_of_its_quarters_count_once(day_first: bool, tmp_path: Path) -> None:
    day_start = AT // 86_400 * 86_400
    whole = Record(1, "interval", {**interval(1, day_start, 50.0).body, "duration_s": 86_400}, clock_valid=True)
    part = interval(2, day_start + 86_400 - QUARTER, 2.0)
    beside = [interval(3, day_start - QUARTER, 3.0), interval(4, day_start + 86_400, 4.0)]
    first, second = (whole, part) if day_first else (part, whole)
    with store_in(tmp_path) as store:
        assert store.write("mast", EPOCH, [first], 0.0).doubled == 0
        assert store.write("mast", EPOCH, [second], 0.0).doubled == 1
        assert store.write("mast", EPOCH, beside, 0.0).doubled == 0
        assert store.write("mast", EPOCH, [interval(5, day_start, 5.0, "L02")], 0.0).doubled == 0
    counts = [wh for _, wh in rows(tmp_path, "intervals", "actual_wh")]
    assert sorted(counts) == sorted([3.0, 4.0, 5.0, float(str(first.body["actual_wh"]))])


def test_a_void_is_of_its_own_luminaire_gateway_and_kind(tmp_path: Path) -> None:
    with store_in(tmp_path) as store:
        others = [interval(1, AT, 1.0, "L02"), control(2, AT, 1.0), interval(3, AT, 7.0)]
        store.write("mast", EPOCH, others, 0.0)
        store.write("other", EPOCH, [interval(1, AT, 9.0)], 0.0)
        store.write("mast", EPOCH, [void(4, AT, AT + QUARTER)], 0.0)
        assert rows(tmp_path, "intervals", "actual_wh") == [(AT, 1.0), (AT, 9.0)]
        assert rows(tmp_path, "control", "control_wh") == [(AT, 1.0)]
        store.write("mast", EPOCH, [void(5, AT, AT + QUARTER, None, "control"), control(6, AT, 2.0)], 0.0)
        assert rows(tmp_path, "control", "control_wh") == [(AT, 2.0)]


def test_what_a_clock_at_1970_wrote_is_revoked_from_its_first_second_on(tmp_path: Path) -> None:
    with store_in(tmp_path) as store:
        wrong = [interval(1, 0, 1.0), interval(2, QUARTER, 2.0), interval(3, 2 * QUARTER, 3.0), control(4, 0, 1.0)]
        store.write("mast", EPOCH, wrong, 0.0)
        store.write("mast", EPOCH, [void(5, 0, 2 * QUARTER), void(6, 0, QUARTER, None, "control")], 0.0)
    assert rows(tmp_path, "intervals", "actual_wh") == [(2 * QUARTER, 3.0)]
    assert rows(tmp_path, "control", "control_wh") == []


def test_quarters_of_a_clock_that_was_not_believed_count_nowhere_but_are_kept(tmp_path: Path) -> None:
    with store_in(tmp_path) as store:
        found = [interval(1, AT, 1.0), control(2, AT, 1.0)]
        unsure = [record._replace(clock_valid=False) for record in found]
        assert store.write("mast", EPOCH, unsure, 0.0) == (2, 0, 0, (), 0)
        assert store.write("mast", EPOCH, unsure, 0.0) == (0, 2, 0, (), 0)
        # Under the same number, but believed: that is another record.
        assert store.write("mast", EPOCH, found, 0.0) == (0, 0, 0, (1, 2), 2)
        assert store.write("mast", EPOCH, found, 0.0) == (0, 0, 0, (1, 2), 0)
    assert rows(tmp_path, "intervals", "actual_wh") == rows(tmp_path, "control", "control_wh") == []
    with closing(sqlite3.connect(tmp_path / "store.sqlite")) as database:
        assert database.execute("SELECT count(*) FROM records").fetchone() == (2,)
        assert database.execute("SELECT count(*) FROM conflicts").fetchone() == (2,)


def test_a_quarter_that_counts_is_told_of_with_all_that_it_has(tmp_path: Path) -> None:
    one = interval(7, AT, 1.5, "L03")
    with store_in(tmp_path) as store:
        store.write("mast", EPOCH, [one, control(8, AT, 0.75)], 12.5)
    with closing(sqlite3.connect(tmp_path / "store.sqlite")) as database:
        database.row_factory = sqlite3.Row
        (row,) = database.execute("SELECT * FROM intervals").fetchall()
        assert dict(row) == {**one.body, "gateway": "mast", "epoch": EPOCH, "seq": 7}
        (row,) = database.execute("SELECT * FROM control").fetchall()
        assert dict(row) == {
            "gateway": "mast", "epoch": EPOCH, "seq": 8, "start": AT, "duration_s": QUARTER, "control_wh": 0.75,
        }  # fmt: skip
        assert database.execute("SELECT seq, kind, clock_valid, received FROM records ORDER BY seq").fetchall()[0][
            :4
        ] == (7, "interval", 1, 12.5)


@pytest.mark.parametrize("missing", ["start", "actual_wh", "luminaire", "full_power_source"])
def test_an_interval_without_all_of_its_figures_is_kept_as_it_came_and_counts_nowhere(
    missing: str, tmp_path: Path
) -> None:
    whole = interval(1, AT, 1.0)
    half = whole._replace(body={key: value for key, value in whole.body.items() if key != missing})
    with store_in(tmp_path) as store:
        assert store.write("mast", EPOCH, [half], 0.0).new == 1
        assert store.write("mast", EPOCH, [interval(2, AT, 2.0)], 0.0) == (1, 0, 0, (), 0)
    assert rows(tmp_path, "intervals", "actual_wh") == [(AT, 2.0)]


def test_a_journal_begun_anew_revokes_what_it_forgot(tmp_path: Path) -> None:
    with store_in(tmp_path) as store:
        store.write("mast", EPOCH, [interval(9, AT, 1.0)], 0.0)
        store.write("mast", "f" * 16, [void(1, AT, AT + QUARTER), interval(2, AT, 2.0)], 0.0)
    assert rows(tmp_path, "intervals", "actual_wh") == [(AT, 2.0)]


@pytest.mark.parametrize(
    "record",
    [
        void(2, "now", AT + QUARTER),
        void(2, AT, None),
        void(2, AT, 1 << 70),
        void(2, -1, AT + QUARTER),
        void(2, AT, AT + QUARTER, None),
        void(2, AT, AT + QUARTER, 7),
        void(2, AT, AT + QUARTER, "L01", "event"),
        Record(2, "void", {}, clock_valid=True),
    ],
    ids=str,
)
def test_a_void_that_makes_no_sense_is_kept_and_does_nothing(record: Record, tmp_path: Path) -> None:
    with store_in(tmp_path) as store:
        assert store.write("mast", EPOCH, [interval(1, AT, 1.0), record], 0.0).new == 2
    assert rows(tmp_path, "intervals", "actual_wh") == [(AT, 1.0)]
