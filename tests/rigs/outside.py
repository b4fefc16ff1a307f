"""Packages of other people, as an installer leaves them in a folder of packages, and the commands beside them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from agent.main import main
from tests.rigs.emulated import ROOT

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
