"""The page of a run of stories: one HTML file without scripts or other hosts, readable on paper as well."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from agent.almanac import ZoneAlmanac
from hil.observed import Frame, Observation
from hil.report.curve import curve_svg
from hil.report.story import Outcome, StoryResult, StoryRun, duration_text, versions
from hil.report.words import WORDS

FRAMES_SHOWN = 60
OUTCOMES: tuple[Outcome, ...] = ("failed", "skipped", "passed")

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; color: #1c2530; background: #fff;
  max-width: 60rem; margin: 0 auto; padding: 1.5rem; }
h1 { margin: 0 0 .25rem; } h2 { margin: 2.5rem 0 .5rem; } h3 { margin: 0 0 .25rem; font-size: 1.1rem; }
h4 { margin: 1rem 0 .25rem; font-size: 1rem; }
table { border-collapse: collapse; } th, td { text-align: left; vertical-align: top; padding: .15rem 1rem .15rem 0; }
thead th { border-bottom: 2px solid #1c2530; } tbody tr + tr > * { border-top: 1px solid #dde2e8; }
.facts th { font-weight: 400; color: #55606e; white-space: nowrap; }
section.story { margin: 1.75rem 0; padding-top: 1rem; border-top: 1px solid #55606e; }
.frames { font: 13px/1.35 ui-monospace, "DejaVu Sans Mono", Consolas, monospace; }
.frames th, .frames td { padding-right: .9rem; }
pre { font-size: 13px; white-space: pre-wrap; overflow-wrap: anywhere; background: #f4f6f9; padding: .75rem; }
svg { width: 100%; height: auto; font-family: inherit; }
.outcome { font-weight: 600; padding: 0 .5rem; border: 1px solid; border-radius: .25rem; white-space: nowrap; }
.passed { color: #00634a; } .failed { color: #a02c00; } .skipped { color: #55606e; }
.quiet { color: #55606e; margin: .1rem 0; }
.wide { overflow-x: auto; }
@media print { body { max-width: none; padding: 0; font-size: 11pt; } svg, h3, h4, tr { break-inside: avoid; }
  h2, h3, h4 { break-after: avoid; } a { color: inherit; text-decoration: none; } .wide { overflow: visible; } }
"""


def page(run: StoryRun, language: str) -> str:
    """Returns the whole document. `language` is one of `hil.report.words.LANGUAGES`."""
    words = WORDS[language]
    counts = {outcome: run.count(outcome) for outcome in OUTCOMES}
    ordered = [story for outcome in OUTCOMES for story in run.stories if story.outcome == outcome]
    numbered = [(f"story-{number}", story) for number, story in enumerate(ordered, 1)]
    parts = [
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>Lichtmast: {words['title']}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>",
        f"<h1>{words['title']}</h1>\n<p>{words['summary'].format(**counts)}</p>",
        _facts(run, words),
        _contents(numbered, words),
        *(_story(anchor, story, words) for anchor, story in numbered),
        "</main>\n</body>\n</html>\n",
    ]
    return "\n".join(parts)


def _facts(run: StoryRun, words: Mapping[str, str]) -> str:
    facts = {
        words["bench"]: run.bench if run.board else words["emulated"],
        **({words["board"]: run.board} if run.board else {}),
        words["when"]: time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(run.began)),
        words["duration"]: duration_text(run.real_s),
        **{words["version"].format(name=name): version for name, version in versions().items() if name != "machine"},
        "CPU, OS": versions()["machine"],
    }
    rows = "\n".join(
        f'<tr><th scope="row">{_text(name)}</th><td>{_text(fact)}</td></tr>' for name, fact in facts.items()
    )
    return f'<table class="facts"><tbody>\n{rows}\n</tbody></table>'


def _contents(numbered: Sequence[tuple[str, StoryResult]], words: Mapping[str, str]) -> str:
    rows = "\n".join(
        f'<tr><td><a lang="en" href="#{anchor}">{_text(story.sentence)}</a></td>'
        f"<td>{_outcome(story, words)}</td><td>{duration_text(story.real_s)}</td>"
        f"<td>{duration_text(story.story_s) if story.observations else '-'}</td></tr>"
        for anchor, story in numbered
    )
    heads = (words["story"], words["outcome"], f"{words['duration']}, {words['real']}", words["story_time"])
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    return (
        f'<h2>{words["stories"]}</h2>\n<div class="wide"><table><thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></div>"
    )


def _outcome(story: StoryResult, words: Mapping[str, str]) -> str:
    return f'<span class="outcome {story.outcome}">{words[story.outcome]}</span>'


def _story(anchor: str, story: StoryResult, words: Mapping[str, str]) -> str:
    lasted = f", {duration_text(story.story_s)} {words['story_time']}" if story.observations else ""
    parts = [
        f'<section class="story" id="{anchor}">\n<h3 lang="en">{_text(story.sentence)}</h3>',
        f'<p class="quiet">{_outcome(story, words)} {duration_text(story.real_s)} {words["real"]}{lasted}</p>',
        f'<p class="quiet" lang="en">{_text(story.name)}</p>',
    ]
    if story.outcome != "passed":
        parts.append(f'<h4>{words["why_" + story.outcome]}</h4>\n<p lang="en">{_text(story.reason)}</p>')
    parts += [
        f'<p class="quiet">{words["board"]}: {_text(seen.board)}</p>\n{_curve(seen, words)}'
        for seen in story.observations
    ]
    if not story.observations and story.outcome != "skipped":
        parts.append(f'<p class="quiet">{words["no_curve"]}</p>')
    if story.outcome == "failed":
        parts += _frames(story.observations, words)
        if story.trace:
            parts.append(f'<h4>{words["trace"]}</h4>\n<pre lang="en">{_text(story.trace)}</pre>')
    return "\n".join([*parts, "</section>"])


def _curve(seen: Observation, words: Mapping[str, str]) -> str:
    drawn = curve_svg(seen, words)
    if not drawn:
        return f'<p class="quiet">{words["no_curve"]}</p>'
    caption = words["curve_true" if seen.true_levels else "curve_read"]
    return f'<figure style="margin:.5rem 0"><figcaption class="quiet">{caption}</figcaption>\n{drawn}</figure>'


def _frames(observations: Sequence[Observation], words: Mapping[str, str]) -> Iterable[str]:
    """Yields the last frames before the failure, from the bench that failed, or else from the last bench."""
    seen = next((seen for seen in observations if seen.failed), observations[-1] if observations else None)
    frames = seen.frames[-FRAMES_SHOWN:] if seen else ()
    if not seen or not frames:
        yield f"<p>{words['no_frames']}</p>"
        return
    yield f"<h4>{words['frames'].format(count=len(frames))}</h4>"
    head = "".join(
        f'<th scope="col">{words[key]}</th>' for key in ("time", "bus", "frame", "address", "command", "answer")
    )
    yield f'<div class="wide"><table class="frames" lang="en"><thead><tr>{head}</tr></thead><tbody>'
    almanac = None if seen.clock_set else ZoneAlmanac(seen.timezone)
    for frame in frames:
        cells = (_moment(frame, seen, almanac), frame.bus, frame.content, frame.address, frame.command, frame.answer)
        yield "<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in cells) + "</tr>"
    yield "</tbody></table></div>"


def _moment(frame: Frame, seen: Observation, almanac: ZoneAlmanac | None) -> str:
    shown = frame.at + almanac.utc_offset_s(frame.at) if almanac else frame.at - seen.began
    whole, thousandths = divmod(round(shown * 1000), 1000)
    return time.strftime("%H:%M:%S", time.gmtime(whole)) + f".{thousandths:03d}"


def _text(text: str) -> str:
    """Returns text safe for HTML: names and errors come from outside, so it is escaped, without control characters."""
    return escape("".join(letter for letter in text if letter.isprintable() or letter == "\n"))
