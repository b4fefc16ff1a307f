"""Tells luminaires their levels in the fewest frames, with one fade for all; one by one where inrush asks for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence

from agent.interfaces import Clock
from agent.lamps.frame_plan import LevelFrame, StoredInGear, TargetLevel, plan
from agent.lamps.gear_health import LuminaireObserver
from agent.lamps.luminaire import LuminaireState
from agent.lamps.targets import LampTarget
from drivers.dali import bus as priorities
from drivers.dali.bus import DaliBus
from drivers.dali.inquiry import run_inquiry
from drivers.errors import BusUnpowered, DriverError, PortUnavailable
from protocols.dali import addresses, gear_data, levels, sequences
from protocols.dali.addresses import Address
from protocols.errors import ConversationFailed

VERIFY_AFTER_FADE_S = 1.0
FRAMES_AT_ONCE = 4


class Dimming:
    """The level commands of one bus. `stagger_s` is the pause between two luminaires that are switched on from dark:
    the inrush of LED gear is 40 to 100 times its nominal current."""

    def __init__(
        self,
        bus: DaliBus,
        luminaires: Sequence[LuminaireState],
        targets: Callable[[], Mapping[str, LampTarget]],
        clock: Clock,
        stagger_s: float = 0.0,
    ) -> None:
        self._bus = bus
        self._luminaires = luminaires
        self._targets = targets
        self._clock = clock
        self._stagger_s = stagger_s
        self._levels_differ = False
        self._changed = False
        self._trouble: DriverError | ConversationFailed | None = None
        self._one_at_a_time = asyncio.Lock()
        self.observer: LuminaireObserver | None = None

    def look_again(self) -> None:
        """Has frames that are still to be sent planned anew, because targets may have changed."""
        self._changed = True

    async def tell_levels(self) -> None:
        """Brings every luminaire to its target level. A failure for one does not keep the others from theirs: the first
        DriverError or ConversationFailed is raised at the end."""
        async with self._one_at_a_time:
            self._trouble = None
            while True:
                self._changed = False
                targets = self._targets()
                await self._tell_due(targets)
                # After the levels, which must not wait for this.
                if self._trouble is None:
                    await self._prepare_rises(targets)
                if not self._changed:
                    break
            if self._trouble is not None:
                raise self._trouble

    async def _tell_due(self, targets: Mapping[str, LampTarget]) -> None:
        level_of = {percent: levels.level_of(percent) for percent in {target.percent for target in targets.values()}}
        due, dark = set(), False
        for luminaire in self._luminaires:
            target, told = targets[luminaire.name], luminaire.told.target_level
            luminaire.by_sensors = target.ready_fade_s is not None
            if told != level_of[target.percent]:
                due.add(luminaire.short_address)
                dark = dark or told == levels.OFF
        if not due:
            return
        target_levels: dict[int, TargetLevel] = {}
        for luminaire in self._luminaires:
            percent, fade_s = targets[luminaire.name].percent, targets[luminaire.name].fade_s
            # A lamp that is told its level anew should not take a minute to be lit.
            fade_s = 0.0 if luminaire.told.target_level is None else fade_s
            target_levels[luminaire.short_address] = TargetLevel(level_of[percent], fade_s)
        self._levels_differ = self._levels_differ or len({target.level for target in target_levels.values()}) > 1
        if dark and self._stagger_s > 0:
            await self._set_fade_for_all(target_levels, due)
            for number, frame in enumerate(plan(target_levels, due, self._stored(), one_by_one=True)):
                if number:
                    await self._clock.sleep(self._stagger_s)
                if self._changed:
                    return
                await self._send_all([frame])
            return
        frames = plan(target_levels, due, self._stored())
        # Gear that a sensor has raised has its fade already. It goes before gear that must be given a fade first.
        await self._send_all([frame for frame in frames if self._has_fade(frame)])
        left = [frame for frame in frames if not self._has_fade(frame)]
        if left and not self._changed:
            await self._set_fade_for_all(target_levels, {number for frame in left for number in frame.reaches} & due)
            await self._send_all(left)

    def _has_fade(self, frame: LevelFrame) -> bool:
        code = levels.fade_code(frame.fade_s)
        return all(each.stored.fade_code == code for each in self._luminaires if each.short_address in frame.reaches)

    async def _send_all(self, frames: Sequence[LevelFrame]) -> None:
        """Sends these frames, a few at a time: no reading comes between those, and a new target waits for a few frames
        only."""
        for start in range(0, len(frames), FRAMES_AT_ONCE):
            if self._changed:
                return
            waiting = [self._send(frame) for frame in frames[start : start + FRAMES_AT_ONCE]]
            for ended in await asyncio.gather(*waiting, return_exceptions=True):
                if isinstance(ended, BaseException):
                    self._keep_for_later(ended)

    def _keep_for_later(self, failure: BaseException) -> None:
        """Keeps a failure until all frames have had their turn. Raises it at once if the bus cannot be used at all."""
        if isinstance(failure, PortUnavailable | BusUnpowered) or not isinstance(
            failure, DriverError | ConversationFailed
        ):
            raise failure
        self._trouble = self._trouble or failure

    async def _prepare_rises(self, targets: Mapping[str, LampTarget]) -> None:
        """Gives gear that sensors may raise the fade of that rise beforehand, so that the rise takes one frame. A fade
        that is running goes on as it began (IEC 62386-102 clause 9.5)."""
        codes = {}
        for luminaire in self._luminaires:
            ready_fade_s = targets[luminaire.name].ready_fade_s
            if ready_fade_s is not None:
                codes[luminaire.short_address] = levels.fade_code(ready_fade_s)
        unready = [
            each
            for each in self._luminaires
            if each.stored.fade_code != codes.get(each.short_address, each.stored.fade_code)
        ]
        if len(unready) > 1 and len(set(codes.values())) == 1 and not self._changed:
            await self._set_fade_of_all(next(iter(codes.values())))
            return
        for luminaire in unready:
            if self._changed:
                return
            await self._set_fade(luminaire.address, codes[luminaire.short_address], [luminaire])

    async def learn_stored(self) -> None:
        """Reads the groups or scenes that the gear of one more luminaire has stored. Scenes are read only once
        luminaires of this bus were asked for different levels, for only then can a scene spare frames. Gear that does
        not answer is asked again at a later call. Raises DriverError."""
        for luminaire in self._luminaires:
            if luminaire.condition.answers and not self._knows_store_of(luminaire):
                with contextlib.suppress(ConversationFailed):
                    await self._learn_store_of(luminaire)
                return

    def _knows_store_of(self, luminaire: LuminaireState) -> bool:
        stored = luminaire.stored
        return stored.groups is not None and (stored.scenes is not None or not self._levels_differ)

    async def _learn_store_of(self, luminaire: LuminaireState) -> None:
        if luminaire.stored.groups is None:
            groups = gear_data.read_groups(luminaire.address)
            luminaire.stored.groups = frozenset(await self._bus.run(groups, priorities.DISCOVERY))
        else:
            scenes = gear_data.read_scenes(luminaire.address)
            luminaire.stored.scenes = await run_inquiry(self._bus, self._clock, scenes, priorities.DISCOVERY)

    def _stored(self) -> StoredInGear:
        """Returns the groups and scenes that frames can rely on: none until every luminaire has told its own, because
        one that was not asked may be in any of them."""
        groups: dict[int, set[int]] = {}
        scenes: dict[int, dict[int, int]] = {}
        if all(luminaire.stored.groups is not None for luminaire in self._luminaires):
            for luminaire in self._luminaires:
                for number in luminaire.stored.groups or ():
                    groups.setdefault(number, set()).add(luminaire.short_address)
        if all(luminaire.stored.scenes is not None for luminaire in self._luminaires):
            for luminaire in self._luminaires:
                for scene, level in enumerate(luminaire.stored.scenes or ()):
                    scenes.setdefault(scene, {})[luminaire.short_address] = level
        return StoredInGear(groups, scenes)

    async def _set_fade_for_all(self, target_levels: Mapping[int, TargetLevel], due: set[int]) -> None:
        """Sets the fade of all gear by one broadcast, if all luminaires that are due need the same one. Those that are
        not due stand still, so their fade does not matter."""
        codes = {levels.fade_code(target_levels[number].fade_s) for number in due}
        if len(codes) != 1 or len(due) < 2:
            return
        code = codes.pop()
        unset = [each for each in self._luminaires if each.stored.fade_code != code]
        if len(unset) > 1 and any(each.short_address in due for each in unset):
            await self._try_to_set_fade(addresses.BROADCAST, code, self._luminaires)

    async def _set_fade_of_all(self, code: int) -> None:
        await self._set_fade(addresses.BROADCAST, code, self._luminaires)

    async def _set_fade(self, address: Address, code: int, reached: Sequence[LuminaireState]) -> None:
        """Sets a fade code (0-15). For code 0 it also clears the EXTENDED FADE TIME, unless that is known to be 0: gear
        would use it instead."""
        at_once = code == 0 and not all(luminaire.stored.extended_fade_cleared for luminaire in reached)
        setting = sequences.set_no_fade(address) if at_once else sequences.set_parameter(address, "SET FADE TIME", code)
        shaken = [luminaire.told.shaken for luminaire in reached]
        await self._bus.run(setting, priorities.LEVELS)
        for luminaire, before in zip(reached, shaken, strict=True):
            if luminaire.told.shaken == before:
                luminaire.stored.fade_code = code
                luminaire.stored.extended_fade_cleared = luminaire.stored.extended_fade_cleared or at_once

    async def _try_to_set_fade(self, address: Address, code: int, reached: Sequence[LuminaireState]) -> None:
        """Sets a fade if that is possible. Otherwise the lamp goes to its level with the fade that its gear has."""
        if self._trouble is not None:
            return
        try:
            await self._set_fade(address, code, reached)
        except (DriverError, ConversationFailed) as failure:
            self._keep_for_later(failure)

    async def _send(self, frame: LevelFrame) -> None:
        reached = [luminaire for luminaire in self._luminaires if luminaire.short_address in frame.reaches]
        code = levels.fade_code(frame.fade_s)
        if any(luminaire.stored.fade_code != code for luminaire in reached):
            await self._try_to_set_fade(frame.address, code, reached)
        shaken = [luminaire.told.shaken for luminaire in reached]
        await self._bus.send(frame.transmission)
        fade_s = levels.fade_time_s(code)
        for luminaire, before in zip(reached, shaken, strict=True):
            luminaire.mark.level_told_since = True
            if luminaire.told.shaken != before:
                continue  # another master spoke meanwhile, and it is not known which of the two came last
            level = frame.level_of[luminaire.short_address]
            if luminaire.told.target_level != level:
                luminaire.told.verify_at = self._clock.monotonic() + fade_s + VERIFY_AFTER_FADE_S
                if self.observer:
                    self.observer.level(luminaire.name, level, fade_s)
            luminaire.told.target_level = level
