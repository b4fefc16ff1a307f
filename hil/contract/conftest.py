"""Lets pytest run the contract for the interface of `--interface`, or for each of Lichtmast's own."""

from __future__ import annotations

import sys
from collections.abc import Generator

import pytest

from agent.parts.interfaces import INTERFACES

FIRST = "test_at_first"
"""The module of the first tests: if one of them fails, all others would only fail for the same reason."""
_notes = pytest.StashKey[str]()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "product" in metafunc.fixturenames:
        asked: str | None = metafunc.config.getoption("--interface")
        metafunc.parametrize("product", [asked] if asked else [product.name for product in INTERFACES.own()])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and call.excinfo is not None:
        item.config.stash[_notes] = "\n".join(getattr(call.excinfo.value, "__notes__", []))
        if item.config.getoption("--interface") and item.nodeid.partition("::")[0].endswith(f"{FIRST}.py"):
            item.session.shouldfail = "a part of the interface is missing or does not answer"
    return report


class _Evidence:
    """Prints the evidence below the line of a test that failed, if the output is one plain line a test."""

    def __init__(self, config: pytest.Config) -> None:
        self._stash = config.stash

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self) -> None:
        notes = self._stash.get(_notes, "")
        self._stash[_notes] = ""
        if notes:
            sys.stdout.write(notes.lstrip("\n") + "\n\n")
            sys.stdout.flush()


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--story-output") == "lines":
        config.pluginmanager.register(_Evidence(config))
