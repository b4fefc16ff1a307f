"""Numbers in memory banks: MASK, TMASK and decimal exponents (DiiA 251 and 252)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dali import memory_banks
from protocols.dali.memory_banks import MASKED, TEMPORARILY_MASKED, RawNumber


@pytest.mark.parametrize("size", [2, 3, 4, 6])
def test_all_bits_set_is_unknown_and_one_less_is_not_available_now(size: int) -> None:
    assert memory_banks.number([0xFF] * size) == RawNumber(None, MASKED)
    assert memory_banks.number([0xFF] * (size - 1) + [0xFE]) == RawNumber(None, TEMPORARILY_MASKED)
    assert memory_banks.number([0xFF] * (size - 1) + [0xFD]) == RawNumber(256**size - 3, None)
    assert memory_banks.number([0] * size) == RawNumber(0, None)


def test_a_single_byte_has_no_mask_for_not_now() -> None:
    assert memory_banks.number([0xFE]) == RawNumber(254, None)
    assert memory_banks.number([0xFF]) == RawNumber(None, MASKED)


@given(value=st.integers(0, 2**48 - 3))
def test_numbers_are_big_endian(value: int) -> None:
    assert memory_banks.number(list(value.to_bytes(6, "big"))) == RawNumber(value, None)


def test_exponents_are_signed_and_between_minus_6_and_6() -> None:
    assert [memory_banks.exponent(byte) for byte in (0xFA, 0xFF, 0, 1, 6)] == [-6, -1, 0, 1, 6]
    assert [memory_banks.exponent(byte) for byte in (0xF9, 7, 0x7F, 0x80)] == [None] * 4
