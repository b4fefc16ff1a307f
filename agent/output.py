"""What a verb writes for its user: known to be writable before the work, and no reason to lose the work's results."""

from __future__ import annotations

import sys
from pathlib import Path

from agent.files import refuse_unwritable, refuse_unwritable_folder
from agent.main import WrongUse


def sure_of(path: Path, option: str) -> None:
    """Returns where this file can be written. Raises WrongUse."""
    try:
        refuse_unwritable(path)
    except OSError as error:
        raise WrongUse(_sentence(path, error, option)) from error


def sure_of_folder(folder: Path, option: str) -> None:
    """Returns where files can be written into this folder, which is made. Raises WrongUse."""
    try:
        refuse_unwritable_folder(folder)
    except OSError as error:
        raise WrongUse(_sentence(folder, error, option)) from error


def written(path: Path, content: str) -> bool:
    """Writes the file; where that fails after all (a disk that is full by now) a sentence says so."""
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        sys.stderr.write(f"{path}: cannot be written ({error.strerror}); the results are shown above\n")
        return False
    return True


def _sentence(path: Path, error: OSError, option: str) -> str:
    return f"{path}: cannot be written ({error.strerror}): name another place with {option}"
