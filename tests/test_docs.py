"""Tests of the docs: commands parse, tables equal the code, paths exist, and the shown night is the one of `demo`.

If a generated table differs, the failing test prints the table to paste.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import signal
import sqlite3
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import main
from agent.commands import VERBS
from agent.parts.interfaces import INTERFACES

ROOT = Path(__file__).resolve().parents[1]
TOP = (".ci", "agent", "board_configs", "drivers", "hil", "protocols", "tests")
FRONT_DOOR = "README.md"
INSTALLER = "board_configs/README.md"
OPERATOR = "agent/programs/README.md"
DEVELOPER = "hil/README.md"
COMMANDS = "agent/commands/README.md"
FIGURES = "FIGURES.md"
THE_LIGHT = "hil/stories/README.md"
MOST_LINES_OF_THE_FRONT_DOOR = 200
PAGES = sorted(
    str(path.relative_to(ROOT)) for places in ("*.md", *(f"{top}/**/*.md" for top in TOP)) for path in ROOT.glob(places)
)
"""Every page of the project."""
WITH_COMMANDS = [page for page in PAGES if page != "CHANGELOG.md"]
"""The changelog may speak of commands that are gone."""
BOARDS = sorted((ROOT / "board_configs").glob("*.toml"))
PROGRAMS = sorted((ROOT / "agent" / "programs").glob("*.toml"))
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def section(page: str, mark: str, end: str) -> str:
    """Returns the text of a page between two marks."""
    return text_of(page).partition(f"<!-- {mark} -->\n")[2].partition(f"<!-- {end} -->")[0]


def rows(table: str) -> list[list[str]]:
    """Returns the cells of a Markdown table, without its head."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def table_with_head(page: str, head: str) -> list[list[str]]:
    """Returns the cells of the page's table that begins with the line `head`."""
    found = text_of(page).partition(f"{head}\n")[2].partition("\n\n")[0]
    return rows(f"{head}\n{found}")


# Pages


def test_the_front_door_is_short() -> None:
    assert len(text_of(FRONT_DOOR).splitlines()) <= MOST_LINES_OF_THE_FRONT_DOOR


def test_the_front_door_leads_to_every_page() -> None:
    found: set[Path] = set()
    to_read = [ROOT / FRONT_DOOR]
    while to_read:
        page = to_read.pop()
        if page not in found:
            found.add(page)
            links = {link.partition("#")[0] for link in LINK.findall(page.read_text(encoding="utf-8"))}
            to_read += [(page.parent / link).resolve() for link in links if link.endswith(".md") and "://" not in link]
    assert {str(page.relative_to(ROOT)) for page in found} == set(PAGES)


@pytest.mark.parametrize("page", [INSTALLER, OPERATOR, DEVELOPER])
def test_each_manual_begins_with_what_its_reader_wants_to_do(page: str) -> None:
    """The table at the top lists each chapter of the manual, in order."""
    text = BLOCK.sub("", text_of(page))
    led_to = [LINK.findall(place) for _, place in table_with_head(page, "| you want to | go to |")]
    chapters = [anchor_of(head) for head in re.findall(r"^## (.*)$", text, re.MULTILINE)]
    assert len(chapters) > 4
    assert [link for links in led_to for link in links if link.startswith("#")] == chapters


# Commands


def written_commands() -> Iterator[tuple[str, str]]:
    """Yields (page, words after `lichtmast`) of every command line in the docs, and in the comments of board files."""
    for page in [*WITH_COMMANDS, *(str(path.relative_to(ROOT)) for path in BOARDS)]:
        text = text_of(page)
        lines = [line for block in BLOCK.findall(text) for line in block.splitlines()]
        # In a systemd unit, the command comes after its key.
        lines = [line.partition("=")[2] if line.startswith("Exec") else line for line in lines]
        for line in [*lines, *INLINE.findall(BLOCK.sub("", text))]:
            words = re.match(r"(?:\S*/)?lichtmast(?: +(.*))?$", line.partition(" #")[0].strip())
            if words and words[1]:
                yield page, words[1]


def test_each_verb_is_used_somewhere() -> None:
    assert VERBS.keys() <= {words.split()[0] for _, words in written_commands() if " " in words or words == "demo"}


@pytest.mark.parametrize(("page", "words"), sorted(set(written_commands())))
def test_every_written_command_parses(page: str, words: str) -> None:
    if words in VERBS:  # `lichtmast run` in a text is the verb's name, not a command line
        return
    arguments = shlex.split(words.replace("VERB", "check"))
    refused = io.StringIO()
    try:
        with contextlib.redirect_stderr(refused), contextlib.redirect_stdout(io.StringIO()):
            main.parser_for(arguments).parse_args(arguments)
    except SystemExit as ended:
        if ended.code != 0:  # `--version` and `--help` end with 0
            pytest.fail(f"{page}: lichtmast {words}: {refused.getvalue()}")


def test_the_other_programs_that_are_named_exist() -> None:
    named = {name for page in PAGES for name in re.findall(r"\blichtmast-safe[a-z-]*", text_of(page))}
    assert named == {"lichtmast-safe-level"}
    assert named < PYPROJECT["project"]["scripts"].keys()


def test_every_make_target_that_is_named_exists() -> None:
    phony = re.search(r"^\.PHONY: (.*)$", text_of("Makefile"), re.MULTILINE)
    assert phony
    code = "\n".join(part for page in PAGES for part in [*BLOCK.findall(text_of(page)), *INLINE.findall(text_of(page))])
    named = set(re.findall(r"^make (\w+)", code, re.MULTILINE))
    assert {"demo", "test", "check"} <= named <= set(phony[1].split())


# Tables


def test_the_table_of_verbs_is_the_code() -> None:
    wanted = "| verb | does |\n|---|---|\n" + "".join(f"| `{verb}` | {does} |\n" for verb, does in VERBS.items())
    assert section(COMMANDS, "verbs: generated", "end of the verbs") == wanted, f"paste into {COMMANDS}:\n{wanted}"


def test_the_table_of_interfaces_is_the_descriptors() -> None:
    page = text_of("hil/contract/README.md")
    written = page.partition("<!-- interfaces: generated -->\n")[2].partition("<!-- end of the interfaces -->")[0]
    lines = [
        f"| `{product.name}` | {product.title} | {product.channels} | {product.baud} baud |\n"
        for product in INTERFACES.own()
    ]
    wanted = "| `interface` | product | buses | line |\n|---|---|---|---|\n" + "".join(lines)
    assert written == wanted, f"paste into hil/contract/README.md:\n{wanted}"


def test_the_exit_codes_are_the_code() -> None:
    written = text_of(COMMANDS).partition("| exit code | meaning |\n")[2].partition("\n\n")[0]
    meanings = dict(re.findall(r"^\| (\d+) \| (.*) \|$", written, re.MULTILINE))
    stopped = [128 + number for number in (signal.SIGINT, signal.SIGTERM)]
    assert [int(code) for code in meanings] == [main.DONE, main.FAILED, main.WRONG_USE, *stopped]
    said = " ".join((main.__doc__ or "").split())
    assert "Exit codes: " + ", ".join(f"{code} {text}" for code, text in meanings.items()) + "." in said


def test_each_row_of_the_light_that_stays_on_is_a_story() -> None:
    table = rows(section(THE_LIGHT, "the light stays on", "end of the light"))
    assert len(table) > 20
    for fault, by_day, by_night, story in table:
        assert all((fault, by_day, by_night)), fault
        module, name = story.strip("`").split("::")
        folders = (ROOT / "hil" / "stories", ROOT / "hil" / "contract", ROOT / "tests")
        told = "\n".join(
            path.read_text(encoding="utf-8") for folder in folders for path in folder.rglob(f"{module}.py")
        )
        assert re.search(rf"^def {name}\(", told, re.MULTILINE), story


def test_the_table_of_events_is_the_code() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "agent").rglob("*.py"))
    told = set(re.findall(r"\.(?:begin|note|report|_report)\(\s*\"([a-z]+[A-Z]\w+)\"", code))
    table = table_with_head(INSTALLER, "| event | what it means | what to do |")
    explained = {name for events, *_ in table for name in INLINE.findall(events)}
    assert len(told) > 20
    assert told <= explained, "an installer wants to know what to do about it"
    assert {name for name in explained if f'"{name}"' not in code} == set()


def declared() -> set[tuple[str, str]]:
    """Returns (distribution, the extra or "run" that needs it) by pyproject.toml.

    An extra that includes another one adds nothing for it.
    """
    project = PYPROJECT["project"]
    groups = {"run": project["dependencies"], **project["optional-dependencies"]}
    pairs = {(re.split(r"[<>=\[ ;]", line)[0], group) for group, lines in groups.items() for line in lines}
    return {(name, group) for name, group in pairs if name != project["name"]}


def test_the_table_of_dependencies_is_pyproject() -> None:
    table = rows(section(FIGURES, "dependencies", "end of the dependencies"))
    assert {(name, group) for name, group, *_ in table} == declared()
    assert all(cell for row in table for cell in row), "each dependency has a reason, a licence and a price"


def test_every_dependency_has_an_exact_version() -> None:
    pinned = set(re.findall(r"^([\w.-]+)==", text_of("constraints.txt"), re.MULTILINE))
    normal = {re.sub(r"[-_.]+", "-", name).lower() for name in pinned}
    assert {name for name, _ in declared()} <= normal


def test_the_formats_are_the_code() -> None:
    from agent.config import board_tables, calendar, program_tables
    from agent.records.journal_tables import MAJOR, MINOR
    from agent.wire.payloads import WIRE

    promised = text_of(COMMANDS).partition("## What you may rely on")[2].partition("##")[0]
    versions = {row[0]: row[1] for row in rows(promised)}
    assert versions["board"] == f"`format = {board_tables.FORMAT}`"
    assert versions["program"] == f"`format = {program_tables.FORMAT}`"
    assert versions["calendar"] == f"`format = {calendar.FORMAT}`"
    assert versions["journal"] == f"{MAJOR}.{MINOR} (`user_version` {100 * MAJOR + MINOR})"
    assert versions["wire"] == f"{WIRE}, in the topic `lichtmast/{WIRE}/...`"


# Paths and links


def anchors(page: Path) -> set[str]:
    """Returns the anchors that a page's headings make."""
    heads = re.findall(r"^#+ (.*)$", BLOCK.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {anchor_of(head).removeprefix("#") for head in heads}


def anchor_of(head: str) -> str:
    """Returns the link to a heading within its page, as GitHub makes it."""
    return "#" + re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-")


@pytest.mark.parametrize("page", PAGES)
def test_every_relative_link_leads_somewhere(page: str) -> None:
    for link in LINK.findall(text_of(page)):
        if re.match(r"https?:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), f"{page}: {link}"
        assert not anchor or anchor in anchors(target), f"{page}: {link}"


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_is_named_exists(page: str) -> None:
    for path in INLINE.findall(BLOCK.sub("", text_of(page))):
        is_path = re.fullmatch(rf"({'|'.join(TOP)})/[\w./-]*", path)
        if is_path and not path.endswith("/x.py"):  # x is the newcomer's own
            assert (ROOT / path).exists(), f"{page}: {path}"


def drawn_house(page: str) -> list[Path]:
    """Returns the paths in a page's drawing of the house. An indented name lies in the folder above it."""
    drawing = text_of(page).partition("## The house")[2].partition("```text\n")[2].partition("```")[0]
    places, top = [], ROOT
    for line in drawing.splitlines():
        name = line.split()[0].rstrip("/")
        top = top if line.startswith(" ") else ROOT / name
        places.append(top / name if line.startswith(" ") else top)
    return places


@pytest.mark.parametrize("page", [FRONT_DOOR, DEVELOPER])
def test_the_house_is_as_drawn(page: str) -> None:
    places = drawn_house(page)
    assert [place for place in places if not place.exists()] == []
    tops = {place.name for place in places if place.parent == ROOT}
    assert tops == {name for name in TOP if not name.startswith(".")}


def test_every_room_of_the_agent_is_drawn() -> None:
    rooms = {path.parent for path in (ROOT / "agent").glob("*/*") if path.suffix in (".py", ".toml")}
    assert rooms <= set(drawn_house(DEVELOPER))


# Words that the project never uses


def tracked_texts() -> Iterator[Path]:
    """Yields the project's text files, without those that tools leave behind."""
    yield from (path for path in ROOT.iterdir() if path.suffix in (".md", ".toml", ".txt") or path.name == "Makefile")
    for top in TOP:
        for path in (ROOT / top).rglob("*"):
            hidden = any(part.startswith(".") or part == "__pycache__" for part in path.relative_to(ROOT / top).parts)
            if path.is_file() and not hidden:
                yield path


def test_no_file_names_a_developers_machine_or_a_registry() -> None:
    folders = re.compile(r"(?<![\w.$}{)/-])/(root|home|work|tmp|Users)/")
    hosts = re.compile(r"py" + r"pi\.|python" + r"hosted|npm" + r"js|artifact" + r"ory|jf" + r"rog|index" + r"-url")
    looked_at = 0
    for path in tracked_texts():
        text = path.read_text(encoding="utf-8")
        looked_at += 1
        for number, line in enumerate(text.splitlines(), 1):
            found = folders.search(line) or hosts.search(line)
            assert not found, f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
    assert looked_at > 100


# The first steps of a newcomer


@pytest.mark.parametrize("path", [*BOARDS, *PROGRAMS], ids=lambda path: path.name)
def test_every_ready_file_passes_check(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["check", str(path), "--night", "2025-12-15"]) == 0, capsys.readouterr().out


def test_the_shown_check_is_what_check_says(capsys: pytest.CaptureFixture[str]) -> None:
    shown = next(block for block in BLOCK.findall(text_of(INSTALLER)) if ": a good board" in block)
    night = re.search(r"begins on (\S+)", shown)
    assert night
    board = ROOT / "board_configs" / "raspberry-pi-atx-hat.toml"
    assert main.main(["check", str(board), "--night", night[1]]) == 0
    assert capsys.readouterr().out.replace(str(board), "/etc/lichtmast/board.toml") == shown


def test_the_shown_mistakes_are_what_check_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = next(block for block in BLOCK.findall(text_of(INSTALLER)) if "board.toml:3" in block).splitlines()
    board = tmp_path / "board.toml"
    board.write_text(
        '[board]\ngateway = "kerkstraat-1"\nlatitude = 5.47\nlongitude = 51.44\nbus_supply = "mains"\n'
        'gateway_power_w = 3.0\n[[bus]]\nname = "mast"\ninterface = "atx"\nport = "/dev/serial0"\n'
        '[[luminaire]]\nname = "KS-001"\nbus = "mast"\nshort_address = 0\npower_w = 25\n',
        encoding="utf-8",
    )
    assert main.main(["check", str(board)]) == main.WRONG_USE
    assert capsys.readouterr().out.replace(str(tmp_path) + "/", "").splitlines() == shown


def test_the_shown_program_and_calendar_pass_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = text_of(OPERATOR)
    shown = dict(re.findall(r"^<!-- tested: (\S+) -->\n```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL))
    assert set(shown) == {"quiet-path.toml", "centre.toml"}
    for name, text in shown.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert main.main(["check", *(str(tmp_path / name) for name in shown)]) == main.DONE, capsys.readouterr().out
    # A board takes the calendar, and an operator first looks at single nights.
    board = (ROOT / "board_configs" / "raspberry-pi-atx-hat.toml").read_text(encoding="utf-8")
    named = re.sub(r'^program = "d60"', 'calendar = "centre.toml"', board, flags=re.MULTILINE)
    assert named != board
    (tmp_path / "board.toml").write_text(named, encoding="utf-8")
    capsys.readouterr()
    # The nights are those of a Sunday, and of King's Day, which is a Monday in 2026.
    for night, program in (("2026-12-20", "quiet-path"), ("2026-04-27", "always-full")):
        assert main.main(["check", str(tmp_path / "board.toml"), "--night", night]) == main.DONE
        assert f"program {program}, the night that begins on {night}" in capsys.readouterr().out


def test_the_interfaces_that_are_named_are_those_that_there_are() -> None:
    bench = text_of(FIGURES).partition("## The bus:")[2].partition("## ")[0]
    emulated = re.search(r"Their short names for `interface` in a board file: (.*?)\n\n", text_of(DEVELOPER), re.DOTALL)
    assert emulated
    for place in (bench, emulated[1]):
        assert {name for name in INLINE.findall(place) if re.fullmatch(r"[a-z0-9_]+", name)} == {
            product.name for product in INTERFACES.own()
        }


def test_the_tables_and_the_query_of_the_store_work(tmp_path: Path) -> None:
    from agent.centre.store import Store

    path = tmp_path / "street.sqlite"
    Store(path).close()
    table = table_with_head(OPERATOR, "| table | one row is |")
    shown = next(block for block in BLOCK.findall(text_of(OPERATOR)) if block.startswith("sqlite3 "))
    _, name, query = shlex.split(shown)
    assert name == path.name
    with contextlib.closing(sqlite3.connect(path)) as store:
        assert store.execute(query).fetchall() == []
        there = {row[0] for row in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert {name.strip("`") for name, _ in table} == there


def demo_rows(output: str) -> dict[str, str]:
    """Returns the demo's rows by name, with its first line under the name "title"."""
    first, *lines = output.splitlines()
    cells = [line.strip().split("  ", 1) for line in lines if re.match(r"  \S.*  ", line)]
    return {"title": first, **{name: value.strip() for name, value in cells}}


def test_the_shown_night_is_the_night_one_gets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["demo", "--out", str(tmp_path)]) == 0
    lived = demo_rows(capsys.readouterr().out)
    shown = demo_rows(section(FRONT_DOOR, "demo: real output", "nothing").partition("```text\n")[2].partition("```")[0])
    assert list(shown) == list(lived)
    # The street and the sun decide these rows, so they must be equal. Frames and records may change with the agent.
    for name in ("title", "burning hours", "pays for itself from"):
        assert shown[name] == lived[name]
    for name in ("baseline", "used by the lamps", "used by gateway and bus supply", "net saved", "CO2 avoided"):
        assert float(shown[name].split()[0]) == pytest.approx(float(lived[name].split()[0]), rel=0.01), name

    drawn, picture = (
        re.findall(r"<text[^>]*>([^<]*)", path.read_text(encoding="utf-8"))
        for path in (next(tmp_path.glob("*.svg")), ROOT / "board_configs" / "demo-night.svg")
    )
    assert picture[:-1] == drawn[:-1], "draw board_configs/demo-night.svg again: lichtmast demo"
