"""Tells when a file of a folder has changed. The kernel reports that (inotify(7)), so nothing needs to poll."""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
from collections.abc import Callable
from pathlib import Path

# <sys/inotify.h>
_IN_ATTRIB = 0x0004
_IN_CLOSE_WRITE = 0x0008
_IN_MOVED_FROM = 0x0040
_IN_MOVED_TO = 0x0080
_IN_DELETE = 0x0200
_IN_DELETE_SELF = 0x0400
_IN_MOVE_SELF = 0x0800
_IN_Q_OVERFLOW = 0x4000
_IN_IGNORED = 0x8000
_OF_A_FILE = _IN_ATTRIB | _IN_CLOSE_WRITE | _IN_MOVED_FROM | _IN_MOVED_TO | _IN_DELETE
_OF_THE_FOLDER = _IN_DELETE_SELF | _IN_MOVE_SELF
_EVENT = struct.Struct("iIII")
"""struct inotify_event: watch, mask, cookie, and the length of the name that follows, which is padded with zeros."""
_READ_BYTES = 4096


class FolderWatch:
    """Watches one file name in one folder. Make it inside an event loop; `changed` is called on that loop."""

    def __init__(self, folder: Path, name: str, changed: Callable[[], None]) -> None:
        self._folder = os.fsencode(folder)
        self._name = os.fsencode(name)
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._libc = ctypes.CDLL(None)
        self._descriptor = int(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        if self._descriptor >= 0:
            self._loop.add_reader(self._descriptor, self._read)

    def set_up(self) -> bool:
        """Watches the folder that has the path now, which may be another one than before. Returns False if that is
        impossible. It may wait for a disk, so call it in a thread."""
        if self._descriptor < 0:
            return False
        mask = _OF_A_FILE | _OF_THE_FOLDER
        return int(self._libc.inotify_add_watch(self._descriptor, self._folder, mask)) >= 0

    def close(self) -> None:
        """Ends the watch. It may be called more than once."""
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def _read(self) -> None:
        try:
            content = os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:
            return
        if any(self._concerns(mask, name) for mask, name in _events(content)):
            self._changed()

    def _concerns(self, mask: int, name: bytes) -> bool:
        return name == self._name or bool(mask & (_OF_THE_FOLDER | _IN_Q_OVERFLOW | _IN_IGNORED))


def _events(content: bytes) -> list[tuple[int, bytes]]:
    """Returns the mask and the file name of each event."""
    found = []
    at = 0
    while at + _EVENT.size <= len(content):
        _, mask, _, length = _EVENT.unpack_from(content, at)
        at += _EVENT.size
        found.append((mask, content[at : at + length].rstrip(b"\0")))
        at += length
    return found
