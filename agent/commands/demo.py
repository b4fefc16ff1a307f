"""`lichtmast demo`: lives one accelerated night of an emulated street, noon to noon; shows its saving, and draws it."""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from agent.almanac import ZoneAlmanac
from agent.config.board import load_board
from agent.config.program import load_program
from agent.hardware.files import require_writable_folder, write_or_report
from agent.interfaces import Clock
from agent.savings.plot import NightPlot, night_svg
from agent.schedule.evaluate import burning_spans
from agent.schedule.program import mark_text
from agent.schedule.sun import night_around

if TYPE_CHECKING:
    from hil.night import NightResult

DEMO_BOARD = Path(__file__).resolve().parents[2] / "board_configs" / "demo.toml"
DEMO_EXTRA = ("amqtt", "rich")
DEMO_NIGHT = date(2025, 12, 15)
MOST_LUMINAIRES = 64
WHEN_STOPPED = "the night was not over, and nothing was written"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--luminaires",
        type=_count,
        metavar="N",
        help="take so many copies of the board's first luminaire, 1 to 64, on one bus",
    )
    parser.add_argument(
        "--date",
        type=date.fromisoformat,
        default=DEMO_NIGHT,
        help=f"the evening, as YYYY-MM-DD (default: {DEMO_NIGHT})",
    )
    parser.add_argument("--program", help="a ready program's name, or a file (default: the board's)")
    parser.add_argument(
        "--board", type=Path, default=DEMO_BOARD, help="the board file (default: the demo street in Eindhoven)"
    )
    parser.add_argument("--seed", type=int, default=1, help="draws the emulated lamps: equal seeds give equal nights")
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="the folder of the plot (default: this one)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object, with every luminaire")


def run(arguments: argparse.Namespace, clock: Clock) -> int:
    missing = [name for name in DEMO_EXTRA if find_spec(name) is None]
    if missing:
        sys.stderr.write(f"the demo needs {' and '.join(missing)}: install lichtmast[demo]\n")
        return 1
    from hil.night import live_a_night, with_luminaires

    require_writable_folder(arguments.out, "--out")
    board = load_board(arguments.board)
    program = load_program(arguments.program or board.program)
    if arguments.luminaires:
        board = with_luminaires(board, arguments.luminaires)
    logging.getLogger("lichtmast").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="lichtmast-demo-") as folder, _progress(arguments.json) as progress:
        result = live_a_night(board, program, arguments.date, Path(folder), seed=arguments.seed, progress=progress)
    plot = arguments.out / f"lichtmast-demo-{arguments.date}.svg"
    print(json.dumps(_as_json(result, plot), indent=2) if arguments.json else "\n".join(_as_text(result, plot)))
    return 0 if write_or_report(plot, night_svg(_plot(result))) and _holds(result) else 1


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_LUMINAIRES:
        raise argparse.ArgumentTypeError(f"a DALI bus takes 1 to {MOST_LUMINAIRES} luminaires, not {text}")
    return int(text)


def _holds(result: NightResult) -> bool:
    """Returns True if the night lost nothing and every figure is true to the lamps."""
    lamps_hold = all(lamp.holds for lamp in result.lamps) and abs(result.total_error_wh) <= result.total_bound_wh
    return lamps_hold and result.traffic.records_lost == 0 and result.summary.duplicates == 0


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[float], None]]:
    """Shows a bar on a terminal; nothing with --json or without a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda share: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("one night, noon to noon", total=1.0)
        yield lambda share: bar.update(task, completed=share)


def _as_text(result: NightResult, plot: Path) -> list[str]:
    board, summary, traffic = result.board, result.summary, result.traffic
    counts = (traffic.records_written, traffic.records_sent, traffic.records_acknowledged, traffic.records_lost)
    convention = f"{mark_text(board.baseline.on)} to {mark_text(board.baseline.off)}"
    percent = summary.net_saving_percent
    saving = f"{summary.net_saving_kwh:.3f} kWh" + ("" if percent is None else f"  {percent:.1f} % of the baseline")
    rows = [
        ("burning hours", f"{summary.burning_h:.2f} h  ({convention})"),
        ("baseline", f"{summary.baseline_kwh:.3f} kWh  (100 % in those hours)"),
        ("used by the lamps", f"{summary.used_kwh:.3f} kWh  ({_shares(summary.quality_shares)})"),
        ("used by gateway and bus supply", f"{summary.control_kwh:.3f} kWh  (declared, 24 h)"),
        ("net saved", saving),
        ("pays for itself from", _break_even(summary.break_even_luminaires)),
        ("CO2 avoided", _co2(result)),
        ("frames sent", f"{traffic.frames_sent}"),
        ("bus load", f"{100 * traffic.bus_load:.1f} %"),
        ("records written / sent / acknowledged / lost", " / ".join(str(count) for count in counts)),
        ("largest error of a lamp's energy", _largest_error(result)),
    ]
    width = max(len(name) for name, _ in rows)
    evening = datetime.fromtimestamp(result.start, UTC).date()
    lines = [f"{board.name}: {len(board.luminaires)} luminaires, program {result.program.name}, night of {evening}", ""]
    lines += [f"  {name:<{width}}  {value}" for name, value in rows]
    lines += [f"  event: {text}" for text in result.events]
    return [*lines, "", f"  {result.took_s:.1f} s for 24 h on the virtual clock. The night as a picture: {plot}"]


def _shares(shares: dict[str, float]) -> str:
    return ", ".join(f"{100 * share:.0f} % {quality}" for quality, share in sorted(shares.items()) if share)


def _break_even(count: int | None) -> str:
    return "never: a lamp saves nothing" if count is None else f"{count} luminaire{'s' if count > 1 else ''}"


def _co2(result: NightResult) -> str:
    summary = result.summary
    if summary.co2_kg is None:
        return "no emission factor for this country and year"
    factors = "; ".join(f"{one.kg_per_kwh} kg/kWh, {one.year}, {one.source}" for one in summary.emission_factors)
    return f"{summary.co2_kg:.3f} kg  ({factors})"


def _largest_error(result: NightResult) -> str:
    worst = max(result.lamps, key=lambda lamp: abs(lamp.error_wh))
    return f"{abs(worst.error_wh):.3f} Wh  ({worst.luminaire}; allowed {worst.bound_wh:g} Wh, against its own integral)"


def _plot(result: NightResult) -> NightPlot:
    board, summary = result.board, result.summary
    almanac = ZoneAlmanac(board.timezone)
    sun = night_around(board.latitude, board.longitude, (result.start + result.end) / 2)
    full_w = sum(lamp.full_power_w for lamp in summary.luminaires)
    standby_w = sum(lamp.standby_w for lamp in board.luminaires)
    baseline = [(result.start, standby_w)]
    for begin, finish in burning_spans(
        board.baseline.on, board.baseline.off, almanac, board.latitude, board.longitude, result.start, result.end
    ):
        baseline += [(begin, standby_w), (begin, full_w), (finish, full_w), (finish, standby_w)]
    evening = datetime.fromtimestamp(result.start, UTC).date()
    return NightPlot(
        title=f"{board.name}: the night of {evening}",
        subtitle=f"{len(board.luminaires)} luminaires, program {result.program.name}, an emulated street",
        start=result.start,
        end=result.end,
        levels=result.levels,
        powers=result.powers,
        baseline_powers=[*baseline, (result.end, standby_w)],
        sunset=sun.sunset,
        sunrise=sun.sunrise,
        local_time=lambda unix: time.strftime("%H:%M", time.gmtime(unix + almanac.utc_offset_s(unix))),
        footnote=f"Net saved {summary.net_saving_kwh:.2f} kWh of {summary.baseline_kwh:.2f} kWh, metered by the gear",
    )


def _as_json(result: NightResult, plot: Path) -> dict[str, object]:
    return {
        "board": result.board.gateway,
        "program": result.program.name,
        "start": result.start,
        "end": result.end,
        "summary": dataclasses.asdict(result.summary),
        "traffic": {**dataclasses.asdict(result.traffic), "records_lost": result.traffic.records_lost},
        "luminaires": [
            {**dataclasses.asdict(lamp), "error_wh": lamp.error_wh, "holds": lamp.holds} for lamp in result.lamps
        ],
        "total_error_wh": result.total_error_wh,
        "total_bound_wh": result.total_bound_wh,
        "events": list(result.events),
        "plot": str(plot),
        "took_s": result.took_s,
    }
