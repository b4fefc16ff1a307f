"""A luminaire's power at 100 %: what the board declares, until enough of it has been metered (IPMVP option B)."""

from __future__ import annotations

from collections.abc import Sequence

from agent.savings.intervals import FullPowerSource

# Half an hour at 100 %, and fifty steps of the register: its floor then weighs less than 2 %.
MIN_SECONDS = 1800.0
MIN_REGISTER_STEPS = 50
# Past a hundred hours older readings fade out, so that a lamp that ages is followed.
MAX_SECONDS = 360_000.0


class FullPower:
    """Sums energy over time, from spans between good readings that lie wholly at 100 % of light."""

    def __init__(self, declared_w: float, sums: Sequence[float] = (0.0, 0.0, 0.0)) -> None:
        self._declared_w = declared_w
        self._energy_wh, self._seconds, self._resolution_wh = sums

    @property
    def source(self) -> FullPowerSource:
        """Where `power_w` comes from."""
        enough = self._seconds >= MIN_SECONDS and self._energy_wh >= MIN_REGISTER_STEPS * self._resolution_wh
        return "measured" if enough else "declared"

    @property
    def power_w(self) -> float:
        """Power in W at 100 %."""
        if self.source == "declared":
            return self._declared_w
        return self._energy_wh * 3600 / self._seconds

    def add(self, energy_wh: float, seconds: float, resolution_wh: float) -> None:
        """A span at 100 %: the register moved by `energy_wh` in `seconds`, in steps of `resolution_wh`."""
        self._energy_wh += energy_wh
        self._seconds += seconds
        self._resolution_wh = resolution_wh
        if self._seconds > MAX_SECONDS:
            self._energy_wh, self._seconds = self._energy_wh / 2, self._seconds / 2

    @property
    def sums(self) -> tuple[float, float, float]:
        """What the constructor takes as `sums`."""
        return self._energy_wh, self._seconds, self._resolution_wh
