"""`lichtmast` as processes of their own, in real time: an emulator, commands beside other people's packages, a writer.

`emulate` runs a board's devices. `beside` runs a command with packages that `installed` or
`site_with_text_line` laid out. `journal_writer` runs until it is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.clock import MachineClock
from agent.main import main
from agent.records.journal import Journal

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


TEXT_LINE = ROOT / "tests" / "outside" / "text_line"
"""The filled-in codec and emulation of an interface that nobody makes; its driver is the one that `new` lays out."""


def new_package(folder: Path) -> Path:
    """`lichtmast new interface text_line`, filled in: a package that can be installed. Returns its folder."""
    package = folder / "package"
    assert main(["new", "interface", "text_line", "--package", str(package)]) == 0
    for part in ("codec.py", "emulation.py"):
        shutil.copy(TEXT_LINE / part, package / "lichtmast_text_line" / part)
    return package


def installed(site: Path, package: str, *entry_points: str) -> None:
    """What an installer writes of a package that declares these interfaces: `name = module:value`."""
    told = site / f"{package.replace('-', '_')}-0.1.dist-info"
    told.mkdir(parents=True)
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 0.1\n")
    (told / "entry_points.txt").write_text("\n".join(["[lichtmast.interfaces]", *entry_points, ""]))


def site_with_text_line(folder: Path) -> Path:
    """A folder of packages in which text_line is installed, by hand and so without pip's seconds."""
    site = folder / "site"
    shutil.copytree(new_package(folder) / "lichtmast_text_line", site / "lichtmast_text_line")
    installed(site, "lichtmast-text-line", "text_line = lichtmast_text_line.codec:PRODUCT")
    return site


def beside(site: Path, *words: str, program: str = "main") -> subprocess.CompletedProcess[str]:
    """`lichtmast WORDS` (or `lichtmast-safe-level`: `program` safe_level) with this folder of packages."""
    return subprocess.run(
        [sys.executable, "-c", f"from agent.{program} import command; command()", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def journal_writer(path: Path) -> subprocess.Popen[bytes]:
    """A process that runs `write_into_journal` on this file."""
    return subprocess.Popen(
        [sys.executable, "-c", f"from tests.rigs.processes import write_into_journal as write; write({str(path)!r})"],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )


def write_into_journal(path: str) -> None:
    """Writes into a journal until it is killed, and prints each committed count.

    Record N and the state "count" = N go together in one commit, as the energy ledger's do.
    """

    async def write() -> None:
        journal = await Journal.open(path, "gw-1", MachineClock())
        count = journal.state("count") or 0
        assert isinstance(count, int)
        while True:
            for _ in range(3):
                count += 1
                journal.append("reading", {"count": count, "filling": "x" * 500})
            await journal.commit({"count": count})
            sys.stdout.write(f"{count}\n")
            sys.stdout.flush()

    asyncio.run(write())
