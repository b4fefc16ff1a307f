"""An interface from another package: its contract, `check`, a night and the safe level, with no change in Lichtmast."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rigs.gateway import BusOf, board_text
from tests.rigs.processes import beside, emulate, installed, new_package, site_with_text_line

FULL = 254


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return site_with_text_line(tmp_path_factory.mktemp("outside"))


@pytest.fixture
def board(tmp_path: Path) -> Path:
    upstream = '[upstream]\nbroker = "mqtt://127.0.0.1:1883"\n'
    text = board_text(tmp_path, [BusOf("A", 2, "one")], program="d60", more=upstream)
    path = tmp_path / "board.toml"
    path.write_text(text.replace('interface = "atx_hat"', 'interface = "text_line"'))
    return path


def test_check_takes_its_board(site: Path, board: Path) -> None:
    checked = beside(site, "check", str(board), "--night", "2026-01-15")
    assert checked.stdout.startswith(f"{board}: a good board\n")
    assert "  bus A: text_line at " in checked.stdout
    assert "note: " not in checked.stdout
    assert (checked.returncode, checked.stderr) == (0, "")


def test_it_drives_an_emulated_street_through_a_night(site: Path, board: Path, tmp_path: Path) -> None:
    """Exit code 0 means that no record was lost and that the energy of each lamp is right."""
    lived = beside(site, "demo", "--board", str(board), "--out", str(tmp_path), "--json")
    assert lived.returncode == 0, lived.stderr
    assert len(json.loads(lived.stdout)["luminaires"]) == 2


def test_the_safe_level_lights_its_street(
    site: Path, board: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(site))
    with emulate(board, tmp_path) as emulator:
        told = beside(site, str(board), program="safe_level")
        assert (told.returncode, told.stderr) == (0, "")
        seen = emulator.report()
    assert seen["A"]["levels"] == [FULL] * 2


def test_its_contract_begins(site: Path) -> None:
    """The next test runs the whole contract."""
    tried = beside(site, "contract", "text_line", "--only", "test_at_first")
    assert tried.returncode == 0, tried.stdout
    assert "\n4 passed, 0 failed, 0 skipped, in " in tried.stdout


@pytest.mark.system
def test_the_package_that_new_lays_out_is_installed_by_pip_and_keeps_the_contract(tmp_path: Path) -> None:
    package, site = new_package(tmp_path), tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(site), str(package)], check=True, cwd=tmp_path)
    tried = beside(site, "contract", "text_line")
    assert tried.returncode == 0, tried.stdout
    assert ", 0 failed, 0 skipped, in " in tried.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    "fault",
    ["raise RuntimeError", "raise SystemExit(3)", "raise KeyboardInterrupt", "import time; time.sleep(60)"],
    ids=["raises", "exits", "interrupts", "hangs"],
)
def test_a_package_that_fails_at_its_import_keeps_no_other_street_dark(fault: str, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "bad_package.py").write_text(fault)
    installed(site, "bad-package", "bad = bad_package:PRODUCT")
    text = board_text(tmp_path, [BusOf("A", 2, "one"), BusOf("B", 2, "two")])
    good = tmp_path / "good.toml"
    good.write_text(text)
    board = tmp_path / "board.toml"
    board.write_text(text.replace('"atx_hat"', '"bad"', 1))  # bus A
    with emulate(good, tmp_path) as emulator:
        told = beside(site, str(board), program="safe_level")
        seen = emulator.report()
    assert seen["B"]["levels"] == [FULL] * 2
    assert f'{board}: bus 1 has the interface "bad", which cannot be used: ' in told.stderr
    assert told.returncode == 1
