"""`lichtmast-safe-level`: every lamp that a wire still reaches is lit, even with a broken board and no agent."""

from __future__ import annotations

import os
import pty
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import safe_level
from agent.config.last_good import BOARD_COPY
from agent.parts.interfaces import INTERFACES
from agent.safe_level import Bus, buses_of, command, send_safe_levels
from tests.rigs.emulated import emulate
from tests.rigs.gateway import BusOf, board_text

FULL, SEVENTY = 254, 241


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the command try a missing port twice at once, and not for ten seconds."""
    monkeypatch.setattr(safe_level, "MOST_OPENINGS", 2)
    monkeypatch.setattr(safe_level, "OPEN_AGAIN_AFTER_S", 0.0)


def written(folder: Path, buses: list[BusOf], *changes: tuple[str, str], name: str = "board.toml") -> Path:
    text = board_text(folder, buses)
    for right, wrong in changes:
        assert right in text
        text = text.replace(right, wrong)
    path = folder / name
    path.write_text(text)
    return path


def told(board: Path) -> list[str]:
    """What went wrong in telling a board's buses, where there is no last good board."""
    return send_safe_levels(board, board.parent / "no such board.toml")[1]


def test_every_lamp_of_every_bus_burns_at_the_safe_level(tmp_path: Path) -> None:
    buses = [BusOf("A", 3, "one"), BusOf("B", 2, "one", channel=2), BusOf("C", 1, "two")]
    board = written(tmp_path, buses, ("safe_percent = 100", "safe_percent = 70"))
    with emulate(board, tmp_path) as emulator:
        assert told(board) == []
        seen = emulator.report()
    assert {bus: seen[bus]["levels"] for bus in seen} == {"A": [SEVENTY] * 3, "B": [SEVENTY] * 2, "C": [SEVENTY]}


@pytest.mark.parametrize("product", [product.name for product in INTERFACES.own()])
def test_every_interface_product_lights_its_street(tmp_path: Path, product: str) -> None:
    buses = [BusOf("A", 2, "one")]
    board = written(
        tmp_path,
        buses,
        ('interface = "atx_hat"', f'interface = "{product}"'),
        ("safe_percent = 100", "safe_percent = 70"),
    )
    with emulate(board, tmp_path) as emulator:
        assert told(board) == []
        seen = emulator.report()
    assert seen["A"]["levels"] == [SEVENTY] * 2
    assert seen["A"]["settling_violations"] == 0


def test_a_broken_board_and_a_missing_port_still_give_full_light(tmp_path: Path) -> None:
    good = written(tmp_path, [BusOf("A", 2, "one"), BusOf("B", 2, "two")])
    broken = written(
        tmp_path,
        [BusOf("gone", 1, "three"), BusOf("A", 2, "one"), BusOf("B", 2, "two")],
        ("safe_percent = 100", 'safe_percent = "much"'),
        ('program = "always-full"', 'program = "no such"'),
        ("short_address = 0", "short_address = 99"),
        ("channel = 1", "channel = 9"),
        name="broken.toml",
    )
    with emulate(good, tmp_path) as emulator:
        failed, _no_last_good_one = told(broken)
        assert failed.startswith(f"gone: the safe level could not be sent on {tmp_path / 'three'}: ")
        seen = emulator.report()
    assert [seen[bus]["levels"] for bus in "AB"] == [[FULL] * 2] * 2


class Wire:
    """A terminal whose other end writes down what it hears, and says N for each line."""

    def __init__(self, folder: Path) -> None:
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.link = folder / "wire"
        self.link.symlink_to(os.ttyname(self._slave))
        self.heard = b""
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            try:
                content = os.read(self._master, 4096)
            except OSError:
                return
            self.heard += content
            if b"END" in content:
                return
            os.write(self._master, b"N\n" * content.count(b"\n"))

    def lines(self) -> list[bytes]:
        """All that was heard until now."""
        os.write(self._slave, b"END")
        self._thread.join()
        return self.heard.removesuffix(b"END").split(b"\n")

    def close(self) -> None:
        if self._thread.is_alive():
            self.lines()
        os.close(self._master)
        os.close(self._slave)


@pytest.fixture
def wire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    monkeypatch.setattr(safe_level, "SENT_WITHIN_S", 0.005)  # there is no bus behind it
    found = Wire(tmp_path)
    yield found
    found.close()


def test_a_half_written_command_of_the_agents_is_ended_first_and_all_is_said_three_times(
    tmp_path: Path, wire: Wire
) -> None:
    assert told(written(tmp_path, [BusOf("A", 1, "wire", channel=3)])) == []
    # No fade, then full level by broadcast, on the HAT's third bus.
    assert wire.lines() == [b"", *[b"2hA300", b"2tFF2E", b"2tFF30", b"2hFEFE"] * 3, b""]


@pytest.mark.parametrize(
    ("said", "level"), [("50", b"E5"), ("0", b"FE"), ("-1", b"FE"), ("101", b"FE"), ("nan", b"FE"), ("true", b"FE")]
)
def test_a_safe_level_that_is_none_means_full(said: str, level: bytes, tmp_path: Path, wire: Wire) -> None:
    told(written(tmp_path, [BusOf("A", 1, "wire")], ("safe_percent = 100", f"safe_percent = {said}")))
    assert wire.lines()[4] == b"hFE" + level


def test_a_table_that_should_have_been_a_list_still_lights(tmp_path: Path, wire: Wire) -> None:
    told(written(tmp_path, [BusOf("A", 1, "wire")], ("[[bus]]", "[bus]")))
    assert b"hFEFE" in wire.lines()


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.booleans().map(lambda _: 10**5000)
    | st.integers(-5, 300)
    | st.floats()
    | st.dates()
    | st.text(max_size=5)
    | st.sampled_from(
        ["/dev/null", "/dev/tty0\0", "/" + "x" * 5000, ".", "atx_hat", "luba", "sci2", "sci2_2", "sevenlab"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["port", "channel", "name", "interface", "safe_percent"]), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(["board", "bus", "luminaire"]), JUNK))
def test_every_type_of_every_key_is_a_bus_or_a_sentence(content: dict[str, object]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tomllib.loads", lambda _text: content)
        patch.setattr(safe_level, "MOST_OPENINGS", 1)
        buses, unusable = buses_of(Path(__file__))
        tables = content.get("bus", [])
        assert len(buses) + len(unusable) == (len(tables) if isinstance(tables, list) else 1)
        assert all(1 <= bus.level <= 254 and 1 <= bus.channel <= 4 and bus.port for bus in buses)
        # None of the ports is a serial port: each of them fails, by a sentence that names it.
        failed = safe_level.send_safe_level(buses)
        assert [sentence.partition(": the safe level could not be sent on ")[0] for sentence in failed] == [
            bus.name for bus in buses
        ]


DEEP = "deep = " + "[" * 100_000 + "]" * 100_000
HUGE = "huge = " + "9" * 5000


def fifo(path: Path) -> None:
    os.mkfifo(path)


def endless(path: Path) -> None:
    """100 MB that take no place on the disk."""
    with path.open("wb") as file:
        file.truncate(100_000_000)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_text(""), "it names no bus: write [[bus]]"),
        (lambda path: path.write_text("[board]\nsafe_percent = 80\n"), "it names no bus: write [[bus]]"),
        (lambda path: path.write_text("bus = []"), "it names no bus: write [[bus]]"),
        (lambda path: path.write_text("bus = 3"), "bus 1 is no table: write [[bus]]"),
        (lambda path: path.write_text("[[bus]]"), 'bus 1 has no port: write one such as "/dev/ttyAMA0"'),
        (lambda path: path.write_text('[[bus]]\nport = ""'), 'bus 1 has no port: write one such as "/dev/ttyAMA0"'),
        (lambda path: path.write_text('[[bus]]\nport = "a\\u0000b"'), "bus 1 has no port: write one such as "),
        (lambda path: path.write_text('[[bus]]\nport = "x"\ninterface = "y"'), "bus 1 has no interface that is known"),
        (lambda path: path.write_text(DEEP), "its brackets are nested too deeply: write plain tables"),
        (lambda path: path.write_text(HUGE), "not valid TOML: Exceeds the limit"),
        (fifo, "this is a pipe, not a file: give the path of a TOML file that can be read"),
        (os.mkdir, "this is a folder, not a file: give the path of a TOML file that can be read"),
        (lambda path: path.symlink_to("/dev/zero"), "this is a device, not a file: give the path"),
        (endless, "larger than 1024 KiB, which is the most that is read here: give the path"),
        (lambda path: None, "no such file or directory: give the path of a TOML file that can be read"),
    ],
)
@pytest.mark.parametrize("kept", [True, False])
def test_what_is_no_board_gives_way_to_the_last_good_one_or_is_a_sentence(
    make: Callable[[Path], object], said: str, kept: bool, tmp_path: Path, wire: Wire
) -> None:
    board, last_good = tmp_path / "board.toml", tmp_path / "last-good.toml"
    make(board)
    if kept:
        written(tmp_path, [BusOf("A", 1, "wire")], name="last-good.toml")
    code, sentences = send_safe_levels(board, last_good)
    assert sentences[0].startswith(f"{board}: {said}")
    if kept:
        assert (code, len(sentences)) == (0, 1)
        assert b"hFEFE" in wire.lines()
    else:
        assert code == 2
        assert sentences[1] == f"nor is there a last good board to use: {last_good}: no such file or directory"


def test_what_the_board_does_not_reach_the_last_good_one_may(tmp_path: Path) -> None:
    """A bus that works is told from the board that was given; another one has lost its port, and gets it back."""
    good = written(tmp_path, [BusOf("A", 2, "one"), BusOf("B", 1, "two")], ("safe_percent = 100", "safe_percent = 70"))
    broken = written(tmp_path, [BusOf("A", 2, "one"), BusOf("B", 1, "two")], name="broken.toml")
    broken.write_text(broken.read_text().replace(f'port = "{tmp_path / "two"}"', "port = 2"))
    with emulate(good, tmp_path) as emulator:
        code, said = send_safe_levels(broken, good)
        seen = emulator.report()
    assert (code, said) == (0, [f'{broken}: bus 2 has no port: write one such as "/dev/ttyAMA0"'])
    # Bus A was told once, by the board that was given: at 100 %, and not again at 70 %.
    assert {bus: seen[bus]["levels"] for bus in seen} == {"A": [FULL] * 2, "B": [SEVENTY]}


def test_a_port_that_fails_is_made_up_for_by_the_last_good_one_and_is_still_a_failure(
    tmp_path: Path, wire: Wire
) -> None:
    board = written(tmp_path, [BusOf("A", 1, "wrong")])
    last_good = written(tmp_path, [BusOf("A", 1, "wire")], name="last-good.toml")
    code, said = send_safe_levels(board, last_good)
    assert (code, len(said)) == (1, 1)
    assert said[0].startswith(f"A: the safe level could not be sent on {tmp_path / 'wrong'}: ")
    assert b"hFEFE" in wire.lines()


def test_a_board_whose_buses_are_all_told_leaves_the_last_good_one_alone(tmp_path: Path, wire: Wire) -> None:
    board = written(tmp_path, [BusOf("A", 1, "wire")])
    (tmp_path / "other").symlink_to("/dev/null")
    last_good = written(tmp_path, [BusOf("B", 1, "other")], name="last-good.toml")
    assert send_safe_levels(board, last_good) == (0, [])


def test_a_last_good_board_that_fails_too_is_said(tmp_path: Path) -> None:
    (tmp_path / "board.toml").write_text("[board")
    last_good = written(tmp_path, [BusOf("A", 1, "nothing")], name="last-good.toml")
    code, said = send_safe_levels(tmp_path / "board.toml", last_good)
    assert (code, len(said)) == (1, 2)
    assert said[1] == (
        f"A: the safe level could not be sent on {tmp_path / 'nothing'}: No such file or directory: check the cable,"
        " and the port in the board"
    )
    last_good.write_text("")
    assert send_safe_levels(tmp_path / "board.toml", last_good)[0] == 2


def test_a_bus_that_can_be_told_does_not_wait_for_one_that_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed agent has just let go of the first port: it opens at the third attempt."""
    done: list[str] = []
    waited: list[float] = []

    def send(port: str, *_how: object) -> None:
        if port == "first" and len(waited) < 2:
            raise OSError("busy")
        done.append(port)

    monkeypatch.setattr(safe_level, "_send", send)
    monkeypatch.setattr(time, "sleep", waited.append)
    monkeypatch.setattr(safe_level, "MOST_OPENINGS", 20)
    monkeypatch.setattr(safe_level, "OPEN_AGAIN_AFTER_S", 0.5)
    buses = [Bus(name, name, INTERFACES.find("atx_hat"), 1, 254) for name in ("first", "second")]
    assert safe_level.send_safe_level(buses) == []
    assert (done, waited) == (["second", "first"], [0.5, 0.5])


def test_a_board_of_70000_buses_does_not_take_an_hour(tmp_path: Path) -> None:
    board = tmp_path / "board.toml"
    board.write_text('[[bus]]\nport="x"\n' * 50_000)
    buses, unusable = buses_of(board)
    assert len(buses) == 64
    assert unusable == [f"{board}: it names 50000 buses, of which only 64 are told"]


def test_its_last_good_board_is_the_agents() -> None:
    assert safe_level.LAST_GOOD == BOARD_COPY


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "usage: lichtmast-safe-level BOARD"),
        (["a", "b"], 2, "usage: lichtmast-safe-level BOARD"),
        (["--verbose"], 2, "usage: lichtmast-safe-level BOARD"),
        (["nowhere.toml"], 2, "nowhere.toml: no such file or directory: give the path of a TOML file"),
        (["not.toml"], 2, "not.toml: not valid TOML: "),
        (["missing.toml"], 1, "A: the safe level could not be sent on "),
        (["good.toml"], 0, ""),
    ],
)
def test_exit_codes(
    arguments: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    wire: Wire,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "not.toml").write_text("[board")
    written(tmp_path, [BusOf("A", 1, "nothing")], name="missing.toml")
    written(tmp_path, [BusOf("A", 1, "wire")], name="good.toml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["lichtmast-safe-level", *arguments])
    with pytest.raises(SystemExit) as ended:
        command()
    assert ended.value.code == code
    assert capsys.readouterr().err.startswith(said)


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_goes_to_the_standard_output(
    word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["lichtmast-safe-level", word])
    with pytest.raises(SystemExit) as ended:
        command()
    said = capsys.readouterr()
    assert (ended.value.code, said.err) == (0, "")
    assert said.out.startswith("usage: lichtmast-safe-level BOARD\n\nSends the safe level of this board")


def test_letters_of_another_encoding_do_not_keep_a_street_dark(tmp_path: Path, wire: Wire) -> None:
    board = written(tmp_path, [BusOf("A", 1, "wire")])
    board.write_bytes(board.read_bytes() + b"# caf\xe9\n")
    assert told(board) == []
    assert b"hFEFE" in wire.lines()


def test_a_board_that_cannot_be_read_gives_way_to_the_last_good_one(
    tmp_path: Path, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent runs on it too; and when that agent dies, somebody must light the street."""
    (tmp_path / "board.toml").write_text("[board")
    state = tmp_path / "state"
    state.mkdir()
    written(tmp_path, [BusOf("A", 1, "wire")], name="state/last-good-board.toml")
    monkeypatch.setenv("STATE_DIRECTORY", str(state))
    monkeypatch.setattr("sys.argv", ["lichtmast-safe-level", str(tmp_path / "board.toml")])
    with pytest.raises(SystemExit) as ended:
        command()
    assert ended.value.code == 0
    assert b"hFEFE" in wire.lines()
