"""The verbs of the command line, one file each: add_arguments(parser), and run(arguments, clock), mostly a coroutine.

A verb's file is imported when the verb is used: `run` must not carry what only `demo` needs.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

VERBS = {
    "demo": "live one accelerated night of an emulated street; show and save the result",
    "run": "run the agent: dim, measure and report until it is stopped",
    "check": "check board, program and calendar files; show tonight's switching times",
    "preview": "show side by side what programs will do in a night or a year: curve, hours, kWh, saving, CO2, euros",
    "schema": "print the JSON Schema of a kind of file, for editors",
    "commission": "find the gear on each bus, give it addresses, set and read what it stores; write a record to print",
    "emulate": "emulate the devices of a board as serial ports",
    "monitor": "show each frame on the buses as it passes, by name, with its answer",
    "dali": "send one DALI command by its standard name, and show the answer",
    "hil": "run stories of lamp-posts on emulated or real hardware; print a line for each, and write a report",
    "contract": "try whether a DALI interface, yours too, keeps the contract of them all; print a line for each test",
    "new": "lay out the files of a DALI interface of your own",
    "status": "show how the street of a running agent is: each lamp's level and why, faults, overrides, what is unsent",
    "override": "set a level by hand for some luminaires and for a while, or return to the program",
    "collect": "receive records over MQTT, store them in SQLite, and acknowledge what is committed",
    "bench": "measure the performance table: each figure beside the bound asked for",
}
"""Each verb with its one line of help; the verb's module has the same name."""


def add_state_folder(parser: argparse.ArgumentParser, folder: str = "the state folder of the running agent") -> None:
    """Adds `--state`. `folder` says in the help what the folder is."""
    parser.add_argument(
        "--state",
        type=Path,
        default=Path(os.environ.get("STATE_DIRECTORY", "state")),
        metavar="DIR",
        help=f"{folder} (default: $STATE_DIRECTORY, or ./state)",
    )
