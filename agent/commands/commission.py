"""`lichtmast commission BOARD`: finds the gear on each bus, gives it addresses and settings, and records them.

Fail-safe levels go out first. It can be stopped at any moment and run again. Exit code 1 if bus and board differ.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from agent.buses.open_bus import OpenBus, open_buses
from agent.commissioning.bus_work import BusWork, Tell, Wishes
from agent.commissioning.findings import BusRecord
from agent.commissioning.lamp_exchange import exchange_lamp
from agent.commissioning.page import page
from agent.commissioning.record import as_json, as_text
from agent.commissioning.texts import LANGUAGES, default_language, word
from agent.config.board import Board, Bus, Luminaire, load_board
from agent.config.problems import ConfigError, Problem
from agent.errors import WrongUse
from agent.hardware.files import require_writable_folder, write_or_report
from agent.interfaces import Clock
from drivers.dali.bus import CONFIGURATION
from drivers.dali.inquiry import run_inquiry
from protocols.dali import addresses, levels
from protocols.dali.identify import identify


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("board", metavar="BOARD", help="the board file of this gateway")
    parser.add_argument("--bus", metavar="NAME", help="commission this bus only (default: each bus of the board)")
    parser.add_argument("--dry-run", action="store_true", help="read and compare; write nothing")
    parser.add_argument("--identify", metavar="LAMP", help="only make this luminaire (name or short address) blink")
    parser.add_argument(
        "--lamp-exchanged",
        metavar="LAMP",
        help="only set the counters of this luminaire's gear to 0, because its light source is new",
    )
    parser.add_argument("--replaced", metavar="NAME", help="the luminaire whose gear is new: it gets its address first")
    parser.add_argument(
        "--fade", type=float, metavar="SECONDS", help="the fade time to store in the gear (default: leave it as it is)"
    )
    parser.add_argument(
        "--group",
        action="append",
        type=_group,
        metavar="N=NAME,NAME",
        help="put these luminaires into group N and take all others out of it (repeatable)",
    )
    parser.add_argument(
        "--record", type=Path, metavar="DIR", help="the folder for the JSON file and the pages (default: this one)"
    )
    parser.add_argument(
        "--lang",
        choices=LANGUAGES,
        default=default_language(),
        help="the language of lines and pages (default: from LANG)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _group(text: str) -> tuple[int, tuple[str, ...]]:
    number, _, names = text.partition("=")
    if not number.isdecimal() or int(number) > 15:
        raise argparse.ArgumentTypeError(f"{text}: a group is 0 to 15, written as 3=L01,L02")
    return int(number), tuple(name for name in names.split(",") if name)


async def run(arguments: argparse.Namespace, clock: Clock) -> int:
    board = load_board(arguments.board)
    if arguments.identify is not None:
        return await _identify(board, arguments, clock)
    if arguments.lamp_exchanged is not None:
        return await _lamp_exchanged(board, arguments, clock)
    buses = _buses(board, arguments.bus)
    wishes = _wishes(board, arguments)
    folder = _folder(arguments)
    if folder is not None:
        require_writable_folder(folder, "--record")
    begun: list[BusRecord] = []
    records: list[BusRecord] = []
    try:
        async with open_buses(buses, clock) as opened:
            for bus in opened:
                lamps = [lamp for lamp in board.luminaires if lamp.bus == bus.config.name]
                with _progress(bus, arguments) as tell:
                    work = BusWork(bus, lamps, wishes, clock, tell)
                    begun.append(work.record)
                    records.append(await work.run())
                _show(records[-1], arguments)
    except asyncio.CancelledError:
        # A bus that was stopped half-way is shown too, because the gear keeps the settings that were written.
        for record in begun[len(records) :]:
            _show(record, arguments)
        _hand_over(board, records, folder, arguments)
        done = ", ".join(record.bus for record in records)
        left = ", ".join(bus.name for bus in buses[len(records) :])
        nothing = word("nothing", arguments.lang)
        sys.stderr.write(f"{word('stopped', arguments.lang).format(done=done or nothing, left=left or nothing)}\n")
        raise
    complete = _hand_over(board, records, folder, arguments)
    return 0 if complete and all(record.is_right for record in records) else 1


async def _lamp_exchanged(board: Board, arguments: argparse.Namespace, clock: Clock) -> int:
    if arguments.dry_run:
        raise WrongUse("--lamp-exchanged writes into the gear: leave out --dry-run")
    config, name, address = _lamp(board, arguments.lamp_exchanged, arguments.bus)
    folder = _folder(arguments)
    if folder is not None:
        require_writable_folder(folder, "--record")
    async with open_buses([config], clock) as (bus,):
        try:
            record = await exchange_lamp(bus, name, address, clock)
        except asyncio.CancelledError:
            nothing = word("nothing", arguments.lang)
            sys.stderr.write(f"{word('stopped', arguments.lang).format(done=nothing, left=name)}\n")
            raise
    _show(record, arguments)
    complete = _hand_over(board, [record], folder, arguments)
    return 0 if complete and record.is_right else 1


def _show(record: BusRecord, arguments: argparse.Namespace) -> None:
    if not arguments.json:
        print("\n".join(as_text(record, arguments.lang)))


def _hand_over(board: Board, records: Sequence[BusRecord], folder: Path | None, arguments: argparse.Namespace) -> bool:
    """Prints and writes the record of the buses that are done. Returns whether all of it could be written."""
    if arguments.json:
        print(json.dumps(as_json(board, records), indent=2))
    files = {} if folder is None or not records else _files(board, records, folder, arguments.lang)
    names = [path for path, content in files.items() if write_or_report(path, content)]
    if not arguments.json:
        print("\n".join(f"{word('written', arguments.lang)}: {path}" for path in names), end="\n" if names else "")
    return len(names) == len(files)


async def _identify(board: Board, arguments: argparse.Namespace, clock: Clock) -> int:
    config, name, address = _lamp(board, arguments.identify, arguments.bus)
    async with open_buses([config], clock) as (bus,):
        await bus.wait_usable()
        text = word("identifying", arguments.lang).format(name=name, bus=config.name, address=address)
        sys.stderr.write(f"{text}\n")
        await run_inquiry(bus.dali, clock, identify(addresses.short(address)), CONFIGURATION)
    return 0


def _buses(board: Board, name: str | None) -> Sequence[Bus]:
    found = [bus for bus in board.buses if name is None or bus.name == name]
    if not found:
        raise _wrong(board, f"no bus is called {name}; there are: {', '.join(bus.name for bus in board.buses)}")
    return found


def _lamp(board: Board, asked: str, bus: str | None) -> tuple[Bus, str, int]:
    """Returns a luminaire's bus, name and short address; an address that the board does not have is taken as it is."""
    buses = {one.name: one for one in _buses(board, bus)}
    for lamp in board.luminaires:
        if lamp.bus in buses and asked in (lamp.name, str(lamp.short_address)):
            return buses[lamp.bus], lamp.name, lamp.short_address
    if asked.isdecimal() and int(asked) < 64:
        return next(iter(buses.values())), asked, int(asked)
    raise _wrong(board, f"no luminaire is called {asked}: write its name, or a short address from 0 to 63")


def _wishes(board: Board, arguments: argparse.Namespace) -> Wishes:
    groups: dict[str, list[int]] | None = None
    by_name = {lamp.name: lamp for lamp in board.luminaires}
    if arguments.group is not None:
        groups = {}
        for number, names in arguments.group:
            for name in names:
                groups.setdefault(_named(board, by_name, name).name, []).append(number)
    if arguments.replaced is not None:
        _named(board, by_name, arguments.replaced)
    return Wishes(
        safe_level=levels.level_of(board.safe_percent),
        dry_run=arguments.dry_run,
        fade_code=None if arguments.fade is None else levels.fade_code(arguments.fade),
        groups=groups,
        replaced=arguments.replaced,
    )


def _named(board: Board, by_name: dict[str, Luminaire], name: str) -> Luminaire:
    if name not in by_name:
        raise _wrong(board, f"no luminaire is called {name}")
    return by_name[name]


def _wrong(board: Board, text: str) -> ConfigError:
    return ConfigError([Problem(str(board.path), 0, text)])


def _folder(arguments: argparse.Namespace) -> Path | None:
    """Returns the folder for the record; None for a dry run without --record."""
    if arguments.record is None and arguments.dry_run:
        return None
    folder: Path = arguments.record or Path()
    return folder


def _files(board: Board, records: Sequence[BusRecord], folder: Path, language: str) -> dict[Path, str]:
    """Returns the record's files: one JSON file, and a page for each bus."""
    when = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(records[0].began))
    stem = f"commissioning-{board.gateway}-{when}"
    files = {folder / f"{stem}.json": json.dumps(as_json(board, records), indent=2) + "\n"}
    return files | {folder / f"{stem}-{one.bus}.html": page(board, one, language) for one in records}


@contextmanager
def _progress(bus: OpenBus, arguments: argparse.Namespace) -> Iterator[Tell]:
    """Shows a bar on a terminal, otherwise a line for each stage; nothing with --json."""
    name, language = bus.config.name, arguments.lang
    if arguments.json:
        yield lambda stage, share: None
        return
    if not sys.stderr.isatty() or importlib.util.find_spec("rich") is None:
        seen: set[str] = set()

        def line(stage: str, _share: float) -> None:
            if stage not in seen:
                seen.add(stage)
                sys.stderr.write(f"{name}: {word(f'stage {stage}', language)}\n")

        yield line
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        tasks = {
            stage: bar.add_task(f"{name}: {word(f'stage {stage}', language)}", total=1.0)
            for stage in ("fail-safe", "survey", "addresses", "gear")
        }
        yield lambda stage, share: bar.update(tasks[stage], completed=share)
