"""Sets up the sensors of one DALI bus (control devices, IEC 62386-103, -303, -304) to speak, and hears their events.

A sensor is heard, not polled: it tells each change, and once a minute that it is still there. If a sensor was not heard
for three minutes, the agent asks it, and sets it up anew if it has lost its settings with the bus voltage. If it is
gone, that is an event.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple

from agent.config.sensors import Sensor
from agent.interfaces import Clock
from agent.records.alarms import EventLog
from agent.schedule.inputs import Reading
from agent.schedule.program import LUX, PRESENCE
from drivers.dali import bus as priorities
from drivers.dali.bus import DaliBus
from drivers.errors import DriverError
from protocols.dali import device_addresses, device_commands, device_sequences, light_sensor, occupancy
from protocols.dali.device_commands import Command, Setting
from protocols.dali.device_events import Event, PowerCycle, Scheme, decode
from protocols.dali.frames import ForwardFrame, Reply, Transmission
from protocols.errors import ConversationFailed

Conversation = Generator[Transmission, Reply, None]

REPORT_S = 60.0
"""A sensor that has sent no event for this long tells its reading again."""
SILENT_AFTER_S = 3 * REPORT_S
LOOK_EVERY_S = 30.0
TRY_AGAIN_S = 1.0
FAILURES_TO_REPORT = 3
"""Failures in a row: a sensor that has just got its voltage does not answer yet, and one lost answer is no failure."""
EVENT_PRIORITY = 3
"""The priority of events: after level commands, before readings."""
LIGHT_BITS = 10
GAP_S = 0.05
"""The pause between two steps of a set-up, in which other sensors can speak: an event that finds no gap is lost once
its presence is over."""


class _Type(NamedTuple):
    """How instances of one type are set up: their number, tables and event filter; the settings and their values."""

    number: int
    commands: dict[str, Command]
    triggers: int
    settings: tuple[tuple[Setting, float], ...]
    resolution: int


_OCCUPANCY = _Type(
    occupancy.INSTANCE_TYPE,
    occupancy.COMMANDS,
    occupancy.Filter.OCCUPIED | occupancy.Filter.VACANT | occupancy.Filter.REPEAT,
    # The sensor's own hold is as short as possible, because the program decides how long light is held.
    ((occupancy.HOLD_TIMER, 0.0), (occupancy.REPORT_TIMER, REPORT_S)),
    2,
)
_LIGHT = _Type(
    light_sensor.INSTANCE_TYPE,
    light_sensor.COMMANDS,
    light_sensor.Filter.ILLUMINANCE_LEVEL,
    ((light_sensor.REPORT_TIMER, REPORT_S),),
    LIGHT_BITS,
)


class _Known:
    """The agent's knowledge of one sensor: when it was last heard (monotonic seconds), and whether it is set up."""

    def __init__(self, sensor: Sensor) -> None:
        self.sensor = sensor
        self.type = _OCCUPANCY if sensor.kind == PRESENCE else _LIGHT
        self.address = device_addresses.short(sensor.device)
        self.instance = device_addresses.instance(sensor.instance)
        self.heard_at = 0.0
        self.set_up = False
        self.failures = 0
        self._photocell_dark = True

    def take_in(self, info: int) -> float | None:
        """Takes in an event's information. Returns the value of its reading; None if it has none.

        Between a photocell's two levels its last value still holds, so that value is remembered here.
        """
        if self.sensor.kind == PRESENCE:
            seen = occupancy.decode(info)
            return None if seen is None else float(seen.occupied)
        share = light_sensor.relative_illuminance(info)
        if self.sensor.kind == LUX:
            return share * self.sensor.full_scale_lux
        turning_percent = self.sensor.light_percent if self._photocell_dark else self.sensor.dark_percent
        self._photocell_dark = 100 * share < turning_percent
        return float(self._photocell_dark)


class DaliSensors:
    """Attends to the sensors of one bus. `observe` is called with each reading, at once."""

    def __init__(
        self,
        sensors: Sequence[Sensor],
        bus: DaliBus,
        observe: Callable[[Reading], None],
        clock: Clock,
        events: EventLog,
    ) -> None:
        self._known = {(sensor.device, sensor.instance): _Known(sensor) for sensor in sensors}
        self._bus = bus
        self._observe = observe
        self._clock = clock
        self._events = events
        self._look = asyncio.Event()

    def hear(self, frame: ForwardFrame) -> None:
        """Takes in a frame that another device has sent on this bus. Ignores it if it is no event of these sensors."""
        event = decode(frame)
        if isinstance(event, PowerCycle):
            self._started_again(event.short_address)
        elif isinstance(event, Event) and event.scheme == Scheme.DEVICE_INSTANCE:
            known = self._known.get((event.short_address, event.instance_number))
            if known is not None:
                self._heard(known, event.info)

    def set_up_again(self) -> None:
        """Sets up every sensor again. Call it after trouble on the bus: sensors may have lost their settings, and have
        seen changes meanwhile."""
        for known in self._known.values():
            known.set_up = False
        self._look.set()

    async def run(self) -> None:
        """Sets up each sensor that needs it, and asks each that is silent, for ever."""
        while True:
            self._look.clear()
            await self._bus.wait_usable()
            for known in self._known.values():
                silent = self._clock.monotonic() - known.heard_at > SILENT_AFTER_S
                if not known.set_up or silent:
                    await self._attend(known)
            doubtful = any(0 < known.failures < FAILURES_TO_REPORT for known in self._known.values())
            with contextlib.suppress(TimeoutError):
                await self._clock.wait_for(self._look.wait(), TRY_AGAIN_S if doubtful else LOOK_EVERY_S)

    async def _attend(self, known: _Known) -> None:
        sensor = known.sensor
        try:
            for step in _set_up(known):
                await self._bus.run(step, priorities.CONFIGURATION)
                await self._clock.sleep(GAP_S)
            asking = device_sequences.read_input_value(known.address, known.instance, known.type.resolution)
            value = await self._bus.run(asking, priorities.TELEMETRY)
        except ConversationFailed as failure:
            known.set_up = False
            known.failures += 1
            if known.failures < FAILURES_TO_REPORT:
                return
            where = f"{sensor.name} (control device {sensor.device}, instance {sensor.instance}, on {sensor.bus})"
            text = f"the sensor {where} cannot be used: {failure}; check it and its address"
            self._events.begin("controlDeviceCommFailure", sensor.name, text)
        except DriverError:
            known.set_up = False  # the interface has already reported it
        else:
            known.set_up = True
            known.failures = 0
            self._events.end("controlDeviceCommFailure", sensor.name, f"the sensor {sensor.name} works again")
            self._heard(known, _as_event(known, value))

    def _heard(self, known: _Known, info: int) -> None:
        value = known.take_in(info)
        if value is not None:
            known.heard_at = self._clock.monotonic()
            self._observe(Reading(known.sensor.name, known.sensor.kind, value, known.sensor.at))

    def _started_again(self, short_address: int | None) -> None:
        for known in self._known.values():
            if short_address in (None, known.sensor.device):
                known.set_up = False
        self._look.set()


def _set_up(known: _Known) -> list[Conversation]:
    """Returns the steps of a set-up. Each is a conversation of its own, so that urgent frames need not wait for all."""
    return [
        _check_type(known),
        _keep(known, device_commands.EVENT_SCHEME, Scheme.DEVICE_INSTANCE),
        _keep(known, device_commands.EVENT_PRIORITY, EVENT_PRIORITY),
        _keep_event_filter(known),
        *(_keep(known, setting, value, known.type.commands) for setting, value in known.type.settings),
        _keep_power_cycles_told(known),
        _keep_enabled(known),
    ]


def _keep(known: _Known, setting: Setting, value: float, commands: dict[str, Command] | None = None) -> Conversation:
    """Writes a setting only if the sensor has a different value: sensors keep it in memory that wears."""
    address, instance = known.address, known.instance
    kept = yield from device_sequences.query_instance(address, instance, setting.query, commands)
    if kept != setting.count(value):
        yield from device_sequences.write_setting(address, instance, setting, value, commands)


def _keep_event_filter(known: _Known) -> Conversation:
    kept = yield from device_sequences.query_instance(known.address, known.instance, "QUERY EVENT FILTER 0-7")
    if kept != known.type.triggers:
        yield from device_sequences.write_event_filter(known.address, known.instance, known.type.triggers)


def _keep_power_cycles_told(known: _Known) -> Conversation:
    told = yield device_commands.device(known.address, "QUERY POWER CYCLE NOTIFICATION")
    if not told.is_yes:
        yield from device_sequences.notify_power_cycles(known.address, True)


def _keep_enabled(known: _Known) -> Conversation:
    enabled = yield device_commands.instance(known.address, known.instance, "QUERY INSTANCE ENABLED")
    if not enabled.is_yes:
        yield from device_sequences.enable_instance(known.address, known.instance, True)


def _check_type(known: _Known) -> Conversation:
    found = yield from device_sequences.query_instance(known.address, known.instance, "QUERY INSTANCE TYPE")
    if found != known.type.number:
        raise ConversationFailed(
            f"it is of instance type {found}, and a {known.sensor.kind} sensor is of type {known.type.number}"
        )


def _as_event(known: _Known, value: int) -> int:
    """Returns the information of the event that tells this input value."""
    if known.type is _LIGHT:
        return value
    movement, occupied = occupancy.from_input_value(value)
    return occupancy.Occupancy(movement, occupied, False, True).info()
