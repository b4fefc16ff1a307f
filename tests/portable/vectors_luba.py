"""LUBA vectors: the same file runs under CPython and under MicroPython, and prints how many it checked."""

import asyncio

from drivers.dali.luba import Luba
from protocols.dali import addresses, gear_commands
from protocols.dali.frames import COLLISION, NO_ANSWER, ForwardFrame, Transmission, answered
from protocols.dali_interfaces import luba
from protocols.errors import ValueOutOfRange
from tests.portable.scripted_port import ScriptedPort, run

A1 = addresses.short(1)
ACTUAL_LEVEL = gear_commands.command(A1, "QUERY ACTUAL LEVEL")
RESET = gear_commands.command(A1, "RESET")
EVENT_24 = Transmission(ForwardFrame(24, 0x0102FE), False, False, Transmission.LOOSE)

ENCODED = (
    (luba.encode(1, ACTUAL_LEVEL, 5), "59320700100503a0000083"),
    (luba.encode(1, RESET, 3), "5932070010830320000085"),
    (luba.encode(2, EVENT_24, 1), "5932070118010102fe00d0"),
    (luba.set_up(False), "592a030012003b"),
    (luba.set_up(True), "592a03001280bb"),
    (luba.query_status(1), "592c01002d"),
    (luba.query_descriptor(), "59280028"),
)

DECODED: "tuple[tuple[str, list[object]], ...]" = (
    ("593302070036", [luba.Accepted(7)]),
    ("5933010133", [luba.Refused(luba.Refusal.BUS_VOLTAGE)]),
    ("593107000000100703a082", [luba.Sent(0, 1, 7, b"\x03\xa0")]),
    ("59310500000088fe42", [luba.Received(0, 1, 8, 0xFE)]),
    ("593104000000bf8a", [luba.Received(0, 1, 0, 0)]),
    ("59310612340190019011", [luba.Received(0x1234, 2, 16, 0x0190)]),
    ("592d0600abcd2a020065", [luba.Status(0xABCD, 1, 2, True)]),
    ("592d06000000000080ab", [luba.Status(0, 1, 0, False)]),
    ("592d01032f", []),
    ("592b0200123b", [luba.Settings(0, 0x12)]),
    ("592913" + "00" * 18 + "80ba", [luba.Descriptor(True)]),
    ("5933020700375933010133", [luba.Refused(1)]),
    ("59593302070036", [luba.Accepted(7)]),
)

UNSENDABLE = ((0, ACTUAL_LEVEL, 1), (5, ACTUAL_LEVEL, 1), (1, ACTUAL_LEVEL, 0), (1, ACTUAL_LEVEL, 6))


def check() -> int:
    """Checks every vector and returns their number. Raises AssertionError for a wrong one."""
    count = 0
    for content, expected in ENCODED:
        assert content.hex() == expected, (content.hex(), expected)
        count += 1
    for text, messages in DECODED:
        for piece in (1, 3, 100):
            reader = luba.MessageReader()
            raw = bytes.fromhex(text)
            found: list[object] = []
            for start in range(0, len(raw), piece):
                found += reader.feed(raw[start : start + piece])
            assert found == messages, (text, piece, found)
            count += 1
    for channel, transmission, priority in UNSENDABLE:
        try:
            luba.encode(channel, transmission, priority)
        except ValueOutOfRange:
            count += 1
    return count + run(drive)


def _framed(text: str) -> bytes:
    payload = bytes.fromhex(text)
    return luba.message(payload[0], payload[1:])


def _status(tick: int) -> bytes:
    return _framed(f"2d00{tick:04x}000000")


ADD = luba.encode(1, ACTUAL_LEVEL, 2)
TAKEN = (0.003, _framed("330700"))
SENT = (0.02, _framed("31006400100703a0"))
SCRIPT = (
    (luba.query_descriptor(), ((0.01, _framed("29" + "00" * 19)),)),
    (luba.set_up(False), ((0.01, _framed("2b0012")),)),
    (luba.query_status(1), ((0.01, _status(0)),)),
    (ADD, (TAKEN, SENT, (0.035, _framed("310073" + "0088fe")))),
    (ADD, (TAKEN, SENT, (0.035, _framed("310073" + "00bf")))),
    # The answer is too late by the interface's own clock, however soon it comes over the line.
    (ADD, (TAKEN, SENT, (0.025, _framed("310090" + "0088aa")))),
    (luba.query_status(1), ((0.01, _status(0x64 + 60)),)),
    (ADD, (TAKEN, SENT)),
    # The status is asked before the window is over by the interface's own clock, so the driver asks again.
    (luba.query_status(1), ((0.01, _status(0x64 + 10)),)),
    (luba.query_status(1), ((0.01, _status(0x64 + 30)),)),
)
REPLIES = (answered(0xFE), COLLISION, NO_ANSWER, NO_ANSWER)


async def drive() -> int:
    """The driver against a script: an answer, a collision, a late answer, and silence that is proved."""
    port = ScriptedPort(SCRIPT)
    told: list[str] = []
    driver = Luba(port.open, port, lambda condition, channel, sentence: told.append(condition))
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
