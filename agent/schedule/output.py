"""Converts the light that is asked for into the lamp's own percent: by virtual output, then constant light output, then
the minimum level (the order of TALQ 2.7.1)."""

from agent.schedule.value import Value


class Output(Value):
    """The output of a luminaire.

    A light of 100 % is `virtual_percent` of the lamp. `curve` gives the percent of that which the lamp needs at its
    operating hours: points (hours, percent) in order, with straight lines between them. A lit lamp never goes below
    `min_percent`.
    """

    FIELDS = ("virtual_percent", "curve", "min_percent")

    def __init__(
        self, virtual_percent: float = 100, curve: "tuple[tuple[float, float], ...]" = (), min_percent: float = 0
    ) -> None:
        self.virtual_percent = virtual_percent
        self.curve = curve
        self.min_percent = min_percent

    def of(self, percent: float, operating_hours: "float | None") -> float:
        """Returns the lamp's percent (0..100) for a light in percent of the design. Unknown operating hours (None) give
        the most light."""
        if percent <= 0:
            return 0.0
        if self.virtual_percent == 100 and not self.curve:
            return max(percent, self.min_percent)
        lamp = percent * self.virtual_percent / 100.0 * self.share(operating_hours)
        return min(100.0, max(lamp, self.min_percent))

    def share(self, operating_hours: "float | None") -> float:
        """Returns the share (0..1) of the full output that constant light output gives at these operating hours."""
        curve = self.curve
        if not curve:
            return 1.0
        if operating_hours is None:
            return max([percent for _, percent in curve]) / 100.0
        before = curve[0]
        for point in curve:
            if operating_hours < point[0]:
                if point[0] <= before[0]:
                    return point[1] / 100.0
                passed = (operating_hours - before[0]) / (point[0] - before[0])
                return (before[1] + (point[1] - before[1]) * max(0.0, passed)) / 100.0
            before = point
        return before[1] / 100.0
