"""SenML vectors: the same file runs under CPython and under MicroPython, and prints how many it checked."""

from protocols import senml
from protocols.errors import MalformedBytes

EPOCH = "0123456789abcdef"
START = 1763800200
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
    """Returns how many vectors there were; an assertion fails where one is wrong."""
    count = 0
    for at, run in enumerate(RUNS):
        rows = list(ROWS[at:])
        assert senml.leading_run(rows) == run, (at, run)
        pack = senml.encode_pack("gw-1", EPOCH, rows[:run])
        assert senml.decode_pack(pack) == ("gw-1", EPOCH, rows[:run]), at
        count += 2
    for base_name in BASE_NAMES:
        pack = senml.encode_pack("gw-1", EPOCH, [ROWS[0]])
        pack[0][senml.BASE_NAME] = base_name
        try:
            senml.decode_pack(pack)
        except MalformedBytes:
            count += 1
    return count


if __name__ == "__main__":
    print(check())
