"""Journal records that go into SenML and back, and packs from elsewhere."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.records import kinds
from protocols import senml
from protocols.errors import MalformedBytes

SHAPES = kinds.shapes()
EPOCH = "0123456789abcdef"
START = 1_763_800_200

INTERVAL: dict[str, object] = {
    "luminaire": "L01",
    "start": START,
    "duration_s": 900,
    "actual_wh": 4.7,
    "baseline_wh": 6.25,
    "quality": "metered",
    "coverage": 1.0,
    "available_s": 900,
    "full_power_w": 25.0,
    "full_power_source": "declared",
}
READING: dict[str, object] = {
    "luminaire": "L01",
    "at": START + 0.5,
    "energy_wh": 1000.5,
    "resolution_wh": 0.1,
    "level": None,
    "status": 4,
}

numbers = st.integers(-senml.LARGEST_INTEGER, senml.LARGEST_INTEGER) | st.floats(allow_nan=False, allow_infinity=False)
times = st.integers(senml.ABSOLUTE_TIME, 1 << 40) | st.floats(senml.ABSOLUTE_TIME, 1e12)
texts = st.text(st.characters(codec="utf-8"), max_size=12)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
of_type = {
    senml.NUMBER: numbers,
    senml.NUMBER_OR_NONE: numbers | st.none(),
    senml.TEXT: texts,
    senml.BOOLEAN: st.booleans(),
}


@st.composite
def shaped(draw: st.DrawFn) -> tuple[str, dict[str, object]]:
    kind = draw(st.sampled_from(sorted(SHAPES)))
    time_key, subject_key, fields = SHAPES[kind]
    body: dict[str, object] = draw(st.dictionaries(st.text(max_size=3), json_values, max_size=1))
    body[time_key] = draw(times)
    if subject_key is not None:
        body[subject_key] = draw(texts)
    for key, _, _, type_ in fields:
        body[key] = draw(of_type[type_])
    return kind, body


unshaped = st.tuples(texts | st.sampled_from(sorted(SHAPES)), st.dictionaries(st.text(max_size=5), json_values))
records = st.lists(
    st.tuples(st.integers(1, senml.LARGEST_INTEGER), shaped() | unshaped, st.booleans()), min_size=1, max_size=6
).map(lambda rows: [(seq, kind, body, valid) for seq, (kind, body), valid in rows])


def packs(rows: list[Any]) -> list[list[dict[int, object]]]:
    """Makes one pack for each run, as the reporter does."""
    made = []
    while rows:
        run = senml.leading_run(SHAPES, rows)
        made.append(senml.encode_pack(SHAPES, "gw-1", EPOCH, rows[:run]))
        rows = rows[run:]
    return made


@given(records)
def test_what_goes_in_comes_out(rows: list[Any]) -> None:
    decoded = [senml.decode_pack(SHAPES, pack) for pack in packs(rows)]
    assert all((gateway, epoch) == ("gw-1", EPOCH) for gateway, epoch, _ in decoded)
    back = [row for _, _, part in decoded for row in part]
    assert back == rows
    # 900 == 900.0, but the journal wrote one of them.
    assert repr(back) == repr([(s, k, {key: b[key] for key in back[i][2]}, v) for i, (s, k, b, v) in enumerate(rows)])


@given(records)
def test_no_time_is_ever_relative(rows: list[Any]) -> None:
    for pack in packs(rows):
        for record in pack:
            assert senml.TIME not in record
            time = record.get(senml.BASE_TIME, senml.ABSOLUTE_TIME)
            assert isinstance(time, int | float)
            assert time >= senml.ABSOLUTE_TIME
        # A pack with a measurement in it has a time from its first record on.
        if any(senml.UNIT in record for record in pack):
            assert senml.BASE_TIME in pack[0]


def test_an_interval_on_the_wire() -> None:
    pack = senml.encode_pack(SHAPES, "gw-1", EPOCH, [(17, "interval", INTERVAL, True), (18, "reading", READING, True)])
    assert pack[:4] == [
        {
            senml.BASE_VERSION: 26,
            senml.BASE_NAME: "gw-1/L01/",
            senml.BASE_TIME: START,
            senml.NAME: "seq",
            senml.VALUE: 17,
        },
        {senml.NAME: "epoch", senml.STRING_VALUE: EPOCH},
        {senml.NAME: "energy/actual", senml.UNIT: "Wh", senml.VALUE: 4.7},
        {senml.NAME: "energy/baseline", senml.UNIT: "Wh", senml.VALUE: 6.25},
    ]
    # The luminaire does not change, so its base name holds on; the time changes.
    assert {senml.BASE_TIME: START + 0.5, senml.NAME: "seq", senml.VALUE: 18} in pack
    assert not any(record.get(senml.NAME) == "level" for record in pack)


def test_a_record_of_an_unbelievable_clock_travels_without_measurement() -> None:
    rows: list[Any] = [(1, "interval", {**INTERVAL, "start": 900}, False), (2, "interval", INTERVAL, True)]
    assert senml.leading_run(SHAPES, rows) == 1
    pack = senml.encode_pack(SHAPES, "gw-1", EPOCH, rows[:1])
    assert not any(senml.UNIT in record or senml.BASE_TIME in record for record in pack)
    assert senml.decode_pack(SHAPES, pack)[2] == rows[:1]


def test_a_1970_time_is_not_sent_though_the_clock_says_it_is_right() -> None:
    rows: list[Any] = [(1, "interval", {**INTERVAL, "start": senml.ABSOLUTE_TIME - 1}, True)]
    assert not any(senml.BASE_TIME in record for record in senml.encode_pack(SHAPES, "gw-1", EPOCH, rows))
    assert senml.decode_pack(SHAPES, senml.encode_pack(SHAPES, "gw-1", EPOCH, rows))[2] == rows


def test_names_keep_to_the_letters_of_senml() -> None:
    rows: list[Any] = [(1, "interval", {**INTERVAL, "luminaire": "Mast 12/ë_"}, True)]
    pack = senml.encode_pack(SHAPES, "gw-1", EPOCH, rows)
    assert pack[0][senml.BASE_NAME] == "gw-1/Mast_2012_2f_c3_ab_5f/"
    assert senml.decode_pack(SHAPES, pack)[2] == rows


def test_a_newer_version_may_add_values() -> None:
    pack = senml.encode_pack(SHAPES, "gw-1", EPOCH, [(17, "interval", INTERVAL, True)])
    pack.append({senml.NAME: "power/factor", senml.VALUE: 0.97})
    assert senml.decode_pack(SHAPES, pack)[2] == [(17, "interval", INTERVAL, True)]


def _good() -> list[dict[int, object]]:
    return senml.encode_pack(SHAPES, "gw-1", EPOCH, [(17, "interval", INTERVAL, True)])


@pytest.mark.parametrize(
    ("at", "label", "value"),
    [
        (0, senml.BASE_VERSION, 10),
        (0, senml.BASE_NAME, "GW/"),
        (0, senml.BASE_NAME, "gw-1/L_zz/"),
        (0, senml.BASE_NAME, "gw-1/L01"),
        (0, senml.BASE_NAME, 5),
        (0, senml.BASE_TIME, 900),
        (0, senml.BASE_TIME, float("nan")),
        (0, senml.VALUE, 0),
        (0, senml.VALUE, True),
        (0, senml.NAME, "first"),
        (1, senml.STRING_VALUE, "short"),
        (2, senml.VALUE, "4.7"),
        (2, senml.VALUE, float("inf")),
        (2, senml.NAME, "energy/unknown"),
        (2, senml.NAME, 7),
        (2, senml.TIME, 5),
        (3, senml.NAME, "energy/actual"),
    ],
)
def test_each_wrong_value_is_refused(at: int, label: int, value: object) -> None:
    pack = _good()
    pack[at][label] = value
    with pytest.raises(MalformedBytes):
        senml.decode_pack(SHAPES, pack)


labels = st.sampled_from([-3, -2, -1, 0, 1, 2, 3, 4, 6])
junk_values = json_values | st.sampled_from(["seq", "epoch", "body", "kind", "clock", "gw-1/", EPOCH, "{", "[" * 5000])
junk = st.lists(st.dictionaries(labels, junk_values) | json_values, max_size=4)


@given(junk_values | junk, st.booleans())
def test_garbage_raises_one_error_only(pack: object, after_good: bool) -> None:
    if after_good and isinstance(pack, list):
        pack = _good() + pack
    with contextlib.suppress(MalformedBytes):
        senml.decode_pack(SHAPES, pack)
