"""SenML vectors: the same file runs under CPython and under MicroPython, and prints how many it checked."""

from protocols import senml
from protocols.errors import MalformedBytes

EPOCH = "0123456789abcdef"
START = 1763800200


def shape(time_key: str, subject_key: "str | None", *fields: "tuple[str, str, str | None, str]") -> senml.Shape:
    return senml.Shape(time_key, subject_key, tuple(senml.ShapeField(*field) for field in fields))


SHAPES = {
    "interval": shape(
        "start",
        "luminaire",
        ("actual_wh", "energy/actual", "Wh", senml.NUMBER),
        ("baseline_wh", "energy/baseline", "Wh", senml.NUMBER),
        ("duration_s", "duration", "s", senml.NUMBER),
        ("quality", "energy/quality", None, senml.TEXT),
        ("coverage", "energy/coverage", "/", senml.NUMBER),
        ("available_s", "available", "s", senml.NUMBER),
        ("full_power_w", "power/full", "W", senml.NUMBER),
        ("full_power_source", "power/full/source", None, senml.TEXT),
    ),
    "control": shape(
        "start",
        None,
        ("control_wh", "energy/control", "Wh", senml.NUMBER),
        ("duration_s", "duration", "s", senml.NUMBER),
    ),
    "reading": shape(
        "at",
        "luminaire",
        ("energy_wh", "energy/register", "Wh", senml.NUMBER),
        ("resolution_wh", "energy/resolution", "Wh", senml.NUMBER),
        ("level", "level", None, senml.NUMBER_OR_NONE),
        ("status", "status", None, senml.NUMBER_OR_NONE),
    ),
    "event": shape(
        "at",
        "subject",
        ("name", "event/name", None, senml.TEXT),
        ("active", "event/active", None, senml.BOOLEAN),
        ("text", "event/text", None, senml.TEXT),
    ),
}
"""Kinds as an application may have them; Lichtmast's are in agent/records/kinds.py, which MicroPython cannot import."""

INTERVAL: "dict[str, object]" = {
    "luminaire": "Mast 12/é_",
    "start": START,
    "duration_s": 900,
    "actual_wh": 4.75,
    "baseline_wh": 6.25,
    "quality": "metered",
    "coverage": 1.0,
    "available_s": 900,
    "full_power_w": 25.0,
    "full_power_source": "declared",
}
EVENT: "dict[str, object]" = {
    "at": START + 0.5,
    "name": "lampFailure",
    "subject": "L01",
    "active": True,
    "text": "dark",
    "more": [1, None],
}
CONTROL: "dict[str, object]" = {"start": START, "duration_s": 900, "control_wh": 0.75}
READING: "dict[str, object]" = {
    "luminaire": "L01",
    "at": START,
    "energy_wh": 10.5,
    "resolution_wh": 0.5,
    "level": None,
    "status": 4,
}

ROWS: "tuple[tuple[int, str, dict[str, object], bool], ...]" = (
    (1, "interval", INTERVAL, True),
    (2, "event", EVENT, True),
    (3, "control", CONTROL, True),
    (4, "reading", READING, True),
    (5, "interval", INTERVAL, False),
    (6, "commandResult", {"anything": 1}, True),
)
RUNS = (4, 3, 2, 1, 2, 1)

BASE_NAMES = ("GW/", "gw-1/L_zz/", "gw-1/_ff/", "gw-1/L01", 5, None)


def check() -> int:
    """Checks every vector and returns their number. Raises AssertionError for a wrong one."""
    count = 0
    for at, run in enumerate(RUNS):
        rows = list(ROWS[at:])
        assert senml.leading_run(SHAPES, rows) == run, (at, run)
        pack = senml.encode_pack(SHAPES, "gw-1", EPOCH, rows[:run])
        assert senml.decode_pack(SHAPES, pack) == ("gw-1", EPOCH, rows[:run]), at
        count += 2
    for base_name in BASE_NAMES:
        pack = senml.encode_pack(SHAPES, "gw-1", EPOCH, [ROWS[0]])
        pack[0][senml.BASE_NAME] = base_name
        try:
            senml.decode_pack(SHAPES, pack)
        except MalformedBytes:
            count += 1
    return count


if __name__ == "__main__":
    print(check())
