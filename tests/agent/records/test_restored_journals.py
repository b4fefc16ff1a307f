"""Restored card images, cloned gateways, two of one name: all their records reach the store, once."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.centre.reading import StoreView
from agent.centre.store import Store
from agent.centre.twins import MOST_GATEWAYS, MOST_SENDERS, TURNS_WITHIN_S, Twins
from agent.records.journal import Journal, Record
from agent.records.reading import JournalView
from agent.upstream.reporter import ALONE_AFTER_S, EPOCH_PAUSE_S, MqttReporter
from agent.wire import payloads
from agent.wire.mqtt import Broker, Message
from hil.virtual_time import VirtualClock, run_virtual
from tests.rigs.disk import Disk, disk
from tests.rigs.wire import START, interval

__all__ = ["disk"]

GATEWAY = "gw-1"


class Centre:
    """A store that treats batches as a collector does (agent/centre/collect.py). It can lose acknowledgements, and
    tells each to every gateway of the name, as a topic does."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "store.sqlite"
        self._store = Store(self.path)
        self.sessions: set[Session] = set()
        self.loses_acknowledgements = False
        self.problems: list[str] = []
        self.senders: list[str | None] = []

    def receive(self, payload: bytes) -> None:
        batch = payloads.decode_records(payload)
        self.senders.append(batch.sender)
        stored = self._store.write(batch.gateway, batch.epoch, batch.records, START)
        if self.loses_acknowledgements:
            return
        numbers = [record.seq for record in batch.records if record.seq not in stored.conflicts]
        acknowledgement = payloads.encode_acknowledgement(
            batch.epoch,
            payloads.ranges_of(numbers),
            to=batch.sender,
            conflicts=payloads.ranges_of(stored.conflicts),
        )
        for session in self.sessions:
            session.arrived.put_nowait(Message(payloads.topic(GATEWAY, "ack"), acknowledgement))

    def bodies(self, kind: str) -> list[dict[str, Any]]:
        return list(StoreView(self.path).bodies(kind))

    def counted(self, kind: str) -> int:
        return len(StoreView(self.path).rows(kind, ["seq"]))

    def close(self) -> None:
        self._store.close()


class Session:
    """A gateway's connection to the centre, without a broker between."""

    def __init__(self, centre: Centre) -> None:
        self._centre = centre
        self.arrived: asyncio.Queue[Message] = asyncio.Queue()

    async def subscribe(self, topic: str) -> None: ...

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        if topic.endswith("/records"):
            self._centre.receive(payload)

    async def messages(self) -> AsyncIterator[Message]:
        while True:
            yield await self.arrived.get()


class Gateway:
    """A journal with its reporter, connected to the centre while inside."""

    def __init__(self, path: Path, centre: Centre, clock: VirtualClock) -> None:
        self._path, self._centre, self._clock = path, centre, clock
        self.twins: list[tuple[bool, str]] = []

    async def __aenter__(self) -> Gateway:
        self.journal = await Journal.open(self._path, GATEWAY, self._clock)
        self.reporter = MqttReporter(
            self.journal,
            Broker("127.0.0.1", 1, GATEWAY),
            GATEWAY,
            {},
            self._clock,
            lambda _there, _text: None,
            on_twin=lambda there, text: self.twins.append((there, text)),
        )
        session = Session(self._centre)
        self._centre.sessions.add(session)
        self.session = session
        self.running = asyncio.ensure_future(self.reporter.run_session(session))  # type: ignore[arg-type]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._centre.sessions.discard(self.session)
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)
        await self.journal.close()

    async def write(self, *numbers: int) -> None:
        for number in numbers:
            self.journal.append("reading", {"number": number})
        await self.journal.commit()

    async def delivered(self) -> None:
        for _ in range(200):
            if not self.journal.depth:
                return
            await self._clock.sleep(30.0)
        raise AssertionError(f"{self.journal.depth} records are still not acknowledged after 100 minutes")


def lived(story: Callable[[VirtualClock, Centre, Path], Awaitable[None]], folder: Path) -> None:
    async def whole(clock: VirtualClock) -> None:
        centre = Centre(folder)
        try:
            await story(clock, centre, folder)
        finally:
            centre.close()

    run_virtual(whole, START)


def numbers(centre: Centre) -> list[int]:
    return sorted(body["number"] for body in centre.bodies("reading"))


def test_a_restored_image_loses_nothing_of_what_is_new(tmp_path: Path) -> None:
    async def story(clock: VirtualClock, centre: Centre, folder: Path) -> None:
        path = folder / "gw.journal"
        async with Gateway(path, centre, clock) as gateway:
            await gateway.write(1, 2, 3)
            await gateway.delivered()
            epoch = gateway.journal.epoch
        shutil.copy(path, folder / "image")
        async with Gateway(path, centre, clock) as gateway:
            await gateway.write(4, 5)
            await gateway.delivered()
        shutil.copy(folder / "image", path)
        async with Gateway(path, centre, clock) as gateway:
            await gateway.write(6, 7, 8)
            await gateway.delivered()
            assert gateway.journal.epoch != epoch
            assert gateway.journal.cursor == gateway.journal.last
            events = [record.body for record in await gateway.journal.read_after(0, 99) if record.kind == "event"]
        assert numbers(centre) == [1, 2, 3, 4, 5, 6, 7, 8]
        # Said at both ends, and once; what came under the other numbers is kept apart.
        (said,) = events
        assert said["name"] == "sequenceConflict"
        assert epoch in str(said["text"])
        assert "from 4 on" in str(said["text"])
        assert [body["name"] for body in centre.bodies("event")] == ["sequenceConflict"]
        with sqlite3.connect(centre.path) as file:
            kept = file.execute("SELECT seq, body FROM conflicts ORDER BY seq").fetchall()
        assert kept == [(4, '{"number": 6}'), (5, '{"number": 7}')]

    lived(story, tmp_path)


def test_of_a_batch_only_what_conflicts_is_not_acknowledged(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.sqlite")
    records = [Record(n, "reading", {"n": n}, True) for n in range(1, 6)]
    store.write(GATEWAY, "a" * 16, records, START)
    others = [
        records[0],
        Record(2, "reading", {"n": 99}, True),
        Record(3, "event", {"n": 3}, True),
        Record(4, "reading", {"n": 4}, False),
        Record(6, "reading", {"n": 6}, True),
    ]
    assert store.write(GATEWAY, "a" * 16, others, START) == (1, 1, 0, (2, 3, 4), 3)
    assert store.write(GATEWAY, "a" * 16, others, START) == (0, 2, 0, (2, 3, 4), 0)
    # Another order of keys is no other record.
    store.write(GATEWAY, "b" * 16, [Record(1, "reading", {"a": 1, "b": 2}, True)], START)
    assert store.write(GATEWAY, "b" * 16, [Record(1, "reading", {"b": 2, "a": 1}, True)], START).conflicts == ()
    store.close()


def test_an_event_told_again_under_a_new_epoch_is_one_event(tmp_path: Path) -> None:
    event = {"at": START + 0.5, "name": "lampFailure", "subject": "L01", "active": True, "text": "L01 is dark."}
    store = Store(tmp_path / "store.sqlite")
    told = [Record(1, "event", event, True), Record(2, "event", event, True)]
    assert store.write(GATEWAY, "a" * 16, told, START).doubled == 0  # one journal may say two alike
    assert store.write(GATEWAY, "b" * 16, told, START)[:3] == (2, 0, 2)
    assert store.write("gw-2", "c" * 16, told, START).doubled == 0
    others = (("at", START), ("name", "x"), ("subject", "L02"), ("active", False), ("text", "x"))
    for number, (key, other) in enumerate(others, 1):
        differs = Record(number, "event", {**event, key: other}, True)
        assert store.write(GATEWAY, "d" * 16, [differs], START)[:3] == (1, 0, 0)
    store.close()
    with sqlite3.connect(tmp_path / "store.sqlite") as file:
        assert file.execute("SELECT count(*) FROM records").fetchone() == (11,)
        assert file.execute("SELECT count(*) FROM events").fetchone() == (9,)


def test_a_store_of_before_there_were_conflicts_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    Store(path).close()
    with sqlite3.connect(path) as file:
        file.execute("DROP TABLE conflicts")
        file.execute("ALTER TABLE events DROP COLUMN since")
        file.execute("ALTER TABLE events DROP COLUMN notice")
        file.execute("DROP INDEX events_by_time")
    store = Store(path)
    store.write(GATEWAY, "a" * 16, [Record(1, "reading", {"n": 1}, True)], START)
    assert store.write(GATEWAY, "a" * 16, [Record(1, "reading", {"n": 2}, True)], START).conflicts == (1,)
    event = {"at": 1.5, "name": "x", "subject": "L01", "active": True, "text": "y"}
    bodies: list[dict[str, object]] = [
        event,
        {**event, "since": 0.5, "count": 3},
        {**event, "notice": True},
        {**event, "since": [1], "count": 1 << 70, "notice": "x"},  # a sender may say anything
    ]
    store.write(GATEWAY, "b" * 16, [Record(n, "event", body, True) for n, body in enumerate(bodies, 1)], START)
    store.close()
    with sqlite3.connect(path) as file:
        rows = file.execute("SELECT since, count, notice FROM events ORDER BY seq").fetchall()
    assert rows == [(None, None, None), (0.5, 3, None), (None, None, 1), (None, None, None)]


def test_two_clones_side_by_side_end_with_epochs_of_their_own(tmp_path: Path) -> None:
    async def story(clock: VirtualClock, centre: Centre, folder: Path) -> None:
        async with Gateway(folder / "one.journal", centre, clock) as one:
            await one.write(1, 2)
            await one.delivered()
        shutil.copy(folder / "one.journal", folder / "two.journal")
        async with (
            Gateway(folder / "one.journal", centre, clock) as one,
            Gateway(folder / "two.journal", centre, clock) as two,
        ):
            # Both hear every acknowledgement; what is stored of the one is not stored of the other.
            await one.write(3)
            await clock.sleep(0.1)
            await two.write(4, 5)
            await one.write(6)
            await one.delivered()
            await two.delivered()
            assert one.journal.epoch != two.journal.epoch
            epochs = {one.journal.epoch, two.journal.epoch}
            await clock.sleep(2 * EPOCH_PAUSE_S)
            await one.write(7)
            await two.write(8)
            await one.delivered()
            await two.delivered()
            assert epochs == {one.journal.epoch, two.journal.epoch}
        assert numbers(centre) == [1, 2, 3, 4, 5, 6, 7, 8]

    lived(story, tmp_path)


def test_a_collector_that_finds_conflicts_without_end_makes_one_epoch_an_hour(tmp_path: Path) -> None:
    async def story(clock: VirtualClock, centre: Centre, folder: Path) -> None:
        centre.loses_acknowledgements = True
        async with Gateway(folder / "gw.journal", centre, clock) as gateway:
            await gateway.write(1)
            epochs = set()
            for _ in range(6 * 60):
                accusation = payloads.encode_acknowledgement(gateway.journal.epoch, [], conflicts=[(1, 1 << 50)])
                gateway.session.arrived.put_nowait(Message(payloads.topic(GATEWAY, "ack"), accusation))
                await clock.sleep(60.0)
                epochs.add(gateway.journal.epoch)
            assert 5 <= len(epochs) <= 7
            # What is acknowledged, or never was, is no conflict.
            await gateway.journal.acknowledge([(1, gateway.journal.last)], gateway.journal.epoch)
            await clock.sleep(2 * EPOCH_PAUSE_S)
            epoch, last = gateway.journal.epoch, gateway.journal.last
            for spans in ([(1, last)], [(last + 1, last + 9)]):
                accusation = payloads.encode_acknowledgement(epoch, [], conflicts=spans)
                gateway.session.arrived.put_nowait(Message(payloads.topic(GATEWAY, "ack"), accusation))
            await clock.sleep(60.0)
            assert gateway.journal.epoch == epoch

    lived(story, tmp_path)


Deed = st.sampled_from(["write", "write", "deliver", "lose", "image", "restore", "clone"])


@settings(max_examples=200 if os.environ.get("LICHTMAST_SOAK") else 6, deadline=None)
@given(st.lists(st.tuples(Deed, st.integers(0, 1), st.integers(1, 4)), min_size=4, max_size=14))
def test_all_records_of_restored_and_cloned_cards_are_stored_once(deeds: list[tuple[str, int, int]]) -> None:
    """Images of either of two cards are written back, and acknowledgements get lost, at any moment."""
    written: list[int] = []

    async def story(clock: VirtualClock, centre: Centre, folder: Path) -> None:
        cards = [folder / "one.journal", folder / "two.journal"]
        image = folder / "image"
        for card in cards:
            async with Gateway(card, centre, clock):
                pass
        shutil.copy(cards[0], image)
        lost: set[int] = set()  # numbers that an image was written over before they were sent
        for deed, which, count in deeds:
            card = cards[which]
            if deed == "image":
                shutil.copy(card, image)
            elif deed in ("restore", "clone"):
                source = image if deed == "restore" else cards[1 - which]
                # What the card held alone and was never sent is gone with it: that is the operator's doing.
                lost |= set(_held(card)) - set(_held(source))
                shutil.copy(source, card)
            else:
                centre.loses_acknowledgements = deed == "lose"
                async with Gateway(card, centre, clock) as gateway:
                    if deed == "write":  # a moment without the centre
                        gateway.running.cancel()
                    fresh = range(len(written) + 1, len(written) + 1 + count)
                    written.extend(fresh)
                    await gateway.write(*fresh)
                    if deed == "deliver":
                        await gateway.delivered()
                    elif deed == "lose":
                        await clock.sleep(1.0)
        centre.loses_acknowledgements = False
        for card in cards:
            async with Gateway(card, centre, clock) as gateway:
                await gateway.delivered()
        assert set(written) - lost <= set(numbers(centre)) <= set(written)
        for body in centre.bodies("event"):
            assert body["name"] == "sequenceConflict"
        with sqlite3.connect(centre.path) as file:
            # No two records under one number (the key sees to it), and nothing comes twice within one epoch.
            assert (
                file.execute(
                    "SELECT body FROM records WHERE kind = 'reading' GROUP BY epoch, body HAVING count(*) > 1"
                ).fetchall()
                == []
            )

    with tempfile.TemporaryDirectory() as folder:
        lived(story, Path(folder))


def _held(card: Path) -> list[int]:
    return [body["number"] for body in JournalView(card).bodies("reading")]


def test_what_is_about_a_quarter_counts_once_over_epochs(tmp_path: Path) -> None:
    async def story(clock: VirtualClock, centre: Centre, folder: Path) -> None:
        path = folder / "gw.journal"
        async with Gateway(path, centre, clock) as gateway:
            shutil.copy(path, folder / "image")
        async with Gateway(path, centre, clock) as gateway:
            gateway.journal.append("interval", interval(1))
            await gateway.journal.commit()
            await gateway.delivered()
        shutil.copy(folder / "image", path)
        async with Gateway(path, centre, clock) as gateway:
            gateway.journal.append("event", {"number": 0})
            gateway.journal.append("interval", interval(1))  # measured again, as far as the restored card knows
            gateway.journal.append("interval", interval(2))
            await gateway.journal.commit()
            await gateway.delivered()
        assert centre.counted("interval") == 2

    lived(story, tmp_path)


def test_a_disk_that_refuses_meanwhile_does_not_end_the_connection(tmp_path: Path, disk: Disk) -> None:
    async def story(clock: VirtualClock, centre: Centre, folder: Path) -> None:
        centre.loses_acknowledgements = True
        async with Gateway(folder / "gw.journal", centre, clock) as gateway:
            await gateway.write(1)
            epoch = gateway.journal.epoch
            disk.protect(folder / "gw.journal")
            accusation = payloads.encode_acknowledgement(epoch, [], conflicts=[(1, 1)])
            gateway.session.arrived.put_nowait(Message(payloads.topic(GATEWAY, "ack"), accusation))
            await clock.sleep(1.0)
            assert not gateway.running.done()
            assert gateway.journal.epoch == epoch
            disk.free(folder / "gw.journal")
            await gateway.journal.commit()
            assert gateway.journal.epoch != epoch
            centre.loses_acknowledgements = False
            await gateway.delivered()
            assert set(numbers(centre)) == {1}

    lived(story, tmp_path)


def test_another_gateway_of_the_name_is_said_once_and_when_it_is_over(tmp_path: Path) -> None:
    async def story(clock: VirtualClock, centre: Centre, folder: Path) -> None:
        centre.loses_acknowledgements = True
        async with Gateway(folder / "gw.journal", centre, clock) as gateway:
            said = gateway.twins
            await gateway.write(1)
            await clock.sleep(1.0)

            async def told(*, twin: bool, to: str | None = None) -> None:
                acknowledgement = payloads.encode_acknowledgement(gateway.journal.epoch, [], to=to, twin=twin)
                gateway.session.arrived.put_nowait(Message(payloads.topic(GATEWAY, "ack"), acknowledgement))
                await clock.sleep(1.0)

            await told(twin=False)
            await told(twin=True, to="f" * 16)  # to the other one
            assert said == []
            await told(twin=True, to=centre.senders[-1])
            await clock.sleep(ALONE_AFTER_S - 10.0)
            await told(twin=True)
            assert [there for there, _ in said] == [True]
            assert f"name {GATEWAY}" in said[0][1]
            await clock.sleep(ALONE_AFTER_S - 10.0)
            await told(twin=False)
            assert len(said) == 1
            await clock.sleep(10.0)
            await told(twin=False)
            await told(twin=False)
            assert [there for there, _ in said] == [True, False]
            await told(twin=True)
            assert [there for there, _ in said] == [True, False, True]

    lived(story, tmp_path)


def test_senders_that_take_turns_are_two_gateways() -> None:
    twins = Twins()
    assert [twins.hear("gw-1", sender, 0.0) for sender in ("a", "a", "b", "b", "c", None)] == [(False, False)] * 6
    assert twins.hear("gw-2", "a", 0.0) == (False, False)
    assert twins.hear("gw-1", "b", 1.0) == (True, True)
    assert twins.hear("gw-1", "b", 2.0) == (True, False)
    assert twins.hear("gw-1", "c", 1000.0) == (True, False)
    assert twins.hear("gw-1", "c", 1000.0 + TURNS_WITHIN_S - 1) == (True, False)
    assert twins.hear("gw-1", "c", 1000.0 + TURNS_WITHIN_S) == (False, False)
    assert twins.hear("gw-1", "b", 1e6) == (True, True)
    # What is remembered is bounded.
    for number in range(MOST_SENDERS):
        twins.hear("gw-1", f"start {number}", 2e6)
    assert twins.hear("gw-1", "b", 3e6) == (False, False)
    for number in range(MOST_GATEWAYS):
        twins.hear(f"other {number}", "a", 3e6)
    assert twins.known == MOST_GATEWAYS
