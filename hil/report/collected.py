"""From pytest's reports to a run of stories: which were asked for, and each one's outcome with its sentence."""

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
    """The story's name for people, with its parameters."""
    call = getattr(item, "callspec", None)
    return sentence_of(getattr(item, "originalname", None) or item.name, call.params if call else {})


def chosen(items: Sequence[pytest.Item], names: Sequence[str], where: str) -> list[pytest.Item]:
    """The stories that have one of these in their name, sentence or file. Raises UsageError for what none has; `where`
    then says where all of them are shown."""
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
        """Every story's sentence, once, below the file that it is in."""
        lines: dict[str, None] = {}
        for item in items:
            lines[Path(item.nodeid.partition("::")[0]).name] = None
            lines["  " + sentence_of(getattr(item, "originalname", None) or item.name, {})] = None
        return list(lines)

    def observed(self, item: pytest.Item, heard: Sequence[Observation]) -> None:
        """What benches saw while the story was lived."""
        story = self._story(item)
        story.observations += heard
        if heard:
            boards = "; ".join(dict.fromkeys(seen.board for seen in heard))
            item.user_properties.append(("board", boards))
            item.user_properties.append(("story_s", f"{story.story_s:.3f}"))

    def reported(self, item: pytest.Item, report: pytest.TestReport) -> None:
        """What pytest says of one of its three parts: set-up, call, clean-up."""
        story = self._story(item)
        story.real_s += report.duration
        if report.skipped:
            story.outcome, story.reason = "skipped", _why_skipped(report)
        elif report.failed and not story.trace:
            story.outcome, story.reason, story.trace = "failed", _why_failed(report), report.longreprtext
        elif report.when == "call" and report.passed:
            story.outcome, story.reason = "passed", ""

    def finished(self, nodeid: str) -> str:
        """The story has come to its end; its line."""
        story = self._by_node.get(nodeid)
        return line_of(story) if story else ""

    def unreadable(self, report: pytest.CollectReport) -> str:
        """A file of stories cannot be read: that is a failure of its own."""
        reason = report.longreprtext.strip().splitlines()[-1].removeprefix("E").strip() if report.longreprtext else ""
        story = StoryResult(report.nodeid, report.nodeid, "failed", f"it cannot be read: {reason}", report.longreprtext)
        self.run.stories.append(story)
        return line_of(story)

    def summary(self, folder: Path | None, *, stopped: bool) -> str:
        """The last line; `stopped`: before all stories were told."""
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
    """An error's first paragraph as one line; where it has none, a sentence that says so."""
    paragraph = itertools.takewhile(str.strip, text.strip().splitlines())
    line = "".join(letter for letter in " ".join(" ".join(paragraph).split()) if letter.isprintable())
    return (line if len(line) <= LONGEST_REASON else line[: LONGEST_REASON - 1] + "…") or "no reason was given"
