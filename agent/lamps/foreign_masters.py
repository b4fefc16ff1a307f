"""Other masters on the bus: which lamps a foreign frame may have moved, and when the agent answers it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from agent.interfaces import Clock
from agent.lamps.luminaire import LuminaireState
from agent.records.alarms import EventLog
from protocols.dali import gear_commands, naming
from protocols.dali.addresses import Address
from protocols.dali.frames import ForwardFrame

GONE_AFTER_S = 3600.0
ANSWERS = 10
ANSWERS_WITHIN_S = 10.0
"""At most ANSWERS answers go out in ANSWERS_WITHIN_S: two masters that answer each other must not fill the bus."""
PATTERN_FRAMES = 5
PATTERN_WITHIN_S = 600.0
"""PATTERN_FRAMES equal frames within PATTERN_WITHIN_S are no accident: an alarm tells the frame and its period."""
REMEMBERED_FRAMES = 64

MOVE_LIGHT = ("IDENTIFY DEVICE", "SET MAX LEVEL", "SET MIN LEVEL")
"""Commands that move the light beside the level commands: the lamp flashes, or moves to within its new limits."""
CHANGE_SETTINGS = (
    "RESET",
    "SET OPERATING MODE",
    "SET MAX LEVEL",
    "SET MIN LEVEL",
    "SET SYSTEM FAILURE LEVEL",
    "SET POWER ON LEVEL",
    "SET FADE TIME",
    "SET FADE RATE",
    "SET EXTENDED FADE TIME",
    "SET SCENE",
    "REMOVE FROM SCENE",
    "ADD TO GROUP",
    "REMOVE FROM GROUP",
    "SET SHORT ADDRESS",
)
"""Commands after which the gear's settings are not what the agent remembers: all of them are read again."""


class ForeignMasters:
    """The foreign frames of one bus, and the agent's answers to them."""

    def __init__(self, bus_name: str, luminaires: Sequence[LuminaireState], clock: Clock, events: EventLog) -> None:
        self._bus_name = bus_name
        self._luminaires = luminaires
        self._clock = clock
        self._events = events
        self._heard: deque[tuple[float, str]] = deque(maxlen=REMEMBERED_FRAMES)
        self._answers: deque[float] = deque(maxlen=ANSWERS)
        self._heard_at: float | None = None

    def hear(self, frame: ForwardFrame) -> float | None:
        """Takes in a foreign frame. Returns when (monotonic seconds) the lamps are to be told their levels, or None
        if the frame can have changed neither light nor settings."""
        meaning = gear_commands.meaning(frame)
        if meaning is None or meaning.address is None:
            return None
        settings = meaning.name in CHANGE_SETTINGS
        if not settings and meaning.name not in MOVE_LIGHT and not gear_commands.moves_level(meaning):
            return None
        for luminaire in self._luminaires:
            if meaning.address.kind != Address.SHORT or meaning.address == luminaire.address:
                luminaire.moved_by_another()
                if settings:
                    luminaire.forget()
        self._report(frame)
        return self._answer_at()

    def end_if_gone(self) -> None:
        """Ends the alarms once no foreign frame has come for an hour."""
        if self._heard_at is None or self._clock.monotonic() - self._heard_at <= GONE_AFTER_S:
            return
        self._heard_at = None
        text = f"no other master dims on DALI bus {self._bus_name} any more"
        self._events.end("foreignMaster", self._bus_name, text)
        self._events.end("levelsContested", self._bus_name, text)

    def _report(self, frame: ForwardFrame) -> None:
        now = self._clock.monotonic()
        self._heard_at = now
        named = naming.Namer().name(frame)
        what = f"{named.text} to {named.address}"
        self._heard.append((now, what))
        who = f"another master on DALI bus {self._bus_name} sends {what}"
        self._events.begin("foreignMaster", self._bus_name, f"{who}: its levels are overruled; find and remove it")
        times = [at for at, like in self._heard if like == what and now - at <= PATTERN_WITHIN_S]
        if len(times) >= PATTERN_FRAMES:
            period_s = (times[-1] - times[0]) / (len(times) - 1)
            text = f"{who} about every {period_s:.3g} s: each time the lamps are told their levels again, and flicker"
            self._events.begin("levelsContested", self._bus_name, f"{text}; find and remove it")

    def _answer_at(self) -> float:
        """Returns now, or the time (monotonic seconds) from which the limit allows another answer."""
        now = self._clock.monotonic()
        if self._answers and self._answers[-1] > now:
            return self._answers[-1]  # one answer is enough for every frame that comes before it
        at = now
        if len(self._answers) == ANSWERS:
            at = max(now, self._answers[0] + ANSWERS_WITHIN_S)
        self._answers.append(at)
        return at
