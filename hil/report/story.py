"""A run of stories as data: the outcome of each, the board and the versions; and their form as lines and JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from platform import machine, platform, python_version
from typing import Literal

from agent.version import __version__
from hil.observed import Observation

Outcome = Literal["passed", "failed", "skipped"]


@dataclass
class StoryResult:
    """One story. `reason` says in one sentence why it failed or was skipped; `trace` is pytest's text of a failure.

    A story counts as failed until its end is known, so that a stopped run reports the story that was under way.
    """

    name: str
    sentence: str
    outcome: Outcome = "failed"
    reason: str = "it was stopped before its end"
    trace: str = ""
    real_s: float = 0.0
    observations: list[Observation] = field(default_factory=list)

    @property
    def story_s(self) -> float:
        """Seconds that the story lasted on its own clock; 0 if no bench of this process lived it."""
        return sum(seen.ended - seen.began for seen in self.observations)


@dataclass
class StoryRun:
    """All stories of one run. `bench` is the value of `--bench`; `board` describes a real bench in one line."""

    bench: str
    board: str
    began: float
    real_s: float = 0.0
    stories: list[StoryResult] = field(default_factory=list)

    def count(self, outcome: Outcome) -> int:
        return sum(story.outcome == outcome for story in self.stories)


def sentence_of(name: str, parameters: Mapping[str, object]) -> str:
    """Returns a story's name for people: `test_the_light_stays_on` becomes "The light stays on"."""
    words = name.removeprefix("test_").replace("_", " ").strip()
    given = ", ".join(f"{key.replace('_', ' ')} {_shown(value)}" for key, value in parameters.items())
    return words[:1].upper() + words[1:] + (f" ({given})" if given else "")


def _shown(value: object) -> str:
    text = getattr(value, "__name__", None) or str(value)
    return "".join(letter for letter in text.replace("_", " ").strip() if letter.isprintable())[:80]


def duration_text(seconds: float) -> str:
    """Returns a duration in words, such as 0.4 s, 12 s, 3 min 5 s or 19 h 2 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    minutes = round(seconds / 60)
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")


def line_of(story: StoryResult) -> str:
    """Returns the story's outcome as one plain line."""
    if story.outcome == "passed":
        lasted = f" for {duration_text(story.story_s)}" if story.observations else ""
        return f"passed   {story.sentence}  ({duration_text(story.real_s)}{lasted})"
    return f"{story.outcome:<7}  {story.sentence}: {story.reason}"


def summary_line(run: StoryRun) -> str:
    counts = f"{run.count('passed')} passed, {run.count('failed')} failed, {run.count('skipped')} skipped"
    return f"{counts}, in {duration_text(run.real_s)}"


def versions() -> dict[str, str]:
    """Returns the versions in this run: lichtmast, Python, the libraries that lichtmast declares, the machine."""
    found = {"lichtmast": __version__, "Python": python_version()}
    for name in _libraries():
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {**found, "machine": f"{machine()}, {platform(terse=True)}"}


def _libraries() -> Sequence[str]:
    try:
        declared = metadata.requires("lichtmast") or []
    except metadata.PackageNotFoundError:  # a source tree that is not installed
        declared = []
    needed = [line for line in declared if "extra" not in line or re.search(r"extra *== *.(demo|hil)\b", line)]
    names = [re.split(r"[^\w.-]", line)[0] for line in needed]
    return [name for name in dict.fromkeys(names) if name != "lichtmast"]


def as_json(run: StoryRun) -> dict[str, object]:
    """Returns the object that `lichtmast hil --json` prints."""
    return {
        "bench": run.bench,
        "board": run.board,
        "versions": versions(),
        "began": round(run.began, 3),
        "real_s": round(run.real_s, 3),
        "passed": run.count("passed"),
        "failed": run.count("failed"),
        "skipped": run.count("skipped"),
        "stories": [
            {
                "name": story.name,
                "sentence": story.sentence,
                "outcome": story.outcome,
                "reason": story.reason,
                "real_s": round(story.real_s, 3),
                "story_s": round(story.story_s, 3),
            }
            for story in run.stories
        ],
    }
