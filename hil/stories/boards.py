"""The board file of a story: a small street in Eindhoven, written as an installer would write it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

GATEWAY = "story"


@dataclass(frozen=True)
class Site:
    """A story's street: `lamps` equal luminaires L01, L02 ... at short addresses 0, 1 ...

    `program` is the name of a ready program, or the text of a program file. `calendar` is the text of a calendar file,
    which replaces the program. `board` and `bus` are further keys of [board] and [[bus]], `tables` are further tables.
    `files` are pairs of name and text for files beside the board. An agent that is a real process without a broker
    needs a `gateway` name of its own, because a machine allows only one agent of a name.
    """

    lamps: int = 3
    power_w: float = 25.0
    bus_supply: str = "separate"
    safe_percent: int = 100
    program: str = "d60"
    calendar: str = ""
    board: str = ""
    bus: str = ""
    tables: str = ""
    files: tuple[tuple[str, str], ...] = ()
    gateway: str = GATEWAY

    @property
    def names(self) -> list[str]:
        """The names of the luminaires, in the order of the street."""
        return [f"L{number + 1:02d}" for number in range(self.lamps)]

    def write(self, folder: Path, port: Path, broker_port: int | None = None) -> Path:
        """Writes board.toml and the files that it needs. Returns its path. Without a `broker_port`, the board has no
        upstream."""
        program = self.program
        if "\n" in program:
            (folder / "program.toml").write_text(program, encoding="utf-8")
            program = "program.toml"
        lighting = f'program = "{program}"'
        if self.calendar:
            (folder / "calendar.toml").write_text(self.calendar, encoding="utf-8")
            lighting = 'calendar = "calendar.toml"'
        for name, text in self.files:
            (folder / name).write_text(text, encoding="utf-8")
        upstream = f'[upstream]\nbroker = "mqtt://127.0.0.1:{broker_port}"\n' if broker_port else ""
        board = folder / "board.toml"
        board.write_text(
            f"""
[board]
format = 1
gateway = "{self.gateway}"
latitude = 51.44
longitude = 5.47
timezone = "Europe/Amsterdam"
bus_supply = "{self.bus_supply}"
safe_percent = {self.safe_percent}
{lighting}
gateway_power_w = 3.0
{self.board}

[[bus]]
name = "street"
interface = "atx_hat"
port = "{port}"
{self.bus}

[[luminaire]]
name = "L01"
count = {self.lamps}
bus = "street"
short_address = 0
power_w = {self.power_w}

{self.tables}
{upstream}""",
            encoding="utf-8",
        )
        return board
