"""`lichtmast preview`: its figures against sums of the test's own, its output, and its refusals."""

from __future__ import annotations

import asyncio
import json
import math
import re
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from agent.almanac import ZoneAlmanac
from agent.clock import MachineClock
from agent.commands import preview as verb
from agent.config.board import load_board
from agent.config.program import load_program
from agent.main import DONE, main
from agent.preview.forecast import month_spans, night_span, preview_night, preview_year
from agent.preview.street import EXAMPLE_LAMP, EXAMPLE_POWER, street_of
from agent.preview.subjects import NO_FLOOR
from agent.records.journal import Journal
from agent.savings.ledger import LuminaireLedger
from agent.savings.power_model import PowerModel
from agent.schedule.calendars import Calendar
from agent.schedule.inputs import no_inputs
from agent.schedule.paths import Path as LightPath
from agent.schedule.plan import Plan, PlannedLuminaire, plain_plan
from agent.schedule.program import Program, Step, parse_mark
from agent.schedule.target import target_of

ROOT = Path(__file__).resolve().parents[3]
DEMO = ROOT / "board_configs" / "demo.toml"
STEP_S = 5.0
DIM = Step(parse_mark("sunset"), 20.0, 0.0)


def power_w(percent: float, full_w: float = 25.0, min_w: float = 2.5, standby_w: float = 0.4) -> float:
    """Returns the power by a law of the test's own: affine in light, which is that of the nearest of 254 levels."""
    if percent <= 0:
        return standby_w
    level = round(math.log10(percent) * 253 / 3 + 253 / 3 + 1)
    light = 10 ** ((level - 1) * 3 / 253 - 1)
    return min_w + (full_w - min_w) * (light - 1) / 99


def without_fades(name: str) -> Program:
    program = load_program(name)
    steps = tuple(step._replace(fade_s=0) for step in program.steps)
    return Program(program.name, program.on, program.off, steps, 0)


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["preview", *words]) == DONE, capsys.readouterr().err
    return capsys.readouterr().out


def read(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    return json.loads(shown(capsys, *words, "--json"))


# Figures


@pytest.mark.parametrize("evening", [date(2025, 12, 15), date(2026, 6, 21), date(2026, 3, 28), date(2026, 10, 24)])
def test_a_nights_energy_is_the_sum_of_the_targets_by_the_power_law(evening: date) -> None:
    street = street_of(None)
    plan = plain_plan(without_fades("d60"), [EXAMPLE_LAMP])
    span = night_span(street.almanac, evening)
    total = preview_night([("d60", plan)], street, evening, None, None).programs[0].total

    asked = [
        target_of(plan, EXAMPLE_LAMP, street.place, no_inputs(0.0), span.start + (number + 0.5) * STEP_S).percent
        for number in range(round((span.end - span.start) / STEP_S))
    ]
    used_wh = sum(power_w(percent) for percent in asked) * STEP_S / 3600
    burning_h = sum(percent > 0 for percent in asked) * STEP_S / 3600
    # Five edges, each off by at most half a step.
    assert 1000 * total.used_kwh == pytest.approx(used_wh, abs=5 * 25 * STEP_S / 2 / 3600)
    assert total.burning_h == pytest.approx(burning_h, abs=2 * STEP_S / 2 / 3600)
    assert 1000 * total.baseline_kwh == pytest.approx(25 * burning_h, abs=25 * STEP_S / 3600)
    assert total.full_load_h == pytest.approx(1000 * total.used_kwh / 25)
    assert 1000 * total.control_kwh == pytest.approx(3 * (span.end - span.start) / 3600)


def test_a_clock_change_makes_the_night_shorter_or_longer() -> None:
    almanac = ZoneAlmanac("Europe/Amsterdam")
    hours = [(night_span(almanac, date(2026, month, day))) for month, day in ((3, 28), (7, 1), (10, 24))]
    assert [(span.end - span.start) / 3600 for span in hours] == [23, 24, 25]
    months = month_spans(almanac, 2028)
    assert sum(span.end - span.start for span in months) == 366 * 86400
    assert [before.end for before in months[:-1]] == [after.start for after in months[1:]]
    assert (months[2].end - months[2].start) / 3600 == 31 * 24 - 1


def test_a_year_is_its_months_and_its_nights() -> None:
    street = street_of(None)
    plan = plain_plan(load_program("d60"), [EXAMPLE_LAMP])
    year = preview_year([("d60", plan)], street, 2026, None, None).programs[0]
    assert len(year.parts) == 12
    assert year.total.used_kwh == pytest.approx(math.fsum(part.used_kwh for part in year.parts))
    # March without its first and last half nights: the nights that begin from 1 to 30 March.
    nights = [
        preview_night([("d60", plan)], street, date(2026, 3, day), None, None).programs[0].total for day in range(1, 31)
    ]
    assert sum(night.burning_h for night in nights) == pytest.approx(year.parts[2].burning_h, abs=13)
    assert year.total.control_kwh == pytest.approx(3 * 8.76)
    assert year.total.burning_h == pytest.approx(4278, abs=3)


def test_every_lamp_counts_by_its_own_power_and_output() -> None:
    board = load_board(DEMO)
    street = street_of(board)
    program = without_fades("always-full")
    calendar = Calendar("always-full", program)
    plan = Plan([PlannedLuminaire(lamp.name, calendar) for lamp in street.lamps], NO_FLOOR)
    total = preview_night([("always-full", plan)], street, date(2025, 12, 15), None, None).programs[0].total
    expected_wh = 10 * (25 * total.burning_h + 0.4 * (24 - total.burning_h))
    assert 1000 * total.used_kwh == pytest.approx(expected_wh)
    assert 1000 * total.control_kwh == pytest.approx(24 * 4.5)
    assert total.net_saving_kwh == pytest.approx(total.baseline_kwh - total.used_kwh - total.control_kwh)
    assert total.net_saving_kwh < 0
    assert total.break_even(10) is None


def test_a_boards_outputs_and_floor_are_in_the_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board = tmp_path / "board.toml"
    text = DEMO.read_text(encoding="utf-8")
    board.write_text(text.replace("power_w = 25.0", "power_w = 25.0\nvirtual_percent = 80"), encoding="utf-8")
    reduced = read(capsys, "always-full", "--board", str(board), "--night", "2025-12-15")["programs"][0]
    (course,) = reduced["nights"][0]["courses"]
    assert [change["percent"] for change in course["changes"]] == [0, 80, 0]
    hours = reduced["total"]["burning_h"]
    expected_wh = 10 * (power_w(80) * hours + 0.4 * (24 - hours))
    assert 1000 * reduced["total"]["used_kwh"] == pytest.approx(expected_wh, rel=1e-3)


def test_the_measured_full_power_goes_before_the_declared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = LuminaireLedger("L03", PowerModel(25.0, 2.5, 0.4), lambda _start, _end: [])
    ledger.level(1_700_000_000.0, 254)
    for quarter in range(9):
        ledger.reading(1_700_000_100.0 + 900 * quarter, 1000 + 7.5 * quarter, 0.1)
    assert ledger.full_power_w == pytest.approx(30)

    young = LuminaireLedger("L05", PowerModel(25.0, 2.5, 0.4), lambda _start, _end: [])
    young.level(1_700_000_000.0, 254)
    for minute in range(2):
        young.reading(1_700_000_100.0 + 60 * minute, 1000 + 0.5 * minute, 0.1)

    async def wrote() -> None:
        journal = await Journal.open(tmp_path / "demo.journal", "demo", MachineClock())
        states = {"L03": ledger.to_state(), "L04": {"version": 0}, "L05": young.to_state()}
        await journal.commit({f"ledger:{name}": state for name, state in states.items()})
        await journal.close()

    asyncio.run(wrote())
    kept = (tmp_path / "demo.journal").read_bytes()
    words = ("always-full", "--board", str(DEMO), "--night", "2025-12-15", "--state", str(tmp_path))
    found = read(capsys, *words)
    powers = {each["name"]: (each["full_power_w"], each["full_power_source"]) for each in found["street"]["luminaires"]}
    assert powers.pop("L03") == (pytest.approx(30), "measured")
    assert set(powers.values()) == {(25.0, "declared")}
    total = found["programs"][0]["total"]
    assert 1000 * total["baseline_kwh"] == pytest.approx((9 * 25 + 30) * total["burning_h"], rel=1e-6)
    assert "full power of 1 measured" in shown(capsys, *words)
    assert (tmp_path / "demo.journal").read_bytes() == kept


def test_a_saving_against_a_program_counts_standby_on_both_sides(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("d60", "always-full", "--night", "2025-12-15")
    first, second = read(capsys, *words, "--against", "always-full")["programs"]
    assert second["total"]["saving_kwh"] == 0
    assert first["total"]["baseline_kwh"] == second["total"]["used_kwh"]
    assert first["total"]["saving_kwh"] == pytest.approx(second["total"]["used_kwh"] - first["total"]["used_kwh"])
    full = read(capsys, *words)["baseline"]
    assert full["convention"] == "100 % from sunset to sunrise, without standby"


MOTION = """[program]
name = "motion"
[[step]]
at = "sunset"
percent = 20
[[dynamic]]
source = "presence"
operation = "max"
percent = 100
hold_s = 60
"""


def test_the_most_that_sensors_could_use_stands_beside_the_saving(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "motion.toml"
    path.write_text(MOTION, encoding="utf-8")
    words = (str(path), "d60", "--night", "2025-12-15")
    found = read(capsys, *words)
    motion, d60 = found["programs"]
    hours = motion["total"]["burning_h"]
    for kwh, percent in ((motion["total"]["used_kwh"], 20), (motion["used_kwh_sensors_always_active"], 100)):
        assert 1000 * kwh == pytest.approx(power_w(percent) * hours + 0.4 * (24 - hours), rel=1e-6)
    assert d60["used_kwh_sensors_always_active"] is None
    assert "motion: as if presence never came; sensors change the figures." in found["notes"]
    text = shown(capsys, *words)
    assert cells(text, "used, sensors always active") == [pytest.approx(0.409, abs=0.0011)]


def test_a_path_raises_the_luminaires_on_it() -> None:
    street = street_of(load_board(DEMO))
    calendar = Calendar("dim", Program("dim", parse_mark("sunset"), parse_mark("sunrise"), (DIM,), 0))
    luminaires = [PlannedLuminaire(lamp.name, calendar) for lamp in street.lamps]
    plan = Plan(luminaires, NO_FLOOR, (), (LightPath("way", ("L01", "L02", "L03"), percent=70),))
    foreseen = preview_night([("dim", plan)], street, date(2025, 12, 15), None, None).programs[0]
    assert foreseen.busy_kwh is not None
    rise_wh = 3 * (power_w(70) - power_w(20)) * foreseen.total.burning_h
    assert 1000 * (foreseen.busy_kwh - foreseen.total.used_kwh) == pytest.approx(rise_wh, rel=1e-6)


# CO2 and money


def test_co2_and_money_name_their_factors(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("d60", "--board", str(DEMO), "--year", "2024", "--price", "0.25")
    found = read(capsys, *words)
    total = found["programs"][0]["total"]
    assert found["emission_factor"]["kg_per_kwh"] == 0.328
    assert total["co2_kg"] == pytest.approx(0.328 * total["net_saving_kwh"])
    assert total["euros"] == pytest.approx(0.25 * total["net_saving_kwh"])
    text = shown(capsys, *words)
    assert "0.328 kg/kWh, NL 2024, co2emissiefactoren.nl" in text
    assert "0.25 EUR per kWh, the variable part, as given" in text


def test_a_year_without_a_factor_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    future = read(capsys, "d60", "--night", "2031-01-01")
    assert future["emission_factor"]["year"] == 2025
    assert future["emission_factor_words"].endswith("2031 has none of its own yet, so the newest counts")
    for words in (("--night", "2019-01-01"), ("--night", "2025-01-01", "--place", "48.85,2.35")):
        without = read(capsys, "d60", *words)
        assert without["emission_factor"] is None
        assert without["programs"][0]["total"]["co2_kg"] is None
        assert without["emission_factor_words"].startswith("no emission factor for")


def test_without_a_price_there_is_no_money(capsys: pytest.CaptureFixture[str]) -> None:
    assert "EUR" not in shown(capsys, "d60", "--year", "2025")


# What is shown


def cells(text: str, row: str) -> list[float]:
    """Returns the first number of each program's cell."""
    line = next(line for line in text.splitlines() if line.startswith(f"  {row}"))
    return [float(number) for number in re.findall(r"(-?[0-9.]+) (?:h|kWh|kg|EUR)\b(?!/)", line)]


def test_the_table_and_the_months_are_the_json(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("d60", "always-full", "--board", str(DEMO), "--year", "2026", "--price", "0.2")
    found, text = read(capsys, *words), shown(capsys, *words)
    rows = {
        "burning hours": ("burning_h", 0.005),
        "equivalent full-load hours": ("full_load_h", 0.005),
        "used by the lamps": ("used_kwh", 0.05),
        "saving": ("saving_kwh", 0.05),
        "used by gateway": ("control_kwh", 0.05),
        "net saving": ("net_saving_kwh", 0.05),
        "CO2 avoided": ("co2_kg", 0.005),
        "money saved": ("euros", 0.005),
    }
    for row, (key, rounding) in rows.items():
        wanted = [program["total"][key] for program in found["programs"]]
        assert cells(text, row)[:2] == [pytest.approx(value, abs=1.01 * rounding) for value in wanted], row
    table = text.split("d60, month by month\n")[1].splitlines()
    for line, month in zip(table[1:13], found["programs"][0]["months"], strict=True):
        name, burning_h, _, used_kwh, *_ = line.split()
        assert name == month["month"]
        assert float(burning_h) == pytest.approx(month["burning_h"], abs=0.0051)
        assert float(used_kwh) == pytest.approx(month["used_kwh"], abs=0.0051)
    assert table[13].split()[0] == "all"


def test_the_example_is_named_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "d60", "--night", "2025-12-15")
    assert "An example: 1 luminaire of 25 W (2.5 W at 1 %, 0.4 W when off), a gateway of 3 W all day." in text
    assert (EXAMPLE_POWER.full_power_w, EXAMPLE_POWER.min_power_w, EXAMPLE_POWER.standby_w) == (25.0, 2.5, 0.4)
    assert "not for settlement" in text


def test_tonight_is_the_night_that_holds_now(capsys: pytest.CaptureFixture[str]) -> None:
    class Known(MachineClock):
        def wall(self) -> float:
            return 1_765_850_400.0  # 2025-12-16 03:00 in De Bilt

        def valid(self) -> bool:
            return True

    arguments = verb_arguments("d60")
    assert verb.run(arguments, Known()) == DONE
    assert "the night of 2025-12-15" in capsys.readouterr().out


def verb_arguments(*words: str) -> Any:
    import argparse

    parser = argparse.ArgumentParser()
    verb.add_arguments(parser)
    return parser.parse_args(words)


def test_the_picture_has_each_night_of_each_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "nights.svg"
    shown(capsys, "d60", "always-full", "--board", str(DEMO), "--year", "2026", "--svg", str(path))
    texts = [each.text for each in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")]
    titles = [text for text in texts if text and ": the night of" in text]
    assert titles == [
        f"{name}: the night of 2026-{day}" for day in ("06-21", "12-21") for name in ("d60", "always-full")
    ]
    ids = re.findall(r' id="([^"]+)"', path.read_text(encoding="utf-8"))
    assert len(set(ids)) == len(ids) == 8


def test_a_calendar_is_previewed_by_its_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "centre.toml"
    path.write_text(
        '[calendar]\nname = "centre"\nprogram = "d60"\n[[rule]]\nprogram = "always-full"\nweekdays = ["friday"]\n',
        encoding="utf-8",
    )
    for day, program in (("2026-01-08", "d60"), ("2026-01-09", "always-full")):
        found = read(capsys, str(path), program, "--night", day)["programs"]
        assert found[0]["name"] == "centre"
        assert found[0]["total"] == found[1]["total"]


def test_without_a_program_it_is_the_boards_own(capsys: pytest.CaptureFixture[str]) -> None:
    own = read(capsys, "--board", str(DEMO), "--night", "2025-12-15")["programs"]
    named = read(capsys, "d60", "--board", str(DEMO), "--night", "2025-12-15")["programs"]
    assert [each["total"] for each in own] == [each["total"] for each in named]


@pytest.mark.parametrize(
    ("place", "night", "says"),
    [("70,20", "2026-06-20", "the sun does not set"), ("70,20", "2026-12-20", "the sun does not rise")],
)
def test_far_north_the_preview_shows_the_levels_of_the_schedule(
    place: str, night: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("always-full", "--place", place, "--timezone", "Europe/Oslo", "--night", night)
    assert says in shown(capsys, *words)
    assert read(capsys, *words)["programs"][0]["total"]["burning_h"] == (0 if "set" in says else 24)
