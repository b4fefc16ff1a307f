"""Names of frames and meanings of answers, as a monitor's line shows them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dali import gear_commands, naming
from protocols.dali.frames import ForwardFrame, answered


@pytest.mark.parametrize(
    ("bits", "value", "address", "text"),
    [
        (16, 0x0A80, "5", "LEVEL 128"),
        (16, 0xFEFF, "all", "LEVEL MASK"),
        (16, 0x8714, "g3", "GO TO SCENE 4"),
        (16, 0xFD05, "unaddressed", "RECALL MAX LEVEL"),
        (16, 0xA311, "-", "DTR0 17"),
        (16, 0xCB00, "-", "?"),
        (24, 0x0BFE30, "d5", "QUERY DEVICE STATUS"),
        (24, 0x0BFE49, "d5", "QUERY APPLICATION CONTROLLER ALWAYS ACTIVE"),
        (24, 0x0B0280, "d5.2", "QUERY INSTANCE TYPE"),
        (24, 0x0B0293, "d5.2", "QUERY INSTANCE CONFIGURATION"),
        (24, 0x0BFF94, "d5.all", "QUERY AVAILABLE INSTANCE TYPES"),
        (24, 0xFFFF62, "dall.all", "ENABLE INSTANCE"),
        (24, 0x0BC322, "d5.instance type 3", "SET REPORT TIMER"),
        (24, 0x0BC430, "d5.instance type 4", "SET REPORT TIMER"),
        (24, 0xC70102, "d-", "DTR1:DTR0 1:2"),
        (24, 0x0A0C02, "d5", "OCCUPANCY EVENT occupied"),
        (24, 0x0A0C01, "d5", "OCCUPANCY EVENT vacant, movement"),
        (24, 0x0A1123, "d5", "LIGHT EVENT 291"),
        (24, 0x0A8801, "d5.2", "EVENT 1"),
        (24, 0xFEE045, "d5", "POWER CYCLE"),
    ],
)
def test_a_frame_in_words(bits: int, value: int, address: str, text: str) -> None:
    named = naming.Namer().name(ForwardFrame(bits, value))
    assert (named.address, named.text) == (address, text)


def test_a_device_types_command_has_its_name_only_directly_after_it() -> None:
    namer = naming.Namer()
    query = ForwardFrame(16, 0x0BF1)
    assert namer.name(query).command == "?"
    namer.name(gear_commands.special("ENABLE DEVICE TYPE", 6).frame)
    assert namer.name(query).command == "QUERY FAILURE STATUS"
    assert namer.name(query).command == "?"
    namer.name(gear_commands.special("ENABLE DEVICE TYPE", 49).frame)
    assert namer.name(ForwardFrame(16, 0x0BFE)) == ("5", "QUERY ACTIVE POWER SUPPLY", None)
    namer.name(gear_commands.special("ENABLE DEVICE TYPE", 6).frame)
    assert namer.name(ForwardFrame(16, 0x0BFE)).command == "QUERY MIN FAST FADE TIME"
    namer.name(gear_commands.special("ENABLE DEVICE TYPE", 51).frame)
    assert namer.name(query).command == "?"


@pytest.mark.parametrize(
    ("command", "value", "meaning"),
    [
        ("QUERY STATUS", 0x06, "lamp failure, lamp on"),
        ("QUERY STATUS", 0x00, "nothing"),
        ("QUERY ACTUAL LEVEL", 254, "100 %"),
        ("QUERY POWER ON LEVEL", 255, "MASK"),
        ("QUERY FADE TIME/FADE RATE", 0x47, "fade time 2 s, fade rate 44.7 steps/s"),
        ("QUERY EXTENDED FADE TIME", 0x21, "2 s"),
        ("QUERY EXTENDED FADE TIME", 0x50, ""),
        ("QUERY GROUPS 8-15", 0x81, "g8, g15"),
        ("QUERY VERSION NUMBER", 0x08, "2.0"),
        ("QUERY DEVICE TYPE", 6, "LED modules"),
        ("QUERY SHORT ADDRESS", 0x0B, "short address 5"),
        ("QUERY LAMP FAILURE", 0xFF, "yes"),
        ("QUERY LAMP FAILURE", 0x00, "no"),
        ("QUERY ACTIVE POWER SUPPLY", 0xFF, "yes"),
        ("QUERY CONTENT DTR0", 17, ""),
    ],
)
def test_what_an_answer_means(command: str, value: int, meaning: str) -> None:
    assert naming.meaning(command, value) == meaning


@given(st.integers(0, (1 << 24) - 1), st.integers(0, 255))
def test_every_frame_and_every_answer_has_words(value: int, answer: int) -> None:
    namer = naming.Namer()
    for frame in (ForwardFrame(24, value), ForwardFrame(16, 0xC106), ForwardFrame(16, value & 0xFFFF)):
        named = namer.name(frame)
        assert named.text
        assert named.address
        assert naming.reply_text(named.command, answered(answer)).startswith(str(answer))
