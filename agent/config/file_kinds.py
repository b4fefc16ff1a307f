"""Tells the kinds of files apart, so that a file in the place of another is called what it is, in one sentence."""

from __future__ import annotations

import re

from agent.config.document import Document
from agent.config.problems import ConfigError, Problem, nearest

# The tables by which a kind of file is known, in the order in which they decide.
MARKS = {
    "board": ("board", "bus", "luminaire", "group"),
    "program": ("program", "step"),
    "calendar": ("calendar", "rule", "day"),
}
_SINGLE = {"board", "program", "calendar"}

_REMEDIES = {
    "board": "give the board's file, which has [board], [[bus]] and [[luminaire]]",
    "program": "give a ready program's name, or the file of a program, which has [program] and [[step]]",
    "calendar": "give the calendar's file, which has [calendar] and [[rule]]",
}


def kind_of(document: Document) -> str:
    """Returns "board", "program" or "calendar" by the tables of a file, also by misspelt ones; "" for none of them."""
    for kind, marks in MARKS.items():
        if set(marks) & document.root.keys():
            return kind
    for kind, marks in MARKS.items():
        if any(nearest(name, marks) for name in document.root):
            return kind
    return ""


def refuse_unknown_kind(document: Document) -> str:
    """Returns the kind of a file. Raises ConfigError if it is none of Lichtmast's."""
    kind = kind_of(document)
    if kind:
        return kind
    if not document.root:
        text = "this file is empty: begin it with [board], [program] or [calendar], or give another file"
    else:
        text = "this is neither a board nor a program nor a calendar: begin it with [board], [program] or [calendar]"
    raise ConfigError([Problem(document.path, 0, text)])


def require_kind(document: Document, wanted: str, known: tuple[str, ...]) -> None:
    """Raises ConfigError if a file is empty or of another kind than `wanted`, or if it misspells the header of a table
    that others need. It then has no other problem: all others would only follow from that one.

    `known` names all tables of the wanted kind.
    """
    if not document.root:
        text = f"this file is empty: begin it with [{wanted}], or {_REMEDIES[wanted]}"
        raise ConfigError([Problem(document.path, 0, text)])
    found = kind_of(document)
    if found and found != wanted and not set(MARKS[wanted]) & document.root.keys():
        raise ConfigError([Problem(document.path, 0, f"this is a {found}, not a {wanted}: {_REMEDIES[wanted]}")])
    problems = []
    missing = [mark for mark in MARKS[wanted] if mark not in document.root]
    for name in document.root:
        meant = nearest(name, known) if name not in known else ""
        if meant in missing:
            written, right = (name, meant) if meant in _SINGLE else (f"[{name}]", f"[{meant}]")
            text = f"there is no table [{_plain(written)}]: did you mean [{right}]?"
            problems.append(Problem(document.path, document.line((name,)), text))
    if problems:
        raise ConfigError(problems)


def _plain(name: str) -> str:
    return re.sub(r"[^\w\[\] .-]", "?", name)
