"""Events: alarms, which begin and end, and notices, which have no end. Names: agent/records/alarm_names.py.

An alarm is (name, subject, since): `since` is the time of its first begin, and stands in every later record of it.
Alarms outlive the agent: one that was active when the agent stopped goes on after the restart, or ends, as one alarm.
One that comes and goes (a loose cable) is one alarm with a count: from its third begin within minutes on, its ends are
not recorded until it has been quiet for a while. The record of a notice has "notice": true. It says what has happened,
and a reader that lists what is active leaves it out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from agent.records.kinds import EVENT

log = logging.getLogger("lichtmast")

AGAIN_WITHIN_S = 600.0
"""An alarm that begins again within this time of its end goes on; later, it is a new one."""

FLAPS = 3
"""From this begin on an alarm comes and goes: its begins are counted, until it has been quiet for AGAIN_WITHIN_S."""

COUNT_EACH_S = 900.0
"""How often the count is recorded while an alarm comes and goes."""

UNSEEN_AFTER_S = 7200.0
"""An alarm from before a restart is over if no part of the agent has seen it for this long, although it could."""

MOST_REMEMBERED = 1000
LONGEST_TEXT = 500

STATE = "alarms"


@dataclass(slots=True)
class _Alarm:
    since: float
    text: str
    count: int
    said_at: float  # monotonic
    said_count: int
    holds: bool = True
    ended_text: str = ""
    ended_at: float = 0.0  # monotonic
    ended_wall: float = 0.0
    unseen_since: float | None = None  # active before the restart, and not seen since

    @property
    def flaps(self) -> bool:
        return self.count >= FLAPS

    @property
    def is_said_active(self) -> bool:
        return self.holds or self.flaps


def event(at: float, name: str, subject: str, text: str, *, active: bool, **further: float | bool) -> dict[str, object]:
    """Returns the body of an event record (agent/records/kinds.py). `at` is Unix time in seconds; `further` holds
    `since`, `count` and `notice`, if the event has them."""
    return {"at": at, "name": name, "subject": subject, "active": active, "text": text, **further}


def notice(at: float, name: str, subject: str, text: str) -> dict[str, object]:
    """Returns the body of an event record that has no end. It happened at `at`, Unix time in seconds."""
    return event(at, name, subject, text, active=True, notice=True)


class EventLog:
    """Turns conditions into event records: one when a condition begins, one when it ends, none while it lasts.

    `append` takes the record's kind and body (agent/records/journal.py); a line in the log goes with it. The caller
    calls `settle` every few seconds, and keeps `state` with the records. `wall` is Unix time, `monotonic` a time that
    is never set, both in seconds.
    """

    def __init__(
        self,
        append: Callable[[str, Mapping[str, object]], None],
        wall: Callable[[], float],
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self._append = append
        self._wall = wall
        self._monotonic = monotonic or wall
        self._alarms: dict[tuple[str, str], _Alarm] = {}

    def begin(self, name: str, subject: str, text: str) -> None:
        """Takes in that the condition holds from now on. Changes nothing while it holds already."""
        self.settle()
        alarm, now = self._alarms.get((name, subject)), self._monotonic()
        if alarm is None:
            alarm = _Alarm(self._wall(), text, 1, now, 1)
            self._alarms[name, subject] = alarm
            self._record(name, subject, text, active=True)
        elif alarm.holds:
            alarm.unseen_since = None
        else:
            alarm.holds, alarm.text = True, text
            alarm.count += 1
            if alarm.count <= FLAPS:
                self._say_count(name, subject, alarm)

    def end(self, name: str, subject: str, text: str) -> None:
        """Takes in that the condition is over. Changes nothing while it does not hold."""
        alarm = self._alarms.get((name, subject))
        if alarm is None or not alarm.holds:
            return
        alarm.holds, alarm.unseen_since, alarm.ended_text = False, None, text
        alarm.ended_at, alarm.ended_wall = self._monotonic(), self._wall()
        if not alarm.flaps:
            self._say_end(name, subject, alarm)

    def cannot_tell(self, subjects: Collection[str]) -> None:
        """Takes in that these subjects cannot be asked just now: alarms of theirs from before the restart may hold
        still."""
        now = self._monotonic()
        for (_, subject), alarm in self._alarms.items():
            if alarm.unseen_since is not None and subject in subjects:
                alarm.unseen_since = now

    def note(self, name: str, subject: str, text: str) -> None:
        """Records a notice: something happened that has no end."""
        self._record(name, subject, text, active=True, notice=True)

    def holds(self, name: str, subject: str) -> bool:
        """Returns True if this condition has begun, and not ended, since the agent started."""
        alarm = self._alarms.get((name, subject))
        return alarm is not None and alarm.holds and alarm.unseen_since is None

    def remembers(self, name: str, subject: str) -> bool:
        """Returns True if this alarm was active before the restart, and no part of the agent has seen it since."""
        alarm = self._alarms.get((name, subject))
        return alarm is not None and alarm.unseen_since is not None

    def count(self, name: str, subject: str) -> int:
        """Returns how often the alarm has begun, its first begin included; 0: it is over for good."""
        alarm = self._alarms.get((name, subject))
        return 0 if alarm is None else alarm.count

    def active(self) -> list[dict[str, object]]:
        """Returns the alarms that hold now, the oldest first: `name`, `subject`, `text`, `since` (Unix seconds) and
        `count`."""
        return [
            {"name": name, "subject": subject, "text": alarm.text, "since": alarm.since, "count": alarm.count}
            for (name, subject), alarm in sorted(self._alarms.items(), key=lambda item: item[1].since)
            if alarm.is_said_active
        ]

    def settle(self) -> None:
        """Records what is due by time alone: counts, and the ends of alarms that came and went and are quiet now."""
        now = self._monotonic()
        for (name, subject), alarm in list(self._alarms.items()):
            if alarm.unseen_since is not None:
                if now - alarm.unseen_since >= UNSEEN_AFTER_S:
                    self.end(name, subject, f"{name} of {subject} has not come again since the restart")
            elif alarm.holds or now - alarm.ended_at < AGAIN_WITHIN_S:
                if alarm.count > alarm.said_count and now - alarm.said_at >= COUNT_EACH_S:
                    self._say_count(name, subject, alarm)
            else:
                del self._alarms[name, subject]
                if alarm.flaps:
                    self._say_end(name, subject, alarm)

    def state(self) -> dict[str, object]:
        """Returns the active alarms, under the name by which the journal keeps them."""
        kept = [
            {"name": name, "subject": subject, "since": alarm.since, "count": alarm.count, "text": alarm.text}
            for (name, subject), alarm in self._alarms.items()
            if alarm.is_said_active
        ]
        return {STATE: kept[:MOST_REMEMBERED]}

    def restore(self, kept: object) -> None:
        """Takes up the alarms that were active when the agent stopped: the value that `state` gave under STATE. Those
        that cannot be read are left out."""
        now = self._monotonic()
        for each in kept[:MOST_REMEMBERED] if isinstance(kept, list) else ():
            if not isinstance(each, dict):
                continue
            name, subject, since, count, text = (each.get(key) for key in ("name", "subject", "since", "count", "text"))
            if not all(isinstance(word, str) for word in (name, subject, text)):
                continue
            if isinstance(since, (int, float)) and type(count) is int and count >= 1:
                self._alarms[str(name), str(subject)] = _Alarm(since, str(text), count, now, count, unseen_since=now)

    def _say_count(self, name: str, subject: str, alarm: _Alarm) -> None:
        alarm.said_at, alarm.said_count = self._monotonic(), alarm.count
        text = f"{alarm.text} ({alarm.count} times since it began)" if alarm.flaps else alarm.text
        self._record(name, subject, text, active=True, since=alarm.since, count=alarm.count)

    def _say_end(self, name: str, subject: str, alarm: _Alarm) -> None:
        further: dict[str, float] = {"since": alarm.since}
        if alarm.count > 1:
            further["count"] = alarm.count
        text = f"{alarm.ended_text} (it had come {alarm.count} times)" if alarm.flaps else alarm.ended_text
        self._record(name, subject, text, at=alarm.ended_wall, active=False, **further)

    def _record(
        self, name: str, subject: str, text: str, *, active: bool, at: float | None = None, **further: float | bool
    ) -> None:
        text = text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 4] + " ..."
        (log.warning if active else log.info)("%s: %s", subject, text)
        at = self._wall() if at is None else at
        self._append(EVENT.name, event(at, name, subject, text, active=active, **further))
