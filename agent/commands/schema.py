"""`lichtmast schema KIND`: the JSON Schema of a kind of file, for editors that complete and check as you type."""

from __future__ import annotations

import argparse
import json

from agent.config.schema import KINDS, json_schema
from agent.interfaces import Clock

FAULTS = "faults"
"""The fault scripts of `lichtmast emulate`; their table lies with the emulation."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=sorted([*KINDS, FAULTS]), help="the kind of file")


async def run(arguments: argparse.Namespace, clock: Clock) -> int:
    if arguments.kind == FAULTS:
        from hil.faults.table import fault_schema

        schema = fault_schema()
    else:
        schema = json_schema(arguments.kind)
    print(json.dumps(schema, indent=2))
    return 0
