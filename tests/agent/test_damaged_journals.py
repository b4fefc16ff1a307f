"""Flipped bits in a journal, journals deleted, renamed and replaced: the damage stays where it is, and is said."""

from __future__ import annotations

import os
import random
import re
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.journal import Journal, Record
from agent.journal_repair import PAGE_BYTES
from hil.virtual_time import VirtualClock, run_virtual

NOW = 1_763_800_200.0
RECORDS, CURSOR = 150, 60
GATEWAY = "gw-1"


def lived(story: Callable[[VirtualClock], Awaitable[None]]) -> None:
    run_virtual(story, NOW)


class Whole(NamedTuple):
    """A journal that is sound, and what it holds."""

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
    """What upstream would send, batch by batch, until a file that turns out damaged is replaced."""
    found: list[Record] = []
    for _ in range(100):
        batch = await journal.read_after(found[-1].seq if found else seq, 20)
        found += batch
        if not batch and not journal.salvaging:
            break
        await clock.sleep(1.0)
    return found


def named_in(records: list[Record], name: str) -> set[int]:
    """The numbers that events of this name tell."""
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
    """Lives with the damaged file for a while; what became of it."""
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


def places(content: bytes) -> list[tuple[int, int]]:
    chance = random.Random(13)
    each_page = 60 if os.environ.get("LICHTMAST_SOAK") else 2
    found = [(at, chance.randrange(8)) for at in range(0, 100, 1 if each_page > 9 else 9)]
    for page in range(len(content) // PAGE_BYTES):
        found += [(PAGE_BYTES * page + chance.randrange(PAGE_BYTES), chance.randrange(8)) for _ in range(each_page)]
        # The page's own header, where a flip breaks the tree.
        found += [(PAGE_BYTES * page + (100 if page == 0 else 0) + chance.randrange(12), chance.randrange(8))]
    return found


def test_one_flipped_bit_anywhere_costs_no_more_than_its_place(whole: Whole, tmp_path: Path) -> None:
    content = whole.path.read_bytes()
    outcomes: dict[str, int] = {}

    async def story(clock: VirtualClock) -> None:
        for number, (at, bit) in enumerate(places(content)):
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
    assert outcomes["unharmed"] < sum(outcomes.values())
