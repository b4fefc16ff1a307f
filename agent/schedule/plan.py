"""The plan of a gateway's light, with all names resolved: calendars, groups, overrides, paths, outputs, the floor.

The agent makes it from its files (agent/config/plan.py), and target_of() evaluates it.
"""

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
    """The installer's guarantee for the night (the sun below -6 degrees).

    No lamp goes below `night_percent`, and no lamp is dark unless `dark_allowed` and the program both say so. A
    `night_percent` of 0 counts as the least light if they do not. No override lasts longer than `longest_override_s`.
    """

    FIELDS = ("night_percent", "dark_allowed", "longest_override_s")

    def __init__(
        self, night_percent: float = 10, dark_allowed: bool = False, longest_override_s: float = 86400
    ) -> None:
        self.night_percent = night_percent
        self.dark_allowed = dark_allowed
        self.longest_override_s = longest_override_s

    def lifted(self, percent: float, program: "Program") -> float:
        """Returns a level of this program if the floor allows it at night, or else the lowest level that it allows."""
        if percent >= self.night_percent and percent > 0:
            return percent
        if percent <= 0 and self.dark_allowed and program.dark:
            return percent
        return max(self.night_percent, LEAST_PERCENT)


# The lowest level, in whole percent, that is still light.
LEAST_PERCENT = 1.0


class PlannedLuminaire:
    """A luminaire's part of a plan: its calendar, its groups, its output, and the sources that it listens to."""

    def __init__(
        self, name: str, calendar: "Calendar", groups: "tuple[str, ...]" = (), output: "Output | None" = None
    ) -> None:
        self.name = name
        self.calendar = calendar
        self.groups = groups
        self.output = output or Output()
        # The input keys of the presences that raise this luminaire, each with the path that leads here.
        self.listens = []  # type: list[tuple[str, Path]]
        self._watched = {}  # type: dict[int, tuple[Program, list[tuple[Dynamic, list[str]]]]]

    def watched(self, program: "Program") -> "list[tuple[Dynamic, list[str]]]":
        """Returns a program's dynamic controls, each with the input keys of its source. They come in the order in which
        they apply: the last first, because the first has the last word."""
        found = self._watched.get(id(program))
        if found is None:
            places = ("", self.name) + self.groups
            controls = []  # type: list[tuple[Dynamic, list[str]]]
            for dynamic in program.dynamics:
                controls.insert(0, (dynamic, [dynamic.key + "@" + place for place in places]))
            # The value keeps the program alive, so that no other program can get its id.
            found = (program, controls)
            self._watched[id(program)] = found
        return found[1]


class Plan:
    """The plan of a gateway. It does not change: a new override makes a new plan (`with_overrides`).

    `safe_percent` is the level of a lamp when something is wrong.
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
        # The order in which they were given: a dict keeps none on MicroPython.
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
        # The seconds for which an input that is over may still matter.
        self.longest_hold_s = max(holds + [0.0])

    def with_overrides(self, overrides: "tuple[Override, ...]") -> "Plan":
        """Returns a copy of the plan that has these overrides in place of its own, in the order in which they were
        given."""
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
    """Returns a plan that gives these luminaires one program, without groups, paths or overrides."""
    calendar = Calendar(program.name, program)
    return Plan([PlannedLuminaire(name, calendar) for name in names], safe_percent=safe_percent)


def _distinct(dynamics: "list[Dynamic]") -> "list[Dynamic]":
    found = {}  # type: dict[str, Dynamic]
    for dynamic in dynamics:
        # Controls with one condition share its input, and the longest hold counts.
        if dynamic.key not in found or found[dynamic.key].hold_s < dynamic.hold_s:
            found[dynamic.key] = dynamic
    return [found[key] for key in sorted(found)]
