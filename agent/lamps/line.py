"""One DALI bus with its lamps and sensors. It hears what the interface reports of the bus, and acts on it.

A line that comes back after trouble is put right at once: every lamp is told its level again, and every sensor is set
up again. A sensor's readings reach the control of every line through the input state (agent/inputs/).
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from agent.config.board import Board, Bus
from agent.inputs.dali_sensors import DaliSensors
from agent.inputs.input_state import Inputs
from agent.interfaces import Clock
from agent.lamps.control import LuminaireControl
from agent.lamps.dimming import Dimming
from agent.lamps.gear_health import GearHealth, LuminaireObserver
from agent.lamps.luminaire import LuminaireState
from agent.lamps.operating_hours import OperatingHours
from agent.lamps.targets import Targets
from agent.records.alarms import EventLog
from agent.schedule.plan import LEAST_PERCENT, Plan
from drivers.dali import conditions
from drivers.dali.bus import DaliBus
from protocols.dali import levels
from protocols.dali.frames import ForwardFrame


class Part(NamedTuple):
    """A part of the agent that runs for ever, with the name by which events call it."""

    name: str
    run: Callable[[], Awaitable[None]]


class Line:
    """The line of one bus of the board. A bus may have lamps, sensors, both or neither.

    `targets` gives each lamp's target. `known_marked` is what the process before left in the journal by `state`.
    """

    def __init__(
        self,
        bus: Bus,
        board: Board,
        plan: Plan,
        dali: DaliBus,
        targets: Targets,
        inputs: Inputs,
        clock: Clock,
        events: EventLog,
        known_marked: object = None,
    ) -> None:
        self.name = bus.name
        self.luminaires = [
            LuminaireState(lamp.name, lamp.short_address) for lamp in board.luminaires if lamp.bus == bus.name
        ]
        self.health = GearHealth(bus.name, dali, clock, events)
        self._dali = dali
        self._events = events
        self._gear_feeds_bus = board.bus_supply == "gear"
        self._control: LuminaireControl | None = None
        self.sensors: DaliSensors | None = None
        self._hours: OperatingHours | None = None
        if self.luminaires:
            self._control = LuminaireControl(
                bus.name,
                dali,
                self.luminaires,
                Dimming(dali, self.luminaires, targets.now, clock, bus.stagger_s),
                self.health,
                levels.level_of(board.safe_percent),
                clock,
                events,
                inputs.until_next_end_s,
                floor_level=levels.level_of(max(plan.floor.night_percent, LEAST_PERCENT)),
                known_marked=known_marked,
            )
            inputs.add_listener(self._control.wake)
        sensors = [sensor for sensor in board.sensors if sensor.bus == bus.name]
        if sensors:
            self.sensors = DaliSensors(sensors, dali, inputs.observe, clock, events)
        aging = [
            each for each in self.luminaires if each.name in plan.luminaires and plan.luminaires[each.name].output.curve
        ]
        if aging:
            self._hours = OperatingHours(aging, dali, inputs.observe, clock)

    def parts(self, after_cycle: Callable[[], object]) -> list[Part]:
        """Returns the parts that must run for this line. `after_cycle` is called after each cycle of the control, and
        awaited if it is awaitable."""
        parts = []
        if self._control:
            parts.append(Part(f"control of {self.name}", functools.partial(self._control.run, after_cycle)))
        if self.sensors:
            parts.append(Part(f"sensors of {self.name}", self.sensors.run))
        if self._hours:
            parts.append(Part(f"operating hours of {self.name}", self._hours.run))
        return parts

    def report_to(self, observer: LuminaireObserver) -> None:
        """Tells the observer from now on which levels the lamps are told, and whether they can burn."""
        self.health.observer = observer
        if self._control:
            self._control.dimming.observer = observer

    def state(self) -> Mapping[str, object]:
        """Returns the state that a new process needs to go on, by its name in the journal."""
        return self._control.mains.state() if self._control else {}

    def hear(self, condition: str, text: str) -> None:
        """Takes in a condition of this bus from the interface: one of drivers.dali.conditions, and its `text` for
        people.

        Each is an event. Once the bus is back, every lamp is told its level again, and every sensor is set up again.
        """
        if condition == conditions.LOST:
            self._events.begin("communicationFailure", self.name, text)
        elif condition == conditions.UNPOWERED:
            self._events.begin("supplyLoss", self.name, text)
            if self._control:
                self._control.note_bus_without_voltage(gear_feeds_bus=self._gear_feeds_bus)
        else:
            over = "communicationFailure" if condition == conditions.CONNECTED else "supplyLoss"
            self._events.end(over, self.name, text)
            if self._control:
                self._control.tell_again()
            if self.sensors:
                self.sensors.set_up_again()

    def hear_foreign_frame(self, frame: ForwardFrame) -> None:
        """Takes in a frame that the agent did not send: a sensor's event, or another master's command."""
        self._dali.note_foreign(frame)
        if self.sensors:
            self.sensors.hear(frame)
        if self._control:
            self._control.note_foreign(frame)
