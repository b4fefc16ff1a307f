"""Proof that `pytest hil/stories --bench=BOARD.toml` works, on a bench that another process emulates."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from hil.stories.boards import Site
from hil.stories.processes import LICHTMAST, PATIENCE_S, ROOT, running, true_within_patience


@pytest.mark.system
def test_the_stories_run_on_a_board_of_another_process(emulated: Path) -> None:
    links = emulated / "ports"
    board = Site(lamps=2).write(emulated, links / "street", broker_port=1)
    log = emulated / "emulate.log"
    with running(LICHTMAST, "emulate", board, "--links", links, log=log):
        asyncio.run(true_within_patience("the emulated port", (links / "street").exists))
        pytest_line = [sys.executable, "-m", "pytest", "hil/stories", f"--bench={board}", "-rs"]
        ended = subprocess.run(
            pytest_line, cwd=ROOT, capture_output=True, text=True, timeout=2 * PATIENCE_S, check=False
        )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 passed" in ended.stdout
    assert "failed" not in ended.stdout
    assert "it needs --bench=emulated" in ended.stdout
