"""Gear data, memory banks, parts 207 and 250: the same file runs under CPython and under MicroPython, and prints how
many vectors it checked. A gear is a dict of answers by frame, and one memory."""

from protocols.dali import addresses, bank_access, bank_inquiries, bank_values, gear_data, led, memory_banks, supply
from protocols.dali.bank_access import Chunk
from protocols.dali.frames import NO_ANSWER, answered
from protocols.dali.gear_errors import LastSupply, NonsenseAnswered, WriteNotTaken
from protocols.dali.inquiries import in_one
from protocols.errors import Interrupted, NotAnswered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator

    from protocols.dali.frames import Reply, Transmission

GEAR = addresses.short(5)

VALUES = (
    (202, "active energy", "00000000303a", 0xFF, "known", "1234.6"),
    (202, "active energy", "fffffffffffd", 0xFA, "known", "281474976.710653"),
    (202, "active energy", "fffffffffffe", 0, "temporarily masked", None),
    (202, "active energy", "ffffffffffff", 0, "masked", None),
    (202, "active energy", "000000000001", 7, "scale not valid", None),
    (202, "active power", "000000fb", 0, "known", "251"),
    (205, "temperature", "55", None, "known", "25"),
    (205, "temperature", "00", None, "known", "-60"),
    (205, "power factor", "61", None, "known", "0.97"),
    (205, "failure", "02", None, "not valid", None),
    (206, "current", "02bc", None, "known", "0.700"),
    (207, "rated useful life", "64", None, "known", "100000"),
    (1, "colour temperature", "fffe", None, "see part 209", None),
    (1, "week of manufacture", "00", None, "not valid", None),
)


class Memory:
    """A gear with memory banks and answers to queries, in plain dicts."""

    def __init__(self, answers: "dict[int, list[int]]", banks: "dict[int, dict[int, int]]") -> None:
        self.answers = answers
        self.banks = banks
        self.dtr0 = self.dtr1 = 0
        self.enabled = False

    def reply(self, transmission: "Transmission") -> "Reply":
        first, second = transmission.frame.to_bytes()
        bank = self.banks.get(self.dtr1)
        if first == 0xA3:
            self.dtr0 = second
        elif first == 0xC3:
            self.dtr1 = second
        elif second == 0x81:
            self.enabled = transmission.twice
        elif first == 0xC7 and bank is not None and self.enabled:
            self.dtr0 += 1
            if self.dtr0 - 1 == 2 or (bank.get(2) == 0x55 and self.dtr0 - 1 in bank):
                bank[self.dtr0 - 1] = second
                return answered(second)
        elif second == 0xC5 and bank is not None:
            self.dtr0 += 1
            return answered(bank[self.dtr0 - 1]) if self.dtr0 - 1 in bank else NO_ANSWER
        elif second == 0x98:
            return answered(self.dtr0)
        elif self.answers.get(transmission.frame.value):
            return answered(self.answers[transmission.frame.value].pop(0))
        return NO_ANSWER


def run(conversation: "Generator[Transmission, Reply, object]", memory: Memory) -> object:
    """Runs the conversation and returns its result, or the class of its error."""
    try:
        transmission = next(conversation)
        while True:
            transmission = conversation.send(memory.reply(transmission))
    except StopIteration as end:
        return end.value
    except (NonsenseAnswered, NotAnswered, WriteNotTaken, LastSupply) as failure:
        return type(failure) if "5" in str(failure) or "L1" in str(failure) else "which gear?"


def placed(offset: int, raw: "list[int]") -> "dict[int, int]":
    """Returns these bytes by location."""
    return {offset + place: byte for place, byte in enumerate(raw)}


def check_values() -> int:
    for number, name, content, scale, state, decimal in VALUES:
        field = next(bank for bank in memory_banks.BANKS if bank.number == number).field(name)
        raw = [int(content[n : n + 2], 16) for n in range(0, len(content), 2)]
        at: dict[int, int | None] = {}
        at.update(placed(field.offset, raw))
        if field.scale_offset is not None:
            at[field.scale_offset] = scale
        value = bank_values.read_value(field, at)
        assert (value.state, value.decimal) == (state, decimal), (name, content, value)
    text = memory_banks.BANK_1.field("luminaire colour")
    written = bank_values.write_content(text, "grey")
    assert written == b"grey" + bytes(20)
    at = {}
    at.update(placed(text.offset, list(written)))
    assert bank_values.read_value(text, at).content == "grey"
    return len(VALUES) + 2


def check_device_types() -> int:
    for first, following, result in (
        (6, [], (6,)),
        (0xFE, [], ()),
        (0xFF, [6, 50, 51, 0xFE], (6, 50, 51)),
        (0xFF, [6, 6], NonsenseAnswered),
        (0xFF, [0xFE], NonsenseAnswered),
        (0xFF, [6], NotAnswered),
    ):
        memory = Memory({0x0B99: [first], 0x0BA7: list(following)}, {})
        assert run(gear_data.device_types(GEAR), memory) == result, (first, following)
    return 6


def check_parameters() -> int:
    settings = {0x0B9A: [85], 0x0BA2: [85], 0x0BA1: [254], 0x0BA3: [170], 0x0BA4: [255], 0x0BA5: [0x97], 0x0BA8: [0x26]}
    found = run(in_one(gear_data.read_settings(GEAR)), Memory(settings, {}))
    assert found == (85, 85, 254, 170, 255, 9, 7, 0x26), found
    assert run(gear_data.write_parameter(GEAR, "fade time", 9), Memory({0x0BA5: [0x97]}, {})) is None
    assert run(gear_data.write_parameter(GEAR, "fade time", 8), Memory({0x0BA5: [0x97]}, {})) is WriteNotTaken
    groups = {0x0BC0: [0x81, 0x09], 0x0BC1: [0x80, 0x01]}
    assert run(in_one(gear_data.write_groups(GEAR, [0, 3, 8])), Memory(groups, {})) is None
    assert run(led.read_failures(GEAR), Memory({0x0BF1: [0x22]}, {})) == ("open circuit", "thermal shutdown")
    assert run(led.write_fast_fade(GEAR, 4), Memory({0x0BFD: [5]}, {})) is WriteNotTaken
    return 6


def check_banks() -> int:
    energy = {0: 0x0F, 2: 0xFF, 3: 1, 4: 0xFF, 0x0B: 0xFF}
    energy.update(placed(0x05, [0, 0, 0, 0, 0x30, 0x3A]))
    energy.update(placed(0x0C, [0, 0, 0, 0xFB]))
    maintenance = {0: 7, 2: 0xFF, 3: 1, 4: 0xFF, 5: 125, 6: 0, 7: 200}
    memory = Memory({}, {202: energy, 207: maintenance, 206: {0: 0x20, 2: 0xFF, 3: 2}})
    for latch in (bank_inquiries.NO_LATCH, bank_inquiries.OWN_LATCH, bank_inquiries.BROADCAST_LATCH):
        inquiry = bank_inquiries.read_values(GEAR, memory_banks.BANK_202, None, latch)
        reading = run(in_one(inquiry), memory)
        assert isinstance(reading, bank_inquiries.BankReading), reading
        assert [value.decimal for value in reading.values] == ["1234.6", "25.1"], latch
        assert energy[2] == 0xFF
    write = bank_inquiries.write_value(GEAR, memory_banks.BANK_207, "rated useful life", 80)
    assert run(in_one(write), memory) is None
    assert (maintenance[4], maintenance[2]) == (80, 0xFF)
    for bank, state in ((memory_banks.BANK_206, "other version"), (memory_banks.BANK_203, "not implemented")):
        reading = run(in_one(bank_inquiries.read_values(GEAR, bank)), memory)
        assert isinstance(reading, bank_inquiries.BankReading), reading
        assert [value.state for value in reading.values] == [state] * len(bank.fields)
    chunks = bank_access.chunks(memory_banks.BANK_202.fields, False)
    assert chunks == [Chunk(4, 1), Chunk(5, 6), Chunk(11, 5)]
    return 7


def check_interruption() -> int:
    """A read begins again after each Interrupted that is thrown in: DTR1, DTR0; the last one is too many."""
    conversation = bank_access.read_chunk(GEAR, 202, Chunk(4, 2))
    assert next(conversation).frame.value == 0xC3CA
    assert conversation.send(NO_ANSWER).frame.value == 0xA304
    assert conversation.throw(Interrupted("a foreign DTR")).frame.value == 0xC3CA
    try:
        for _ in range(100):
            conversation.throw(Interrupted("a foreign DTR"))
    except Interrupted:
        return 2
    raise AssertionError("it goes on for ever")


def check_supplies() -> int:
    memory = Memory({0x0B99: [49], 0x0BFE: [0xFF]}, {201: {0: 6, 2: 0xFF, 3: 1, 4: 52, 5: 60, 6: 1}})
    found = run(in_one(supply.read_supply(GEAR, "L1")), memory)
    assert found == ("L1", True, True, 52, 60), found
    assert isinstance(found, supply.Supply)
    assert run(in_one(supply.switch_supply(GEAR, False, [found], "L1")), memory) is LastSupply
    (finding,) = supply.check_supplies([found] * 5, 10)
    assert finding.name == supply.TOO_MANY_SUPPLIES
    return 3


def check() -> int:
    """Checks every vector and returns their number. Raises AssertionError for a wrong one."""
    return (
        check_values()
        + check_device_types()
        + check_parameters()
        + check_banks()
        + check_interruption()
        + check_supplies()
    )


if __name__ == "__main__":
    print(check())
