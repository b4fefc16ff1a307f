"""SevenLab vectors: the same file runs under CPython and under MicroPython, and prints how many it checked."""

import asyncio

from drivers.dali.sevenlab import SevenLab
from protocols.dali import addresses, gear_commands
from protocols.dali.frames import COLLISION, NO_ANSWER, ForwardFrame, Transmission, answered
from protocols.dali_interfaces import sevenlab
from protocols.dali_interfaces.sevenlab import Report
from protocols.errors import ValueOutOfRange
from tests.portable.scripted_port import ScriptedPort, run

A1 = addresses.short(1)
ACTUAL_LEVEL = gear_commands.command(A1, "QUERY ACTUAL LEVEL")
RESET = gear_commands.command(A1, "RESET")
OFF = gear_commands.level(A1, 0)
EVENT_24 = Transmission(ForwardFrame(24, 0x0102FE), False, False, Transmission.LOOSE)
BOTH = Transmission(ForwardFrame(16, 0x03A0), True, True, Transmission.LOOSE)

ENCODED = (
    (ACTUAL_LEVEL, 5, b"Q5 10 3A0\r"),
    (RESET, 3, b"S3 10+320\r"),
    (OFF, 2, b"S2 10 200\r"),
    (EVENT_24, 1, b"S1 18 102FE\r"),
)
UNSENDABLE = ((ACTUAL_LEVEL, 0), (ACTUAL_LEVEL, 6), (BOTH, 1), (Transmission(ForwardFrame(33, 0), False, False, 0), 1))

DECODED = (
    (b"{00000011>10 0000ff00}\r\n", Report(Report.FRAME, 0x11, True, ForwardFrame(16, 0xFF00))),
    (b"{00000020:10 0000FF90}\r\n", Report(Report.FRAME, 0x20, False, ForwardFrame(16, 0xFF90))),
    (b"{ffffffff:18 000102fe}\r\n", Report(Report.FRAME, 0xFFFFFFFF, False, ForwardFrame(24, 0x0102FE))),
    (b"{00000026:08 000000c4}\r\n", Report(Report.BACKWARD, 0x26, False, 0xC4)),
    (b"{00000015:81 00000000}\r\n", Report(Report.TIMEOUT, 0x15, False, 0x81)),
    (b"{00000015>82 00012c00}\r\n", Report(Report.BAD_TIMING, 0x15, True, 300)),
    (b"{00000015:83 0004e203}\r\n", Report(Report.BAD_TIMING, 0x15, False, 1250)),
    (b"{00000015>84 00000000}\r\n", Report(Report.COLLISION, 0x15, True, 0x84)),
    (b"{00000015>85 00000000}\r\n", Report(Report.COLLISION, 0x15, True, 0x85)),
    (b"{00000015>86 00000000}\r\n", Report(Report.COLLISION, 0x15, True, 0x86)),
    (b"{00000015:87 00000000}\r\n", Report(Report.EARLY, 0x15, False, 0x87)),
    (b"{00000015:90 00000000}\r\n", Report(Report.IDLE, 0x15, False, 0x90)),
    (b"{00000015:91 00000000}\r\n", Report(Report.FAILURE, 0x15, False, 0x91)),
    (b"{00000015:92 09896800}\r\n", Report(Report.RECOVERED, 0x15, False, 0x92)),
    (b"{00000015:a0 00000000}\r\n", Report(Report.REFUSED, 0x15, False, 0xA0)),
    (b"{00000015:a4 00000000}\r\n", Report(Report.REFUSED, 0x15, False, 0xA4)),
    (b"DALI USB interface - SevenLab 2024\r\n", Report(Report.HEADING, 0, False, None)),
    (b"Version 3.5.1 \r\n", Report(Report.VERSION, 0, False, "3.5.1")),
)
NOISE = (
    b"{00000011>10 0000ff0}",  # a digit lost
    b"{00000011>10 0010ff00}",  # more than 16 bits
    b"{00000011:08 00000100}",
    b"{00000011:81 00000001}",
    b"{00000011:83 00000003}",  # a bit of no length
    b"{00000011>a3 00000000}",
    b"{00000011;10 0000ff00}",
    b"{0000001g:10 0000ff00}",
    b"{00000011:11 0000ff00}",
    b"{}",
    b"0000ff00}",
    b"Version 3.5.x\n",
    b"x" * 200 + b"\n",
)


def check() -> int:
    """Checks every vector and returns their number. Raises AssertionError for a wrong one."""
    count = 0
    for transmission, priority, expected in ENCODED:
        assert sevenlab.encode(transmission, priority) == expected, expected
        count += 1
    for transmission, priority in UNSENDABLE:
        try:
            sevenlab.encode(transmission, priority)
        except ValueOutOfRange:
            count += 1
    for piece in (1, 3, 100):
        for raw, report in DECODED:
            assert read(raw, piece) == [report], (raw, piece, read(raw, piece))
            count += 1
        for raw in NOISE:
            assert [found.kind for found in read(raw, piece)] == [Report.NOISE], raw
            # After any bytes, the next record is whole.
            assert read(raw + DECODED[0][0], piece)[-1] == DECODED[0][1], raw
            assert read(b"{00000011:" + DECODED[0][0], piece)[-1] == DECODED[0][1]
            count += 1
    return count + run(drive)


def read(raw: bytes, piece: int) -> "list[Report]":
    """Returns the reports in these bytes, which are given in pieces."""
    reader = sevenlab.ReportReader()
    found = []
    for start in range(0, len(raw), piece):
        found += reader.feed(raw[start : start + piece])
    return found


ASK = b"Q2 10 3A0\r"
ASKED = (0.02, b"{000003e8>10 000003a0}\r\n")
VERSION = (0.001, b"Version 3.5.1 \r\n")
SCRIPT = (
    (b"?", (VERSION,)),
    (b"S1 10 AD00\r", ((0.02, b"{00000100>10 0000ad00}\r\n"),)),
    (ASK, (ASKED, (0.04, b"{00000400:08 000000fe}\r\n"))),
    (ASK, (ASKED, (0.04, b"{00000400:83 0004e203}\r\n"))),
    # The answer is too late by the interface's own clock, however soon it comes over the line.
    (ASK, (ASKED, (0.025, b"{00000410:08 000000aa}\r\n"))),
    (ASK, (ASKED, (0.035, b"{00000406:81 00000000}\r\n"))),
    # The frame met another master's: it is sent again once the interface has said that the first had no answer.
    (ASK, ((0.02, b"{000003e8>84 00000000}\r\n"), (0.03, b"{00000406:81 00000000}\r\n"))),
    (ASK, (ASKED, (0.04, b"{00000400:08 00000011}\r\n"))),
    # The interface is silent but there: the report of the frame comes late, yet before its identity, and counts.
    (ASK, ()),
    (b"?", ((0.001, b"{000003e8>10 000003a0}\r\n{00000400:08 00000022}\r\n"), (0.002, b"Version 3.5.1 \r\n"))),
)
REPLIES = (answered(0xFE), COLLISION, NO_ANSWER, NO_ANSWER, answered(0x11), answered(0x22))


async def drive() -> int:
    """The driver against a script: an answer, a collision, a late answer, none, a frame that collided, a slow line."""
    port = ScriptedPort(SCRIPT)
    told: list[str] = []
    driver = SevenLab(port.open, port, lambda condition, channel, sentence: told.append(condition))
    running = asyncio.create_task(driver.run())
    await driver.wait_usable(1)
    for number, expected in enumerate(REPLIES):
        reply = await driver.transmit(1, ACTUAL_LEVEL, 2)
        assert reply == expected, (number, reply)
    assert not port.script
    assert told == ["connected"], told
    running.cancel()
    return len(REPLIES)


if __name__ == "__main__":
    print(check())
