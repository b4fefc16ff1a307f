"""The energy register of gear: read whole, and carried on from its two low bytes after any events in between."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.devices.gear_variables import GearProfile
from protocols.dali import addresses, energy_register, memory_banks
from protocols.dali.energy_register import EnergyRegister
from protocols.dali.frames import COLLISION, NO_ANSWER, Reply, Transmission, answered
from protocols.dali.gear_errors import BankMissing
from protocols.errors import Interrupted, NotAnswered, SeveralAnswered
from tests.rigs.gear_on_a_table import GearOnPaper, Table, specimen

T = TypeVar("T")
LAMP = addresses.short(1)
MILLI, TENTHS, WHOLE = 0xFD, 0xFF, 0x00
"""The scale bytes for 10^-3, 10^-1 and 1 Wh."""


# Whole registers


def test_a_whole_reading_is_seven_reads_after_two_loads() -> None:
    gear = GearOnPaper(lambda reads: 0x0102030405F6)
    assert gear.talk(energy_register.read_whole(LAMP)) == EnergyRegister(0x0102030405F6, -1)
    assert gear.frames == [0xC3CA, 0xA304] + [0x03C5] * 7


def test_what_a_register_says_in_wh() -> None:
    for count, exponent, energy_wh, resolution_wh in (
        (123_456, -1, 12_345.6, 0.1),
        (7, 3, 7_000.0, 1000.0),
        (3, -1, 0.3, 0.1),
        (2**48 - 3, -6, 281_474_976.710653, 1e-6),
    ):
        register = EnergyRegister(count, exponent)
        assert register.energy_wh == energy_wh
        assert register.resolution_wh == pytest.approx(resolution_wh)


@pytest.mark.parametrize("before", [0xFF, 0xFFFF, 0xFFFFFF, 0xFFFFFFFF, 0xFFFFFFFFFF, 0x12FFFFFFFF])
@pytest.mark.parametrize("torn_at", range(14))
def test_a_reading_that_a_carry_tears_is_not_believed(before: int, torn_at: int) -> None:
    gear = GearOnPaper(lambda reads: before + (reads >= torn_at))
    found = gear.talk(energy_register.read_whole(LAMP))
    assert found is not None
    assert found.count in (before, before + 1)


@given(start=st.integers(0, 2**48 - 2000), at=st.lists(st.integers(0, 15), max_size=3))
def test_no_whole_reading_is_ever_torn(start: int, at: list[int]) -> None:
    gear = GearOnPaper(lambda reads: start + sum(reads >= moment for moment in at))
    found = gear.talk(energy_register.read_whole(LAMP))
    assert found is not None
    assert start <= found.count <= start + len(at)


@given(start=st.integers(0, 2**32), rate=st.integers(1, 4))
def test_no_reading_of_a_fast_register_is_torn(start: int, rate: int) -> None:
    """At 10^-2 Wh, 28 steps may come while it is read."""
    gear = GearOnPaper(lambda reads: start + rate * reads, scale=0xFE)
    found = gear.talk(energy_register.read_whole(LAMP))
    assert found is not None
    assert start <= found.count <= start + 14 * rate


LATCHED = [0xC3CA, 0xA302, 0x0381, 0xC9AA]
RELEASED = [0xC3CA, 0xA302, 0x0381, 0xC9FF, 0x0396]  # a forgotten latch would give this value for ever; and closed


def test_a_register_that_is_too_fine_is_latched() -> None:
    gear = GearOnPaper(lambda reads: 0xFFFF + 40 * reads, scale=MILLI)
    read = [0xC3CA, 0xA304] + [0x03C5] * 7
    assert gear.talk(energy_register.read_whole(LAMP)) == EnergyRegister(0xFFFF + 40 * 7, -3)
    assert gear.frames == [*read, *LATCHED, *read, *RELEASED]
    gear = GearOnPaper(lambda reads: 0xFFFF + 40 * reads, scale=MILLI)
    assert gear.talk(energy_register.read_whole(LAMP, latch=True)) == EnergyRegister(0xFFFF, -3)
    assert gear.frames == [*LATCHED, *read, *RELEASED]


@pytest.mark.parametrize("latch", [False, True])
@pytest.mark.parametrize("content", [b"\xff" * 6, b"\xff" * 5 + b"\xfe"], ids=["MASK", "TMASK"])
def test_a_mask_is_no_register(content: bytes, latch: bool) -> None:
    gear = GearOnPaper(lambda reads: int.from_bytes(content, "big"))
    assert gear.talk(energy_register.read_whole(LAMP, latch)) is None


@pytest.mark.parametrize("scale", [TENTHS, MILLI])
@pytest.mark.parametrize("silent_at", range(1, 7))
@pytest.mark.parametrize("latch", [False, True])
def test_a_gear_that_falls_silent_in_the_middle(latch: bool, silent_at: int, scale: int) -> None:
    gear = GearOnPaper(lambda reads: 0x0102030405F6, scale=scale)
    gear.replies[silent_at] = NO_ANSWER
    with pytest.raises(NotAnswered, match="short 1"):
        gear.talk(energy_register.read_whole(LAMP, latch))
    assert gear.frames[-5:] == RELEASED if latch else gear.frames[-1] == 0x03C5


@pytest.mark.parametrize("collides_at", range(7))
def test_two_gear_at_one_address(collides_at: int) -> None:
    gear = GearOnPaper(lambda reads: 0x0102030405F6)
    gear.replies[collides_at] = COLLISION
    with pytest.raises(SeveralAnswered, match="short 1"):
        gear.talk(energy_register.read_whole(LAMP))


@pytest.mark.parametrize("scale", [None, 0x07, 0x80], ids=["silent", "too high", "too low"])
def test_gear_without_a_scale_has_no_register(scale: int | None) -> None:
    gear = GearOnPaper(lambda reads: 1, scale=scale)
    with pytest.raises(BankMissing, match=r"short 1 .*bank 202"):
        gear.talk(energy_register.read_whole(LAMP))


def test_what_others_keep_interrupting_fails_in_the_end() -> None:
    for conversation in (
        energy_register.read_whole(LAMP),
        energy_register.read_on([(LAMP, EnergyRegister(0, -1))]),
    ):
        next(conversation)
        for _ in range(4):
            conversation.throw(Interrupted("something came in between"))
        with pytest.raises(Interrupted):
            conversation.throw(Interrupted("something came in between"))


def test_a_latched_reading_that_others_interrupt_is_released() -> None:
    conversation = energy_register.read_whole(LAMP, latch=True)
    sent = [next(conversation).frame.value]
    while sent[-1] != 0xA304:
        sent.append(conversation.send(NO_ANSWER).frame.value)
    for _ in range(4):
        conversation.throw(Interrupted("something came in between"))
    sent = [conversation.throw(Interrupted("something came in between")).frame.value]
    sent += [conversation.send(NO_ANSWER).frame.value for _ in RELEASED[1:]]
    assert sent == RELEASED
    with pytest.raises(Interrupted):
        conversation.send(NO_ANSWER)


# Several registers, carried on


class Gear:
    """One gear by the standard: it has its own DTRs, and a bank 202 whose register stands at `count()`."""

    def __init__(self, address: int, count: Callable[[], int], exponent: int = -1) -> None:
        self.address_byte = address << 1 | 1
        self.count = count
        self.exponent = exponent
        self.dtr0 = self.dtr1 = 0
        self.deaf_to: list[int] = []
        """The frames that the gear misses, each once."""

    def hear(self, frame: int) -> int | None:
        if frame in self.deaf_to:
            self.deaf_to.remove(frame)
            return None
        first, second = frame >> 8, frame & 0xFF
        if first == 0xA3:
            self.dtr0 = second
        elif first == 0xC3:
            self.dtr1 = second
        elif (first, second) == (self.address_byte, 0xC5):
            location, self.dtr0 = self.dtr0, min(0xFF, self.dtr0 + 1)
            return self._read(location)
        return None

    def _read(self, location: int) -> int | None:
        if self.dtr1 == 0:
            return {0: 0x1A, 2: 0xCF}.get(location)  # bank 0: location 1 is not implemented
        assert self.dtr1 == 202
        content = [0x0F, None, 0xFF, 1, self.exponent & 0xFF, *self.count().to_bytes(6, "big"), 0xFE, 0, 0, 0x09, 0xC4]
        return content[location] if location < len(content) else None


def standing(count: int) -> Callable[[], int]:
    return lambda: count


class Wires:
    """Gear and a conversation with them. `before[n]` is called before the n-th frame; if it returns True, the driver
    has seen another master change a DTR, and interrupts, as drivers/dali/bus.py does. `lost` answers never arrive."""

    def __init__(self, gear: list[Gear]) -> None:
        self.gear = gear
        self.frames: list[int] = []
        self.before: dict[int, Callable[[], bool]] = {}
        self.lost: set[int] = set()

    def talk(self, conversation: Generator[Transmission, Reply, T]) -> T:
        relies = False
        try:
            transmission = next(conversation)
            while True:
                happens = self.before.pop(len(self.frames), None)
                if happens is not None and happens() and relies:
                    relies = False
                    transmission = conversation.throw(Interrupted("another frame came in between"))
                    continue
                frame = transmission.frame.value
                relies = relies or frame >> 8 in (0xA3, 0xC3)
                answers = [answer for answer in (gear.hear(frame) for gear in self.gear) if answer is not None]
                lost = len(self.frames) in self.lost
                self.frames.append(frame)
                one = NO_ANSWER if not answers or lost else answered(answers[0])
                transmission = conversation.send(one if len(answers) < 2 else COLLISION)
        except StopIteration as end:
            result: T = end.value
            return result


def test_one_load_does_for_all_gear() -> None:
    wires = Wires([Gear(1, lambda: 0x11F0), Gear(2, lambda: 0x22F0), Gear(5, lambda: 0x55F0)])
    known = [(addresses.short(number), EnergyRegister(count, -1)) for number, count in ((1, 0x1100), (2, 0x2200))]
    found = wires.talk(energy_register.read_on([*known, (addresses.short(5), EnergyRegister(0x5500, -1))]))
    assert found == [EnergyRegister(0x11F0, -1), EnergyRegister(0x22F0, -1), EnergyRegister(0x55F0, -1)]
    assert wires.frames == [0xC3CA, 0xA309, 0x03C5, 0x03C5, 0x05C5, 0x05C5, 0x0BC5, 0x0BC5]


def test_read_on_counts_on_what_emulated_gear_has_counted() -> None:
    gear = [specimen(number, number, GearProfile(energy_exponent=-1)) for number in range(3)]
    bus = Table(gear)
    before = [bus.talk(energy_register.read_whole(addresses.short(number))) for number in range(3)]
    bus.now += 900.0
    known = [(addresses.short(number), one) for number, one in enumerate(before) if one is not None]
    found = bus.talk(energy_register.read_on(known))
    for one, register in zip(gear, found, strict=True):
        assert register is not None
        assert register.energy_wh == pytest.approx(one.energy_wh_true(bus.now), abs=0.11)


COUNTS = st.integers(0, 2**48 - 2**17)
RISES = st.integers(0, 2**15)


@given(gear=st.lists(st.tuples(COUNTS, RISES), min_size=1, max_size=4))
def test_every_register_is_found_or_left_to_a_whole_reading(gear: list[tuple[int, int]]) -> None:
    wires = Wires([Gear(number, standing(count + rise)) for number, (count, rise) in enumerate(gear)])
    known = [(addresses.short(number), EnergyRegister(count, -1)) for number, (count, _) in enumerate(gear)]
    found = wires.talk(energy_register.read_on(known))
    for register, (count, rise) in zip(found, gear, strict=True):
        carried = count // 0x10000 != (count + rise) // 0x10000
        masked = (count + rise) % 0x10000 >= 0xFFFE
        assert register == (None if carried or masked else EnergyRegister(count + rise, -1))


@given(
    counts=st.lists(st.tuples(COUNTS, RISES), min_size=3, max_size=3),
    counting=st.dictionaries(st.integers(0, 14), st.integers(1, 2), max_size=2),
    lost=st.sets(st.integers(0, 14), max_size=2),
    foreign=st.dictionaries(st.integers(0, 14), st.sampled_from([0xA300, 0xA3CA, 0xC300, 0xC3CA]), max_size=2),
)
def test_nothing_between_the_frames_makes_a_wrong_register(
    counts: list[tuple[int, int]],
    counting: dict[int, int],
    lost: set[int],
    foreign: dict[int, int],
) -> None:
    """Registers count on, answers are lost and another master loads a DTR, at any frame."""
    added = 0

    def counting_from(count: int) -> Callable[[], int]:
        return lambda: count + added

    gear = [Gear(number, counting_from(count + rise)) for number, (count, rise) in enumerate(counts)]
    wires = Wires(gear)
    wires.lost = lost

    def happens(frame: int) -> bool:
        nonlocal added
        added += counting.get(frame, 0)
        if frame in foreign:
            for one in gear:
                one.hear(foreign[frame])
        return frame in foreign

    wires.before = {frame: partial(happens, frame) for frame in {*counting, *foreign}}
    known = [(addresses.short(number), EnergyRegister(count, -1)) for number, (count, _) in enumerate(counts)]
    found = wires.talk(energy_register.read_on(known))
    for register, (count, rise) in zip(found, counts, strict=True):
        if register is not None:
            assert count + rise <= register.count <= count + rise + added
    if not lost:
        whole = [(count, rise) for count, rise in counts if count % 0x10000 + rise + 4 < 0xFFFE and rise + 4 <= 2**15]
        assert sum(register is not None for register in found) >= len(whole)


@pytest.mark.parametrize("frame", [0xA309, 0xC3CA])
@pytest.mark.parametrize("count", [0x01_2345, 0x01_0000, 0x01_FE80])
def test_a_gear_that_missed_a_load_is_not_misread(frame: int, count: int) -> None:
    """The gear still has the DTR0 of its last reading, so it shows the power's scale and a zero, and is read again."""
    gear = Gear(1, lambda: count)
    wires = Wires([gear, Gear(2, lambda: 0x77)])
    known = [(addresses.short(1), EnergyRegister(count - 30, -1)), (addresses.short(2), EnergyRegister(0x70, -1))]
    if count == 0x01_0000:
        known[0] = (addresses.short(1), EnergyRegister(count, -1))
    wires.talk(energy_register.read_on(known))
    gear.deaf_to = [frame]
    assert wires.talk(energy_register.read_on(known)) == [EnergyRegister(count, -1), EnergyRegister(0x77, -1)]


def test_gear_whose_mains_were_cut_after_the_load_must_be_read_whole() -> None:
    gear = Gear(1, lambda: 0x1234)
    wires = Wires([gear])

    def cut() -> bool:
        gear.dtr0 = gear.dtr1 = 0
        return False

    wires.before[2] = cut
    assert wires.talk(energy_register.read_on([(LAMP, EnergyRegister(0x1200, -1))])) == [None]


def test_a_register_that_was_reset_must_be_read_whole() -> None:
    for known, stands in ((0x0005_1234, 0x0005), (0x0005_FFF0, 0x0010)):
        wires = Wires([Gear(1, standing(stands))])
        assert wires.talk(energy_register.read_on([(LAMP, EnergyRegister(known, -1))])) == [None]


def test_silence_and_collisions_leave_the_others_their_registers() -> None:
    silent, twin = Gear(1, lambda: 0x11F0), Gear(2, lambda: 0x22F0)
    silent.address_byte = 0
    wires = Wires([silent, twin, Gear(2, lambda: 0x33F0), Gear(3, lambda: 0x44F0)])
    known = [(addresses.short(number), EnergyRegister(0x1100 * (number + 1), -1)) for number in (1, 2, 3)]
    assert wires.talk(energy_register.read_on(known)) == [None, None, EnergyRegister(0x44F0, -1)]


@given(exponent=st.integers(-6, 6), elapsed_s=st.floats(0, 1e7))
def test_low_bytes_tell_only_while_they_cannot_have_gone_round(exponent: int, elapsed_s: float) -> None:
    register = EnergyRegister(0, exponent)
    if register.low_bytes_tell(elapsed_s):
        assert 1000.0 * elapsed_s / 3600 <= 2**15 * register.resolution_wh * 1.000001
        assert exponent > -3


def test_a_quarter_of_an_hour_is_told_by_the_low_bytes_of_usual_gear() -> None:
    assert [exponent for exponent in range(-6, 7) if EnergyRegister(0, exponent).low_bytes_tell(900.0)] == [
        *range(-2, 7)
    ]
    assert EnergyRegister(0, -1).low_bytes_tell(3 * 3600.0)
    assert not EnergyRegister(0, -1).low_bytes_tell(4 * 3600.0)


def test_a_forgotten_latch_is_not_read_as_now() -> None:
    gear = specimen(0, 1, GearProfile(energy_exponent=-1))
    bus = Table([gear])
    gear.banks.write(202, memory_banks.LOCK_BYTE, memory_banks.LATCH, bus.now)
    bus.now += 3600.0
    found = bus.talk(energy_register.read_whole(LAMP, latch=True))
    assert found is not None
    assert found.energy_wh == pytest.approx(gear.energy_wh_true(bus.now), abs=0.11)
    assert gear.banks.read(202, memory_banks.LOCK_BYTE, bus.now) == memory_banks.RELEASE
