"""The kinds of record: a new kind is one row of the table, and the kinds of today keep their form on wire and disk."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pytest

from agent.centre.reading import StoreView
from agent.centre.store import Store
from agent.records import kinds
from agent.records.journal import Journal
from agent.records.kinds import KINDS, NUMBER, TEXT, WHOLE, Field, Kind, Limit, Table
from agent.records.reading import JournalView
from agent.records.record import Record
from agent.savings.control import ControlInterval
from agent.savings.intervals import Interval, VoidIntervals
from agent.wire import payloads
from hil.virtual_time import VirtualClock, run_virtual

EPOCH = "0123456789abcdef"
START = 1_763_800_200
QUARTER = 900

INTERVAL = Interval("Mast 12/é_", START, 900, 4.75, 6.25, "metered", 1.0, 900, 25.0, "declared")
VOID = VoidIntervals("interval", "L01", START, START + QUARTER)
TIMED = [
    Record(1, "interval", asdict(INTERVAL), True),
    Record(2, "control", {"start": START, "duration_s": QUARTER, "control_wh": 0.75}, True),
    Record(
        3,
        "reading",
        {"luminaire": "L01", "at": START + 0.5, "energy_wh": 10.5, "resolution_wh": 0.5, "level": None, "status": 4},
        True,
    ),
    Record(
        4,
        "event",
        {
            "at": START + 1.5,
            "name": "lampFailure",
            "subject": "L01",
            "active": True,
            "text": "L01 is dark",
            "since": START + 1,
            "count": 2,
        },
        True,
    ),
]
AS_TEXT = [
    Record(5, "void", asdict(VOID), True),
    Record(
        6,
        "event",
        {"at": 100.5, "name": "lampFailure", "subject": "L01", "active": True, "text": "d", "notice": True},
        False,
    ),
]

# What version 0.1.0 sent for these records.
TIMED_PAYLOAD = bytes.fromhex(
    "97a50063736571020120181a21781b67772d312f4d6173745f323031325f32665f63335f61395f35662f221a69217488a2006565706f"
    "6368037030313233343536373839616263646566a2006673656e646572037061626162616261626162616261626162a3006d656e6572"
    "67792f61637475616c0162576802f944c0a3006f656e657267792f626173656c696e650162576802f94640a300686475726174696f6e"
    "01617302190384a2006e656e657267792f7175616c69747903676d657465726564a3006f656e657267792f636f76657261676501612f"
    "02f93c00a30069617661696c61626c6501617302190384a3006a706f7765722f66756c6c01615702f94e40a20071706f7765722f6675"
    "6c6c2f736f7572636503686465636c61726564a300637365710202216567772d312fa3006e656e657267792f636f6e74726f6c016257"
    "6802f93a00a300686475726174696f6e01617302190384a400637365710203216967772d312f4c30312f22fb41da485d22200000a300"
    "6f656e657267792f72656769737465720162576802f94940a30071656e657267792f7265736f6c7574696f6e0162576802f93800a200"
    "667374617475730204a30063736571020422fb41da485d22600000a2006a6576656e742f6e616d65036b6c616d704661696c757265a2"
    "006c6576656e742f61637469766504f5a2006a6576656e742f74657874036b4c3031206973206461726ba20067667572746865720378"
    "217b2273696e6365223a20313736333830303230312c2022636f756e74223a20327d"
)
AS_TEXT_PAYLOAD = bytes.fromhex(
    "89a40063736571020520181a216567772d312fa2006565706f6368037030313233343536373839616263646566a200646b696e640364"
    "766f6964a20065636c6f636b04f5a20064626f64790378507b226f66223a2022696e74657276616c222c20226c756d696e6169726522"
    "3a20224c3031222c20227374617274223a20313736333830303230302c2022756e74696c223a20313736333830313130307da2006373"
    "65710206a200646b696e6403656576656e74a20065636c6f636b04f4a20064626f64790378637b226174223a203130302e352c20226e"
    "616d65223a20226c616d704661696c757265222c20227375626a656374223a20224c3031222c2022616374697665223a20747275652c"
    "202274657874223a202264222c20226e6f74696365223a20747275657d"
)


def lived(story: Callable[[VirtualClock], Awaitable[None]]) -> None:
    run_virtual(story, START)


def test_the_wire_is_the_one_of_before_to_the_byte() -> None:
    assert payloads.encode_records("gw-1", EPOCH, TIMED, "ab" * 8) == TIMED_PAYLOAD
    assert payloads.encode_records("gw-1", EPOCH, AS_TEXT) == AS_TEXT_PAYLOAD
    assert payloads.decode_records(TIMED_PAYLOAD) == ("gw-1", EPOCH, TIMED, "ab" * 8)
    assert payloads.decode_records(AS_TEXT_PAYLOAD).records == AS_TEXT


# A journal as version 1.1 of its format makes it; a row without a checksum is an older agent's.
JOURNAL = """
CREATE TABLE identity (gateway TEXT NOT NULL, epoch TEXT NOT NULL, checksum INTEGER);
CREATE TABLE record (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, at REAL NOT NULL, clock_valid INTEGER NOT NULL,
    body TEXT NOT NULL, checksum INTEGER);
CREATE TABLE state (name TEXT PRIMARY KEY, value TEXT NOT NULL, checksum INTEGER) WITHOUT ROWID;
CREATE TABLE mark (name TEXT PRIMARY KEY, value REAL, checksum INTEGER) WITHOUT ROWID;
CREATE TABLE volume (kind TEXT PRIMARY KEY, bytes INTEGER NOT NULL, checksum INTEGER) WITHOUT ROWID;
PRAGMA user_version=101;
INSERT INTO identity VALUES ('gw-1', '0123456789abcdef', NULL);
INSERT INTO record VALUES (1, 'interval', 1763801100, 1, '{"luminaire":"Mast 12/\\u00e9_","start":1763800200,
    "duration_s":900,"actual_wh":4.75,"baseline_wh":6.25,"quality":"metered","coverage":1.0,"available_s":900,
    "full_power_w":25.0,"full_power_source":"declared"}', NULL);
INSERT INTO record VALUES (2, 'control', 1763801100, 1,
    '{"start":1763800200,"duration_s":900,"control_wh":0.75}', NULL);
INSERT INTO record VALUES (3, 'reading', 1763800200.5, 1, '{"luminaire":"L01","at":1763800200.5,"energy_wh":10.5,
    "resolution_wh":0.5,"level":null,"status":4}', NULL);
INSERT INTO record VALUES (4, 'event', 1763800201.5, 1, '{"at":1763800201.5,"name":"lampFailure","subject":"L01",
    "active":true,"text":"L01 is dark","since":1763800201,"count":2}', NULL);
INSERT INTO state VALUES ('alarms', '[]', NULL);
INSERT INTO mark VALUES ('cursor', 0, NULL), ('cursor_copy', 0, NULL), ('last', 4, NULL), ('gaps_until', 0, NULL);
"""


def test_a_journal_of_before_is_sent_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "gw.journal"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA page_size=4096")
        file.execute("PRAGMA journal_mode=WAL")
        file.executescript(JOURNAL)

    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, "gw-1", clock)
        assert (journal.damage, journal.epoch, journal.state("alarms")) == (None, EPOCH, [])
        records = await journal.read_after(0, 9)
        assert payloads.encode_records("gw-1", journal.epoch, records, "ab" * 8) == TIMED_PAYLOAD
        journal.append("interval", INTERVAL)
        await journal.commit()
        await journal.close()

    lived(story)
    assert JournalView(path).sequence() == [1, 2, 3, 4, 5]


# A store as version 0.1.0 made it.
STORE = """
CREATE TABLE records (gateway TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL,
    clock_valid INTEGER NOT NULL, received REAL NOT NULL, body TEXT NOT NULL, PRIMARY KEY (gateway, epoch, seq))
    WITHOUT ROWID;
CREATE TABLE intervals (gateway TEXT NOT NULL, luminaire TEXT NOT NULL, start INTEGER NOT NULL,
    duration_s REAL NOT NULL, actual_wh REAL NOT NULL, baseline_wh REAL NOT NULL, quality TEXT NOT NULL,
    coverage REAL NOT NULL,
    available_s REAL NOT NULL, full_power_w REAL NOT NULL, full_power_source TEXT NOT NULL, epoch TEXT NOT NULL,
    seq INTEGER NOT NULL, PRIMARY KEY (gateway, luminaire, start)) WITHOUT ROWID;
CREATE TABLE control (gateway TEXT NOT NULL, start INTEGER NOT NULL, duration_s REAL NOT NULL, control_wh REAL NOT NULL,
    epoch TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (gateway, start)) WITHOUT ROWID;
CREATE TABLE voids (gateway TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL,
    luminaire TEXT, start INTEGER NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (gateway, epoch, seq)) WITHOUT ROWID;
CREATE TABLE events (gateway TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL, at REAL NOT NULL,
    name TEXT NOT NULL, subject TEXT NOT NULL, active INTEGER NOT NULL, text TEXT NOT NULL,
    since REAL, count INTEGER, notice INTEGER, PRIMARY KEY (gateway, epoch, seq)) WITHOUT ROWID;
CREATE INDEX events_by_time ON events (gateway, at);
CREATE TABLE conflicts (gateway TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL,
    clock_valid INTEGER NOT NULL, received REAL NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (gateway, epoch, seq, kind, clock_valid, body)) WITHOUT ROWID;
"""


def columns_of(path: Path) -> dict[str, set[tuple[object, ...]]]:
    """Returns each table's columns: name, type, whether it may be empty, and its place in the primary key."""
    with contextlib.closing(sqlite3.connect(path)) as file:
        tables = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: {row[1:4] + row[5:] for row in file.execute(f"PRAGMA table_info({table})")} for table in tables}


def test_a_store_of_before_is_the_store_of_today(tmp_path: Path) -> None:
    path, fresh = tmp_path / "store.sqlite", tmp_path / "fresh.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.executescript(STORE)
    Store(fresh).close()
    before = columns_of(path)
    assert before == {table: columns for table, columns in columns_of(fresh).items() if table in before}
    store = Store(path)
    assert store.write("gw-1", EPOCH, TIMED, 0.0) == (4, 0, 0, (), 0)
    assert store.write("gw-1", "f" * 16, TIMED, 0.0).doubled == 3  # all but the reading, which has no table
    store.close()
    assert columns_of(path) == columns_of(fresh)
    view = StoreView(path)
    assert view.rows("interval", ["luminaire", "start", "actual_wh"]) == [("Mast 12/é_", START, 4.75)]
    assert view.rows("event", ["at", "since", "count", "notice"]) == [(START + 1.5, START + 1, 2, None)]
    assert view.rows("control", ["control_wh"]) == [(0.75,)]


@dataclass(frozen=True)
class Swing:
    """How far a mast swings in the wind: a kind that the project does not have."""

    mast: str
    start: int
    lasts_s: int
    amplitude_mm: float
    cause: str


@dataclass(frozen=True)
class Knock:
    """A blow that a mast has felt."""

    at: float
    mast: str
    strength: float


SWING = Kind(
    "swing",
    time=Field("start", WHOLE),
    subject=Field("mast", TEXT),
    fields=(
        Field("amplitude_mm", NUMBER, "swing/amplitude", "mm"),
        Field("lasts_s", WHOLE, "duration", "s"),
        Field("cause", TEXT),
    ),
    limit=Limit(1000, 86_400.0),
    gives_way=True,
    table=Table("swings", duration_key="lasts_s"),
)
KNOCK = Kind(
    "knock",
    time=Field("at", NUMBER),
    subject=Field("mast", TEXT),
    fields=(Field("strength", NUMBER, "knock/strength", "/"),),
    limit=Limit(16_000, 86_400.0),
    table=Table("knocks"),
)


def test_a_new_kind_is_one_row_and_its_producer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    swing, knock = Swing("M7", START, 900, 41.5, "wind"), Knock(START + 3.25, "M7", 0.5)
    # An agent of before has made the store, and heard of neither.
    Store(tmp_path / "store.sqlite").close()
    monkeypatch.setitem(KINDS, SWING.name, SWING)
    monkeypatch.setitem(KINDS, KNOCK.name, KNOCK)

    async def story(clock: VirtualClock) -> bytes:
        journal = await Journal.open(tmp_path / "gw.journal", "gw-1", clock)
        journal.append("swing", swing)
        journal.append("knock", knock)
        await journal.commit()
        records = await journal.read_after(0, 9)
        assert payloads.leading_run(records) == 2
        payload = payloads.encode_records("gw-1", journal.epoch, records)
        # Its bounds are its own.
        for number in range(20):
            journal.append("swing", {"filling": number})
        await journal.commit()
        notices = [record for record in await journal.read_after(2, 99) if record.kind == "event"]
        assert "unacknowledged swing records passed 1000 bytes" in str(notices[0].body["text"])
        await journal.close()
        return payload

    payload = run_virtual(story, START)
    assert b"swing/amplitude" in payload
    assert b"gw-1/M7/" in payload
    batch = payloads.decode_records(payload)
    assert [record.body for record in batch.records] == [
        {"mast": "M7", "start": START, "lasts_s": 900, "amplitude_mm": 41.5, "cause": "wind"},
        {"at": START + 3.25, "mast": "M7", "strength": 0.5},
    ]
    store = Store(tmp_path / "store.sqlite")
    assert store.write("gw-1", batch.epoch, batch.records, 0.0).doubled == 0
    # The same minutes under another number, and the same blow under another epoch, count once.
    again = Record(9, "swing", {**batch.records[0].body, "start": START + 300}, True)
    assert store.write("gw-1", batch.epoch, [again], 0.0).doubled == 1
    assert store.write("gw-1", "f" * 16, [batch.records[1]], 0.0).doubled == 1
    # A clock that was not to be believed, and a body that lacks a value that does not travel by name.
    unsure = Record(10, "swing", {**batch.records[0].body, "start": START + 9000}, False)
    half = Record(11, "swing", {k: v for k, v in again.body.items() if k != "cause"}, True)
    assert store.write("gw-1", batch.epoch, [unsure, half], 0.0) == (2, 0, 0, (), 0)
    view = StoreView(tmp_path / "store.sqlite")
    columns = ["gateway", "epoch", "seq", "mast", "start", "amplitude_mm", "lasts_s", "cause"]
    assert view.rows("swing", columns) == [("gw-1", batch.epoch, 1, "M7", START, 41.5, 900, "wind")]
    assert view.rows("knock", ["seq", "at", "strength"]) == [(2, START + 3.25, 0.5)]
    # A void knows it as well.
    void = Record(12, "void", {"of": "swing", "luminaire": "M7", "start": START, "until": START + 900}, True)
    store.write("gw-1", batch.epoch, [void], 0.0)
    assert view.rows("swing", ["seq"]) == []
    store.close()


@pytest.mark.parametrize(
    ("kind", "producer"), [("interval", Interval), ("control", ControlInterval), ("void", VoidIntervals)]
)
def test_a_producer_has_what_its_row_names(kind: str, producer: type) -> None:
    assert {field.name for field in fields(producer)} == set(KINDS[kind].keys)


def test_a_record_s_body_is_what_its_row_names() -> None:
    assert kinds.body_of("interval", INTERVAL) == asdict(INTERVAL)
    assert kinds.body_of("void", VoidIntervals("control", None, 0, 900)) == {
        "of": "control",
        "luminaire": None,
        "start": 0,
        "until": 900,
    }
    body = {"anything": 1}
    assert kinds.body_of("of a newer agent", body) is body
    with pytest.raises(AttributeError):
        kinds.body_of("interval", VOID)


def test_each_kind_is_told_by_its_first_name_on_the_wire() -> None:
    names = {kind: [field.name for field in shape.fields] for kind, shape in kinds.shapes().items()}
    assert "interval" in names
    for kind, (first, *_) in names.items():
        assert all(first not in others for other, others in names.items() if other != kind)


def test_the_views_say_what_they_cannot_show(tmp_path: Path) -> None:
    Store(tmp_path / "store.sqlite").close()
    view = StoreView(tmp_path / "store.sqlite")
    with pytest.raises(ValueError, match="reading: the store has no table"):
        view.rows("reading", ["seq"])
    with pytest.raises(ValueError, match="interval: the store has no table with the columns seq, body"):
        view.rows("interval", ["seq", "body"])
    assert (view.count, view.sequences(), list(view.bodies("interval"))) == (0, {}, [])
