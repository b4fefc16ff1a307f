"""Verbs as processes that are asked to end: their exit codes and last words, and that they leave nothing behind."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from hil.free_port import free_port
from hil.stories.boards import Site
from hil.stories.processes import LICHTMAST, PATIENCE_S

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.system


class Place:
    """A folder in which the test's processes run, with a folder of their own for temporary files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.board = Site(lamps=2, gateway=f"stop-{os.getpid()}").write(folder, folder / "ports" / "street")
        self.mark = f"LICHTMAST_TEST={os.getpid()}-{folder.name}"
        self._log = folder / "log"
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, *words: str, program: str = LICHTMAST, nohup: bool = False) -> subprocess.Popen[bytes]:
        """Starts a process; with `nohup` it ignores SIGINT and SIGHUP, as in `nohup lichtmast ... &`."""
        name, _, value = self.mark.partition("=")
        environment = {**os.environ, "TMPDIR": str(self.temporary), name: value, "PYTHONPATH": str(ROOT)}
        shell = 'trap "" INT HUP; exec "$@"' if nohup else 'exec "$@"'
        with self._log.open("wb") as said:
            process = subprocess.Popen(
                ["sh", "-c", shell, "sh", sys.executable, "-c", program, *words],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            )
        self._processes.append(process)
        return process

    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def until(self, what: str, condition: Callable[[], bool]) -> None:
        ends = time.monotonic() + PATIENCE_S
        while not condition():
            left = self.leftovers()
            assert time.monotonic() < ends, f"{what}: not within {PATIENCE_S:g} s, left: {left}\n{self.said()}"
            time.sleep(0.02)

    def leftovers(self) -> list[str]:
        """Returns the temporary files and processes that are left in this place."""
        # pytest keeps the folders of its last three runs.
        found = [path.name for path in self.temporary.iterdir() if not path.name.startswith("pytest-of-")]
        for pid in [entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit()]:
            try:
                environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
                line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if self.mark.encode() in environment:
                found.append(f"{pid}: {line}")
        return found

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    here = Place(tmp_path)
    yield here
    here.end()


@pytest.fixture
def street(place: Place) -> Iterator[Place]:
    """Yields a place with the emulated devices of its board."""
    (place.folder / "emulate").mkdir()
    other = Place(place.folder / "emulate")
    other.board = place.board
    other.start("emulate", str(place.board), "--links", str(place.folder / "ports"))
    other.until("the emulation", lambda: "Ctrl-C" in other.said())
    yield place
    other.end()


BEGUN: dict[str, tuple[Sequence[str], Callable[[Place], bool]]] = {
    "demo": (["--luminaires", "64"], lambda place: bool(list(place.temporary.glob("*/*.journal")))),
    "bench": (["dali", "--seeds", "1"], lambda place: bool(list(place.temporary.iterdir()))),
    "commission": (["BOARD"], lambda place: "street: " in place.said()),
    "dali": (["BOARD", "0", "QUERY STATUS"], lambda place: True),
}
"""Verbs with work to do, their words, and what shows that they are in the midst of it."""
SAID = {
    "demo": "the night was not over, and nothing was written",
    "bench": "the figures above were measured until then",
    "commission": "stopped; finished: none; not finished: street; run it again",
    "dali": "the command may have gone out already",
}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("verb", BEGUN)
def test_work_that_is_interrupted_is_not_done(verb: str, number: signal.Signals, street: Place) -> None:
    words, begun = BEGUN[verb]
    process = street.start(verb, *[str(street.board) if word == "BOARD" else word for word in words])
    if verb == "dali":  # over in a moment, where gear answers: a pipe in the port's place answers nothing
        process.kill()
        street.board.write_text(street.board.read_text().replace("ports/street", "silent"))
        master, slave = os.openpty()
        (street.folder / "silent").symlink_to(os.ttyname(slave))
        process = street.start(verb, str(street.board), *words[1:])
        street.until("its question", lambda: bool(os.read(master, 1)))
    street.until("the middle of the work", lambda: begun(street))
    process.send_signal(number)
    assert process.wait(PATIENCE_S) == 128 + number, street.said()
    assert f"lichtmast {verb} was stopped by {number.name}" in street.said()
    assert SAID[verb] in street.said()
    assert "Traceback" not in street.said()
    assert street.leftovers() == []


@pytest.mark.parametrize("verb", ["demo", "commission", "hil", "run", "emulate", "collect", "monitor"])
def test_at_any_moment_it_ends_and_leaves_nothing(verb: str, street: Place) -> None:
    """This holds from the first instant: before Python has set its handlers, a signal simply ends the process."""
    chance = random.Random(verb)
    words = {
        "demo": [],
        "commission": [str(street.board)],
        "hil": ["A winter night of d60"],
        "run": [str(street.board), "--state", "state"],
        "emulate": [str(street.board), "--links", "elsewhere"],
        "collect": ["--broker", f"mqtt://127.0.0.1:{free_port()}", "--store", "store.sqlite"],
        "monitor": [str(street.board), "--state", "nowhere"],
    }[verb]
    meant_to_be_stopped = verb in ("run", "emulate", "collect", "monitor")
    for _ in range(6):
        process = street.start(verb, *words)
        time.sleep(chance.uniform(0.0, 1.5))
        process.send_signal(signal.SIGTERM)
        code = process.wait(PATIENCE_S)
        assert code in ((0, 143, -15) if meant_to_be_stopped else (0, 1, 143, -15)), street.said()
        street.until("the end of all", lambda: street.leftovers() == [])


@pytest.mark.parametrize(
    ("verb", "words", "ready"),
    [
        ("run", ["BOARD", "--state", "state"], "2 luminaires, program"),
        ("emulate", ["BOARD", "--links", "elsewhere", "--report", "report.json"], "Ctrl-C ends it"),
        ("monitor", ["BOARD", "--state", "nowhere"], "listening on"),
        ("collect", ["--broker", "mqtt://127.0.0.1:1", "--store", "store.sqlite"], "broker"),
    ],
)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_goes_on_until_it_is_stopped_is_then_done(
    verb: str, words: list[str], ready: str, number: signal.Signals, street: Place
) -> None:
    process = street.start(verb, *[str(street.board) if word == "BOARD" else word for word in words])
    street.until("its beginning", lambda: ready in street.said())
    process.send_signal(number)
    assert process.wait(PATIENCE_S) == 0, street.said()
    assert "Traceback" not in street.said()
    assert street.leftovers() == []
    if verb == "emulate":
        assert '"street"' in (street.folder / "report.json").read_text()
    if verb == "collect":
        assert "Records: 0 new, 0 repeated, 0 doubled, 0 conflicting, 0 refused." in street.said()


ENDLESS = """
import subprocess, sys, time
from pathlib import Path

def test_endless():
    here = Path(__file__).parent
    {before}
    here.joinpath("begun").touch()
    while True:
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            {interrupted}
"""


def begun_story(place: Place, *, before: str = "pass", interrupted: str = "raise") -> Path:
    story = place.folder / "test_endless.py"
    story.write_text(ENDLESS.format(before=before, interrupted=interrupted))
    return story


def test_hil_in_the_background_of_a_script_can_be_stopped_and_leaves_no_orphan(place: Place) -> None:
    """`nohup lichtmast hil &`: SIGINT is ignored there, and would be in pytest too."""
    process = place.start("hil", str(begun_story(place)), nohup=True)
    place.until("the story's begin", (place.folder / "begun").exists)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None  # it was told to ignore these
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 143, place.said()
    assert "lichtmast hil was stopped by SIGTERM: the stories above were told until then" in place.said()
    place.until("the end of all", lambda: place.leftovers() == [])


@pytest.mark.parametrize("how", ["asked twice", "waited for"])
def test_a_story_that_does_not_end_is_killed_with_all_that_it_has_started(how: str, place: Place) -> None:
    story = begun_story(
        place,
        before='subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])',
        interrupted="continue",
    )
    program = f"import hil.pytest_child as child; child.STOPS_WITHIN_S = 1; {LICHTMAST}"
    process = place.start("hil", str(story), program=program if how == "waited for" else LICHTMAST)
    place.until("the story's begin", (place.folder / "begun").exists)
    process.send_signal(signal.SIGTERM)
    if how == "asked twice":
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 143, place.said()
    place.until("the end of all", lambda: place.leftovers() == [])


def test_stories_do_not_outlive_a_hil_that_is_killed(place: Place) -> None:
    process = place.start("hil", str(begun_story(place)))
    place.until("the story's begin", (place.folder / "begun").exists)
    process.kill()
    process.wait()
    place.until("the end of all", lambda: place.leftovers() == [])


def test_a_bench_in_real_time_ends_what_it_has_started(place: Place) -> None:
    program = (
        "from agent.hardware.stopping import run_until_stopped\n"
        "from hil.bench import night\nrun_until_stopped(night._real(0.0))"
    )
    process = place.start(program=program, nohup=True)
    place.until("both processes", lambda: len(place.leftovers()) >= 3)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) != 0
    place.until("the end of all", lambda: place.leftovers() == [])
