"""`lichtmast schema KIND`: the JSON Schema of a kind of file, for editors that complete and check as you type."""

from __future__ import annotations

import argparse
import json

from agent.config.schema import KINDS, json_schema
from agent.interfaces import Clock

SUMMARY = "print the JSON Schema of a kind of file"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=sorted(KINDS), help="the kind of file")


async def run(arguments: argparse.Namespace, clock: Clock) -> int:
    print(json.dumps(json_schema(arguments.kind), indent=2))
    return 0
