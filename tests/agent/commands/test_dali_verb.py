"""`lichtmast dali`: any command by the standard's name, in the words that people write, and its answer."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.buses.dali_words import conversation_of
from agent.commands import dali
from agent.errors import WrongUse
from agent.main import parser_for
from protocols.dali import device_commands, gear_commands, led
from protocols.dali.frames import NO_ANSWER, answered
from protocols.errors import ConversationFailed, ValueOutOfRange
from tests.rigs.gateway import BusOf, Gateway, at_a_gateway


def values(address: str, command: str, *numbers: str, dtrs: Sequence[str | None] = (None, None, None)) -> list[int]:
    """Returns the frames that go out for these words if no gear answers."""
    return [frame for frame, _ in frames(address, command, *numbers, dtrs=dtrs)]


def frames(
    address: str, command: str, *numbers: str, dtrs: Sequence[str | None] = (None, None, None)
) -> list[tuple[int, bool]]:
    conversation = conversation_of(address, command, numbers, dtrs).conversation
    sent = []
    try:
        transmission = next(conversation)
        while True:
            sent.append((transmission.frame.value, transmission.twice))
            transmission = conversation.send(NO_ANSWER)
    except StopIteration:
        return sent


# The words


def test_addresses_commands_and_numbers() -> None:
    assert values("5", "QUERY ACTUAL LEVEL") == [0x0BA0]
    assert values("all", "off") == [0xFF00]
    assert values("unaddressed", "Recall  max_level") == [0xFD05]
    assert values("g3", "GO TO SCENE", "4") == [0x8714]
    assert values("5", "LEVEL", "128") == [0x0A80]
    assert values("5", "LEVEL", "0x80") == [0x0A80]
    assert values("g15", "LEVEL", "50%") == [0x9EE5]
    assert values("all", "LEVEL", "mask") == [0xFEFF]
    assert values("-", "DTR0", "17") == [0xA311]
    assert values("-", "TERMINATE") == [0xA100]
    assert frames("5", "SET POWER ON LEVEL", dtrs=("200", None, None)) == [(0xA3C8, False), (0x0B2D, True)]
    assert values("5", "READ MEMORY LOCATION", dtrs=("4", "202", None)) == [0xA304, 0xC3CA, 0x0BC5]


def test_a_part_207_command_brings_its_device_type() -> None:
    assert values("5", "QUERY FAILURE STATUS") == [0xC106, 0x0BF1]
    assert frames("5", "SET FAST FADE TIME", dtrs=("2", None, None)) == [
        (0xA302, False),
        (0xC106, False),
        (0x0BE4, True),
    ]


def test_control_devices() -> None:
    assert values("d5", "QUERY DEVICE STATUS") == [0x0BFE30]
    assert values("dall", "IDENTIFY DEVICE") == [0xFFFE00]
    assert values("dg2", "QUERY VERSION NUMBER") == [0x85FE34]
    assert values("d5.2", "QUERY INSTANCE TYPE") == [0x0B0280]
    assert values("d5.all", "ENABLE INSTANCE") == [0x0BFF62]
    assert values("d-", "DTR0", "17") == [0xC13011]
    assert values("d-", "DTR1:DTR0", "1", "2") == [0xC70102]
    assert values("d5", "SET SHORT ADDRESS", dtrs=("9", None, None)) == [0xC13009, 0x0BFE14]


@pytest.mark.parametrize(("instance_type", "opcode"), [(3, 0x22), (4, 0x30)])
def test_an_instance_types_command_asks_for_the_type_first(instance_type: int, opcode: int) -> None:
    conversation = conversation_of("d5.2", "SET REPORT TIMER", [], [None] * 3).conversation
    assert next(conversation).frame.value == 0x0B0280
    assert conversation.send(answered(instance_type)).frame.value == 0x0B0200 | opcode
    refused = conversation_of("d5.2", "SET REPORT TIMER", [], [None] * 3).conversation
    next(refused)
    with pytest.raises(ConversationFailed, match=r"d5\.2 is of type 1"):
        refused.send(answered(1))


def test_every_command_of_the_tables_can_be_written() -> None:
    for name, row in gear_commands.COMMANDS.items():
        assert len(values("5", name, *(["1"] if row.span > 1 else []))) == 1
    for name in led.COMMANDS.keys() - gear_commands.COMMANDS.keys():
        assert len(values("5", name)) == 2
    assert values("5", "QUERY ACTIVE POWER SUPPLY") == [0xC131, 0x0BFE]
    for name, special in gear_commands.SPECIAL_COMMANDS.items():
        assert len(values("-", name, *(["1"] if special.takes_data else []))) == 1
    for name in device_commands.DEVICE_COMMANDS:
        assert len(values("d5", name)) == 1
    for name in device_commands.INSTANCE_COMMANDS:
        assert len(values("d5.1", name)) == 1
    for name, special_103 in device_commands.SPECIAL_COMMANDS.items():
        assert len(values("d-", name, *["1"] * special_103.data)) == 1


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["5", "QUERY ACTUL LEVEL"], "did you mean QUERY ACTUAL LEVEL"),
        (["-", "DTRO", "1"], "did you mean DTR"),
        (["d5", "QUERY DEVCE STATUS"], "did you mean QUERY DEVICE STATUS"),
        (["5", "DTR0", "1"], "write - for its address"),
        (["-", "OFF"], "an address in place of the -"),
        (["5", "GO TO SCENE"], "0 to 15"),
        (["5", "GO TO SCENE", "16"], "0 to 15"),
        (["5", "GO TO SCENE", "x"], "no whole number"),
        (["5", "OFF", "3"], "takes no number"),
        (["5", "LEVEL"], "takes a level"),
        (["5", "LEVEL", "256"], "0 to 255"),
        (["5", "LEVEL", "x%"], "no level"),
        (["5", "LEVEL", "200%"], "0 to 100"),
        (["5", "LEVEL", "nan%"], "0 to 100"),
        (["64", "OFF"], "0 to 63"),
        (["g16", "OFF"], "0 to 15"),
        (["gear", "OFF"], "no address"),
        (["d64", "QUERY DEVICE STATUS"], "0 to 63"),
        (["dx", "QUERY DEVICE STATUS"], "no control device's address"),
        (["d5.x", "QUERY INSTANCE TYPE"], "no instance"),
        (["d5.32", "QUERY INSTANCE TYPE"], "0 to 31"),
        (["d-", "DTR1:DTR0", "1"], "2 data bytes"),
    ],
)
def test_what_cannot_be_is_one_sentence_with_its_remedy(words: list[str], remedy: str) -> None:
    with pytest.raises((WrongUse, ValueOutOfRange), match=remedy) as caught:
        conversation_of(words[0], words[1], words[2:], [None] * 3)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=12), st.text(max_size=40), st.lists(st.text(max_size=8), max_size=3), st.text(max_size=5))
def test_any_words_are_a_command_or_one_of_our_errors(address: str, name: str, numbers: list[str], dtr: str) -> None:
    for to in (address, "5", "-", "d5.1"):
        for command in (name, "LEVEL", "GO TO SCENE", "DTR0"):
            with contextlib.suppress(WrongUse, ValueOutOfRange):
                conversation_of(to, command, numbers, [dtr or None, None, None])


# The verb


def said(gateway: Gateway, *words: str) -> argparse.Namespace:
    arguments = ["dali", str(gateway.board_path), *words]
    return parser_for(arguments).parse_args(arguments)


async def ask(gateway: Gateway, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = await dali.run(said(gateway, *words), gateway.clock)
    await gateway.clock.sleep(0.1)  # the port is closed by a thread, which the end of a process waits for
    captured = capsys.readouterr()
    return code, (captured.out + captured.err).strip()


def test_commands_and_queries_on_a_bus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(gateway: Gateway) -> None:
        assert await ask(gateway, capsys, "1", "LEVEL", "254") == (0, "sent")
        await asyncio.sleep(2)
        assert gateway.levels() == [0, 254, 0]
        assert await ask(gateway, capsys, "1", "QUERY ACTUAL LEVEL") == (0, "254 (0xFE): 100 %")
        code, text = await ask(gateway, capsys, "1", "QUERY STATUS")
        assert code == 0
        assert "lamp on" in text
        assert await ask(gateway, capsys, "1", "QUERY LAMP FAILURE") == (0, "no")
        assert await ask(gateway, capsys, "1", "QUERY CONTROL GEAR PRESENT") == (0, "255 (0xFF): yes")
        assert await ask(gateway, capsys, "9", "QUERY ACTUAL LEVEL") == (1, "no answer")
        assert await ask(gateway, capsys, "all", "QUERY ACTUAL LEVEL") == (0, "several answers")
        assert await ask(gateway, capsys, "all", "QUERY CONTROL GEAR PRESENT") == (0, "yes, several")
        assert await ask(gateway, capsys, "2", "SET POWER ON LEVEL", "--dtr0", "200") == (0, "sent")
        assert (await ask(gateway, capsys, "2", "QUERY POWER ON LEVEL"))[1].startswith("200 (0xC8): 22")
        await ask(gateway, capsys, "2", "SET FADE TIME", "--dtr0", "4")
        fades = "fade time 2 s, fade rate 44.7 steps/s"
        assert (await ask(gateway, capsys, "2", "QUERY FADE TIME/FADE RATE"))[1] == f"71 (0x47): {fades}"
        code, text = await ask(gateway, capsys, "2", "QUERY FADE TIME/FADE RATE", "--json")
        assert json.loads(text) == {
            "bus": "L",
            "address": "2",
            "command": "QUERY FADE TIME/FADE RATE",
            "answer": "value",
            "value": 71,
            "meaning": f"71 (0x47): {fades}",
        }
        assert await ask(gateway, capsys, "-", "DTR0", "17") == (0, "sent")
        assert await ask(gateway, capsys, "1", "QUERY CONTENT DTR0") == (0, "17 (0x11)")

    at_a_gateway(story, tmp_path)


def test_a_bus_by_name_where_there_are_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(gateway: Gateway) -> None:
        with pytest.raises(WrongUse, match="choose one with --bus, of A, B"):
            await ask(gateway, capsys, "0", "OFF")
        await ask(gateway, capsys, "0", "LEVEL", "200", "--bus", "B")
        await asyncio.sleep(2)
        assert gateway.levels() == [0, 200]

    at_a_gateway(story, tmp_path, buses=[BusOf("A", 1), BusOf("B", 1, channel=2)])


def test_what_stands_in_the_way_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(gateway: Gateway) -> None:
        async with gateway.agent():
            await gateway.clock.sleep(5)
            code, text = await ask(gateway, capsys, "0", "OFF")
            assert code == 1
            assert text.endswith("is in use by another program: stop that one first")
        gateway.street.bus_power(False)
        code, text = await ask(gateway, capsys, "0", "OFF")
        assert code == 1
        assert "has no voltage" in text
        gateway.street.unplug()
        code, text = await ask(gateway, capsys, "0", "OFF")
        assert code == 1
        assert "does not exist" in text

    at_a_gateway(story, tmp_path)
