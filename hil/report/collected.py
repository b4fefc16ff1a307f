"""Makes a run of stories from pytest's reports: the stories that were asked for, each with its outcome and sentence."""

from __future__ import annotations

import difflib
import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from hil.observed import Observation
from hil.report.story import StoryResult, StoryRun, as_json, line_of, sentence_of, summary_line

LONGEST_REASON = 400


def sentence(item: pytest.Item) -> str:
    """Returns the story's name for people, with its parameters."""
    call = getattr(item, "callspec", None)
    return sentence_of(getattr(item, "originalname", None) or item.name, call.params if call else {})


def chosen(items: Sequence[pytest.Item], names: Sequence[str], where: str) -> list[pytest.Item]:
    """Returns the stories that have one of these names in their name, sentence or file.

    Raises UsageError for a name that no story has; `where` then says which command shows all stories.
    """
    kept: set[pytest.Item] = set()
    for name in names:
        wanted = name.replace("_", " ").lower()
        found = [item for item in items if wanted in f"{item.nodeid} {sentence(item)}".replace("_", " ").lower()]
        if not found:
            near = difflib.get_close_matches(wanted, [sentence(item).lower() for item in items], n=1, cutoff=0.5)
            hint = f'did you mean "{near[0]}"?' if near else f"{where} shows them all"
            raise pytest.UsageError(f'no story has "{name}" in its name: {hint}')
        kept.update(found)
    return [item for item in items if item in kept]


class Collected:
    """A run that grows story by story."""

    def __init__(self, bench: str, board: str, began: float) -> None:
        self.run = StoryRun(bench, board, began)
        self._by_node: dict[str, StoryResult] = {}

    def names(self, items: Sequence[pytest.Item]) -> list[str]:
        """Returns each story's sentence once, below the name of its file."""
        lines: dict[str, None] = {}
        for item in items:
            lines[Path(item.nodeid.partition("::")[0]).name] = None
            lines["  " + sentence_of(getattr(item, "originalname", None) or item.name, {})] = None
        return list(lines)

    def observed(self, item: pytest.Item, heard: Sequence[Observation]) -> None:
        """Keeps the observations that benches told while the story was lived."""
        story = self._story(item)
        story.observations += heard
        if heard:
            boards = "; ".join(dict.fromkeys(seen.board for seen in heard))
            item.user_properties.append(("board", boards))
            item.user_properties.append(("story_s", f"{story.story_s:.3f}"))

    def reported(self, item: pytest.Item, report: pytest.TestReport) -> None:
        """Takes pytest's report of one part of a story: set-up, call or clean-up."""
        story = self._story(item)
        story.real_s += report.duration
        if report.skipped:
            story.outcome, story.reason = "skipped", _why_skipped(report)
        elif report.failed and not story.trace:
            story.outcome, story.reason, story.trace = "failed", _why_failed(report), report.longreprtext
        elif report.when == "call" and report.passed:
            story.outcome, story.reason = "passed", ""

    def finished(self, nodeid: str) -> str:
        """Returns the line of a story that has come to its end."""
        story = self._by_node.get(nodeid)
        return line_of(story) if story else ""

    def unreadable(self, report: pytest.CollectReport) -> str:
        """Notes a file of stories that cannot be read as a failure of its own. Returns its line."""
        reason = report.longreprtext.strip().splitlines()[-1].removeprefix("E").strip() if report.longreprtext else ""
        story = StoryResult(report.nodeid, report.nodeid, "failed", f"it cannot be read: {reason}", report.longreprtext)
        self.run.stories.append(story)
        return line_of(story)

    def summary(self, folder: Path | None, *, stopped: bool) -> str:
        """Returns the last line of the output. `stopped` means that the run ended before its last story."""
        end = "; stopped before the end" if stopped else ""
        return summary_line(self.run) + end + (f"; {folder / 'index.html'} says more" if folder else "")

    def json(self) -> str:
        return json.dumps(as_json(self.run), indent=2)

    def _story(self, item: pytest.Item) -> StoryResult:
        story = self._by_node.get(item.nodeid)
        if story is None:
            story = self._by_node[item.nodeid] = StoryResult(item.nodeid, sentence(item))
            self.run.stories.append(story)
        return story


def _why_skipped(report: pytest.TestReport) -> str:
    expected = getattr(report, "wasxfail", None)
    if expected is not None:
        return f"it is expected to fail: {expected}"
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
    return _one_line(reason.removeprefix("Skipped: "))


def _why_failed(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else report.longreprtext
    return _one_line(text.removeprefix("AssertionError: "))


def _one_line(text: str) -> str:
    """Returns the first paragraph of an error as one line, or a sentence that says that it has none."""
    paragraph = itertools.takewhile(str.strip, text.strip().splitlines())
    line = "".join(letter for letter in " ".join(" ".join(paragraph).split()) if letter.isprintable())
    return (line if len(line) <= LONGEST_REASON else line[: LONGEST_REASON - 1] + "…") or "no reason was given"
