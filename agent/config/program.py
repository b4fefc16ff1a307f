"""Reads control programs, TOML files of steps and of the effects of sensors. Ready programs lie in agent/programs/."""

from __future__ import annotations

from pathlib import Path

from agent.config.document import Document, read_document
from agent.config.file_kinds import require_kind
from agent.config.problems import ConfigError, Problem, did_you_mean, shown
from agent.config.program_tables import SOURCE_KINDS, TABLES
from agent.config.tables import Row, read_tables
from agent.schedule.program import (
    LUX,
    MUL,
    NOON_S,
    PRESENCE,
    SUB,
    SUNRISE,
    SUNSET,
    TIME,
    TRAFFIC,
    Dynamic,
    Photocell,
    Program,
    Step,
    mark_text,
    seconds_after_noon,
)

READY = Path(__file__).resolve().parent.parent / "programs"


def ready_programs() -> list[str]:
    """Returns the sorted names of the programs that come with Lichtmast."""
    return sorted(path.stem for path in READY.glob("*.toml"))


def is_path(program: str) -> bool:
    """Returns whether this text names a file (and not a ready program)."""
    return program.endswith(".toml") or "/" in program


def program_path(name_or_path: str | Path) -> Path:
    """Returns the file of a ready program, or the given path. Raises ConfigError for a name that is not known."""
    text = str(name_or_path)
    if is_path(text):
        return Path(text)
    if text not in ready_programs():
        remedy = did_you_mean(text, ready_programs())
        raise ConfigError(
            [Problem(text, 0, f"there is no ready program of this name: {remedy} (or the path of a .toml file)")]
        )
    return READY / f"{text}.toml"


def load_program(name_or_path: str | Path) -> Program:
    """Returns the ready program of this name, or the program in this file. Raises ConfigError with every problem in
    it."""
    return read_program(read_document(program_path(name_or_path)))


def read_program(document: Document) -> Program:
    """Returns the program in a document. Raises ConfigError with every problem in it."""
    require_kind(document, "program", tuple(table.name for table in TABLES))
    rows = read_tables(document, TABLES)
    _check_times(document, [row for row in rows["step"] if row.has("at")])
    for row in rows["program"]:
        check_period(document, row)
        for photocell in rows["photocell"]:
            _check_photocell(document, photocell, row)
    for row in rows["dynamic"]:
        _check_dynamic(document, row)
    _check_dark(document, rows)
    document.refuse()
    row = rows["program"][0]
    photocells = rows["photocell"]
    return Program(
        row.text("name"),
        row.mark("on"),
        row.mark("off"),
        tuple(Step(step.mark("at"), step.number("percent"), step.number("fade_s")) for step in rows["step"]),
        row.number("fade_s"),
        _photocell(photocells[0]) if photocells else None,
        tuple(_dynamic(each) for each in rows["dynamic"]),
        row.flag("dark"),
        row.number("min_burning"),
        row.number("trim_on"),
        row.number("trim_off"),
    )


def check_period(document: Document, row: Row) -> None:
    """Reports a period from `on` to `off` that is empty in every night."""
    if not row.has("on", "off"):
        return
    on, off = row.mark("on"), row.mark("off")
    by_clock = on.kind == TIME and off.kind == TIME and off.offset_s != NOON_S
    if by_clock and seconds_after_noon(off) <= seconds_after_noon(on):
        empty = True
    else:
        same = on.kind == off.kind != TIME and on.angle_deg == off.angle_deg
        empty = (same and off.offset_s <= on.offset_s) or (on.kind, off.kind) == (SUNRISE, SUNSET)
    if empty:
        document.report(
            (*row.where, "off"),
            f"the lamps would be switched off ({mark_text(off)}) before they are switched on ({mark_text(on)}), counted"
            ' from noon: write a later off, or an earlier on, such as on = "sunset" and off = "sunrise"',
        )


def _photocell(row: Row) -> Photocell:
    return Photocell(
        row.text("source"),
        row.number("on_lux"),
        row.number("off_lux"),
        row.number("before"),
        row.number("after"),
    )


def _dynamic(row: Row) -> Dynamic:
    return Dynamic(
        row.text("source"),
        row.text("operation"),
        row.number("percent"),
        row.number("hold_s"),
        row.number("ramp_up_s"),
        row.number("ramp_down_s"),
        row.number("above") if row.has("above") else None,
        row.number("below") if row.has("below") else None,
    )


def _check_photocell(document: Document, row: Row, program: Row) -> None:
    if row.has("on_lux", "off_lux") and row.number("off_lux") < row.number("on_lux"):
        document.report(
            (*row.where, "off_lux"),
            f"off_lux = {row.number('off_lux'):g} is below on_lux = {row.number('on_lux'):g}, so the lamps would switch"
            f" for ever: write at least off_lux = {row.number('on_lux'):g}",
        )
    windowed = row.has("before", "after") and row.number("before") + row.number("after") > 0
    if not windowed and program.has("trim_off") and program.number("trim_off") > 0:
        document.report(
            (*program.where, "trim_off"),
            "a photocell alone cannot switch off earlier than its signal: remove trim_off, or give [photocell] a window"
            " with before and after",
        )


def _check_dynamic(document: Document, row: Row) -> None:
    if not row.has("source", "operation"):
        return
    source, operation = row.text("source"), row.text("operation")
    bounds = [name for name in ("above", "below") if row.has(name)]
    if source == PRESENCE and bounds:
        document.report(
            (*row.where, bounds[0]), f"{bounds[0]} means nothing for presence: remove it, or write another source"
        )
    elif source in (TRAFFIC, LUX) and not {"above", "below"} & row.written:
        example = "above = 100 (a count)" if source == TRAFFIC else "below = 50 (lux)"
        document.report(
            (*row.where, "source"),
            f'source = "{source}" has no bound, so it would always be active: add above or below, such as {example}',
        )
    elif len(bounds) == 2 and row.number("above") >= row.number("below"):
        document.report(
            (*row.where, "above"),
            f"no reading is above {row.number('above'):g} and below {row.number('below'):g}: write a smaller above or a"
            " larger below",
        )
    if row.has("percent") and row.number("percent") > 100 and operation != MUL:
        document.report(
            (*row.where, "percent"),
            f'percent = {row.number("percent"):g}: write a number from 0 to 100 (more is for operation = "mul")',
        )
    near = did_you_mean(source, SOURCE_KINDS)
    if source not in SOURCE_KINDS and near.startswith("did you mean"):
        document.report((*row.where, "source"), f"source = {shown(source)} is no kind of sensor: {near}")


def _check_dark(document: Document, rows: dict[str, list[Row]]) -> None:
    """Reports steps and dynamic controls that can make the street dark, unless the program says that this is meant."""
    if any(row.has("dark") and row.flag("dark") for row in rows["program"]):
        return
    remedy = "or write dark = true in [program] if that is meant (the board must allow it too)"
    steps = [row for row in rows["step"] if row.has("percent")]
    levels = [row.number("percent") for row in steps]
    if levels and len(levels) == len(rows["step"]) and not any(levels):
        document.report(
            (*steps[0].where, "percent"),
            "every step is 0 %, so the street would be dark all night: give at least one step a level above 0,"
            f" {remedy}",
        )
        return
    for row in steps:
        if not row.number("percent"):
            document.report(
                (*row.where, "percent"),
                f"this step is 0 %, so the street would be dark from it on: write a level above 0, {remedy}",
            )
    for row in rows["dynamic"]:
        if not row.has("source", "operation", "percent", "hold_s", "ramp_up_s", "ramp_down_s"):
            continue
        dynamic = _dynamic(row)
        # A subtraction takes most from the lowest level.
        lowest = min((level for level in levels if level), default=0.0)
        if lowest and dynamic.applied(lowest) <= 0:
            what = f"{dynamic.operation} {dynamic.percent:g}" + (
                f" from {lowest:g} %" if dynamic.operation == SUB else ""
            )
            document.report(
                (*row.where, "percent"),
                f"{what} leaves no light, so a sensor could make the street dark: write another percent, {remedy}",
            )


def _check_times(document: Document, steps: list[Row]) -> None:
    """Reports each step that has the time of an earlier step."""
    first: dict[object, Row] = {}
    for row in steps:
        at = row.mark("at")
        if at in first:
            line = document.line((*first[at].where, "at"))
            document.report(
                (*row.where, "at"),
                f"at = {shown(mark_text(at))} is the time of the step at line {line} too: change or remove one of them",
            )
        else:
            first[at] = row
