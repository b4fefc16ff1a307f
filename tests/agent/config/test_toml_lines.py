"""The line map against tomllib: every key that tomllib finds has a line, and no text that it accepts breaks the map."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.config.toml_lines import Path, line_map

TRICKY = '''\
# a comment with [brackets] and "quotes"
title = "a # no comment" # a comment
"quoted key" = 1
'it''s' = 2
dotted."two words".end = 3

[table]
multi = """
[not a header]
key = "no key" \\""" still inside
"""
literal = \'\'\'
x = 'y' \'\'\'
after = true
list = [
    1, # one
    [2, 3],
    { inline = "x", deep = { er = 1979-05-27 07:32:00 } },
]
quotes = """two at the end"""""

[[many]]
first = 1
[[many]]
second = 2
[many.sub]
key = 3
[[many.nested]]
a = 1
[[many.nested]]
a = 2
[ spaced . out ]
k=1
'''.replace("'it''s'", "'its'")


def paths(value: object, here: Path = ()) -> list[Path]:
    """Yields every path in a value that tomllib returned."""
    found: list[Path] = [here] if here else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        found.extend(paths(inner, (*here, name)))
    return found


def line_of(text: str, needle: str, nth: int = 1) -> int:
    found = [number for number, line in enumerate(text.split("\n"), 1) if line.strip().startswith(needle)]
    return found[nth - 1]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_lines_of_a_tricky_document(newline: str) -> None:
    text = TRICKY.replace("\n", newline)
    lines = line_map(text)
    assert set(paths(tomllib.loads(text))) == set(lines)
    wanted: dict[Path, int] = {
        ("title",): 2,
        ("quoted key",): 3,
        ("its",): 4,
        ("dotted", "two words", "end"): 5,
        ("table",): line_of(TRICKY, "[table]"),
        ("table", "multi"): line_of(TRICKY, "multi"),
        ("table", "literal"): line_of(TRICKY, "literal"),
        ("table", "after"): line_of(TRICKY, "after"),
        ("table", "list", 1, 1): line_of(TRICKY, "[2, 3]"),
        ("table", "list", 2, "deep", "er"): line_of(TRICKY, "{ inline"),
        ("table", "quotes"): line_of(TRICKY, "quotes"),
        ("many", 0): line_of(TRICKY, "[[many]]"),
        ("many", 1): line_of(TRICKY, "[[many]]", 2),
        ("many", 1, "second"): line_of(TRICKY, "second"),
        ("many", 1, "sub", "key"): line_of(TRICKY, "key = 3"),
        ("many", 1, "nested", 1, "a"): line_of(TRICKY, "a = 2"),
        ("spaced", "out", "k"): line_of(TRICKY, "k=1"),
    }
    assert {path: lines[path] for path in wanted} == wanted


KEYS = st.one_of(
    st.from_regex(r"[A-Za-z0-9_-]{1,6}", fullmatch=True),
    st.text(st.sampled_from("ab .#[]='\"é"), max_size=5).map(lambda text: '"' + text.replace('"', '\\"') + '"'),
    st.text(st.sampled_from('ab .#[]="é'), max_size=5).map(lambda text: f"'{text}'"),
)
SCALARS = st.sampled_from(
    [
        "1",
        "-0.5e3",
        "true",
        "1979-05-27 07:32:00Z",
        "07:32:00",
        "inf",
        '"a # \\" ]"',
        "'b\"['",
        '"""\nx = 1\n"" """',
        "'''\n[y]\n'''",
    ]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda values: "[" + ", # c\n".join(values) + "\n]"),
        st.dictionaries(KEYS, inner, max_size=3).map(
            lambda table: "{" + ", ".join(f"{key} = {value}" for key, value in table.items()) + "}"
        ),
    ),
    max_leaves=6,
)
LINES = st.one_of(
    st.builds(lambda key, value: f"{key} = {value}", KEYS, VALUES),
    st.builds(lambda first, second, value: f"{first} . {second}={value} # end", KEYS, KEYS, VALUES),
    KEYS.map(lambda key: f"[{key}]"),
    st.builds(lambda first, second: f"[ {first}.{second} ]", KEYS, KEYS),
    KEYS.map(lambda key: f"[[{key}]]"),
    st.builds(lambda first, second: f"  [[ {first} . {second}]] # c", KEYS, KEYS),
    st.sampled_from(["", "   # only a comment", "\t"]),
)


@settings(max_examples=500)
@given(st.lists(LINES, max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_every_key_of_a_document_is_found(written: list[str], newline: str) -> None:
    """The document grows line by line. Lines that do not fit are left out, so that tomllib accepts the rest."""
    kept: list[str] = []
    for line in written:
        try:
            tomllib.loads("\n".join([*kept, line]))
        except ValueError:
            continue
        kept.append(line)
    text = "\n".join(kept).replace("\n", newline)
    lines = line_map(text)
    assert set(paths(tomllib.loads(text))) == set(lines)
    # The line of a key lies within the piece of text that wrote it.
    starts = [1 + "\n".join(["", *kept[:index]]).count("\n") for index in range(len(kept))]
    for number in lines.values():
        assert 1 <= number <= text.count("\n") + 1
    firsts = {number for path, number in lines.items() if len(path) == 1}
    assert firsts <= set(starts)


@settings(max_examples=500)
@given(st.text(st.sampled_from("ab=[]{}.,\"'#\\\n 1-:T")))
def test_nothing_that_tomllib_accepts_breaks_it(text: str) -> None:
    try:
        found = tomllib.loads(text)
    except ValueError:
        return
    assert set(paths(found)) == set(line_map(text))
