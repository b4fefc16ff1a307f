"""Files that a user names: read only where they are plain and small, and known to be writable before the work.

What stands in a file's place (a pipe, a device, a folder, an endless file) must neither hold up a lamp-post nor fill
its memory.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import tempfile
from pathlib import Path

from agent.errors import WrongUse

MOST_BYTES = 1024 * 1024
"""A board of 64 luminaires with a table each has 10 KiB."""

_KINDS = (
    (stat.S_ISDIR, "this is a folder"),
    (stat.S_ISFIFO, "this is a pipe"),
    (stat.S_ISSOCK, "this is a socket"),
    (stat.S_ISCHR, "this is a device"),
    (stat.S_ISBLK, "this is a device"),
)


def read_plain(path: str | Path, most_bytes: int = MOST_BYTES) -> bytes:
    """The content of a regular file of at most `most_bytes`. Raises OSError, whose `strerror` says what stands there
    instead. It waits for no writer, and a device is not opened."""
    try:
        _refuse_other_kinds(os.stat(path), path, most_bytes)  # noqa: PTH116 - by its name first: opening can do things
        # Something else may have taken its place meanwhile: a pipe must not hold up the opening either.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except ValueError as error:  # a NUL in the name
        raise OSError(errno.EINVAL, f"this cannot be the path of a file ({error})", str(path)) from None
    try:
        _refuse_other_kinds(os.fstat(descriptor), path, most_bytes)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(most_bytes + 1)
    finally:
        os.close(descriptor)
    if len(content) > most_bytes:  # it grows, or it is a file of /proc, whose size says nothing
        raise _too_large(path, most_bytes)
    return content


def refuse_unwritable(path: Path) -> None:
    """Returns where a file of this name can be written. Raises OSError where it cannot. What stands in an existing file
    stays there."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "this is a folder", str(path))
    if path.exists():
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC))
    else:
        _make_nothing_that_lasts(path.parent)


def refuse_unwritable_folder(folder: Path) -> None:
    """Returns where files can be made in this folder, which is made where it is not there yet. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    _make_nothing_that_lasts(folder)


def _make_nothing_that_lasts(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder):
        pass


def _refuse_other_kinds(status: os.stat_result, path: str | Path, most_bytes: int) -> None:
    for is_kind, text in _KINDS:
        if is_kind(status.st_mode):
            raise OSError(errno.EINVAL, f"{text}, not a file", str(path))
    if status.st_size > most_bytes:
        raise _too_large(path, most_bytes)


def _too_large(path: str | Path, most_bytes: int) -> OSError:
    size = f"{most_bytes // 1024} KiB"
    return OSError(errno.EFBIG, f"larger than {size}, which is the most that is read here", str(path))


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
