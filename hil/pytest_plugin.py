"""The pytest plugin for stories: it gives each story its bench, and reports each outcome.

lichtmast installs it for every pytest of its environment. The entry point bears the module's name,
`hil.pytest_plugin`, so that `-p hil.pytest_plugin` in a source tree does not load it a second time. A story takes one
of these fixtures:

- `bench`: either bench, for a story that is the same on both; `bench.live(story, begins=..., program=...)`;
- `emulated`: a folder, for a story that only emulated lamps can tell; on a real bench such a story is skipped;
- `real_board`: the board file of the real bench, None on the emulated one.

Every pytest of that environment imports this module, so it imports its own needs only when a story runs.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hil.report.collected import Collected
    from hil.stories.either_bench import EitherBench

EMULATED = "emulated"
REPORTER = "lichtmast-stories"

pytest.register_assert_rewrite(
    "hil.contract.bench", "hil.stories.benches", "hil.stories.real_bench", "hil.stories.either_bench"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("lichtmast", "stories of lamp-posts")
    group.addoption(
        "--bench", default=EMULATED, metavar="BENCH", help="emulated (default), or the board file of a real bench"
    )
    group.addoption("--story", action="append", default=[], metavar="NAME", help="only stories with this in their name")
    group.addoption(
        "--interface",
        metavar="NAME",
        help="the DALI interface whose contract is tried (hil/contract); default: each of lichtmast's own",
    )
    group.addoption("--story-report", metavar="DIR", help="write DIR/junit.xml and DIR/index.html")
    group.addoption("--story-lang", choices=("en", "nl"), help="language of the page (default: from LANG)")
    group.addoption(
        "--story-output",
        choices=("pytest", "lines", "json", "names"),
        default="pytest",
        help="instead of pytest's output: one line for each story, one JSON object, or the names without a run",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Sets the options that other plugins read when they are configured."""
    folder: str | None = config.getoption("--story-report")
    if folder:
        config.option.xmlpath = config.option.xmlpath or str(Path(folder) / "junit.xml")
    if config.getoption("--story-output") == "names":
        config.option.collectonly = True


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "system: real processes, a real broker, many kills or nights")
    board = _described_board(config)
    output: str = config.getoption("--story-output")
    folder: str | None = config.getoption("--story-report")
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if output != "pytest" and terminal is not None:
        config.pluginmanager.unregister(terminal)
    if folder or output != "pytest":
        from hil.report.collected import Collected

        collected = Collected(config.getoption("--bench"), board, time.time())
        reporter = _Reporter(config, collected, output, Path(folder) if folder else None)
        config.pluginmanager.register(reporter, REPORTER)


def _described_board(config: pytest.Config) -> str:
    """Returns the real bench in one line, or an empty string on the emulated one.

    Raises UsageError with each problem of the board, one a line, which ends pytest.
    """
    bench: str = config.getoption("--bench")
    if bench == EMULATED:
        return ""
    from agent.config.board import load_board
    from agent.config.problems import ConfigError
    from hil.observed import described

    try:
        return described(load_board(bench))
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keeps the stories that `--story` asks for."""
    names: list[str] = config.getoption("--story")
    if not names:
        return
    from hil.report.collected import chosen

    where = "`lichtmast contract` without it" if config.getoption("--interface") else "`lichtmast hil --list`"
    kept = chosen(items, names, where)
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


@pytest.fixture
def real_board(request: pytest.FixtureRequest) -> Path | None:
    """Returns the board file of the real bench, or None on the emulated one."""
    bench: str = request.config.getoption("--bench")
    return None if bench == EMULATED else Path(bench)


@pytest.fixture
def emulated(real_board: Path | None, tmp_path: Path) -> Path:
    """Returns a folder for a story that only the emulated bench can tell. Skips the story on a real bench."""
    if real_board is not None:
        pytest.skip("this story switches faults on, or asks the lamps what is true: it needs --bench=emulated")
    return tmp_path


@pytest.fixture
def bench(real_board: Path | None, tmp_path: Path) -> EitherBench:
    """Returns the bench that `--bench` names, emulated or real. Its `live` lives a story there."""
    from hil.stories.either_bench import EitherBench

    return EitherBench(real_board, tmp_path)


@pytest.fixture(autouse=True, scope="session")
def _bench_in_junit(request: pytest.FixtureRequest) -> None:
    """Writes the bench and the versions into junit.xml, if a report is asked for."""
    if not request.config.getoption("--story-report"):
        return
    from hil.report.story import versions

    record = request.getfixturevalue("record_testsuite_property")
    record("bench", request.config.getoption("--bench"))
    for name, version in versions().items():
        record(name, version)


class _Reporter:
    """Hears the outcome of each story, prints it, and writes the report."""

    def __init__(self, config: pytest.Config, collected: Collected, output: str, folder: Path | None) -> None:
        self._config = config
        self._collected = collected
        self._output = output
        self._folder = folder
        self._began = time.perf_counter()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._say(self._collected.unreadable(report))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if self._output == "names":
            self._write("\n".join(self._collected.names(session.items)))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None]:
        from hil.observed import listening

        with listening() as heard:
            try:
                yield
            finally:
                self._collected.observed(item, heard)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        self._collected.reported(item, report)
        return report

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._say(self._collected.finished(nodeid))

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        if exitstatus == pytest.ExitCode.USAGE_ERROR:
            return  # pytest says why; there was no run
        from hil.report.page import page
        from hil.report.words import language_of

        self._collected.run.real_s = time.perf_counter() - self._began
        if self._output == "lines":
            stopped = exitstatus == pytest.ExitCode.INTERRUPTED
            self._write(self._collected.summary(self._folder, stopped=stopped))
        elif self._output == "json":
            self._write(self._collected.json())
        # The page comes last: if the disk is full, the outcomes have been printed already.
        if self._folder is not None and self._output != "names":
            language: str = self._config.getoption("--story-lang") or language_of()
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / "index.html").write_text(page(self._collected.run, language), encoding="utf-8")

    def _say(self, line: str) -> None:
        if self._output == "lines" and line:
            self._write(line)

    def _write(self, text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
