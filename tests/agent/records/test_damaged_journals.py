"""Flipped bits in a journal, journals deleted, renamed and replaced: damage does not spread, and is reported."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import sqlite3
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.records import journal_salvage
from agent.records.journal import Journal, JournalError, Limit, Record
from agent.records.journal_repair import PAGE_BYTES, checksum
from agent.records.journal_tables import SCHEMA, TABLES
from hil.virtual_time import VirtualClock, run_virtual
from tests.rigs.disk import Disk, disk

__all__ = ["disk"]

NOW = 1_763_800_200.0
RECORDS, CURSOR = 150, 60
GATEWAY = "gw-1"


def lived(story: Callable[[VirtualClock], Awaitable[None]]) -> None:
    run_virtual(story, NOW)


class Whole(NamedTuple):
    """A sound journal and its contents."""

    path: Path
    epoch: str
    records: dict[int, Record]
    state: dict[str, object]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    path = tmp_path_factory.mktemp("whole") / "gw.journal"
    found: list[Whole] = []

    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, GATEWAY, clock)
        state: dict[str, object] = {
            f"ledger:L{number:02}": {"wh": number + 0.5, "n": [number] * 9} for number in range(40)
        }
        for number in range(1, RECORDS + 1):
            kind = ("interval", "reading", "event", "control")[number % 4]
            journal.append(kind, {"number": number, "text": f"ë {number} " * (1 + number % 17), "wh": number / 7})
            if number % 30 == 0:
                await journal.commit(state)
        await journal.acknowledge([(1, CURSOR)], journal.epoch)
        await journal.commit({"last": 1})
        records = {record.seq: record for record in await journal.read_after(0, 1000)}
        found.append(Whole(path, journal.epoch, records, {**state, "last": 1}))
        await journal.close()

    lived(story)
    return found[0]


async def all_after(journal: Journal, clock: VirtualClock, seq: int) -> list[Record]:
    """Returns the records that upstream would send, batch by batch, until a file that turns out damaged is replaced."""
    found: list[Record] = []
    for _ in range(100):
        batch = await journal.read_after(found[-1].seq if found else seq, 20)
        found += batch
        if not batch and not journal.salvaging:
            break
        await clock.sleep(1.0)
    return found


def named_in(records: list[Record], name: str) -> set[int]:
    """Returns the numbers that events of this name tell."""
    numbers: set[int] = set()
    for record in records:
        if record.kind == "event" and record.body.get("name") == name:
            text = str(record.body["text"])
            told = re.search(r"(?:the records|could not be read:) ([\d, to]+)", text)
            for run in re.findall(r"\d+(?: to \d+)?", told[1]) if told else []:
                first, _, last = run.partition(" to ")
                numbers |= set(range(int(first), int(last or first) + 1))
    return numbers


async def judged(path: Path, whole: Whole, clock: VirtualClock) -> str:
    """Lives with the damaged file for a while, and returns the outcome."""
    journal = await Journal.open(path, GATEWAY, clock)
    cursor = journal.cursor
    assert cursor in (CURSOR, 0)
    wrong_state = [name for name, value in whole.state.items() if journal.state(name) != value]
    assert all(journal.state(name) is None for name in wrong_state)
    journal.append("interval", {"number": "new"})
    await journal.commit({"fresh": 1})
    epoch = journal.epoch
    sent = await all_after(journal, clock, cursor)
    if journal.epoch != epoch:  # found while reading: all of it again
        sent = await all_after(journal, clock, journal.cursor)
    await journal.commit()
    told = await all_after(journal, clock, sent[-1].seq)
    sent += told
    unreadable = {record.seq for record in sent if "unreadable" in record.body}
    lost = named_in(sent, "journalRepaired")
    names = [record.body.get("name") for record in sent if record.kind == "event"]
    by_seq = {record.seq: record for record in sent}
    for seq, record in whole.records.items():
        if seq > CURSOR and seq not in unreadable | lost:
            assert by_seq[seq] == record, f"the record {seq} is not what was written, and nothing says so"
    if unreadable:
        assert unreadable <= named_in(sent, "recordsDamaged")
    if wrong_state:
        assert "journalDamaged" in names
    assert [record for record in sent if record.body.get("number") == "new"]
    assert len({record.seq for record in sent}) == len(sent)
    last = journal.last
    kept = {name: journal.state(name) for name in [*whole.state, "fresh"]}
    await journal.close()
    journal = await Journal.open(path, GATEWAY, clock)
    assert journal.last >= last
    assert {name: journal.state(name) for name in kept} == kept
    await journal.close()
    if "journalRepaired" in names:
        return f"set aside, {len(lost)} lost"
    return f"{len(unreadable)} unreadable" if unreadable else ("said" if names.count("journalDamaged") else "unharmed")


def flipped(content: bytes, at: int, bit: int) -> bytes:
    spoilt = bytearray(content)
    spoilt[at] ^= 1 << bit
    return bytes(spoilt)


def places(content: bytes, each_page: int) -> list[tuple[int, int]]:
    chance = random.Random(13)
    found = [(at, chance.randrange(8)) for at in range(1, 100, 1 if each_page else 30)]
    for page in range(len(content) // PAGE_BYTES):
        found += [(PAGE_BYTES * page + chance.randrange(PAGE_BYTES), chance.randrange(8)) for _ in range(each_page)]
        # The page's own header, where a flip breaks the tree.
        found += [(PAGE_BYTES * page + (100 if page == 0 else 0) + chance.randrange(12), chance.randrange(8))]
    return found


@pytest.mark.parametrize(
    "each_page",
    [0, pytest.param(60 if os.environ.get("LICHTMAST_SOAK") else 8, marks=pytest.mark.system)],
)
def test_one_flipped_bit_anywhere_costs_no_more_than_its_place(whole: Whole, tmp_path: Path, each_page: int) -> None:
    content = whole.path.read_bytes()
    outcomes: dict[str, int] = {}

    async def story(clock: VirtualClock) -> None:
        for number, (at, bit) in enumerate(places(content, each_page)):
            folder = tmp_path / str(number)
            folder.mkdir()
            path = folder / "gw.journal"
            path.write_bytes(flipped(content, at, bit))
            try:
                outcome = await judged(path, whole, clock)
            except BaseException as error:
                error.add_note(f"bit {bit} of byte {at} (page {at // PAGE_BYTES + 1}, offset {at % PAGE_BYTES})")
                raise
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
            shutil.rmtree(folder)

    lived(story)
    print(dict(sorted(outcomes.items())))
    assert {"unharmed", "said"} <= outcomes.keys()


def spoil(path: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as file, file:
        for statement in statements:
            file.execute(statement)


async def events(journal: Journal) -> dict[str, str]:
    records = await journal.read_after(0, 10_000)
    return {str(record.body["name"]): str(record.body["text"]) for record in records if "name" in record.body}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE record SET body = replace(body, 'wh', 'vh') WHERE seq = 100",
        "UPDATE record SET kind = 'inderval' WHERE seq = 100",
        "UPDATE record SET at = at + 1 WHERE seq = 100",
        "UPDATE record SET clock_valid = 0 WHERE seq = 100",
        "UPDATE record SET checksum = checksum + 1 WHERE seq = 100",
        "UPDATE record SET body = CAST(x'7bff7d' AS TEXT) WHERE seq = 100",
        "UPDATE record SET body = x'7b7d' WHERE seq = 100",
        "UPDATE record SET kind = x'00' WHERE seq = 100",
        # Of an agent from before there were checksums:
        "UPDATE record SET body = '{\"wh\":1e999}', checksum = NULL WHERE seq = 100",
        "UPDATE record SET body = '{\"wh\":NaN}', checksum = NULL WHERE seq = 100",
        "UPDATE record SET body = '[1]', checksum = NULL WHERE seq = 100",
        "UPDATE record SET body = '" + "[" * 5000 + "', checksum = NULL WHERE seq = 100",
    ],
)
def test_a_damaged_record_is_sent_as_it_stands_and_named(whole: Whole, tmp_path: Path, statement: str) -> None:
    path = tmp_path / "gw.journal"
    shutil.copy(whole.path, path)
    spoil(path, statement)

    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, GATEWAY, clock)
        assert (journal.epoch, journal.damage) == (whole.epoch, None)
        by_seq = {record.seq: record for record in await journal.read_after(CURSOR, 1000)}
        assert list(by_seq[100].body) == ["unreadable"]
        assert len(str(by_seq[100].body["unreadable"])) <= 1000
        assert isinstance(by_seq[100].kind, str)
        assert {seq: record for seq, record in by_seq.items() if seq != 100} == {
            seq: record for seq, record in whole.records.items() if seq not in {100, *range(1, CURSOR + 1)}
        }
        journal.append("reading", {})
        await journal.commit()
        assert "the records 100 are damaged" in (await events(journal))["recordsDamaged"]
        await journal.commit()
        assert (await events(journal)).keys() == {"recordsDamaged"}
        await journal.close()

    lived(story)


def test_damaged_rows_of_the_small_tables_are_left_out_and_named(whole: Whole, tmp_path: Path) -> None:
    path = tmp_path / "gw.journal"
    shutil.copy(whole.path, path)
    volume = "SELECT kind, bytes FROM volume ORDER BY kind"
    with contextlib.closing(sqlite3.connect(path)) as file:
        truth = file.execute(volume).fetchall()
    spoil(
        path,
        "UPDATE state SET value = replace(value, '7.5', '6.5') WHERE name = 'ledger:L07'",
        "UPDATE mark SET value = 1e12 WHERE name = 'newest_synchronised_wall'",
        "UPDATE mark SET value = 999 WHERE name = 'cursor'",
        "UPDATE volume SET bytes = 1e9 WHERE kind = 'reading'",
        "UPDATE identity SET gateway = 'gw-3'",
    )

    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, GATEWAY, clock)
        assert (journal.cursor, journal.last, journal.newest_synchronised_wall) == (CURSOR, RECORDS, None)
        assert [journal.state(f"ledger:L{number:02}") for number in (6, 7)] == [whole.state["ledger:L06"], None]
        assert journal.epoch != whole.epoch
        assert len(journal.epoch) == 16
        await journal.commit({"ledger:L07": 8})
        text = (await events(journal))["journalDamaged"]
        for said in ("epoch", "ledger:L07", "newest_synchronised_wall", "cursor", "table volume"):
            assert said in text
        await journal.close()
        with contextlib.closing(sqlite3.connect(path)) as file:
            assert [row for row in file.execute(volume).fetchall() if row[0] != "event"] == [
                row for row in truth if row[0] != "event"
            ]
        journal = await Journal.open(path, GATEWAY, clock)
        assert journal.state("ledger:L07") == 8
        assert journal.damage is None or "ledger" not in str(journal.damage)
        await journal.close()
        # Without either cursor all of it is sent again, which the collector knows.
        spoil(path, "UPDATE mark SET value = 999 WHERE name LIKE 'cursor%'")
        journal = await Journal.open(path, GATEWAY, clock)
        assert journal.cursor == 0
        await journal.close()

    lived(story)


def test_a_journal_of_before_there_were_checksums_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "gw.journal"
    spoil(
        path,
        "PRAGMA journal_mode=WAL",  # as the older agent did: its header is then one bit away from one of today
        "CREATE TABLE identity (gateway TEXT NOT NULL, epoch TEXT NOT NULL)",
        "CREATE TABLE record (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, at REAL NOT NULL,"
        " clock_valid INTEGER NOT NULL, body TEXT NOT NULL)",
        "CREATE TABLE state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        "CREATE TABLE mark (name TEXT PRIMARY KEY, value REAL) WITHOUT ROWID",
        "CREATE TABLE volume (kind TEXT PRIMARY KEY, bytes INTEGER NOT NULL) WITHOUT ROWID",
        "INSERT INTO identity VALUES ('gw-1', 'aaaaaaaaaaaaaaaa')",
        "INSERT INTO record VALUES (3, 'reading', 1763800000.0, 1, '{\"n\":3}')",
        "INSERT INTO record VALUES (5, 'reading', 1763800000.0, 1, '{\"n\":5}')",
        "INSERT INTO state VALUES ('ledger', '7')",
        "INSERT INTO mark VALUES ('cursor', 2.0), ('last', 5.0)",
        "INSERT INTO volume VALUES ('reading', 110)",
        "PRAGMA user_version=100",
    )

    async def story(clock: VirtualClock) -> None:
        for _ in range(2):
            journal = await Journal.open(path, GATEWAY, clock)
            assert (journal.epoch, journal.damage, journal.cursor) == ("a" * 16, None, 2)
            assert journal.state("ledger") == 7
            assert [record.body for record in await journal.read_after(2, 9)][:2] == [{"n": 3}, {"n": 5}]
            journal.append("reading", {"n": 6})
            await journal.close()
        with contextlib.closing(sqlite3.connect(path)) as file:
            assert file.execute("SELECT count(checksum) FROM record").fetchone() == (2,)

    lived(story)


def test_a_page_that_says_that_it_has_fewer_rows_is_noticed(whole: Whole, tmp_path: Path) -> None:
    path = tmp_path / "gw.journal"
    shutil.copy(whole.path, path)
    spoil(path, "DELETE FROM record WHERE seq IN (100, 101)")  # what a flipped bit in the page's count of rows does

    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, GATEWAY, clock)
        assert await journal.read_after(CURSOR, 1000) == []
        while journal.salvaging:
            await clock.sleep(1.0)
        await journal.commit()
        assert journal.cursor == CURSOR
        assert "could not be read: 100 to 101." in (await events(journal))["journalRepaired"]
        assert len(await journal.read_after(CURSOR, 1000)) == RECORDS - CURSOR - 2 + 2
        await journal.close()
        # Likewise at the end.
        spoil(path, f"DELETE FROM record WHERE seq = {journal.last}")
        journal = await Journal.open(path, GATEWAY, clock)
        assert await journal.read_after(RECORDS, 1000) == []
        await journal.commit()
        assert "no record comes after" in str(journal.damage)
        await journal.close()

    lived(story)


def test_what_was_dropped_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(clock: VirtualClock) -> None:
        limits = {"reading": Limit(5_000, 1e9)}
        journal = await Journal.open(tmp_path / "gw.journal", GATEWAY, clock, limits=limits)
        for number in range(60):
            journal.append("reading" if number % 2 else "interval", {"n": number, "filling": "x" * 200})
            await journal.commit()
        assert len(await journal.read_after(0, 1000)) < 60
        await journal.close()
        journal = await Journal.open(tmp_path / "gw.journal", GATEWAY, clock, limits=limits)
        numbers = [record.seq for record in await journal.read_after(0, 1000)]
        assert numbers[-1] == journal.last
        assert journal.damage is None
        await journal.close()

    lived(story)


def test_a_restart_goes_on_with_what_is_still_to_be_taken_over(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "gw.journal"
    content = bytearray(whole.path.read_bytes())
    content[16:100] = b"\xff" * 84  # beyond mending; the rest is whole
    path.write_bytes(content)
    monkeypatch.setattr(journal_salvage, "SOME_RECORDS", 10)

    async def story(clock: VirtualClock) -> None:
        for start in range(4):
            journal = await Journal.open(path, GATEWAY, clock)
            assert journal.salvaging
            if not start:
                assert {name: journal.state(name) for name in whole.state} == whole.state
                assert journal.cursor == CURSOR
                assert journal.last == RECORDS
            journal.append("reading", {"start": start})
            await journal.commit()  # does not wait for it
            await journal.close()
        journal = await Journal.open(path, GATEWAY, clock)
        while journal.salvaging:
            await clock.sleep(1.0)
        await journal.commit()
        assert not journal.salvaging
        records = await journal.read_after(0, 1000)
        assert {record.seq: record for record in records[:RECORDS]} == whole.records
        assert [record.body["start"] for record in records[RECORDS:] if "start" in record.body] == [0, 1, 2, 3]
        assert f"{RECORDS} records of gw.journal.damaged" in (await events(journal))["journalRepaired"]
        await journal.close()
        with contextlib.closing(sqlite3.connect(path)) as file:
            said = dict(file.execute("SELECT kind, bytes FROM volume").fetchall())
            real = dict(file.execute("SELECT kind, sum(length(body) + 48) FROM record GROUP BY kind").fetchall())
        assert said == real

    lived(story)


def test_a_damaged_file_that_is_gone_before_it_is_read_ends_the_taking_over(whole: Whole, tmp_path: Path) -> None:
    path = tmp_path / "gw.journal"
    path.write_bytes(b"\xff" * 100 + whole.path.read_bytes()[100:])

    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, GATEWAY, clock)
        aside = next(tmp_path.glob("gw.journal.damaged*"))
        await journal.close()
        if journal.salvaging:
            aside.unlink()
        journal = await Journal.open(path, GATEWAY, clock)
        await clock.sleep(1.0)
        assert not journal.salvaging
        await journal.commit()
        assert "journalRepaired" in await events(journal)
        await journal.close()

    lived(story)


def test_a_full_disk_holds_the_taking_over_up_and_no_more(whole: Whole, tmp_path: Path, disk: Disk) -> None:
    path = tmp_path / "gw.journal"
    path.write_bytes(b"\xff" * 100 + whole.path.read_bytes()[100:])

    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, GATEWAY, clock)
        disk.fill(path)
        await clock.sleep(300.0)
        assert journal.salvaging
        assert volumes(path) == {}
        disk.free(path)
        await clock.sleep(120.0)
        assert not journal.salvaging
        assert volumes(path)["reading"] > 0
        assert {r.seq: r for r in await journal.read_after(0, RECORDS)} == whole.records
        await journal.close()

    lived(story)


def volumes(path: Path) -> dict[str, int]:
    """Returns the bytes of each kind, as the file counts them."""
    with contextlib.closing(sqlite3.connect(path)) as file:
        return dict(file.execute("SELECT kind, bytes FROM volume"))


@pytest.mark.parametrize("what", ["deleted", "renamed", "log deleted", "replaced", "all deleted", "overwritten"])
def test_a_journal_that_is_moved_under_the_agent(whole: Whole, tmp_path: Path, what: str) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    path = folder / "gw.journal"

    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, GATEWAY, clock)
        for number in range(300):
            journal.append("reading", {"n": number, "filling": "x" * 300})
            if number % 20 == 0:
                await journal.commit({"ledger": number})
        await journal.commit()
        await journal.acknowledge([(1, 5)], journal.epoch)
        epoch = journal.epoch
        if what == "deleted":
            path.unlink()
        elif what == "all deleted":
            shutil.rmtree(folder)
        elif what == "renamed":
            path.rename(tmp_path / "elsewhere")
        elif what == "log deleted":
            Path(f"{path}-wal").unlink()
        elif what == "replaced":
            shutil.copy(whole.path, tmp_path / "image")
            (tmp_path / "image").replace(path)
        else:
            shutil.copy(whole.path, path)
        journal.append("reading", {"n": 300})
        await journal.commit({"ledger": 300})
        while journal.salvaging:
            await clock.sleep(1.0)
        journal.append("reading", {"n": 301})
        await journal.commit()
        numbers = [
            record.body["n"]
            for record in await journal.read_after(0, 1000)
            if record.kind == "reading" and "n" in record.body
        ]
        said = await events(journal)
        if what == "overwritten":  # some of it is gone: that is said, and what waited is there
            assert numbers[-2:] == [300, 301]
            assert "was written by something else" in said["journalDamaged"]
        else:
            assert numbers == list(range(302))
            assert (journal.epoch, list(said)) == (epoch, ["journalReplaced"])
            assert ("set aside as" in said["journalReplaced"]) == (what in ("replaced", "log deleted"))
        await journal.close()
        journal = await Journal.open(path, GATEWAY, clock)  # it stands where it should
        assert journal.last >= 303
        assert journal.cursor == 5 or what == "overwritten"
        assert journal.state("ledger") == 300
        assert journal.damage is None
        await journal.close()
        if what == "replaced":
            aside = next(folder.glob("gw.journal.replaced-*"))
            assert aside.read_bytes() == whole.path.read_bytes()

    lived(story)


def test_a_folder_that_cannot_be_made_again_keeps_all_of_it_for_later(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()

    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(folder / "gw.journal", GATEWAY, clock)
        journal.append("reading", {"n": 0})
        await journal.commit()
        shutil.rmtree(folder)
        folder.write_text("a file in the folder's place")
        for number in (1, 2):
            journal.append("reading", {"n": number})
            with pytest.raises(JournalError, match="check the folder"):
                await journal.commit({"ledger": number})
        folder.unlink()
        await journal.commit()
        records = await journal.read_after(0, 10)
        assert [record.body["n"] for record in records if "n" in record.body] == [0, 1, 2]
        assert journal.state("ledger") == 2
        await journal.close()

    lived(story)


def test_the_tables_of_each_journal_begin_at_the_same_pages(whole: Whole) -> None:
    roots = "SELECT name, rootpage FROM sqlite_master ORDER BY rootpage"
    with contextlib.closing(sqlite3.connect(whole.path)) as file:
        found = file.execute(roots).fetchall()
    assert [name for name, _ in found] == list(TABLES)
    assert [page for _, page in found] == list(range(2, 2 + len(SCHEMA)))
    with contextlib.closing(sqlite3.connect(":memory:")) as model:
        for statement in SCHEMA:
            model.execute(statement)
        assert model.execute(roots).fetchall() == found


def test_checksums_tell_values_apart() -> None:
    assert checksum("a", "b") != checksum("ab", "")
    assert checksum("1") != checksum(1)


def test_a_checksum_is_the_same_with_each_version_of_python() -> None:
    """A lamp may be named in any script; which characters `repr` escapes depends on Python's version."""
    assert checksum("ledger:Caf\u00e9") == zlib.crc32(rb"'ledger:Caf\xe9'")
