"""`lichtmast contract NAME`: tests whether a DALI interface keeps the contract that each of Lichtmast's own keeps.

Its driver is tried on its emulation, in virtual time: answers that are late, foreign or garbled, damaged commands, a
pulled cable, a bus without voltage. pytest runs the suite (hil/contract/) in a process of its own.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from agent.config.problems import did_you_mean, shown
from agent.errors import WrongUse
from agent.interfaces import Clock
from agent.parts.interfaces import INTERFACES
from agent.parts.named import UnknownName, Unusable

WHEN_STOPPED = "the lines above are what was tried until then"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the interface's short name, as boards write it")
    parser.add_argument("--only", metavar="PART", help="only tests with this in their name, in words or as a function")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace, clock: Clock) -> int:
    from hil.pytest_child import missing, run_pytest

    if missing():
        sys.stderr.write(f"the contract needs {missing()}: install lichtmast[hil]\n")
        return 2
    _require_usable(arguments.name)
    import hil.contract

    line = [f"--interface={arguments.name}"]
    if arguments.only:
        line.append(f"--story={arguments.only}")
    if not arguments.debug:
        line.append(f"--story-output={'json' if arguments.json else 'lines'}")
    return run_pytest([*line, "--", str(Path(hil.contract.__file__).parent)])


def _require_usable(name: str) -> None:
    """Raises WrongUse if no interface has this name, or the interface that has it cannot be used."""
    try:
        INTERFACES.find(name)
    except UnknownName:
        names = INTERFACES.names()
        raise WrongUse(f"no DALI interface has the name {shown(name)}: {did_you_mean(name, names)}") from None
    except Unusable as error:
        raise WrongUse(f"the DALI interface {name}: {error}") from None
