"""`lichtmast bench [GROUP]`: measures the performance table; exit code 1 if a bound is missed."""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import sys
from types import ModuleType

from agent.interfaces import Clock

GROUPS = ("night", "dali", "programs", "catch_up")
WHEN_STOPPED = "the figures above were measured until then"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("group", nargs="?", choices=GROUPS, help="one group of figures (default: all)")
    parser.add_argument("--json", action="store_true", help="print one JSON array")
    for group in GROUPS:
        _group(group).add_arguments(parser)


def run(arguments: argparse.Namespace, clock: Clock) -> int:
    from hil.bench.table import Row, as_json, as_text

    logging.getLogger("lichtmast").setLevel(logging.ERROR)
    rows: list[Row] = []
    try:
        for group in [arguments.group] if arguments.group else GROUPS:
            for row in _group(group).rows(arguments):
                rows.append(row)
                if not arguments.json and sys.stderr.isatty():
                    sys.stderr.write(f"{row.name}: {row.value}\n")
    finally:
        # The rows are printed even if the bench is stopped, because each stands alone.
        print(json.dumps(as_json(rows), indent=2) if arguments.json else "\n".join(as_text(rows)))
    return 0 if all(row.holds for row in rows) else 1


def _group(name: str) -> ModuleType:
    return importlib.import_module(f"hil.bench.{name}")
