"""Real processes for the stories that need them: `lichtmast ...` as its users start it, and mosquitto."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hil.free_port import free_port

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 30.0
"""Real seconds after which a story stops waiting; long enough for a slow machine."""

LICHTMAST = "from agent.main import command; command()"
SAFE_LEVEL = "from agent.safe_level import command; command()"


@contextlib.contextmanager
def running(program: str, *arguments: str | Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a Python program inside the `with`, with its output in `log`. Yields the process and kills it at the end."""
    with log.open("ab") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, arguments)], cwd=ROOT, stdout=said, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def mosquitto(folder: Path) -> Iterator[int]:
    """Runs mosquitto on a free loopback port inside the `with`, and yields the port.

    Skips the story if mosquitto is not installed; with CI=true, it fails the story.
    """
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        sentence = "this story needs a real broker: `apt install mosquitto` brings one"
        if os.environ.get("CI") == "true":
            pytest.fail(sentence)
        pytest.skip(sentence)
    port = free_port()
    configuration = folder / "mosquitto.conf"
    configuration.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
    process = subprocess.Popen([program, "-c", configuration], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_listening(process, port)
        yield port
    finally:
        process.terminate()
        process.wait()


def _wait_until_listening(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
    raise AssertionError(f"mosquitto does not listen (exit code {process.returncode})")


async def true_within_patience(what: str, condition: Callable[[], bool]) -> None:
    """Returns once the condition holds, while the event loop goes on. Raises AssertionError after PATIENCE_S."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE_S:g} s"
        await asyncio.sleep(0.02)
