"""Events: a condition is recorded when it begins and when it ends, and not in between."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping

import pytest

from agent.records.alarms import AGAIN_WITHIN_S, COUNT_EACH_S, STATE, UNSEEN_AFTER_S, EventLog


class Told:
    """An event log, and the records that it wrote."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.records: list[tuple[str, Mapping[str, object]]] = []
        self.monotonic = 0.0
        self.log = self.restarted()

    def restarted(self) -> EventLog:
        """Returns another event log, which remembers nothing yet."""
        self.log = EventLog(
            lambda kind, body: self.records.append((kind, body)), lambda: self.now, lambda: self.monotonic
        )
        return self.log

    def wait_s(self, seconds: float) -> None:
        self.now += seconds
        self.monotonic += seconds

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
    assert told.log.state() == {STATE: []}
    assert told.records[0][1] == {
        "at": 1000.0,
        "name": "registerReplaced",
        "subject": "L01",
        "active": True,
        "text": "x",
        "notice": True,
    }


def test_the_record_and_the_line_that_the_operator_reads(caplog: pytest.LogCaptureFixture) -> None:
    told = Told()
    with caplog.at_level(logging.INFO, "lichtmast"):
        told.log.begin("lampFailure", "L01", "L01 is out")
        told.log.end("lampFailure", "L01", "L01 is back")
    assert told.records[0] == (
        "event",
        {"at": 1000.0, "name": "lampFailure", "subject": "L01", "active": True, "text": "L01 is out"},
    )
    assert told.records[1] == (
        "event",
        {
            "at": 1000.0,
            "name": "lampFailure",
            "subject": "L01",
            "active": False,
            "text": "L01 is back",
            "since": 1000.0,
        },
    )
    assert [(line.levelname, line.getMessage()) for line in caplog.records] == [
        ("WARNING", "L01: L01 is out"),
        ("INFO", "L01: L01 is back"),
    ]


def lost(told: Told) -> None:
    told.log.begin("communicationFailure", "main", "the cable is out")


def back(told: Told) -> None:
    told.log.end("communicationFailure", "main", "the cable is in")


def bodies(told: Told) -> list[tuple[float, bool, object, object]]:
    """(seconds since the start, active, since, count)"""
    return [
        (float(str(body["at"])) - 1000.0, bool(body["active"]), body.get("since"), body.get("count"))
        for _, body in told.records
    ]


def test_a_flapping_cable_is_one_alarm_with_a_count() -> None:
    told = Told()
    for _ in range(300):  # twenty minutes, 600 changes
        lost(told)
        told.wait_s(2.0)
        told.log.settle()
        back(told)
        told.wait_s(2.0)
        told.log.settle()
    assert told.log.count("communicationFailure", "main") == 300
    assert bodies(told) == [
        (0.0, True, None, None),
        (2.0, False, 1000.0, None),
        (4.0, True, 1000.0, 2),
        (6.0, False, 1000.0, 2),
        (8.0, True, 1000.0, 3),
        (8.0 + COUNT_EACH_S, True, 1000.0, 227),
    ]
    assert [body["text"] for _, body in told.records][3:6] == [
        "the cable is in",
        "the cable is out (3 times since it began)",
        "the cable is out (227 times since it began)",
    ]
    told.wait_s(AGAIN_WITHIN_S - 2.1)
    told.log.settle()
    assert len(told.records) == 6
    told.wait_s(0.2)
    told.log.settle()
    assert bodies(told)[6:] == [(1198.0, False, 1000.0, 300)]  # when it really ended
    assert told.records[6][1]["text"] == "the cable is in (it had come 300 times)"
    assert told.log.count("communicationFailure", "main") == 0
    told.log.settle()
    lost(told)  # another one
    assert bodies(told)[7][2:] == (None, None)


def test_an_end_of_what_was_steady_is_said_at_once_and_forgotten_after_a_while() -> None:
    told = Told()
    for _ in range(5):
        lost(told)
        told.wait_s(1.0)
        back(told)
        told.wait_s(AGAIN_WITHIN_S)
    assert [count for _, _, _, count in bodies(told)] == [None] * 10
    assert [at for at, active, _, _ in bodies(told) if not active] == [1.0 + 601.0 * n for n in range(5)]


def test_what_flapped_and_holds_then_ends_when_it_was_quiet() -> None:
    told = Told()
    for _ in range(3):
        lost(told)
        back(told)
    lost(told)
    assert told.log.holds("communicationFailure", "main")
    told.wait_s(COUNT_EACH_S - 1.0)
    told.log.settle()
    assert len(told.records) == 5
    told.wait_s(1.0)
    told.log.settle()
    assert bodies(told)[5] == (COUNT_EACH_S, True, 1000.0, 4)
    told.wait_s(5 * COUNT_EACH_S)
    told.log.settle()
    assert len(told.records) == 6  # the count has not changed
    back(told)
    assert not told.log.holds("communicationFailure", "main")
    assert len(told.records) == 6
    told.wait_s(AGAIN_WITHIN_S)
    told.log.settle()
    assert bodies(told)[6] == (6 * COUNT_EACH_S, False, 1000.0, 4)


def test_a_clock_that_is_set_moves_no_end() -> None:
    told = Told()
    for _ in range(3):
        lost(told)
        back(told)
    told.now += 1e6
    told.log.settle()
    assert len(told.records) == 5
    told.now -= 2e6
    told.monotonic += AGAIN_WITHIN_S
    told.log.settle()
    assert len(told.records) == 6


def stopped_and_started(told: Told) -> None:
    kept = json.loads(json.dumps(told.log.state()))[STATE]
    told.wait_s(3600.0)
    told.monotonic = 5.0
    told.restarted().restore(kept)


def test_an_alarm_goes_on_over_a_restart_and_ends_as_the_same_one() -> None:
    told = Told()
    lost(told)
    told.log.begin("lampFailure", "L01", "x")
    told.log.begin("lampFailure", "L02", "x")
    told.log.end("lampFailure", "L02", "x")
    stopped_and_started(told)
    assert len(told.records) == 4
    assert not told.log.holds("communicationFailure", "main")  # as far as this start knows
    assert told.log.remembers("communicationFailure", "main")
    assert not told.log.remembers("lampFailure", "L02")
    lost(told)
    assert told.log.holds("communicationFailure", "main")
    assert not told.log.remembers("communicationFailure", "main")
    assert len(told.records) == 4  # it was said
    told.log.end("lampFailure", "L01", "x")
    assert (told.records[4][1]["active"], told.records[4][1]["since"]) == (False, 1000.0)
    stopped_and_started(told)
    back(told)
    assert bodies(told)[5][1:] == (False, 1000.0, None)
    stopped_and_started(told)
    told.wait_s(2 * UNSEEN_AFTER_S)
    told.log.settle()
    assert len(told.records) == 6


def test_what_no_part_meets_after_a_restart_is_over() -> None:
    told = Told()
    lost(told)
    told.log.begin("lampFailure", "L01", "x")
    stopped_and_started(told)
    told.log.begin("lampFailure", "L01", "x")
    told.wait_s(UNSEEN_AFTER_S - 1.0)
    told.log.settle()
    assert len(told.records) == 2
    told.wait_s(1.0)
    told.log.settle()
    assert [(body["name"], body["active"], body["since"]) for _, body in told.records[2:]] == [
        ("communicationFailure", False, 1000.0)
    ]
    assert told.log.holds("lampFailure", "L01")


def test_what_cannot_be_asked_for_hours_keeps_its_alarm() -> None:
    told = Told()
    told.log.begin("lampFailure", "L01", "x")
    told.log.begin("lampFailure", "L02", "x")
    stopped_and_started(told)
    for _ in range(3):
        told.wait_s(UNSEEN_AFTER_S - 1.0)
        told.log.cannot_tell(("L01", "main"))
        told.log.settle()
    assert [body["subject"] for _, body in told.records[2:]] == ["L02"]
    assert told.log.remembers("lampFailure", "L01")
    told.wait_s(UNSEEN_AFTER_S)
    told.log.settle()
    assert [body["subject"] for _, body in told.records[2:]] == ["L02", "L01"]


def test_what_flaps_keeps_its_count_over_a_restart() -> None:
    told = Told()
    for _ in range(7):
        lost(told)
        back(told)
    assert len(told.records) == 5
    stopped_and_started(told)
    back(told)
    lost(told)
    back(told)
    assert len(told.records) == 5
    told.wait_s(AGAIN_WITHIN_S)
    told.log.settle()
    assert bodies(told)[5][1:] == (False, 1000.0, 8)


@pytest.mark.parametrize(
    "kept",
    [
        None,
        5,
        {},
        [None],
        [{}],
        [{"name": 1, "subject": "L01", "since": 1.0, "count": 1, "text": "x"}],
        [{"name": "a", "subject": [], "since": 1.0, "count": 1, "text": "x"}],
        [{"name": "a", "subject": "L01", "since": "1", "count": 1, "text": "x"}],
        [{"name": "a", "subject": "L01", "since": 1.0, "count": 0, "text": "x"}],
        [{"name": "a", "subject": "L01", "since": 1.0, "count": True, "text": "x"}],
        [{"name": "a", "subject": "L01", "since": 1.0, "count": 1, "text": None}],
    ],
)
def test_a_memory_that_cannot_be_read_is_none(kept: object) -> None:
    told = Told()
    told.log.restore(kept)
    assert told.log.state() == {STATE: []}


def test_a_text_has_a_bound() -> None:
    told = Told()
    told.log.note("partFailed", "x", "y" * 500)
    told.log.note("partFailed", "x", "y" * 1_000_000)
    assert [len(str(body["text"])) for _, body in told.records] == [500, 500]
    assert str(told.records[1][1]["text"]).endswith("y ...")
