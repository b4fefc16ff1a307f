"""`lichtmast status`, asked of a running agent on the emulated street."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path

import pytest

from agent.commands import status
from agent.inputs.overrides import give
from agent.local.socket import MOST_QUESTION_BYTES, SOCKET, NoAgent, ask
from agent.main import parser_for
from agent.schedule.override import Override
from tests.rigs.gateway import BusOf, Gateway, at_a_gateway


async def printed(here: Gateway, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    arguments = parser_for(["status"]).parse_args(["status", "--state", str(here.state), *words])
    assert await status.run(arguments, here.clock) == 0
    return capsys.readouterr().out


def test_the_street_by_program_by_hand_and_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(here: Gateway) -> None:
        async with here.agent():
            await here.until(120.0)
            out = await printed(here, capsys)
            assert out.count("100 %    100 %") == 3
            assert out.count("program always-full") == 3
            assert "no fault" in out
            assert max(map(len, out.splitlines())) <= 80

            now = here.clock.wall()
            give(here.state, Override(50.0, now, now + 3600.0, ("L02",)), here.clock)
            here.street.lamp_failed(2)
            await here.until(900.0)
            said = json.loads(await printed(here, capsys, "--json"))
            lamps = {lamp["name"]: lamp for lamp in said["luminaires"]}
            assert (lamps["L02"]["reason"], lamps["L02"]["target_percent"]) == ("override", 50.0)
            assert lamps["L02"]["actual_percent"] == pytest.approx(50.0, abs=1.5)
            assert lamps["L03"]["lamp_failed"]
            assert here.clock.wall() - lamps["L01"]["last_answer"] < 600.0
            assert [alarm["subject"] for alarm in said["alarms"]] == ["L03"]
            out = await printed(here, capsys)
            assert "LAMP FAILED" in out
            assert "by hand: L02 at 50 % until " in out

    at_a_gateway(story, tmp_path, buses=[BusOf("L")])


def test_a_lamp_that_another_master_may_have_moved_has_no_actual_level_until_it_is_asked(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        async with here.agent() as agent:
            await here.until(120.0)
            agent.lines[0].luminaires[0].moved_by_another()
            said = await ask(here.state, "status", here.clock)
            assert isinstance(said, dict)
            assert [lamp["actual_percent"] for lamp in said["luminaires"]] == [None, 100.0, 100.0]

    at_a_gateway(story, tmp_path)


def test_without_a_clock_lamps_burn_at_the_safe_level_and_status_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story(here: Gateway) -> None:
        async with here.agent():
            await here.until(120.0)
            out = await printed(here, capsys)
            assert out.count("  safe level\n") == 3
            assert "next change" not in out

    at_a_gateway(story, tmp_path, valid=False)


def test_the_socket_takes_nonsense_and_is_the_agents_users_alone(tmp_path: Path) -> None:
    async def story(here: Gateway) -> None:
        with pytest.raises(NoAgent, match="no agent runs on"):
            await ask(here.state, "status", here.clock)
        async with here.agent():
            path = here.state / SOCKET
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            for nonsense in (b"{}\n", b"\xff\n", b"[" * 4000 + b"\n", b'{"ask": "tea"}\n'):
                reader, writer = await asyncio.open_unix_connection(path)
                writer.write(nonsense)
                assert "error" in json.loads(await reader.readline())
                writer.close()
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(b"x" * (4 * MOST_QUESTION_BYTES))
            try:  # a question that never ends is not read to its end
                said = await reader.read()
            except ConnectionResetError:
                said = b""
            assert said == b""
            writer.close()
            assert isinstance(await ask(here.state, "status", here.clock), dict)
        assert not path.exists()

    at_a_gateway(story, tmp_path)
