"""Memory banks of the emulated gear: write-enable rule, lock, latch, and registers that can be torn."""

from __future__ import annotations

import math
from collections.abc import Generator
from fractions import Fraction
from typing import Any

import pytest
from dali.exceptions import MemoryLocationNotWriteable
from dali.frame import BackwardFrame
from dali.memory import diagnostics
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.devices.gear_variables import GearProfile
from tests.rigs.lone_gear import LoneGear

ENERGY = range(0x05, 0x0B)
BANKS = [
    (0, 0x1A),
    (1, 0x77),
    (201, 0x06),
    (202, 0x0F),
    (203, 0x0F),
    (204, 0x0F),
    (205, 0x1C),
    (206, 0x20),
    (207, 0x07),
]


def read_energy(lone: LoneGear) -> int:
    """Returns the register that a controller without a latch reads, by its six bytes in turn."""
    lone.send(0xC3CA)
    lone.send(0xA305)
    answers = [lone.send(0x0BC5) for _ in ENERGY]
    return int.from_bytes(bytes(answer for answer in answers if answer is not None), "big")


def open_for_writing(lone: LoneGear, bank: int, location: int) -> None:
    lone.twice(0x0B81)
    lone.send(0xC300 | bank)
    lone.send(0xA300 | location)


@pytest.mark.parametrize("exponent", [-6, -2, -1, 0, 1, 3])
def test_the_energy_register_is_the_floor_of_the_integral(exponent: int) -> None:
    lone = LoneGear(profile=GearProfile(energy_exponent=exponent))
    assert lone.read(202, 4) == exponent & 0xFF
    lone.gear.set_dead(True, lone.now)  # frozen, so that both look at the same instant
    energy_wh = lone.gear.energy_wh_true(lone.now)
    raw = int.from_bytes(bytes(lone.gear.banks.read(202, at, lone.now) or 0 for at in ENERGY), "big")
    # The register is exact, but for the last digit of the energy in floating point.
    counts = Fraction(energy_wh) / Fraction(10) ** exponent
    assert raw - Fraction(1, 10**9) <= counts < raw + 1


def test_power_reads_in_its_own_scale() -> None:
    lone = LoneGear()
    answers = [lone.read(202, at) for at in (0x0B, 0x0C, 0x0D, 0x0E, 0x0F)]
    assert answers[:4] == [0xFF, 0, 0, 0]
    assert answers[4] == round(lone.gear.power_w(lone.now) * 10)


def test_a_read_without_the_latch_is_torn_at_a_carry() -> None:
    lone = LoneGear(profile=GearProfile(energy_exponent=-6), seed=4)
    torn = 0
    for _ in range(200):
        raw = read_energy(lone)
        in_one_piece = math.floor(lone.gear.energy_wh_true(lone.now) * 1e6)
        assert raw <= in_one_piece
        torn += raw < in_one_piece
        lone.wait(0.37)
    assert 100 < torn < 200


def test_a_tear_at_the_scale_of_the_field_is_a_jump_of_256_steps() -> None:
    lone = LoneGear()
    gear, step_wh = lone.gear, 0.1
    steps = math.ceil(gear.energy_wh_true(lone.now) / step_wh / 256) * 256
    left_wh = steps * step_wh - gear.energy_wh_true(lone.now)
    carry_at = lone.now + left_wh * 3600.0 / gear.power_w(lone.now)
    lone.now = carry_at - 7.5 * 0.0277  # between the last byte but one and the last
    assert read_energy(lone) == steps - 256
    assert read_energy(lone) == steps


def test_the_latch_freezes_energy_and_power_while_the_gear_counts_on() -> None:
    lone = LoneGear(profile=GearProfile(energy_exponent=-6))
    open_for_writing(lone, 202, 2)
    assert lone.send(0xC7AA) == 0xAA
    frozen = math.floor(lone.gear.energy_wh_true(lone.now) * 1e6)
    lone.wait(30)
    lone.send(0x0A64)
    assert read_energy(lone) == read_energy(lone) == frozen
    assert lone.read(202, 2) == 0xAA
    open_for_writing(lone, 202, 2)
    lone.send(0xC7AA)
    again = math.floor(lone.gear.energy_wh_true(lone.now) * 1e6)
    assert read_energy(lone) == again > frozen
    open_for_writing(lone, 202, 2)
    lone.send(0xC9FF)
    lone.wait(30)
    assert read_energy(lone) > again


def test_a_type_that_does_not_latch_counts_on() -> None:
    lone = LoneGear(profile=GearProfile(energy_exponent=-6, latches=False))
    open_for_writing(lone, 202, 2)
    lone.send(0xC7AA)
    frozen = read_energy(lone)
    lone.wait(30)
    assert read_energy(lone) > frozen


def test_energy_is_kept_over_mains_loss_and_reads_tmask_at_first() -> None:
    lone = LoneGear()
    lone.wait(3600)
    before = read_energy(lone)
    lone.gear.set_mains(False, lone.now)
    lone.wait(36_000)
    lone.gear.set_mains(True, lone.now)
    lone.wait(0.7)
    assert read_energy(lone) == 0xFFFFFFFFFFFE
    lone.wait(2)
    assert before <= read_energy(lone) <= before + 1


def test_reading_counts_the_location_on_also_where_nothing_is() -> None:
    lone = LoneGear()
    assert lone.read(0, 1) is None
    assert lone.send(0x0B98) == 2
    assert lone.send(0x0BC5) == 207
    assert lone.read(0, 0xFF) is None
    assert lone.send(0x0B98) == 0xFF
    assert lone.read(77, 0) is None
    assert lone.send(0x0B98) == 0


@pytest.mark.parametrize(("bank", "last"), BANKS)
def test_each_bank_is_whole(bank: int, last: int) -> None:
    lone = LoneGear(profile=GearProfile(device_types=(6, 49, 50, 51, 52)))
    assert lone.read(bank, 0) == last
    missing = {at for at in range(2, last + 1) if lone.read(bank, at) is None}
    assert missing == set()
    assert lone.read(bank, last + 1) is None


@pytest.mark.parametrize("between", [None, 0xA303, 0xC301, 0xC500, 0x0B98, 0x0B9C, 0x0B9D, 0x0D90, 0x0CFE])
def test_these_frames_keep_writing_enabled(between: int | None) -> None:
    lone = LoneGear()
    lone.twice(0x0B81)
    if between is not None:
        lone.send(between)
    lone.send(0xC301)
    lone.send(0xA302)
    assert lone.send(0xC755) == 0x55


@pytest.mark.parametrize("between", [0x0B90, 0xFF90, 0x0AFE, 0xFEFE, 0x0BC5, 0xC106, 0xA100, 0x0B20])
def test_every_other_command_to_it_ends_writing(between: int) -> None:
    lone = LoneGear()
    open_for_writing(lone, 1, 2)
    lone.send(between)
    assert lone.send(0xC755) is None


def test_locked_and_read_only_locations_answer_no() -> None:
    lone = LoneGear()
    open_for_writing(lone, 1, 9)
    assert lone.send(0xC742) is None
    lone.send(0xA302)
    assert lone.send(0xC755) == 0x55
    lone.send(0xA309)
    assert lone.send(0xC742) == 0x42
    assert lone.read(1, 9) == 0x42
    open_for_writing(lone, 202, 5)
    assert lone.send(0xC742) is None
    assert lone.send(0x0B98) == 6


def test_power_loss_locks_again_and_what_was_written_stays() -> None:
    lone = LoneGear()
    open_for_writing(lone, 1, 2)
    lone.send(0xC755)
    lone.send(0xA309)
    lone.send(0xC742)
    lone.gear.set_mains(False, lone.now)
    lone.gear.set_mains(True, lone.now)
    lone.wait(1)
    assert (lone.read(1, 2), lone.read(1, 9)) == (0xFF, 0x42)


def test_resetting_a_bank_needs_it_unlocked() -> None:
    lone = LoneGear()
    factory = lone.read(1, 9)
    for unlocked in (False, True):
        open_for_writing(lone, 1, 2)
        lone.send(0xC755)
        lone.send(0xA309)
        lone.send(0xC900 | (factory or 0) ^ 0xFF)
        if not unlocked:
            open_for_writing(lone, 1, 2)
            lone.send(0xC9FF)
        lone.configure(0x0B24, 1)
        assert (lone.read(1, 9) == factory) is unlocked


def test_counters_count() -> None:
    lone = LoneGear(level=0)
    starts = lone.read(206, 9)
    hours = lone.read(206, 0x11)
    lone.send(0x0AFE)
    lone.wait(20)
    lone.send(0x0A00)
    assert starts is not None
    assert lone.read(206, 9) == starts + 1
    assert hours is not None
    assert lone.read(206, 0x11) == (hours + 20) & 0xFF


class OurGear:
    """The emulated gear as python-dali's sequences address it."""

    def __init__(self, lone: LoneGear) -> None:
        self.lone = lone

    def run(self, sequence: Generator[Any, Any, Any]) -> Any:
        try:
            command = next(sequence)
            while True:
                frame = int.from_bytes(command.frame.pack, "big")
                if command.sendtwice:
                    self.lone.send(frame)
                answer = self.lone.send(frame)
                reply = (
                    command.response(None if answer is None else BackwardFrame(answer)) if command.response else None
                )
                command = sequence.send(reply)
        except StopIteration as end:
            return end.value


RESETTABLE = (diagnostics.LightSourceStartCounterResettable, diagnostics.LightSourceOnTimeResettable)


@pytest.mark.parametrize("counter", RESETTABLE)
def test_python_dali_resets_the_counters_of_a_light_source(counter: type[Any]) -> None:
    lone = LoneGear()
    ours = OurGear(lone)
    assert ours.run(counter.read(5)) > 0
    ours.run(counter.write(5, 1000))
    assert 1000 <= ours.run(counter.read(5)) <= 1001
    lone.send(0x0A00)
    lone.send(0x0AFE)
    lone.wait(500)
    assert ours.run(diagnostics.LightSourceStartCounterResettable.read(5)) in (2, 1001)
    assert ours.run(diagnostics.LightSourceOnTimeResettable.read(5)) >= 500


@pytest.mark.parametrize("counter", RESETTABLE)
@pytest.mark.parametrize("mask", ["MASK", "TMASK"])
def test_a_counter_takes_no_mask(counter: type[Any], mask: str) -> None:
    """By part 253, the gear then answers NO to the last byte, and nothing has changed."""
    lone = LoneGear()
    ours = OurGear(lone)
    before = ours.run(counter.read(5))
    raw = b"\xff" * len(counter.locations) if mask == "MASK" else b"\xff" * (len(counter.locations) - 1) + b"\xfe"
    with pytest.raises(MemoryLocationNotWriteable, match=f"location {counter.locations[-1].address}"):
        ours.run(counter.write_raw(5, raw))
    assert before <= ours.run(counter.read(5)) <= before + 2


@pytest.mark.parametrize("counter", [diagnostics.LightSourceStartCounter, diagnostics.LightSourceOnTime])
def test_the_counters_of_a_lifetime_cannot_be_written(counter: type[Any]) -> None:
    lone = LoneGear()
    before = OurGear(lone).run(counter.read(5))
    open_for_writing(lone, 206, counter.locations[0].address)
    assert lone.send(0xC700) is None
    assert OurGear(lone).run(counter.read(5)) >= before


@pytest.mark.parametrize("level", [0, 85, 170, 229, 254])
def test_banks_205_and_206_tell_one_current(level: int) -> None:
    """Bank 205 states a share of the nominal current, which is that of 25 W at 48 V behind a driver of 90 %. Bank 206
    states mA."""
    lone = LoneGear(level=level)
    ours = OurGear(lone)
    percent = ours.run(diagnostics.ControlGearOutputCurrentPercent.read(5))
    ampere = float(ours.run(diagnostics.LightSourceCurrent.read(5)))
    assert percent == pytest.approx(min(100, 100 * ampere / (25.0 * 0.9 / 48.0)), abs=0.6)
    assert (percent == 0) == (ampere == 0) == (level == 0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0xA3, 0xC3, 0xC5, 0xC7, 0xC9]), st.integers(0, 255)), max_size=30))
def test_no_sequence_of_writes_upsets_it(frames: list[tuple[int, int]]) -> None:
    lone = LoneGear()
    lone.twice(0x0B81)
    for address, content in frames:
        lone.send(address << 8 | content)
    assert lone.read(0, 2) == 207
    assert read_energy(lone) in (read_energy(lone), read_energy(lone) - 1)
