"""Board files: the hardware of one gateway as its installer wrote it, checked whole before anything is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.config.board_checks import (
    check_calendar,
    check_floor,
    check_luminaires,
    check_program,
    check_site,
    names_and_addresses,
)
from agent.config.board_groups import check_groups, check_paths, luminaire_names
from agent.config.board_tables import TABLES
from agent.config.bus_checks import check_buses
from agent.config.document import Document, read_document
from agent.config.file_kinds import require_kind
from agent.config.lighting_class import Design, design_of
from agent.config.program import check_period, is_path
from agent.config.sensors import Sensor, check_sensors, sensors_of
from agent.config.tables import Row, read_tables
from agent.schedule.output import Output
from agent.schedule.paths import Path as LightPath
from agent.schedule.program import Mark

# 100 % is the lamp's own full light at any age.
PLAIN_OUTPUT = Output()


@dataclass(frozen=True)
class Bus:
    """A DALI bus. `channel` is the number of the bus at its interface, from 1. A relative `port` starts from the
    working directory."""

    name: str
    interface: str
    port: str
    channel: int
    supply_power_w: float
    telemetry_percent: float = 80.0
    stagger_s: float = 0.0


@dataclass(frozen=True)
class Luminaire:
    """A luminaire with one control gear, which draws `power_w` at 100 %, `standby_w` when off, `min_power_w` at 1 %."""

    name: str
    bus: str
    short_address: int
    power_w: float
    standby_w: float
    min_power_w: float
    groups: tuple[str, ...] = ()
    output: Output = PLAIN_OUTPUT
    design: Design | None = None


@dataclass(frozen=True)
class Group:
    """Luminaires that share a program (a ready program's name or a path) or a calendar (a path). If both are empty, the
    board's own counts."""

    name: str
    program: str = ""
    calendar: str = ""
    design: Design | None = None


@dataclass(frozen=True)
class Baseline:
    """The switching times that savings are counted against, and which full power counts: the measured or the declared
    one."""

    on: Mark
    off: Mark
    power: Literal["measured", "declared"]


@dataclass(frozen=True)
class Upstream:
    """The MQTT broker that records are sent to."""

    host: str
    port: int
    keepalive_s: int


@dataclass(frozen=True)
class Board:
    """The board of one gateway.

    `program` is a ready program's name or a path, as load_program takes it. `calendar` is a calendar's path or empty;
    it goes before the program. agent/config/plan.py makes the plan of a board.
    """

    path: Path
    gateway: str
    name: str
    country: str
    latitude: float
    longitude: float
    timezone: str
    supply: str
    bus_supply: str
    safe_percent: float
    program: str
    gateway_power_w: float
    buses: tuple[Bus, ...]
    luminaires: tuple[Luminaire, ...]
    baseline: Baseline
    upstream: Upstream | None
    calendar: str = ""
    night_floor_percent: float = 10.0
    dark_allowed: bool = False
    longest_override_s: float = 86400.0
    groups: tuple[Group, ...] = ()
    paths: tuple[LightPath, ...] = ()
    sensors: tuple[Sensor, ...] = ()
    battery_clock: bool = False


def load_board(path: str | Path, *, program_elsewhere: bool = False) -> Board:
    """Returns the board in this file. Opens no port and reads no program. Raises ConfigError with every problem in it.

    A program or calendar that is not there is a problem, unless `program_elsewhere` says that the caller has it: a
    copy of a board lies in another folder than the board did, so the path of its program leads nowhere.
    """
    return read_board(read_document(path), program_elsewhere=program_elsewhere)


def read_board(document: Document, *, program_elsewhere: bool = False) -> Board:
    """Returns the board in a document. Raises ConfigError with every problem in it.

    A program or calendar that is not there is a problem, unless `program_elsewhere` says that the caller has it.
    """
    require_kind(document, "board", tuple(table.name for table in TABLES))
    rows = read_tables(document, TABLES)
    folder = Path(document.path).parent
    for row in rows["board"]:
        check_site(document, row)
        if not program_elsewhere:
            check_program(document, row, folder)
            check_calendar(document, row, folder)
        check_floor(document, row)
    for row in rows["group"]:
        if not program_elsewhere:
            check_program(document, row, folder)
            check_calendar(document, row, folder)
    check_buses(document, rows["bus"])
    check_luminaires(document, rows["luminaire"], rows["bus"])
    check_groups(document, rows["group"], rows["luminaire"])
    check_paths(document, rows["path"], rows["luminaire"])
    bus_names = [row.text("name") for row in rows["bus"] if row.has("name")]
    check_sensors(document, rows["sensor"], bus_names, luminaire_names(rows["luminaire"]))
    for row in rows["baseline"]:
        check_period(document, row)
    upstream = _upstream(document, rows["upstream"][0]) if rows["upstream"] else None
    document.refuse()
    board = rows["board"][0]
    baseline = rows["baseline"][0]
    return Board(
        path=Path(document.path),
        gateway=board.text("gateway"),
        name=board.text("name") or board.text("gateway"),
        country=board.text("country"),
        latitude=board.number("latitude"),
        longitude=board.number("longitude"),
        timezone=board.text("timezone"),
        supply=board.text("supply"),
        bus_supply=board.text("bus_supply"),
        safe_percent=board.number("safe_percent"),
        program=_from(folder, board.text("program")),
        gateway_power_w=board.number("gateway_power_w"),
        buses=tuple(_bus(row) for row in rows["bus"]),
        luminaires=tuple(luminaire for row in rows["luminaire"] for luminaire in _luminaires(row)),
        baseline=Baseline(
            baseline.mark("on"),
            baseline.mark("off"),
            "declared" if baseline.text("power") == "declared" else "measured",
        ),
        upstream=upstream,
        sensors=sensors_of(rows["sensor"]),
        calendar=_from(folder, board.text("calendar")),
        night_floor_percent=board.number("night_floor_percent"),
        dark_allowed=board.flag("dark_allowed"),
        longest_override_s=board.number("longest_override"),
        groups=tuple(_group(row, folder) for row in rows["group"]),
        paths=tuple(_path(row) for row in rows["path"]),
        battery_clock=board.flag("rtc"),
    )


def _bus(row: Row) -> Bus:
    return Bus(
        row.text("name"),
        row.text("interface"),
        row.text("port"),
        row.whole("channel"),
        row.number("supply_power_w"),
        row.number("telemetry_percent"),
        row.number("stagger_s"),
    )


def _luminaires(row: Row) -> list[Luminaire]:
    power_w = row.number("power_w")
    min_power_w = row.number("min_power_w") if row.has("min_power_w") else power_w / 10
    output = Output(row.number("virtual_percent"), row.curve("depreciation"), row.number("min_percent"))
    return [
        Luminaire(
            name,
            row.text("bus"),
            address,
            power_w,
            row.number("standby_w"),
            min_power_w,
            row.texts("groups"),
            output,
            design_of(row),
        )
        for name, address in names_and_addresses(row)
    ]


def _group(row: Row, folder: Path) -> Group:
    return Group(
        row.text("name"), _from(folder, row.text("program")), _from(folder, row.text("calendar")), design_of(row)
    )


def _path(row: Row) -> LightPath:
    return LightPath(
        row.text("name"),
        row.texts("luminaires"),
        row.whole("ahead"),
        row.whole("behind"),
        row.number("percent"),
        row.number("hold_s"),
        row.number("ramp_up_s"),
        row.number("ramp_down_s"),
    )


def _from(folder: Path, name: str) -> str:
    """Returns a ready program's name unchanged, and a path as seen from the board's folder."""
    return str(folder / name) if is_path(name) else name


def _upstream(document: Document, row: Row) -> Upstream | None:
    if not row.has("broker", "keepalive_s"):
        return None
    host, _, port = row.text("broker").removeprefix("mqtt://").partition(":")
    number = int(port or "1883")
    if not 1 <= number <= 65535:
        document.report((*row.where, "broker"), f"broker has port {number}: write a port from 1 to 65535, such as 1883")
    return Upstream(host, number, row.whole("keepalive_s"))
