"""Payloads of wire version 0: they decode to the facts that were encoded, and any other bytes do no harm."""

import contextlib
import itertools

import cbor2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.records.journal import Record
from agent.wire import payloads
from agent.wire.payloads import PayloadError
from tests.rigs.wire import interval

EPOCH = "0123456789abcdef"
GOOD = payloads.encode_records("gw-1", EPOCH, [Record(n, "interval", interval(n), True) for n in range(1, 4)])
ACK = payloads.encode_acknowledgement(EPOCH, [(1, 3), (7, 7)])
ranges = st.lists(st.tuples(st.integers(1, 1 << 40), st.integers(0, 99)).map(lambda pair: (pair[0], sum(pair))))


def test_a_batch_comes_back() -> None:
    batch = payloads.decode_records(GOOD)
    assert batch == ("gw-1", EPOCH, [Record(n, "interval", interval(n), True) for n in range(1, 4)], None)


@pytest.mark.parametrize("clock_valid", [True, False])  # as measurements and as text
def test_a_batch_may_name_its_sender(clock_valid: bool) -> None:
    records = [Record(n, "interval", interval(n), clock_valid) for n in range(1, 3)]
    payload = payloads.encode_records("gw-1", EPOCH, records, "ab" * 8)
    assert payloads.decode_records(payload) == ("gw-1", EPOCH, records, "ab" * 8)
    for sender in ("", "x" * 41):
        assert payloads.decode_records(payloads.encode_records("gw-1", EPOCH, records, sender)).sender is None


def test_a_batch_of_fifty_intervals_is_small() -> None:
    batch = [Record(1000 + n, "interval", interval(n), True) for n in range(50)]
    assert len(payloads.encode_records("gw-1", EPOCH, batch)) < 50 * 230


@given(ranges)
def test_an_acknowledgement_comes_back(spans: list[tuple[int, int]]) -> None:
    assert payloads.decode_acknowledgement(payloads.encode_acknowledgement(EPOCH, spans)) == (
        EPOCH,
        spans,
        None,
        [],
        False,
    )
    whole = payloads.encode_acknowledgement(EPOCH, [], to="ab" * 8, conflicts=spans, twin=True)
    assert payloads.decode_acknowledgement(whole) == (EPOCH, [], "ab" * 8, spans, True)


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
        {"epoch": EPOCH},
        {"epoch": EPOCH, "ranges": [], "to": 5},
        {"epoch": EPOCH, "ranges": [], "conflicts": 5},
        {"epoch": EPOCH, "ranges": [], "conflicts": [[3, 1]]},
        {"epoch": EPOCH, "ranges": [[n, n] for n in range(1, 502)]},
        {"epoch": EPOCH, "ranges": [], "filling": "x" * 8_192},
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


def test_the_most_that_an_acknowledgement_may_have() -> None:
    spans = [(2 * n, 2 * n) for n in range(1, payloads.MOST_RANGES + 1)]
    assert payloads.decode_acknowledgement(payloads.encode_acknowledgement(EPOCH, spans)).ranges == spans


@pytest.mark.parametrize(
    "payload",
    [
        b"\x81" * 999_999,  # lists in lists
        b"\xa1\x00" * 400_000,  # maps in maps
        b"\xc2\x5a\x00\x0f\x00\x00" + b"\xff" * 983_040,  # an integer of 7.8 million bits
        b"\x83\xa3\x21\xc2\x59\x10\x00" + b"\xff" * 4096 + b"\x20\x18\x1a\x00\x63seq\xa1\x00\x65epoch\xa0",
        cbor2.dumps([{-1: 26, -2: 1 << 40_000, 0: "seq", 2: 1}, {0: "epoch", 3: EPOCH}, {0: "kind"}]),
        cbor2.dumps([{-1: 26, -2: "gw-1/", 0: "seq", 2: 1 << 40_000}, {0: "epoch", 3: EPOCH}, {0: "kind"}]),
        cbor2.dumps([{-1: 26, -2: "gw-1/", 0: "seq", 2: 1}, {0: "epoch", 3: EPOCH}, {0: "sender", 3: 1 << 40_000}]),
        cbor2.dumps([{-1: 26, -2: "gw-1/", 0: "seq", 2: 1}, {0: "epoch", 3: EPOCH}, {0: "body", 3: "[" * 99_999}]),
        b"\xc5\x82\x1b" + b"\x7f" * 8 + b"\x01",  # 2 to the power of 9e18
        GOOD + b"\x00" * 1_000_000,
    ],
)
def test_deep_nesting_and_huge_numbers_are_refused(payload: bytes) -> None:
    for decode in (payloads.decode_records, payloads.decode_acknowledgement, payloads.decode_facts):
        with pytest.raises(PayloadError) as refused:
            decode(payload)
        assert len(str(refused.value)) < 200


def test_ten_megabytes_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cbor2, "load", None)
    for decode in (payloads.decode_records, payloads.decode_acknowledgement, payloads.decode_facts):
        with pytest.raises(PayloadError, match="10000000 bytes is longer"):
            decode(b"\x00" * 10_000_000)
