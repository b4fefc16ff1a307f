"""Events: a condition is said when it begins and when it ends, and not in between."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import pytest

from agent.events import EventLog


class Told:
    """An event log, and what it wrote."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.records: list[tuple[str, Mapping[str, object]]] = []
        self.log = EventLog(lambda kind, body: self.records.append((kind, body)), lambda: self.now)

    def brief(self) -> list[tuple[object, ...]]:
        return [(body["at"], body["name"], body["subject"], body["active"]) for _, body in self.records]


def test_a_condition_is_said_at_both_ends_and_may_come_again() -> None:
    told = Told()
    told.log.end("lampFailure", "L01", "it was never gone")
    for _ in range(3):
        told.log.begin("lampFailure", "L01", "L01 is out")
        told.now += 1
    assert told.log.holds("lampFailure", "L01")
    for _ in range(3):
        told.log.end("lampFailure", "L01", "L01 is back")
    assert not told.log.holds("lampFailure", "L01")
    told.log.begin("lampFailure", "L01", "L01 is out")
    assert told.brief() == [
        (1000.0, "lampFailure", "L01", True),
        (1003.0, "lampFailure", "L01", False),
        (1003.0, "lampFailure", "L01", True),
    ]


def test_conditions_of_others_are_others() -> None:
    told = Told()
    told.log.begin("lampFailure", "L01", "x")
    told.log.begin("lampFailure", "L02", "x")
    told.log.begin("supplyLoss", "L01", "x")
    told.log.end("lampFailure", "L01", "x")
    assert [told.log.holds("lampFailure", name) for name in ("L01", "L02")] == [False, True]
    assert told.log.holds("supplyLoss", "L01")
    assert len(told.records) == 4


def test_a_note_is_said_each_time_and_holds_nothing() -> None:
    told = Told()
    told.log.note("registerReplaced", "L01", "x")
    told.log.note("registerReplaced", "L01", "x")
    assert len(told.records) == 2
    assert not told.log.holds("registerReplaced", "L01")


def test_the_record_and_the_line_that_the_operator_reads(caplog: pytest.LogCaptureFixture) -> None:
    told = Told()
    with caplog.at_level(logging.INFO, "lichtmast"):
        told.log.begin("lampFailure", "L01", "L01 is out")
        told.log.end("lampFailure", "L01", "L01 is back")
    assert told.records[0] == (
        "event",
        {"at": 1000.0, "name": "lampFailure", "subject": "L01", "active": True, "text": "L01 is out"},
    )
    assert [(line.levelname, line.getMessage()) for line in caplog.records] == [
        ("WARNING", "L01: L01 is out"),
        ("INFO", "L01: L01 is back"),
    ]
