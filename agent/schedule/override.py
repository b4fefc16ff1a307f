"""Overrides: they give luminaires a level, or their program back, for a time (TALQ 2.7.1; LwM2M 3416/53)."""

from agent.schedule.value import Value

# The seconds that an override lasts if it does not say when it expires.
DEFAULT_S = 7200


class Override(Value):
    """An override: from `start` until `expires` (Unix seconds) the level is `percent` (0..100). A `percent` of None
    ends earlier overrides, and the program goes on (resume).

    It is for the luminaires and groups named; if both are empty, for all of the gateway. A new override replaces an old
    one: of those that have begun, the one with the latest start counts, and of equal starts the last in order.
    """

    FIELDS = ("percent", "start", "expires", "luminaires", "groups", "fade_s")

    def __init__(
        self,
        percent: "float | None",
        start: float,
        expires: "float | None" = None,
        luminaires: "tuple[str, ...]" = (),
        groups: "tuple[str, ...]" = (),
        fade_s: float = 0,
    ) -> None:
        self.percent = percent
        self.start = start
        self.expires = start + DEFAULT_S if expires is None else expires
        self.luminaires = luminaires
        self.groups = groups
        self.fade_s = fade_s

    def covers(self, luminaire: str, groups: "tuple[str, ...]") -> bool:
        """Returns whether the override is for this luminaire, which belongs to these groups."""
        if not self.luminaires and not self.groups:
            return True
        return luminaire in self.luminaires or any(group in self.groups for group in groups)

    def moved(self, seconds: float) -> "Override":
        """Returns this override moved by so many seconds (negative: earlier), as needed after the clock was set."""
        start, expires = self.start + seconds, self.expires + seconds
        return Override(self.percent, start, expires, self.luminaires, self.groups, self.fade_s)

    def as_json(self) -> "dict[str, object]":
        """Returns the override in JSON's own types, for from_json."""
        return {
            "percent": self.percent,
            "start": self.start,
            "expires": self.expires,
            "luminaires": list(self.luminaires),
            "groups": list(self.groups),
            "fade_s": self.fade_s,
        }


def from_json(found: object) -> "Override":
    """Returns the override that as_json wrote. Raises ValueError, with a sentence, for anything else."""
    if not isinstance(found, dict):
        raise ValueError("an override is a JSON object")
    percent = found.get("percent")
    if percent is not None:
        percent = _number(found, "percent", 0, 100)
    start = _number(found, "start", 0, 1e11)
    expires = start + DEFAULT_S if found.get("expires") is None else _number(found, "expires", 0, 1e11)
    fade_s = _number(found, "fade_s", 0, 90) if "fade_s" in found else 0.0
    return Override(percent, start, expires, _names(found, "luminaires"), _names(found, "groups"), fade_s)


def in_force(
    overrides: "tuple[Override, ...]", luminaire: str, groups: "tuple[str, ...]", unix: float, longest_s: float
) -> "tuple[Override | None, float]":
    """Returns the override that sets this luminaire's level now, and NEVER. If there is none, returns None and the time
    at which the latest override ended (NEVER if there was none).

    An override lasts no longer than `longest_s`, even if it expires later.
    """
    latest = None
    for each in overrides:
        if each.start <= unix and each.covers(luminaire, groups) and (latest is None or each.start >= latest.start):
            latest = each
    if latest is None:
        return None, NEVER
    ends = min(latest.expires, latest.start + longest_s)
    if latest.percent is None:
        return None, latest.start
    return (latest, NEVER) if unix < ends else (None, ends)


def kept(overrides: "tuple[Override, ...]", unix: float) -> "tuple[Override, ...]":
    """Returns the overrides that may still count: those that have not expired, and expired ones that hold back an older
    one."""
    running = [each for each in overrides if each.expires > unix]
    oldest = min([each.start for each in running] + [-NEVER])
    return tuple([each for each in overrides if each.expires > unix or each.start >= oldest])


# A time before all times, for an event that never happened.
NEVER = float("-inf")


def _number(found: "dict[str, object]", name: str, low: float, high: float) -> float:
    value = found.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ValueError("an override's %s is a number from %g to %g" % (name, low, high))
    return float(value)


def _names(found: "dict[str, object]", name: str) -> "tuple[str, ...]":
    names = found.get(name, [])
    if not isinstance(names, list):
        raise ValueError("an override's %s are a list of names" % name)
    checked = []
    for each in names:
        if not isinstance(each, str):
            raise ValueError("an override's %s are a list of names" % name)
        checked.append(each)
    return tuple(checked)
