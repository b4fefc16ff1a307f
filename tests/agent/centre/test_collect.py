"""`lichtmast collect` as a user starts it: a real mosquitto, a process that is killed, words on the terminal."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.centre.collect import collect
from agent.centre.store import Store, StoreError
from agent.clock import MachineClock
from agent.commands import collect as command
from agent.records.journal import Journal, Record
from agent.upstream import reporter
from agent.upstream.reporter import MqttReporter
from agent.wire.mqtt import Broker
from hil.free_port import free_port
from hil.virtual_time import VirtualClock, run_virtual
from tests.rigs.disk import Disk, disk
from tests.rigs.wire import Mosquitto, interval, mosquitto

__all__ = ["disk", "mosquitto"]


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(words)


def test_the_broker_s_address() -> None:
    assert parsed("--broker", "mqtt://centre.example", "--store", "s").broker == ("centre.example", 1883)
    assert parsed("--broker", "mqtt://[::1]:2883/", "--store", "s").broker == ("::1", 2883)


@pytest.mark.parametrize(
    "text",
    ["", "centre", "centre:1883", "http://centre", "mqtt://", "mqtt://centre:port", "mqtt://c:99999", "mqtt://c/x"],
)
def test_a_wrong_address_says_how_to_write_it(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed("--broker", text, "--store", "s")
    assert ended.value.code == 2
    assert "write mqtt://HOST" in capsys.readouterr().err


@given(st.text() | st.text().map("mqtt://".__add__))
def test_any_text_is_an_address_or_a_refusal(text: str) -> None:
    with contextlib.suppress(argparse.ArgumentTypeError):
        host, port = command.broker_address(text)
        assert host
        assert 0 < port < 65536


def test_a_store_that_is_none_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "store").write_bytes(b"garbage" * 1000)
    arguments = parsed("--broker", f"mqtt://127.0.0.1:{free_port()}", "--store", str(tmp_path / "store"))
    assert asyncio.run(command.run(arguments, MachineClock())) == 1
    error = capsys.readouterr().err
    assert "is no store of ours" in error
    assert error.count("\n") == 1
    assert (tmp_path / "store").read_bytes() == b"garbage" * 1000


def test_a_full_disk_stores_nothing_of_the_batch(tmp_path: Path, disk: Disk) -> None:
    store = Store(tmp_path / "store.sqlite")
    disk.fill(tmp_path / "store.sqlite")
    records = [Record(n, "interval", interval(n), True) for n in range(1, 200)]
    with pytest.raises(StoreError, match="cannot be written"):
        store.write("gw-1", "a" * 16, records, 0.0)
    disk.free(tmp_path / "store.sqlite")
    assert store.write("gw-1", "a" * 16, records, 0.0) == (199, 0, 0, (), 0)
    store.close()


def test_without_a_broker_it_is_said_once(tmp_path: Path) -> None:
    async def story(clock: VirtualClock) -> list[bool]:
        said: list[bool] = []
        task = asyncio.create_task(
            collect("127.0.0.1", free_port(), tmp_path / "s", clock, on_change=lambda back, _: said.append(back))
        )
        await clock.sleep(6 * 3600)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return said

    assert run_virtual(story, 0.0) == [False]


_PROGRAM = """
import asyncio, sys
from agent.clock import MachineClock
from agent.commands import collect
import argparse
parser = argparse.ArgumentParser()
collect.add_arguments(parser)
asyncio.run(collect.run(parser.parse_args(), MachineClock()))
"""


@pytest.mark.system
def test_the_collector_killed_again_and_again_loses_and_doubles_nothing(
    tmp_path: Path, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporter, "FIRST_ACK_WAIT_S", 0.3)
    monkeypatch.setattr(reporter, "LONGEST_ACK_WAIT_S", 0.6)
    store = tmp_path / "store.sqlite"
    count = 1500

    def start() -> subprocess.Popen[bytes]:
        arguments = ["--broker", f"mqtt://127.0.0.1:{mosquitto.port}", "--store", str(store)]
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, *arguments],
            cwd=Path(__file__).parents[3],
            env=environment,
            stdout=subprocess.DEVNULL,
        )

    def stored() -> int:
        try:
            with contextlib.closing(sqlite3.connect(store, timeout=10)) as file:
                found: int = file.execute("SELECT count(*) FROM records").fetchone()[0]
        except sqlite3.OperationalError:  # not made yet
            return 0
        return found

    async def story() -> None:
        clock = MachineClock()
        journal = await Journal.open(tmp_path / "journal.sqlite", "gw-1", clock)
        sender = MqttReporter(
            journal, Broker("127.0.0.1", mosquitto.port, "gw-1"), "gw-1", {}, clock, lambda back, said: None
        )
        sending = asyncio.create_task(sender.run())
        kills = 0
        process = start()
        try:
            for part in range(count // 50):
                for number in range(50 * part, 50 * part + 50):
                    journal.append("interval", interval(number))
                await journal.commit()
                if part % 6 == 5:
                    before = stored()
                    while stored() == before and journal.depth:  # it is at work
                        await asyncio.sleep(0.002)
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    process = start()
                    kills += 1
            while journal.depth:
                await asyncio.sleep(0.02)
        finally:
            process.kill()
            process.wait()
        await sender.stop()
        await sending
        await journal.close()
        assert kills == 5

    asyncio.run(asyncio.wait_for(story(), 300))
    with contextlib.closing(sqlite3.connect(store)) as file:
        numbers = [row[0] for row in file.execute("SELECT seq FROM records ORDER BY seq")]
        quarters = file.execute("SELECT luminaire, start FROM intervals").fetchall()
    assert numbers == list(range(1, count + 1))
    assert sorted(quarters) == sorted((interval(n)["luminaire"], interval(n)["start"]) for n in range(count))
