"""Brings the luminaires of one bus to their levels and keeps them there: levels first, questions beside them.

Each cycle compares the target levels with those that were told, so nothing needs to be remembered over trouble: a bus
or a gear that comes back is told its level again. No question stands between a level that is due and the bus: questions
are asked beside the levels, and a level passes between the frames of any conversation.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence

from agent.interfaces import Clock
from agent.lamps.attempts import Attempts
from agent.lamps.dimming import Dimming
from agent.lamps.foreign_masters import ForeignMasters
from agent.lamps.gear_health import GearHealth
from agent.lamps.luminaire import LuminaireState
from agent.lamps.mains import Mains
from agent.lamps.questions import CYCLE_S, Questions
from agent.records.alarms import EventLog
from drivers.dali.bus import DaliBus
from protocols.dali import gear_commands
from protocols.dali.frames import ForwardFrame

MAINS_ASKED_AT_S = 9.0
"""Seconds into each cycle. Late, because levels fall due at its begin, and a level makes gear forget that it lost its
mains."""
AGAIN_S = 0.2
"""The pause before a level that did not go out is tried again; it doubles with each failure."""
TOGETHER_S = 2.0
"""The pause before a lamp that a question has found is told its level: gear seldom comes back alone."""
AFTER_TROUBLE_S = (0.15, 0.5, 1.5)
"""Gear may hear nothing for up to 0.45 s after its mains are back (IEC 62386-101), and goes to its POWER ON LEVEL after
0.6 s if no level came before. So levels are told at once, and again after each of these pauses."""
SHORTEST_PAUSE_S = 0.001


class LuminaireControl:
    """The control of the luminaires of one bus.

    `safe_level` (1-254) is what their gear shows when its mains return or the bus fails, `floor_level` (1-254) the
    least light at night. `next_change_s` returns in how many seconds a level will change because of what sensors have
    said (None: no level will). `known_marked` is what the process before left in the journal by `mains.state`.
    """

    def __init__(
        self,
        name: str,
        bus: DaliBus,
        luminaires: Sequence[LuminaireState],
        dimming: Dimming,
        health: GearHealth,
        safe_level: int,
        clock: Clock,
        events: EventLog,
        next_change_s: Callable[[], float | None] = lambda: None,
        *,
        floor_level: int = 1,
        known_marked: object = None,
    ) -> None:
        self.name = name
        self.luminaires = luminaires
        self.dimming = dimming
        self.health = health
        self.mains = Mains(name, bus, luminaires, clock, known_marked)
        self._attempts = Attempts(name, CYCLE_S, events)
        self.questions = Questions(
            bus, luminaires, health, self.mains, dimming, self._attempts, safe_level, floor_level, clock, events
        )
        self._foreign = ForeignMasters(name, luminaires, clock, events)
        self._bus = bus
        self._safe_level = safe_level
        self._clock = clock
        self._events = events
        self._next_change_s = next_change_s
        self._woken = asyncio.Event()
        self._levels_due_at = math.inf
        self._told_anew_at: list[float] = []
        self._next_cycle_at = float("-inf")
        self._turns = (asyncio.Event(), asyncio.Event())
        self._cycled = asyncio.Event()
        health.needs_level = self._tell_found_lamp_soon

    async def run(self, after_cycle: Callable[[], object]) -> None:
        """Runs a cycle at each whole multiple of CYCLE_S, for ever, and tells levels at once when `wake` is called.
        After each cycle calls `after_cycle()`, and awaits it if it is awaitable; no cycle waits for it."""
        questions, mains = self._turns
        work = (
            self._tell_for_ever(),
            self._ask_for_ever(questions, self.ask),
            self._ask_for_ever(mains, self._ask_for_mains_late),
            self._after_cycles(after_cycle),
        )
        parts = [asyncio.ensure_future(part) for part in work]
        try:
            await asyncio.gather(*parts)
        finally:
            for part in parts:  # if one failed, the others must not run beside those of the restart
                part.cancel()

    async def _tell_for_ever(self) -> None:
        """Tells levels once a cycle and whenever a level is due; no other work comes before them."""
        again_s = AGAIN_S
        while True:
            # A bus that is not there cannot be told anything. Its interface has reported that, and reports its return.
            try:
                await self._clock.wait_for(self._bus.wait_usable(), CYCLE_S)
            except TimeoutError:
                # This lasts for hours by day where the lamps' mains are switched.
                self._events.cannot_tell({self.name, *(each.name for each in self.luminaires)})
                self._cycled.set()
                continue
            now = self._clock.monotonic()
            cycle = now >= self._next_cycle_at
            if cycle:
                pause_s = CYCLE_S - self._clock.wall() % CYCLE_S
                self._next_cycle_at = now + max(pause_s, SHORTEST_PAUSE_S)
            if self._levels_due_at <= now:
                self._levels_due_at = math.inf
            if any(at <= now for at in self._told_anew_at):
                self._told_anew_at = [at for at in self._told_anew_at if at > now]
                self._forget_told_levels()
            if await self.tell_levels(counts=cycle):
                again_s = AGAIN_S
            else:
                self._tell_by(self._clock.monotonic() + again_s)
                again_s = min(2 * again_s, CYCLE_S)
            if cycle:
                for turn in self._turns:
                    turn.set()
                self._cycled.set()
            await self._until_due()

    async def _until_due(self) -> None:
        while True:
            now = self._clock.monotonic()
            left_s = self._next_change_s()
            changes_at = [] if left_s is None else [now + max(left_s, SHORTEST_PAUSE_S)]
            due_at = min(self._next_cycle_at, self._levels_due_at, *self._told_anew_at, *changes_at)
            if due_at <= now:
                return
            self._woken.clear()
            try:
                await self._clock.wait_for(self._woken.wait(), due_at - now)
            except TimeoutError:
                # A timer may fire a moment early, but a step must begin exactly at its second. If the clock was set,
                # the wait ends much earlier, and everything is worked out anew.
                while 0 < (early_s := due_at - self._clock.monotonic()) < SHORTEST_PAUSE_S:
                    await self._clock.sleep(early_s)
                return

    async def _ask_for_ever(self, turn: asyncio.Event, ask: Callable[[], Awaitable[None]]) -> None:
        """Asks after the levels of each cycle, never before them: questions may take their time."""
        while True:
            await turn.wait()
            turn.clear()
            await ask()

    async def _after_cycles(self, after_cycle: Callable[[], object]) -> None:
        """Calls `after_cycle` beside the cycles: a disk that hangs must not keep the lamps waiting."""
        while True:
            await self._cycled.wait()
            self._cycled.clear()
            done = after_cycle()
            if asyncio.iscoroutine(done):
                await done

    def wake(self) -> None:
        """Tells levels at once, because targets may have changed."""
        self.dimming.look_again()
        self._tell_by(self._clock.monotonic())

    def _tell_by(self, at: float) -> None:
        """Has levels told at `at` (monotonic seconds) at the latest. Only the earliest such time is kept, because every
        level that is due is told then."""
        self._levels_due_at = min(self._levels_due_at, at)
        self._woken.set()

    def _tell_found_lamp_soon(self) -> None:
        """Has the level of a lamp that a question has found told soon, together with others that are found."""
        self._tell_by(self._clock.monotonic() + TOGETHER_S)

    def tell_again(self) -> None:
        """Tells every level again, at once, and checks every fail-safe level: call it after trouble on the bus."""
        for luminaire in self.luminaires:
            luminaire.forget()
        self.mains.ask_for_marks()
        now = self._clock.monotonic()
        self._told_anew_at = [now + after_s for after_s in AFTER_TROUBLE_S]
        self._next_cycle_at = now
        self.wake()

    def _forget_told_levels(self) -> None:
        """Has every level told again, at once and without a fade."""
        for luminaire in self.luminaires:
            luminaire.told.target_level = None
            luminaire.stored.forget_fade()

    def note_bus_without_voltage(self, *, gear_feeds_bus: bool) -> None:
        """Notes that the bus has no voltage. If the lamps' own gear feeds it (`gear_feeds_bus`), they have no mains and
        cannot burn; otherwise they show their SYSTEM FAILURE LEVEL."""
        for luminaire in self.luminaires:
            if gear_feeds_bus:
                self.health.without_mains(luminaire)
            elif self.health.observer:
                self.health.observer.level(luminaire.name, self._safe_level, 0.0)

    def note_foreign(self, frame: ForwardFrame) -> None:
        """Takes in a frame of another master. If it can have moved lamps, they are told their levels at once: only one
        master may dim a street, and that is this agent."""
        meaning = gear_commands.meaning(frame)
        if meaning is not None and meaning.name == "DTR2":
            self.mains.forget_marks()
        answer_at = self._foreign.hear(frame)
        if answer_at is None:
            return
        if meaning is not None and meaning.name == "RESET":
            # RESET makes gear deaf for 0.3 s. Of many such frames, the newest few are enough.
            self._told_anew_at = [*self._told_anew_at, answer_at + AFTER_TROUBLE_S[1]][-len(AFTER_TROUBLE_S) :]
        self._tell_by(answer_at)

    async def tell_levels(self, *, counts: bool = True) -> bool:
        """Tells the levels that are due. Returns whether all of them went out. If `counts`, a failure counts towards
        the three in a row that are reported."""
        return await self._attempts.succeeds("levels", self.dimming.tell_levels, counts=counts)

    async def _ask_for_mains_late(self) -> None:
        await self._clock.sleep((MAINS_ASKED_AT_S - self._clock.wall()) % CYCLE_S)
        await self.look_for_lost_mains()

    async def look_for_lost_mains(self) -> None:
        """Asks by one broadcast whether any gear has lost its mains. If so, tells all lamps their levels at once: that
        takes hardly a frame, and does no harm to a lamp at its level. Which gear it was is found out afterwards."""
        if await self.questions.mains_were_lost():
            self.mains.ask_for_marks()
            for luminaire in self.luminaires:
                luminaire.told.target_level = None
            self.dimming.look_again()
            await self.tell_levels(counts=False)

    async def ask(self) -> None:
        """Asks every question that is due in a cycle, but for the one about the mains."""
        await self.questions.ask_all()
        self._foreign.end_if_gone()
