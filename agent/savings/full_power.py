"""A luminaire's power at 100 %: the board's figure, until enough of it has been metered (IPMVP option B)."""

from __future__ import annotations

from collections.abc import Sequence

from agent.savings.intervals import FullPowerSource

# Half an hour at 100 %, and fifty steps of the register: the rounding of the register is then less than 2 %.
MIN_SECONDS = 1800.0
MIN_REGISTER_STEPS = 50
# After a hundred hours older readings count less and less, so that the figure follows a lamp that ages.
MAX_SECONDS = 360_000.0


class FullPower:
    """Learns the power at 100 % from the energy of spans between good readings in which the lamp stood at 100 %.

    `declared_w` is the board's figure, and `sums` those of an earlier process.
    """

    def __init__(self, declared_w: float, sums: Sequence[float] = (0.0, 0.0, 0.0)) -> None:
        self._declared_w = declared_w
        self._energy_wh, self._seconds, self._resolution_wh = sums

    @property
    def source(self) -> FullPowerSource:
        """The origin of `power_w`: declared by the board, or measured."""
        enough = self._seconds >= MIN_SECONDS and self._energy_wh >= MIN_REGISTER_STEPS * self._resolution_wh
        return "measured" if enough else "declared"

    @property
    def power_w(self) -> float:
        """The power in W at 100 %."""
        if self.source == "declared":
            return self._declared_w
        return self._energy_wh * 3600 / self._seconds

    def add(self, energy_wh: float, seconds: float, resolution_wh: float) -> None:
        """Adds a span at 100 %, in which the register rose by `energy_wh` in `seconds`, in steps of `resolution_wh`."""
        self._energy_wh += energy_wh
        self._seconds += seconds
        self._resolution_wh = resolution_wh
        if self._seconds > MAX_SECONDS:
            self._energy_wh, self._seconds = self._energy_wh / 2, self._seconds / 2

    @property
    def sums(self) -> tuple[float, float, float]:
        """Energy (Wh), time (s) and resolution (Wh), for the constructor of the next process."""
        return self._energy_wh, self._seconds, self._resolution_wh
