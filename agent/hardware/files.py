"""Files that a user names. They are read only if they are plain and small, and known to be writable before the work.

A pipe, a device, a folder or an endless file in the place of a file must neither hold up a lamp-post nor fill its
memory.
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
"""The most that is read. A board of 64 luminaires with a table each has 10 KiB."""

_KINDS = (
    (stat.S_ISDIR, "this is a folder"),
    (stat.S_ISFIFO, "this is a pipe"),
    (stat.S_ISSOCK, "this is a socket"),
    (stat.S_ISCHR, "this is a device"),
    (stat.S_ISBLK, "this is a device"),
)


def read_plain(path: str | Path, most_bytes: int = MOST_BYTES) -> bytes:
    """Returns the content of a regular file of at most `most_bytes`. Raises OSError if it cannot be read; if another
    kind of thing has this name, `strerror` names it. Never waits for a writer, and never opens a device."""
    try:
        _refuse_other_kinds(os.stat(path), path, most_bytes)  # noqa: PTH116 - before opening, which can have effects
        # A pipe that has taken its place meanwhile must not hold up the opening either.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except ValueError as error:  # the name contains a NUL
        raise OSError(errno.EINVAL, f"this cannot be the path of a file ({error})", str(path)) from None
    try:
        _refuse_other_kinds(os.fstat(descriptor), path, most_bytes)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(most_bytes + 1)
    finally:
        os.close(descriptor)
    if len(content) > most_bytes:  # the file grows, or it is one of /proc, which states no size
        raise _too_large(path, most_bytes)
    return content


def refuse_unwritable(path: Path) -> None:
    """Returns if a file of this name can be written, and raises OSError otherwise. An existing file keeps its
    content."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "this is a folder", str(path))
    if path.exists():
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC))
    else:
        _make_nothing_that_lasts(path.parent)


def refuse_unwritable_folder(folder: Path) -> None:
    """Returns if files can be made in this folder, which is made if it does not exist. Raises OSError otherwise."""
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


def require_writable(path: Path, option: str) -> None:
    """Returns if this file can be written. Raises WrongUse otherwise; its text names the command-line `option`."""
    try:
        refuse_unwritable(path)
    except OSError as error:
        raise WrongUse(_sentence(path, error, option)) from error


def require_writable_folder(folder: Path, option: str) -> None:
    """Returns if files can be made in this folder, which is made if it does not exist. Raises WrongUse otherwise; its
    text names the command-line `option`."""
    try:
        refuse_unwritable_folder(folder)
    except OSError as error:
        raise WrongUse(_sentence(folder, error, option)) from error


def write_or_report(path: Path, content: str) -> bool:
    """Writes the file. If that fails after all (the disk may be full by now), says so on stderr and returns False."""
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        sys.stderr.write(f"{path}: cannot be written ({error.strerror}); the results are shown above\n")
        return False
    return True


def _sentence(path: Path, error: OSError, option: str) -> str:
    return f"{path}: cannot be written ({error.strerror}): name another place with {option}"
