"""Floods from the network: the agent's work and memory stay within bounds, and honest messages still arrive."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiomqtt
import pytest

from agent.centre.collect import Received, collect
from agent.centre.intake import GATEWAY_MESSAGES, WAITING_BYTES, Intake
from agent.records.acknowledged import MOST_SPANS
from agent.records.journal import Journal, Record
from agent.records.journal_file import JournalFile
from agent.upstream import reporter as reporter_module
from agent.upstream.reporter import MqttReporter
from agent.wire import bounded_reader as reading
from agent.wire import mqtt, payloads
from agent.wire.mqtt import Broker, Link, Message, Session
from hil.virtual_time import VirtualClock, run_virtual
from tests.rigs.wire import START, PlainBroker, interval

GATEWAY = "gw-1"
ACK = payloads.topic(GATEWAY, "ack")
MEGABYTE = 1_000_000


def flooded(
    story: Callable[[VirtualClock, PlainBroker, Journal], Awaitable[None]], folder: Path, *, records: int = 0
) -> None:
    """Runs a story of an agent's upstream; the story plays the broker."""

    async def whole(clock: VirtualClock) -> None:
        async with PlainBroker() as broker:
            journal = await Journal.open(folder / "gw.journal", GATEWAY, clock)
            for number in range(records):
                journal.append("interval", interval(number))
            await journal.commit()
            reporter = MqttReporter(
                journal,
                Broker("127.0.0.1", broker.port, GATEWAY),
                GATEWAY,
                {},
                clock,
                lambda _there, _text: None,
                chance=random.Random(1),
            )
            running = asyncio.ensure_future(reporter.run())
            await clock.sleep(1.0)
            await story(clock, broker, journal)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await journal.close()

    run_virtual(whole, START)


def test_thousands_of_acknowledgements_a_second_are_read_at_a_steady_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at = 0
    decode = payloads.decode_acknowledgement

    def counted(payload: bytes) -> payloads.Acknowledgement:
        nonlocal looked_at
        looked_at += 1
        return decode(payload)

    monkeypatch.setattr(payloads, "decode_acknowledgement", counted)
    # Nothing is published during the flood: virtual time would wait for the broker's answer, and the reading behind
    # the flood for virtual time.
    monkeypatch.setattr(reporter_module, "FIRST_ACK_WAIT_S", 1e6)

    async def story(clock: VirtualClock, broker: PlainBroker, journal: Journal) -> None:
        flood = payloads.encode_acknowledgement(journal.epoch, [(n, 1 << 40) for n in range(61, 561)])

        async def pour() -> None:
            while True:
                await broker.deliver(ACK, flood)

        pouring = asyncio.ensure_future(pour())
        before = clock.monotonic()
        for _ in range(5):
            await clock.sleep(1.0)
        passed_s = clock.monotonic() - before
        pouring.cancel()
        assert passed_s == pytest.approx(5.0)
        assert reading.RUSH_PACKETS < looked_at <= reading.RUSH_PACKETS + 6 * reading.PACKETS_EACH_S
        # Behind the flood, an honest one still counts.
        honest = asyncio.ensure_future(broker.deliver(ACK, payloads.encode_acknowledgement(journal.epoch, [(1, 59)])))
        for _ in range(50):
            await clock.sleep(10.0)
        await honest
        assert (journal.cursor, broker.connections) == (59, 1)

    flooded(story, tmp_path, records=60)


def test_payloads_of_ten_megabytes_are_never_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    longest_seen = 0
    read = reading.Reading.read

    def watched(self: reading.Reading) -> None:
        nonlocal longest_seen
        read(self)
        longest_seen = max(longest_seen, self.held_bytes)

    monkeypatch.setattr(reading.Reading, "read", watched)

    async def story(clock: VirtualClock, broker: PlainBroker, journal: Journal) -> None:
        for _ in range(3):
            await broker.deliver(ACK, b"\x5a" + bytes(10 * MEGABYTE))
        await clock.sleep(60.0)
        await broker.deliver(ACK, payloads.encode_acknowledgement(journal.epoch, [(1, 50)]))
        await clock.sleep(10.0)
        assert (broker.connections, journal.depth) == (1, 0)
        assert 0 < longest_seen <= 65_536 + reading.LARGEST_TOPIC_BYTES

    flooded(story, tmp_path, records=50)


def test_what_is_too_long_is_not_looked_at_and_the_longest_is(tmp_path: Path) -> None:
    async def whole(clock: VirtualClock) -> list[int]:
        arrived: list[int] = []

        async def receive(session: Session) -> None:
            async for message in session.messages():
                arrived.append(len(message.payload))  # noqa: PERF401 - ends by being cancelled

        async with PlainBroker() as broker:
            link = Link(Broker("127.0.0.1", broker.port, GATEWAY), clock, lambda _there, _text: None)
            running = asyncio.ensure_future(link.run(receive))
            await clock.sleep(1.0)
            for size in (65_535, 65_536, 65_537, 66_048, 70_000, 3 * MEGABYTE, 0, 7):
                await broker.deliver(ACK, bytes(size))
            await clock.sleep(60.0)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        return arrived

    assert run_virtual(whole, START) == [65_535, 65_536, 0, 7]


def test_messages_that_no_session_takes_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    async def whole(clock: VirtualClock) -> int:
        taken = 0
        go_on = asyncio.Event()

        async def receive(session: Session) -> None:
            nonlocal taken
            await go_on.wait()
            async for _ in session.messages():
                taken += 1

        async with PlainBroker() as broker:
            link = Link(Broker("127.0.0.1", broker.port, GATEWAY), clock, lambda _there, _text: None)
            running = asyncio.ensure_future(link.run(receive))
            await clock.sleep(1.0)
            for _ in range(3 * mqtt.QUEUED_MESSAGES):
                await broker.deliver(ACK, b"x")
            await clock.sleep(60.0)
            go_on.set()
            await clock.sleep(1.0)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        return taken

    assert run_virtual(whole, START) == mqtt.QUEUED_MESSAGES
    assert caplog.records == []


def test_ranges_with_thousands_of_holes_stay_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(tmp_path / "gw.journal", GATEWAY, clock)
        for _ in range(3 * MOST_SPANS):
            journal.append("reading", {})
        await journal.commit()
        for first in range(2, 3 * MOST_SPANS, 500):
            await journal.acknowledge([(n, n) for n in range(first, first + 500, 2)], journal.epoch)
        known = [seq for seq in range(1, 3 * MOST_SPANS + 1) if journal.acknowledged_through(seq) is not None]
        assert known == list(range(2, 2 * MOST_SPANS + 1, 2)), "each is a range of its own"
        assert journal.acknowledged_through(2) == 2
        await journal.acknowledge([(1, 3 * MOST_SPANS)], journal.epoch)
        assert journal.depth == 0
        # What is known already is no news, and costs no look into the file.
        journal.news.clear()
        monkeypatch.setattr(JournalFile, "first_after", None)
        await journal.acknowledge([(5, 9), (1, 2)], journal.epoch)
        assert not journal.news.is_set()
        await journal.close()

    run_virtual(story, START)


def test_paho_still_has_what_the_reading_relies_on() -> None:
    async def made() -> None:
        paho = aiomqtt.Client("127.0.0.1")._client
        assert isinstance(paho._in_packet["packet"], bytearray)
        assert callable(paho._sock_recv)
        assert callable(aiomqtt.Client._on_socket_open)

    asyncio.run(made())


def message(gateway: str, size: int = 10) -> Message:
    return Message(payloads.topic(gateway, "records"), bytes(size))


def test_gateways_are_stored_in_turn() -> None:
    async def story() -> None:
        intake = Intake()
        said = [intake.put("loud", message("loud")) for _ in range(GATEWAY_MESSAGES + 3)]
        assert said[: GATEWAY_MESSAGES + 1] == [None] * GATEWAY_MESSAGES + [
            f"more than {GATEWAY_MESSAGES} batches of it wait to be stored; it sends them again"
        ]
        assert said[-2:] == ["", ""]  # said once
        assert intake.put("quiet", message("quiet")) is None
        order = [(await intake.take()).topic.split("/")[2] for _ in range(4)]
        assert order == ["loud", "quiet", "loud", "loud"]
        for _ in range(GATEWAY_MESSAGES - 3):
            await intake.take()
        waiting = asyncio.ensure_future(intake.take())
        await asyncio.sleep(0)
        assert not waiting.done()
        intake.put("quiet", message("quiet"))
        assert (await waiting).topic.split("/")[2] == "quiet"
        # Once its queue was empty, it is said again.
        assert [intake.put("loud", message("loud")) for _ in range(GATEWAY_MESSAGES + 1)][-1]

    asyncio.run(story())


def test_all_that_waits_is_bounded_however_many_gateways_it_comes_from() -> None:
    async def story() -> None:
        intake = Intake()
        size = WAITING_BYTES // 4
        assert [intake.put(f"gw-{n}", message(f"gw-{n}", size)) for n in range(5)] == [None] * 4 + [""]
        said = intake.put("gw-1", message("gw-1", 1))
        assert said == "more than 64 MB wait to be stored; it sends them again"
        await intake.take()
        assert intake.put("gw-9", message("gw-9", size)) is None

    asyncio.run(story())


def test_what_was_taken_no_longer_counts_and_what_waits_does() -> None:
    """Ten times the bound, never more than half of it at once."""

    async def story() -> None:
        intake = Intake()
        half = WAITING_BYTES // 2
        for number in range(20):
            assert intake.put("gw-1", message("gw-1", half)) is None
            assert intake.put("gw-2", message("gw-2", number)) is None
            assert len((await intake.take()).payload) == half
            assert len((await intake.take()).payload) == number
        assert intake.put("gw-1", message("gw-1", half)) is None
        assert intake.put("gw-1", message("gw-1", half)) is None
        assert intake.put("gw-1", message("gw-1", 1)) is not None
        await intake.take()
        assert intake.put("gw-1", message("gw-1", half + 1)) is not None
        assert intake.put("gw-1", message("gw-1", half)) is None

    asyncio.run(story())


def test_a_gateway_that_floods_the_collector_starves_no_other(tmp_path: Path) -> None:
    async def whole(clock: VirtualClock) -> list[Received]:
        received: list[Received] = []
        async with PlainBroker() as broker:
            collecting = asyncio.ensure_future(
                collect("127.0.0.1", broker.port, tmp_path / "store", clock, on_batch=received.append)
            )
            await clock.sleep(1.0)
            records = [Record(n, "interval", interval(n), True) for n in range(1, 51)]
            loud, quiet = (payloads.encode_records(name, "a" * 16, records) for name in ("loud", "quiet"))
            for _ in range(200):
                await broker.deliver(payloads.topic("loud", "records"), loud)
            await broker.deliver(payloads.topic("loud", "records"), bytes(2 * MEGABYTE))
            await broker.deliver(payloads.topic("loud", "records"), b"\x81" * 500_000)
            await broker.deliver(payloads.topic("quiet", "records"), quiet)
            await broker.deliver(payloads.topic("loud", "elsewhere"), quiet)
            await clock.sleep(60.0)
            collecting.cancel()
            await asyncio.gather(collecting, return_exceptions=True)
        return received

    received = run_virtual(whole, START)
    assert [each.new for each in received if each.gateway == "quiet"] == [50]
    assert sum(each.new for each in received) == 100
    assert len(received) <= 206
