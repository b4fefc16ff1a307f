"""Runs `lichtmast` commands as processes of their own, for figures and stories in real time."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
ENDS_WITHIN_S = 20.0


@contextlib.contextmanager
def lichtmast(arguments: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Runs `lichtmast ARGUMENTS` inside the `with`, with its output in `log`, and yields the process.

    At the end, SIGTERM asks the process to end; after ENDS_WITHIN_S it is killed.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "agent.main", *arguments], stdout=output, stderr=output, stdin=subprocess.DEVNULL
        )
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process: by SIGTERM, or by SIGKILL if it still runs after ENDS_WITHIN_S."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def cpu_s(pid: int) -> float:
    """Returns the seconds of processor time of the process, with the kernel's work for it (proc(5), stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def memory_mib(pid: int) -> tuple[float, float]:
    """Returns the resident memory of the process now, and its peak, in MiB (proc(5), status)."""
    sizes = {}
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name in ("VmRSS", "VmHWM"):
            sizes[name] = int(value.split()[0]) / 1024
    return sizes["VmRSS"], sizes["VmHWM"]
