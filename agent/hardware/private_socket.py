"""A socket on this machine that only the agent's own user may open."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def private_socket(path: Path) -> socket.socket:
    """Returns a Unix socket that is bound at this path with mode 0600. Raises OSError if it cannot be made."""
    listening = socket.socket(socket.AF_UNIX)
    try:
        # Before bind, so that the path never lets others in, not even for a moment.
        os.fchmod(listening.fileno(), 0o600)
        path.unlink(missing_ok=True)  # an agent that was killed has left it
        listening.bind(str(path))
    except OSError:
        listening.close()
        raise
    return listening
