"""Locks that one agent holds against others: on its state folder, its serial ports, its gateway's name.

Two agents break a journal that they share, garble each other's bytes on one port, and throw each other off the broker
under one name. Each lock ends with its process, however that ends. Only agents of this user, or of root, can lock: a
stranger on the gateway must not be able to keep a street dark.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import hashlib
import logging
import os
import socket
import stat
import struct
from pathlib import Path
from types import TracebackType

from agent.hardware.files import read_plain

log = logging.getLogger("lichtmast")

FILE = "agent.lock"
_CREDENTIALS = struct.Struct("3i")
"""struct ucred of SO_PEERCRED (unix(7)): pid, uid, gid."""
_WAITING_AT_MOST = 16


class AlreadyRuns(Exception):
    """Raised if another agent holds a lock that this one needs. The text tells the lock, the other agent's pid and the
    remedy."""


class Claims:
    """The locks of one agent, inside an event loop. The end of `with` gives all of them back."""

    def __init__(self) -> None:
        self._given = contextlib.ExitStack()

    def __enter__(self) -> Claims:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._given.close()

    def state_folder(self, state: Path) -> None:
        """Claims this folder, which is made if it does not exist. Raises AlreadyRuns. A folder that cannot be written
        is not claimed, because nothing is kept in it."""
        try:
            state.mkdir(parents=True, exist_ok=True)
            held = _locked(state / FILE)
        except OSError as error:
            log.warning("the state folder %s cannot be locked against a second agent: %s", state, error)
            return
        if held is None:
            remedy = "stop that one first, or give this one another folder (--state)"
            raise AlreadyRuns(f"{_agent(_pid_in(state / FILE))} already runs on the state folder {state}: {remedy}")
        self._given.callback(os.close, held)

    def port(self, port: str) -> None:
        """Claims a serial port. Raises AlreadyRuns. A tool that has it open (`commission`) does not claim it."""
        self._name(_port_key(port), f"already has the serial port {port}: stop that one first, or take another port")

    def gateway(self, name: str, broker: str) -> None:
        """Claims a gateway's name at its broker ("" if it has none). Raises AlreadyRuns."""
        remedy = "stop that one first, or give this one a name of its own ([board], gateway)"
        self._name(f"gateway {name} at {broker}", f"already runs as gateway {name}: {remedy}")

    def _name(self, key: str, sentence: str) -> None:
        """Claims a name among the kernel's abstract socket names (unix(7)): these need no folder, and end with the
        process. Raises AlreadyRuns with this sentence."""
        held = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            held.bind(_address(key))
            held.listen(_WAITING_AT_MOST)
        except OSError as error:
            held.close()
            pid = holder(key)
            if pid is not None:
                raise AlreadyRuns(f"{_agent(pid)} {sentence}") from None
            log.warning("the %s cannot be locked against a second agent: %s", key, error)
            return
        loop = asyncio.get_running_loop()
        loop.add_reader(held.fileno(), _let_go, held)
        self._given.callback(held.close)
        self._given.callback(loop.remove_reader, held.fileno())


def agent_at_port(port: str) -> str | None:
    """Returns a sentence about the agent of this machine that has claimed this port, even if the port is not open now;
    None if there is no such agent."""
    pid = holder(_port_key(port))
    return None if pid is None else f"{_agent(pid)} has the serial port {port}: stop it first"


def holder(key: str) -> int | None:
    """Returns the pid of the agent that has claimed this name; None if there is none, or another user's process has
    it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as asking:
        try:
            asking.connect(_address(key))
            size = _CREDENTIALS.size
            pid, uid, _ = _CREDENTIALS.unpack(asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
        except OSError:
            return None
    return int(pid) if uid in (0, os.geteuid()) else None


def _let_go(listening: socket.socket) -> None:
    """Closes the connection of a process that asks. It has its answer already: the kernel tells it the owner's pid."""
    with contextlib.suppress(OSError):
        listening.accept()[0].close()


def _locked(path: Path) -> int | None:
    """Returns the descriptor of the file, open and locked; None if another process has locked it. Raises OSError."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "this is not a file", str(path))
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A file that was removed before it was locked locks nothing.
            if _is_still(path, descriptor):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _pid_in(path: Path) -> int | None:
    try:
        return int(read_plain(path, 100))
    except (OSError, ValueError):
        return None


def _agent(pid: int | None) -> str:
    return "another agent" if pid is None else f"another agent (pid {pid})"


def _port_key(port: str) -> str:
    """Returns the key of a port: its device, which may have several names. A pseudo-terminal keeps its link's name,
    because another pseudo-terminal soon gets its device."""
    real = os.path.realpath(port)
    return f"serial port {os.path.abspath(port) if real.startswith('/dev/pts/') else real}"  # noqa: PTH100 - not links


def _address(key: str) -> str:
    # A hash, because the whole key would often be too long.
    return f"\0lichtmast-{hashlib.sha256(key.encode(errors='surrogateescape')).hexdigest()[:40]}"
