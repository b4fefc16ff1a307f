"""Memory banks read and written in pieces, against the emulated gear on a table."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.devices.gear_variables import GearProfile
from protocols.dali import (
    addresses,
    bank_access,
    bank_inquiries,
    energy_register,
    light_source,
    memory_banks,
)
from protocols.dali.bank_access import Chunk
from protocols.dali.bank_inquiries import BROADCAST_LATCH, NO_LATCH, OWN_LATCH, BankReading
from protocols.dali.bank_values import (
    KNOWN,
    MASKED,
    NOT_IMPLEMENTED,
    OTHER_VERSION,
    SCALE_NOT_VALID,
    TEMPORARILY_MASKED,
    UNSTEADY,
)
from protocols.dali.frames import NO_ANSWER, Reply, Transmission, answered
from protocols.dali.gear_errors import BankMissing, BankVersionUnknown, ReadDisturbed, WriteNotTaken
from protocols.dali.inquiries import in_one
from protocols.dali.memory_banks import BANK_0, BANK_1, BANK_202, BANK_203, BANK_205, BANK_206, BANK_207, BANKS
from protocols.errors import ConversationFailed, Interrupted, NotAnswered, ProtocolError, ValueOutOfRange
from tests.rigs.gear_on_a_table import GEAR, LoneGear, Table, specimen

D4I = GearProfile(device_types=(6, 49, 50, 51, 52))
READ = 0xC5


def read(
    table: LoneGear, bank: memory_banks.Bank, latch: str = OWN_LATCH, names: tuple[str, ...] | None = None
) -> BankReading:
    reading = table.run(bank_inquiries.read_values(GEAR, bank, names, latch))
    assert isinstance(reading, BankReading)
    return reading


@pytest.mark.parametrize("latch", [NO_LATCH, OWN_LATCH, BROADCAST_LATCH])
@pytest.mark.parametrize("bank", BANKS, ids=lambda bank: str(bank.number))
def test_each_bank_is_read_whole_in_short_pieces(bank: memory_banks.Bank, latch: str) -> None:
    table = LoneGear(profile=D4I)
    reading = read(table, bank, latch).require(GEAR)
    states = {value.name: value.state for value in reading.values if value.state != KNOWN}
    assert states == ({"part 103 version": NOT_IMPLEMENTED} if bank.number == 0 else {})
    # An energy register without a latch is one piece, and the longest of all.
    assert table.slowest_piece_s <= (0.33 if latch == NO_LATCH and bank.number in (202, 203, 204) else 0.305)


def test_what_the_emulated_luminaire_says() -> None:
    table = LoneGear(profile=D4I)
    luminaire = read(table, BANK_1)
    assert luminaire.value("nominal power").amount == 25.0
    assert luminaire.value("luminaire identification").content == "street luminaire"
    assert luminaire.value("colour temperature").decimal == "3000"
    maintenance = read(table, BANK_207)
    assert [value.decimal for value in maintenance.values] == ["100000", "65", "20000"]
    assert read(table, BANK_0).value("part 102 version").content == "2.0"
    energy = read(table, BANK_202)
    gear = table.gear
    assert energy.value("active energy").amount == pytest.approx(gear.energy_wh_true(table.now), abs=0.11)
    assert energy.value("active power").amount == pytest.approx(gear.power_w(table.now), abs=0.06)
    apparent = read(table, BANK_203)
    assert (apparent.value("apparent energy").amount or 0) > (energy.value("active energy").amount or 0)
    with pytest.raises(KeyError):
        energy.value("apparent energy")


def test_only_what_is_asked_for_is_read() -> None:
    table = LoneGear()
    reading = read(table, BANK_205, NO_LATCH, ("temperature", "failure"))
    assert [value.name for value in reading.values] == ["failure", "temperature"]
    assert sum(frame.frame.value & 0xFF == READ and frame.frame.value >> 8 == 0x0B for frame in table.frames) == 5


def test_masks_are_results() -> None:
    table = LoneGear()
    table.gear.set_mains(False, table.now)
    table.gear.set_mains(True, table.now)
    table.wait(0.3)
    for latch in (NO_LATCH, OWN_LATCH):
        reading = read(table, BANK_202, latch, ("active energy",))
        assert reading.value("active energy").state == TEMPORARILY_MASKED
        table.gear._measuring_from = table.now + 3.0

    table = LoneGear()
    for at in range(0x15, 0x17):
        table.gear.banks._banks[1]._writable[at] = 0xFF
    assert read(table, BANK_1).value("nominal power").state == MASKED


def test_a_scale_out_of_range_is_said() -> None:
    for exponent in (7, -7, 127, -128):
        reading = read(LoneGear(profile=GearProfile(energy_exponent=0, power_exponent=exponent)), BANK_202)
        assert reading.value("active power").state == SCALE_NOT_VALID
        assert reading.value("active energy").state == KNOWN


def test_a_bank_that_is_not_there() -> None:
    table = LoneGear(profile=GearProfile(optional_energy_banks=False))
    reading = read(table, BANK_203)
    assert {value.state for value in reading.values} == {NOT_IMPLEMENTED}
    with pytest.raises(BankMissing, match="short 5 has no memory bank 203") as raised:
        reading.require(GEAR)
    assert raised.value.address == GEAR
    assert table.slowest_piece_s <= 0.305


def test_a_bank_of_another_version() -> None:
    table = LoneGear(profile=GearProfile(bank_version=2))
    reading = read(table, BANK_205)
    assert reading.version == 2
    assert {value.state for value in reading.values} == {OTHER_VERSION}
    with pytest.raises(BankVersionUnknown, match="memory bank 205 of short 5 states version 2"):
        reading.require(GEAR)
    # The luminaire's GTIN stands before the version of bank 1, and does not depend on it.
    table.run(bank_inquiries.write_value(GEAR, BANK_1, "luminaire GTIN", 8_712_345_678_906))
    table.gear.banks._banks[1]._writable[0x12] = 4
    luminaire = read(table, BANK_1)
    assert luminaire.value("luminaire GTIN").content == 8_712_345_678_906
    assert luminaire.value("nominal power").state == OTHER_VERSION


@pytest.mark.parametrize(("last", "missing"), [(0x10, 1 + 11), (0x20, 1 + 3), (0x22, 3), (0x3B, 1), (0x77, 0)])
def test_a_shorter_bank_lacks_fields_and_is_no_error(last: int, missing: int) -> None:
    table = LoneGear()
    bank = table.gear.banks._banks[1]
    bank._rom[0] = last
    for at in range(last + 1, 0x78):
        bank._writable.pop(at, None)
    reading = read(table, BANK_1)
    assert reading.state == "present"
    assert sum(value.state == NOT_IMPLEMENTED for value in reading.values) == missing


def test_a_silent_gear_is_not_a_missing_bank() -> None:
    table = LoneGear()
    table.gear.set_dead(True, table.now)
    with pytest.raises(NotAnswered):
        read(table, BANK_202)


def test_a_gear_that_vanishes_in_the_middle() -> None:
    for last_frame in range(1, 60):
        table = LoneGear(spoil=lambda number, _t, _r, last=last_frame: NO_ANSWER if number > last else None)  # type: ignore[misc]
        outcome = table.outcome(bank_inquiries.read_values(GEAR, BANK_205))
        if isinstance(outcome, ProtocolError):
            assert isinstance(outcome, NotAnswered)
            assert "short 5" in str(outcome)
        else:
            assert len(table.frames) <= last_frame + 6  # only the release was lost


class Deaf(LoneGear):
    """A gear that misses the forward frame of one of the reads."""

    def __init__(self, lost: int) -> None:
        super().__init__()
        self.reads = 0
        self._lost = lost

    def reply(self, transmission: Transmission) -> Reply:
        self.reads += transmission.frame.value == 0x0BC5
        if self.reads == self._lost:
            self.reads += 1000
            self.now += 0.03
            return NO_ANSWER
        return super().reply(transmission)


def test_one_lost_read_does_not_shift_what_follows() -> None:
    whole = read(LoneGear(), BANK_1).values
    for lost in (1, 4, 9, 30, 77, 119):
        table = Deaf(lost)
        assert read(table, BANK_1).values == whole
        assert table.reads > 1000


def test_a_gear_that_counts_wrongly_is_named() -> None:
    def counts_on(_number: int, transmission: Transmission, _reply: Reply) -> Reply | None:
        if transmission.frame.value == 0x0B98:
            return answered(0x77)
        return NO_ANSWER if transmission.frame.value == 0x0BC5 and _number > 12 else None

    with pytest.raises(ReadDisturbed, match="short 5 has counted other locations of memory bank 205"):
        read(LoneGear(spoil=counts_on), BANK_205)


# Latch


def lock_byte(table: LoneGear, bank: int) -> int | None:
    return table.gear.banks.read(bank, 2, table.now)


def test_own_latch_is_released_also_after_a_failure() -> None:
    table = LoneGear()
    read(table, BANK_202)
    assert lock_byte(table, 202) == memory_banks.RELEASE

    def several(number: int, transmission: Transmission, _reply: Reply) -> Reply | None:
        return Reply(Reply.COLLISION, None) if number == 25 else None

    table = LoneGear(spoil=several)
    with pytest.raises(ConversationFailed):
        read(table, BANK_205)
    assert [sent.frame.value for sent in table.frames[-2:]] == [0xC7FF, 0x0B96]
    assert lock_byte(table, 205) == memory_banks.RELEASE


def test_a_broadcast_latch_holds_one_instant_and_is_not_released_by_a_reading() -> None:
    table = LoneGear(profile=GearProfile(energy_exponent=-6))
    table.talk(bank_access.latch_all(202))
    first = read(table, BANK_202, BROADCAST_LATCH).value("active energy")
    table.wait(10)
    assert read(table, BANK_202, BROADCAST_LATCH).value("active energy") == first
    assert lock_byte(table, 202) == memory_banks.LATCH
    table.talk(bank_access.release_all(202))
    assert lock_byte(table, 202) == memory_banks.RELEASE


def test_gear_that_a_broadcast_does_not_reach_is_latched_by_itself() -> None:
    table = LoneGear(profile=GearProfile(energy_exponent=-6, broadcast_opens_writing=False))
    table.talk(bank_access.latch_all(202))
    assert lock_byte(table, 202) == memory_banks.RELEASE
    before = table.gear.energy_wh_true(table.now)
    table.frames.clear()
    found = read(table, BANK_202, BROADCAST_LATCH).value("active energy").amount
    assert [frame.frame.value for frame in table.frames if frame.frame.value >> 8 == 0xC7] == [0xC7AA, 0xC7FF]
    assert found is not None
    assert before < found < table.gear.energy_wh_true(table.now)
    assert lock_byte(table, 202) == memory_banks.RELEASE


def test_a_forgotten_latch_is_not_read_as_now() -> None:
    table = LoneGear()
    table.talk(bank_access.latch_all(202))
    table.wait(3600)
    found = read(table, BANK_202, NO_LATCH).value("active energy").amount
    assert found == pytest.approx(table.gear.energy_wh_true(table.now), abs=0.11)


def test_an_unlatched_number_is_never_torn() -> None:
    table = LoneGear(profile=GearProfile(energy_exponent=-4, latches=False))
    torn = unsteady = 0
    for _ in range(150):
        before = table.gear.energy_wh_true(table.now)
        value = read(table, BANK_202, NO_LATCH, ("active energy",)).value("active energy")
        after = table.gear.energy_wh_true(table.now)
        unsteady += value.state == UNSTEADY
        torn += value.amount is not None and not before - 1e-4 <= value.amount <= after
        table.wait(0.73)
    assert (torn, unsteady) == (0, 0)


def test_a_number_that_runs_too_fast_is_unsteady_and_not_guessed() -> None:
    table = LoneGear(profile=GearProfile(energy_exponent=-6, latches=False))
    states = set()
    for _ in range(20):
        before = table.gear.energy_wh_true(table.now)
        value = read(table, BANK_202, NO_LATCH, ("active energy",)).value("active energy")
        states.add(value.state)
        if value.amount is not None:
            assert before - 1e-6 <= value.amount <= table.gear.energy_wh_true(table.now)
        table.wait(0.9)
    assert UNSTEADY in states


def test_no_model_is_known_to_differ_and_the_profile_says_so() -> None:
    assert bank_inquiries.latch_of(None) == bank_inquiries.latch_of(8_719_990_000_017) == OWN_LATCH


# Chunks


@pytest.mark.parametrize("frozen", [False, True])
@given(st.sampled_from(BANKS), st.sets(st.integers(0, 20)))
def test_chunks_cover_each_location_once(frozen: bool, bank: memory_banks.Bank, places: set[int]) -> None:
    fields = [field for place, field in enumerate(bank.fields) if place in places]
    found = bank_access.chunks(fields, frozen)
    locations = [at for chunk in found for at in range(chunk.offset, chunk.offset + chunk.count)]
    wanted = {at for field in fields for at in field.locations} | {f.scale_offset for f in fields if f.scale_offset}
    assert locations == sorted(wanted)
    assert all(0 < chunk.count <= 6 for chunk in found)
    for field in fields:
        if not frozen and "m" in field.flags:
            assert any(set(field.locations) <= set(range(c.offset, c.offset + c.count)) for c in found)


def test_the_energy_register_is_one_chunk_unless_it_stands_still() -> None:
    assert bank_access.chunks(BANK_202.fields, False) == [Chunk(4, 1), Chunk(5, 6), Chunk(11, 5)]
    assert bank_access.chunks(BANK_202.fields, True) == [Chunk(4, 5), Chunk(9, 5), Chunk(14, 2)]


# Writing


def test_a_field_is_written_read_back_and_locked_again() -> None:
    table = LoneGear()
    table.run(bank_inquiries.write_value(GEAR, BANK_1, "luminaire identification", "Mast 12, Dorpsstraat"))
    table.run(bank_inquiries.write_value(GEAR, BANK_207, "reference temperature", 71))
    table.run(bank_inquiries.write_value(GEAR, BANK_1, "luminaire identification number", 2**64 - 2))
    assert read(table, BANK_1).value("luminaire identification").content == "Mast 12, Dorpsstraat"
    assert read(table, BANK_1).value("luminaire identification number").content == 2**64 - 2
    assert read(table, BANK_207).value("reference temperature").content == 71
    assert (lock_byte(table, 1), lock_byte(table, 207)) == (0xFF, 0xFF)
    assert table.slowest_piece_s <= 0.305


def test_a_protected_field_is_said_and_the_bank_locked_again() -> None:
    table = LoneGear()
    del table.gear.banks._banks[1]._writable[0x15]
    with pytest.raises(WriteNotTaken, match="short 5 does not take nominal power into memory bank 1"):
        table.run(bank_inquiries.write_value(GEAR, BANK_1, "nominal power", 30))
    assert lock_byte(table, 1) == 0xFF


def test_what_does_not_read_back_is_said() -> None:
    def forgets(_number: int, transmission: Transmission, reply: Reply) -> Reply | None:
        return answered(0x11) if transmission.frame.value == 0x0BC5 else None

    with pytest.raises(WriteNotTaken, match="it says 0x11") as raised:
        LoneGear(spoil=forgets).run(bank_inquiries.write_value(GEAR, BANK_207, "rated useful life", 80))
    assert raised.value.found == 0x11


def test_a_write_begins_again_when_a_level_command_has_passed() -> None:
    table = LoneGear()
    assert table.talk(bank_access.set_lock(GEAR, 1, memory_banks.UNLOCK))
    conversation = bank_access.write_chunk(GEAR, 1, 0x15, b"\x00\x2a")
    transmission = next(conversation)
    interrupted = 0
    try:
        while True:
            loads_dtr = transmission.frame.value >> 8 in (0xC3, 0xA3)  # a level command that passes leaves them
            assert (transmission.bond == Transmission.WRITING) is not (loads_dtr or transmission.frame.value == 0xC72A)
            reply = table.reply(transmission)
            if transmission.frame.value == 0xC700 and interrupted < 2:
                table.send(0x0A80)  # the level, which closes the gear for writing
                interrupted += 1
                transmission = conversation.throw(Interrupted("a level command came in between"))
            else:
                transmission = conversation.send(reply)
    except StopIteration:
        assert interrupted == 2
    assert read(table, BANK_1).value("nominal power").content == 0x2A


def test_endless_interruptions_end_in_an_error() -> None:
    conversation = bank_access.read_chunk(GEAR, 202, Chunk(4, 5))
    next(conversation)

    def interrupt() -> None:
        for _ in range(1000):
            conversation.throw(Interrupted("a foreign DTR"))

    with pytest.raises(Interrupted, match="other frames keep coming"):
        interrupt()


# Bad input


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(BANKS), st.sampled_from([NO_LATCH, OWN_LATCH, BROADCAST_LATCH]), st.randoms(use_true_random=False)
)
def test_nonsense_ends_in_a_result_or_in_our_error(bank: memory_banks.Bank, latch: str, chance: object) -> None:
    draw = chance.choice  # type: ignore[attr-defined]
    replies = [NO_ANSWER, Reply(Reply.COLLISION, None), *(answered(n) for n in (0, 1, 2, 3, 0x55, 0xAA, 0xFE, 0xFF))]
    likely = draw([replies, replies[2:], [replies[0], *replies[2:]]])
    table = LoneGear(spoil=lambda _n, transmission, _r: draw(likely) if transmission.answer else NO_ANSWER)
    reading = table.outcome(bank_inquiries.read_values(GEAR, bank, None, latch))
    if isinstance(reading, ProtocolError):
        assert "short 5" in str(reading)
    else:
        assert all((value.state == KNOWN) == (value.content is not None) for value in reading.values)
    assert len(table.frames) < 3000
    if any("w" in field.flags for field in bank.fields):
        written = table.outcome(bank_inquiries.write_value(GEAR, bank, bank.fields[0].name, 1))
        assert written is None or "short 5" in str(written)


def test_a_gear_of_chance() -> None:
    for bank in BANKS:
        table = LoneGear(profile=GearProfile(answers_nonsense=True))
        outcome = table.outcome(bank_inquiries.read_values(GEAR, bank))
        assert isinstance(outcome, BankReading) or "short 5" in str(outcome)


def test_an_inquiry_as_one_conversation() -> None:
    table = LoneGear()
    assert table.talk(in_one(bank_inquiries.read_values(GEAR, BANK_207))) == read(table, BANK_207)
    table.gear.set_dead(True, table.now)
    with pytest.raises(NotAnswered):
        table.talk(in_one(bank_inquiries.read_values(GEAR, BANK_207)))


# Several gear on one bus


def test_what_is_written_into_one_gear_reaches_no_other() -> None:
    """A gear that was opened for writing takes the next gear's bytes for its own, until a command to it closes it."""
    first, second = specimen("first", 1), specimen("second", 2)
    bus = Table([first, second])
    for address in (1, 2):
        found = bus.run(bank_inquiries.read_values(addresses.short(address), BANK_206, ["operating time"]))
        assert found.value("operating time").is_known
        assert not first.write_enabled
        assert not second.write_enabled
    bus.run(bank_inquiries.write_value(addresses.short(1), BANK_207, "rated useful life", 50))
    bus.run(bank_inquiries.write_value(addresses.short(2), BANK_207, "rated useful life", 80))
    assert (first.banks.read(207, 4, bus.now), second.banks.read(207, 4, bus.now)) == (50, 80)


def test_a_latch_for_all_leaves_none_open_for_writing() -> None:
    gear = [specimen(number, number) for number in range(3)]
    bus = Table(gear)
    for opens in (bank_access.latch_all, bank_access.release_all):
        bus.talk(opens(202))
        assert [one.write_enabled for one in gear] == [False] * 3
    bus.talk(energy_register.read_whole(addresses.short(1), latch=True))
    assert not gear[1].write_enabled


def test_a_latched_energy_reading_that_fails_is_released() -> None:
    gear = specimen(0, 1)
    bus = Table([gear])
    bus.reply_of = lambda frame, reply: NO_ANSWER if frame == 0x03C5 else reply
    with pytest.raises(BankMissing):
        bus.talk(energy_register.read_whole(addresses.short(1), latch=True))
    assert gear.banks.read(202, 2, bus.now) == memory_banks.RELEASE


# Counters that can be written


@pytest.mark.parametrize("name", ["starts since reset", "operating time since reset"])
@pytest.mark.parametrize("value", [0, 255, 70_000])
def test_a_counter_is_written_and_counts_on(name: str, value: int) -> None:
    table = LoneGear()
    assert read(table, BANK_206).value(name).content > 0
    table.run(bank_inquiries.write_value(GEAR, BANK_206, name, value))
    assert value <= read(table, BANK_206).value(name).content <= value + 5
    table.wait(3600)
    assert read(table, BANK_206).value("operating time since reset").content >= 3600
    assert lock_byte(table, 206) == memory_banks.RELEASE


def test_a_counter_in_a_bank_that_stands_latched() -> None:
    table = LoneGear()
    table.talk(bank_access.set_lock(GEAR, 206, memory_banks.LATCH))
    table.run(bank_inquiries.write_value(GEAR, BANK_206, "operating time since reset", 0))
    assert lock_byte(table, 206) == memory_banks.RELEASE


@pytest.mark.parametrize(("counted", "taken"), [(0, True), (60, True), (61, False), (-1, False)])
def test_a_counter_is_where_it_was_written_or_little_further(counted: int, taken: bool) -> None:
    def moved(_number: int, transmission: Transmission, reply: Reply) -> Reply | None:
        if transmission.frame.value != 0x0BC5:
            return None
        return answered((1000 + counted).to_bytes(4, "big")[table.gear.dtr0 - 1 - 0x0A])

    table = LoneGear(spoil=moved)
    outcome = table.outcome(bank_inquiries.write_value(GEAR, BANK_206, "operating time since reset", 1000))
    assert (outcome is None) is taken
    assert taken or isinstance(outcome, WriteNotTaken)


def test_a_counter_that_a_carry_has_torn_is_read_again() -> None:
    torn = [0, 3, 0, 0]  # last first: the upper bytes before a carry, the lowest after it

    def carry(_number: int, transmission: Transmission, _reply: Reply) -> Reply | None:
        return answered(torn.pop()) if transmission.frame.value == 0x0BC5 and torn else None

    table = LoneGear(spoil=carry)
    table.run(bank_inquiries.write_value(GEAR, BANK_206, "operating time since reset", 0x3FF))
    assert not torn


def test_a_counter_that_cannot_be_read_back_is_not_taken() -> None:
    silent = LoneGear(spoil=lambda _number, sent, reply: NO_ANSWER if sent.frame.value == 0x0BC5 else None)
    outcome = silent.outcome(bank_inquiries.write_value(GEAR, BANK_206, "starts since reset", 0))
    assert isinstance(outcome, WriteNotTaken)
    assert outcome.found is None


def test_a_counter_does_not_take_what_stands_for_unknown() -> None:
    for name, highest in (("starts since reset", 0xFFFFFD), ("operating time since reset", 0xFFFFFFFD)):
        with pytest.raises(ValueOutOfRange, match=f"raw number is 0 to {highest}"):
            LoneGear().run(bank_inquiries.write_value(GEAR, BANK_206, name, highest + 1))
    with pytest.raises(ValueOutOfRange, match="operating time cannot be written"):
        LoneGear().run(bank_inquiries.write_value(GEAR, BANK_206, "operating time", 0))


def test_an_exchanged_light_source_begins_anew() -> None:
    table = LoneGear()
    before = table.run(light_source.read_age(GEAR))
    told = table.run(light_source.begin_anew(GEAR))
    assert told.starts == before.starts
    assert 0 <= told.operating_s - before.operating_s <= 2
    now = table.run(light_source.read_age(GEAR))
    assert now.starts == 0
    assert 0 <= now.operating_s <= 2
    assert read(table, BANK_206).value("starts").content == before.starts
    assert read(table, BANK_206).value("operating time").content >= told.operating_s
