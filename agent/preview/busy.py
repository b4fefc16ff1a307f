"""The upper bound of a forecast: the plan of a street on which every sensor is active all night.

A forecast knows no passers-by. The energy that a street will use lies between the undisturbed plan and this one.
"""

from __future__ import annotations

from agent.schedule.calendars import Calendar, Rule
from agent.schedule.plan import Plan, PlannedLuminaire
from agent.schedule.program import Program


def busy_plan(plan: Plan) -> Plan | None:
    """Returns the plan with every dynamic control and every path active all the time, or None if it has neither."""
    if not plan.dynamics and not plan.paths:
        return None
    known: dict[tuple[int, float], Calendar] = {}
    luminaires = []
    for name in plan.names:
        planned = plan.luminaires[name]
        raised = max((path.percent for _, path in planned.listens), default=0.0)
        key = (id(planned.calendar), raised)
        if key not in known:
            known[key] = _busy_calendar(planned.calendar, raised)
        luminaires.append(PlannedLuminaire(name, known[key], planned.groups, planned.output))
    return Plan(luminaires, plan.floor, (), (), plan.safe_percent)


def _busy_calendar(calendar: Calendar, raised: float) -> Calendar:
    rules = tuple(
        Rule(
            _busy_program(rule.program, raised),
            rule.weekdays,
            rule.occurrence,
            rule.dates,
            rule.first,
            rule.last,
            rule.days,
        )
        for rule in calendar.rules
    )
    return Calendar(calendar.name, _busy_program(calendar.program, raised), rules, calendar.special)


def _busy_program(program: Program, raised: float) -> Program:
    steps = []
    for step in program.steps:
        # The order of agent/schedule/target.py: first the paths, then the controls from the last to the first.
        percent = max(step.percent, raised)
        for dynamic in reversed(program.dynamics):
            percent = dynamic.applied(percent)
        steps.append(step._replace(percent=percent))
    return Program(
        program.name,
        program.on,
        program.off,
        tuple(steps),
        program.fade_s,
        program.photocell,
        (),
        program.dark,
        program.min_burning_s,
        program.trim_on_s,
        program.trim_off_s,
    )
