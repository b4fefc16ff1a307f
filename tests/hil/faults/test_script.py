"""Fault scripts: each fault starts and ends, as seen at the port, and each mistake in a script is reported."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.board import Board, load_board
from agent.config.document import parse_document
from agent.config.problems import ConfigError
from agent.config.tables import SPAN_PATTERN
from hil.emulated_board import EmulatedBoard, lamps_of
from hil.examples.test_failed_lamps import (
    test_a_failed_lamp_a_dead_gear_and_a_broken_answer as test_the_example_finds_what_is_wrong,
)
from hil.examples.test_failed_lamps import test_a_street_without_faults as test_the_example_without_faults
from hil.examples.test_failed_lamps import (
    test_late_answers_make_a_good_street_a_bad_one as test_the_example_with_late_answers,
)
from hil.faults.script import FaultRun, Planned, moment, read_fault_script
from hil.faults.table import FAULTS, TABLE, fault_markdown, fault_schema
from hil.virtual_time import VirtualClock, run_virtual
from tests.rigs.gateway import BusOf, board_text
from tests.rigs.street_host import NIGHT, Host

__all__ = [
    "test_the_example_finds_what_is_wrong",
    "test_the_example_with_late_answers",
    "test_the_example_without_faults",
]

PAGE = (Path(__file__).resolve().parents[3] / "hil" / "faults" / "README.md").read_text(encoding="utf-8")
ONE_BUS = (BusOf("A", 3, "one"),)
THREE_BUSES = (BusOf("A", 3, "one"), BusOf("B", 2, "one", channel=2), BusOf("C", 1, "two"))


class Pieces:
    """Tells the virtual clock of the bytes under way, and keeps the sizes of the pieces that the device wrote."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.sizes: list[int] = []

    def bytes_written(self, port: str, count: int) -> None:
        self.sizes.append(count)
        self.clock.bytes_written(port, count)

    def bytes_read(self, port: str, count: int) -> None:
        self.clock.bytes_read(port, count)

    def port_closed(self, port: str) -> None:
        self.clock.port_closed(port)


class Scene(NamedTuple):
    """A board that runs a script, and the lines that were said so far."""

    clock: VirtualClock
    emulated: EmulatedBoard
    said: list[str]
    pieces: Pieces


def board_of(folder: Path, buses: tuple[BusOf, ...] = ONE_BUS) -> Board:
    path = folder / "board.toml"
    path.write_text(board_text(folder, buses))
    return load_board(path)


def read(text: str, folder: Path, buses: tuple[BusOf, ...] = ONE_BUS, devices: int = 1) -> list[Planned]:
    return read_fault_script(parse_document("f.toml", text), lamps_of(board_of(folder, buses)), devices)


def problems(text: str, folder: Path, buses: tuple[BusOf, ...] = ONE_BUS, devices: int = 1) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        read(text, folder, buses, devices)
    return [str(problem) for problem in refused.value.problems]


def live(
    text: str, folder: Path, story: Callable[[Scene], Awaitable[None]], buses: tuple[BusOf, ...] = ONE_BUS
) -> None:
    """Lives a story beside a script that begins with it."""

    async def whole(clock: VirtualClock) -> None:
        said: list[str] = []
        pieces = Pieces(clock)
        emulated = EmulatedBoard(board_of(folder, buses), traffic=pieces, devices=1)
        faults = FaultRun(read(text, folder, buses), emulated, said.append)
        faults.start()
        try:
            await story(Scene(clock, emulated, said, pieces))
        finally:
            faults.stop()
            emulated.close()

    run_virtual(whole, NIGHT)


# Each fault starts and ends

Look = Callable[[Host, Scene], Awaitable[object]]
ELSE = object()
"""Stands for any value that differs from the one before the fault."""


class Seen(NamedTuple):
    """The visible effect of a fault: the other lines of its row, and the result of a look before, during and after."""

    row: str
    look: Look
    before: object
    during: object
    after: object


def ask(line: bytes, wait_s: float = 0.2) -> Look:
    async def look(host: Host, scene: Scene) -> object:
        answer = await host.ask(line, wait_s=wait_s)
        await scene.clock.sleep(1.0)
        return answer

    return look


def ask_thrice(line: bytes) -> Look:
    async def look(host: Host, _scene: Scene) -> object:
        return [await host.ask(line) for _ in range(3)]

    return look


def link_of(scene: Scene) -> Path:
    """Returns the link of the first port."""
    return next(iter(scene.emulated.links.values()))


async def link_there(_host: Host, scene: Scene) -> object:
    return link_of(scene).exists()


async def pieces_of_a_line(host: Host, scene: Scene) -> object:
    scene.pieces.sizes.clear()
    assert await host.ask(b"h01A0") == b"JC8"
    return len(scene.pieces.sizes)


LEVEL = ask(b"h01A0")
L, A = 'luminaire = "A01"', 'bus = "A"'
SEEN = {
    "lamp failed": Seen(L, ask(b"h0192"), b"N", b"JFF", b"N"),
    "gear dead": Seen(L, LEVEL, b"JC8", b"N", b"JFE"),
    "no answer": Seen(L, LEVEL, b"JC8", b"N", b"JC8"),
    "late answer": Seen(f"{L}\nlate_ms = 30", LEVEL, b"JC8", b"N", b"JC8"),
    "framing error": Seen(L, LEVEL, b"JC8", b"X", b"JC8"),
    "nonsense": Seen(L, ask_thrice(b"h01A0"), [b"JC8"] * 3, ELSE, [b"JC8"] * 3),
    "mains": Seen(L, LEVEL, b"JC8", b"N", b"JFE"),
    "bus power": Seen(A, ask(b"d"), b"D21", b"D01", b"D21"),
    "bus short": Seen(A, ask(b"d"), b"D21", b"D11", b"D21"),
    "transmit collisions": Seen("frames = 2", ask_thrice(b"h01A0"), [b"JC8"] * 3, [b"Z", b"Z", b"JC8"], [b"JC8"] * 3),
    "foreign frame": Seen('frame = "fe80"', LEVEL, b"JC8", b"J80", b"J80"),
    "clean answers": Seen(A, ask(b"hFFA0"), b"X", b"JC8", b"X"),
    "unplug": Seen(A, link_there, True, False, True),
    "silent line": Seen(A, LEVEL, b"JC8", None, b"JC8"),
    "late lines": Seen("late_ms = 150", ask(b"h01A0", 0.1), b"JC8", None, b"JC8"),
    "garbled lines": Seen("lines = 1", LEVEL, b"JC8", ELSE, b"JC8"),
    "lost bytes": Seen("lines = 1", LEVEL, b"JC8", ELSE, b"JC8"),
    "split reads": Seen("lines = 1", pieces_of_a_line, 1, 2, 1),
    "gateway power": Seen("", LEVEL, b"JC8", None, b"JC8"),
    "presence": Seen("device = 0", ask(b"l01008C"), b"J00", b"JFF", b"JAA"),  # still occupied, for the hold time
    "illuminance": Seen("device = 0\nlight = 512", ask(b"l01018C"), b"J00", b"J80", b"J80"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_seen_and_ends(name: str, tmp_path: Path) -> None:
    seen = SEEN[name]
    lasts = "for = 10" if FAULTS[name].end else ""

    async def story(scene: Scene) -> None:
        host = Host(str(link_of(scene)), scene.clock)
        await host.ask(b"hFEC8")
        found = []
        for moment_s in (5, 12, 25):
            await scene.clock.sleep(moment_s - (scene.clock.wall() - NIGHT))
            found.append(await seen.look(host, scene))
            if not host.hung_up:
                host.write(b"\n")  # ends a line that has lost its line feed
        host.close()
        assert found[0] == seen.before
        assert found[1] != found[0]
        assert seen.during is ELSE or found[1] == seen.during
        assert found[2] == seen.after

    live(f'[[fault]]\nat = 10\nfault = "{name}"\n{seen.row}\n{lasts}\n', tmp_path, story)


def test_the_list_of_what_is_seen_is_the_table() -> None:
    assert SEEN.keys() == FAULTS.keys()


# Times and subjects


def test_times_repeats_and_overlaps_are_kept_and_said(tmp_path: Path) -> None:
    text = """
        [[fault]]
        at = "00:01"
        fault = "late answer"
        luminaire = "A01"
        late_ms = 30
        for = 10
        [[fault]]
        at = 2.25
        fault = "late answer"
        bus = "A"
        late_ms = 60.5
        for = 2
        repeat = 4
    """

    async def story(scene: Scene) -> None:
        street = scene.emulated.streets["A"]
        late = []
        for _ in range(12):
            late.append([round(1000 * gear.late_s, 1) for gear in street.gear[:2]])
            await scene.clock.sleep(1.0)
        # The fault that began last holds, and its end gives back the value before it.
        assert [first for first, _ in late] == [0, 30, 30, 60.5, 60.5, 30, 30, 60.5, 60.5, 30, 30, 60.5]
        assert [second for _, second in late] == [0, 0, 0, 60.5, 60.5, 0, 0, 60.5, 60.5, 0, 0, 60.5]
        await scene.clock.sleep(1.0)
        assert scene.said == [
            "00:01  A01: late answer, late_ms = 30",
            "00:02.250  A: late answer, late_ms = 60.5",
            "00:04.250  A: late answer, late_ms = 60.5: over",
            "00:06.250  A: late answer, late_ms = 60.5",
            "00:08.250  A: late answer, late_ms = 60.5: over",
            "00:10.250  A: late answer, late_ms = 60.5",
            "00:11  A01: late answer, late_ms = 30: over",
            "00:12.250  A: late answer, late_ms = 60.5: over",
        ]

    live(text, tmp_path, story)


def test_a_fault_without_an_end_stays_and_stop_ends_the_script(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        await scene.clock.sleep(3600)
        assert scene.emulated.streets["A"].gear[1].lamp_failed
        assert not scene.emulated.streets["A"].gear[0].lamp_failed
        stopped = FaultRun(read(text, tmp_path), scene.emulated, scene.said.append)
        stopped.start()
        stopped.stop()
        await scene.clock.sleep(60)
        assert scene.said == ["00:05  A02: lamp failed"]

    text = '[[fault]]\nat = 5\nfault = "lamp failed"\nluminaire = "A02"\n'
    live(text, tmp_path, story)


def test_a_port_and_the_gateway_stand_for_all_their_buses(tmp_path: Path) -> None:
    text = """
        fault = [
            { at = 1, fault = "unplug", bus = "B", for = 1 },
            { at = 3, fault = "gateway power", for = 1 },
            { at = 5, fault = "bus power", bus = "B", for = 1 },
            { at = 7, fault = "mains", bus = "A", for = 1 },
        ]
    """

    async def story(scene: Scene) -> None:
        streets = scene.emulated.streets.values()
        await scene.clock.sleep(1.5)
        assert [link.exists() for link in scene.emulated.links.values()] == [False, True]
        await scene.clock.sleep(2.0)
        assert [link.exists() for link in scene.emulated.links.values()] == [True, True]
        assert [street.interface.powered for street in streets] == [False] * 3
        await scene.clock.sleep(2.0)
        assert [street.interface.powered for street in streets] == [True] * 3
        assert [street.bus.voltage for street in streets] == [True, False, True]
        await scene.clock.sleep(2.0)
        assert [[gear.powered for gear in street.gear] for street in streets] == [[False] * 3, [True] * 2, [True]]
        assert scene.said[::2] == [
            "00:01  B: unplug",
            "00:03  gateway: gateway power",
            "00:05  B: bus power",
            "00:07  A: mains",
        ]

    live(text, tmp_path, story, THREE_BUSES)


def test_moments_are_written_as_scripts_write_them() -> None:
    written = {0: "00:00", 5.25: "00:05.250", 59.9999: "01:00", 3600: "01:00:00", 360_000: "100:00:00"}
    assert {at_s: moment(at_s) for at_s in written} == written


# Mistakes in a script


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ("", ["f.toml: there is no [[fault]]: add one (something that happens, at its time after the start)"]),
        (
            '[[fault]]\nfault = "late anwser"\nat = 1',
            ['f.toml:2: there is no fault "late anwser": did you mean late answer?'],
        ),
        (
            '[[fault]]\nat = "1:2"\nfault = "mains"\nbus = "A"\nfor = 0\nrepeat = "x"',
            [
                'f.toml:2: at = "1:2": write seconds, or a text "minutes:seconds" or "hours:minutes:seconds", from 0 to'
                ' 360000, such as "00:05"',
                'f.toml:5: for = 0: write seconds, or a text "minutes:seconds" or "hours:minutes:seconds", from 0.001'
                ' to 360000, such as "00:10"',
                'f.toml:6: repeat = "x": write seconds, or a text "minutes:seconds" or "hours:minutes:seconds", from'
                ' 0.01 to 360000, such as "00:30"',
            ],
        ),
        (
            '[[fault]]\nat = 1\nfault = "mains"',
            ['f.toml:1: "mains" strikes nothing yet: write luminaire or bus, with its name'],
        ),
        (
            '[[fault]]\nat = 1\nfault = "mains"\nluminaire = "A09"\nbus = "A"',
            [
                'f.toml:4: there is no luminaire "A09" on the board: did you mean A03?',
                "f.toml:5: luminaire says already what is struck: remove this line, or that one",
            ],
        ),
        (
            '[[fault]]\nat = 1\nfault = "bus short"',
            ['f.toml:1: "bus short" has no bus: write the name of one (A, B, C)'],
        ),
        (
            '[[fault]]\nat = 1\nfault = "bus short"\nbus = "D"',
            ['f.toml:4: there is no bus "D" on the board: write one of A, B, C'],
        ),
        (
            '[[fault]]\nat = 1\nfault = "gateway power"\nbus = "A"\nrepeat = 5',
            [
                'f.toml:4: "gateway power" has no bus: remove this line',
                "f.toml:5: what is repeated must end before: write how long it lasts, such as for = 5",
            ],
        ),
        (
            '[[fault]]\nat = 1\nfault = "mains"\nbus = "A"\nfor = 5\nrepeat = "00:05"',
            ["f.toml:6: it begins again before it has ended: write a repeat of more than the 5 s of its for"],
        ),
        (
            '[[fault]]\nat = 1\nfault = "garbled lines"\nbus = "A"\nfor = 5\nframe = "FE80"',
            [
                'f.toml:1: "garbled lines" has no lines: write a whole number from 1 to 100000, such as 3 (how many'
                " lines, or messages, of the interface)",
                'f.toml:5: "garbled lines" passes by itself: remove this line',
                'f.toml:6: "garbled lines" has no frame: remove this line',
            ],
        ),
        (
            '[[fault]]\nat = 1\nfault = "foreign frame"\nbus = "A"\nframe = "FE8"',
            [
                'f.toml:5: frame = "FE8": write a text in quotes, such as "FE80" (a 16-bit frame as four hexadecimal'
                " digits)"
            ],
        ),
        (
            '[[fault]]\nat = 1\nfault = "presence"\nbus = "A"\n'
            '[[fault]]\nat = 1\nfault = "presence"\nbus = "A"\ndevice = 2',
            [
                'f.toml:1: "presence" has no device: write the short address of a control device, from 0 on',
                "f.toml:9: there is no control device 2, as only 1 was asked for: give --devices 3",
            ],
        ),
    ],
)
def test_every_mistake_has_its_line_and_its_remedy(rows: str, wanted: list[str], tmp_path: Path) -> None:
    assert problems(rows, tmp_path, THREE_BUSES) == wanted


def test_without_devices_none_can_be_meant(tmp_path: Path) -> None:
    text = '[[fault]]\nat = 1\nfault = "presence"\ndevice = 0'
    assert problems(text, tmp_path, devices=0) == [
        "f.toml:4: there is no control device 0, as none was asked for: give --devices 1"
    ]


LINES = [
    "[[fault]]",
    "[fault]",
    "at = 1",
    "at = 9e99",
    'at = "00:05"',
    "at = nan",
    "at = true",
    *(f'fault = "{name}"' for name in FAULTS),
    "fault = 3",
    'luminaire = "A01"',
    'bus = "A"',
    "bus = []",
    "for = 2",
    "repeat = 3",
    'frame = "FF00"',
    "light = 1024",
    "lines = 1",
    "frames = 2",
    "late_ms = 30",
    "device = 0",
]


@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(LINES), max_size=12).map("\n".join)))
def test_any_text_is_a_script_or_a_list_of_problems(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    lamps = lamps_of(board_of(tmp_path_factory.getbasetemp()))
    try:
        script = read_fault_script(parse_document("f.toml", text), lamps, 1)
    except ConfigError:
        return
    assert script
    assert all(str(one) for one in script)


# Texts that derive from the table

VALUES = {
    "luminaire": '"A01"',
    "bus": '"A"',
    "device": "0",
    "late_ms": "30",
    "lines": "1",
    "frames": "1",
    "frame": '"FF00"',
    "light": "5",
    "for": "2",
    "repeat": '"00:03"',
}


def allowed(rule: dict[str, Any], keys: set[str]) -> bool:
    """Returns True if a row with these keys keeps the part of the schema that depends on its fault."""
    return (
        not any(name in keys for name, verdict in rule["properties"].items() if verdict is False)
        and keys.issuperset(rule.get("required", ()))
        and sum(keys.issuperset(one["required"]) for one in rule.get("oneOf", ())) == ("oneOf" in rule)
        and all(keys.issuperset(then) for one, then in rule.get("dependentRequired", {}).items() if one in keys)
    )


@given(st.sampled_from(sorted(FAULTS)), st.sets(st.sampled_from(sorted(VALUES)), max_size=4))
def test_the_schema_allows_what_the_reader_takes(
    tmp_path_factory: pytest.TempPathFactory, name: str, keys: set[str]
) -> None:
    rows = cast("dict[str, Any]", fault_schema())["properties"]["fault"]["items"]
    (then,) = (one["then"] for one in rows["allOf"] if one["if"]["properties"]["fault"]["const"] == name)
    text = f'[[fault]]\nat = 0\nfault = "{name}"\n' + "".join(f"{key} = {VALUES[key]}\n" for key in keys)
    try:
        taken = bool(read(text, tmp_path_factory.getbasetemp()))
    except ConfigError:
        taken = False
    assert taken == allowed(then, keys | {"at", "fault"})


def test_the_schema_has_every_key_and_fault() -> None:
    row = cast("dict[str, Any]", fault_schema())["properties"]["fault"]["items"]
    assert set(row["properties"]) == {key.name for key in TABLE.keys} == VALUES.keys() | {"at", "fault"}
    assert row["properties"]["fault"]["enum"] == list(FAULTS)
    assert row["required"] == ["at", "fault"]


@given(st.one_of(st.text(max_size=10), st.from_regex(SPAN_PATTERN, fullmatch=True)))
def test_a_time_as_text_is_what_the_schema_says(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    pattern = cast("dict[str, Any]", fault_schema())["properties"]["fault"]["items"]["properties"]["at"]["pattern"]
    quoted = text.encode("unicode_escape").decode() if text.isascii() and '"' not in text else "?"
    try:
        (one,) = read(f'[[fault]]\nat = "{quoted}"\nfault = "gateway power"\n', tmp_path_factory.getbasetemp())
    except ConfigError:
        hours = re.fullmatch(r"([0-9]+):[0-9]+:.*", quoted)
        assert not re.search(pattern, quoted) or (hours and int(hours[1]) >= 100)
    else:
        assert re.search(pattern, quoted)
        assert moment(one.at_s).endswith(quoted[-2:]) or "." in quoted


# The page


def block(kind: str, holding: str) -> str:
    return next(
        str(text) for text in re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL) if holding in text
    )


def test_the_page_has_every_fault() -> None:
    written = PAGE.partition("<!-- faults: generated -->\n")[2].partition("<!-- end of the faults -->")[0]
    assert written == fault_markdown(), f"paste into hil/faults/README.md:\n{fault_markdown()}"


def test_the_shown_script_says_what_is_shown(tmp_path: Path) -> None:
    shown = block("text", "Ctrl-C ends it").splitlines()[2:]
    text = block("toml", "[[fault]]").replace("L03", "street03")

    async def story(scene: Scene) -> None:
        await scene.clock.sleep(16)
        assert scene.said == [line.replace("L03", "street03") for line in shown]

    live(text, tmp_path, story, (BusOf("street", 3),))
