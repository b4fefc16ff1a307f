"""The emulated devices of a board: the street behind each serial port that the board names."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import cast

from agent.config.board import Board
from agent.parts.interfaces import INTERFACES
from agent.parts.named import part
from hil.devices.control_device import ControlDevice
from hil.devices.device_instances import Instance, LightSensor, OccupancySensor
from hil.devices.serial_port import Traffic
from hil.devices.street import Interface, Lamp, Street

MakeInterface = Callable[[asyncio.AbstractEventLoop, Callable[[bytes], None]], Interface]
"""Makes an emulated interface in a loop. The interface sends its bytes by the given function."""

NEW_GEAR_W = 25.0
"""Power of gear that no board describes, at full light."""


Lamps = dict[str, dict[str, Lamp]]
"""The luminaires by bus and name, in the order of their numbers in the street."""


def emulation_of(name: str) -> MakeInterface:
    """Returns the emulation of the interface product with this short name.

    Raises UnknownName if there is none, or Unusable with a sentence if it cannot be imported.
    """
    return cast(MakeInterface, part(INTERFACES.find(name).emulation))


def lamps_of(board: Board, *, gear: int | None = None, unaddressed: bool = False) -> Lamps:
    """Returns the board's luminaires, or `gear` new ones on each bus, named by the bus: street-01, street-02 ...

    New gear has no short address yet; with `unaddressed`, the board's luminaires have none either.
    """
    if gear is not None:
        new = Lamp(None, NEW_GEAR_W)
        return {bus.name: {f"{bus.name}-{number:02d}": new for number in range(1, gear + 1)} for bus in board.buses}
    return {
        bus.name: {
            one.name: Lamp(
                None if unaddressed else one.short_address, one.power_w, one.standby_w, min_power_w=one.min_power_w
            )
            for one in board.luminaires
            if one.bus == bus.name
        }
        for bus in board.buses
    }


class EmulatedBoard:
    """The streets of one board by bus name. It is made inside a running event loop, whose time the streets keep.

    `links` is the folder for the symlinks, one a port, named by the last part of the port's path; None puts each link
    at the path that the board gives its port. `lamps` replace the board's luminaires, as `lamps_of` returns them. Each
    bus has `devices` control devices beside the board's own sensors: sensors of presence and light, at the first free
    short addresses of control devices.
    """

    def __init__(
        self,
        board: Board,
        *,
        links: Path | None = None,
        seed: int = 0,
        traffic: Traffic | None = None,
        lamps: Lamps | None = None,
        devices: int = 0,
    ) -> None:
        self.streets: dict[str, Street] = {}
        self.ports: dict[str, Street] = {}
        """By bus: the street that has the port, which several buses may share."""
        self.links: dict[str, Path] = {}
        self._places: dict[str, tuple[Street, int]] = {}
        self._sensors: dict[str, tuple[Street, int]] = {}
        by_port: dict[str, Street] = {}
        for bus in sorted(board.buses, key=lambda bus: (bus.port, bus.channel)):
            first = by_port.get(bus.port)
            link = self.links[bus.port] = Path(bus.port) if links is None else links / Path(bus.port).name
            here = (lamps or lamps_of(board))[bus.name]
            kinds = _devices_of(board, bus.name, devices)
            street = Street(
                list(here.values()),
                seed=seed,
                bus_supply=board.bus_supply,  # type: ignore[arg-type]  # checked by load_board
                link=None if first else link,
                traffic=traffic,
                product=emulation_of(bus.interface),
                hat=first.interface if first else None,
                devices=[_device(bus.name, seed, number, kinds[number]) for number in kinds],
            )
            self.ports[bus.name] = by_port.setdefault(bus.port, street)
            self.streets[bus.name] = street
            self._places.update({name: (street, number) for number, name in enumerate(here)})
            for sensor in board.sensors:
                if sensor.bus == bus.name:
                    self._sensors[sensor.name] = street, list(kinds).index(sensor.device)

    def place(self, luminaire: str) -> tuple[Street, int]:
        """Returns the street of this luminaire and its number there, by which faults and true values are addressed."""
        return self._places[luminaire]

    def sensor(self, name: str) -> tuple[Street, int]:
        """Returns the street of this sensor of the board and the number of its device there."""
        return self._sensors[name]

    def report(self, began_wall: float) -> dict[str, object]:
        """Returns by bus what the devices saw, as values for JSON, for benchmarks and stories in other processes.

        Times are seconds, energy is Wh. `began_wall` is the wall time at which this board was made.
        """
        return {bus: _report(street, began_wall) for bus, street in self.streets.items()}

    def close(self) -> None:
        """Takes the ports away."""
        for street in self.streets.values():
            if street.port is not None:
                street.close()


def _devices_of(board: Board, bus: str, more: int) -> dict[int, list[type[Instance]]]:
    """Returns the instances of each control device on a bus, by short address: the board's devices, and `more` new."""
    found: dict[int, list[type[Instance]]] = {}
    for sensor in board.sensors:
        if sensor.bus == bus:
            instances = found.setdefault(sensor.device, [])
            # An instance that the board does not name is of the other kind.
            mine, other = (
                (OccupancySensor, LightSensor) if sensor.kind == "presence" else (LightSensor, OccupancySensor)
            )
            instances += [other] * (sensor.instance + 1 - len(instances))
            instances[sensor.instance] = mine
    free = (number for number in range(64) if number not in found)
    found.update({next(free): [OccupancySensor, LightSensor] for _ in range(more)})
    return found


def _device(bus: str, seed: int, number: int, instances: list[type[Instance]]) -> ControlDevice:
    own_seed = random.Random(f"{seed}/{bus}/{number}").getrandbits(32)
    return ControlDevice([kind() for kind in instances], short_address=number, seed=own_seed)


def _report(street: Street, began_wall: float) -> dict[str, object]:
    began = street.statistics.since
    first_level = next((frame.time for frame in street.bus.trace if _is_level(frame.bits, frame.value)), None)
    return {
        "first_level_at": None if first_level is None else began_wall + first_level - began,
        "forward_frames": street.statistics.forward_frames,
        "settling_violations": street.statistics.settling_violations,
        "bus_load": street.bus_load(),
        "turnarounds": [
            [seconds, command.decode("ascii", "replace")] for seconds, command in street.interface.turnarounds
        ],
        "levels": [street.level(number) for number in range(len(street.gear))],
        "energy_wh": [street.energy_wh_true(number) for number in range(len(street.gear))],
    }


def _is_level(bits: int, value: int) -> bool:
    """Returns True if a frame sets a level directly: it has 16 bits, and its selector bit is clear."""
    return bits == 16 and not value & 0x0100
