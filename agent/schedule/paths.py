"""Makes light follow the cyclist: a presence at a luminaire raises its neighbours along the paths of a board."""

from agent.schedule.value import Value


class Path(Value):
    """A path: luminaires in the order of travel.

    A presence at a luminaire raises it, `ahead` luminaires after it and `behind` before it, all at once, to at least
    `percent`. They keep that level for `hold_s`, and fade up in `ramp_up_s` and down in `ramp_down_s`.
    """

    FIELDS = ("name", "luminaires", "ahead", "behind", "percent", "hold_s", "ramp_up_s", "ramp_down_s")

    def __init__(
        self,
        name: str,
        luminaires: "tuple[str, ...]",
        ahead: int = 2,
        behind: int = 1,
        percent: float = 100,
        hold_s: float = 30,
        ramp_up_s: float = 1,
        ramp_down_s: float = 8,
    ) -> None:
        self.name = name
        self.luminaires = luminaires
        self.ahead = ahead
        self.behind = behind
        self.percent = percent
        self.hold_s = hold_s
        self.ramp_up_s = ramp_up_s
        self.ramp_down_s = ramp_down_s

    def raised_by(self, luminaire: str) -> "tuple[str, ...]":
        """Returns the luminaires that a presence at this luminaire raises, in the order of the path. If the luminaire
        is not on the path, there are none."""
        if luminaire not in self.luminaires:
            return ()
        at = self.luminaires.index(luminaire)
        return self.luminaires[max(0, at - self.behind) : at + self.ahead + 1]


def raised(paths: "tuple[Path, ...]", luminaire: str) -> "list[str]":
    """Returns the luminaires that a presence at this luminaire raises along all paths, each once."""
    found = []  # type: list[str]
    for path in paths:
        for name in path.raised_by(luminaire):
            if name not in found:
                found.append(name)
    return found
