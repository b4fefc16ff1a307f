"""DALI SCI2 vectors: the same file runs under CPython and under MicroPython, and prints how many it checked."""

import asyncio

from drivers.dali.sci2 import Sci2
from protocols.dali import addresses, gear_commands
from protocols.dali.frames import COLLISION, NO_ANSWER, ForwardFrame, Transmission, answered
from protocols.dali_interfaces import sci2
from protocols.dali_interfaces.sci2 import Message
from protocols.errors import ValueOutOfRange
from tests.portable.scripted_port import ScriptedPort, run

A1 = addresses.short(1)
ACTUAL_LEVEL = gear_commands.command(A1, "QUERY ACTUAL LEVEL")
RESET = gear_commands.command(A1, "RESET")
FRAME_24 = Transmission(ForwardFrame(24, 0x0102FE), False, False, Transmission.LOOSE)

ENCODED = (
    (sci2.encode(ACTUAL_LEVEL), "830003a020"),
    (sci2.encode(RESET), "83000320a0"),
    (sci2.encode(ACTUAL_LEVEL, sci2.NEWER), "8303a00020"),
    (sci2.encode(RESET, sci2.NEWER), "93032000b0"),
    (sci2.encode(FRAME_24, sci2.NEWER), "880102fe75"),
    (sci2.QUERY_IDENTITY, "c2000000c2"),
    (sci2.PROBE, "83adad0083"),
)

REPLY, FOREIGN = Message.REPLY, Message.FOREIGN
DECODED: "tuple[tuple[str, list[Message]], ...]" = (
    ("620000fe9c", [Message(REPLY, answered(254))]),
    ("6100000061", [Message(REPLY, NO_ANSWER)]),
    ("6000000060", [Message(Message.IDENTITY, None)]),
    ("630003a0c0", [Message(FOREIGN, ForwardFrame(16, 0x03A0))]),
    ("640102fe99", [Message(FOREIGN, ForwardFrame(24, 0x0102FE))]),
    ("680102fe95", [Message(FOREIGN, ForwardFrame(24, 0x0102FE))]),
    ("6700000166", [Message(Message.NOT_SENT, None)]),
    ("6700000265", [Message(Message.NO_VOLTAGE, None)]),
    ("6700000364", [Message(REPLY, COLLISION)]),
    ("6700000463", [Message(Message.NOT_UNDERSTOOD, None)]),
    ("6700000562", [Message(Message.NOT_SENT, None)]),
    ("6700000661", []),
    ("6500000065", []),
    ("620000fe9d", []),
    ("620000fe620000fe9c", [Message(REPLY, answered(254))]),
    ("00000061620000fe9c", [Message(REPLY, answered(254))]),
    ("000000616100000061", [Message(REPLY, NO_ANSWER)]),
)

UNSENDABLE = (FRAME_24, Transmission(ForwardFrame(8, 1), False, False, Transmission.LOOSE))


def check() -> int:
    """Checks every vector and returns their number. Raises AssertionError for a wrong one."""
    count = 0
    for content, expected in ENCODED:
        assert content.hex() == expected, (content.hex(), expected)
        count += 1
    for text, messages in DECODED:
        for piece in (1, 3, 100):
            reader = sci2.MessageReader()
            raw = bytes.fromhex(text)
            found: list[Message] = []
            for start in range(0, len(raw), piece):
                found += reader.feed(raw[start : start + piece])
            assert found == messages, (text, piece, found)
            count += 1
    for transmission in UNSENDABLE:
        try:
            sci2.encode(transmission)
        except ValueOutOfRange:
            count += 1
    return count + run(drive)


QUERY = sci2.encode(ACTUAL_LEVEL)
NO = bytes.fromhex("6100000061")
FRAME_END = 0.0155
"""The time from the write until the frame has ended: five characters and a 16-bit frame."""
SCRIPT = (
    (sci2.QUERY_IDENTITY, ((0.003, bytes.fromhex("6000000060")),)),
    (sci2.PROBE, ((FRAME_END + 0.0113, NO),)),
    (QUERY, ((FRAME_END + 0.018, bytes.fromhex("620000fe9c")),)),
    # Several answers.
    (QUERY, ((FRAME_END + 0.018, bytes.fromhex("6700000364")),)),
    # An answer that began after the interface's NO, and yet in time.
    (QUERY, ((FRAME_END + 0.0113, NO), (FRAME_END + 0.022, bytes.fromhex("6200000163")))),
    # An answer that is too late for any query, and is over before the next one begins.
    (QUERY, ((FRAME_END + 0.0113, NO), (FRAME_END + 0.045, bytes.fromhex("6200000b69")))),
    # A message that comes before the frame can have ended is no answer to it.
    (QUERY, ((0.002, bytes.fromhex("6200000260")), (FRAME_END + 0.018, bytes.fromhex("620000fe9c")))),
    # The host sends a pair as two commands.
    (sci2.encode(RESET), ((FRAME_END + 0.0113, NO),)),
    (sci2.encode(RESET), ((FRAME_END + 0.0113, NO),)),
)
ASKED = (
    (ACTUAL_LEVEL, answered(254)),
    (ACTUAL_LEVEL, COLLISION),
    (ACTUAL_LEVEL, answered(1)),
    (ACTUAL_LEVEL, NO_ANSWER),
    (ACTUAL_LEVEL, answered(254)),
    (RESET, NO_ANSWER),
)


async def drive() -> int:
    """Runs the driver of the datasheet's layout against a script."""
    port = ScriptedPort(SCRIPT)
    told: list[str] = []
    driver = Sci2(port.open, port, lambda condition, channel, sentence: told.append(condition))
    running = asyncio.create_task(driver.run())
    await driver.wait_usable(1)
    assert port.lines == (True, False)
    for number, (transmission, expected) in enumerate(ASKED):
        reply = await driver.transmit(1, transmission, 2)
        assert reply == expected, (number, reply)
    assert not port.script
    assert told == ["connected"], told
    running.cancel()
    return len(ASKED)


if __name__ == "__main__":
    print(check())
