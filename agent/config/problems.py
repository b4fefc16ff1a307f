"""The problems of a file: each has its line, and a sentence on what is wrong and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Problem:
    """A thing to put right in a file. `line` counts from 1; 0 stands for the file as a whole."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.text}"


class ConfigError(Exception):
    """The file cannot be used. `problems` holds every problem, sorted by line; the text has a line for each."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def shown(value: object) -> str:
    """Returns a value in the form in which its writer wrote it: a text stands in quotes. A long value is cut to 60
    characters, and characters that cannot be printed become question marks."""
    if isinstance(value, bool):
        return "true" if value else "false"
    try:
        text = f'"{value}"' if isinstance(value, str) else str(value)
    except ValueError:  # Python does not write integers of thousands of digits
        return "a very large number"
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= 60 else text[:57] + "..."


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Returns the remedy for an unknown word: a phrase that names the nearest known word, or all of them."""
    names = sorted(known)
    near = nearest(word, names)
    if near:
        return f"did you mean {near}?"
    if not names:
        return "there is none yet, so add it first"
    return f"write one of {', '.join(names)}"


def nearest(word: str, known: Iterable[str]) -> str:
    """Returns the known word that is most like this one, or "". A word that differs only in capitals, hyphens,
    underscores and spaces goes before all others."""
    names = sorted(known)
    for name in names:
        if _letters(name) == _letters(word):
            return name
    near = difflib.get_close_matches(word, names, n=1) or difflib.get_close_matches(word.lower(), names, n=1)
    return near[0] if near else ""


def _letters(word: str) -> str:
    return "".join(character for character in word.casefold() if character not in "-_ ")
