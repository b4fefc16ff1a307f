"""The keys of a board file, which describes the devices and their place. Its checks, schema and docs derive from it."""

from __future__ import annotations

from agent.config.keys import Key, Type, format_key
from agent.config.lighting_class import CLASSES
from agent.config.program_tables import LONGEST_FADE_S
from agent.config.sensors import SENSOR
from agent.config.tables import Table

# The newest format of board files that this version reads.
FORMAT = 1

# More channels than any interface has. Each product states its own number (agent/config/bus_checks.py).
MOST_BUSES = 64

# Names go onto the wire unchanged, so they may have the signs that SenML allows (RFC 8428, 4.5.1), without those that
# separate the parts of a name.
NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,39}"

# The promises of the lighting design for a luminaire or a group (EN 13201-2).
_DESIGN = (
    Key("lighting_class", Type.TEXT, "the class of the design (EN 13201-2)", None, choices=CLASSES),
    Key(
        "maintained",
        Type.NUMBER,
        "the design's maintained average at 100 %: lux, or cd/m2 for an M class",
        None,
        low=0.01,
        high=200,
        example="5.0",
    ),
    Key("maintained_min", Type.NUMBER, "the design's least illuminance at 100 %, in lux", None, low=0.01, high=200),
    Key("dimmed_class", Type.TEXT, "the lowest class in quiet hours; else the next lower one", None, choices=CLASSES),
)

BOARD = Table(
    "board",
    "the gateway and its place",
    (
        format_key(FORMAT),
        Key(
            "gateway",
            Type.TEXT,
            "the gateway's name on the wire: small letters, digits and hyphens, at most 40",
            pattern=r"[a-z0-9-]{1,40}",
            example='"kerkstraat-1"',
        ),
        Key("name", Type.TEXT, "what people call this street or mast", ""),
        Key(
            "country",
            Type.TEXT,
            "two capital letters (ISO 3166); a site in NL is checked against the country's bounds",
            "NL",
            pattern="[A-Z]{2}",
            example='"NL"',
        ),
        Key("latitude", Type.NUMBER, "degrees north", low=-90, high=90, example="51.44"),
        Key("longitude", Type.NUMBER, "degrees east", low=-180, high=180, example="5.47"),
        Key("timezone", Type.TEXT, "the IANA time zone whose clock the program follows", "Europe/Amsterdam"),
        Key(
            "rtc",
            Type.FLAG,
            "whether the machine has a battery clock (kept in UTC) and takes its time from it at the start; without"
            " one, its time counts only once a network has confirmed it",
            False,
        ),
        Key(
            "supply",
            Type.TEXT,
            "whether the mast has mains by day",
            "permanent",
            choices=("permanent", "switched", "evening-conductor"),
        ),
        Key(
            "bus_supply",
            Type.TEXT,
            "what feeds the DALI bus; it decides what a dead gateway means",
            choices=("gear", "separate", "gateway"),
        ),
        Key("safe_percent", Type.NUMBER, "the level when something is wrong", 100, low=1, high=100),
        Key("program", Type.TEXT, "a ready program's name, or a file's path from this file's folder", "d60"),
        Key("calendar", Type.TEXT, "a calendar file's path from this file's folder, in place of one program", ""),
        Key(
            "night_floor_percent",
            Type.NUMBER,
            "no lamp goes below this at night (the sun below -6 degrees), and its virtual output takes nothing off; "
            "0 only with dark_allowed",
            10,
            low=0,
            high=100,
        ),
        Key("dark_allowed", Type.FLAG, "whether a program that says dark = true may leave the street dark", False),
        Key("longest_override", Type.HOURS, "no override lasts longer", "24:00", high=31 * 86400),
        Key("gateway_power_w", Type.NUMBER, "what the gateway itself draws, in watts", low=0, high=100, example="3.0"),
    ),
)

BUS = Table(
    "bus",
    "a DALI bus and the interface that speaks on it",
    (
        Key(
            "name",
            Type.TEXT,
            "what luminaires call it: letters, digits, dots, hyphens and underscores",
            pattern=NAME,
            example='"street"',
        ),
        Key("interface", Type.TEXT, "the interface product, by its short name", example='"atx_hat"'),
        Key(
            "port",
            Type.TEXT,
            "the serial port; a relative path counts from the working directory",
            example='"/dev/serial0"',
        ),
        Key("channel", Type.WHOLE, "the interface's bus, where it has several", 1, low=1, high=MOST_BUSES),
        Key(
            "supply_power_w",
            Type.NUMBER,
            "what the bus supply draws, in watts; 0 where gear feeds it",
            0,
            low=0,
            high=50,
        ),
        Key(
            "telemetry_percent",
            Type.NUMBER,
            "the most of the bus's time that readings may take, in percent",
            80,
            low=5,
            high=100,
        ),
        Key(
            "stagger_s",
            Type.NUMBER,
            "pause between two luminaires that are switched on from dark, in seconds, against inrush; 0: all at once",
            0,
            low=0,
            high=10,
        ),
    ),
    many=True,
)

LUMINAIRE = Table(
    "luminaire",
    "a luminaire, or `count` equal ones with names and addresses that count up",
    (
        Key(
            "name",
            Type.TEXT,
            "its name, of letters, digits, dots, hyphens and underscores; with a count, it ends in the first number",
            pattern=NAME,
            example='"L01"',
        ),
        Key("count", Type.WHOLE, "how many equal luminaires this stands for", 1, low=1, high=64),
        Key("bus", Type.TEXT, "the name of its bus", example='"street"'),
        Key("short_address", Type.WHOLE, "its DALI short address (the first one's, with a count)", low=0, high=63),
        Key("power_w", Type.NUMBER, "at 100 %, in watts, gear included", low=0.1, high=2000, example="25"),
        Key("standby_w", Type.NUMBER, "when off, in watts", 0.4, low=0, high=20),
        Key(
            "min_power_w",
            Type.NUMBER,
            "at 1 %, in watts; a tenth of power_w where it is left out",
            None,
            low=0,
            high=2000,
        ),
        Key("groups", Type.TEXTS, "the groups that it belongs to; the first with a program gives it", (), pattern=NAME),
        Key("virtual_percent", Type.NUMBER, "how much of the lamp's light is 100 %", 100, low=1, high=100),
        Key("min_percent", Type.NUMBER, "the lowest level that the lamp is dimmed to", 0, low=0, high=100),
        Key(
            "depreciation",
            Type.CURVE,
            "constant light output: operating hours, and the percent that the lamp then needs",
            (),
            example="[[0, 80], [20000, 100]]",
        ),
        *_DESIGN,
    ),
    many=True,
)

GROUP = Table(
    "group",
    "luminaires that share a program; they name it in `groups`",
    (
        Key("name", Type.TEXT, "what luminaires and overrides call it", pattern=NAME, example='"main"'),
        Key("program", Type.TEXT, "a ready program's name, or a file's path; else the board's", ""),
        Key("calendar", Type.TEXT, "a calendar file's path from this file's folder, in place of one program", ""),
        *_DESIGN,
    ),
    many=True,
    required=False,
)

PATH = Table(
    "path",
    "light follows the cyclist: presence at one of these luminaires raises its neighbours",
    (
        Key("name", Type.TEXT, "what people call the path", pattern=NAME, example='"cycle-path"'),
        Key("luminaires", Type.TEXTS, "names of luminaires, in the order of travel", pattern=NAME),
        Key("ahead", Type.WHOLE, "how many ahead are raised", 2, low=0, high=63),
        Key("behind", Type.WHOLE, "how many behind are raised", 1, low=0, high=63),
        Key("percent", Type.NUMBER, "the level that they are raised to", 100, low=1, high=100),
        Key("hold_s", Type.NUMBER, "for how long after the last presence, in seconds", 30, low=0, high=3600),
        Key("ramp_up_s", Type.NUMBER, "fade up, in seconds", 1, low=0, high=LONGEST_FADE_S),
        Key("ramp_down_s", Type.NUMBER, "fade down, in seconds", 8, low=0, high=LONGEST_FADE_S),
    ),
    many=True,
    required=False,
)

BASELINE = Table(
    "baseline",
    "what savings are counted against: full power over the hours of this convention",
    (
        Key("on", Type.MARK, "when the lamps would be switched on", "sunset"),
        Key("off", Type.MARK, "when they would be switched off", "sunrise"),
        Key(
            "power",
            Type.TEXT,
            "whose full power counts: the board's, or what was measured at 100 % once it was",
            "measured",
            choices=("measured", "declared"),
        ),
    ),
    required=False,
)

UPSTREAM = Table(
    "upstream",
    "where records go; leave it out for a gateway that only keeps them",
    (
        Key(
            "broker",
            Type.TEXT,
            "the MQTT broker's address; port 1883 where it is left out",
            pattern=r"mqtt://[A-Za-z0-9.-]+(:[0-9]{1,5})?",
            example='"mqtt://broker.example:1883"',
        ),
        Key("keepalive_s", Type.WHOLE, "the pause after which the line is tested, in seconds", 300, low=10, high=65535),
    ),
    required=False,
)

TABLES = (BOARD, BUS, LUMINAIRE, GROUP, PATH, SENSOR, BASELINE, UPSTREAM)
