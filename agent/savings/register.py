"""Whether an energy register may stand where it was read (DiiA part 252, bank 202), and what it means if not."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from agent.savings.intervals import Anomaly

# A lamp never draws more than this many times its full power: a register that says so is another register, or was
# misread, or the board declares the wrong power.
POSSIBLE_FACTOR = 2.0
# More than any luminaire draws.
MOST_POWER_W = 1000.0
# Two spans whose energy is the same multiple of what the model has, within this factor, are of one lamp.
STEADY_FACTOR = 1.5
# Between the readings of two processes lie two clocks: one may be so much ahead of the other.
CLOCKS_DIFFER_S = 86_400.0
# Where the clock is known to have gone back between them, any outage is possible up to this one.
LONGEST_OUTAGE_S = 400 * 86_400.0


class Stand(NamedTuple):
    """A register as read: when, and what it showed in Wh."""

    at: float
    energy_wh: float


class Step(NamedTuple):
    """What a reading decides: `stand` is believed from now on. `counts`: its rise is the lamp's energy; otherwise it is
    another register's, and only the next rise counts."""

    stand: Stand
    counts: bool


class Register:
    """One luminaire's register: `believed` is its newest stand that is, `doubtful` a later one that is too high, of
    which only the next reading tells what it was.

    `most_w` is what the lamp was found to draw, where that is more than the board makes possible. `slack_s` is how much
    more time may have passed since `believed` than the clock says; 0 where this process has read it itself.
    """

    def __init__(self, name: str, declared_w: float) -> None:
        self._name = name
        self._declared_w = declared_w
        self.believed: Stand | None = None
        self.doubtful: Stand | None = None
        self.most_w = 0.0
        self.slack_s = 0.0

    def is_plausible(self, stand: Stand, full_power_w: float, resolution_wh: float) -> bool:
        """Whether it may stand there by now."""
        return self.believed is None or self._is_possible(self.believed, stand, full_power_w, resolution_wh)

    def read(
        self, stand: Stand, full_power_w: float, resolution_wh: float, model_wh: Callable[[float, float], float]
    ) -> tuple[list[Step], list[Anomaly]]:
        """What a reading decides, oldest first, and what was odd. `model_wh` gives the model's energy of a span."""
        steps, anomalies = self._decided(stand, full_power_w, resolution_wh, model_wh)
        if steps:
            self.believed, self.doubtful, self.slack_s = steps[-1].stand, None, 0.0
        return steps, anomalies

    def moved(self, seconds: float, not_after: float) -> None:
        """What this process has read was read so much later. What was read before it was read by another clock, which
        was ahead where that is after an instant."""
        if self.believed is not None:
            if not self.slack_s:
                self.believed = self.believed._replace(at=self.believed.at + seconds)
            elif self.believed.at > not_after:
                self.believed, self.slack_s = self.believed._replace(at=not_after), LONGEST_OUTAGE_S
        if self.doubtful is not None:
            self.doubtful = self.doubtful._replace(at=self.doubtful.at + seconds)

    def _decided(
        self, stand: Stand, full_power_w: float, resolution_wh: float, model_wh: Callable[[float, float], float]
    ) -> tuple[list[Step], list[Anomaly]]:
        believed, doubtful = self.believed, self.doubtful
        if believed is None:
            return [Step(stand, counts=False)], []
        if self._is_possible(believed, stand, full_power_w, resolution_wh):
            return [Step(stand, counts=True)], []  # where one before was doubtful, it was misread
        if doubtful is None:
            if self._could_be_a_lamp(believed, stand, resolution_wh):
                self.doubtful = stand
                return [], []
            return [Step(stand, counts=False)], [self._another_register(believed, stand)]
        steady = self._could_be_a_lamp(doubtful, stand, resolution_wh)
        if goes_on := self._is_possible(doubtful, stand, full_power_w, resolution_wh):
            first = (doubtful.energy_wh - believed.energy_wh) / max(model_wh(believed.at, doubtful.at), resolution_wh)
            second = (stand.energy_wh - doubtful.energy_wh) / max(model_wh(doubtful.at, stand.at), resolution_wh)
            steady = first <= STEADY_FACTOR * second and second <= STEADY_FACTOR * first
        if steady:
            drawn_w = max(self._mean_w(believed, doubtful), self._mean_w(doubtful, stand))
            self.most_w = max(self.most_w, drawn_w)
            text = (
                f"{self._name}: it was measured to draw {drawn_w:.0f} W where the board declares "
                f"{self._declared_w:g} W: correct its power_w; what the register says is recorded."
            )
            return [Step(doubtful, counts=True), Step(stand, counts=True)], [
                Anomaly(stand.at, "declaredPowerWrong", text)
            ]
        if goes_on:
            odd = self._another_register(believed, doubtful)
            return [Step(doubtful, counts=False), Step(stand, counts=True)], [odd]
        return [Step(stand, counts=False)], [self._another_register(believed, stand)]

    def _is_possible(self, since: Stand, stand: Stand, full_power_w: float, resolution_wh: float) -> bool:
        """Whether this lamp can have drawn that."""
        most_w = POSSIBLE_FACTOR * max(full_power_w, self._declared_w, self.most_w)
        return 0 <= stand.energy_wh - since.energy_wh <= self._most_wh(most_w, since, stand, resolution_wh)

    def _could_be_a_lamp(self, since: Stand, stand: Stand, resolution_wh: float) -> bool:
        """Whether any lamp can have drawn that."""
        return 0 <= stand.energy_wh - since.energy_wh <= self._most_wh(MOST_POWER_W, since, stand, resolution_wh)

    def _most_wh(self, most_w: float, since: Stand, stand: Stand, resolution_wh: float) -> float:
        slack_s = self.slack_s if since is self.believed else 0.0
        return most_w * (max(0.0, stand.at - since.at) + slack_s) / 3600 + 2 * resolution_wh

    def _mean_w(self, since: Stand, stand: Stand) -> float:
        seconds = stand.at - since.at
        return (stand.energy_wh - since.energy_wh) * 3600 / seconds if seconds > 0 else 0.0

    def _another_register(self, since: Stand, stand: Stand) -> Anomaly:
        rise_wh = stand.energy_wh - since.energy_wh
        if rise_wh < 0:
            text = f"{self._name}: its energy register fell by {-rise_wh:.1f} Wh; was the gear replaced or reset?"
            return Anomaly(stand.at, "registerReplaced", text)
        text = (
            f"{self._name}: its energy register rose by {rise_wh:.1f} Wh in {stand.at - since.at:.0f} s, which it "
            "cannot have drawn; was the gear replaced?"
        )
        return Anomaly(stand.at, "registerJumped", text)
