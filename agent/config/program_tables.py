"""The keys of a program file. Its checks, schema and docs derive from them."""

from __future__ import annotations

from agent.config.keys import Key, Type, format_key
from agent.config.tables import Table
from agent.schedule.program import LUX, MAX, OPERATIONS, PHOTOCELL, PRESENCE, TRAFFIC

# The newest format of program files that this version reads.
FORMAT = 1

# The kinds of sensor that a [[dynamic]] may name as its source. It may also name one sensor.
SOURCE_KINDS = (PRESENCE, TRAFFIC, LUX)

# Seconds. The longest FADE TIME of control gear is about 90 s (IEC 62386-102).
LONGEST_FADE_S = 90

_SENSOR = "[A-Za-z0-9][A-Za-z0-9._-]{0,39}"

PROGRAM = Table(
    "program",
    "what the program is called and when it burns",
    (
        format_key(FORMAT),
        Key(
            "name",
            Type.TEXT,
            "small letters, digits and hyphens, at most 40",
            pattern=r"[a-z0-9-]{1,40}",
            example='"d60"',
        ),
        Key("on", Type.MARK, "when the lamps are switched on", "sunset"),
        Key("off", Type.MARK, "when they are switched off", "sunrise"),
        Key("fade_s", Type.NUMBER, "fade of switching on and off, in seconds", 0, low=0, high=LONGEST_FADE_S),
        Key("dark", Type.FLAG, "it leaves the street dark at times, and that is meant; the board must allow it", False),
        Key("min_burning", Type.HOURS, "once on, a lamp burns at least so long", "00:00", high=6 * 3600),
        Key("trim_on", Type.HOURS, "burning hours trimmed: switched on so much later", "00:00", high=3600),
        Key("trim_off", Type.HOURS, "burning hours trimmed: switched off so much earlier", "00:00", high=3600),
    ),
)

STEP = Table(
    "step",
    "the level from a moment of the night on, until the next step",
    (
        Key("at", Type.MARK, "the moment, by the local clock or by the sun"),
        Key("percent", Type.NUMBER, "the level", low=0, high=100),
        Key("fade_s", Type.NUMBER, "fade to this level, in seconds", 0, low=0, high=LONGEST_FADE_S),
    ),
    many=True,
)

PHOTOCELL_TABLE = Table(
    "photocell",
    "a photocell decides when the lamps burn: all day, or with `before` and `after` only around `on` and `off`",
    (
        Key(
            "source",
            Type.TEXT,
            "the sensor's name, or photocell for any",
            PHOTOCELL,
            pattern=_SENSOR,
            example='"photocell"',
        ),
        Key("on_lux", Type.NUMBER, "on below this, in lux", low=0.1, high=1000, example="10"),
        Key("off_lux", Type.NUMBER, "off from this on, in lux; not below on_lux", low=0.1, high=2000, example="15"),
        Key("before", Type.HOURS, "how long before `on` and `off` it may switch", "00:00", high=2 * 3600),
        Key(
            "after", Type.HOURS, "how long after them; without a signal the lamps are switched then", "00:00", high=7200
        ),
    ),
    required=False,
)

DYNAMIC = Table(
    "dynamic",
    "what a sensor does to the level; the first one has the last word",
    (
        Key("source", Type.TEXT, "presence, traffic, lux, or a sensor's name", pattern=_SENSOR, example='"presence"'),
        Key("operation", Type.TEXT, "what becomes of the level", MAX, choices=OPERATIONS),
        Key("percent", Type.NUMBER, "the operation's number, in percent; above 100 only for mul", low=0, high=1000),
        Key("hold_s", Type.NUMBER, "how long it lasts after the sensor's last word, in seconds", 60, low=0, high=7200),
        Key("ramp_up_s", Type.NUMBER, "fade to a higher level, in seconds", 2, low=0, high=LONGEST_FADE_S),
        Key("ramp_down_s", Type.NUMBER, "fade to a lower level, in seconds", 8, low=0, high=LONGEST_FADE_S),
        Key(
            "above",
            Type.NUMBER,
            "only where the reading (lux, or a traffic count) is above this",
            None,
            low=0,
            high=1e6,
        ),
        Key("below", Type.NUMBER, "only where the reading is below this", None, low=0, high=1e6),
    ),
    many=True,
    required=False,
)

TABLES = (PROGRAM, STEP, PHOTOCELL_TABLE, DYNAMIC)
