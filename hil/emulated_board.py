"""A board's devices, emulated: the street behind each serial port that the board names."""

from __future__ import annotations

from pathlib import Path

from agent.config.board import Board
from hil.devices.serial_port import Traffic
from hil.devices.street import Lamp, Street


class EmulatedBoard:
    """The streets of one board by bus name. Made inside a running event loop, whose time they keep.

    `links` is the folder of the symlinks, one a port, named as the port's last part; None makes each link where the
    board says that its port is.
    """

    def __init__(
        self, board: Board, *, links: Path | None = None, seed: int = 0, traffic: Traffic | None = None
    ) -> None:
        self.streets: dict[str, Street] = {}
        self.links: dict[str, Path] = {}
        self._places: dict[str, tuple[Street, int]] = {}
        by_port: dict[str, Street] = {}
        for bus in sorted(board.buses, key=lambda bus: (bus.port, bus.channel)):
            first = by_port.get(bus.port)
            link = self.links[bus.port] = Path(bus.port) if links is None else links / Path(bus.port).name
            lamps = [lamp for lamp in board.luminaires if lamp.bus == bus.name]
            street = Street(
                [Lamp(lamp.short_address, lamp.power_w, lamp.standby_w, lamp.min_power_w) for lamp in lamps],
                seed=seed,
                bus_supply=board.bus_supply,  # type: ignore[arg-type]  # checked by load_board
                link=None if first else link,
                traffic=traffic,
                hat=first.hat if first else None,
            )
            by_port.setdefault(bus.port, street)
            self.streets[bus.name] = street
            self._places.update({lamp.name: (street, number) for number, lamp in enumerate(lamps)})

    def place(self, luminaire: str) -> tuple[Street, int]:
        """The street of this luminaire, and its number there: what a story's faults and truths are asked by."""
        return self._places[luminaire]

    def close(self) -> None:
        """Takes the ports away."""
        for street in self.streets.values():
            if street.port is not None:
                street.close()
