"""The vocabulary of alarms has the very names that the agent's source uses."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

from agent.records import alarm_names
from agent.records.alarm_names import ALARMS, NOTICES
from agent.savings.intervals import Anomaly
from agent.schedule.conditions import CONDITIONS

SOURCES = [
    path
    for path in (Path(__file__).parents[3] / "agent").rglob("*.py")
    if path != Path(alarm_names.__file__) and "__pycache__" not in path.parts
]
OF_ALARMS = {"begin", "end", "holds", "remembers"}
OF_NOTICES = {"note", "notice", "report", "_report", "_notice"}


def named(methods: set[str]) -> Iterator[tuple[str, str]]:
    """Returns the place and the name of each call of these methods with a literal name."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args:
                called = node.func
                method = called.attr if isinstance(called, ast.Attribute) else ""
                for argument in node.args[:2]:  # a notice's first argument may be its time
                    if method in methods and isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        yield f"{path.name}:{node.lineno}", argument.value
                        break


def test_every_name_that_the_agent_says_is_in_the_vocabulary() -> None:
    found = list(named(OF_ALARMS))
    assert len(found) > 30, "the search finds too few calls"
    assert [(where, name) for where, name in found if name not in ALARMS] == []
    # Findings about a board are reported by methods of these names too, in sentences.
    noted = [(where, name) for where, name in named(OF_NOTICES) if name.isidentifier()]
    assert len(noted) > 9, "the search finds too few calls"
    assert [(where, name) for where, name in noted if name not in NOTICES] == []
    assert set(CONDITIONS) <= set(ALARMS)
    assert set(get_args(get_type_hints(Anomaly)["name"])) <= set(NOTICES)


def test_the_vocabulary_has_no_name_that_the_agent_does_not_say() -> None:
    said = {
        node.value
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert ({*ALARMS, *NOTICES}) - said == set()
    assert {*ALARMS, *NOTICES} >= alarm_names.TALQ
