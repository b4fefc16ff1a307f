"""Board files: the value of a good board, and the sentence and line of every possible mistake."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.config.board import Baseline, Board, Bus, Luminaire, Upstream, load_board, read_board
from agent.config.document import content_hash, parse_document
from agent.config.problems import ConfigError, Problem
from agent.schedule.program import Mark

ROOT = Path(__file__).resolve().parents[3]
DEMO = ROOT / "board_configs" / "demo.toml"

GOOD = """\
[board]
gateway = "kerkstraat-1"
latitude = 51.44
longitude = 5.47
bus_supply = "gear"
gateway_power_w = 3

[[bus]]
name = "street"
interface = "atx_hat"
port = "/dev/serial0"

[[luminaire]]
name = "A"
bus = "street"
short_address = 0
power_w = 25

[[luminaire]]
name = "B08"
count = 3
bus = "street"
short_address = 5
power_w = 40
"""


def board(text: str) -> Board:
    return read_board(parse_document("b.toml", text))


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        board(text)
    assert str(caught.value) == "\n".join(str(problem) for problem in caught.value.problems)
    return [str(problem) for problem in caught.value.problems]


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


def test_the_demo_board() -> None:
    demo = load_board(DEMO)
    assert demo.path == DEMO
    assert (demo.gateway, demo.country, demo.program, demo.bus_supply) == ("demo", "NL", "d60", "separate")
    assert demo.buses == (Bus("street", "atx_hat", "ports/street", 1, 1.5),)
    assert demo.luminaires == tuple(Luminaire(f"L{n:02d}", "street", n - 1, 25.0, 0.4, 2.5) for n in range(1, 11))
    assert demo.upstream == Upstream("127.0.0.1", 1883, 300)
    assert demo.baseline == Baseline(Mark("sunset", 0), Mark("sunrise", 0), "measured")


@pytest.mark.parametrize("path", sorted((ROOT / "board_configs").glob("*.toml")), ids=lambda path: path.stem)
def test_every_board_that_comes_with_us_is_good(path: Path) -> None:
    assert load_board(path).luminaires


def test_defaults_and_counting() -> None:
    found = board(GOOD)
    assert [(each.name, each.short_address) for each in found.luminaires] == [
        ("A", 0),
        ("B08", 5),
        ("B09", 6),
        ("B10", 7),
    ]
    assert (found.name, found.timezone, found.safe_percent, found.supply) == (
        "kerkstraat-1",
        "Europe/Amsterdam",
        100,
        "permanent",
    )
    assert found.upstream is None
    assert found.luminaires[0].min_power_w == 2.5


def test_a_program_file_counts_from_the_board(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("")
    (tmp_path / "board.toml").write_text(changed("gateway_power_w = 3", 'gateway_power_w = 3\nprogram = "own.toml"'))
    assert load_board(tmp_path / "board.toml").program == str(tmp_path / "own.toml")
    (tmp_path / "own.toml").unlink()
    with pytest.raises(ConfigError, match="there is no such file"):
        load_board(tmp_path / "board.toml")
    assert load_board(tmp_path / "board.toml", program_elsewhere=True).luminaires


def test_five_different_errors_at_once() -> None:
    text = """\
[board]
gateway = "kerkstraat-1"
latitude = 5.47
longitude = 51.44
bus_supply = "seperate"
gateway_power_w = 3

[[bus]]
name = "street"
interface = "atx_hatt"
port = "/dev/serial0"

[[luminaire]]
name = "A"
bus = "street"
short_address = 0
power_w = 25

[[luminaire]]
name = "A"
bus = "street"
short_adress = 64
power_w = "25"
"""
    assert problems(text) == [
        "b.toml:3: latitude and longitude are swapped: write latitude = 51.44 and longitude = 5.47",
        'b.toml:5: bus_supply = "seperate": write "gear" or "separate" or "gateway"',
        'b.toml:10: interface = "atx_hatt" is not known: did you mean atx_hat?',
        "b.toml:19: [[luminaire]] has no short_address: write a whole number from 0 to 63 (its DALI short address"
        " (the first one's, with a count))",
        'b.toml:22: "short_adress" is no key of [[luminaire]]: did you mean short_address?',
        'b.toml:23: power_w = "25": write a number from 0.1 to 2000, such as 25',
    ]


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        (
            "latitude = 51.44",
            "latitude = 48.85",
            "b.toml:3: the site 48.85 north, 5.47 east is outside NL (latitude 50.70 to 53.60, longitude"
            ' 3.30 to 7.25): correct it, or write the country it is in, such as country = "BE"',
        ),
        (
            "latitude = 51.44",
            "latitude = 151.44",
            "b.toml:3: latitude = 151.44: write a number from -90 to 90, such as 51.44",
        ),
        (
            "latitude = 51.44",
            "latitude = nan",
            "b.toml:3: latitude = nan: write a number from -90 to 90, such as 51.44",
        ),
        (
            "gateway_power_w = 3",
            "gateway_power_w = 3\nsafe_percent = 0",
            "b.toml:7: safe_percent = 0: write a number from 1 to 100",
        ),
        (
            "gateway_power_w = 3",
            'gateway_power_w = 3\nprogram = "d6"',
            'b.toml:7: program = "d6" is no ready program: did you mean d60? (or the path of a .toml file)',
        ),
        (
            "gateway_power_w = 3",
            'gateway_power_w = 3\nprogram = "x/y.toml"',
            'b.toml:7: program = "x/y.toml": there is no such file: write a path from this file\'s folder',
        ),
        (
            "gateway_power_w = 3",
            'gateway_power_w = 3\nprogram = "' + "x" * 300 + '.toml"',
            'b.toml:7: program = "' + "x" * 56 + "...: there is no such file: write a path from this file's folder",
        ),
        (
            "gateway_power_w = 3",
            'gateway_power_w = 3\ncountry = "BE"',
            'b.toml:1: [board] names the country "BE" but no timezone: write the IANA name of its time'
            ' zone, such as timezone = "Europe/Brussels"',
        ),
        (
            "gateway_power_w = 3",
            "gateway_power_w = 3\nformat = 2",
            "b.toml:7: format = 2: this version of Lichtmast reads up to format 1: update it, or write"
            " the file in that format",
        ),
        (
            "gateway_power_w = 3",
            "gateway_power_w = 0x" + "f" * 9000,
            "b.toml:6: gateway_power_w = a very large number: write a number from 0 to 100, such as 3.0",
        ),
        (
            "gateway_power_w = 3",
            "gateway_power_w = true",
            "b.toml:6: gateway_power_w = true: write a number from 0 to 100, such as 3.0",
        ),
        (
            'gateway = "kerkstraat-1"',
            'gateway = "Kerkstraat 1"',
            'b.toml:2: gateway = "Kerkstraat 1": write a text in quotes, such as "kerkstraat-1" (the'
            " gateway's name on the wire: small letters, digits and hyphens, at most 40)",
        ),
        ('name = "B08"', 'name = "A"', 'b.toml:20: name = "A" does not end in a number to count from: write "A01"'),
        (
            'name = "A"',
            'name = "B10"',
            'b.toml:20: the name "B10" is used at line 14 already: give each luminaire its own',
        ),
        (
            "short_address = 0",
            "short_address = 6",
            'b.toml:23: short_address 6 on the bus "street" is used at line 16 already: give each gear'
            " its own, 0 to 63",
        ),
        (
            "count = 3",
            "count = 60",
            "b.toml:21: count = 60 from short_address 5 goes beyond 63: write at most count = 59",
        ),
        (
            "power_w = 40",
            "power_w = 40\nmin_power_w = 41",
            "b.toml:25: min_power_w = 41 is more than power_w = 40: write the smaller power here, or correct power_w",
        ),
        (
            "power_w = 40",
            'power_w = 40\n[[bus]]\nname = "street"\ninterface = "atx_hat"\nport = "/dev/ttyS1"',
            'b.toml:26: name = "street" is used at line 9 already: give each bus a name of its own',
        ),
        (
            "power_w = 40",
            'power_w = 40\n[[bus]]\nname = "two"\ninterface = "atx_hat"\nport = "/dev/serial0"',
            'b.toml:28: port = "/dev/serial0" and channel = 1 is used at line 11 already: give one of'
            " them another port or channel",
        ),
        (
            "power_w = 40",
            'power_w = 40\n[upstream]\nbroker = "127.0.0.1:1883"',
            'b.toml:26: broker = "127.0.0.1:1883": write a text in quotes, such as'
            ' "mqtt://broker.example:1883" (the MQTT broker\'s address; port 1883 where it is left out)',
        ),
        (
            "power_w = 40",
            'power_w = 40\n[upstream]\nbroker = "mqtt://h:70000"',
            "b.toml:26: broker has port 70000: write a port from 1 to 65535, such as 1883",
        ),
        (
            "power_w = 40",
            "power_w = 40\n[upstream]",
            "b.toml:25: [upstream] has no broker: write a text in quotes, such as"
            ' "mqtt://broker.example:1883" (the MQTT broker\'s address; port 1883 where it is left out)',
        ),
        (
            "power_w = 40",
            'power_w = 40\n[baseline]\non = "sunrise"\noff = "sunset"',
            "b.toml:27: the lamps would be switched off (sunset) before they are switched on (sunrise),"
            ' counted from noon: write a later off, or an earlier on, such as on = "sunset" and off ='
            ' "sunrise"',
        ),
        (
            "power_w = 40",
            "power_w = 40\n[bsaeline]",
            'b.toml:25: "bsaeline" is no table or key of this kind of file: did you mean baseline?',
        ),
        ("[board]", "[[board]]", "b.toml:1: write [board] on a line of its own, once, and its keys below"),
        ("[[bus]]", "[bus]", "b.toml:8: write [[bus]], with double brackets: there may be several"),
    ],
)
def test_each_problem_says_where_and_what_to_write(old: str, new: str, wanted: str) -> None:
    assert wanted in problems(changed(old, new))


def test_an_unknown_time_zone_and_an_unknown_bus() -> None:
    zone = problems(changed("gateway_power_w = 3", 'gateway_power_w = 3\ntimezone = "Europe/Amsterdm"'))
    assert zone[0].startswith(
        'b.toml:7: the time zone "Europe/Amsterdm" is not known on this machine: write an IANA name'
    )
    text = GOOD.replace('bus = "street"', 'bus = "streat"')
    assert problems(text) == [
        'b.toml:15: there is no [[bus]] of the name "streat": did you mean street?',
        'b.toml:22: there is no [[bus]] of the name "streat": did you mean street?',
    ]


def test_the_safe_level_is_not_below_the_floor() -> None:
    def with_floor(safe: float, floor: float) -> str:
        return changed(
            "gateway_power_w = 3", f"gateway_power_w = 3\nsafe_percent = {safe}\nnight_floor_percent = {floor}"
        )

    assert problems(with_floor(9.5, 10)) == [
        "b.toml:7: safe_percent = 9.5 is below night_floor_percent = 10, and the safe level holds at night too: write"
        " at least 10, or lower the floor"
    ]
    assert board(with_floor(10, 10)).safe_percent == 10
    assert board(with_floor(100, 100)).night_floor_percent == 100


@pytest.mark.parametrize("zone", ["Europe/London", "Asia/Shanghai", "America/New_York", "UTC", "Africa/Algiers"])
def test_a_dutch_site_has_dutch_time(zone: str) -> None:
    assert problems(changed("gateway_power_w = 3", f'gateway_power_w = 3\ntimezone = "{zone}"')) == [
        f'b.toml:7: the clock of {zone} is not that of NL: write timezone = "Europe/Amsterdam", or the country that the'
        " site is in"
    ]
    for same in ("Europe/Brussels", "CET", "Europe/Amsterdam"):
        assert board(changed("gateway_power_w = 3", f'gateway_power_w = 3\ntimezone = "{same}"')).timezone == same


@pytest.mark.parametrize(
    ("zone", "east", "hours"),
    [
        # The places with legal time furthest from the sun's, and the difference by the map and the clock.
        ("Asia/Shanghai", 73.9, None),
        ("Europe/Madrid", -9.3, None),
        ("America/Nome", -168.9, None),
        ("America/Nuuk", -69.2, None),
        ("Pacific/Kiritimati", -157.4, None),
        ("Pacific/Apia", -172.7, None),
        ("Asia/Kolkata", 97.4, None),
        ("America/Argentina/Rio_Gallegos", -73.5, None),
        # Clocks of other places.
        ("Asia/Shanghai", 5.47, "7.6"),
        ("Europe/Amsterdam", 90.0, "4.0"),
        ("UTC", 52.4, None),
        ("UTC", 52.6, "3.5"),
        ("America/New_York", 10.0, "4.7"),
        ("Europe/Madrid", 174.8, "9.7"),
        ("UTC", -74.0, "4.9"),
    ],
)
def test_a_clock_of_another_part_of_the_world(zone: str, east: float, hours: str | None) -> None:
    text = changed("longitude = 5.47", f'longitude = {east}\ncountry = "XX"\ntimezone = "{zone}"')
    if hours is None:
        assert board(text).timezone == zone
        return
    assert problems(text) == [
        f"b.toml:6: the clock of {zone} is {hours} hours off the sun at {east:g} east: write the time zone of the site,"
        " or correct its longitude (west is negative)"
    ]


def test_another_country_is_taken_at_its_word() -> None:
    text = changed("latitude = 51.44", 'latitude = 48.85\ncountry = "FR"\ntimezone = "Europe/Paris"')
    assert board(text).latitude == 48.85


def test_a_file_without_its_required_tables_lacks_each() -> None:
    found = problems("[baseline]\n")
    assert found == [
        "b.toml: there is no [[bus]]: add one (a DALI bus and the interface that speaks on it)",
        "b.toml: there is no [[luminaire]]: add one (a luminaire, or `count` equal ones with names and addresses that"
        " count up)",
        "b.toml: there is no [board]: add one (the gateway and its place)",
    ]
    assert len([each for each in problems("[board]\n[[bus]]\n[[luminaire]]\n") if " has no " in each]) == 12


def test_a_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    assert problems("[board]\nname = \n") == ["b.toml:2: not valid TOML: invalid value"]
    assert problems('[board]\nname = """') == ["b.toml:2: not valid TOML: unterminated string"]
    assert problems("x = " + "[" * 9000)[0].startswith("b.toml")
    with pytest.raises(ConfigError, match=r"no\.toml: no such file or directory: give the path of a TOML file"):
        load_board(tmp_path / "no.toml")
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'[board]\nname = "caf\xe9"\n')
    with pytest.raises(ConfigError, match=r"latin\.toml:2: this is not UTF-8 text"):
        load_board(latin)


def test_the_hash_tells_a_change(tmp_path: Path) -> None:
    path = tmp_path / "b.toml"
    path.write_text(GOOD)
    assert content_hash(path.read_bytes()) == hashlib.sha256(GOOD.encode()).hexdigest()


# Lines of a board, some of them wrong: any selection of them makes a board or a list of problems.
WRONG = """\
count = 0
count = 64
power_w = inf
name = "\u00e9"
port = ""
bus = 1
[upstream]
[baseline]
on = "sunset+01:00"
on = 07:00:00
[[board]]
luminaire = 3
[board.x]
latitude = 91
timezone = "x/../y"
"""
WORDS = st.sampled_from([*GOOD.splitlines(), *WRONG.splitlines()])


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(st.lists(WORDS, max_size=25).map("\n".join), st.text(max_size=40).map(lambda text: f"{GOOD}{text}")))
def test_any_text_is_a_board_or_a_list_of_problems(text: str) -> None:
    found: tuple[Problem, ...] = ()
    try:
        luminaires = board(text).luminaires
    except ConfigError as error:
        found = error.problems
        luminaires = ()
    assert bool(found) != bool(luminaires)
    assert all(0 <= problem.line <= text.count("\n") + 1 for problem in found)
    assert all(problem.text.isprintable() for problem in found)


def test_two_buses_on_one_port_have_one_interface() -> None:
    second = '\n[[bus]]\nname = "two"\ninterface = "luba"\nport = "/dev/serial0"\nchannel = 2\n'
    line = GOOD[: GOOD.index('interface = "atx_hat"')].count("\n") + 1
    here = GOOD.count("\n") + 4
    sentence = (
        f'b.toml:{here}: port "/dev/serial0" has the interface "atx_hat" at line {line}:'
        " one port is one interface, so write the same one or another port"
    )
    assert sentence in problems(GOOD + second)
