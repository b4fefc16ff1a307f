"""The words of the stories' page, in English and Dutch. Stories, frames and errors keep their English names."""

from __future__ import annotations

import os
from collections.abc import Mapping

LANGUAGES = ("en", "nl")

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "title": "Stories on the bench",
        "passed": "passed",
        "failed": "failed",
        "skipped": "skipped",
        "summary": "{passed} passed, {failed} failed, {skipped} skipped",
        "bench": "Bench",
        "emulated": "emulated: every story has a street of its own",
        "board": "Board",
        "when": "Run at",
        "duration": "Duration",
        "real": "real",
        "story_time": "in the story",
        "version": "Version of {name}",
        "stories": "Stories",
        "story": "Story",
        "outcome": "Outcome",
        "why_failed": "Why it failed",
        "why_skipped": "Why it was skipped",
        "curve_true": "Level of the lamps, as the emulated lamps know it",
        "curve_read": "Level of the lamps, as they answered at the points marked",
        "no_curve": "No curve: no lamps were watched in this story.",
        "since_begin": "Time since the story began (it sets its clock)",
        "local_time": "Local time ({zone})",
        "level": "Level, % of full light",
        "frames": "The last {count} frames on the bus before it failed",
        "no_frames": "No frame was seen before it failed.",
        "time": "Time",
        "bus": "Bus",
        "frame": "Frame",
        "address": "Address",
        "command": "Command",
        "answer": "Answer",
        "trace": "Where in the story",
        "others": "{count} others",
    },
    "nl": {
        "title": "Verhalen op de testbank",
        "passed": "geslaagd",
        "failed": "mislukt",
        "skipped": "overgeslagen",
        "summary": "{passed} geslaagd, {failed} mislukt, {skipped} overgeslagen",
        "bench": "Testbank",
        "emulated": "nagebootst: elk verhaal heeft een eigen straat",
        "board": "Bord",
        "when": "Uitgevoerd op",
        "duration": "Duur",
        "real": "echt",
        "story_time": "in het verhaal",
        "version": "Versie van {name}",
        "stories": "Verhalen",
        "story": "Verhaal",
        "outcome": "Uitkomst",
        "why_failed": "Waarom het mislukte",
        "why_skipped": "Waarom het werd overgeslagen",
        "curve_true": "Niveau van de lampen, zoals de nagebootste lampen het zelf weten",
        "curve_read": "Niveau van de lampen, zoals ze op de gemerkte punten antwoordden",
        "no_curve": "Geen verloop: in dit verhaal zijn geen lampen gevolgd.",
        "since_begin": "Tijd sinds het begin van het verhaal (het verzet zijn klok)",
        "local_time": "Plaatselijke tijd ({zone})",
        "level": "Niveau, % van vol licht",
        "frames": "De laatste {count} frames op de bus voordat het mislukte",
        "no_frames": "Er is geen frame gezien voordat het mislukte.",
        "time": "Tijd",
        "bus": "Bus",
        "frame": "Frame",
        "address": "Adres",
        "command": "Opdracht",
        "answer": "Antwoord",
        "trace": "Waar in het verhaal",
        "others": "{count} andere",
    },
}
"""The words by language and key. A test checks that both languages have equal keys."""


def language_of(environment: Mapping[str, str] = os.environ) -> str:
    """Returns the language of the environment: by POSIX LC_ALL, then LC_MESSAGES, then LANG; English otherwise."""
    asked = next((environment[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)), "")
    return "nl" if asked.lower().startswith("nl") else "en"
