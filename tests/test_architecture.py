"""The imports between the parts, and the modules that a running gateway loads, as they really are."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.commands import VERBS
from agent.parts.interfaces import INTERFACES, driver_of

ROOT = Path(__file__).resolve().parents[1]
OURS = ("agent", "drivers", "protocols", "hil")
TOP = {"agent", "drivers", "protocols", "hil", "board_configs", "tests"}
NOT_FOR_RUN = (
    "agent.centre",
    "agent.provision",
    "hil",
    "amqtt",
    "rich",
    "dali",
    "pvlib",
    "pymodbus",
    "pandas",
    "numpy",
)
"""The operator's end, the set-up of a gateway, the emulated street, and packages for the demo or the tests only."""

ONE_IMPORTER = {
    # A separate program sends the safe level, because the agent has just died.
    "serial": ("agent/hardware/", "agent/safe_level.py"),
    "aiomqtt": ("agent/wire/mqtt.py",),
    "cbor2": ("agent/wire/payloads.py",),
}
MAY_IMPORT = {
    "protocols": {"protocols"},
    "drivers": {"drivers", "protocols"},
    # Only type checkers import the Almanac's interface from there: MicroPython could not.
    "agent/schedule": {"agent.schedule", "agent.interfaces"},
    "hil/devices": {"hil.devices"},
}


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Yields every module that the file names in an import, in functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def test_run_carries_nothing_that_only_others_need() -> None:
    script = (
        "import sys\n"
        "import agent.main, agent.app, agent.commands.run\n"
        "from agent.parts.interfaces import INTERFACES, driver_of\n"
        "for product in INTERFACES.own(): driver_of(product.name)\n"
        "print(*sorted(sys.modules), sep='\\n')"
    )
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = ended.stdout.split()
    assert "agent.wire.mqtt" in loaded
    assert "agent.hardware.serial_port" in loaded
    assert [name for name in loaded if any(within(name, other) for other in NOT_FOR_RUN)] == []


@pytest.mark.parametrize("library", ONE_IMPORTER)
def test_each_library_has_one_place(library: str) -> None:
    importers = {
        path.relative_to(ROOT).as_posix()
        for folder in OURS
        for path in modules(folder)
        if any(within(name, library) for name in imports(path))
    }
    assert importers
    assert {importer for importer in importers if not importer.startswith(ONE_IMPORTER[library])} == set()


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_inner_parts_import_inner_parts_only(folder: str) -> None:
    assert modules(folder)
    for path in modules(folder):
        for name in imports(path):
            if any(within(name, ours) for ours in OURS):
                allowed = any(within(name, package) for package in MAY_IMPORT[folder])
                assert allowed, f"{path.relative_to(ROOT)} imports {name}"


def test_the_centre_imports_no_driver_and_savings_no_io() -> None:
    for folder, never in (
        ("agent/centre", ("drivers", "hil")),
        ("agent/savings", ("drivers", "protocols", "hil", "agent.app", "agent.hardware", "agent.upstream", "asyncio")),
    ):
        for path in modules(folder):
            named = [name for name in imports(path) if any(within(name, other) for other in never)]
            assert named == [], path.relative_to(ROOT)


REACHING = ("demo", "emulate", "bench", "contract", "hil", "new", "schema")


def test_only_these_commands_reach_into_hil() -> None:
    """They do it when they run, and not when they are listed."""
    reaching = {
        path.relative_to(ROOT).as_posix()
        for path in modules("agent")
        if any(within(name, "hil") for name in imports(path))
    }
    assert reaching <= {f"agent/commands/{verb}.py" for verb in REACHING}


def test_the_folders_at_the_top_are_the_agreed_ones() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("this is no git checkout, so the files of the project cannot be listed")
    folders = {line.split("/")[0] for line in tracked.stdout.splitlines() if "/" in line}
    assert {folder for folder in folders if not folder.startswith(".")} - {"docs"} == TOP


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_its_module(verb: str) -> None:
    module = importlib.import_module(f"agent.commands.{verb}")
    assert list(inspect.signature(module.add_arguments).parameters) == ["parser"]
    assert list(inspect.signature(module.run).parameters) == ["arguments", "clock"]


def test_each_module_of_a_verb_is_listed() -> None:
    assert {path.stem for path in modules("agent/commands")} - {"__init__"} <= set(VERBS)


@pytest.mark.parametrize("name", [product.name for product in INTERFACES.own()])
def test_each_driver_loads_and_says_what_it_is(name: str) -> None:
    assert driver_of(name).__doc__
    assert INTERFACES.find(name).name == name


@pytest.mark.parametrize("folder", OURS)
def test_each_file_says_what_it_is(folder: str) -> None:
    for path in modules(folder):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert not tree.body or ast.get_docstring(tree), path.relative_to(ROOT)


def test_importing_the_agents_package_runs_nothing() -> None:
    """MicroPython can then import agent.schedule, although it cannot import the rest of the agent."""
    assert (ROOT / "agent" / "__init__.py").read_text(encoding="utf-8") == ""
