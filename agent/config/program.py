"""Control programs as TOML files: a [program] and its [[step]]s. Ready ones lie in agent/programs/."""

from __future__ import annotations

from pathlib import Path

from agent.config.document import Document, read_document
from agent.config.problems import ConfigError, Problem, did_you_mean, shown
from agent.config.tables import Key, Row, Table, Type, format_key, read_tables
from agent.schedule.program import NOON_S, SUNRISE, SUNSET, TIME, Program, Step, mark_text, seconds_after_noon

# The newest format of these files that this version reads.
FORMAT = 1

READY = Path(__file__).resolve().parent.parent / "programs"

# 90 s is about the longest fade that control gear has by its plain fade time (IEC 62386-102).
_LONGEST_FADE_S = 90

TABLES = (
    Table(
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
            Key("on", Type.MARK, "when the lamps are switched on", SUNSET),
            Key("off", Type.MARK, "when they are switched off", SUNRISE),
            Key("fade_s", Type.NUMBER, "fade of switching on and off, in seconds", 0, low=0, high=_LONGEST_FADE_S),
        ),
    ),
    Table(
        "step",
        "the level from a moment of the night on, until the next step",
        (
            Key("at", Type.MARK, "the moment, by the local clock or by the sun"),
            Key("percent", Type.NUMBER, "the level", low=0, high=100),
            Key("fade_s", Type.NUMBER, "fade to this level, in seconds", 0, low=0, high=_LONGEST_FADE_S),
        ),
        many=True,
    ),
)


def ready_programs() -> list[str]:
    """The names of the programs that come with Lichtmast."""
    return sorted(path.stem for path in READY.glob("*.toml"))


def is_path(program: str) -> bool:
    """Whether this means a file and not a ready program's name."""
    return program.endswith(".toml") or "/" in program


def load_program(name_or_path: str | Path) -> Program:
    """The ready program of this name, or the one in this file. Raises ConfigError with every problem in it."""
    text = str(name_or_path)
    if is_path(text):
        return read_program(read_document(text))
    if text not in ready_programs():
        remedy = did_you_mean(text, ready_programs())
        raise ConfigError(
            [Problem(text, 0, f"there is no ready program of this name: {remedy} (or the path of a .toml file)")]
        )
    return read_program(read_document(READY / f"{text}.toml"))


def read_program(document: Document) -> Program:
    """The program in a document. Raises ConfigError with every problem in it."""
    rows = read_tables(document, TABLES)
    steps = [row for row in rows["step"] if row.has("at")]
    _no_equal_times(document, steps)
    levels = [row.number("percent") for row in rows["step"] if row.has("percent")]
    if levels and len(levels) == len(rows["step"]) and not any(levels):
        document.report(
            (*rows["step"][0].where, "percent"),
            "every step is 0 %, so the street would be dark all night: give at least one step a level above 0",
        )
    for row in rows["program"]:
        check_period(document, row)
    document.refuse()
    row = rows["program"][0]
    return Program(
        row.text("name"),
        row.mark("on"),
        row.mark("off"),
        tuple(Step(step.mark("at"), step.number("percent"), step.number("fade_s")) for step in rows["step"]),
        row.number("fade_s"),
    )


def check_period(document: Document, row: Row) -> None:
    """Refuses a period that is empty in every night."""
    if not row.has("on", "off"):
        return
    on, off = row.mark("on"), row.mark("off")
    by_clock = on.kind == TIME and off.kind == TIME and off.offset_s != NOON_S
    if by_clock and seconds_after_noon(off) <= seconds_after_noon(on):
        empty = True
    else:
        empty = (on.kind == off.kind != TIME and off.offset_s <= on.offset_s) or (on.kind, off.kind) == (
            SUNRISE,
            SUNSET,
        )
    if empty:
        document.report(
            (*row.where, "off"),
            f"the lamps would be switched off ({mark_text(off)}) before they are switched on ({mark_text(on)}), counted"
            ' from noon: write a later off, or an earlier on, such as on = "sunset" and off = "sunrise"',
        )


def _no_equal_times(document: Document, steps: list[Row]) -> None:
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
