"""`lichtmast monitor`: it listens to the agent's socket, or to the ports if no agent runs; and readers of every
kind."""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import stat
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

import pytest

from agent.buses.monitor import BACKLOG_BYTES, SOCKET, Monitor
from agent.commands import monitor
from agent.main import main, parser_for
from protocols.dali import addresses, gear_commands
from protocols.dali.frames import COLLISION, NO_ANSWER, answered
from tests.rigs.gateway import BusOf, Gateway, at_a_gateway

T = TypeVar("T")


def asked(gateway: Gateway, *words: str) -> argparse.Namespace:
    arguments = ["monitor", str(gateway.board_path), "--state", str(gateway.state), *words]
    return parser_for(arguments).parse_args(arguments)


async def watched(gateway: Gateway, seconds: float, *words: str) -> int | None:
    """Returns the verb's exit code, or None if it still ran after this time and was ended as by Ctrl-C."""
    watching = asyncio.create_task(monitor.watch(asked(gateway, *words), gateway.clock))
    await gateway.clock.sleep(seconds)
    if watching.done():
        return watching.result()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    return None


def test_frames_of_the_running_agent_by_name_with_their_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story(gateway: Gateway) -> None:
        async with gateway.agent():
            await gateway.clock.sleep(120)
            assert await watched(gateway, 1000) is None
            out = capsys.readouterr().out.splitlines()
            assert any("QUERY STATUS  -> " in line and "lamp on" in line for line in out)
            assert any("READ MEMORY LOCATION  -> " in line for line in out)
            assert any("DTR1 202" in line for line in out)
            assert all(line[2] == line[5] == ":" and " us " in line for line in out)
            assert await watched(gateway, 400, "--filter", "query status", "--json") is None
            rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
            assert {row["command"] for row in rows} == {"QUERY STATUS"}
            assert {row["address"] for row in rows} == {"0", "1", "2"}
            assert {(row["by"], row["bus"], row["bits"], row["answer"]) for row in rows} == {("us", "S", 16, "value")}
            assert all(gateway.began < row["at"] <= gateway.clock.wall() for row in rows)
            watching = asyncio.create_task(monitor.watch(asked(gateway, "--filter", "another"), gateway.clock))
            await gateway.clock.sleep(0.1)
            gateway.street.bus.other_controller(0x0A80)
            await gateway.clock.sleep(0.1)
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            (line,) = capsys.readouterr().out.splitlines()
            assert line.split()[1:] == ["another", "master", "0a80", "5", "LEVEL", "128"]

    at_a_gateway(story, tmp_path, buses=[BusOf("S", 3)])


def test_one_bus_of_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(gateway: Gateway) -> None:
        async with gateway.agent():
            await gateway.clock.sleep(60)
            await watched(gateway, 400, "--bus", "B", "--json")
            assert {json.loads(line)["bus"] for line in capsys.readouterr().out.splitlines()} == {"B"}
            await watched(gateway, 400)
            assert {line.split()[1] for line in capsys.readouterr().out.splitlines()} == {"A", "B"}

    at_a_gateway(story, tmp_path, buses=[BusOf("A", 1), BusOf("B", 1, channel=2)])


def test_the_socket_is_the_users_alone_and_goes_with_the_agent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story(gateway: Gateway) -> None:
        path = gateway.state / SOCKET
        gateway.state.mkdir()
        left = socket.socket(socket.AF_UNIX)  # what an agent that was killed leaves behind
        left.bind(str(path))
        left.close()
        async with gateway.agent():
            await gateway.clock.sleep(1)
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            watching = asyncio.create_task(monitor.watch(asked(gateway), gateway.clock))
            await gateway.clock.sleep(1)
        assert await watching == 1
        assert "the agent has ended" in capsys.readouterr().err
        assert not path.exists()

    at_a_gateway(story, tmp_path, buses=[BusOf("S", 1)])


def test_without_an_agent_the_port_is_opened_and_others_are_heard(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story(gateway: Gateway) -> None:
        watching = asyncio.create_task(monitor.watch(asked(gateway), gateway.clock))
        await gateway.clock.sleep(2)
        gateway.street.bus.other_controller(0xFF05)
        await gateway.clock.sleep(1)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        captured = capsys.readouterr()
        assert captured.out.split()[1:] == ["another", "master", "ff05", "all", "RECALL", "MAX", "LEVEL"]
        assert "listening on" in captured.err

    at_a_gateway(story, tmp_path, buses=[BusOf("S", 1)])


def test_a_port_that_is_in_use_or_missing_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(gateway: Gateway) -> None:
        async with gateway.agent():
            await gateway.clock.sleep(5)
            assert await watched(gateway, 20, "--state", str(tmp_path / "elsewhere")) == 1
            assert "in use by another program" in capsys.readouterr().err
        gateway.street.unplug()
        assert await watched(gateway, 20) == 1
        assert "does not exist" in capsys.readouterr().err

    at_a_gateway(story, tmp_path, buses=[BusOf("S", 1)])


def test_an_unknown_bus_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(gateway: Gateway) -> None:
        pass

    at_a_gateway(story, tmp_path, buses=[BusOf("street", 1)])
    assert main(["monitor", str(tmp_path / "board.toml"), "--bus", "stret"]) == 2
    assert "did you mean street?" in capsys.readouterr().err


# The socket itself


def on_socket(story: Awaitable[T]) -> T:
    async def whole() -> T:
        return await story

    return asyncio.run(whole())


async def joined(watch: Monitor, count: int) -> None:
    while watch.readers < count:
        await asyncio.sleep(0)


LEVEL = gear_commands.level(addresses.short(1), 100)
QUERY = gear_commands.command(addresses.short(1), "QUERY ACTUAL LEVEL")


def test_without_a_reader_no_row_is_made(tmp_path: Path) -> None:
    async def story() -> None:
        def wall() -> float:
            raise AssertionError("a row is made without a reader")

        watch = Monitor(wall)
        await watch.open(tmp_path / SOCKET)
        watch.observer("S")(QUERY, answered(200))
        watch.close()

    on_socket(story())


def test_each_kind_of_answer_and_several_readers(tmp_path: Path) -> None:
    async def story() -> None:
        watch = Monitor(lambda: 1.0)
        await watch.open(tmp_path / SOCKET)
        readers = [await asyncio.open_unix_connection(tmp_path / SOCKET) for _ in range(3)]
        await joined(watch, 3)
        observe = watch.observer("S")
        for transmission, reply in ((QUERY, answered(254)), (QUERY, COLLISION), (QUERY, NO_ANSWER), (LEVEL, NO_ANSWER)):
            observe(transmission, reply)
        observe(LEVEL, None)
        for reader, _ in readers:
            rows = [json.loads(await reader.readline()) for _ in range(5)]
            meanings = ["254 (0xFE): 100 %", "several answers", "no answer", None, None]
            assert [row["meaning"] for row in rows] == meanings
            assert [row["answer"] for row in rows] == ["value", "collision", "no answer", None, None]
            assert [row["by"] for row in rows] == ["us"] * 4 + ["another master"]
        watch.close()
        for reader, writer in readers:
            assert await reader.read() == b""
            writer.close()

    on_socket(story())


def test_a_reader_that_does_not_read_is_dropped_and_the_others_go_on(tmp_path: Path) -> None:
    async def story() -> None:
        watch = Monitor(lambda: 1.0)
        await watch.open(tmp_path / SOCKET)
        lazy = socket.socket(socket.AF_UNIX)
        lazy.connect(str(tmp_path / SOCKET))
        lazy.settimeout(5)
        reader, writer = await asyncio.open_unix_connection(tmp_path / SOCKET)
        await joined(watch, 2)
        observe = watch.observer("S")
        seen = 0
        while watch.readers == 2:
            observe(QUERY, answered(200))
            assert json.loads(await reader.readline())["value"] == 200
            seen += 1
            assert seen < 20 * BACKLOG_BYTES / 200, "it is never dropped"
        observe(QUERY, answered(100))
        assert json.loads(await reader.readline())["value"] == 100
        lazy.close()
        writer.close()
        watch.close()

    on_socket(story())


def test_a_socket_that_cannot_be_made_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        watch = Monitor(lambda: 1.0)
        await watch.open(tmp_path / ("long" * 40) / SOCKET)
        watch.observer("S")(QUERY, answered(200))
        watch.close()

    on_socket(story())
    assert "frames cannot be watched" in caplog.text
