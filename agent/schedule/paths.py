"""Light follows the cyclist: which luminaires a presence at one of them raises, along the paths of a board."""

from agent.schedule.value import Value


class Path(Value):
    """Luminaires in the order of travel. A presence at one raises it, `ahead` after it and `behind` before it to at
    least `percent`, for `hold_s`, by fades of `ramp_up_s` and `ramp_down_s`; all of them at once."""

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
        """The luminaires that a presence at this one raises, in the order of the path; none where it is not on it."""
        if luminaire not in self.luminaires:
            return ()
        at = self.luminaires.index(luminaire)
        return self.luminaires[max(0, at - self.behind) : at + self.ahead + 1]


def raised(paths: "tuple[Path, ...]", luminaire: str) -> "list[str]":
    """The luminaires that a presence at this one raises along all paths, each once."""
    found = []  # type: list[str]
    for path in paths:
        for name in path.raised_by(luminaire):
            if name not in found:
                found.append(name)
    return found
