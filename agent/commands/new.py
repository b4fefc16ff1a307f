"""`lichtmast new interface NAME`: lays out the three files of a DALI interface, complete but for its own frames.

In a source tree of Lichtmast they go beside Lichtmast's own files. Elsewhere, or with --package, they are a package of
their own, which Lichtmast finds by its entry point once it is installed. An existing file is never overwritten.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from agent.config.problems import shown
from agent.errors import WrongUse
from agent.interfaces import Clock
from agent.parts.interfaces import INTERFACES

KINDS = ("interface",)
LONGEST_NAME = 24
IN_TREE = {
    "codec": "protocols/dali_interfaces/{}.py",
    "driver": "drivers/dali/{}.py",
    "emulation": "hil/devices/{}.py",
}
IN_PACKAGE = {
    "pyproject": "pyproject.toml",
    "__init__": "{}/__init__.py",
    "codec": "{}/codec.py",
    "driver": "{}/driver.py",
    "emulation": "{}/emulation.py",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=KINDS, metavar="KIND", help="what is laid out: interface")
    parser.add_argument("name", metavar="NAME", help="its short name: small letters, digits and underscores")
    parser.add_argument(
        "--package",
        type=Path,
        metavar="DIR",
        help="make a package of its own in this folder; default, outside of a source tree: lichtmast-NAME",
    )


def run(arguments: argparse.Namespace, clock: Clock) -> int:
    name: str = arguments.name
    if not re.fullmatch("[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or len(name) > LONGEST_NAME:
        raise WrongUse(
            f"{shown(name)} is no short name: write at most {LONGEST_NAME} small letters, digits and underscores, such"
            " as my_interface"
        )
    if name in INTERFACES.names():
        raise WrongUse(f"there is a DALI interface {name} already: choose another name")
    in_tree = arguments.package is None and all(Path(place).parent.is_dir() for place in IN_TREE.values())
    folder = Path() if in_tree else arguments.package or Path(f"lichtmast-{_dashed(name)}")
    _lay_out(name, folder, in_tree=in_tree)
    if not in_tree:
        sys.stdout.write(f"then: pip install --editable {folder}\n")
    sys.stdout.write(f'fill in what says "fill in"; then: lichtmast contract {name}\n')
    return 0


def _lay_out(name: str, folder: Path, *, in_tree: bool) -> None:
    """Writes all the files, or none. Raises WrongUse if one of them exists already or cannot be written."""
    import hil.contract

    skeleton = Path(hil.contract.__file__).parent / "skeleton"
    words = _words(name, in_tree=in_tree)
    places = IN_TREE if in_tree else IN_PACKAGE
    texts = {
        folder / place.format(name if in_tree else words["PACKAGE"]): _filled(skeleton / f"{part}.txt", words)
        for part, place in places.items()
    }
    there = [path for path in texts if path.exists()]
    if there:
        raise WrongUse(f"{there[0]} is there already, and is not overwritten: choose another name or folder")
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
            sys.stdout.write(f"{path}\n")
    except OSError as error:
        raise WrongUse(f"{error.filename}: {error.strerror}: name a folder that can be written") from None


def _words(name: str, *, in_tree: bool) -> dict[str, str]:
    """Returns the text that replaces each word in capitals of a skeleton."""
    package = f"lichtmast_{name}"
    words = {
        "SHORT_NAME": name,
        "DASHED": _dashed(name),
        "PACKAGE": package,
        "CLASS": "".join(piece.capitalize() for piece in name.split("_")),
        "TITLE": f"DALI interface {name}",
    }
    if in_tree:
        codec = f"protocols.dali_interfaces.{name}"
        imports = f"from protocols.dali_interfaces import {name} as wire\nfrom {codec} import Message"
        places = {"DRIVER_MODULE": f"drivers.dali.{name}", "EMULATION_MODULE": f"hil.devices.{name}"}
    else:
        imports = f"\nfrom {package} import codec as wire\nfrom {package}.codec import Message"
        places = {"DRIVER_MODULE": f"{package}.driver", "EMULATION_MODULE": f"{package}.emulation"}
    return {**words, **places, "CODEC_IMPORTS": imports}


def _filled(skeleton: Path, words: dict[str, str]) -> str:
    text = skeleton.read_text(encoding="utf-8")
    return re.sub(rf"\b({'|'.join(words)})\b", lambda found: words[found[1]], text)


def _dashed(name: str) -> str:
    """Returns the name as names of packages are written, with dashes."""
    return name.replace("_", "-")
