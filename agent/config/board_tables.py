"""The keys of a board file: what hangs where, and what the place is. The one source of its checks, schema and docs."""

from __future__ import annotations

from agent.config.tables import Key, Table, Type, format_key

# The newest format of these files that this version reads.
FORMAT = 1

# Names go onto the wire as they are: what SenML allows (RFC 8428, 4.5.1), without the signs that separate their parts.
NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,39}"

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
        Key("channel", Type.WHOLE, "the interface's bus, where it has several", 1, low=1, high=4),
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
    ),
    many=True,
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

TABLES = (BOARD, BUS, LUMINAIRE, BASELINE, UPSTREAM)
