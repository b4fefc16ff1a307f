"""Checks the groups and paths of a board: names of their own, members that exist, no cycles."""

from __future__ import annotations

from collections.abc import Sequence

from agent.config.board_checks import can_count, names_and_addresses
from agent.config.document import Document
from agent.config.lighting_class import check_design
from agent.config.problems import did_you_mean, shown
from agent.config.tables import Row


def check_groups(document: Document, rows: Sequence[Row], luminaires: Sequence[Row]) -> None:
    """Reports group names that another group or a luminaire has, and groups that do not exist or have no luminaire."""
    known: dict[str, Row] = {}
    lamps = luminaire_names(luminaires)
    for row in rows:
        check_design(document, row)
        if not row.has("name"):
            continue
        name = row.text("name")
        if name in known:
            line = document.line((*known[name].where, "name"))
            document.report(
                (*row.where, "name"),
                f"the group {shown(name)} stands at line {line} already: give each group a name of its own",
            )
        elif name in lamps:
            document.report(
                (*row.where, "name"), f"{shown(name)} is a luminaire's name too: give the group another one"
            )
        known.setdefault(name, row)
    used = {name for row in luminaires if row.has("groups") for name in row.texts("groups")}
    for row in luminaires:
        check_design(document, row)
        for name in row.texts("groups") if row.has("groups") else ():
            if name not in known:
                remedy = did_you_mean(name, known) if known else "add the [[group]] first"
                document.report((*row.where, "groups"), f"there is no [[group]] of the name {shown(name)}: {remedy}")
    for name, row in known.items():
        # A name that is misspelt at the luminaire is one mistake: it is reported there, and not here too.
        if name not in used and used <= known.keys():
            document.report(
                (*row.where, "name"),
                f'no luminaire belongs to the group {shown(name)}: write groups = ["{name}"] at its [[luminaire]],'
                " or remove it",
            )


def check_paths(document: Document, rows: Sequence[Row], luminaires: Sequence[Row]) -> None:
    """Reports path names that are used twice, and paths that pass an unknown luminaire, one luminaire twice, or one
    only."""
    lamps = luminaire_names(luminaires)
    names: dict[str, Row] = {}
    for row in rows:
        if row.has("name"):
            name = row.text("name")
            if name in names:
                line = document.line((*names[name].where, "name"))
                document.report(
                    (*row.where, "name"),
                    f"the path {shown(name)} stands at line {line} already: give each path a name of its own",
                )
            names.setdefault(name, row)
        if row.has("luminaires"):
            _check_stops(document, row, lamps)


def _check_stops(document: Document, row: Row, lamps: Sequence[str]) -> None:
    where = (*row.where, "luminaires")
    passed: list[str] = []
    for name in row.texts("luminaires"):
        if name not in lamps:
            document.report(where, f"there is no luminaire of the name {shown(name)}: {did_you_mean(name, lamps)}")
        elif name in passed:
            document.report(
                where,
                f"the path comes back to {shown(name)}, a cycle: let each luminaire stand in it once, and write a"
                " second [[path]] for the way back",
            )
        passed.append(name)
    if len(passed) == 1:
        document.report(where, "a path of one luminaire leads nowhere: write at least two, in the order of travel")


def luminaire_names(rows: Sequence[Row]) -> list[str]:
    """Returns the names of all luminaires, including those that a count stands for."""
    return [
        name
        for row in rows
        if row.has("name", "count", "short_address") and can_count(row)
        for name, _ in names_and_addresses(row)
    ]
