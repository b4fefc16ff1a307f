"""Vectors of gear data under this CPython and under a real MicroPython: the same file, the same number of checks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MICROPYTHON = Path(sys.executable).with_name("micropython")


@pytest.mark.parametrize("interpreter", [Path(sys.executable), MICROPYTHON], ids=["cpython", "micropython"])
def test_vectors(interpreter: Path) -> None:
    assert interpreter.exists(), f"{interpreter.name} is missing: install the extra `test`"
    ended = subprocess.run(
        [interpreter, ROOT / "tests" / "portable" / "vectors_gear_data.py"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "MICROPYPATH": f"{ROOT}:.frozen"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr + ended.stdout
    assert ended.stdout.strip() == "40"
