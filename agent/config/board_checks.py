"""Checks a board's keys against each other: the site lies in its country, each name and address has one owner."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import NamedTuple

from agent.almanac import MOST_HOURS_OFF_THE_SUN, UnknownTimezone, ZoneAlmanac
from agent.config.document import Document
from agent.config.problems import did_you_mean, shown
from agent.config.program import is_path, ready_programs
from agent.config.tables import Row

_LAST_NUMBER = re.compile(r"(.*?)([0-9]{1,9})")


class Country(NamedTuple):
    """The bounds of a country, in degrees, and its time zone."""

    south: float
    north: float
    west: float
    east: float
    timezone: str

    def holds(self, latitude: float, longitude: float) -> bool:
        """Returns whether a place lies within the bounds."""
        return self.south <= latitude <= self.north and self.west <= longitude <= self.east


# A site in a country that is not listed here is not checked.
COUNTRIES = {"NL": Country(50.70, 53.60, 3.30, 7.25, "Europe/Amsterdam")}


def check_site(document: Document, row: Row) -> None:
    """Reports a site outside its country, and a time zone that is not known or belongs to another place."""
    if row.has("timezone"):
        _check_clock(document, row)
    if row.has("country") and row.text("country") != "NL" and "timezone" not in row.written:
        document.report(
            row.where,
            f'[board] names the country "{row.text("country")}" but no timezone: write the IANA name of its time zone,'
            ' such as timezone = "Europe/Brussels"',
        )
    if not row.has("country", "latitude", "longitude"):
        return
    country, latitude, longitude = row.text("country"), row.number("latitude"), row.number("longitude")
    box = COUNTRIES.get(country)
    if box is None or box.holds(latitude, longitude):
        return
    where = (*row.where, "latitude")
    if box.holds(longitude, latitude):
        document.report(
            where,
            f"latitude and longitude are swapped: write latitude = {longitude:g} and longitude = {latitude:g}",
        )
        return
    document.report(
        where,
        f"the site {latitude:g} north, {longitude:g} east is outside {country} (latitude {box.south:.2f} to"
        f" {box.north:.2f}, longitude {box.west:.2f} to {box.east:.2f}): correct it, or write the country it is in,"
        ' such as country = "BE"',
    )


def _check_clock(document: Document, row: Row) -> None:
    """Reports a time zone that is not the country's. If the country is not listed, reports a time zone of another part
    of the world."""
    try:
        almanac = ZoneAlmanac(row.text("timezone"))
    except UnknownTimezone as error:
        document.report((*row.where, "timezone"), str(error))
        return
    country = COUNTRIES.get(row.text("country")) if row.has("country") else None
    if country and not almanac.agrees_with(ZoneAlmanac(country.timezone)):
        document.report(
            (*row.where, "timezone"),
            f"the clock of {almanac.timezone} is not that of {row.text('country')}: write timezone ="
            f' "{country.timezone}", or the country that the site is in',
        )
    elif not country and row.has("longitude"):
        hours = almanac.hours_off_the_sun(row.number("longitude"))
        if hours > MOST_HOURS_OFF_THE_SUN:
            document.report(
                (*row.where, "timezone"),
                f"the clock of {almanac.timezone} is {hours:.1f} hours off the sun at {row.number('longitude'):g} east:"
                " write the time zone of the site, or correct its longitude (west is negative)",
            )


def check_program(document: Document, row: Row, folder: Path) -> None:
    """Reports a program that is neither a ready one nor an existing file."""
    if not row.has("program") or not row.text("program"):
        return
    program = row.text("program")
    where = (*row.where, "program")
    if is_path(program):
        if not _is_there(folder / program):
            document.report(
                where, f"program = {shown(program)}: there is no such file: write a path from this file's folder"
            )
    elif program not in ready_programs():
        remedy = did_you_mean(program, ready_programs())
        document.report(
            where, f"program = {shown(program)} is no ready program: {remedy} (or the path of a .toml file)"
        )


def check_calendar(document: Document, row: Row, folder: Path) -> None:
    """Reports a calendar that is not an existing file, or that stands beside a program."""
    if not row.has("calendar") or not row.text("calendar"):
        return
    calendar, where = row.text("calendar"), (*row.where, "calendar")
    if not calendar.endswith(".toml") or not _is_there(folder / calendar):
        document.report(
            where,
            f"calendar = {shown(calendar)}: there is no such file: write a .toml file's path from this file's folder",
        )
    if "program" in row.written:
        document.report(
            where, "a calendar and a program exclude each other: the calendar names its programs; remove one"
        )


def check_floor(document: Document, row: Row) -> None:
    """Reports a floor of 0 (a dark street) that dark_allowed does not allow, and a safe level below the floor: the safe
    level holds at night too."""
    if not row.has("night_floor_percent"):
        return
    floor_percent = row.number("night_floor_percent")
    if row.has("dark_allowed") and not floor_percent and not row.flag("dark_allowed"):
        document.report(
            (*row.where, "night_floor_percent"),
            "night_floor_percent = 0 would let the street be dark: write at least 1, or dark_allowed = true",
        )
    if row.has("safe_percent") and row.number("safe_percent") < floor_percent:
        document.report(
            (*row.where, "safe_percent" if "safe_percent" in row.written else "night_floor_percent"),
            f"safe_percent = {row.number('safe_percent'):g} is below night_floor_percent = {floor_percent:g}, and the"
            f" safe level holds at night too: write at least {floor_percent:g}, or lower the floor",
        )


def check_luminaires(document: Document, rows: Sequence[Row], buses: Sequence[Row]) -> None:
    """Reports names and addresses that are used twice, buses that do not exist, and powers in the wrong order."""
    known = [bus.text("name") for bus in buses if bus.has("name")]
    names: dict[Hashable, Row] = {}
    addresses: dict[Hashable, Row] = {}
    for row in rows:
        if row.has("bus") and row.text("bus") not in known:
            remedy = did_you_mean(row.text("bus"), known) if known else "add the [[bus]] first"
            document.report((*row.where, "bus"), f"there is no [[bus]] of the name {shown(row.text('bus'))}: {remedy}")
        if row.has("power_w"):
            for smaller in ("min_power_w", "standby_w"):
                if row.has(smaller) and row.number(smaller) > row.number("power_w"):
                    document.report(
                        (*row.where, smaller),
                        f"{smaller} = {row.number(smaller):g} is more than power_w = {row.number('power_w'):g}:"
                        " write the smaller power here, or correct power_w",
                    )
        if row.has("name", "count", "short_address"):
            _check_count(document, row)
            if can_count(row):
                _check_names_and_addresses(document, row, names, addresses)


def names_and_addresses(row: Row) -> list[tuple[str, int]]:
    """Returns the name and short address of each luminaire that a [[luminaire]] stands for.

    With a count, the number that ends the name counts up, and so does the address.
    """
    name, count, address = row.text("name"), row.whole("count"), row.whole("short_address")
    if count == 1:
        return [(name, address)]
    found = _LAST_NUMBER.fullmatch(name)
    assert found
    stem, number = found.groups()
    return [(f"{stem}{int(number) + step:0{len(number)}d}", address + step) for step in range(count)]


def _check_names_and_addresses(
    document: Document, row: Row, names: dict[Hashable, Row], addresses: dict[Hashable, Row]
) -> None:
    """Reports the first name and the first address of a row that an earlier row has too. With a count, the row's other
    clashes follow from these."""
    for name, _ in names_and_addresses(row):
        what = f"the name {shown(name)}"
        if not _is_first(document, names, name, row, "name", what, "give each luminaire its own"):
            break
    if not row.has("bus"):
        return
    bus = row.text("bus")
    for _, address in names_and_addresses(row):
        what = f"short_address {address} on the bus {shown(bus)}"
        if not _is_first(
            document, addresses, (bus, address), row, "short_address", what, "give each gear its own, 0 to 63"
        ):
            break


def can_count(row: Row) -> bool:
    """Returns whether names and addresses can count up from this [[luminaire]], its count times."""
    count = row.whole("count")
    named = count == 1 or _LAST_NUMBER.fullmatch(row.text("name")) is not None
    return named and row.whole("short_address") + count <= 64


def _check_count(document: Document, row: Row) -> None:
    name, count, address = row.text("name"), row.whole("count"), row.whole("short_address")
    if count > 1 and not _LAST_NUMBER.fullmatch(name):
        document.report(
            (*row.where, "name"), f'name = {shown(name)} does not end in a number to count from: write "{name}01"'
        )
    elif address + count > 64:
        document.report(
            (*row.where, "count"),
            f"count = {count} from short_address {address} goes beyond 63: write at most count = {64 - address}",
        )


def _is_there(path: Path) -> bool:
    """Returns whether the path exists. A folder or a pipe counts too: it gets a better sentence when it is read."""
    try:
        return path.exists()
    except OSError:  # the name is too long, or a folder may not be entered
        return False


def check_no_repeats(document: Document, rows: Sequence[Row], keys: tuple[str, ...], remedy: str) -> None:
    """Reports each row that has the values of an earlier row in all of these keys."""
    seen: dict[Hashable, Row] = {}
    for row in rows:
        if row.has(*keys):
            value = tuple(row.values[key] for key in keys)
            what = " and ".join(f"{key} = {shown(row.values[key])}" for key in keys)
            _is_first(document, seen, value, row, keys[0], what, remedy)


def _is_first(
    document: Document, seen: dict[Hashable, Row], value: Hashable, row: Row, key: str, what: str, remedy: str
) -> bool:
    """Returns True if no earlier row has this value; otherwise reports the row and returns False."""
    first = seen.setdefault(value, row)
    if first is row:
        return True
    line = document.line((*first.where, key))
    document.report((*row.where, key), f"{what} is used at line {line} already: {remedy}")
    return False
