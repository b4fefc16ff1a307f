"""`lichtmast emulate` as a process of its own, in real time, for tests of what runs beside it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ENDS_WITHIN_S = 20.0
ROOT = Path(__file__).resolve().parents[2]


class Emulator:
    """A running emulator; `report` is there once it was ended."""

    def __init__(self, process: subprocess.Popen[str], report: Path) -> None:
        self.process = process
        self._report = report
        self.said: list[str] = []

    def ready(self) -> None:
        """Returns once its ports are there."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip())
            if "Ctrl-C" in line:
                return
        raise AssertionError(f"emulate ended at once: {self.said}")

    def end(self) -> int:
        """Asks it to end, by its pid; its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(ENDS_WITHIN_S)

    def report(self) -> dict[str, Any]:
        """What the devices saw, by bus."""
        assert self.end() == 0
        found: dict[str, Any] = json.loads(self._report.read_text())
        return found


@contextlib.contextmanager
def emulate(board: Path, links: Path, *options: str) -> Iterator[Emulator]:
    """The board's devices, with their ports in `links`, while inside; `options` are further words of the command."""
    report = board.with_suffix(".report.json")
    line = ["emulate", str(board), "--links", str(links), "--report", str(report), *options]
    process = subprocess.Popen(
        [sys.executable, "-m", "agent.main", *line],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
    )
    emulator = Emulator(process, report)
    try:
        emulator.ready()
        yield emulator
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
