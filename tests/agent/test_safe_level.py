"""`lichtmast-safe-level`: what a wire still reaches is lit, whatever has become of the board and the agent."""

from __future__ import annotations

import os
import pty
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import safe_level
from agent.safe_level import command, send_safe_level
from drivers.catalogue import CATALOGUE
from tests.agent.emulated import emulate
from tests.agent.gateway import BusOf, board_text

FULL, SEVENTY = 254, 241


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that is not there is tried twice, and not for ten seconds."""
    monkeypatch.setattr(safe_level, "OPENS", 2)
    monkeypatch.setattr(safe_level, "OPEN_AGAIN_AFTER_S", 0.0)


def written(folder: Path, buses: list[BusOf], *changes: tuple[str, str], name: str = "board.toml") -> Path:
    text = board_text(folder, buses)
    for right, wrong in changes:
        assert right in text
        text = text.replace(right, wrong)
    path = folder / name
    path.write_text(text)
    return path


def test_every_lamp_of_every_bus_burns_at_the_safe_level(tmp_path: Path) -> None:
    buses = [BusOf("A", 3, "one"), BusOf("B", 2, "one", channel=2), BusOf("C", 1, "two")]
    board = written(tmp_path, buses, ("safe_percent = 100", "safe_percent = 70"))
    with emulate(board, tmp_path) as emulator:
        assert send_safe_level(board) == []
        seen = emulator.report()
    assert {bus: seen[bus]["levels"] for bus in seen} == {"A": [SEVENTY] * 3, "B": [SEVENTY] * 2, "C": [SEVENTY]}


def test_every_interface_product_is_known_here_too() -> None:
    assert sorted(safe_level.PRODUCTS) == sorted(CATALOGUE)


@pytest.mark.parametrize("product", sorted(CATALOGUE))
def test_every_interface_product_lights_its_street(tmp_path: Path, product: str) -> None:
    buses = [BusOf("A", 2, "one")]
    board = written(
        tmp_path,
        buses,
        ('interface = "atx_hat"', f'interface = "{product}"'),
        ("safe_percent = 100", "safe_percent = 70"),
    )
    with emulate(board, tmp_path) as emulator:
        assert send_safe_level(board) == []
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
        (failed,) = send_safe_level(broken)
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
def wire(tmp_path: Path) -> Iterator[Wire]:
    found = Wire(tmp_path)
    yield found
    found.close()


def test_a_half_written_command_of_the_agents_is_ended_first_and_all_is_said_three_times(
    tmp_path: Path, wire: Wire
) -> None:
    assert send_safe_level(written(tmp_path, [BusOf("A", 1, "wire", channel=3)])) == []
    # No fade, then full level by broadcast, on the HAT's third bus.
    assert wire.lines() == [b"", *[b"2hA300", b"2tFF2E", b"2hFEFE"] * 3, b""]


@pytest.mark.parametrize(
    ("said", "level"), [("50", b"E5"), ("0", b"FE"), ("-1", b"FE"), ("101", b"FE"), ("nan", b"FE"), ("true", b"FE")]
)
def test_a_safe_level_that_is_none_means_full(said: str, level: bytes, tmp_path: Path, wire: Wire) -> None:
    send_safe_level(written(tmp_path, [BusOf("A", 1, "wire")], ("safe_percent = 100", f"safe_percent = {said}")))
    assert wire.lines()[3] == b"hFE" + level


def test_a_table_that_should_have_been_a_list_still_lights(tmp_path: Path, wire: Wire) -> None:
    send_safe_level(written(tmp_path, [BusOf("A", 1, "wire")], ("[[bus]]", "[bus]")))
    assert b"hFEFE" in wire.lines()


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 300) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["port", "channel", "name"]), inner),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["board", "bus", "luminaire"]), JUNK))
def test_whatever_the_file_holds_it_never_fails_but_by_a_sentence(content: dict[str, object]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tomllib.loads", lambda _text: content)
        patch.setattr(safe_level, "_tell", lambda port, product, channel, level: None)
        assert send_safe_level(Path(__file__)) == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "usage: lichtmast-safe-level BOARD"),
        (["a", "b"], 2, "usage: lichtmast-safe-level BOARD"),
        (["nowhere.toml"], 2, "nowhere.toml cannot be read: "),
        (["not.toml"], 2, "not.toml cannot be read: "),
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


def test_letters_of_another_encoding_do_not_keep_a_street_dark(tmp_path: Path, wire: Wire) -> None:
    board = written(tmp_path, [BusOf("A", 1, "wire")])
    board.write_bytes(board.read_bytes() + b"# caf\xe9\n")
    assert send_safe_level(board) == []
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
