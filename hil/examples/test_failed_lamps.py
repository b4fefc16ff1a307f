"""A test of failed_lamps.py against an emulated street: the pattern for tests of your own DALI software.

    python -m pytest hil/examples/test_failed_lamps.py

Each test writes a fault script, starts `lichtmast emulate` with it as a process of its own, and ends that process.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
BOARD = HERE.parents[1] / "board_configs" / "demo.toml"
"""Ten luminaires, L01 at short address 0 to L10 at 9, on an ATX LED DALI HAT. Its port is called street."""


@contextlib.contextmanager
def street(folder: Path, faults: str) -> Iterator[str]:
    """Runs an emulated street inside the `with`, and yields its port."""
    script = folder / "faults.toml"
    script.write_text(faults)
    command = [sys.executable, "-m", "agent.main", "emulate", str(BOARD)]
    command += ["--links", str(folder), "--faults", str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert any("Ctrl-C" in line for line in process.stdout), "it has ended: see what it says above"
            yield str(folder / "street")
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def found(port: str) -> tuple[int, list[str]]:
    """Returns the exit code of the software under test, and the lines that it has printed."""
    command = [sys.executable, str(HERE / "failed_lamps.py"), port, "10"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30)
    return ended.returncode, ended.stdout.splitlines()


def test_a_street_without_faults(tmp_path: Path) -> None:
    with street(tmp_path, '[[fault]]\nat = "01:00:00"\nfault = "unplug"\n') as port:
        assert found(port) == (0, [f"{short_address}: level 254" for short_address in range(10)])


def test_a_failed_lamp_a_dead_gear_and_a_broken_answer(tmp_path: Path) -> None:
    faults = """
        [[fault]]
        at = 0
        fault = "lamp failed"
        luminaire = "L03"

        [[fault]]
        at = 0
        fault = "gear dead"
        luminaire = "L05"

        [[fault]]
        at = 0
        fault = "framing error"
        luminaire = "L08"
    """
    with street(tmp_path, faults) as port:
        code, lines = found(port)
    assert code == 1
    assert [line for line in lines if "level 254" not in line or "failure" in line] == [
        "2: level 254, lamp failure",
        "4: no answer",
        "7: an answer that cannot be read",
    ]


def test_late_answers_make_a_good_street_a_bad_one(tmp_path: Path) -> None:
    """Only such a test shows this: the driver reads the level 254, 30 ms late, as the status of a failed lamp. On a
    slow machine, the level collides with the next query instead, and the driver raises AttributeError."""
    with street(tmp_path, '[[fault]]\nat = 0\nfault = "late answer"\nluminaire = "L02"\nlate_ms = 30\n') as port:
        code, _ = found(port)
    assert code == 1
