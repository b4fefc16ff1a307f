"""The portable folders under CPython and under a real MicroPython: each file of vectors, and every portable module."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
MICROPYTHON = Path(sys.executable).with_name("micropython")

ONLY_FOR_TYPE_CHECKERS = {ROOT / "drivers" / "interfaces.py"}
PORTABLE = sorted(
    path
    for folder in ("protocols", "drivers", "agent/schedule")
    for path in (ROOT / folder).rglob("*.py")
    if path not in ONLY_FOR_TYPE_CHECKERS
)


def run(interpreter: Path, *arguments: object) -> str:
    """Runs the interpreter, which finds our modules and must end well, and returns its output."""
    assert interpreter.exists(), f"{interpreter.name} is missing: install the extra `test`"
    ended = subprocess.run(
        [interpreter, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "MICROPYPATH": f"{ROOT}:.frozen"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr + ended.stdout
    return ended.stdout.strip()


@pytest.mark.parametrize("vectors", sorted(HERE.glob("vectors_*.py")), ids=lambda path: path.stem)
def test_vectors(vectors: Path) -> None:
    """Each file prints the number of its checks, which must be equal under both and not 0."""
    checks = run(Path(sys.executable), vectors)
    assert int(checks) > 0
    assert run(MICROPYTHON, vectors) == checks


def test_each_portable_module_is_imported_by_micropython() -> None:
    """One process imports all modules; the trace names a module that fails."""
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in PORTABLE if path.name != "__init__.py"]
    assert len(names) > 20
    assert run(MICROPYTHON, "-c", "\n".join(f"import {name}" for name in names) + "\nprint('all')") == "all"
