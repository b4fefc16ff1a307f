"""The plan of a board: groups, paths, calendars, the installer's floor and classes; and each mistake in them, with its
line and its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.board import Board, load_board
from agent.config.calendar import read_calendar
from agent.config.darkness import darkest_night, trimmed_steps
from agent.config.document import parse_document
from agent.config.findings import board_findings, calendar_findings
from agent.config.lighting_class import Design, next_lower
from agent.config.plan import ProgramFiles, load_plan, place_of
from agent.config.problems import ConfigError
from agent.config.program import load_program, read_program, ready_programs
from agent.schedule.calendars import LAST
from agent.schedule.inputs import no_inputs
from agent.schedule.output import Output
from agent.schedule.plan import Plan
from agent.schedule.target import target_of

BOARD = """\
[board]
gateway = "kerkstraat-1"
latitude = 51.44
longitude = 5.47
bus_supply = "gear"
gateway_power_w = 3
{board}
[[bus]]
name = "street"
interface = "atx_hat"
port = "/dev/serial0"

[[luminaire]]
name = "L01"
count = 4
bus = "street"
short_address = 0
power_w = 25
{luminaire}
{rest}
"""
# The lines of the text that a test inserts.
IN_BOARD, IN_LUMINAIRE, IN_REST = 7, 19, 20

STEPS = '[[step]]\nat = "sunset"\npercent = 100\n'


def files(folder: Path, board: str = "", luminaire: str = "", rest: str = "", **others: str) -> Board:
    for name, text in others.items():
        (folder / f"{name}.toml").write_text(text)
    path = folder / "board.toml"
    path.write_text(BOARD.format(board=board, luminaire=luminaire, rest=rest))
    return load_board(path)


def planned(folder: Path, board: str = "", luminaire: str = "", rest: str = "", **others: str) -> Plan:
    return load_plan(files(folder, board, luminaire, rest, **others))


def refused(folder: Path, board: str = "", luminaire: str = "", rest: str = "", **others: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        planned(folder, board, luminaire, rest, **others)
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def own(name: str, keys: str = "", steps: str = STEPS) -> str:
    return f'[program]\nname = "{name}"\n{keys}\n{steps}'


def test_a_plain_board(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    assert plan.names == ["L01", "L02", "L03", "L04"]
    assert plan.luminaires["L03"].calendar.program == load_program("d60")
    assert plan.luminaires["L03"].calendar is plan.luminaires["L01"].calendar
    assert (plan.floor.night_percent, plan.floor.dark_allowed, plan.floor.longest_override_s) == (10, False, 86400)
    assert load_plan(load_board(tmp_path / "board.toml"), "always-full").programs[0].name == "always-full"


def test_groups_paths_floors_and_outputs(tmp_path: Path) -> None:
    plan = planned(
        tmp_path,
        'night_floor_percent = 25\nlongest_override = "03:00"\ndark_allowed = true\nprogram = "part-night-off"',
        'virtual_percent = 90\nmin_percent = 5\ndepreciation = [[0, 80], [20000, 100]]\ngroups = ["side", "main"]',
        '[[group]]\nname = "side"\n[[group]]\nname = "main"\nprogram = "own.toml"\n'
        '[[path]]\nname = "way"\nluminaires = ["L01", "L02", "L03"]\nahead = 1\nbehind = 0\npercent = 90\nhold_s = 40',
        own=own("own"),
    )
    lamp = plan.luminaires["L01"]
    # The first group that has a program counts.
    assert (lamp.calendar.program.name, lamp.groups) == ("own", ("side", "main"))
    assert lamp.output == Output(90, ((0, 80), (20000, 100)), 5)
    assert (plan.floor.night_percent, plan.floor.dark_allowed, plan.floor.longest_override_s) == (25, True, 10800)
    assert [path.raised_by("L02") for path in plan.paths] == [("L02", "L03")]
    assert plan.paths[0].hold_s == 40


CALENDAR = """\
[calendar]
name = "centre"

[[day]]
name = "kermis"
dates = ["2026-07-03", "07-04"]

[[rule]]
program = "festival"
weekdays = ["friday"]
occurrence = "last"

[[rule]]
program = "own.toml"
days = ["kermis", "koningsdag"]

[[rule]]
program = "always-full"
from = "12-24"
until = "01-01"
"""


def test_a_calendar(tmp_path: Path) -> None:
    plan = planned(tmp_path, 'calendar = "cal.toml"', cal=CALENDAR, own=own("own"))
    calendar = plan.luminaires["L01"].calendar
    assert [rule.program.name for rule in calendar.rules] == ["festival", "own", "always-full"]
    assert (calendar.rules[0].weekdays, calendar.rules[0].occurrence) == ((5,), LAST)
    assert calendar.special[0].dates == ((2026, 7, 3), (0, 7, 4))
    assert (calendar.rules[2].first, calendar.rules[2].last) == ((0, 12, 24), (0, 1, 1))
    assert [program.name for program in plan.programs] == ["d60", "festival", "own", "always-full"]


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ("", "this rule has no condition, so it would hold every night"),
        ('weekdays = ["freitag"]', "weekdays = ['freitag']: \"freitag\" is none of them: did you mean friday?"),
        ('occurrence = "last"\ndates = ["12-24"]', "occurrence stands without weekdays"),
        ('dates = ["02-30"]', '"02-30" is no date: write month and day such as "12-24"'),
        ('dates = ["24 december"]', "write a list of texts, such as"),
        ('from = "12-24"', "from stands without until: write both"),
        ('from = "2026-12-24"\nuntil = "01-01"', "from and until must both have a year, or both none"),
        ('from = "2026-12-24"\nuntil = "2026-12-23"', "until is before from, so no night lies between: swap them"),
        ('days = ["koningdag"]', '"koningdag" is no special day: did you mean koningsdag?'),
        (
            'weekdays = ["friday"]\noccurrence = "last"',
            "this rule claims the same nights as the one at line 8, which goes",
        ),
        (
            'dates = ["07-04"]\ndays = ["kermis"]',
            "this rule can never win: the rule at line 13 takes all of its nights",
        ),
        (
            'dates = ["12-24", "12-31"]\nfrom = "12-20"\nuntil = "01-05"',
            "can never win: the rules at lines 8, 17 take all",
        ),
        ('dates = ["03-01"]\ndays = ["pasen"]', "no night meets all the conditions of this rule"),
        ('from = "2026-07-03"\nuntil = "2026-07-04"', "this rule can never win: the rule at line 13 takes"),
    ],
)
def test_each_wrong_rule(tmp_path: Path, rule: str, wanted: str) -> None:
    text = f'{CALENDAR}\n[[rule]]\nprogram = "d60"\n{rule}\n'
    found = refused(tmp_path, 'calendar = "cal.toml"', cal=text, own=own("own"))
    assert any(wanted in problem for problem in found), found
    assert all(problem.startswith("cal.toml:") and int(problem.split(":")[1]) >= 22 for problem in found), found


def test_every_error_of_a_calendar_and_its_programs_at_once(tmp_path: Path) -> None:
    text = """\
[calendar]
name = "Centre"
program = "d6O"
[[day]]
name = "kermis"
dates = ["2026-13-03"]
[[day]]
name = "kermis"
dates = ["07-03"]
[[rule]]
program = "own.toml"
weekdays = ["friday"]
[[rule]]
program = "d60"
day = ["kermis"]
"""
    found = refused(tmp_path, 'calendar = "cal.toml"', cal=text, own=own("own", 'on = "25:00"'))
    assert [problem.split(": ")[0] for problem in found] == [f"cal.toml:{n}" for n in (2, 3, 6, 8, 11, 13, 15)] + [
        "own.toml:3"
    ]
    assert found[-2] == 'cal.toml:15: "day" is no key of [[rule]]: did you mean days?'


@pytest.mark.parametrize(
    ("board", "luminaire", "rest", "wanted"),
    [
        (
            "night_floor_percent = 0",
            "",
            "",
            f"board.toml:{IN_BOARD}: night_floor_percent = 0 would let the street be dark",
        ),
        ('calendar = "no.toml"', "", "", f'board.toml:{IN_BOARD}: calendar = "no.toml": there is no such file'),
        ('longest_override = "800:00"', "", "", 'write hours and minutes such as "00:30", at most 744:00'),
        ('dark_allowed = "yes"', "", "", 'dark_allowed = "yes": write true or false'),
        (
            "",
            'groups = ["mian"]',
            '[[group]]\nname = "main"',
            'there is no [[group]] of the name "mian": did you mean main?',
        ),
        ("", 'groups = ["main"]', "", 'there is no [[group]] of the name "main": add the [[group]] first'),
        ("", "", '[[group]]\nname = "main"', 'no luminaire belongs to the group "main"'),
        ("", 'groups = ["L02"]', '[[group]]\nname = "L02"', '"L02" is a luminaire\'s name too'),
        (
            "",
            'groups = ["a"]',
            '[[group]]\nname = "a"\n[[group]]\nname = "a"',
            f'board.toml:{IN_REST + 3}: the group "a" stands at line {IN_REST + 1} already',
        ),
        ("", "", '[[path]]\nname = "w"\nluminaires = ["L01", "L05"]', 'there is no luminaire of the name "L05"'),
        (
            "",
            "",
            '[[path]]\nname = "w"\nluminaires = ["L01", "L02", "L03", "L01"]',
            f'board.toml:{IN_REST + 2}: the path comes back to "L01", a cycle',
        ),
        ("", "", '[[path]]\nname = "w"\nluminaires = ["L01"]', "a path of one luminaire leads nowhere"),
        ("", "depreciation = [[0, 80], [0, 90]]", "", "hours that grow, each with a percent from 1 to 100"),
        ("", "depreciation = 5", "", "write a list of pairs such as"),
        ("", 'lighting_class = "P4"', "", "lighting_class stands without maintained: write both"),
        ("", 'lighting_class = "P4"\nmaintained = 4.9', "", "maintained = 4.9 lx is below class P4 (5 lx)"),
        (
            "",
            'lighting_class = "M3"\nmaintained = 1.0\ndimmed_class = "M2"',
            "",
            'dimmed_class = "M2" is no class below M3: write one such as "M4"',
        ),
    ],
)
def test_each_wrong_thing_on_a_board(tmp_path: Path, board: str, luminaire: str, rest: str, wanted: str) -> None:
    found = refused(tmp_path, board, luminaire, rest)
    assert any(wanted in problem for problem in found), found
    assert len(found) == 1, found


def test_a_calendar_and_a_program_exclude_each_other(tmp_path: Path) -> None:
    found = refused(tmp_path, 'program = "d60"\ncalendar = "cal.toml"', cal=CALENDAR, own=own("own"))
    assert found == [
        "board.toml:8: a calendar and a program exclude each other: the calendar names its programs; remove one"
    ]


def test_a_dark_program_takes_two_words(tmp_path: Path) -> None:
    assert planned(tmp_path, 'program = "part-night-off"\ndark_allowed = true').programs[0].dark
    assert refused(tmp_path, 'program = "part-night-off"') == [
        "board.toml:7: the program part-night-off leaves the street dark at times (dark = true), which this board does"
        " not allow: write dark_allowed = true in [board] if the owner of the street agrees, or take another program"
    ]
    group = '[[group]]\nname = "a"\nprogram = "part-night-off"'
    assert refused(tmp_path, "", 'groups = ["a"]', group)[0].startswith(f"board.toml:{IN_REST + 2}: the program part-")


@pytest.mark.parametrize(
    ("keys", "night"),
    [
        ('off = "00:30"', "2026-12-"),
        ('on = "sunset+12:00"', "2026-"),
        ('on = "sun below -15"', "2026-06-"),
        ('on = "22:00"\noff = "06:00"', "2026-"),
        ('off = "sunset+02:00"', "2026-12-"),
        ('on = "06:30"', "2026-"),
    ],
)
def test_a_program_that_leaves_the_street_dark_says_so_or_is_refused(tmp_path: Path, keys: str, night: str) -> None:
    (found,) = refused(tmp_path, 'program = "own.toml"', own=own("own", keys))
    assert "own would leave the street dark in some nights, such as " + night in found
    assert found.startswith(("own.toml:3: ", "own.toml:4: "))
    assert "or write dark = true in [program] if that is meant" in found
    text = own("own", f"{keys}\ndark = true")
    assert planned(tmp_path, 'program = "own.toml"\ndark_allowed = true', own=text).programs[0].dark


@pytest.mark.parametrize(
    "keys",
    [
        'on = "sunset+00:15"\noff = "sunrise-00:15"',
        'on = "sun below -3"\noff = "sun above -3"',
        'on = "dusk"\noff = "dawn"',
        'trim_on = "00:10"\ntrim_off = "00:10"',
        'on = "15:00"\noff = "10:00"',
    ],
)
def test_conventions_in_use_leave_no_street_dark(tmp_path: Path, keys: str) -> None:
    assert planned(tmp_path, 'program = "own.toml"', own=own("own", keys)).programs[0].name == "own"


def test_a_step_of_0_percent_and_a_sensor_that_takes_the_light_away(tmp_path: Path) -> None:
    steps = STEPS + '[[step]]\nat = "23:00"\npercent = 0\n'
    dynamic = '[[dynamic]]\nsource = "presence"\noperation = "{}"\npercent = {}\n'
    (found,) = refused(tmp_path, 'program = "own.toml"', own=own("own", "", steps))
    assert found.startswith(
        "own.toml:9: this step is 0 %, so the street would be dark from it on: write a level above 0"
    )
    for operation, percent in (("set", 0), ("min", 0), ("mul", 0), ("sub", 100)):
        text = own("own", "", STEPS + dynamic.format(operation, percent))
        (found,) = refused(tmp_path, 'program = "own.toml"', own=text)
        assert "leaves no light, so a sensor could make the street dark" in found
    planned(tmp_path, 'program = "own.toml"', own=own("own", "", STEPS + dynamic.format("sub", 99)))


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ("[photocell]\non_lux = 20\noff_lux = 10", "off_lux = 10 is below on_lux = 20"),
        ('[[dynamic]]\nsource = "presence"\npercent = 100\nabove = 3', "above means nothing for presence: remove it"),
        ('[[dynamic]]\nsource = "traffic"\npercent = 100', "has no bound, so it would always be active"),
        ('[[dynamic]]\nsource = "lux"\npercent = 100\nabove = 9\nbelow = 9', "no reading is above 9 and below 9"),
        ('[[dynamic]]\nsource = "presence"\npercent = 101', "percent = 101: write a number from 0 to 100"),
        ('[[dynamic]]\nsource = "presense"\npercent = 100', "did you mean presence?"),
        (
            '[[dynamic]]\nsource = "presence"\noperation = "max"\npercent = 100\nhold_s = -1',
            "hold_s = -1: write a number",
        ),
    ],
)
def test_each_wrong_sensor_rule(more: str, wanted: str) -> None:
    with pytest.raises(ConfigError, match=r"^p\.toml:") as caught:
        read_program(parse_document("p.toml", own("own", "", f"{STEPS}{more}\n")))
    assert len(caught.value.problems) == 1
    assert wanted in str(caught.value)


def test_trimming_the_end_needs_a_window() -> None:
    text = own("own", 'trim_off = "00:10"', STEPS + "[photocell]\non_lux = 10\noff_lux = 15\n")
    with pytest.raises(ConfigError, match=r"p\.toml:3: a photocell alone cannot switch off earlier than its signal"):
        read_program(parse_document("p.toml", text))
    assert read_program(parse_document("p.toml", text + 'after = "00:30"\n')).photocell


def test_every_ready_program_makes_a_plan_and_is_judged(tmp_path: Path) -> None:
    place = place_of(files(tmp_path))
    for name in ready_programs():
        plan = planned(tmp_path, f'program = "{name}"\ndark_allowed = true')
        midnight = place.clock_time(20468, 22 * 3600)
        found = target_of(plan, "L01", place, no_inputs(midnight - 90000), midnight)
        assert found.percent > 0
        assert (darkest_night(plan.programs[0], place) is not None) == plan.programs[0].dark
        assert trimmed_steps(plan.programs[0], place).keys() <= ({0} if "part" in name else set())


def test_the_summer_trap_is_reported(tmp_path: Path) -> None:
    steps = STEPS + '[[step]]\nat = "06:00"\npercent = 80\n'
    board = files(tmp_path, 'program = "own.toml"', own=own("own", "", steps))
    read = ProgramFiles()
    (found,) = board_findings(board, load_plan(board, files=read), read, place_of(board))
    assert found.line == 8
    assert found.text.startswith('at = "06:00" comes when the lamps are off already in ')
    assert "left out there" in found.text
    nights, first, last = trimmed_steps(load_plan(board).programs[0], place_of(board))[1]
    # Sunrise at Eindhoven is before 06:00 from about 9 May to the end of July.
    assert 80 < nights < 90
    assert (first.month, last.month) == (5, 7)


def test_steps_below_the_class_are_warned_of_by_name(tmp_path: Path) -> None:
    board = files(
        tmp_path, "", 'groups = ["side"]', '[[group]]\nname = "side"\nlighting_class = "P4"\nmaintained = 5.0'
    )
    read = ProgramFiles()
    (found,) = board_findings(board, load_plan(board, files=read), read, place_of(board))
    assert found.path.endswith("d60.toml")
    assert found.text == (
        "50 % of 5 lx is below class P5 (3 lx on average), which quiet hours must keep for L01 and 3 more (a P4"
        " design): at least 60 % does"
    )
    board = files(tmp_path, "", 'lighting_class = "P4"\nmaintained = 5.0\ndimmed_class = "P6"')
    assert board_findings(board, load_plan(board, files=read), read, place_of(board)) == []


def test_the_floor_of_a_class() -> None:
    assert [next_lower(each) for each in ("P1", "P6", "M5", "C0", "C5", "M6")] == ["P2", "P6", "M6", "C1", "C5", "M6"]
    assert Design("P4", 5, "P5").floor_percent() == pytest.approx(60)
    assert Design("P4", 5, "P5", 0.75).floor_percent() == pytest.approx(80)
    assert Design("M3", 1.2, "M4").floor_percent() == pytest.approx(62.5)


def test_a_control_without_its_sensor_is_told(tmp_path: Path) -> None:
    board = files(tmp_path, 'program = "motion-20-100"')
    read = ProgramFiles()
    (found,) = board_findings(board, load_plan(board, files=read), read, place_of(board))
    assert found.text.startswith('no [[sensor]] of the board is "presence" or of that kind')
    sensor = '[[sensor]]\nname = "P1"\nbus = "street"\ndevice = 0\nkind = "presence"\n'
    board = files(tmp_path, 'program = "motion-20-100"', rest=sensor)
    assert board_findings(board, load_plan(board, files=read), read, place_of(board)) == []


def test_rules_that_share_nights_are_told(tmp_path: Path) -> None:
    path = tmp_path / "cal.toml"
    path.write_text(CALENDAR)
    (tmp_path / "own.toml").write_text(own("own"))
    read = ProgramFiles()
    calendar = read.load_calendar(str(path))
    found = calendar_findings(calendar, read.read(path))
    assert [each.line for each in found] == [17, 13]
    assert (
        "the one at line 8 claim the same nights, such as 2026-12-25: the earlier one wins (festival)" in found[0].text
    )


@given(st.lists(st.sampled_from(CALENDAR.splitlines()), max_size=20).map("\n".join))
def test_any_lines_are_a_calendar_or_a_list_of_problems(text: str) -> None:
    try:
        assert read_calendar(parse_document("c.toml", text)).programs()
    except ConfigError as error:
        found = error.problems
    else:
        return
    assert found
