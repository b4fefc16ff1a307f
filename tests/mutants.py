"""`make mutants`: breaks the code that decides over light and data in one place at a time, and a test must notice.

mutmut (https://mutmut.readthedocs.io) makes the mutants and runs the tests that reach each. `mutants.toml` names the
modules to break; this file defines how they are broken (the operators below), takes a sample, and prints the outcome.
It works on a copy.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "tests" / "mutants.toml"
AT_LEAST = 0.85
SOURCES = ("agent", "drivers", "protocols", "hil")
LEFT_BEHIND = shutil.ignore_patterns(".venv", ".git", "__pycache__", "build", "*.egg-info", ".*_cache", ".hypothesis")
NOTICED = frozenset({1, 3, -24, 24, 36, 152, 255, -9, -11})
"""Exit codes of a mutant's tests that failed, that ended pytest, or that hung and were ended."""
NO_TEST_REACHES_IT = 33
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class Trouble(Exception):
    """A module is in no room, or the tests of a room fail on the unbroken code."""


@dataclass(frozen=True)
class Room:
    """A set of modules, and the tests that must notice when one of these modules is broken."""

    name: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Mutant:
    module: str
    line: int
    was: str
    becomes: str
    noticed: bool
    reached: bool
    """True if a test of the mutant's room runs its line."""


def read_table() -> dict[str, Any]:
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


def rooms(modules: Sequence[str] = ()) -> list[Room]:
    """Returns the rooms with these modules alone, or with all of theirs if none is given.

    Raises Trouble for a module that is in no room.
    """
    known: list[Room] = []
    for name, of in read_table()["room"].items():
        elsewhere = {module for room in known for module in room.modules}
        known.append(Room(name, tuple(m for m in _paths(of["modules"]) if m not in elsewhere), _paths(of["tests"])))
    strange = set(modules) - {module for room in known for module in room.modules}
    if strange:
        raise Trouble(f"{TABLE.name} has no {', '.join(sorted(strange))}: add it, with the tests that have to notice")
    asked = [
        Room(room.name, tuple(m for m in room.modules if not modules or m in modules), room.tests) for room in known
    ]
    return [room for room in asked if room.modules]


def _paths(patterns: Sequence[str]) -> tuple[str, ...]:
    """Returns the existing paths that match the patterns. An empty file is no module."""
    found = [
        path for pattern in patterns for path in sorted(ROOT.glob(pattern)) if path.is_dir() or path.stat().st_size
    ]
    return tuple(dict.fromkeys(str(path.relative_to(ROOT)) for path in found))


def equivalents() -> set[tuple[str, str, str]]:
    """Returns (module, was, becomes) of the mutants that no test can notice; the table has the reason for each."""
    return {(row["module"], row["was"], row["becomes"]) for row in read_table().get("equivalent", [])}


def changed(diff: str) -> tuple[str, str]:
    """Returns the lines that a mutant removes, and the lines that it adds."""
    lines = [line for line in diff.splitlines() if not line.startswith(("---", "+++"))]
    was, becomes = ("\n".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+")
    return was, becomes


def line_of(source: str, function: str, was: str) -> int:
    """Returns the number of the line in its module's source, looked for from the start of its function on."""
    first = was.partition("\n")[0]
    lines = [line.strip() for line in source.splitlines()]
    begin = next((n for n, line in enumerate(lines) if line.partition("(")[0].endswith(f"def {function}")), 0)
    return next((n + 1 for n in range(begin, len(lines)) if lines[n] == first), begin + 1)


# In the copy, by mutmut


def _set_mutmut_operators() -> None:
    """Sets mutmut's operators: without those that no test should notice, and with some that mutmut lacks."""
    import libcst as cst
    from mutmut.mutation import mutators

    def is_text(node: cst.CSTNode) -> bool:
        """Returns True for text that people read: a change of it changes no light and no record."""
        joined = isinstance(node, cst.FormattedString | cst.ConcatenatedString)
        return joined or (isinstance(node, cst.SimpleString) and " " in node.value)

    def is_log(node: cst.CSTNode) -> bool:
        called = isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.value
        return isinstance(called, cst.Name) and called.value == "log"

    def key(node: cst.BaseString) -> Iterator[cst.CSTNode]:
        if not is_text(node):
            yield from list(mutators.operator_string(node))[:1]

    def arguments(node: cst.Call) -> Iterator[cst.CSTNode]:
        if not any(is_text(argument.value) for argument in node.args) and not is_log(node):
            yield from mutators.operator_arg_removal(node)

    def assignment(node: cst.Assign | cst.AnnAssign) -> Iterator[cst.CSTNode]:
        if not (isinstance(node.value, cst.Name) and node.value.value == "False"):
            yield from mutators.operator_assignment(node)

    def left_out(node: cst.Expr) -> Iterator[cst.CSTNode]:
        """Leaves out a call, such as a commit, an fsync or a reset."""
        if isinstance(node.value, cst.Call | cst.Await) and not is_log(node.value):
            yield cst.Pass()

    def not_refused(node: cst.Raise) -> Iterator[cst.CSTNode]:
        if node.exc is not None:
            yield cst.Pass()

    def reversed_condition(node: cst.If) -> Iterator[cst.CSTNode]:
        if isinstance(node.test, cst.Name | cst.Attribute | cst.Call):
            yield node.with_changes(test=cst.UnaryOperation(cst.Not(), node.test))

    instead = {
        mutators.operator_string: key,
        mutators.operator_arg_removal: arguments,
        mutators.operator_assignment: assignment,
    }
    operators: Any = mutators.mutation_operators
    operators[:] = [(kind, instead.get(operator, operator)) for kind, operator in operators]
    operators += [(cst.Expr, left_out), (cst.Raise, not_refused), (cst.If, reversed_condition)]


def live_in_the_copy(modules: Sequence[str], sample: int | None, seed: str) -> list[Mutant]:
    """Makes the mutants of these modules in the current folder, takes a sample for each module, and runs its tests."""
    from mutmut import __main__ as mutmut
    from mutmut.mutation.data import SourceFileMutationData
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    _set_mutmut_operators()
    Path("mutants").mkdir()
    mutmut.copy_src_dir()
    mutmut.copy_also_copy_files()
    mutmut.create_mutants(1)
    listed = equivalents()
    chosen: dict[str, tuple[str, str, str]] = {}
    for module in modules:
        made = SourceFileMutationData(path=module)
        made.load()
        names = sorted(made.exit_code_by_key)
        random.Random(f"{seed} {module}").shuffle(names)
        before = len(chosen)
        for name in names:
            if sample is not None and len(chosen) - before >= sample:
                break
            was, becomes = changed(get_diff_for_mutant(name, path=module))
            if (module, was, becomes) not in listed:
                chosen[name] = module, was, becomes
    if chosen:
        mutmut._run(tuple(chosen), 1)
    codes: dict[str, int | None] = {}
    for module in modules:
        made = SourceFileMutationData(path=module)
        made.load()
        codes |= made.exit_code_by_key
    mutants = []
    for name, (module, was, becomes) in chosen.items():
        function = name.rpartition("__mutmut_")[0].rpartition("ǁ")[2].rpartition(".x_")[2]
        line = line_of(Path(module).read_text(encoding="utf-8"), function, was)
        noticed, reached = codes[name] in NOTICED, codes[name] != NO_TEST_REACHES_IT
        mutants.append(Mutant(module, line, was, becomes, noticed, reached))
    return mutants


# Around the copies


class Processes:
    """The processes that were started here, which end with the `with`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._over = False

    def run(self, line: Sequence[str | Path], folder: Path, said: Path) -> int:
        """Runs a command to its end, in a process group of its own. Returns its exit code.

        Raises Trouble if the `with` has ended.
        """
        with said.open("wb") as output, self._lock:
            if self._over:
                raise Trouble("it was stopped")
            process = subprocess.Popen(
                line,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._running.add(process)
        code = process.wait()
        with self._lock:
            self._running.discard(process)
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._lock:
            self._over = True
            for process in self._running:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


def _copy(room: Room, folder: Path) -> None:
    shutil.copytree(ROOT, folder, ignore=LEFT_BEHIND)
    also = sorted(path.name for path in folder.iterdir() if path.name not in (*SOURCES, "tests", "pyproject.toml"))
    lists = {
        "source_paths": SOURCES,
        "only_mutate": room.modules,
        "also_copy": also,
        "pytest_add_cli_args_test_selection": room.tests,
        "pytest_add_cli_args": ("-m", "not system"),
    }
    lines = ["[mutmut]", "timeout_multiplier = 3", "timeout_constant = 5", "use_git_change_detection = false"]
    for name, values in lists.items():
        lines += [f"{name} =", *(f"    {value}" for value in values)]
    (folder / "setup.cfg").write_text("\n".join(lines) + "\n", encoding="utf-8")


def mutants_of_room(room: Room, sample: int | None, seed: str, folder: Path, processes: Processes) -> list[Mutant]:
    """Returns the mutants of a room. Raises Trouble with the last lines of mutmut's output if it fails."""
    _copy(room, folder)
    said, result = folder / "said.txt", folder / "result.json"
    asked = json.dumps([room.modules, sample, seed])
    code = processes.run([sys.executable, "-P", folder / "tests" / "mutants.py", "--in-the-copy", asked], folder, said)
    if not result.exists():
        text = said.read_text(encoding="utf-8", errors="replace").replace("\r", "\n")
        lines = [line for line in text.splitlines() if line and line[0] not in SPINNER]
        raise Trouble("\n".join([f"{room.name}: mutmut ended with {code}:", *lines[-12:]]))
    lived = [Mutant(**mutant) for mutant in json.loads(result.read_text(encoding="utf-8"))]
    sys.stderr.write(f"{room.name}: {sum(mutant.noticed for mutant in lived)} of {len(lived)} noticed\n")
    return lived


def mutants_of_rooms(
    modules: Sequence[str], sample: int | None, seed: str, jobs: int
) -> tuple[list[Mutant], list[Trouble]]:
    """Returns the mutants of all rooms, and the trouble with each room that could not be tried."""
    asked = rooms(modules)
    mutants: list[Mutant] = []
    troubles: list[Trouble] = []
    with (
        tempfile.TemporaryDirectory(prefix="mutants-") as folder,
        ThreadPoolExecutor(jobs) as pool,
        Processes() as processes,
    ):
        try:
            for answer in [
                pool.submit(mutants_of_room, room, sample, seed, Path(folder) / room.name, processes) for room in asked
            ]:
                try:
                    mutants += answer.result()
                except Trouble as trouble:
                    troubles.append(trouble)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return mutants, troubles


def shares(mutants: Sequence[Mutant]) -> str:
    """Returns the share of mutants that was noticed, a line for each module."""
    lines = [f"{'module':<40} {'mutants':>7} {'noticed':>7} {'share':>6}"]
    modules = sorted({mutant.module for mutant in mutants})
    for name, of in [*((name, [m for m in mutants if m.module == name]) for name in modules), ("all", list(mutants))]:
        noticed = sum(mutant.noticed for mutant in of)
        below = "" if noticed >= AT_LEAST * len(of) else f"  below {AT_LEAST:.0%}"
        lines.append(f"{name:<40} {len(of):>7} {noticed:>7} {noticed / len(of):>6.0%}{below}")
    return "\n".join(lines)


def survivors(mutants: Sequence[Mutant]) -> str:
    """Returns the mutants that were not noticed, each with its place and its lines."""
    lines = []
    for mutant in sorted((m for m in mutants if not m.noticed), key=lambda m: (m.module, m.line)):
        lines.append(f"{mutant.module}:{mutant.line}" + ("" if mutant.reached else "  (no test runs it)"))
        lines += [f"  - {line}" for line in mutant.was.splitlines()]
        lines += [f"  + {line}" for line in mutant.becomes.splitlines()]
    return "\n".join(lines)


def _terminated(*_: object) -> None:
    raise SystemExit(128 + signal.SIGTERM)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make mutants", description="break the code, and see whether a test notices")
    parser.add_argument("--modules", nargs="*", default=[], help="paths; all of mutants.toml where none is given")
    parser.add_argument("--sample", default="8", help='mutants of each module, or "all"')
    parser.add_argument("--seed", default="1", help="of the sample")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--in-the-copy", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.in_the_copy:
        lived = live_in_the_copy(*json.loads(arguments.in_the_copy))
        Path("result.json").write_text(json.dumps([vars(mutant) for mutant in lived]), encoding="utf-8")
        return 0
    signal.signal(signal.SIGTERM, _terminated)
    sample = None if arguments.sample == "all" else int(arguments.sample)
    mutants, troubles = mutants_of_rooms(arguments.modules, sample, arguments.seed, arguments.jobs)
    for trouble in troubles:
        sys.stderr.write(f"{trouble}\n")
    if not mutants:
        return 1
    print(shares(mutants))
    if not all(mutant.noticed for mutant in mutants):
        print("\nNot noticed:\n" + survivors(mutants))
    return int(bool(troubles) or sum(mutant.noticed for mutant in mutants) < AT_LEAST * len(mutants))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as stopped:
        sys.exit(str(stopped))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
