"""Checks that each rule of a calendar can decide a night: finds rules that never hold or always yield to others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from agent.config.document import Document
from agent.config.toml_lines import Path
from agent.schedule.calendars import Rule, SpecialDay
from agent.schedule.civil import day_of_date

# Weekdays and dates repeat after 28 years.
_FIRST_DAY = day_of_date(2024, 1, 1)
_END_DAY = day_of_date(2052, 1, 1)


def check_rules(
    document: Document, places: Sequence[Path], rules: Sequence[Rule], special: tuple[SpecialDay, ...]
) -> None:
    """Reports each rule that can never decide a night, with the lines of the rules that take its nights.

    `places` are the keys of the rules in the document.
    """
    for index, rule in enumerate(rules):
        conditions = _conditions(rule)
        equal = [at for at in range(index) if _conditions(rules[at]) == conditions]
        if equal:
            document.report(
                places[index],
                f"this rule claims the same nights as the one at line {document.line(places[equal[0]])}, which goes"
                " before it: remove one of them, or change its nights",
            )
            continue
        winners: set[int] = set()
        holds = False
        for day in _nights(rule, special):
            if not rule.holds(day, special):
                continue
            holds = True
            winner = next((at for at in range(index) if rules[at].holds(day, special)), None)
            if winner is None:
                break
            winners.add(winner)
        else:
            _report_useless(document, places, index, winners, holds)


def _report_useless(document: Document, places: Sequence[Path], index: int, winners: set[int], holds: bool) -> None:
    if not holds:
        document.report(
            places[index], "no night meets all the conditions of this rule: change them, or remove the rule"
        )
        return
    lines = sorted(document.line(places[at]) for at in winners)
    which = f"line {lines[0]} takes" if len(lines) == 1 else f"lines {', '.join(map(str, lines))} take"
    document.report(
        places[index],
        f"this rule can never win: the rule at {which} all of its nights; put it before them, or remove it"
        if len(lines) == 1
        else f"this rule can never win: the rules at {which} all of its nights; put it before them, or remove it",
    )


def _conditions(rule: Rule) -> tuple[object, ...]:
    return (
        rule.weekdays,
        rule.occurrence if rule.weekdays else 0,
        frozenset(rule.dates),
        rule.first,
        rule.last,
        frozenset(rule.days),
    )


def _nights(rule: Rule, special: tuple[SpecialDay, ...]) -> Iterator[int]:
    """Yields days that include all nights of the rule: its dates with a year, and the days from `from` to `until` if
    these have a year. Without such a range, it yields 28 years, which hold every kind of year."""
    named = [date for date in rule.dates if date[0]]
    named += [date for own in special if own.name in rule.days for date in own.dates if date[0]]
    if rule.first and rule.last and rule.first[0]:
        begin = day_of_date(*rule.first)
        ranged = range(begin, min(day_of_date(*rule.last) + 1, begin + _END_DAY - _FIRST_DAY))
        return chain(ranged, (day_of_date(*date) for date in named))
    return chain((day_of_date(*date) for date in named), range(_FIRST_DAY, _END_DAY))
