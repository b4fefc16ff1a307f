"""`make mutants`: the paths in its table exist, and a run that is stopped leaves nothing behind."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import mutants

DIFF = """--- agent/x.py
+++ agent/x.py
@@ -1,3 +1,3 @@
 async def _lit(self) -> None:
-    if self._level > 0:
+    if self._level >= 0:
         return
"""
SOURCE = """class One:
    async def _dark(self) -> None:
        if self._level > 0:
            return

    async def _lit(self) -> None:
        if self._level > 0:
            return
"""


def test_what_the_table_names_exists() -> None:
    named = [path for room in mutants.read_table()["room"].values() for path in (*room["modules"], *room["tests"])]
    assert len(named) > 20
    assert [path for path in named if not list(mutants.ROOT.glob(path))] == []


def test_no_module_has_two_rooms() -> None:
    modules = [module for room in mutants.rooms() for module in room.modules]
    assert len(modules) == len(set(modules))


def test_a_mutant_that_is_excused_has_a_reason_and_stands_in_the_code() -> None:
    """An excuse for a line that has changed since does not count any more."""
    for row in mutants.read_table().get("equivalent", []):
        assert row.keys() == {"module", "was", "becomes", "reason"}
        assert row["reason"]
        lines = {line.strip() for line in (mutants.ROOT / row["module"]).read_text(encoding="utf-8").splitlines()}
        assert set(row["was"].splitlines()) <= lines, row


def test_only_the_modules_that_were_asked_for() -> None:
    (room,) = mutants.rooms(["agent/lamps/dimming.py"])
    assert room.modules == ("agent/lamps/dimming.py",)
    with pytest.raises(mutants.Trouble, match=r"has no agent/dimmer\.py: add it"):
        mutants.rooms(["agent/dimmer.py"])


def test_the_place_of_a_mutant() -> None:
    was, becomes = mutants.changed(DIFF)
    assert (was, becomes) == ("if self._level > 0:", "if self._level >= 0:")
    assert mutants.line_of(SOURCE, "_lit", was) == 7


def test_the_table_of_shares_and_the_survivors() -> None:
    lived = [mutants.Mutant("agent/a.py", n, f"was {n}", f"becomes {n}", n < 4, n < 5) for n in range(6)]
    assert mutants.shares(lived).splitlines()[1].split() == ["agent/a.py", "6", "4", "67%", "below", "85%"]
    assert mutants.survivors(lived).splitlines() == [
        "agent/a.py:4",
        "  - was 4",
        "  + becomes 4",
        "agent/a.py:5  (no test runs it)",
        "  - was 5",
        "  + becomes 5",
    ]


@pytest.mark.system
@pytest.mark.skipif(importlib.util.find_spec("mutmut") is None, reason="`make mutants` installs mutmut")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_run_that_is_stopped_leaves_nothing(tmp_path: Path, number: int, code: int) -> None:
    before = subprocess.run(["git", "status", "--short"], cwd=mutants.ROOT, capture_output=True, check=False).stdout
    process = subprocess.Popen(
        [sys.executable, "-P", mutants.ROOT / "tests" / "mutants.py", "--modules", "agent/records/journal.py"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("mutants-*/*/mutants/agent/records/journal.py")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(number)
        assert process.wait(30) == code
    finally:
        process.kill()
        process.wait()
    assert list(tmp_path.iterdir()) == []
    assert not [path for path in Path("/proc").glob("[0-9]*/cwd") if str(tmp_path) in _target(path)]
    after = subprocess.run(["git", "status", "--short"], cwd=mutants.ROOT, capture_output=True, check=False).stdout
    assert before == after


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""
