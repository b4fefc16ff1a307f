"""All that decides over a gateway's light, resolved: calendars, groups, overrides, paths, outputs, the installer's
floor. The host makes it from its files (agent/config/plan.py); target_of() evaluates it."""

from agent.schedule.calendars import Calendar
from agent.schedule.output import Output
from agent.schedule.override import Override
from agent.schedule.paths import Path
from agent.schedule.program import PRESENCE
from agent.schedule.value import Value

TYPE_CHECKING = False

if TYPE_CHECKING:
    from agent.schedule.program import Dynamic, Program


class Floor(Value):
    """What the installer guarantees at night (the sun below -6 degrees): nothing goes below `night_percent`, and
    nothing is dark unless `dark_allowed` and the program says so too. No override lasts longer than
    `longest_override_s`. `night_percent` 0 counts as the least light where dark is not agreed on."""

    FIELDS = ("night_percent", "dark_allowed", "longest_override_s")

    def __init__(
        self, night_percent: float = 10, dark_allowed: bool = False, longest_override_s: float = 86400
    ) -> None:
        self.night_percent = night_percent
        self.dark_allowed = dark_allowed
        self.longest_override_s = longest_override_s

    def lifted(self, percent: float, program: "Program") -> float:
        """A level of this program at night, where it is allowed; else the lowest that is."""
        if percent >= self.night_percent and percent > 0:
            return percent
        if percent <= 0 and self.dark_allowed and program.dark:
            return percent
        return max(self.night_percent, LEAST_PERCENT)


# What is still light: the lowest level that DALI's percent can name whole.
LEAST_PERCENT = 1.0


class PlannedLuminaire:
    """One luminaire's part of a plan: its calendar, its groups, its output; and the sources that it listens to."""

    def __init__(
        self, name: str, calendar: "Calendar", groups: "tuple[str, ...]" = (), output: "Output | None" = None
    ) -> None:
        self.name = name
        self.calendar = calendar
        self.groups = groups
        self.output = output or Output()
        # Along paths: the input key of a presence, and the path that carries it here.
        self.listens = []  # type: list[tuple[str, Path]]
        self._watched = {}  # type: dict[int, tuple[Program, list[tuple[Dynamic, list[str]]]]]

    def watched(self, program: "Program") -> "list[tuple[Dynamic, list[str]]]":
        """A program's dynamic controls, and for each the input keys under which it finds its source; the last first,
        for the first has the last word."""
        found = self._watched.get(id(program))
        if found is None:
            places = ("", self.name) + self.groups
            controls = []  # type: list[tuple[Dynamic, list[str]]]
            for dynamic in program.dynamics:
                controls.insert(0, (dynamic, [dynamic.key + "@" + place for place in places]))
            # The program stays with its id.
            found = (program, controls)
            self._watched[id(program)] = found
        return found[1]


class Plan:
    """A gateway's plan. It does not change: a new override makes a new plan (`with_overrides`).

    `safe_percent` is the level when something is wrong.
    """

    def __init__(
        self,
        luminaires: "list[PlannedLuminaire]",
        floor: "Floor | None" = None,
        overrides: "tuple[Override, ...]" = (),
        paths: "tuple[Path, ...]" = (),
        safe_percent: float = 100,
    ) -> None:
        self.luminaires = {each.name: each for each in luminaires}
        # In the order that they were given in: a dict keeps none on MicroPython.
        self.names = [each.name for each in luminaires]
        self.floor = floor or Floor()
        self.overrides = overrides
        self.paths = paths
        self.safe_percent = safe_percent
        self.programs = []  # type: list[Program]
        for each in luminaires:
            for program in each.calendar.programs():
                if program not in self.programs:
                    self.programs.append(program)
        self._connect_paths()
        self.dynamics = _distinct([dynamic for program in self.programs for dynamic in program.dynamics])
        self.photocells = [program.photocell for program in self.programs if program.photocell]
        holds = [dynamic.hold_s for dynamic in self.dynamics] + [path.hold_s for path in paths]
        # How long an input that is over may still matter.
        self.longest_hold_s = max(holds + [0.0])

    def with_overrides(self, overrides: "tuple[Override, ...]") -> "Plan":
        """The same plan with these overrides in place of its own, in the order in which they were given."""
        luminaires = [self.luminaires[name] for name in self.names]
        return Plan(luminaires, self.floor, overrides, self.paths, self.safe_percent)

    def _connect_paths(self) -> None:
        listens = {name: [] for name in self.names}  # type: dict[str, list[tuple[str, Path]]]
        for path in self.paths:
            for source in path.luminaires:
                for name in path.raised_by(source):
                    if name in listens:
                        listens[name].append((PRESENCE + "@" + source, path))
        for name in self.names:
            self.luminaires[name].listens = listens[name]


def plain_plan(program: "Program", names: "list[str]", safe_percent: float = 100) -> "Plan":
    """The plan of one program for these luminaires, with nothing else to it."""
    calendar = Calendar(program.name, program)
    return Plan([PlannedLuminaire(name, calendar) for name in names], safe_percent=safe_percent)


def _distinct(dynamics: "list[Dynamic]") -> "list[Dynamic]":
    found = {}  # type: dict[str, Dynamic]
    for dynamic in dynamics:
        # Controls of one condition share its input; only how long they hold differs.
        if dynamic.key not in found or found[dynamic.key].hold_s < dynamic.hold_s:
            found[dynamic.key] = dynamic
    return [found[key] for key in sorted(found)]
