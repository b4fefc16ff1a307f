"""Payloads of wire version 0: there and back, and bytes from anywhere."""

import contextlib
import itertools

import cbor2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.journal import Record
from agent.upstream import payloads
from agent.upstream.payloads import PayloadError
from tests.agent.wire import interval

EPOCH = "0123456789abcdef"
GOOD = payloads.encode_records("gw-1", EPOCH, [Record(n, "interval", interval(n), True) for n in range(1, 4)])
ACK = payloads.encode_acknowledgement(EPOCH, [(1, 3), (7, 7)])
ranges = st.lists(st.tuples(st.integers(1, 1 << 40), st.integers(0, 99)).map(lambda pair: (pair[0], sum(pair))))


def test_a_batch_comes_back() -> None:
    batch = payloads.decode_records(GOOD)
    assert batch == ("gw-1", EPOCH, [Record(n, "interval", interval(n), True) for n in range(1, 4)])


def test_a_batch_of_fifty_intervals_is_small() -> None:
    batch = [Record(1000 + n, "interval", interval(n), True) for n in range(50)]
    assert len(payloads.encode_records("gw-1", EPOCH, batch)) < 50 * 230


@given(ranges)
def test_an_acknowledgement_comes_back(spans: list[tuple[int, int]]) -> None:
    assert payloads.decode_acknowledgement(payloads.encode_acknowledgement(EPOCH, spans)) == (EPOCH, spans)


@pytest.mark.parametrize(
    "facts",
    [
        {},
        [],
        {1: 2},
        {"epoch": 5, "ranges": []},
        {"epoch": EPOCH, "ranges": 5},
        {"epoch": EPOCH, "ranges": [[1]]},
        {"epoch": EPOCH, "ranges": [[3, 1]]},
        {"epoch": EPOCH, "ranges": [[0, 1]]},
        {"epoch": EPOCH, "ranges": [[True, 1]]},
        {"epoch": EPOCH, "ranges": [[1, 2.0]]},
        {"epoch": EPOCH, "ranges": ["ab"]},
    ],
)
def test_a_wrong_acknowledgement_is_refused(facts: object) -> None:
    with pytest.raises(PayloadError):
        payloads.decode_acknowledgement(cbor2.dumps(facts))


@pytest.mark.parametrize("payload", [GOOD + b"\x00", GOOD[:-1], b"", b"\xff", cbor2.dumps("text"), cbor2.dumps([1])])
def test_what_is_not_one_whole_pack_is_refused(payload: bytes) -> None:
    with pytest.raises(PayloadError):
        payloads.decode_records(payload)


def _decode_everything(payload: bytes) -> None:
    for decode in (payloads.decode_records, payloads.decode_acknowledgement, payloads.decode_facts):
        with contextlib.suppress(PayloadError):
            decode(payload)


@given(st.binary(max_size=64))
@example(b"\x81" * 5000)
@example(b"\xd8\x1c\x81\xd8\x1d\x00")  # a list that holds itself
@example(b"\xd8\x23\x61(")  # a pattern that is none
def test_garbage_raises_one_error_only(payload: bytes) -> None:
    _decode_everything(payload)


@given(st.sampled_from([GOOD, ACK]), st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), max_size=4))
def test_garbled_payloads_raise_one_error_only(payload: bytes, changes: list[tuple[int, int]]) -> None:
    garbled = bytearray(payload)
    for at, value in changes:
        garbled[at % len(garbled)] = value
    _decode_everything(bytes(garbled))


@given(st.sets(st.integers(1, 60)))
def test_ranges_cover_the_numbers_and_no_others(numbers: set[int]) -> None:
    spans = payloads.ranges_of(numbers)
    assert [n for first, last in spans for n in range(first, last + 1)] == sorted(numbers)
    assert all(later[0] > earlier[1] + 1 for earlier, later in itertools.pairwise(spans))
