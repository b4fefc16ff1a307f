"""From the journal to the collector's store: brokers away, links silent, collectors killed; nothing lost or doubled."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from agent.centre.collect import Received, collect
from agent.centre.reading import StoreView
from agent.centre.store import Store, StoreError
from agent.clock import MachineClock
from agent.interfaces import Clock
from agent.records.journal import Journal, Record
from agent.records.journal_errors import DamagedJournal
from agent.records.journal_file import JournalFile
from agent.upstream import reporter
from agent.upstream.reporter import MqttReporter
from agent.wire import mqtt, payloads
from agent.wire.mqtt import Broker, Link, LinkLost, Session
from hil.embedded_broker import embedded_broker
from hil.free_port import free_port
from hil.virtual_time import VirtualClock, run_virtual
from tests.rigs.disk import Disk, disk
from tests.rigs.wire import START, Cable, Mosquitto, PlainBroker, interval, mosquitto

__all__ = ["disk", "mosquitto"]

GATEWAY = "gw-1"
HOUR_S = 3600.0


class Street:
    """A journal with its reporter, and a collector, as the agent and the centre run them."""

    def __init__(self, folder: Path, clock: Clock, port: int, **broker: Any) -> None:
        self.folder, self.clock, self.port = folder, clock, port
        self.twins: list[tuple[bool, str]] = []
        self.store_path = folder / "store.sqlite"
        self.broker = Broker("127.0.0.1", port, GATEWAY, **broker)
        self.said: list[tuple[bool, str]] = []
        self.received: list[Received] = []

    async def __aenter__(self) -> Street:
        self.journal = await Journal.open(self.folder / "journal.sqlite", GATEWAY, self.clock)
        self.reporter = MqttReporter(
            self.journal,
            self.broker,
            GATEWAY,
            {"version": "0.1.0"},
            self.clock,
            lambda back, sentence: self.said.append((back, sentence)),
            on_twin=lambda there, sentence: self.twins.append((there, sentence)),
            chance=random.Random(7),
        )
        self.reporting = asyncio.create_task(self.reporter.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.reporter.stop()
        await self.reporting
        await self.journal.close()

    @contextlib.asynccontextmanager
    async def collecting(self, **options: Any) -> AsyncIterator[None]:
        task = asyncio.create_task(
            collect(
                "127.0.0.1",
                options.pop("port", self.port),
                self.store_path,
                self.clock,
                on_batch=self.received.append,
                chance=random.Random(8),
                **options,
            )
        )
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def write(self, numbers: range) -> None:
        for number in numbers:
            self.journal.append("interval", interval(number))
        await self.journal.commit()

    def stored(self) -> list[tuple[Any, ...]]:
        rows = StoreView(self.store_path).rows("interval", ["luminaire", "start"])
        return sorted(rows, key=lambda row: (row[1], row[0]))

    def assert_all_stored_once(self, count: int) -> None:
        assert self.stored() == sorted(
            ((interval(number)["luminaire"], interval(number)["start"]) for number in range(count)),
            key=lambda row: (row[1], row[0]),
        )
        assert len(list(StoreView(self.store_path).bodies("interval"))) == count
        assert sum(received.doubled for received in self.received) == 0
        assert self.journal.depth == 0


async def until(clock: Clock, condition: Callable[[], bool], within_s: float) -> None:
    """Polls a condition on the given clock until it holds."""
    end = clock.monotonic() + within_s
    while not condition():
        assert clock.monotonic() < end, "not within the time"
        await clock.sleep(within_s / 1000)


def virtually(story: Callable[[VirtualClock], Awaitable[None]]) -> None:
    run_virtual(story, START)


def test_a_night_arrives_once(tmp_path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        port = free_port()
        async with embedded_broker(port), Street(tmp_path, clock, port) as street, street.collecting():
            await clock.sleep(60)  # both are there
            for quarter in range(48):
                await street.write(range(10 * quarter, 10 * quarter + 10))
                await clock.sleep(900)
            street.assert_all_stored_once(480)
            assert street.reporter.sent == 480
            assert street.said == []
            assert sum(received.new for received in street.received) == 480

    virtually(story)


def test_broker_away_for_hours_then_all_once(tmp_path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        port = free_port()
        async with Street(tmp_path, clock, port) as street, street.collecting():
            for quarter in range(40):
                await street.write(range(10 * quarter, 10 * quarter + 10))
                await clock.sleep(900)
            # Ten hours without a broker from the start: said once.
            assert [back for back, _ in street.said] == [False]
            assert str(port) in street.said[0][1]
            async with embedded_broker(port):
                await until(clock, lambda: street.journal.depth == 0, 2 * HOUR_S)
                street.assert_all_stored_once(400)
                assert [back for back, _ in street.said] == [False, True]
            await street.write(range(400, 410))
            await clock.sleep(HOUR_S)
            assert [back for back, _ in street.said] == [False, True, False]
            async with embedded_broker(port):
                await until(clock, lambda: street.journal.depth == 0, HOUR_S)
                street.assert_all_stored_once(410)

    virtually(story)


def test_the_wait_for_an_acknowledgement_is_short_again_after_one(tmp_path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        port = free_port()
        async with embedded_broker(port), Street(tmp_path, clock, port) as street:
            await street.write(range(10))
            await clock.sleep(6 * HOUR_S)
            sent = street.reporter.sent
            await clock.sleep(HOUR_S)
            assert (street.reporter.sent - sent) / 10 <= 5  # each quarter
            async with street.collecting():
                await until(clock, lambda: street.journal.depth == 0, HOUR_S)
            sent = street.reporter.sent
            await street.write(range(10, 20))
            await clock.sleep(190.0)  # at once, after one minute, and after two more
            assert street.reporter.sent - sent == 30

    virtually(story)


class Unlucky(random.Random):
    """A source of random numbers that always gives the longest pause."""

    def uniform(self, a: float, b: float) -> float:
        return b


@pytest.mark.parametrize(
    ("lasts_s", "pauses_s"),
    [
        ([0.0] * 11, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0, 300.0]),
        ([0.0, 0.0, 0.0, 299.0, 0.0], [1.0, 2.0, 4.0, 8.0, 16.0]),  # not a good one
        ([0.0, 0.0, 0.0, 300.0, 0.0], [1.0, 2.0, 4.0, 1.0, 2.0]),
    ],
)
def test_pauses_grow_until_a_connection_held(
    lasts_s: list[float], pauses_s: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(clock: VirtualClock) -> None:
        begun: list[float] = []

        @contextlib.asynccontextmanager
        async def connected(_self: mqtt.Link) -> AsyncIterator[float]:
            begun.append(clock.monotonic())
            lasts = lasts_s[len(begun) - 1] if len(begun) <= len(lasts_s) else 1e6
            if not lasts:
                raise LinkLost("It cannot be reached.")
            yield lasts

        async def session(lasts: Any) -> None:
            await clock.sleep(lasts)
            raise LinkLost("It ended.")

        monkeypatch.setattr(mqtt.Link, "_connected", connected)
        link = mqtt.Link(Broker("127.0.0.1", 1, "x"), clock, lambda _there, _text: None, chance=Unlucky())
        running = asyncio.ensure_future(link.run(session))
        await clock.sleep(sum(lasts_s) + sum(pauses_s) + 1.0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        ends = [at + lasts for at, lasts in zip(begun, lasts_s, strict=False)]
        assert [after - end for after, end in zip(begun[1:], ends, strict=False)] == pytest.approx(pauses_s)

    virtually(story)


def test_the_broker_knows_what_to_say_where_the_gateway_is_cut_off(tmp_path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        async with PlainBroker() as broker, Street(tmp_path, clock, broker.port) as street:
            await clock.sleep(10.0)
            ((topic, payload, retained),) = broker.wills
            assert (topic, retained) == (payloads.topic(GATEWAY, "state"), True)
            facts = payloads.decode_facts(payload)
            assert (facts["state"], facts["gateway"], facts["epoch"]) == ("offline", GATEWAY, street.journal.epoch)

    virtually(story)


def test_the_state_says_once_that_all_has_arrived(tmp_path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        async with PlainBroker() as broker, Street(tmp_path, clock, broker.port) as street:

            def states() -> list[tuple[object, object]]:
                state = payloads.topic(GATEWAY, "state")
                found = [payloads.decode_facts(payload) for topic, payload in broker.published if topic == state]
                return [(facts["state"], facts["depth"]) for facts in found]

            await street.write(range(3))
            await clock.sleep(10.0)
            assert states() in ([("online", 0)], [("online", 3)])  # it may be there before the records are
            first = len(states())
            await street.reporter.stop()
            street.reporting = asyncio.create_task(street.reporter.run())
            await clock.sleep(10.0)
            assert states()[first:] == [("offline", 3), ("online", 3)]
            acknowledgement = payloads.encode_acknowledgement(street.journal.epoch, [(1, 3)])
            await broker.deliver(payloads.topic(GATEWAY, "ack"), acknowledgement)
            await clock.sleep(10.0)
            await street.write(range(3, 5))
            await clock.sleep(10.0)
            assert states()[first + 2 :] == [("online", 0)]

    virtually(story)


def test_a_refused_subscription_is_said_and_tried_again(tmp_path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        topic = payloads.topic(GATEWAY, "ack")
        async with PlainBroker() as broker:
            broker.refuses.add(topic)
            async with Street(tmp_path, clock, broker.port) as street:
                await street.write(range(10))
                await clock.sleep(600.0)
                ((there, text),) = street.said
                assert not there
                assert f"refuses the subscription to {topic}" in text
                assert [name for name, _ in broker.published if name.endswith("records")] == []  # no one could answer
                broker.refuses.clear()
                await clock.sleep(600.0)
                assert [there for there, _ in street.said] == [False, True]
                assert [name for name, _ in broker.published if name.endswith("records")]
                assert set(broker.clean_sessions) == {True}

    virtually(story)


@pytest.mark.parametrize("leaf", ["state", "records"])
def test_what_the_broker_does_not_acknowledge_was_not_published(leaf: str) -> None:
    said: list[str] = []

    async def session(session: Session) -> None:
        try:
            await session.publish(payloads.topic(GATEWAY, leaf), b"x")
            said.append("published")
        except LinkLost:
            said.append("lost")
            raise

    async def story(clock: VirtualClock) -> None:
        async with PlainBroker() as broker:
            broker.hangs_up_on = b"\x30"  # PUBLISH
            link = Link(Broker("127.0.0.1", broker.port, GATEWAY), clock, lambda _there, _text: None)
            running = asyncio.ensure_future(link.run(session))
            await clock.sleep(60.0)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            assert broker.published

    virtually(story)
    assert set(said) == {"lost"}


def test_the_broker_keeps_messages_for_a_collector_that_is_away(tmp_path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        async with PlainBroker() as broker:
            street = Street(tmp_path, clock, broker.port)
            async with street.collecting():
                await clock.sleep(1.0)
            assert (broker.clean_sessions, broker.subscribed) == ([False], ["lichtmast/0/+/records"])
            assert broker.subscribed_qos == [1]  # at 0 it would keep none

    virtually(story)


def test_the_store_survives_a_power_cut(tmp_path: Path, disk: Disk) -> None:
    store = Store(tmp_path / "store.sqlite")
    pragmas = disk.pragmas(tmp_path / "store.sqlite", "synchronous", "journal_mode")
    assert pragmas == {"synchronous": 2, "journal_mode": "wal"}  # 2: FULL
    store.close()


def test_a_store_that_fails_half_way_keeps_nothing_and_goes_on(tmp_path: Path, disk: Disk) -> None:
    store = Store(tmp_path / "store.sqlite")
    spoilt = Record(2, "interval", {**interval(2), "luminaire": 1 << 70}, True)
    with pytest.raises(StoreError):
        store.write(GATEWAY, "a" * 16, [Record(1, "interval", interval(1), True), spoilt._replace(seq=1 << 70)], START)
    assert not disk.in_transaction(tmp_path / "store.sqlite")
    assert store.write(GATEWAY, "a" * 16, [Record(1, "interval", interval(1), True)], START)[:3] == (1, 0, 0)
    store.close()


def test_without_a_collector_a_brokers_acknowledgement_is_no_delivery(tmp_path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        port = free_port()
        async with embedded_broker(port), Street(tmp_path, clock, port) as street:
            await street.write(range(500))
            await clock.sleep(12 * HOUR_S)
            assert street.journal.cursor == 0
            # Asked again after 1, 2, 4, 8 minutes and then each 15, one batch at a time: bytes cost.
            assert 40 * 50 <= street.reporter.sent <= 56 * 50
            async with street.collecting():
                await until(clock, lambda: street.journal.depth == 0, HOUR_S)
                street.assert_all_stored_once(500)

    virtually(story)


def test_collector_killed_between_commit_and_acknowledgement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(clock: VirtualClock) -> None:
        publish = Session.publish
        killed: list[str] = []

        async def killed_before_ack(self: Session, topic: str, payload: bytes, *, retain: bool = False) -> None:
            if topic.endswith("/ack") and len(killed) < 3:
                killed.append(topic)
                raise LinkLost("killed")
            await publish(self, topic, payload, retain=retain)

        monkeypatch.setattr(Session, "publish", killed_before_ack)
        port = free_port()
        async with embedded_broker(port), Street(tmp_path, clock, port) as street, street.collecting():
            await street.write(range(300))
            await until(clock, lambda: street.journal.depth == 0, HOUR_S)
            street.assert_all_stored_once(300)
            assert len(killed) == 3
            assert sum(received.repeated for received in street.received) > 0

    virtually(story)


def test_an_acknowledgement_with_a_hole_stops_the_cursor_there_and_the_hole_is_sent_again(tmp_path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        port = free_port()
        async with embedded_broker(port), Street(tmp_path, clock, port) as street:
            await clock.sleep(10)
            await street.write(range(10))
            await clock.sleep(10)
            async with aiomqtt.Client("127.0.0.1", port) as someone:
                with clock.waiting_for_the_world("the acknowledgement"):
                    foreign = payloads.encode_acknowledgement("f" * 16, [(1, 10)])
                    await someone.publish(payloads.topic(GATEWAY, "ack"), foreign, qos=1)
                    holed = payloads.encode_acknowledgement(street.journal.epoch, [(1, 3), (5, 10)])
                    await someone.publish(payloads.topic(GATEWAY, "ack"), holed, qos=1)
                    await someone.publish(payloads.topic(GATEWAY, "ack"), b"\xffgarbage", qos=1)
            await clock.sleep(5)
            assert street.journal.cursor == 3
            assert street.reporter.sent == 10
            async with street.collecting():
                await until(clock, lambda: street.journal.depth == 0, HOUR_S)
            # Only the hole came again.
            assert street.stored() == [("L03", START)]
            assert street.reporter.sent == 11

    virtually(story)


def test_a_journal_found_damaged_goes_on_under_a_new_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(clock: VirtualClock) -> None:
        port = free_port()
        async with embedded_broker(port), Street(tmp_path, clock, port) as street, street.collecting():
            await street.write(range(20))
            await until(clock, lambda: street.journal.depth == 0, HOUR_S)
            epoch = street.journal.epoch
            intact = JournalFile.write

            def damaged(*_: Any, **__: Any) -> None:
                monkeypatch.setattr(JournalFile, "write", intact)
                raise DamagedJournal("The card is worn.")

            monkeypatch.setattr(JournalFile, "write", damaged)
            await street.write(range(20, 40))
            assert street.journal.epoch != epoch
            await until(clock, lambda: street.journal.depth == 0, HOUR_S)
        assert len(street.stored()) == 40
        assert StoreView(street.store_path).rows("event", ["name"]) == [("journalDamaged",)]

    virtually(story)


def test_two_collectors_share_the_gateway(tmp_path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        port = free_port()
        async with (
            embedded_broker(port),
            Street(tmp_path, clock, port) as street,
            street.collecting(client_id="one"),
            street.collecting(client_id="two"),
        ):
            await street.write(range(100))
            await until(clock, lambda: street.journal.depth == 0, HOUR_S)
            await clock.sleep(60)
            street.assert_all_stored_once(100)
            assert sum(received.new for received in street.received) == 100

    virtually(story)


def test_bad_payloads_are_counted_and_the_good_ones_arrive(tmp_path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        port = free_port()
        async with embedded_broker(port), Street(tmp_path, clock, port) as street, street.collecting():
            await clock.sleep(10)
            of_another = payloads.encode_records(GATEWAY, "0" * 16, [Record(1, "interval", interval(99), True)])
            async with aiomqtt.Client("127.0.0.1", port) as someone:
                with clock.waiting_for_the_world("the garbage"):
                    for payload in (b"", b"\xff\xff", b"\x80", of_another):
                        await someone.publish(payloads.topic("gw-2", "records"), payload, qos=1)
            await street.write(range(20))
            await until(clock, lambda: street.journal.depth == 0, HOUR_S)
            street.assert_all_stored_once(20)
            assert [received.gateway for received in street.received if received.problem] == ["gw-2"] * 4

    virtually(story)


def test_birth_and_states_are_retained(tmp_path: Path) -> None:
    async def retained(clock: VirtualClock, port: int) -> dict[str, dict[str, object]]:
        found: dict[str, dict[str, object]] = {}
        async with aiomqtt.Client("127.0.0.1", port) as someone:
            with clock.waiting_for_the_world("the retained messages"):
                await someone.subscribe(payloads.topic(GATEWAY, "+"), qos=1)
                async for message in someone.messages:
                    found[str(message.topic).rpartition("/")[2]] = payloads.decode_facts(message.payload)
                    if len(found) == 2:
                        break
        return found

    async def story(clock: VirtualClock) -> None:
        port = free_port()
        async with embedded_broker(port):
            async with Street(tmp_path, clock, port) as street:
                await street.write(range(5))
                await clock.sleep(10)
                found = await retained(clock, port)
                epoch = street.journal.epoch
                assert len(str(found["birth"].pop("sender"))) == 16
                assert found["birth"] == {"version": "0.1.0", "wire": 0, "gateway": GATEWAY, "epoch": epoch}
                assert found["state"].items() >= {"state": "online", "gateway": GATEWAY, "epoch": epoch}.items()
            found = await retained(clock, port)
            expected = {"state": "offline", "depth": 5, "first": 1, "last": 5, "time": START + 10, "clock_valid": True}
            assert found["state"].items() >= expected.items()

    virtually(story)


def test_stored_records_are_what_the_journal_wrote(tmp_path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        port = free_port()
        event = {"at": START, "name": "lampFailure", "subject": "L01", "active": True, "text": "L01 is dark."}
        control = {"start": START, "duration_s": 900, "control_wh": 0.75}
        async with embedded_broker(port), Street(tmp_path, clock, port) as street, street.collecting():
            clock.set_wall(100.0, valid=False)
            street.journal.append("interval", {**interval(0), "start": 0})
            street.journal.append("event", {**event, "at": 100.0})
            await street.journal.commit()
            clock.set_wall(START + 60)
            street.journal.append("event", event)
            street.journal.append("control", control)
            street.journal.append("commandResult", {"anything": [1, None]})
            await street.journal.commit()
            await until(clock, lambda: street.journal.depth == 0, HOUR_S)
            written = await street.journal.read_after(0, 10)
        with contextlib.closing(sqlite3.connect(street.store_path)) as file:
            rows = file.execute("SELECT seq, kind, json(body), clock_valid FROM records ORDER BY seq").fetchall()
            assert [row[:2] for row in rows] == [(record.seq, record.kind) for record in written]
            assert [bool(row[3]) for row in rows] == [False, False, True, True, True]
            # 1970 belongs to no quarter; an event of then did happen.
            assert file.execute("SELECT count(*) FROM intervals").fetchone() == (0,)
            assert file.execute("SELECT at, name, active FROM events ORDER BY seq").fetchall() == [
                (100.0, "lampFailure", 1),
                (float(START), "lampFailure", 1),
            ]
            assert file.execute("SELECT start, control_wh FROM control").fetchall() == [(START, 0.75)]

    virtually(story)


def test_a_quarter_told_twice_counts_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "store.sqlite")
    one, two = Record(1, "interval", interval(1), True), Record(2, "interval", interval(1), True)
    assert store.write(GATEWAY, "a" * 16, [one], START)[:3] == (1, 0, 0)
    assert store.write(GATEWAY, "a" * 16, [one, two], START)[:3] == (1, 1, 1)
    assert store.write(GATEWAY, "b" * 16, [one], START)[:3] == (1, 0, 1)
    store.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "store.sqlite")) as file:
        assert file.execute("SELECT epoch, seq FROM intervals").fetchall() == [("a" * 16, 1)]
        assert file.execute("SELECT count(*) FROM records").fetchone() == (3,)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the pauses tenths of a second instead of minutes, for real time."""
    monkeypatch.setattr(reporter, "FIRST_ACK_WAIT_S", 0.5)
    monkeypatch.setattr(reporter, "LONGEST_ACK_WAIT_S", 2.0)
    monkeypatch.setattr(mqtt, "ANSWER_S", 1.0)
    monkeypatch.setattr(mqtt, "LONGEST_PAUSE_S", 0.2)


def really(story: Callable[[Clock], Awaitable[None]]) -> None:
    async def whole() -> None:
        await asyncio.wait_for(story(MachineClock()), 60)

    asyncio.run(whole())


@pytest.mark.system
@pytest.mark.usefixtures("hasty")
def test_mosquitto_killed_and_back(tmp_path: Path, mosquitto: Mosquitto) -> None:
    async def story(clock: Clock) -> None:
        async with Street(tmp_path, clock, mosquitto.port) as street, street.collecting():
            for part in range(6):
                await street.write(range(100 * part, 100 * part + 100))
                if part in (1, 3):
                    mosquitto.end(9)
                    await clock.sleep(0.5)
                    mosquitto.start()
                await clock.sleep(0.05)
            await until(clock, lambda: street.journal.depth == 0, 30)
            street.assert_all_stored_once(600)
            assert [back for back, _ in street.said][:4] == [False, True, False, True]

    really(story)


@pytest.mark.system
@pytest.mark.usefixtures("hasty")
def test_two_gateways_of_one_name_are_said_and_both_deliver(
    tmp_path: Path, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker ends the connection of the one when the other comes with the same client id."""
    monkeypatch.setattr(mqtt, "LONGEST_PAUSE_S", 0.5)

    async def story(clock: Clock) -> None:
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
        async with Street(tmp_path / "one", clock, mosquitto.port) as one, one.collecting():
            await one.write(range(10))
            await until(clock, lambda: one.journal.depth == 0, 10)
            assert (one.twins, one.said) == ([], [])  # its own birth is no twin
            async with Street(tmp_path / "two", clock, mosquitto.port) as two:
                number = 10
                while not (one.twins and two.twins):
                    await one.write(range(number, number + 1))
                    await two.write(range(number + 1, number + 2))
                    number += 2
                    assert number < 200
                    await clock.sleep(0.3)
                await until(clock, lambda: one.journal.depth + two.journal.depth == 0, 20)
                for street in (one, two):
                    assert [there for there, _ in street.twins] == [True]
                    assert GATEWAY in street.twins[0][1]
        with contextlib.closing(sqlite3.connect(one.store_path)) as store:
            epochs = store.execute("SELECT epoch, count(*) FROM records GROUP BY epoch").fetchall()
        assert dict(epochs) == {one.journal.epoch: 5 + number // 2, two.journal.epoch: number // 2 - 5}

    really(story)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("collector_too", [False, True])
def test_a_link_that_goes_silent_and_then_dies(tmp_path: Path, mosquitto: Mosquitto, collector_too: bool) -> None:
    async def story(clock: Clock) -> None:
        async with Cable(mosquitto.port) as cable, Street(tmp_path, clock, cable.port) as street:
            port = cable.port if collector_too else mosquitto.port
            async with street.collecting(port=port):
                await street.write(range(100))
                await until(clock, lambda: street.journal.depth == 0, 10)
                cable.silence()
                for part in range(10):
                    await street.write(range(100 + 10 * part, 110 + 10 * part))
                    await clock.sleep(0.05)
                assert street.journal.depth >= 100
                await until(clock, lambda: street.said != [], 10)  # noticed before it died
                cable.cut()
                await until(clock, lambda: street.journal.depth == 0, 30)
                street.assert_all_stored_once(200)

    really(story)


@pytest.mark.system
@pytest.mark.usefixtures("hasty")
def test_a_silent_link_without_traffic_is_noticed_by_the_keepalive(tmp_path: Path, mosquitto: Mosquitto) -> None:
    async def story(clock: Clock) -> None:
        async with Cable(mosquitto.port) as cable, Street(tmp_path, clock, cable.port, keepalive_s=1) as street:
            await until(clock, lambda: cable.connections == 1, 10)
            await clock.sleep(3)
            assert (street.said, cable.connections) == ([], 1)  # pings keep a quiet link
            cable.silence()
            await until(clock, lambda: street.said != [], 10)

    really(story)


@pytest.mark.usefixtures("hasty")
def test_a_broker_that_accepts_and_says_nothing_costs_no_file_each_time(tmp_path: Path, monkeypatch: Any) -> None:
    async def story(clock: Clock) -> None:
        monkeypatch.setattr(mqtt, "ANSWER_S", 0.1)
        open_before = len(list(Path("/proc/self/fd").iterdir()))
        writers: list[asyncio.StreamWriter] = []
        server = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with Street(tmp_path, clock, port) as street:
            await until(clock, lambda: len(writers) >= 8, 20)
            assert [back for back, _ in street.said] == [False]
        server.close()
        for writer in writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        assert len(list(Path("/proc/self/fd").iterdir())) <= open_before

    really(story)


def test_aiomqtt_still_has_what_the_link_relies_on() -> None:
    assert asyncio.iscoroutinefunction(aiomqtt.Client._misc_loop)
    assert mqtt.Client._misc_loop is not aiomqtt.Client._misc_loop

    async def made() -> None:
        client = aiomqtt.Client("127.0.0.1")
        assert client._keepalive == 60
        assert isinstance(client._disconnected, asyncio.Future)
        assert client._client.socket() is None
        assert client._client.loop_misc() != 0  # not connected

    asyncio.run(made())


def test_the_housekeeping_of_a_virtual_day_is_a_thousand_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = 0

    async def story(clock: VirtualClock) -> None:
        nonlocal steps
        port = free_port()
        async with embedded_broker(port), Street(tmp_path, clock, port):
            await clock.sleep(10)
            sleep = clock.sleep

            async def counted(seconds: float) -> None:
                nonlocal steps
                steps += 1
                await sleep(seconds)

            monkeypatch.setattr(clock, "sleep", counted)
            await sleep(24 * HOUR_S)

    virtually(story)
    assert 1150 <= steps <= 1155  # 86,400 s / (300 s / 4), and no reconnection
