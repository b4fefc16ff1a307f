"""Calendars: rules that give each night its control program, in the order of their priority (modelled on TALQ 2.7.1).

A day runs from noon to noon and bears the date of its evening, so that a night belongs to one day.
"""

from agent.schedule.civil import date_of_day, day_of_date, days_in_month, easter, weekday
from agent.schedule.value import Value

TYPE_CHECKING = False

if TYPE_CHECKING:
    from agent.schedule.program import Program


# The last occurrence of a weekday in its month. 0 stands for each, and 1..5 for the Nth.
LAST = -1

# Special days: the days from Easter Sunday to each of them, or its month and day.
EASTER_DAYS = (
    ("goede-vrijdag", -2),
    ("pasen", 0),
    ("tweede-paasdag", 1),
    ("hemelvaart", 39),
    ("pinksteren", 49),
    ("tweede-pinksterdag", 50),
    ("carnaval", -49),
)
DATED_DAYS = (
    ("nieuwjaar", 1, 1),
    ("dodenherdenking", 5, 4),
    ("bevrijdingsdag", 5, 5),
    ("sint-maarten", 11, 11),
    ("sinterklaas", 12, 5),
    ("kerstavond", 12, 24),
    ("kerst", 12, 25),
    ("tweede-kerstdag", 12, 26),
    ("oudejaarsavond", 12, 31),
)
KONINGSDAG = "koningsdag"


class SpecialDay(Value):
    """A special day that the operator defines: a name and its dates, (year or 0 for each year, month, day)."""

    FIELDS = ("name", "dates")

    def __init__(self, name: str, dates: "tuple[tuple[int, int, int], ...]") -> None:
        self.name = name
        self.dates = dates


class Rule(Value):
    """A program and the nights in which it applies: those that meet every condition given.

    `weekdays` are 1 (Monday) to 7. `occurrence` restricts them to the Nth (1..5) or the last (LAST) in their month.
    `dates` are (year or 0 for each year, month, day). `first` and `last` are such dates too, and both belong to the
    range; without years it may run over New Year. `days` are names of special days.
    """

    FIELDS = ("program", "weekdays", "occurrence", "dates", "first", "last", "days")

    def __init__(
        self,
        program: "Program",
        weekdays: "tuple[int, ...]" = (),
        occurrence: int = 0,
        dates: "tuple[tuple[int, int, int], ...]" = (),
        first: "tuple[int, int, int] | None" = None,
        last: "tuple[int, int, int] | None" = None,
        days: "tuple[str, ...]" = (),
    ) -> None:
        self.program = program
        self.weekdays = weekdays
        self.occurrence = occurrence
        self.dates = dates
        self.first = first
        self.last = last
        self.days = days

    def holds(self, day: int, special: "tuple[SpecialDay, ...]" = ()) -> bool:
        """Returns whether the rule holds in the night that begins on this day (days since 1970-01-01). `special` are
        the operator's special days."""
        date = date_of_day(day)
        if self.weekdays and not self._on_weekday(day, date):
            return False
        if self.dates and not _among(date, self.dates):
            return False
        if self.first is not None and self.last is not None and not _within(date, self.first, self.last):
            return False
        return not self.days or any(is_special(name, day, special) for name in self.days)

    def _on_weekday(self, day: int, date: "tuple[int, int, int]") -> bool:
        if weekday(day) not in self.weekdays:
            return False
        if self.occurrence == LAST:
            return date[2] + 7 > days_in_month(date[0], date[1])
        return self.occurrence == 0 or (date[2] - 1) // 7 + 1 == self.occurrence


class Calendar(Value):
    """A calendar: the first of its rules that holds decides a night, or `program` if none does."""

    FIELDS = ("name", "program", "rules", "special")

    def __init__(
        self,
        name: str,
        program: "Program",
        rules: "tuple[Rule, ...]" = (),
        special: "tuple[SpecialDay, ...]" = (),
    ) -> None:
        self.name = name
        self.program = program
        self.rules = rules
        self.special = special

    def rule_of(self, day: int) -> "Rule | None":
        """Returns the rule that decides the night that begins on this day (days since 1970-01-01), or None if no rule
        does."""
        for rule in self.rules:
            if rule.holds(day, self.special):
                return rule
        return None

    def program_of(self, day: int) -> "Program":
        """Returns the program of the night that begins on this day (days since 1970-01-01)."""
        rule = self.rule_of(day)
        return rule.program if rule else self.program

    def programs(self) -> "list[Program]":
        """Returns every program that a night of this calendar may have, each once."""
        found = [self.program]
        for rule in self.rules:
            if rule.program not in found:
                found.append(rule.program)
        return found


def special_names() -> "list[str]":
    """Returns the names of the special days that need no definition."""
    return [entry[0] for entry in EASTER_DAYS] + [entry[0] for entry in DATED_DAYS] + [KONINGSDAG]


def is_special(name: str, day: int, special: "tuple[SpecialDay, ...]" = ()) -> bool:
    """Returns whether this day (days since 1970-01-01) has this name. A definition of the operator's in `special` goes
    before the built-in one."""
    date = date_of_day(day)
    for own in special:
        if own.name == name:
            return _among(date, own.dates)
    if name == KONINGSDAG:
        # 27 April, or 26 April if the 27th is a Sunday.
        birthday = day_of_date(date[0], 4, 27)
        return day == (birthday - 1 if weekday(birthday) == 7 else birthday)
    for known, from_easter in EASTER_DAYS:
        if known == name:
            return day == easter(date[0]) + from_easter
    return (name, date[1], date[2]) in DATED_DAYS


def _among(date: "tuple[int, int, int]", dates: "tuple[tuple[int, int, int], ...]") -> bool:
    return date in dates or (0, date[1], date[2]) in dates


def _within(date: "tuple[int, int, int]", first: "tuple[int, int, int]", last: "tuple[int, int, int]") -> bool:
    if first[0] and last[0]:
        return first <= date <= last
    at = date[1:]
    if first[1:] <= last[1:]:
        return first[1:] <= at <= last[1:]
    return at >= first[1:] or at <= last[1:]
