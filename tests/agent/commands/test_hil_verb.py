"""`lichtmast hil`: a line for each story, the exit code, junit.xml and the page; the manual's example runs too."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

from agent.main import DONE, FAILED, WRONG_USE, main
from hil.stories.boards import Site
from hil.stories.processes import LICHTMAST, running, true_within_patience

ROOT = Path(__file__).resolve().parents[3]
QUICK = "a crash is told by the broker"
FAILING = '''
"""Stories of a test."""
import pytest
from hil.stories.benches import HALF, live

def test_a_lamp_that_no_story_names(emulated):
    async def story(bench):
        await bench.start_agent()
        await bench.until("22:05")
        bench.street.gear_dead(1)
        await bench.until("22:06")
        assert await bench.levels() == bench.all_at(HALF), "L02 is <dark>"

    live(story, emulated, begins="2025-12-15 21:58")

def test_what_another_bench_has():
    pytest.skip("this desk has no sensor")
'''


def example() -> str:
    """Returns the story that the developer's manual shows."""
    text = (ROOT / "hil" / "README.md").read_text(encoding="utf-8")
    return text.partition("<!-- story: tested -->\n```python\n")[2].partition("```\n")[0]


def python(arguments: Sequence[object], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Makes a Python of this environment in another folder, which can import this source tree."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def stories(tmp_path: Path) -> Path:
    """Writes a file with a story that fails and one that is skipped."""
    path = tmp_path / "test_mine.py"
    path.write_text(FAILING, encoding="utf-8")
    return path


def test_a_story_that_passes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["hil", QUICK, "--report", str(out), "--lang", "nl"]) == DONE
    line, summary = capfd.readouterr().out.splitlines()
    assert re.fullmatch(r"passed   A crash is told by the broker  \([\d.]+ s for 1 min\)", line)
    assert re.fullmatch(rf"1 passed, 0 failed, 0 skipped, in .* s; {re.escape(str(out))}/index.html says more", summary)

    suite = ElementTree.parse(out / "junit.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("1", "0", "0")
    properties = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert properties["bench"] == "emulated"
    assert properties["board"] == "story, 3 luminaires on atx_hat"
    assert float(str(properties["story_s"])) == pytest.approx(60.0, abs=1.0)
    assert {"lichtmast", "Python"} <= properties.keys()

    page = (out / "index.html").read_text(encoding="utf-8")
    assert '<html lang="nl">' in page
    assert "1 geslaagd, 0 mislukt, 0 overgeslagen" in page
    assert page.count("<svg") == 1
    assert "<path" in page
    assert "Plaatselijke tijd (Europe/Amsterdam)" in page
    assert not re.search(r"<script|https?:|src=|@import|url\(", page)


def test_the_options_of_a_pytest_outside_are_not_the_stories(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make test` shuffles the tests and spreads them over processes; that must not reach the stories."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    monkeypatch.setenv("PYTEST_PLUGINS", "no_such_plugin")
    assert main(["hil", QUICK, "--list"]) == DONE


def test_a_story_that_fails_shows_its_frames(stories: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["hil", str(stories), "--report", str(out), "--lang", "en"]) == FAILED
    failed, skipped, summary = capfd.readouterr().out.splitlines()
    assert failed.startswith("failed   A lamp that no story names: L02 is <dark> assert [229, 0, 229] == [229, ")
    assert skipped == "skipped  What another bench has: this desk has no sensor"
    assert summary.startswith("0 passed, 1 failed, 1 skipped, in ")

    (suite,) = ElementTree.parse(out / "junit.xml").getroot()
    assert (suite.get("failures"), suite.get("skipped")) == ("1", "1")

    page = (out / "index.html").read_text(encoding="utf-8")
    assert "L02 is &lt;dark&gt;" in page
    assert "<dark>" not in page
    rows = [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", page)]
    frames = [row for row in rows if len(row) == 6]
    assert len(frames) > 10
    times = [row[0] for row in frames]
    assert times == sorted(times)
    assert "22:05:49" < times[-1] < "22:06:01"  # a control cycle takes 10 s
    assert {row[1] for row in frames} == {"street"}
    said = {(row[2], row[3], row[4], row[5]) for row in frames}
    assert ("ff9b", "all", "QUERY POWER FAILURE", "no") in said
    # Two lamps end at half, and one in the dark: two lines.
    assert page.count('stroke-linejoin="round"') == 4  # with the legend's


def test_what_emulated_lamps_only_can_do_is_skipped_on_a_real_board(
    stories: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    board = Site(lamps=2).write(tmp_path, tmp_path / "port")
    out = tmp_path / "out"
    line = ["hil", f"{stories}::test_a_lamp_that_no_story_names", "--bench", str(board), "--report", str(out)]
    assert main(line) == DONE
    said = capfd.readouterr().out.splitlines()[0]
    assert said.startswith("skipped  A lamp that no story names: this story switches faults on")
    assert "it needs --bench=emulated" in said
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "story, 2 luminaires on atx_hat" in page
    assert said.partition(": ")[2] in page


def test_another_lichtmast_where_it_is_called_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hil").mkdir()
    (tmp_path / "hil" / "__init__.py").write_text("raise ImportError('of another age')\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["hil", QUICK]) == DONE, capfd.readouterr()


def test_a_board_with_mistakes_is_refused_with_each(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    board = Site(bus_supply="mains").write(tmp_path, tmp_path / "port")
    board.write_text(board.read_text(encoding="utf-8").replace("5.47", "547"), encoding="utf-8")
    assert main(["hil", "--bench", str(board)]) == WRONG_USE
    refused = capfd.readouterr().err.splitlines()
    assert len(refused) == 2
    assert all(re.match(rf"{re.escape(str(board))}:\d+: ", line) for line in refused)
    assert main(["hil", "--bench", str(tmp_path / "nowhere.toml")]) == WRONG_USE
    assert "nowhere.toml" in capfd.readouterr().err


def test_pytest_itself_refuses_such_a_board_too(tmp_path: Path) -> None:
    ended = python(["-m", "pytest", "-p", "hil.pytest_plugin", "--bench=nowhere.toml"], tmp_path)
    assert ended.returncode == pytest.ExitCode.USAGE_ERROR
    assert "nowhere.toml" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("a cable pulld for ten minutes", 'did you mean "a cable pulled for ten minutes"?'),
        ("zzz", "`lichtmast hil --list` shows them all"),
        ("test_nowhere.py", "test_nowhere.py: there is no such file of stories"),
    ],
)
def test_a_story_that_is_not_there(asked: str, said: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["hil", asked]) == WRONG_USE
    out, err = capfd.readouterr()
    assert out == ""
    assert said in err


def test_a_file_that_cannot_be_read_is_a_failure(
    stories: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "test_broken.py").write_text("import nothing_of_that_name\n", encoding="utf-8")
    assert main(["hil", str(tmp_path)]) == FAILED
    lines = capfd.readouterr().out.splitlines()
    assert "it cannot be read: ModuleNotFoundError" in lines[0]
    assert len(lines) == 4  # and the others are told all the same


def test_the_list_names_every_story_and_runs_none(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["hil", "--list"]) == DONE
    lines = capfd.readouterr().out.splitlines()
    files = {path.name for path in (ROOT / "hil" / "stories").glob("test_*.py")}
    assert files == {line for line in lines if not line.startswith(" ")}
    assert "  A cable pulled for ten minutes" in lines
    assert len(lines) == len(set(lines))


def test_json(stories: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["hil", str(stories), "--json"]) == FAILED
    run = json.loads(capfd.readouterr().out)
    assert (run["bench"], run["passed"], run["failed"], run["skipped"]) == ("emulated", 0, 1, 1)
    assert [story["outcome"] for story in run["stories"]] == ["failed", "skipped"]
    assert run["stories"][0]["story_s"] == pytest.approx(480.0, abs=1.0)
    assert run["versions"]["lichtmast"]


def test_without_pytest_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("hil.pytest_child.find_spec", lambda name: None if name == "pytest" else object())
    assert main(["hil"]) == WRONG_USE
    assert capsys.readouterr().err == "the stories need pytest: install lichtmast[hil]\n"


@pytest.mark.system
def test_a_stop_ends_the_story_and_still_reports(tmp_path: Path) -> None:
    story = tmp_path / "test_endless.py"
    story.write_text(
        "import asyncio\nfrom pathlib import Path\n\n"
        "async def _endless(folder):\n"
        "    try:\n"
        "        folder.joinpath('begun').touch()\n"
        "        await asyncio.Event().wait()\n"
        "    finally:\n"
        "        folder.joinpath('cleaned up').touch()\n\n"
        "def test_endless():\n    asyncio.run(_endless(Path(__file__).parent))\n",
        encoding="utf-8",
    )
    out = tmp_path / "out"
    log = tmp_path / "log"
    with running(LICHTMAST, "hil", story, "--report", out, log=log) as process:
        asyncio.run(true_within_patience("the story's begin", (tmp_path / "begun").exists))
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
    assert (tmp_path / "cleaned up").exists()
    assert "0 passed, 1 failed, 0 skipped" in log.read_text(encoding="utf-8")
    assert "stopped before the end" in log.read_text(encoding="utf-8")
    assert "it was stopped before its end" in (out / "index.html").read_text(encoding="utf-8")


def test_a_story_that_takes_its_process_down_is_a_failure(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    story = tmp_path / "test_gone.py"
    story.write_text("import os\n\ndef test_gone():\n    os._exit(77)\n", encoding="utf-8")
    assert main(["hil", str(story)]) == FAILED
    assert "pytest ended with 77" in capfd.readouterr().err


@pytest.mark.system
@pytest.mark.parametrize("autoload", ["", "1"], ids=["with what is installed", "from the source tree alone"])
def test_the_example_runs_under_plain_pytest(autoload: str, tmp_path: Path) -> None:
    (tmp_path / "test_our_street.py").write_text(example(), encoding="utf-8")
    line = ["-m", "pytest", "-p", "hil.pytest_plugin", "--bench=emulated", "--story-report=out"]
    ended = python(line, tmp_path, PYTEST_DISABLE_PLUGIN_AUTOLOAD=autoload)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 passed" in ended.stdout
    assert "<svg" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


@pytest.mark.system
def test_the_example_runs_on_the_lamps_of_a_board(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The example runs in real time, on a board that another process emulates; a line at its end fails."""
    text = example().replace("        await street.stop_agent()", "        assert not moment, 'seen enough'")
    assert text != example()
    story = tmp_path / "test_our_street.py"
    story.write_text(text, encoding="utf-8")
    links = tmp_path / "ports"
    board = Site(lamps=2).write(tmp_path, links / "street", broker_port=1)
    with running(LICHTMAST, "emulate", board, "--links", links, log=tmp_path / "emulate.log"):
        asyncio.run(true_within_patience("the emulated port", (links / "street").exists))
        code = main(["hil", str(story), "--bench", str(board), "--report", str(tmp_path / "out"), "--lang", "en"])
    out = capfd.readouterr().out
    assert code == FAILED, out
    assert "failed   Our street burns at half by night: seen enough" in out
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "as they answered at the points marked" in page
    assert page.count("<circle") >= 4
    assert re.search(r"<td>22:00:0\d\.\d+</td><td>street</td><td>\w+</td><td>\w+</td><td>QUERY ACTUAL LEVEL</td>", page)
