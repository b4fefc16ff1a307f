"""`lichtmast contract`: prints a line for each test, and below a failure the last bytes and frames."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from agent.main import DONE, FAILED, WRONG_USE, main
from tests.rigs.outside import beside, site_with_text_line

LATE = "late on the bus"


def test_a_contract_that_is_kept_is_a_line_a_test(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["contract", "sci2_2", "--only", LATE]) == DONE
    *lines, summary = capfd.readouterr().out.splitlines()
    assert len(lines) == 3
    passed = "passed   An answer late on the bus reaches no other query (product sci2 2, "
    assert all(line.startswith(passed) for line in lines)
    assert summary.startswith("3 passed, 0 failed, 0 skipped, in ")


def test_below_a_failure_stands_what_was_last_said(tmp_path: Path) -> None:
    """A driver that overrates the age of a query asks the next gear too soon, and takes a late answer for the next
    gear's."""
    site = site_with_text_line(tmp_path)
    codec = site / "lichtmast_text_line" / "codec.py"
    hasty = codec.read_text().replace("NO_ANSWER_AFTER_S = 0.0124", "NO_ANSWER_AFTER_S = 0.06")
    assert hasty != codec.read_text()
    codec.write_text(hasty)
    tried = beside(site, "contract", "text_line", "--only", LATE)
    assert tried.returncode == FAILED
    assert "failed   An answer late on the bus reaches no other query (product text line, late ms " in tried.stdout
    assert "Traceback" not in tried.stdout + tried.stderr
    pieces, _, rest = tried.stdout.partition("pieces on the serial line")[2].partition("frames on the bus (ms):\n")
    assert re.search(r"^ +\d+\.\d  host >  73 30 30 30 33 41 30 41 37 0a  's0003A0A7\\n'$", pieces, re.MULTILINE)
    assert re.search(r"^ +\d+\.\d  host <  4e 30 30 30 30 30 30 36 45 0a  'N0000006E\\n'$", pieces, re.MULTILINE)
    assert re.search(r"^ +\d+\.\d  03a0  1 QUERY ACTUAL LEVEL -> no answer$", rest, re.MULTILINE)
    assert "the DALI interface answers" in rest.partition("told its listener (ms):\n")[2]


def test_json(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["contract", "luba", "--only", "test_the_parts_are_there", "--json"]) == DONE
    run = json.loads(capfd.readouterr().out)
    assert (run["passed"], run["failed"], run["skipped"]) == (1, 0, 0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sci3"], 'no DALI interface has the name "sci3": did you mean sci2?\n'),
        (["zzz"], 'no DALI interface has the name "zzz": write one of atx_hat, luba, sci2, sci2_2, sevenlab\n'),
        (["luba", "--only", "zzz"], 'no story has "zzz" in its name: `lichtmast contract` without it shows them all\n'),
    ],
)
def test_what_cannot_be_tried_is_a_sentence(words: list[str], said: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["contract", *words]) == WRONG_USE
    assert said in capfd.readouterr().err


def test_without_pytest_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("hil.pytest_child.find_spec", lambda name: None if name == "pytest" else object())
    assert main(["contract", "luba"]) == WRONG_USE
    assert capsys.readouterr().err == "the contract needs pytest: install lichtmast[hil]\n"
