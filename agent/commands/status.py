"""`lichtmast status`: shows the street of the running agent, once or (`--watch`) until it is stopped."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from agent.almanac import ZoneAlmanac
from agent.commands import add_state_folder
from agent.interfaces import Clock
from agent.local.socket import NoAgent, ask

WATCH_EVERY_S = 2.0
_REASONS = {
    "floor": "night floor",
    "override": "by hand",
    "safe": "safe level",
    "sensor": "sensor",
}
_CLEAR_SCREEN = "\x1b[H\x1b[2J"

# What the agent says to the question "status" (agent/local/status.py).
Said = Mapping[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_state_folder(parser)
    parser.add_argument("--watch", action="store_true", help="show it anew every two seconds, until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="print one JSON object (with --watch: one a line)")


async def run(arguments: argparse.Namespace, clock: Clock) -> int:
    try:
        while True:
            said = await ask(arguments.state, "status", clock)
            assert isinstance(said, dict)
            if arguments.json:
                print(json.dumps(said, indent=None if arguments.watch else 2), flush=True)
            else:
                clear = _CLEAR_SCREEN if arguments.watch and sys.stdout.isatty() else ""
                print(clear + "\n".join(as_text(said)), flush=True)
            if not arguments.watch:
                return 0
            await clock.sleep(WATCH_EVERY_S)
    except NoAgent as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except asyncio.CancelledError:
        if arguments.watch:
            return 0  # it runs until it is stopped: that is no failure
        raise


def as_text(said: Said) -> list[str]:
    """Returns the status in lines of at most 80 characters, but for long names and texts of alarms."""
    local = _LocalTime(said["timezone"], said["at"])
    lines = [f"{said['name']} (gateway {said['gateway']}), {local.date_and_time(said['at'])}, {said['timezone']}", ""]
    lines.extend(_lamps(said["luminaires"], local))
    lines.append("")
    lines.extend(_alarms(said["alarms"], local))
    lines.extend(_override(each, said["luminaires"], local) for each in said["overrides"])
    changes = [lamp["next_change"] for lamp in said["luminaires"] if lamp["next_change"]]
    if changes:
        first = min(changes, key=lambda change: change["at"])
        count = sum(change["at"] == first["at"] for change in changes)
        lines.append(f"next change: {local.time(first['at'])} to {first['percent']:g} % ({_luminaires(count)})")
    lines.append(_records(said))
    if not said["clock_valid"]:
        lines.append("clock: not to be believed, so lamps burn at the safe level until a network tells the time")
    elif not said["clock_synchronised"]:
        lines.append("clock: goes by itself; no network confirms it")
    lines.append(f"lichtmast {said['version']}")
    return lines


def _lamps(lamps: Sequence[Said], local: _LocalTime) -> list[str]:
    width = max([4, *(len(lamp["name"]) for lamp in lamps)])
    lines = [f"{'lamp':<{width}}  {'target':>7}  {'actual':>7}  {'answered':>11}  why"]
    for lamp in lamps:
        why = _REASONS.get(lamp["reason"]) or f"program {lamp['program']}"
        if lamp["lamp_failed"]:
            why += "; LAMP FAILED"
        elif not lamp["answers"]:
            why += "; DOES NOT ANSWER"
        answered = "never" if lamp["last_answer"] is None else local.time(lamp["last_answer"])
        lines.append(
            f"{lamp['name']:<{width}}  {_percent(lamp['target_percent']):>7}  {_percent(lamp['actual_percent']):>7}"
            f"  {answered:>11}  {why}"
        )
    return lines


def _alarms(alarms: Sequence[Said], local: _LocalTime) -> list[str]:
    if not alarms:
        return ["no fault"]
    return [f"{alarm['subject']}: {alarm['text']} (since {local.date_and_time(alarm['since'])})" for alarm in alarms]


def _override(override: Said, lamps: Sequence[Said], local: _LocalTime) -> str:
    whom = ", ".join([*override["groups"], *override["luminaires"]]) or f"all {_luminaires(len(lamps))}"
    what = "back to the program" if override["percent"] is None else f"{override['percent']:g} %"
    return f"by hand: {whom} at {what} until {local.date_and_time(override['expires'])}"


def _records(said: Said) -> str:
    journal, upstream = said["journal"], said["upstream"]
    if upstream is None:
        return f"records: {journal['records']} in the journal; this board sends none"
    link = "connected" if upstream["connected"] else "no connection to the broker"
    return f"records: {journal['records']}, of which {journal['unsent']} are not confirmed yet; {link}"


def _luminaires(count: int) -> str:
    return "1 luminaire" if count == 1 else f"{count} luminaires"


def _percent(percent: float | None) -> str:
    return "-" if percent is None else f"{percent:g} %"


class _LocalTime:
    """Writes Unix times as local ones; beside `now` a time of the same day needs no date."""

    def __init__(self, timezone: str, now: float) -> None:
        self._almanac = ZoneAlmanac(timezone)
        self._today = self._text(now, "%Y-%m-%d")

    def time(self, unix: float) -> str:
        """Returns "hh:mm:ss" for a time of today, else month, day, hours and minutes."""
        same_day = self._text(unix, "%Y-%m-%d") == self._today
        return self._text(unix, "%H:%M:%S" if same_day else "%m-%d %H:%M")

    def date_and_time(self, unix: float) -> str:
        """Returns "2026-11-25 20:05"."""
        return self._text(unix, "%Y-%m-%d %H:%M")

    def _text(self, unix: float, form: str) -> str:
        return time.strftime(form, time.gmtime(unix + self._almanac.utc_offset_s(unix)))
