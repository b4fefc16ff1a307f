"""DALI from frames to driver: the same file runs under CPython and under MicroPython, and prints how many it checked.

The driver works here on the test's own clock and on a HAT that is a table. test_micropython_dims.py sends real bytes
through a real port, under MicroPython too.
"""

import asyncio
import heapq

from drivers.dali import conditions
from drivers.dali.atx_hat import AtxHat
from drivers.dali.bus import CONFIGURATION, LEVELS, TELEMETRY, DaliBus
from drivers.errors import BusBusy, BusUnpowered, InterfaceSilent, PortUnavailable
from protocols.dali import addresses, energy_register, gear_commands, levels, memory_banks, sequences
from protocols.dali.energy_register import EnergyRegister
from protocols.dali.frames import COLLISION, NO_ANSWER, ForwardFrame, Reply, Transmission, answered, forward16
from protocols.dali_interfaces.atx_hat import Line, LineReader, encode
from protocols.errors import NotAnswered, SeveralAnswered, ValueOutOfRange

SHORT_1 = addresses.short(1)
TRANSMISSIONS = (
    # transmission, line, twice, may be answered
    (gear_commands.level(addresses.short(0), 254), b"h00FE\n", False, False),
    (gear_commands.level(addresses.BROADCAST, 0), b"hFE00\n", False, False),
    (gear_commands.level(addresses.group(15), 170), b"h9EAA\n", False, False),
    (gear_commands.level(addresses.UNADDRESSED, 85), b"hFC55\n", False, False),
    (gear_commands.command(SHORT_1, "QUERY ACTUAL LEVEL"), b"h03A0\n", False, True),
    (gear_commands.command(SHORT_1, "GO TO SCENE", 15), b"h031F\n", False, False),
    (gear_commands.command(SHORT_1, "SET FADE TIME"), b"t032E\n", True, False),
    (gear_commands.command(addresses.short(63), "RESET"), b"t7F20\n", True, False),
    (gear_commands.special("DTR0", 10), b"hA30A\n", False, False),
    (gear_commands.special("INITIALISE", 0), b"tA500\n", True, False),
    (gear_commands.special("COMPARE"), b"hA900\n", False, True),
    (gear_commands.special("SEARCHADDRL", 255), b"hB5FF\n", False, False),
)
LINES = (
    (b"JFE\n", Line(Line.REPLY, 1, answered(254))),
    (b"2j0a\r\n", Line(Line.REPLY, 3, answered(10))),
    (b"N\n", Line(Line.REPLY, 1, NO_ANSWER)),
    (b"3X\n", Line(Line.REPLY, 4, COLLISION)),
    (b"Z\n", Line(Line.NOT_SENT, 1, None)),
    (b"1HFE64\n", Line(Line.FOREIGN, 2, ForwardFrame(16, 0xFE64))),
    (b"LC1FE30\n", Line(Line.FOREIGN, 1, ForwardFrame(24, 0xC1FE30))),
    (b"D21\n", Line(Line.BUS_STATUS, 1, 2)),
    (b"V070801\n", Line(Line.VERSION, 1, "070801")),
    (b"J\xff\n", Line(Line.NOISE, 1, b"J\xff")),
    (b"JFEE\n", Line(Line.NOISE, 1, b"JFEE")),
)
LEVELS_OF = ((0, 0), (0.05, 1), (0.1, 1), (1, 85), (10, 170), (50, 229), (100, 254))
FADES_S = (0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.7, 8.0, 11.3, 16.0, 22.6, 32.0, 45.3, 64.0, 90.5)
NUMBERS = (
    (b"\x01\x02\x03\x04\x05\x06", 0x010203040506, None),
    (b"\xff\xff\xff\xff\xff\xff", None, memory_banks.MASKED),
    (b"\xff\xff\xff\xff\xff\xfe", None, memory_banks.TEMPORARILY_MASKED),
    (b"\xff\xff\xff\xff\xff\xfd", 0xFFFFFFFFFFFD, None),
)


class Clock:
    """A clock whose time goes on only when all tasks wait for it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.due: list[tuple[float, int, object]] = []
        self.count = 0

    def at(self, seconds: float, act: object) -> None:
        self.count += 1
        heapq.heappush(self.due, (self.now + seconds, self.count, act))

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        over: list[int] = []
        self.at(max(seconds, 0.0), lambda: over.append(1))
        while not over:
            await asyncio.sleep(0)

    async def wait_for(self, awaitable: object, seconds: float) -> object:
        ended: list[object] = []

        async def wait() -> None:
            ended.append(await awaitable)  # type: ignore[misc]

        waiting = asyncio.create_task(wait())
        over: list[int] = []
        self.at(seconds, lambda: over.append(1))
        while not ended and not over:
            await asyncio.sleep(0)
        if ended:
            return ended[0]
        waiting.cancel()
        raise asyncio.TimeoutError  # noqa: UP041 - MicroPython has no builtin of that name

    async def run(self) -> None:
        """Turns the clock on to the next act that is due, whenever no task can go on now."""
        while True:
            for _ in range(16):
                await asyncio.sleep(0)
            if self.due:
                when, _, act = heapq.heappop(self.due)
                self.now = max(self.now, when)
                act()  # type: ignore[operator]


class Hat:
    """The other end of the line: it answers each command with given lines after given times."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.heard: list[bytes] = []
        self.says = {b"v\n": (0.004, b"V070801\n"), b"d\n": (0.004, b"D21\n")}
        self.there = True
        self.received: object = None
        self.lost: object = None

    async def open_port(self, baud: int, received: object, lost: object) -> "Hat":
        if not self.there:
            raise PortUnavailable("the port is not there")
        assert baud == 19200
        self.received = received
        self.lost = lost
        return self

    def write(self, content: bytes) -> None:
        self.heard.append(content)
        after_s, line = self.says.get(content, (0.034, b"N\n"))
        if line:
            self.clock.at(after_s, lambda: self.received(line))  # type: ignore[operator]

    def close(self) -> None:
        self.received = self.lost = lambda _: None


class Interface:
    """An interface without a line: it notes the frames that are sent, and has a reply for each frame value."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, int]] = []
        self.replies: dict[int, Reply] = {}

    async def run(self) -> None:
        pass

    async def wait_usable(self, channel: int) -> None:
        pass

    async def wait_settled(self, channel: int, priority: int) -> None:
        await asyncio.sleep(0)

    async def transmit(self, channel: int, transmission: Transmission, priority: int) -> Reply:
        value = transmission.frame.value
        self.sent.append((value, priority))
        for _ in range(4):
            await asyncio.sleep(0)
        return self.replies.get(value, NO_ANSWER)


def raises(error: "type[Exception]", act: object) -> bool:
    try:
        act()  # type: ignore[operator]
    except error:
        return True
    return False


def frames() -> int:
    checks = 0
    for transmission, line, twice, answer in TRANSMISSIONS:
        assert encode(1, transmission) == line, (line, encode(1, transmission))
        assert encode(4, transmission) == b"3" + line, line
        assert (transmission.twice, transmission.answer) == (twice, answer), line
        frame = transmission.frame
        assert forward16(*frame.to_bytes()) == frame, line
        assert abs(frame.duration_s - 17 / 1200) < 1e-9, line
        checks += 1
    for name, row in gear_commands.COMMANDS.items():
        for number in (0, row.span - 1):
            meaning = gear_commands.meaning(gear_commands.command(SHORT_1, name, number).frame)
            assert meaning == (name, SHORT_1, number if row.span > 1 else None), meaning
        checks += 1
    for name, special in gear_commands.SPECIAL_COMMANDS.items():
        meaning = gear_commands.meaning(gear_commands.special(name, 7 if special.takes_data else 0).frame)
        assert meaning == (name, None, 7 if special.takes_data else None), meaning
        checks += 1
    for act in (
        lambda: addresses.short(64),
        lambda: addresses.group(-1),
        lambda: forward16(0, 256),
        lambda: gear_commands.command(SHORT_1, "OFF", 1),
        lambda: gear_commands.special("TERMINATE", 1),
        lambda: encode(5, TRANSMISSIONS[0][0]),
        lambda: levels.level_of(100.1),
    ):
        assert raises(ValueOutOfRange, act)
        checks += 1
    return checks


def lines() -> int:
    checks = 0
    for content, line in LINES:
        assert LineReader().feed(content) == [line], (content, LineReader().feed(content))
        checks += 1
    stream = b"".join([content for content, _ in LINES])
    for size in range(1, 12):
        reader = LineReader()
        found = []
        for start in range(0, len(stream), size):
            found += reader.feed(stream[start : start + size])
        assert found == [line for _, line in LINES], size
        checks += 1
    return checks


def numbers() -> int:
    checks = 0
    for percent, level in LEVELS_OF:
        assert levels.level_of(percent) == level, (percent, levels.level_of(percent))
        checks += 1
    for level in range(255):
        assert levels.level_of(min(100.0, levels.percent_of(level))) == level, level
        assert levels.level_of(min(100.0, levels.percent_of(level, True)), True) == level, level
        checks += 1
    for index, seconds in enumerate(FADES_S):
        assert abs(levels.fade_time_s(index + 1) - seconds) < 0.06, index
        assert levels.fade_code(seconds) == index + 1, seconds
        checks += 1
    for content, value, mask in NUMBERS:
        assert memory_banks.number(content) == (value, mask), content
        checks += 1
    for byte, exponent in ((0xFA, -6), (0xFF, -1), (0, 0), (6, 6), (7, None), (0x80, None)):
        assert memory_banks.exponent(byte) == exponent, byte
        checks += 1
    return checks


def play(conversation: object, replies: object) -> object:
    """Returns the conversation's result with these replies to its queries; every other frame is unanswered."""
    left = list(replies)  # type: ignore[call-overload]
    try:
        transmission = next(conversation)  # type: ignore[call-overload]
        while True:
            closes = transmission.frame.value & 0xFF == 0x96  # QUERY MISSING SHORT ADDRESS, which has no answer
            reply = left.pop(0) if transmission.answer and not closes else NO_ANSWER
            transmission = conversation.send(reply)  # type: ignore[attr-defined]
    except StopIteration as end:
        return end.value


def conversations() -> int:
    def bank(*content: int) -> "list[Reply]":
        return [answered(byte) for byte in content]

    at_once = [transmission.frame.value for transmission in sequences.set_no_fade(SHORT_1)]
    assert at_once == [0xA300, 0x032E, 0x0330], at_once
    whole, torn = bank(0xFF, 0, 0, 0, 2, 0, 1), bank(0xFF, 0, 0, 0, 1, 0, 0)
    register = EnergyRegister(0x0102C8, -1)
    assert play(energy_register.read_whole(SHORT_1), bank(0xFF, 0, 0, 0, 1, 2, 200)) == register
    assert (register.energy_wh, register.resolution_wh) == (6624.8, 0.1)
    assert play(energy_register.read_whole(SHORT_1), torn + whole) == (0x020001, -1)
    assert play(energy_register.read_whole(SHORT_1, True), bank(0xFE, 0, 0, 0, 0, 0, 100)) == (100, -2)
    low = bank(3, 4)
    low.append(NO_ANSWER)
    assert play(energy_register.read_on(((SHORT_1, register),) * 2), low) == [(0x010304, -1), None]
    assert register.low_bytes_tell(900.0)
    assert not register.low_bytes_tell(86400.0)
    assert play(sequences.read_bank(SHORT_1, 202, 4, 3), [answered(1), NO_ANSWER, answered(3)]) == [1, None, 3]
    silent, several = list(whole), list(whole)
    silent[3], several[3] = NO_ANSWER, COLLISION
    assert raises(NotAnswered, lambda: play(energy_register.read_whole(SHORT_1), silent))
    assert raises(SeveralAnswered, lambda: play(energy_register.read_whole(SHORT_1), several))
    assert raises(NotAnswered, lambda: play(sequences.query_value(SHORT_1, "QUERY STATUS"), [NO_ANSWER]))
    assert play(sequences.query_value(SHORT_1, "QUERY STATUS"), bank(4)) == 4
    return 13


async def scheduling() -> int:
    interface = Interface()
    bus = DaliBus(interface)
    reading = asyncio.create_task(bus.run(sequences.read_bank(SHORT_1, 202, 4, 3), TELEMETRY))
    await asyncio.sleep(0)
    level = gear_commands.level(addresses.short(2), 100)
    waiting = [
        asyncio.create_task(bus.run(sequences.set_parameter(SHORT_1, "SET FADE TIME", 3), CONFIGURATION)),
        asyncio.create_task(bus.run(sequences.query(SHORT_1, "QUERY STATUS"), TELEMETRY)),
        asyncio.create_task(bus.run(sequences.dim(SHORT_1, 7), LEVELS)),
        asyncio.create_task(bus.send(level)),
    ]
    given_up = asyncio.create_task(bus.run(sequences.dim(SHORT_1, 8), LEVELS))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    given_up.cancel()
    await reading
    for task in waiting:
        await task
    read = [(0xC3CA, 4), (0xA304, 1), (0x03C5, 1), (0x03C5, 1), (0x03C5, 1)]
    expected = read + [(0x0207, 2), (0xA303, 3), (0x032E, 1), (0x0390, 4)]  # noqa: RUF005 - no [*a, b] on MicroPython
    assert [sent for sent in interface.sent if sent != (0x0464, 2)] == expected, interface.sent
    assert 0 < interface.sent.index((0x0464, 2)) < 5, interface.sent

    interface.sent = []
    writing = asyncio.create_task(bus.run(sequences.write_bank(SHORT_1, 1, 9, (7,)), CONFIGURATION))
    while (0x0381, 1) not in interface.sent:
        await asyncio.sleep(0)
    await bus.send(level)
    await writing
    whole = [0xC301, 0xA309, 0x0381, 0xC907]
    assert [value for value, _ in interface.sent] == whole[:3] + [0x0464] + whole, interface.sent  # noqa: RUF005 - as above

    try:
        await bus.run(sequences.query_value(SHORT_1, "QUERY STATUS"), TELEMETRY)
    except NotAnswered:
        pass
    else:
        raise AssertionError("no answer is no value")
    bus.note_foreign(forward16(0xA3, 0))
    conversation = sequences.set_parameter(SHORT_1, "SET FADE TIME", 3)
    disturbed = asyncio.create_task(bus.run(conversation, CONFIGURATION))
    interface.sent = []
    while not interface.sent:
        await asyncio.sleep(0)
    bus.note_foreign(forward16(0xA3, 0))
    await disturbed
    # Another master has changed DTR0 in the middle: the setting begins again.
    assert [value for value, _ in interface.sent] == [0xA303, 0xA303, 0x032E], interface.sent
    return 6


async def driving() -> int:
    clock = Clock()
    hat = Hat(clock)
    heard: list[tuple[str, int]] = []
    driver = AtxHat(
        hat.open_port,  # type: ignore[arg-type]  # no TypeVar without `typing`
        clock,  # type: ignore[arg-type]
        lambda what, channel, _: heard.append((what, channel)),
    )
    bus = DaliBus(driver)
    tasks = [asyncio.create_task(clock.run()), asyncio.create_task(driver.run())]
    await clock.sleep(0.1)
    assert heard == [(conditions.CONNECTED, 0)], heard
    checks = 1

    async def ask() -> object:
        try:
            return await bus.run(sequences.query(SHORT_1, "QUERY ACTUAL LEVEL"), TELEMETRY)
        except (BusBusy, BusUnpowered, InterfaceSilent, PortUnavailable) as error:
            return type(error)

    for says, expected in (
        ((0.036, b"JAA\n"), answered(170)),
        ((0.034, b"N\n"), NO_ANSWER),
        ((0.030, b"X\n"), COLLISION),
        ((0.020, b"Z\n"), BusBusy),
        ((0.036, b"1JAA\n"), InterfaceSilent),
        ((0.036, b"J\xff\n"), InterfaceSilent),
        ((0.010, b"JAA\n"), InterfaceSilent),
        ((0.0, b""), InterfaceSilent),
        ((0.036, b"H01FE\nJ55\n"), answered(85)),
        ((0.010, b"D01\n"), BusUnpowered),
    ):
        hat.says[b"h03A0\n"] = says
        found = await ask()
        assert found == expected, (says, found)
        checks += 1
    await clock.sleep(3)
    hat.says[b"h03A0\n"] = (0.036, b"JAA\n")
    assert await ask() == answered(170)
    hat.there = False
    hat.lost("the cable was pulled")  # type: ignore[operator]
    assert await ask() is PortUnavailable
    await clock.sleep(5)
    hat.there = True
    await clock.sleep(3)
    assert await ask() == answered(170)
    assert heard[1:] == [
        (conditions.UNPOWERED, 1),
        (conditions.POWERED, 1),
        (conditions.LOST, 0),
        (conditions.CONNECTED, 0),
    ], heard
    for task in tasks:
        task.cancel()
    return checks + 4


async def asynchronous() -> int:
    return await scheduling() + await driving()


print(frames() + lines() + numbers() + conversations() + asyncio.run(asynchronous()))
