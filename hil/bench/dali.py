"""`lichtmast bench dali`: commissioning beside python-dali, the bus scheduler on each interface, levels in trouble."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from hil.bench import commissioning, levels_first, mains_return, scheduling
from hil.bench.table import Row


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commissioning.add_arguments(parser)


def rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """Yields each figure as soon as it is known."""
    yield from commissioning.rows(arguments)
    yield from scheduling.rows()
    yield from levels_first.rows()
    yield from mains_return.rows()
